"""History: commits and what they changed, single events, and who made a path what it is."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import click

from cli.display import history_rows, history_text
from cli.display.diff_lines import Compared, difference_row, print_changes
from cli.display.formats import listed, parse_time
from cli.display.history_rows import item_row
from cli.display.output import json_line, or_say_nothing_found
from cli.options import completion
from cli.options.changes import changes_options
from cli.options.regexes import optional_matcher
from cli.session.session import Session, session
from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.batches import growing_batches
from eventstore.model.events import Kind
from eventstore.model.paths import as_bytes, shown
from projections.diff.between import differences
from projections.events import pathspecs
from projections.events.actors import Who
from projections.events.records import Record, Records
from projections.history import blame as blaming
from projections.history import commits, item_changes, logbook
from projections.history.blame_lines import blame_lines
from projections.history.logbook import Filter, Item
from projections.images import images
from projections.refs import references, tags
from projections.refs.references import Target
from projections.tree.view import View

_SHAPE = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")


class Counted(click.Command):
    """Takes git's `-3` for `-n 3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        valued = {name for param in self.params if not getattr(param, "is_flag", False) for name in param.opts}
        end = args.index("--") if "--" in args else len(args)
        options = [
            f"--max-count={arg[1:]}" if re.fullmatch(r"-\d+", arg, re.ASCII) and before not in valued else arg
            for before, arg in zip(["", *args], args[:end], strict=False)
        ]
        return super().parse_args(ctx, options + args[end:])


@click.command(cls=Counted, context_settings={"max_content_width": 110})
@click.argument("ref", required=False, metavar="[REF[@POINT]]", shell_complete=completion.references)
@click.argument("paths", nargs=-1, metavar="[-- PATH...]")
@click.option("--all", "everything", is_flag=True, help="The commits of every container, as without REF.")
@click.option("--oneline", is_flag=True, help="One line each.")
@click.option("-n", "--max-count", type=click.IntRange(0), help="Show at most so many; -3 is -n 3.")
@click.option("--since", "--after", metavar="TIME", help="2026-11-24, 2026-11-24T10:00, '2 days ago', 10m, ...")
@click.option("--until", "--before", metavar="TIME", help="Not later than this.")
@click.option("--author", metavar="PATTERN", help="The claimed author matches this regular expression.")
@click.option("--actor", metavar="PATTERN", help="The observed actor matches it: login@host (uid N, login uid N).")
@click.option("--grep", metavar="PATTERN", help="The message matches it.")
@changes_options
@click.option("--follow", is_flag=True, help="Follow one PATH back through moves and hard links.")
@click.option("--reverse", is_flag=True, help="The oldest first.")
@click.option("--graph", is_flag=True, help="Show which image and container came from which.")
@_SHAPE
def log(ref: str | None, paths: tuple[str, ...], *, everything: bool, graph: bool, **options: Any) -> None:
    r"""Show commits, newest first, and the imported layers below them; or every change of some paths.

    REF is a container or an image, at any point of its history: its own commits, then those it was made from. Below them
    are the layers of an image from elsewhere, with who first loaded that image, when and from what. Behind REF,
    PATH is a file, a directory with all below it, or a glob in which * matches / too; then events are shown, under
    the commits that sealed them.

    \b
      layerlog log web
      layerlog log web -- /etc '*.conf'
      layerlog log --oneline --author ada --since '2 days ago' web
      layerlog log --follow -p web -- /srv/index.html
    """
    with session() as s:
        if graph:
            print_graph(s, ref)
            return
        asked = _asked(s, ref, paths, everything=everything)
        items = logbook.kept(_items(s, asked, options), _filter(options))
        if asked.patterns:
            sought = f"{listed(paths, 3)} in {ref}" if paths else ref
            items = or_say_nothing_found(items, f"no event that was asked for is about {sought}")
        for batch in growing_batches(_limited(items, options)):
            names = tags.of(s.log, filter(None, map(_image, batch)))
            for item in batch:
                _show_item(s, asked.view, item, names.get(_image(item), []), options, touched=bool(asked.patterns))


class Asked(NamedTuple):
    """What the arguments of `log` mean: nothing is every commit."""

    target: Target | None = None
    view: View | None = None
    patterns: tuple[bytes, ...] = ()


def _asked(s: Session, ref: str | None, paths: tuple[str, ...], *, everything: bool) -> Asked:
    if ref is None or everything:
        if ref is not None or paths:
            raise InvalidError("log: paths need one container or image to look in; `layerlog find --path` looks everywhere")
        return Asked()
    name, path = references.split_path(ref)
    target = s.resolve(name)
    patterns = [pathspecs.pattern(as_bytes(text)) for text in paths]
    return Asked(target, s.view(target), (*(() if path is None else (path,)), *patterns))


def _items(s: Session, asked: Asked, options: dict[str, Any]) -> Iterator[Item]:
    target, view, patterns = asked
    if target is not None and view is not None and patterns:
        return logbook.of_paths(view, target, patterns, follow=options["follow"])
    author = optional_matcher(options["author"], "--author")
    if author is not None and not author(""):  # what nobody is named for is in no index
        return logbook.by_author(s.log, s.store.content, target, author)
    return logbook.of_everything(s.log) if target is None else logbook.of_target(s.log, s.store.content, target)


def _filter(options: dict[str, Any]) -> Filter:
    since, until = (None if options[key] is None else parse_time(options[key]) for key in ("since", "until"))
    author, actor, grep = (optional_matcher(options[key], f"--{key}") for key in ("author", "actor", "grep"))
    return Filter(since, until, Who(author, actor), grep)


def _limited(items: Iterable[Item], options: dict[str, Any]) -> Iterable[Item]:
    found = islice(items, options["max_count"])
    return list(found)[::-1] if options["reverse"] else found


