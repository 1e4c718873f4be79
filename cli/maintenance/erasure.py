"""What erasing contents means for what is here, and doing it: layers' blobs and framing that hold the same bytes go too."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import LayerlogError
from eventstore.index import names
from eventstore.index.changesets import stating
from eventstore.model.digests import raw
from eventstore.model.events import Kind
from eventstore.retention import erasure, reachability
from eventstore.retention.erasure import Extent
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.audit.impact import Held, Impact
from projections.history import commits
from projections.history.commits import Sent
from projections.images import images

PRUNED = "pruned"
SHORT = 8
MOST_LINES = 100
LONG = 1 << 20


class Plan(NamedTuple):
    """What erasing removes, which blobs go with it, and who holds or carried it."""

    extent: Extent
    blobs: frozenset[bytes]
    held: Held
    tags: list[str]
    sent: list[Sent]
    copies: frozenset[bytes]
    """Contents of other names that must go as well since they hold the bytes: the framing of layers."""
    told: list[int]
    """Where events stand whose command lines or messages hold a line of it: these stay."""


def plan(store: Store, digests: Collection[bytes]) -> Plan:
    """Return what erasing *digests* would do: one pass over the log, and over the framing of the layers concerned.

    Raise ConflictError where a content that would stay is made of one of them.
    """
    found = list(reachability.occurrences(store.log, reachability.Needs(store.log, digests).all()))
    held = Impact(store.log).of_occurrences(found)
    streams = (store.log.stream_of(stream) for stream in sorted({occurrence.stream for occurrence in found}))
    layers = {stream.name for stream in streams if stream.kind == "layer"}
    blobs, short = frozenset(_blobs(store, layers)), list(_short(store.content, digests))
    copies = frozenset(_framing(store, layers, short))
    return Plan(
        erasure.extent(store, {*digests, *copies}, blobs), blobs, held,
        sorted({tag for image in held.images for tag in names.tags_ever(store.log, image)}),
        [sent for image in sorted(held.images) for sent in commits.sent(store.log, image)],
        copies, sorted({position for line in _lines(short) for position in stating(store.log, line)}),
    )  # fmt: skip


def carry_out(store: Store, writer: Writer, planned: Plan, reason: str) -> None:
    """Erase; needs the exclusive lock."""
    erasure.erase(store, writer, planned.extent, reason, planned.blobs)


class Pruning(NamedTuple):
    """What pruning removes, and which blobs go with it."""

    extent: Extent
    blobs: frozenset[bytes]


def plan_pruning(store: Store, digests: Collection[bytes]) -> Pruning:
    """Return what goes with *digests*, to make room: O(log); raise as `plan`.

    Nothing is to be kept secret, so what else may hold the bytes, a layer's framing, is not looked through.
    """
    found = reachability.occurrences(store.log, digests)
    streams = (store.log.stream_of(stream) for stream in {occurrence.stream for occurrence in found})
    blobs = frozenset(_blobs(store, {stream.name for stream in streams if stream.kind == "layer"}))
    return Pruning(erasure.extent(store, digests, blobs), blobs)


def prune(store: Store, writer: Writer, planned: Pruning) -> None:
    """Erase it; needs the exclusive lock.  Each content comes back with whoever puts it again: an image that is loaded anew."""
    erasure.erase(store, writer, planned.extent, PRUNED, planned.blobs, returns=True)


def _blobs(store: Store, layers: set[str]) -> Iterator[bytes]:
    """Yield the kept compressed forms of *layers*: they hold what the layers hold."""
    for layer, blob in images.layer_blobs(store.log):
        digest = raw(blob["digest"])
        if layer in layers and store.content.has(digest):
            yield digest


def _framing(store: Store, layers: set[str], needles: list[bytes]) -> Iterator[bytes]:
    """Yield the framing of *layers* in which one of the *needles* stands."""
    for event in store.log.of_kind(Kind.LAYER_IMPORTED):
        if needles and event.content is not None and store.log.stream_of(event.stream).name in layers:
            with suppress(LayerlogError):
                if _holds(store.content.read(event.content), needles):
                    yield event.content


def _lines(texts: Iterable[bytes]) -> set[str]:
    """Return the first lines of each text, as far as they are long enough to be told from chance: a secret is short."""
    lines = (line.strip() for text in texts for line in text.split(b"\n", MOST_LINES)[:MOST_LINES])
    return {line.decode(errors="surrogateescape") for line in lines if len(line) >= SHORT}


def _short(content: Content, digests: Iterable[bytes]) -> Iterator[bytes]:
    """Yield those contents that are long enough to be told from chance, and no longer than can be looked for."""
    for digest in digests:
        with suppress(LayerlogError):
            if SHORT <= content.size(digest) <= LONG:
                yield content.read_all(digest)


def _holds(chunks: Iterator[bytes], needles: list[bytes]) -> bool:
    longest, before = max(map(len, needles)), b""
    for chunk in chunks:
        window = before + chunk
        if any(needle in window for needle in needles):
            return True
        before = window[-longest:]
    return False


