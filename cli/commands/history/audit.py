"""`audit`: who did what to the store."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from cli.display.formats import counted, shown_day
from cli.display.output import Column, Shape, listing
from cli.options import completion
from cli.options.regexes import optional_matcher
from cli.options.sizes_and_times import date_option, period_options
from cli.report.rows import ACTIONS, MOVEMENTS, action_row, erased_together, group_columns, group_row, movement_row, write_csv
from cli.session.session import Session, session
from eventstore.errors import NotFoundError
from eventstore.index.moments import position_at
from eventstore.model.digests import parsed
from eventstore.model.paths import as_bytes, plain, shown
from projections.audit import actions, movements
from projections.audit.actions import Action
from projections.audit.movements import Movement
from projections.audit.proofs import store_id
from projections.events.records import PeopleFilter
from projections.history import logbook


@click.command()
@click.argument("ref", required=False, metavar="[REF[@POINT]]", shell_complete=completion.references)
@click.option("--by", type=click.Choice(["author", "day", "prefix"]), help="Add up the commits by this.")
@click.option("--depth", type=click.IntRange(1), default=1, help="How many parts of a path a prefix has.", show_default=True)
@period_options
@click.option(
    "--author", metavar="PATTERN", help="The claimed author matches this regular expression.",
    shell_complete=completion.authors,
)  # fmt: skip
@click.option("--actor", metavar="PATTERN", help="The observed actor matches it: login@host (uid N, login uid N).")
@click.option(
    "--distribution", "carried", metavar="IMAGE|DIGEST|REF:/PATH",
    help="Where an image, or every image that holds this content in some layer, came from and went.",
    shell_complete=completion.paths,
)  # fmt: skip
@click.option(
    "--path", metavar="PATH", help="The commits that changed it, or anything below it.",
    shell_complete=completion.paths_inside,
)  # fmt: skip
@click.option("--commits", "only_commits", is_flag=True, help="Commits alone.")
@date_option()
@click.option("--no-trunc", is_flag=True, help="Show ids and texts in full.")
@click.option(
    "--format", "shape", type=click.Choice(["table", "json", "csv", "html"]), default="table",
    help="json: one object a line; html: one page with a timeline; of REF or --path with what each commit changed.",
)  # fmt: skip
def audit(
    shape: str, *, ref: str | None, path: str | None, no_trunc: bool, by: str | None, depth: int, carried: str | None,
    only_commits: bool, **options: Any,
) -> None:  # fmt: skip
    r"""Show who did what to the whole store, the oldest first: commits, tags, loads, saves, removals, erasures.

    Of REF, a container or an image, what made, named, sent or removed it and the commits and images that it stands on.

    For each commit: the author that was claimed and the actor that the machine saw, the key that signed it, how much it
    sealed (events, files, bytes written), every tag it ever got (those it still has are `tags_now` in JSON), and where it
    was saved or pushed to. Of a tag that was moved, the image that it names from then on and (BEFORE) the one that it named
    until then; of an untag, the one that it named; of a renaming, the name before.
    Of a commit that `erase --derive` made anew, who did that (derive); of an image made anew the older one's history, too.
    Single changes of files are in `layerlog log` and `events`. Whether the record itself can be trusted, `layerlog
    verify` says. A container is named as it was called then; renames are listed.

    \b
      layerlog audit --since 2026-11-01
      layerlog audit --actor ^ada@ --since '1 day ago'
      layerlog audit web
      layerlog audit --path /etc/passwd
      layerlog audit --by author
      layerlog audit --by prefix --depth 2 --format json
      layerlog audit --format html > audit.html
      layerlog audit --distribution web:/etc/secret.key
    """
    if carried is not None and (by or only_commits or ref is not None or path is not None):
        raise click.UsageError("--distribution lists movements: no --by, --commits, --path or other REF goes with it.")
    with session() as s:
        if carried is not None:
            moved = map(movement_row, _movements(s, carried, **options))
            _write(shape, no_trunc, moved, MOVEMENTS)
            return
        found = _actions(s, **options, only_commits=only_commits)
        if ref is not None:
            found = filter(actions.about(s.log, s.resolve(ref)).has, found)
        if path is not None:
            found = (action for action in found if actions.touches(s.log, action, plain(as_bytes(path))))
        if by is None and shape == "html":
            _write_page(s, list(found), " ".join(filter(None, (ref, path))), plain(as_bytes(path or "")))
        elif by is None:
            taken = map(action_row, found)
            _write(shape, no_trunc, erased_together(taken) if shape == "table" else taken, ACTIONS)
        else:
            rows = [group_row(group, by) for group in _groups(s, found, by, depth, local=shape in ("table", "html"))]
            _write(shape, no_trunc, rows, group_columns(by))
        if path is None and options["author"]:
            _tell_made_elsewhere(s, ref, **options)


def _tell_made_elsewhere(
    s: Session, ref: str | None, since: int | None, until: int | None, author: str, actor: str | None
) -> None:
    """Say how much more those authors made, who are asked for, that came from elsewhere: no commit of this store."""
    from shlex import quote

    who = _people(author, actor)
    target = s.resolve(ref) if ref is not None else None
    more = logbook.made_elsewhere(s.log, s.store.content, target, logbook.Filter(since, until, who))
    if more:
        command = f"layerlog log {'--all' if ref is None else shown(ref)} --author {shown(quote(author))}"
        said = f"{counted(len(more), 'layer')} by {shown(author)} came from elsewhere, so no commit of this store"
        print(f"layerlog: not listed: {said}; `{command}` lists them", file=sys.stderr)


def _actions(
    s: Session, since: int | None, until: int | None, author: str | None, actor: str | None, *, only_commits: bool
) -> Iterator[Action]:
    wanted = _people(author, actor)
    found = actions.taken(s.log, *between(s, since, until), only_commits=only_commits)
    return (action for action in found if wanted.did(action.record, action.author))


def _people(author: str | None, actor: str | None) -> PeopleFilter:
    return PeopleFilter(optional_matcher(author, "--author"), optional_matcher(actor, "--actor"))


def _movements(
    s: Session, carried: str, since: int | None, until: int | None, author: str | None, actor: str | None
) -> Iterator[Movement]:
    wanted = _people(author, actor)
    first, last = between(s, since, until)
    for found in movements.movements(s.log, _carried(s, carried)):
        record = found.record
        if first <= record.event.position <= last and wanted.did(record, record.author):
            yield found


def _carried(s: Session, text: str) -> movements.Carried:
    """Return what *text* asks for: an image, or what holds a content, given by its digest or by a file that has it."""
    if ":/" in text:
        return movements.carrying(s.log, s.content(text))
    try:
        return movements.Carried([s.image(text)])
    except NotFoundError:
        if not text.startswith("sha256:"):
            raise
        return movements.carrying(s.log, parsed(text))


def between(s: Session, since: int | None, until: int | None) -> tuple[int, int]:
    """Return the first and the last position of the time."""
    first = position_at(s.log, since - 1) + 1 if since is not None else 1
    last = position_at(s.log, until) if until is not None else s.log.head().position
    return first, last


def _groups(s: Session, found: Iterable[Action], by: str, depth: int, *, local: bool) -> list[actions.Group]:
    """Return the commits in groups; days are *local* ones, else UTC's."""
    if by == "prefix":
        return actions.by_prefix(s.log, found, depth)
    day = _shown_day if local else actions.day
    key = day if by == "day" else actions.author
    return actions.by(found, key)


def _shown_day(action: Action) -> str:
    return shown_day(action.record.time)


def _write(shape: str, no_trunc: bool, rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> None:
    if shape == "csv":
        write_csv(sys.stdout, rows, columns)
    elif shape == "html":
        from cli.report.page import of_rows

        sys.stdout.writelines(of_rows("Movements" if columns is MOVEMENTS else f"Commits by {columns[0].key}", rows, columns))
    else:
        listing(Shape(shape, no_trunc=no_trunc), rows, columns, columns[0].key)


def _write_page(s: Session, found: list[Action], about: str, path: bytes) -> None:
    """Write the page; where it is *about* one thing, with what each commit changed at and below *path*."""
    from cli.report.differences import files
    from cli.report.page import page

    authors, told = actions.by(found, actions.author), (lambda action: files(s.store, action, path)) if about else None
    sys.stdout.writelines(page(found, authors, store_id(s.log), s.log.head().position, told, about))
