"""`blame`: who made a path what it is."""

import click

from cli.display.blame import LineColumns, blame_row, blame_text, line_row
from cli.display.output import json_line
from cli.options import completion
from cli.options.changes import text_or_json
from cli.options.sizes_and_times import date_option
from cli.session.named_paths import led
from cli.session.session import session
from projections.history import blame as blaming
from projections.history import traced_blame
from projections.history.blame import Line, blame_lines
from projections.refs.points import Points


@click.command()
@click.argument("place", metavar="REF[@POINT]:PATH", shell_complete=completion.paths)
@click.option("--lines", is_flag=True, help="Of a text file, say it for each line, through moves and hard links.")
@date_option()
@text_or_json
def blame(place: str, shape: str, *, lines: bool) -> None:
    r"""Show who made a path what it is: the event, its author, time, command, commit, and the image it came with.

    What wrote the content, what brought it to its name and what changed its mode or owner later are shown apart. Of a
    path that is not there: who removed it, and what its last content was. Where the content was erased: who did, and why.
    Of a path that came with an image: who made its layer is the image's word; who first loaded the image, and from where,
    was seen here. Where the layer was here by then, with another image, that is said too. Of what came with an image that
    `erase --derive` made anew it is said who wrote it in the one before, and of what is gone who erased it. What `undo`,
    `redo`, `restore` or `revert` brought back is its writer's, and a mode, an owner or a time is whose chmod, chown or touch
    first gave it; `returned` is who brought it back.

    \b
      layerlog blame web:/etc/motd
      layerlog log -p web -- /etc/motd       what it was before, change by change
      layerlog blame --lines web@42:/etc/motd
    """
    with session() as s:
        ref, path = s.split_named(place)
        target = s.resolve(ref)
        view, causes = s.view(target), blaming.Causes(s.log, s.store.content, target)
        path = led(view, path)
        asked = traced_blame.Subject(causes, view, path)
        if lines:
            causes, view, path = traced_blame.origin(asked)
            _show_lines(causes, blame_lines(view, path), path, shape)
            return
        found = traced_blame.traced(asked)
        print(json_line(blame_row(found)) if shape == "json" else "\n".join(blame_text(found, Points(s.log))))


def _show_lines(causes: blaming.Causes, blamed: list[Line], path: bytes, shape: str) -> None:
    positions = {line.position for line in blamed} | {line.returned for line in blamed if line.returned is not None}
    found = {position: causes.of(position) for position in positions}
    columns = LineColumns([found[line.position] for line in blamed], len(blamed), Points(causes.log))
    for number, line in enumerate(blamed, 1):
        cause, returned = found[line.position], found[line.returned] if line.returned is not None else None
        if shape == "json":
            print(json_line(line_row(number, line, cause, returned)))
        else:
            print(columns.text(number, line, cause, renamed=line.path != path, returned=returned))
