"""Search: which contents hold a run of bytes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import DamagedError, ErasedError
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import as_bytes
from eventstore.retention import reachability
from projections.audit.impact import Impact
from projections.audit.places import Scope
from projections.diff.line_diff import is_binary
from projections.events.records import Record, Records


class Needle(NamedTuple):
    """What is looked for: *text* takes capitals for small letters (ASCII) and passes over binary contents."""

    data: bytes
    text: bool = False

    def within(self, data: bytes) -> bool:
        return self.data.lower() in data.lower() if self.text else self.data in data


class Searched(NamedTuple):
    """One content: whether it holds the needle; None where it cannot be read (erased or damaged)."""

    digest: bytes
    size: int
    holds: bool | None


def search(log: Log, content: Content, needle: Needle) -> Iterator[Searched]:
    """Search every content that an event names, in the order in which they are stored, then the configs of images.

    O(bytes stored), each read once; memory flat.
    """
    for digest, size in reachability.stored_contents(log):
        yield Searched(digest, size, _holds(content, digest, needle))
    for digest in sorted({digest for _, digest in reachability.documents(log)}):
        if content.has(digest):
            yield Searched(digest, content.size(digest), _holds(content, digest, needle))


def _holds(content: Content, digest: bytes, needle: Needle) -> bool | None:
    try:
        return _found(content.read(digest), needle)
    except (ErasedError, DamagedError):
        return None


def _found(chunks: Iterator[bytes], needle: Needle) -> bool:
    tail, keep = b"", len(needle.data) - 1
    for number, chunk in enumerate(chunks):
        if needle.text and not number and is_binary(chunk):
            return False
        if needle.within(tail + chunk):
            return True
        tail = (tail + chunk)[-keep:] if keep else b""
    return False


# -- what images and containers say of themselves


class Document(NamedTuple):
    """A config, a manifest or an instruction that holds a run of bytes: what `id` (an image, or a container) says of itself.

    `images` are those that were made with it: the image or the container's own commits, then what stands on those.
    """

    kind: str
    id: str
    record: Record
    images: tuple[str, ...]


def told_within(found: Iterable[Document], scope: Scope) -> Iterator[Document]:
    """Yield *found* as far as they are in *scope*; of images that are asked for by themselves what each of them says."""
    for one in found:
        if one.kind == "container" and one.id in scope.passing and one.images:
            one = one._replace(kind="image", id=one.images[0])  # the first is its own seal
        container = one.id if one.kind == "container" else None
        if not scope.limited or (container is not None and scope.has_container(container)):
            yield one
        if scope.limited:
            told = (image for image in one.images if scope.has_image(image, container))
            yield from (one._replace(kind="image", id=image, images=(image,)) for image in told)


def in_documents(log: Log, digests: Iterable[bytes]) -> Iterator[Document]:
    """Yield the images whose config, manifest or index is one of the contents."""
    records, impact = Records(log), Impact(log)
    for position in sorted({one.position for one in reachability.occurrences(log, digests) if one.path is None}):
        record = records.at(position)
        if record.kind == "image":
            yield Document("image", record.name, record, _made_with(impact, record, [record.name]))


def in_instructions(log: Log, needle: Needle) -> Iterator[Document]:
    """Yield the config instructions of containers that hold the bytes, and the images that say so too."""
    impact = Impact(log)
    for record in Records(log).each(list(log.of_kind(Kind.CONFIG_CHANGED))):
        change = ConfigChange.of(record.event)
        if any(needle.within(as_bytes(text)) for text in (*change.instructions, *change.texts())):
            seals = (seal for seal in log.of_kind(Kind.COMMITTED, record.event.stream) if seal.version > record.event.version)
            own = [seal.commit for seal in seals]
            yield Document("container", record.name, record, _made_with(impact, record, own))


def _made_with(impact: Impact, record: Record, own: Sequence[str]) -> tuple[str, ...]:
    every = impact.of_event(record.event.stream, record.event.version).images
    return (*own, *sorted(every.difference(own)))
