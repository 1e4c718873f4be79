"""Commits, layers and events: as text for people, every line escaped so that none can pass for another, and as JSON rows.

Events within rows are as `projections/events/rows.py` says.
"""

import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cli.display.entries import TYPES
from cli.display.events import NOTHING, built_text, stated_text, step_text, what
from cli.display.formats import NO_TIME, counted, short_id, shown_stated, shown_time, subject
from cli.display.output import paint
from eventstore.model.facts import Arrival
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events import rows
from projections.events.records import Record, actor_text
from projections.history.commits import Commit, Signed
from projections.history.origins import ImageLayer
from projections.refs.points import Points
from projections.refs.tags import shown_names

if TYPE_CHECKING:
    from projections.history.logbook import Item

NAME = 60
_TIMES = ("started", "ended", "created")
"""The keys under which events state times, in ns."""


def person(author: str) -> str:
    """Return whom a claimed author names, escaped, without the address behind; only what is no name is cut."""
    name = author.partition("<")[0].strip() or author
    return shown(name if len(name) <= NAME else name[: NAME - 3] + "...")


def indented(message: str) -> Iterator[str]:
    """Yield a message's lines, each escaped and indented, and an empty one; nothing of no message."""
    if message:
        yield from (f"    {shown(line)}".rstrip() for line in message.rstrip("\n").split("\n"))
        yield ""


def names_text(tags: list[str]) -> str:
    return f" ({', '.join(map(shown, shown_names(tags)))})" if tags else ""


def commit_lines(commit: Commit, tags: list[str], signed: Sequence[Signed] = ()) -> Iterator[str]:
    """Yield the head of a commit, with its signatures."""
    yield paint(f"commit {commit.id}", "yellow") + names_text(tags)
    yield f"Author: {shown(commit.author) if commit.author else 'nobody named'} (claimed)"
    yield f"Actor:  {shown(actor_text(commit.record))} (observed)"
    yield f"Date:   {shown_time(commit.time)}"
    yield from (f"Built:  {built_text(build)}" for build in filter(None, [commit.record.build]))
    if commit.anew is not None:
        yield f"Anew:   {shown_time(commit.anew.time)} of {short_id(commit.made_of or '')}, without what was erased"
    yield from (f"Signed: {shown(one.signer)} (`verify` says whether it holds)" for one in signed)
    yield from (f"Guard:  let through {shown(_let_through(one))}" for one in (commit.guards or {}).get("let_through", ()))
    yield ""
    yield from indented(commit.message)


def _let_through(objection: dict[str, Any]) -> str:
    where = f" (line {objection['line']})" if objection["line"] else ""
    return f"{objection['path'] or objection['field']} {objection['flaw']}{where}, by {objection['by']}"


def layer_lines(layer: ImageLayer, tags: list[str], trees: Sequence[str] = ()) -> Iterator[str]:
    """Yield the head of a layer, with the *trees* that end with it."""
    yield paint(f"layer {layer.diff_id}", "yellow") + names_text(tags)
    yield f"Image:  {short_id(layer.image)}, layer {layer.number} of {layer.total}"
    yield from (f"{'Trees:' * (not n):<8}{shown(tree)}" for n, tree in enumerate(trees))
    yield f"Author: {layer_author(layer)}"
    yield from (f"Date:   {made} (the image's word)" for made in made_at(layer))
    yield f"Loaded: {shown_time(layer.arrival.time)}{source_text(layer)}"
    yield f"Loader: {loaded_by(layer.arrival)}"
    yield ""
    yield from indented(built_by(layer))


def layer_author(layer: ImageLayer) -> str:
    """Return who made a layer, and who says so."""
    if not layer.author:
        return "nobody named (the image's word)"
    return f"{shown(layer.author)} (the image's word{'' if layer.built.author else ', of all of it'})"


def loaded_by(arrival: Record) -> str:
    """Return who brought something in: as that is claimed, if it is, and as it was seen."""
    claimed = f"{shown(arrival.author)} (claimed), " if arrival.author else ""
    return f"{claimed}{shown(actor_text(arrival))} (observed)"


def made_at(layer: ImageLayer) -> Iterator[str]:
    """Yield when its image says that a layer was made; nothing where it knows no time."""
    said = shown_stated(layer.built.created)
    if said != NO_TIME:
        yield said


def built_by(layer: ImageLayer) -> str:
    """Return what an image says of how a layer was made; of a commit that came back, its message says more."""
    command, comment = layer.built.created_by, layer.built.comment
    return comment or command if command.startswith("layerlog ") else command or comment


def source_text(layer: ImageLayer) -> str:
    source = Arrival.of(layer.arrival.event).source
    return f" from {shown(str(source))}" if source else ""


def item_lines(item: "Item", tags: list[str], signed: Sequence[Signed], points: Points) -> Iterator[str]:
    """Yield the head of an item, ending in an empty line."""
    if item.commit is not None:
        yield from commit_lines(item.commit, tags, signed)
    elif item.layer is not None:
        yield from layer_lines(item.layer, tags)
    elif item.touched[0].kind == "layer":
        yield from (paint(f"layer {item.touched[0].name}", "yellow"), "")
    else:
        yield from (paint("not yet sealed", "yellow") + f" (container {points.container(item.container or '')})", "")


def oneline(item: "Item", tags: list[str]) -> str:
    if item.commit is not None:
        return f"{paint(short_id(item.commit.id), 'yellow')}{names_text(tags)} {subject(item.commit.message)}"
    if item.layer is not None:
        return f"{paint(short_id(item.layer.diff_id), 'yellow')}{names_text(tags)} {subject(built_by(item.layer))}"
    return f"{paint('(unsealed)  ', 'yellow')} {counted(len(item.touched), 'event')}"