def _image(item: Item) -> str:
    """Return the image that ends with the item, "" where none does."""
    return item.commit.id if item.commit else item.layer.image if item.layer and item.layer.top else ""


def _show_item(s: Session, view: View | None, item: Item, tags: list[str], options: dict[str, Any], *, touched: bool) -> None:
    ways = options["ways"]
    if options["shape"] == "json":
        print(json_line(item_row(item, tags, touched=touched) | (_changes_row(s, view, item) if ways else {})))
        return
    print(history_text.oneline(item, tags) if options["oneline"] else "\n".join(history_text.item_lines(item, tags)))
    for record in item.touched:
        print(f"  {history_text.event_line(record)}")
    print_changes(ways, lambda: _compared(s, view, item))
    if (touched or ways) and not options["oneline"]:
        print()


def _compared(s: Session, view: View | None, item: Item) -> Compared:
    found = item_changes.around(view or View(s.log, s.store.content, []), item)
    rows = item_changes.differences_at(found, item, s.log) if item.touched else differences(found)
    return Compared(found.before, found.after, rows)


def _changes_row(s: Session, view: View | None, item: Item) -> dict[str, Any]:
    return {"changes": list(map(difference_row, _compared(s, view, item).rows))}


def print_graph(s: Session, ref: str | None) -> None:
    from cli.display.history_text import family_lines

    target = s.resolve(ref) if ref is not None else None
    for line in family_lines(s.log, target):
        print(line)


# -- one commit, one event


@click.command()
@click.argument("what", metavar="COMMIT|POSITION|REF[@POINT]", shell_complete=completion.references)
@changes_options
@_SHAPE
def show(what: str, shape: str, ways: list[str]) -> None:
    r"""Show one commit with the paths it added (A), changed (C) and deleted (D) and its changes of the config, or one event
    with all that is known of it.

    A commit is an id, a tag, or a container (its last one). An event is its position in the log, or its place in a
    container: web@42.

    \b
      layerlog show mytomcat:1.0
      layerlog show -p 3f2a9c
      layerlog show web@42
    """
    with session() as s:
        found = _commit_or_event(s, what)
        if isinstance(found, Record):
            _show_event(found, shape)
        else:
            _show_commit(s, found, shape, ways)


def _commit_or_event(s: Session, what: str) -> commits.Commit | Record:
    records = Records(s.log)
    if re.fullmatch(r"\d+", what, re.ASCII) and 0 < int(what) <= s.log.head().position:
        return records.at(int(what))
    target = s.resolve(what)
    if target.container is None or (target.is_container and re.search(r"@\d+\Z", what)):
        return records.of(references.event_of(s.log, target))
    seal = s.log.latest(Kind.COMMITTED, s.log.existing("container", target.container).id, target.version)
    if seal is None:
        raise NotFoundError(f"{shown(what)} has no commit yet; `layerlog show {shown(what)}@1` shows its first event")
    return commits.of_seal(records, seal)


def _show_event(record: Record, shape: str) -> None:
    from projections.events.rows import event_row

    if shape == "json":
        print(json_line(event_row(record) | {"events_in_changeset": record.changeset.events}))
    else:
        print(*history_text.event_lines(record), sep="\n")


def _show_commit(s: Session, commit: commits.Commit, shape: str, ways: list[str]) -> None:
    item = logbook.of_commit(commit)
    names = tags.now(s.log, commit.id)
    config = images.instructions(s.log, commit.record.event.stream, commit.first, commit.last)
    if shape == "json":
        row = item_row(item, names, touched=False) | {"config": config}
        print(json_line(row | _changes_row(s, None, item)))
        return
    print(*history_text.commit_lines(commit, names, config), sep="\n")
    print_changes(ways or ["topmost"], lambda: _compared(s, None, item))


# -- who made a path what it is


@click.command()
@click.argument("place", metavar="REF[@POINT]:PATH", shell_complete=completion.paths)
@click.option("--lines", is_flag=True, help="Of a text file, say it for each line, through moves and hard links.")
@_SHAPE
def blame(place: str, shape: str, *, lines: bool) -> None:
    r"""Show who made a path what it is: the event, its author, time, command, commit, and the image it came with.

    What wrote the content, what brought it to its name and what changed its mode or owner later are shown apart. Of a
    path that is not there: who removed it, and what its last content was. Where the content was erased: who did, and why.
    Of a path that came with an image: `when` and `command` are those of the load that first brought its layer in, `loaded`
    is when its image first came, and from where.

    \b
      layerlog blame web:/etc/motd
      layerlog log -p web -- /etc/motd       what it was before, change by change
      layerlog blame --lines web@42:/etc/motd
    """
    with session() as s:
        ref, path = references.split_path(place)
        if path is None:
            raise InvalidError(f"{shown(place)}: name a path behind it, as in {shown(place)}:/etc/motd")
        target = s.resolve(ref)
        view, causes = s.view(target), blaming.Causes(s.log, s.store.content, target)
        if lines:
            _show_lines(causes, view, path, shape)
            return
        found = blaming.blame(causes, view, path)
        print(json_line(history_rows.blame_row(found)) if shape == "json" else "\n".join(history_text.blame_text(found)))


def _show_lines(causes: blaming.Causes, view: View, path: bytes, shape: str) -> None:
    found: dict[int, blaming.Cause] = {}
    blamed = blame_lines(view, path)
    for number, line in enumerate(blamed, 1):
        cause = found.get(line.position) or found.setdefault(line.position, causes.of(line.position))
        if shape == "json":
            print(json_line(history_rows.line_row(number, line, cause)))
        else:
            print(history_text.line_text(number, line, cause, len(str(len(blamed))), renamed=line.path != path))
