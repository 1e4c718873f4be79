"""Schema 2: the kinds of schema 1 and five more, and views that show every event, of whatever kind.

No table, column or index is another one than in schema 1: what changes is what events may state (FORMAT.md, "Events").
"""

from eventstore.log import schema_1
from eventstore.log.schema_1 import TIME
from eventstore.model.events import Kind

KINDS = (*schema_1.KINDS, *map(Kind, (28, 29, 50, 51, 52)))

_CHANGESET = """JOIN changeset c ON c.number = (SELECT max(number) FROM changeset WHERE first <= e.position)
            JOIN context x ON x.id = c.context"""

_WHO = """json_extract(x.body, '$.author') AS author, json_extract(x.body, '$.actor.login') AS actor,
            json_extract(x.body, '$.actor.host') AS host, json_extract(x.body, '$.command') AS command"""


def _latest(kinds: str, stream: str, value: str) -> str:
    """Return SQL for what the latest event of *kinds* in a stream says."""
    return (
        f"(SELECT {value} FROM event l WHERE l.path IS NULL AND l.kind IN ({kinds}) AND l.stream = {stream} "
        "ORDER BY l.version DESC LIMIT 1)"
    )


_NAMINGS = f"{Kind.CONTAINER_CREATED:d}, {Kind.CONTAINER_RENAMED:d}"
_ARRIVALS = f"{Kind.IMAGE_LOADED:d}, {Kind.IMAGE_PULLED:d}"
_IMAGE_REMOVED = f"coalesce(l.kind = {Kind.IMAGE_REMOVED:d}, 0)"
_IMAGE_FATE = f"{_ARRIVALS}, {Kind.IMAGE_REMOVED:d}, {Kind.IMAGE_RESTORED:d}"

VIEWS = schema_1.VIEWS | {
    "event_log": schema_1.VIEWS["event_log"]
    .replace("k.name AS event", "coalesce(k.name, 'kind ' || e.kind) AS event")
    .replace("JOIN kind k", "LEFT JOIN kind k"),
    "containers": f"""
        SELECT s.name AS id,
            {_latest(_NAMINGS, "s.id", "json_extract(l.detail, '$.name')")} AS name,
            json_extract(e.detail, '$.base') AS base, (SELECT max(version) FROM event WHERE stream = s.id) AS version,
            coalesce({_latest(f"{Kind.COMMITTED:d}", "s.id", "l.version")}, 0) AS sealed,
            coalesce({_latest(
                f"{Kind.CONTAINER_REMOVED:d}, {Kind.CONTAINER_RESTORED:d}", "s.id", f"l.kind = {Kind.CONTAINER_REMOVED:d}"
            )}, 0) AS removed,
            {TIME.format("c")} AS time, {_WHO}
        FROM event e JOIN stream s ON s.id = e.stream {_CHANGESET}
        WHERE e.path IS NULL AND e.kind = {Kind.CONTAINER_CREATED:d}""",
    "images": f"""
        SELECT lower(hex(e.id)) AS id, k.name AS origin, s.name AS container, e.version,
            coalesce({_latest(_IMAGE_FATE, "i.id", _IMAGE_REMOVED)}, 0) AS removed, {TIME.format("c")} AS time, {_WHO}
        FROM event e JOIN stream s ON s.id = e.stream JOIN kind k ON k.id = e.kind {_CHANGESET}
            LEFT JOIN stream i ON i.kind = 'image' AND i.name = lower(hex(e.id))
        WHERE e.id IS NOT NULL
        UNION ALL
        SELECT s.name, k.name, NULL, NULL, {_latest(_IMAGE_FATE, "s.id", _IMAGE_REMOVED)}, {TIME.format("c")}, {_WHO}
        FROM event e JOIN stream s ON s.id = e.stream JOIN kind k ON k.id = e.kind {_CHANGESET}
        WHERE e.path IS NULL AND e.kind IN ({_ARRIVALS}) AND e.position = (
            SELECT min(position) FROM event f WHERE f.path IS NULL AND f.kind IN ({_ARRIVALS}) AND f.stream = e.stream)""",
    "tag_moves": f"""
        SELECT e.position, s.name AS tag, e.version AS move, json_extract(e.detail, '$.image') AS image,
            json_extract(e.detail, '$.old') AS old, {TIME.format("c")} AS time, {_WHO}
        FROM event e JOIN stream s ON s.id = e.stream {_CHANGESET}
        WHERE e.path IS NULL AND e.kind IN ({Kind.TAG_MOVED:d}, {Kind.TAG_DELETED:d})""",
    "signatures": f"""
        SELECT e.position, json_extract(e.detail, '$.commit') AS "commit", json_extract(e.detail, '$.signer') AS signer,
            json_extract(e.detail, '$.signature') AS signature, {TIME.format("c")} AS time, {_WHO}
        FROM event e {_CHANGESET}
        WHERE e.path IS NULL AND e.kind = {Kind.COMMIT_SIGNED:d}""",
}
