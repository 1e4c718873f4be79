"""Schema 3: schema 2, and views that any program can read, whatever bytes names and messages are of.

A view's text is always valid UTF-8, escaped as in listings where it was none; the very bytes stand beside it.  Its `time` is
what the clock said.  No table, column or kind of event is another one than in schema 2; an index finds where clocks went back.
"""

import re

from eventstore.log import schema_1, schema_2

KINDS = schema_2.KINDS

INDEX = "CREATE INDEX changeset_back ON changeset (number, time, wall) WHERE time <> wall"

_LOW, _HIGH = bytes(range(0x80, 0xC0)).hex(), bytes(range(0xC0, 0x100)).hex()


def _valid(json: str) -> str:
    r"""Return SQL for *json* (text as Python's json writes it) without a lone surrogate, in time linear in its length.

    A byte that is no UTF-8 is written there `\udcfc`, and becomes the text `\xfc`; another such escape becomes itself, as text.
    The text is cut at each `\ud`, which json_each does; what is no surrogate by its next digit, or one of a pair, stays.
    Behind the escape `\\` stands no other one, so it is another character meanwhile.
    """
    array = rf"""'[' || replace(json_quote(replace({json}, '\\', char(1))), '\\ud', '","') || ']'"""
    return rf"""CASE WHEN instr({json}, '\ud') = 0 THEN {json} ELSE (
                SELECT replace(group_concat(CASE WHEN before IS NULL THEN piece
                    WHEN piece GLOB '[0-7]*' OR (piece GLOB '[89ab]??' AND after GLOB '[c-f]*')
                        OR (piece GLOB '[c-f]*' AND before GLOB '[89ab]??') THEN '\ud' || piece
                    WHEN piece GLOB 'c[89a-f]*' THEN '\\x' || substr(piece, 2) ELSE '\\ud' || piece END, ''), char(1), '\\')
                FROM (SELECT value AS piece, lag(value) OVER (ORDER BY key) AS before, lead(value) OVER (ORDER BY key) AS after
                    FROM json_each({array}) ORDER BY key)) END"""


def _bytes(json: str, key: str) -> str:
    """Return SQL for the bytes of the text *key* of *json* where they are no UTF-8, NULL where they are.

    Out of JSON, byte 80 to BF comes as ED B2 and itself, C0 to FF as ED B3 and itself less 40: a loop over these, ED last, for
    that could make such a sequence.
    """
    text = f"json_extract({json}, '$.{key}')"
    found, made = (f"substr(x'{table}', 1 + (n + 47) % 64, 1)" for table in (_LOW, _HIGH))
    return rf"""CASE WHEN instr({json}, '\udc') THEN (
                WITH RECURSIVE bare (n, text) AS (
                    SELECT -1, replace({text}, CAST(x'edb2' AS TEXT), '')
                    UNION ALL
                    SELECT n + 1, replace(text, CAST(x'edb3' || {found} AS TEXT), CAST({made} AS TEXT)) FROM bare WHERE n < 63)
                SELECT nullif(CAST(text AS BLOB), CAST({text} AS BLOB)) FROM bare WHERE n = 63) END"""


def _time(column: str) -> str:
    """Return SQL for a time as RFC 3339 in UTC; SQL divides what is before 1970 towards zero."""
    seconds = f"{column} / 1000000000 - ({column} % 1000000000 < 0)"
    rest = f"({column} % 1000000000 + 1000000000) % 1000000000"
    return f"strftime('%Y-%m-%dT%H:%M:%S', {seconds}, 'unixepoch') || printf('.%09dZ', {rest})"


_PATH_BYTES = """(
    WITH RECURSIVE up (id, parent, bytes, odd) AS (
        SELECT id, parent, name, shown IS NOT NULL FROM path WHERE id = e.path
        UNION ALL
        SELECT p.id, p.parent, p.name || '/' || up.bytes, odd OR p.shown IS NOT NULL
        FROM path p JOIN up ON p.id = up.parent
    )
    SELECT CAST(bytes AS BLOB) FROM up WHERE parent = 0 AND odd
)"""

_CONTEXTS = f"""
        SELECT id, body, json_extract(body, '$.known') AS known, json_extract(body, '$.author') AS author,
            json_extract(body, '$.actor.login') AS actor, json_extract(body, '$.actor.uid') AS uid,
            json_extract(body, '$.actor.login_uid') AS loginuid, json_extract(body, '$.actor.host') AS host,
            json_extract(body, '$.command') AS command, {_bytes("stored", "author")} AS author_bytes,
            {_bytes("stored", "actor.login")} AS actor_bytes, {_bytes("stored", "actor.host")} AS host_bytes
        FROM (SELECT id, {_valid("body")} AS body, body AS stored FROM context)"""

_WHOSE = re.compile(r"json_extract\(x\.body, '\$\.(?:actor\.)?(\w+)'\) AS (\w+)")


def _view(name: str, select: str) -> str:
    """Return what schema 2 shows as *name*, made readable."""
    more, author = "", "x.author_bytes"
    if name == "commits":
        author, more = _bytes("e.detail", "author"), f", {_bytes('e.detail', 'message')} AS message_bytes"
        for key in ("author", "message"):
            select = select.replace(f"json_extract(e.detail, '$.{key}')", f"json_extract({_valid('e.detail')}, '$.{key}')")
    elif name == "event_log":
        select, more = select.replace("e.detail,", f"{_valid('e.detail')} AS detail,"), f", {_PATH_BYTES} AS path_bytes"
    elif name == "changesets":
        select = select.replace(schema_1.TIME.format("c") + " AS time", f"{_time('c.time')} AS time, {_time('c.wall')} AS wall")
    select = select.replace(schema_1.TIME.format("c"), _time("c.wall")).replace("JOIN context x", "JOIN contexts x")
    select = _WHOSE.sub(r"x.\2", select)
    return select.replace("x.command", f"x.command, {author} AS author_bytes, x.actor_bytes, x.host_bytes{more}")


VIEWS = {"contexts": _CONTEXTS} | {name: _view(name, select) for name, select in schema_2.VIEWS.items()}
