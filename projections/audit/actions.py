"""Actions: what an audit lists - commits, and what else named something, brought it in or out, took it away, or erased it."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from eventstore.index import changesets, names, streams
from eventstore.index.stream_paths import touched_between
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.events import ARRIVALS, Event, Kind
from eventstore.model.facts import Arrival, FolderBase, Seal, Signature, TagMove, image_of, reason_of, travelled
from eventstore.model.paths import order, path_of
from eventstore.model.times import rfc3339
from projections.events.records import Record, Records
from projections.history import commits
from projections.history.derivation import ever
from projections.refs import tags, targets
from projections.refs.targets import Target
from projections.tree import lineage

REMEMBERED = 50_000
OTHERS = {
    Kind.IMAGE_LOADED: "load", Kind.IMAGE_PULLED: "pull", Kind.IMAGE_SAVED: "save", Kind.IMAGE_PUSHED: "push",
    Kind.IMAGE_SERVED: "serve",
    Kind.TAG_MOVED: "tag", Kind.TAG_DELETED: "untag", Kind.IMAGE_REMOVED: "remove", Kind.CONTAINER_REMOVED: "remove",
    Kind.CONTAINER_RENAMED: "rename",
    Kind.IMAGE_RESTORED: "undelete", Kind.CONTAINER_RESTORED: "undelete", Kind.HISTORY_RECEIVED: "receive",
    Kind.CONTENT_ERASED: "erase", Kind.CONTENT_READMITTED: "readmit", Kind.ORIGINALS_DROPPED: "drop",
}  # fmt: skip


class Sealed(NamedTuple):
    """How many events, about how many paths (`files`), and the bytes that they wrote."""

    events: int
    files: int
    bytes: int


class Action(NamedTuple):
    """`what` is commit, load, ...; `object` the commit's or image's id (hex), the container's, or the content's digest.

    Of a tag (`tags` has its name) `object` is the image that it names from then on, and `before` the one that it named
    until then; of an untag `object` is that one.  Of what was done to a container, `name` is what this was called then; of a
    rename that is its new one, and `before` its old one.  Of a commit made anew by an erasure (derive), `before` is the older.
    Of a commit alone: what it `sealed` (the first one over an imported folder that, too), `signer` of its signature (None:
    unsigned), `tags` it ever got, `tags_now` those of them that it still has, and `sent`, where it went.  Of a load or pull,
    the layers that no earlier one brought `came`.
    `said` is the commit's message, or what the event itself says.
    """

    what: str
    object: str
    record: Record
    author: str | None
    said: str
    container: str | None = None
    sealed: Sealed | None = None
    signer: str | None = None
    tags: tuple[str, ...] = ()
    sent: tuple[commits.Sent, ...] = ()
    before: str | None = None
    came: Sealed | None = None
    name: str | None = None
    tags_now: tuple[str, ...] = ()


Run = tuple[int, int, int]
"""Of a stream the events first..last."""


def taken(log: Log, since: int = 1, until: int = 2**62, *, only_commits: bool = False) -> Iterator[Action]:
    """Yield the actions at the positions since..until, oldest first: O(the events that commits sealed and loads brought)."""
    records, brought = Records(log), _Brought(log)
    kinds = [Kind.COMMITTED] if only_commits else [Kind.COMMITTED, *OTHERS]
    for position in changesets.positions_of(log, kinds, since, until):
        event = log.at(position)
        if event.kind == Kind.COMMITTED:
            action = _of_commit(log, records, event)
            if action.what == "commit" or not only_commits:
                yield action
        elif event.kind == Kind.CONTAINER_RENAMED:
            yield from _of_rename(log, records.of(event))
        else:
            action = _other(log, records.of(event))
            yield action._replace(came=brought.by(event)) if event.kind in ARRIVALS else action


def _of_commit(log: Log, records: Records, seal: Event) -> Action:
    commit = commits.of_seal(records, seal)
    if commit.anew is not None:
        return _of_remaking(log, commit.anew, commit)
    had = tuple(names.tags_ever(log, commit.id))
    return Action(
        "commit", commit.id, commit.record, commit.author, commit.message, commit.container, _sums(log, _sealed_by(log, seal)),
        signer=signer(log, commit.id), tags=had, sent=tuple(commits.sent(log, commit.id)),
        name=names.name_of(log, seal.stream, seal.version), tags_now=tuple(tags.now(log, commit.id)) if had else (),
    )  # fmt: skip


def _of_remaking(log: Log, record: Record, commit: commits.Commit) -> Action:
    """Return what whoever erased something did to a commit: nothing in it was done then."""
    had = tuple(names.tags_ever(log, commit.id))
    return Action(
        "derive", commit.id, record, record.author, "", signer=signer(log, commit.id), tags=had,
        sent=tuple(commits.sent(log, commit.id)), before=commit.made_of,
    )  # fmt: skip


def _sealed_by(log: Log, seal: Event) -> Iterator[Run]:
    """Yield what a commit seals: its container's events, and below the first of them an imported folder's."""
    first = Seal.of(seal).first
    base = lineage.base_of(log, seal.stream) if first == 1 else None
    if isinstance(base, FolderBase):
        yield _whole(log, base.layer)
    yield seal.stream, first, seal.version


def _whole(log: Log, layer: str) -> Run:
    stream = log.existing("layer", layer)
    return stream.id, 1, stream.version


def _sums(log: Log, runs: Iterable[Run]) -> Sealed:
    sums = [(0, 0, 0), *(streams.sums(log, *run) for run in runs)]
    return Sealed(*map(sum, zip(*sums, strict=True)))


class _Brought:
    """Knows which arrival brought a layer: the first one that names it."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @cached_property
    def _first(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for position in changesets.positions_of(self._log, ARRIVALS, 1, 2**62):
            for layer in Arrival.of(self._log.at(position)).layers:
                found.setdefault(layer, position)
        return found

    def by(self, arrival: Event) -> Sealed:
        new = (layer for layer in dict.fromkeys(Arrival.of(arrival).layers) if self._first[layer] == arrival.position)
        return _sums(self._log, (_whole(self._log, layer) for layer in new))


def _of_rename(log: Log, record: Record) -> Iterator[Action]:
    """Yield the rename, where it is one: bringing a container back names it, too, mostly as it was called before."""
    stream, version = record.event.stream, record.event.version
    name, before = (names.name_of(log, stream, upto) for upto in (version, version - 1))
    if name != before:
        yield Action("rename", record.name, record, record.author, "", before=before, name=name)


def _other(log: Log, record: Record) -> Action:
    kind = Kind(record.event.kind)
    if record.kind == "tag":
        return _of_tag(record, OTHERS[kind], TagMove.of(record.event))
    named_so, place = travelled(record.event)
    content = record.event.content
    of_content = kind in (Kind.CONTENT_ERASED, Kind.CONTENT_READMITTED)
    about = named(content) if of_content and content is not None else record.name
    name = names.name_of(log, record.event.stream, record.event.version) if record.kind == "container" else None
    said = reason_of(record.event) or place or name or ""
    return Action(OTHERS[kind], about, record, record.author, said, tags=tuple(named_so), name=name)


def _of_tag(record: Record, what: str, move: TagMove) -> Action:
    return Action(what, move.image or move.old or "", record, record.author, "", tags=(record.name,), before=move.old)


def signer(log: Log, commit: str) -> str | None:
    """Return the fingerprint of the key that signed a commit last, or None; whether it holds `verify` says."""
    stream = log.stream("image", commit)
    signed = log.latest(Kind.COMMIT_SIGNED, stream.id) if stream is not None else None
    return Signature.of(signed).signer if signed is not None else None


# -- of one thing


class About(NamedTuple):
    """Images by their ids, and of containers, by their streams, what they were up to a version."""

    images: frozenset[str]
    containers: dict[int, int]

    def has(self, action: Action) -> bool:
        """Whether an action made, named, moved, sent or removed one of them."""
        event = action.record.event
        within = event.version <= self.containers.get(event.stream, 0)
        return within or not self.images.isdisjoint((action.object, action.before))


def about(log: Log, target: Target) -> About:
    """Return what *target* is and stands on, and what of that was made anew of what: O(its commits)."""
    found: set[str | None] = set()
    under: dict[int, int] = {}
    for one in ever(log, target):
        found |= {one.image, image_of(targets.bottom(log, one)), *(commit.id for commit in commits.commits_under(log, one))}
        for stream, version in targets.containers_under(log, one):
            under[stream] = max(version, under.get(stream, 0))
    return About(frozenset(filter(None, found)), under)


def touches(log: Log, action: Action, path: bytes) -> bool:
    """Whether a commit sealed a change of *path*, of what is below it, or of what hid or moved it: O(events that it sealed)."""
    if action.sealed is None:
        return False
    runs = _sealed_by(log, action.record.event)
    found = ((path_of(key), hides) for run in runs for key, _, hides in touched_between(log, *run))
    return any(is_within(path, there) or (hides and is_within(there, path)) for there, hides in found)


def is_within(top: bytes, path: bytes) -> bool:
    """Whether *path* is *top* or below it."""
    return not top or path == top or path.startswith(top + b"/")


# -- grouping


def author(action: Action) -> str:
    return action.author or ""


def day(action: Action) -> str:
    return rfc3339(action.record.time)[:10]


class Group(NamedTuple):
    """Actions of one author, day or path prefix; `first` and `last` are ns."""

    key: str | bytes
    commits: int
    events: int
    files: int
    bytes: int
    first: int
    last: int
    authors: tuple[str, ...]


def by(found: Iterable[Action], key: Callable[[Action], str]) -> list[Group]:
    """Return the commits grouped by what *key* says of each, in the order of the keys; files are counted per commit."""
    return _grouped((key(action), action, action.sealed) for action in found if action.sealed is not None)


def by_prefix(log: Log, found: Iterable[Action], depth: int) -> list[Group]:
    """Return what commits changed grouped by the first *depth* parts of the paths: O(the events they sealed)."""
    records = Records(log)
    prefix_of = lru_cache(REMEMBERED)(lambda path_id: b"/".join(records.path(path_id).split(b"/")[:depth]))
    commits = (action for action in found if action.sealed is not None)
    parts = ((prefix, a, held) for a in commits for prefix, held in _sealed_below(log, prefix_of, a).items())
    return _grouped(parts, order)


def _sealed_below(log: Log, prefix_of: Callable[[int], bytes], action: Action) -> dict[bytes, Sealed]:
    runs, sums = _sealed_by(log, action.record.event), dict[bytes, list[int]]()
    for path_id, events, size in (row for run in runs for row in streams.sums_by_path(log, *run)):
        held = sums.setdefault(prefix_of(path_id), [0, 0, 0])
        held[0] += events
        held[1] += 1
        held[2] += size
    return {prefix: Sealed(*held) for prefix, held in sums.items()}


def _grouped(parts: Iterable[tuple[Any, Action, Sealed]], place: Callable[[Any], Any] | None = None) -> list[Group]:
    """Return what each key of (key, commit, what of it counts) comes to, in the order that *place* gives the keys."""
    groups: dict[Any, Group] = {}
    for key, action, held in parts:
        time, author = action.record.time, action.author or ""
        group = groups.get(key) or Group(key, 0, 0, 0, 0, time, time, ())
        groups[key] = Group(
            key, group.commits + 1, group.events + held.events, group.files + held.files, group.bytes + held.bytes,
            min(group.first, time), max(group.last, time), tuple(dict.fromkeys((*group.authors, author))),
        )  # fmt: skip
    return [groups[key] for key in sorted(groups, key=place)]
