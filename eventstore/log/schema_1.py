"""Schema 1, as it was released: what its stores hold stays what `verify` expects of them.  Frozen.

FORMAT.md ("Tables of log.db") says what the columns mean.
"""

from eventstore.model.events import Kind

# `path` NULL: not about a path.  Indexes that the appender derives from the stored fields, and `verify` compares:
#   node    the position of the event that made the node which this event links to or changes the attributes of
#   source  the path that PathMoved took away
#   effect  0 puts a directory, 1 puts or removes a name and hides what was below it, 2 attributes, 3 hides below only
#   fresh   1 on a container's first event about a path
#   id      the event's own hash, for commits
TABLES = """
CREATE TABLE stream (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name)) STRICT;
CREATE TABLE path (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, shown TEXT, UNIQUE (parent, name)
) STRICT;
CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE context (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE changeset (
    number INTEGER PRIMARY KEY, first INTEGER NOT NULL, events INTEGER NOT NULL, time INTEGER NOT NULL,
    wall INTEGER NOT NULL, context INTEGER NOT NULL REFERENCES context (id), root BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE event (
    position INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream (id), version INTEGER NOT NULL,
    kind INTEGER NOT NULL, path INTEGER REFERENCES path (id), mode INTEGER NOT NULL, uid INTEGER NOT NULL,
    gid INTEGER NOT NULL, mtime INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB, target BLOB, detail TEXT,
    node INTEGER, source INTEGER, effect INTEGER, fresh INTEGER, id BLOB
) STRICT;
CREATE TABLE tree_node (
    level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE idempotency (key TEXT PRIMARY KEY, changeset INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE content (
    digest BLOB PRIMARY KEY, size INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
    stored INTEGER NOT NULL, start INTEGER NOT NULL, parts BLOB, base BLOB
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX event_version ON event (stream, version);
CREATE INDEX event_path ON event (path, effect, stream, version) WHERE path IS NOT NULL;
CREATE INDEX event_fresh ON event (stream, path) WHERE fresh = 1;
CREATE INDEX event_source ON event (source, stream, version) WHERE source IS NOT NULL;
CREATE INDEX event_node ON event (node, position) WHERE node IS NOT NULL;
CREATE INDEX event_link ON event (stream, version, node) WHERE kind = 2;
CREATE INDEX event_kind ON event (kind, stream, version) WHERE path IS NULL;
CREATE UNIQUE INDEX event_id ON event (id) WHERE id IS NOT NULL;
CREATE INDEX event_container_name ON event (json_extract(detail, '$.name')) WHERE path IS NULL AND kind IN (20, 21);
CREATE INDEX event_author ON event (json_extract(detail, '$.author'), stream, version) WHERE path IS NULL AND kind = 24;
CREATE INDEX event_commit ON event (position) WHERE path IS NULL AND kind = 24;
CREATE INDEX event_tag_image ON event (json_extract(detail, '$.image')) WHERE path IS NULL AND kind = 47;
CREATE INDEX event_erased ON event (content) WHERE kind IN (62, 63);
CREATE INDEX changeset_first ON changeset (first);
INSERT INTO path (id, parent, name) VALUES (1, 0, x'');
"""

APPEND_ONLY = ("stream", "path", "kind", "context", "changeset", "event", "tree_node", "idempotency")

KINDS = tuple(map(Kind, (*range(1, 8), *range(20, 28), *range(40, 50), *range(60, 64))))

PATH_TEXT = """(
    WITH RECURSIVE up (id, parent, text) AS (
        SELECT id, parent, coalesce(shown, CAST(name AS TEXT)) FROM path WHERE id = e.path
        UNION ALL
        SELECT p.id, p.parent, coalesce(p.shown, CAST(p.name AS TEXT)) || '/' || up.text
        FROM path p JOIN up ON p.id = up.parent
    )
    SELECT CASE text WHEN '' THEN '/' ELSE text END FROM up WHERE parent = 0
)"""

TIME = "strftime('%Y-%m-%dT%H:%M:%S', {0}.time / 1000000000, 'unixepoch') || printf('.%09dZ', {0}.time % 1000000000)"

VIEWS = {
    "event_log": f"""
        SELECT e.position, s.kind AS stream_kind, s.name AS stream, e.version, k.name AS event, {PATH_TEXT} AS path,
            CASE WHEN e.mode THEN printf('%o', e.mode) END AS mode, e.uid, e.gid, e.size,
            CASE WHEN e.content IS NOT NULL THEN 'sha256:' || lower(hex(e.content)) END AS content,
            CASE WHEN e.target IS NULL THEN NULL WHEN CAST(e.target AS TEXT) NOT GLOB '*[^ -~]*' THEN CAST(e.target AS TEXT)
                ELSE 'x''' || hex(e.target) || '''' END AS target,
            e.detail, c.number AS changeset, {TIME.format("c")} AS time, json_extract(x.body, '$.known') AS known,
            json_extract(x.body, '$.author') AS author, json_extract(x.body, '$.actor.login') AS actor,
            json_extract(x.body, '$.actor.host') AS host, json_extract(x.body, '$.command') AS command
        FROM event e JOIN stream s ON s.id = e.stream JOIN kind k ON k.id = e.kind
            JOIN changeset c ON c.number = (SELECT max(number) FROM changeset WHERE first <= e.position)
            JOIN context x ON x.id = c.context""",
    "commits": f"""
        SELECT e.position, lower(hex(e.id)) AS id, s.name AS container, e.version,
            json_extract(e.detail, '$.author') AS author, json_extract(e.detail, '$.message') AS message,
            json_extract(e.detail, '$.from') AS first_version, json_extract(e.detail, '$.events') AS events,
            json_extract(e.detail, '$.parent') AS parent, {TIME.format("c")} AS time,
            json_extract(x.body, '$.actor.login') AS actor, json_extract(x.body, '$.actor.uid') AS uid,
            json_extract(x.body, '$.actor.login_uid') AS loginuid, json_extract(x.body, '$.actor.host') AS host,
            json_extract(x.body, '$.command') AS command
        FROM event e JOIN stream s ON s.id = e.stream
            JOIN changeset c ON c.number = (SELECT max(number) FROM changeset WHERE first <= e.position)
            JOIN context x ON x.id = c.context
        WHERE e.id IS NOT NULL""",
    "tags": f"""
        SELECT s.name AS tag, json_extract(e.detail, '$.image') AS image, e.version AS moves, {TIME.format("c")} AS time
        FROM stream s JOIN event e ON e.stream = s.id
            AND e.version = (SELECT max(version) FROM event WHERE stream = s.id)
            JOIN changeset c ON c.number = (SELECT max(number) FROM changeset WHERE first <= e.position)
        WHERE s.kind = 'tag' AND e.kind = 47""",
    "changesets": f"""
        SELECT c.number, c.first, c.events, {TIME.format("c")} AS time, lower(hex(c.hash)) AS hash,
            lower(hex(c.root)) AS root, x.body AS context
        FROM changeset c JOIN context x ON x.id = c.context""",
    "contents": """
        SELECT 'sha256:' || lower(hex(digest)) AS digest, size, stored, segment, offset, start,
            coalesce(length(parts) / 36, 1) AS chunks, CASE WHEN base IS NOT NULL THEN 'sha256:' || lower(hex(base)) END AS base
        FROM content""",
}
