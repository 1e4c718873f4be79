"""The global order: changesets, in which context each was made, and the events at positions first..last."""

import json
from collections.abc import Collection

from eventstore.log.log import Changeset, Log
from eventstore.model.events import Event, Kind


def numbered(log: Log, number: int) -> Changeset | None:
    """Return a changeset by its number, None where the log has none: one look-up."""
    row = log.db.execute("SELECT * FROM changeset WHERE number = ?", (number,)).fetchone()
    return Changeset(*row) if row else None


def holding(log: Log, positions: Collection[int]) -> list[Changeset]:
    """Return the changesets that hold *positions*, each once and in order: an index look-up for each position."""
    rows = log.db.execute(
        "SELECT * FROM changeset WHERE number IN (SELECT (SELECT number FROM changeset WHERE first <= t.value "
        "ORDER BY first DESC LIMIT 1) FROM json_each(?) t) ORDER BY number",
        (json.dumps(list(positions)),),
    )
    return list(map(Changeset._make, rows))


def context(log: Log, number: int) -> str:
    """Return the JSON text of a context, who and why, that must be there: one look-up."""
    return str(log.db.execute("SELECT body FROM context WHERE id = ?", (number,)).fetchone()[0])


def stating(log: Log, text: str) -> list[int]:
    """Return where events stand whose context (a command line, an author) or detail (a message, a process's command line) holds
    *text*, the first of each changeset: O(contexts + events about no path).
    """
    spelled = json.dumps(text)[1:-1]
    return log.column(
        "SELECT s.first FROM changeset s JOIN context c ON c.id = s.context WHERE instr(c.body, ?1) "
        "UNION SELECT position FROM event WHERE path IS NULL AND instr(detail, ?1)",
        (spelled,),
    )


def positions_of(log: Log, kinds: Collection[Kind], first: int, last: int) -> list[int]:
    """Return where in first..last the events of *kinds*, which are about no path, stand, in order: O(events of those kinds).

    The hint: never through the positions asked for, which are most of the log.
    """
    among = ", ".join(f"{kind:d}" for kind in kinds)
    return log.column(
        f"SELECT position FROM event INDEXED BY event_kind WHERE path IS NULL AND kind IN ({among}) "
        "AND position BETWEEN ? AND ? ORDER BY position",
        (first, last),
    )


def selected(
    log: Log, first: int, last: int, *, streams: Collection[int] = (), kinds: Collection[int] = (), paths: Collection[int] = ()
) -> list[Event]:
    """Return the events at the positions first..last that are of one of *streams*, of one of *kinds*, and about one of *paths*
    or moving it away, in order; what is empty asks for nothing: O(last - first).
    """
    rows = log.db.execute(_SELECTED, (first, last, *(json.dumps(list(wanted)) for wanted in (streams, kinds, paths))))
    return list(map(Event._make, rows))


_SELECTED = """
    SELECT * FROM event WHERE position BETWEEN ?1 AND ?2
        AND (?3 = '[]' OR +stream IN (SELECT value FROM json_each(?3)))
        AND (?4 = '[]' OR +kind IN (SELECT value FROM json_each(?4)))
        AND (?5 = '[]' OR +path IN (SELECT value FROM json_each(?5)) OR +source IN (SELECT value FROM json_each(?5)))
    ORDER BY position
"""
"""By plus SQLite takes no index: those hold all that there ever was, and the positions asked for are few."""