def who(record: Record) -> str:
    """Return who did it, in one word for a line: the claimed author, else who was seen; of what came inside somebody's layer
    that is who loaded it.
    """
    name = person(record.author or str(record.actor.get("login") or record.actor.get("uid")))
    return f"loaded by {name}" if record.kind == "layer" and record.known == "imported" else name


def event_line(record: Record, place: str) -> str:
    """Return one event on one line: which one it is (*place*), when, who, and what it did."""
    return f"{place:>8}  {shown_time(record.time)}  {who(record)}  {what(record)}{step_text(record)}"


def event_lines(record: Record, points: Points) -> Iterator[str]:
    """Yield all that is known of one event, a field a line."""
    yield paint(f"event {rows.place(record, points)}", "yellow") + f" {record.title}"
    row = rows.event_row(record)
    keys = ("position", "stream", "name", "version", "path", "mode", "uid", "gid", "size", "content", "target", "id", "detail")
    for key in keys:
        yield from (f"{(key + ':') * (not n):<11}{line}" for n, line in enumerate(_field(key, record, row[key])))
    if row["mtime"] is not None:
        yield f"mtime:     {shown_time(record.event.mtime, exact=True)}"
    together, when = counted(record.changeset.events, "event"), shown_time(record.time, exact=True)
    yield f"changeset: {row['changeset']}, {together}, at {when}"
    if record.known == "imported":
        yield f"loader:    {loaded_by(record)}"
    else:
        yield f"author:    {shown(record.author) if record.author else 'nobody named'} (claimed)"
        yield f"actor:     {shown(actor_text(record))} (observed)"
    yield f"command:   {command_text(record)}"
    yield f"known:     {shown(record.known)}"


def _field(key: str, record: Record, value: Any) -> Iterator[str]:
    """Yield the lines that tell a field; nothing of what an event does not have."""
    match value:
        case None:
            return
        case dict():
            yield from (f"{shown(name)}: {_said(name, said)}" for name, said in value.items() if said not in NOTHING)
        case _ if key == "mode":
            yield f"{stat.S_IMODE(record.event.mode):04o} ({TYPES.get(stat.S_IFMT(record.event.mode), 'unknown')})"
        case _:
            yield shown(value) if isinstance(value, str | bytes) else str(value)


def _said(name: str, value: Any) -> str:
    is_time = name in _TIMES and isinstance(value, int) and 0 <= value < 1 << 63  # a foreign event may say anything
    return shown_time(value, exact=True) if is_time else stated_text(value)


def command_text(record: Record) -> str:
    import shlex

    return shown(shlex.join(record.command)) if record.command else "not known"


# -- as rows


ITEM = (
    "commit", "layer", "tags", "container", "from", "version", "position", "parent", "author", "actor", "command", "time",
    "message", "guards", "build", "made_of", "image", "number", "created", "created_by", "comment", "loaded", "loaded_by",
    "source", "signatures",
)  # fmt: skip
"""The keys of every row of `log`, whatever the item is; null where it has no such thing."""


def commit_row(commit: Commit, tags: list[str]) -> dict[str, Any]:
    return {
        "commit": commit.id,
        "tags": shown_names(tags),
        "container": commit.container,
        "from": commit.first,
        "version": commit.last,
        "position": commit.position,
        "parent": commit.parent,
        "author": commit.author,
        "actor": dict(commit.record.actor),
        "command": commit.record.command,
        "time": rfc3339(commit.time),
        "message": commit.message,
        "guards": commit.guards,
        "build": None if commit.record.build is None else dict(commit.record.build),
        "made_of": commit.made_of,
    }


def layer_row(layer: ImageLayer, tags: list[str]) -> dict[str, Any]:
    return {
        "layer": layer.diff_id,
        "tags": shown_names(tags),
        "image": layer.image,
        "number": layer.number,
        "created": layer.built.created or None,
        "created_by": layer.built.created_by or None,
        "author": layer.author or None,
        "comment": layer.built.comment or None,
        "loaded": rfc3339(layer.arrival.time),
        "loaded_by": layer.arrival.author,
        "source": Arrival.of(layer.arrival.event).source,
    }


def item_row(item: "Item", tags: list[str], signed: Sequence[Signed], *, touched: bool) -> dict[str, Any]:
    """Return a commit's, a layer's or (both null) the unsealed rest's row; `events` are there where paths were asked for."""
    if item.commit is not None:
        row = commit_row(item.commit, tags) | {"signatures": list(map(_signature_row, signed))}
    elif item.layer is not None:
        row = layer_row(item.layer, tags) | _as_commit(item.layer)
    else:
        row = {"container": item.container}
    events = {"events": [rows.event_row(record) for record in item.touched]} if touched else {}
    return dict.fromkeys(ITEM) | row | events


def _signature_row(signed: Signed) -> dict[str, Any]:
    record = signed.record
    return {
        "signer": signed.signer, "time": rfc3339(record.time), "position": record.event.position, "author": record.author,
        "actor": dict(record.actor),
    }  # fmt: skip


def _as_commit(layer: ImageLayer) -> dict[str, Any]:
    """Return what a layer has of a commit's keys: who brought it in, by what command, and where in the log."""
    arrival = layer.arrival
    return {
        "position": arrival.event.position,
        "actor": dict(arrival.actor),
        "command": arrival.command,
        "time": rfc3339(layer.time),
        "message": built_by(layer),
    }
