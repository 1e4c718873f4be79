"""What each commit changed, of its config and file by file, on the page itself: bounded, and what is left out is said."""

from collections.abc import Iterator
from itertools import chain, islice

from cli.report.page import text
from eventstore.errors import LayerlogError
from eventstore.store.store import Store
from projections.audit.actions import Action, is_within
from projections.diff import patches
from projections.diff.between import Around, differences
from projections.diff.tree_diff import Difference
from projections.events.records import Records
from projections.history import commits, logbook
from projections.history.commits import Commit
from projections.images import run_config
from projections.oci import config_diff
from projections.tree.view import View

FILES, LINES, WIDTH = 200, 100, 400
"""So many files of a commit, lines of a file's difference and characters of a line are shown."""


def files(store: Store, action: Action, path: bytes) -> Iterator[str]:
    """Yield one commit's files at and below *path*, each with its difference, to open without a script; before them, where all
    files are asked for, what it changed of the config.
    """
    commit = commits.of_seal(Records(store.log), action.record.event)
    if not path:
        yield from _config(store, commit)
    around = logbook.around_commit(View(store.log, store.content, []), commit)
    found = (row for row in differences(around) if is_within(path, row.path) or is_within(row.path, path))
    for row in islice(found, FILES):
        yield f"<details><summary>{row.letter} <code>/{text(row.path)}</code></summary><pre>"
        yield from _difference(around, row)
        yield "</pre></details>\n"
    if next(found, None) is not None:
        all_of_it = f"<code>layerlog show -p {commit.id[:12]}</code>"
        yield f'<p class="soft">Only the first {FILES} files are shown; {all_of_it} shows all.</p>\n'


def _config(store: Store, commit: Commit) -> Iterator[str]:
    configs = run_config.around(store.log, store.content, commit.container, commit.first, commit.last)
    found = [line for difference in config_diff.differences(*configs) for line in difference.lines()]
    if found:
        yield "<details open><summary>C <code>config</code></summary><pre>"
        yield from (_cut(f"{mark} {said}") for mark, said in found)
        yield "</pre></details>\n"


def _cut(line: str | bytes) -> str:
    return f"{text(line[:WIDTH])}{' ... (cut)' if len(line) > WIDTH else ''}\n"


def _difference(around: Around, row: Difference) -> Iterator[str]:
    found = (line for part in patches.patch(around.before, around.after, row) for line in part.removesuffix(b"\n").split(b"\n"))
    try:
        for line in islice(found, LINES):
            yield _cut(line)
        if (more := next(found, None)) is not None:
            yield f"... ({sum(1 for _ in chain([more], found))} more lines)\n"
    except LayerlogError as error:
        yield f"{text(str(error))}\n"
