"""Schema 4: schema 3, and views that a long log answers soon: by its indexes, and events by their paths (`path_log`).

No table, column, index or kind of event is another one than in schema 3.
"""

from eventstore.log import schema_1, schema_3

KINDS = schema_3.KINDS

# max(number) walks back over all changesets that came later
_LATEST = "SELECT max(number) FROM changeset WHERE first <= e.position"
_FOUND = "SELECT number FROM changeset WHERE first <= e.position ORDER BY first DESC LIMIT 1"

_PATHS = """
        WITH RECURSIVE below (id, path) AS (
            SELECT id, '' FROM path WHERE parent = 0
            UNION ALL
            SELECT p.id, below.path || '/' || coalesce(p.shown, CAST(p.name AS TEXT))
            FROM below JOIN path p ON p.parent = below.id
        )
        SELECT id, CASE path WHEN '' THEN '/' ELSE path END AS path FROM below"""


def _from_paths(event_log: str) -> str:
    """Return *event_log* of the events that are about a path, read from the paths on, whatever the planner would think."""
    select = event_log.replace(schema_1.PATH_TEXT, "p.path")
    return select.replace("FROM event e", "FROM paths p CROSS JOIN event e ON e.path = p.id")


def _looked_up(select: str) -> str:
    """Return *select* without walks over what came later: of a changeset, and of a stream's latest event of some kinds."""
    return select.replace(_LATEST, _FOUND).replace("FROM event l WHERE", "FROM event l INDEXED BY event_kind WHERE")


_LOOKED_UP = {name: _looked_up(select) for name, select in schema_3.VIEWS.items()}

VIEWS = _LOOKED_UP | {"paths": _PATHS, "path_log": _from_paths(_LOOKED_UP["event_log"])}

EVENT_LOG_BY_PATH = f"SELECT * FROM path_log UNION ALL {VIEWS['event_log']} WHERE e.path IS NULL"
"""`event_log`, row by row, for a question that compares paths; any other question is answered by `event_log` sooner."""
