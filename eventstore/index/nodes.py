"""Nodes: files, directories and what else has attributes, each known by the position of the event that made it."""

import json
from collections.abc import Collection, Iterator

from eventstore.log.log import Log
from eventstore.model.events import ATTRIBUTES, Event, Kind

_ATTRIBUTE_CHANGES = f"SELECT * FROM event WHERE node = ? AND effect = {ATTRIBUTES:d} ORDER BY position DESC"
_ONE_LINK = f"SELECT 1 FROM event WHERE node = ? AND kind = {Kind.LINK_MADE:d} LIMIT 1"


def events_at(log: Log, positions: Collection[int]) -> dict[int, Event]:
    """Return the events at *positions*, by position; those that the log lacks are left out: a look-up each."""
    wanted = "SELECT * FROM event WHERE position IN (SELECT value FROM json_each(?))"
    rows = log.db.execute(wanted, (json.dumps(list(positions)),))
    return {event.position: event for event in map(Event._make, rows)}


def attribute_changes(log: Log, node: int) -> Iterator[Event]:
    """Yield the events that changed the node's attributes, in any stream, the latest first: one look-up, streaming."""
    return map(Event._make, log.db.execute(_ATTRIBUTE_CHANGES, (node,)))


def attributed(log: Log) -> Iterator[Event]:
    """Yield every event that made a node or changed one's attributes, in any stream, oldest first, streaming: O(the log)."""
    kinds = f"{Kind.FILE_WRITTEN:d}, {Kind.DIRECTORY_IMPLIED:d}, {Kind.ATTRIBUTES_CHANGED:d}"
    about = f"path IS NOT NULL AND kind IN ({kinds})"
    return map(Event._make, log.db.execute(f"SELECT * FROM event WHERE {about} ORDER BY position"))


def changes_among(log: Log, nodes: Collection[int]) -> Iterator[Event]:
    """Yield the events that changed the attributes of *nodes*, in any stream, oldest first: a look-up each."""
    changes = f"node IN (SELECT value FROM json_each(?)) AND effect = {ATTRIBUTES:d} ORDER BY position"
    return map(Event._make, log.db.execute(f"SELECT * FROM event WHERE {changes}", (json.dumps(list(nodes)),)))


def changed_among(log: Log, nodes: Collection[int]) -> set[int]:
    """Return those of *nodes* whose attributes were ever changed, in any stream: a look-up each."""
    marks = ",".join("?" * len(nodes))
    return set(log.column(f"SELECT node FROM event WHERE node IN ({marks}) AND effect = {ATTRIBUTES:d}", list(nodes)))


def changed_in(log: Log, stream: int, first: int, last: int) -> set[int]:
    """Return the nodes whose attributes the stream's events first..last changed: O(events)."""
    rows = log.db.execute(
        "SELECT DISTINCT node FROM event WHERE stream = ? AND version BETWEEN ? AND ? "
        f"AND kind = {Kind.ATTRIBUTES_CHANGED:d}",
        (stream, first, last),
    )
    return {row[0] for row in rows if row[0] is not None}


# -- hard links


def linked_in(log: Log, stream: int, first: int, last: int) -> set[int]:
    """Return the nodes that the stream's events first..last gave one more name: O(those events).

    A layer's links to what a lower layer holds are not known by their node: `links_to_lower` has them.
    """
    linking = f"kind = {Kind.LINK_MADE:d} AND node IS NOT NULL AND stream = ? AND version BETWEEN ? AND ?"
    return set(log.column(f"SELECT node FROM event WHERE {linking}", (stream, first, last)))


def is_linked(log: Log, node: int) -> bool:
    """Whether any stream ever gave the node one more name: one look-up."""
    return log.db.execute(_ONE_LINK, (node,)).fetchone() is not None


def links_of(log: Log, node: int) -> list[int]:
    """Return the ids of the paths that hard links to the node ever made, in no order: one look-up."""
    return log.column(f"SELECT path FROM event WHERE node = ? AND kind = {Kind.LINK_MADE:d}", (node,))


def links_to_lower(log: Log, layer: int, upto: int) -> list[tuple[int, bytes]]:
    """Return (path's id, target) of the hard links of a layer's stream, up to version *upto* and in version order, to what
    is not in the layer itself: O(the layer's hard links).
    """
    return log.db.execute(
        f"SELECT path, target FROM event WHERE kind = {Kind.LINK_MADE:d} AND stream = ? AND version <= ? AND node IS NULL "
        "ORDER BY version",
        (layer, upto),
    ).fetchall()
