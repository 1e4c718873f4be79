"""What events did, in words: a phrase for each kind; nothing of an event's JSON, and every text escaped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli.display.formats import SUBJECT, counted, human_size, listed, short_id, subject
from eventstore.model.digests import named
from eventstore.model.events import ARRIVALS, DEPARTURES, Kind
from eventstore.model.facts import (
    Arrival,
    ContainerBase,
    Departure,
    FolderBase,
    ImageBase,
    Referrer,
    TagMove,
    base_in,
    travelled,
)
from eventstore.model.paths import shown
from eventstore.model.spelling import is_id
from projections.events import rows
from projections.events.records import Record
from projections.refs.tags import shown_names

FEW = 6
NOTHING: tuple[Any, ...] = (None, "", [], {})


def what(record: Record) -> str:
    """Return what an event did, in a few words."""
    event, target = record.event, rows.target(record)
    if record.path is None:
        name = shown(shown_names([record.name])[0] if record.kind == "tag" else short_id(record.name))
        return " ".join(filter(None, (record.title, name, _phrases.get(Kind(event.kind), _in_words)(record))))
    words = [record.title, "/" + shown(record.path)]
    if target is not None:
        words += ["from" if event.kind == Kind.PATH_MOVED else "->", shown(target)]
    if event.kind in (Kind.FILE_WRITTEN, Kind.ATTRIBUTES_CHANGED):
        words.append(f"{event.mode & 0o7777:04o} {event.uid}:{event.gid}")
    if event.content is not None and event.kind == Kind.FILE_WRITTEN:
        words.append(human_size(event.size))
    return " ".join(words)


def step_text(record: Record) -> str:
    """Return, of what an undo or a redo did, which events of the container that took back or brought back; else ""."""
    for verb, key in (("undo", "undoes"), ("redo", "redoes")):
        if runs := record.context.get(key):
            first, last = min(run[0] for run in runs), max(run[1] for run in runs)
            return f" ({verb} of event {first})" if first == last else f" ({verb} of events {first} to {last})"
    return ""


# -- of what is about no path: what stands behind the kind and the name


def _created(record: Record) -> str:
    said, below = record.detail, "nothing"
    match base_in(record.event):
        case ImageBase(image, None):
            below = short_id(image)
        case ImageBase(image, int(layers)):
            below = f"the lowest {counted(layers, 'layer')} of {short_id(image)}"
        case ContainerBase(container, version):
            below = f"{short_id(container)}@{version}"
        case FolderBase():
            below = "a folder"
    if asked := said.get("asked"):
        below = f"{subject(_familiar([asked])[0])} ({below})"
    return f"named {subject(said.get('name', ''))}, from {below}"


def _exited(record: Record) -> str:
    import shlex

    from eventstore.model.process_facts import Exit

    found = Exit.of(record.event)
    command = subject(shlex.join(found.command or ()))
    return f"{command}: {'killed' if found.exit is None else f'exit code {found.exit}'}"


def _recorded(record: Record) -> str:
    from eventstore.model.process_facts import Pass

    found = Pass.of(record.event)
    counts = {"unstable": len(found.unstable), "refused": len(found.refused)}
    rest = (f", {counted(count, 'path')} {what}" for what, count in counts.items() if count)
    return f"{counted(found.events, 'event')} from version {found.first} on{''.join(rest)}"


def _imported(record: Record) -> str:
    size = record.detail.get("size")
    return "from a folder" if size is None else f"from a tar of {human_size(size)}"


def _came(record: Record) -> str:
    names, source = travelled(record.event)
    layers = counted(len(Arrival.of(record.event).layers), "layer")
    return f"{_names(names)}from {_place(source, 'standard input')}, {layers}"


def _left(record: Record) -> str:
    departure = Departure.of(record.event)
    without = f", without {counted(len(departure.without), 'layer')}" if departure.without else ""
    return f"{_names(departure.names)}to {_place(departure.destination, 'standard output')}{without}"


def _served(record: Record) -> str:
    names, place = travelled(record.event)
    agent = record.detail.get("agent")
    return f"{_names(names)}to {_place(place, 'nobody known')}{f' ({subject(agent)})' if agent else ''}"


def _referred(record: Record) -> str:
    found = Referrer.of(record.event)
    return f"{subject(found.artifact_type)} about {short_id(found.subject)} from {_place(found.source, 'standard input')}"


def _tag(record: Record) -> str:
    move = TagMove.of(record.event)
    return " ".join(f"{way} {short_id(image)}" for way, image in (("to", move.image), ("from", move.old)) if image)


def _committed(record: Record) -> str:
    said = record.detail["message"] or record.detail.get("created_by") or ""
    return f"as {short_id(record.event.commit)}: {subject(said)}".rstrip(": ")


def built_text(build: Mapping[str, Any]) -> str:
    """Return where in a Dockerfile a step of a build stands."""
    return f"line {build.get('line')} of the Dockerfile, stage {subject(str(build.get('stage')))}"


def _step(record: Record) -> str:
    return f"{built_text(record.detail)}: {subject(record.detail.get('instruction', ''))}"


def _built(record: Record) -> str:
    from eventstore.model.process_facts import Built

    found = Built.of(record.event)
    return f"from the stage {subject(found.target)}: {counted(found.steps, 'step')}, {found.reused} reused"


def _content(record: Record) -> str:
    size = record.detail.get("size")
    content = named(record.event.content)[:19] if record.event.content else "a content"
    return f"{content}{'' if size is None else f' ({human_size(size)})'}: {_reason(record)}"


def _dropped(record: Record) -> str:
    return f"{counted(len(record.detail.get('blobs', ())), 'blob')}: {_reason(record)}"


def _reason(record: Record) -> str:
    return subject(record.detail.get("reason") or "no reason given")


def _in_words(record: Record) -> str:
    return shown(stated_text(record.detail)[:SUBJECT]) if record.detail else ""


_phrases: Mapping[Kind, Callable[[Record], str]] = {
    Kind.CONTAINER_CREATED: _created,
    Kind.CONTAINER_RENAMED: lambda record: f"to {subject(record.detail.get('name', ''))}",
    Kind.CONFIG_CHANGED: lambda record: shown(", ".join(record.detail["instructions"])[:SUBJECT]),
    Kind.PROCESS_EXITED: _exited,
    Kind.COMMITTED: _committed,
    Kind.COMMIT_SIGNED: lambda record: f"by {subject(record.detail.get('signer', ''))}",
    Kind.CHANGES_RECORDED: _recorded,
    Kind.LAYER_IMPORTED: _imported,
    **dict.fromkeys(ARRIVALS, _came),
    **dict.fromkeys(DEPARTURES, _left),
    Kind.IMAGE_SERVED: _served,
    Kind.REFERRER_KEPT: _referred,
    Kind.TAG_MOVED: _tag,
    Kind.TAG_DELETED: _tag,
    Kind.STEP_BUILT: _step,
    Kind.IMAGE_BUILT: _built,
    Kind.STORE_CREATED: lambda record: subject(record.detail.get("id", "")),
    Kind.ORIGINALS_DROPPED: _dropped,
    Kind.CONTENT_ERASED: _content,
    Kind.CONTENT_READMITTED: _content,
}
"""What stands behind kind and name; of other kinds what the event states, name by name."""


def _names(names: Sequence[str]) -> str:
    few = [name if len(name) <= SUBJECT else f"{name[:SUBJECT]}..." for name in _familiar(names)]
    return f"as {listed(few)} " if few else ""


def _familiar(names: Sequence[str]) -> list[str]:
    """Return full names as Docker shows them, and other references as they were written."""
    return [shown_names([name])[0] if "/" in name and ":" in name else name for name in names]


def _place(place: str, standard: str) -> str:
    return standard if place in ("-", "") else subject(place)


def stated_text(value: Any) -> str:
    """Return what an event states, on one line: of what is many the first few, of what has a digest that."""
    match value:
        case {"digest": str(digest)}:
            return short_id(digest)
        case dict():
            return ", ".join(f"{shown(name)} {stated_text(said)}" for name, said in value.items() if said not in NOTHING)
        case list():
            return listed([short_id(one) if is_id(one) else one for one in map(stated_text, value)], FEW)
    return subject(str(value))


