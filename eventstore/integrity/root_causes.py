"""Suspects: what several damaged changesets have in common, named once instead of each of them."""

from collections.abc import Iterator, Sequence

from eventstore.integrity.findings import Finding
from eventstore.log.log import ROOT_ID, Log
from eventstore.log.path_table import PathTable
from eventstore.model.paths import shown

MOST = 20


def named(log: Log, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield *findings*, merged where one edited context explains them, and the paths whose edited name may explain others."""
    yield from (finding for finding in findings if finding.cause != "context")
    yield from _contexts(log, [finding for finding in findings if finding.cause == "context"])
    yield from _paths(log, [finding for finding in findings if finding.cause == "events"])


def _contexts(log: Log, findings: list[Finding]) -> Iterator[Finding]:
    by_context: dict[int, list[Finding]] = {}
    for finding in findings:
        row = log.db.execute("SELECT context FROM changeset WHERE first = ?", (finding.events[0][0],)).fetchone()
        by_context.setdefault(row[0], []).append(finding)
    for context, found in by_context.items():
        users = log.db.execute("SELECT count(*) FROM changeset WHERE context = ?", (context,)).fetchone()[0]
        if len(found) == users > 1:
            spans = tuple(span for finding in found for span in finding.events)
            problem = f"the who, command and why of {users} changesets was changed, or is missing"
            yield Finding("chain", f"context {context}", problem, events=spans)
        else:
            yield from found


def _paths(log: Log, findings: list[Finding]) -> Iterator[Finding]:
    """Name the paths that stand in every damaged changeset, and that no sound one has anything at or below of."""
    spans = [span for finding in findings for span in finding.events]
    if len(spans) < 2:
        return
    paths = PathTable(log)
    common = set.intersection(*(_ids(log, span) for span in spans))
    for path in sorted(common)[:MOST]:
        uses = list(_uses(log, path))
        if all(any(first <= position <= last for first, last in spans) for position in uses):
            everywhere = f"/{shown(paths.text(path))} is in every changeset that differs and in no sound one"
            problem = f"{everywhere}: its name may have been changed"
            yield Finding("chain", f"path {path}", problem, events=tuple((position, position) for position in uses))


def _ids(log: Log, span: tuple[int, int]) -> set[int]:
    """Return the ids of all paths that the events are about, and of the directories above them, the root left out."""
    rows = log.db.execute("SELECT DISTINCT path FROM event WHERE position BETWEEN ? AND ? AND path IS NOT NULL", span)
    found: set[int] = set()
    for (path,) in rows.fetchall():
        while path not in found and path > ROOT_ID:
            found.add(path)
            row = log.db.execute("SELECT parent FROM path WHERE id = ?", (path,)).fetchone()
            path = row[0] if row else ROOT_ID
    return found


def _uses(log: Log, path: int) -> Iterator[int]:
    """Yield the positions of all events about a path or something below it."""
    rows = log.db.execute(
        "WITH RECURSIVE below (id) AS (VALUES (?) UNION ALL SELECT p.id FROM path p JOIN below ON p.parent = below.id) "
        "SELECT e.position FROM below JOIN event e ON e.path = below.id ORDER BY 1",
        (path,),
    )
    return (row[0] for row in rows)
