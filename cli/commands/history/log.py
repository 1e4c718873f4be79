"""`log`: commits and layers, or what touched some paths."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import click

from cli.display import history
from cli.display.diff_lines import Compared, config_row, difference_row, print_changes, print_config
from cli.display.formats import listed
from cli.display.output import json_line, note, or_say_nothing_found
from cli.options import completion
from cli.options.changes import changes_options, text_or_json
from cli.options.regexes import optional_matcher
from cli.options.sizes_and_times import date_option, period_options
from cli.session import named_paths
from cli.session.session import Session, session
from eventstore.errors import InvalidError
from eventstore.model.batches import growing_batches
from eventstore.model.paths import as_bytes
from projections.diff.between import Around, differences
from projections.events.pathspecs import Pathspec, matcher
from projections.events.records import PeopleFilter, Records
from projections.events.rows import place
from projections.history import commits, logbook
from projections.history.commits import Signed
from projections.history.logbook import Filter, Item
from projections.history.pickaxe import Pickaxe
from projections.images import run_config
from projections.oci import config_diff
from projections.oci.config_diff import ConfigDifference
from projections.refs import containers, tags
from projections.refs.points import Points
from projections.refs.ranges import Range, range_of
from projections.refs.targets import Target, of_image
from projections.tree.view import View


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
@click.argument("ref", required=False, metavar="[REF[@POINT]|A..B]", shell_complete=completion.ranges)
@click.argument("paths", nargs=-1, metavar="[-- PATH...]", shell_complete=completion.paths_inside)
@click.option("--all", "everything", is_flag=True, help="The whole store, as without REF.")
@click.option("--oneline", is_flag=True, help="One line each.")
@click.option("-n", "--max-count", type=click.IntRange(0), help="Show at most so many; -3 is -n 3.")
@period_options
@click.option(
    "--author", metavar="PATTERN", help="Who is claimed to have made it matches this regular expression.",
    shell_complete=completion.authors,
)  # fmt: skip
@click.option("--actor", metavar="PATTERN", help="The observed actor matches it: login@host (uid N, login uid N).")
@click.option("--grep", metavar="PATTERN", help="The message matches it.")
@click.option("-S", "text", metavar="TEXT", help="It made TEXT occur more or less often in some file, of PATH where given.")
@changes_options
@click.option("--follow", is_flag=True, help="Follow one PATH back through moves and hard links.")
@click.option("--reverse", is_flag=True, help="The oldest first.")
@click.option("--graph", is_flag=True, help="Draw which container came from which image, with every commit.")
@date_option()
@text_or_json
def log(ref: str | None, paths: tuple[str, ...], *, everything: bool, graph: bool, **options: Any) -> None:
    r"""Show commits, newest first, and the imported layers below them; or every change of some paths.

    REF is a container or an image, at any point of its history: its own commits, then those it was made from. Below them
    are the layers of an image from elsewhere: who made them, and when, is the image's word (--author, --since and
    --until go by it); who first loaded the image, when and from what, was seen here. Without REF: all of the store. Behind REF,
    PATH is a file, a directory with all below it, or a glob in which * matches / too; then events are shown, under
    the commits that sealed them. A..B is what B stands on and A does not; A.. goes up to now.

    \b
      layerlog log web
      layerlog log web -- /etc '*.conf'
      layerlog log -p app:1.0..app:1.1               what one release has and the other had not
      layerlog log web@3..web@9 -- /etc
      layerlog log --all -- /etc/passwd              who touched it, in any container or image
      layerlog log --oneline --author ada --since '2 days ago' web
      layerlog log --follow -p web -- /srv/index.html
      layerlog log -S 'PermitRootLogin yes' web -- /etc/ssh
    """
    if options["text"] == "":
        raise click.UsageError("-S takes a text to look for.")
    with session() as s:
        asked = _asked(s, ref, paths, everything=everything)
        if graph:
            from cli.commands.history.graph import refuse_what_is_not_drawn, show_graph

            refuse_what_is_not_drawn(s, asked.target, options, paths=bool(asked.patterns), cut=asked.known is not None)
            show_graph(s, asked.target, _chosen(s, asked, options), options, _nothing(ref, (), asked))
            return
        items = _struck(s, asked, logbook.kept(_items(s, asked, options), _filter(options)), options["text"])
        items = or_say_nothing_found(items, lambda: _nothing(ref, paths, asked) + _other_way(s, ref, asked, options))
        records = Records(s.log)
        for batch in growing_batches(_limited(items, options)):
            names = tags.of(s.log, filter(None, map(_image, batch)))
            signed = commits.signatures(records, [item.commit.id for item in batch if item.commit])
            for item in batch:
                _show_item(s, asked, item, (names.get(_image(item), []), signed.get(_image(item), [])), options)


def _nothing(ref: str | None, paths: tuple[str, ...], asked: "Asked") -> str:
    """Return what there is none of, where there is nothing to show."""
    if asked.patterns:
        where = f" in {ref}" if asked.target and paths else ""
        return f"no event that was asked for is about {listed(paths if where else [*filter(None, [ref]), *paths], 3)}{where}"
    return f"no commit or layer that was asked for{f' in {ref}' if asked.target else ''}"


def _other_way(s: Session, ref: str | None, asked: "Asked", options: dict[str, Any]) -> str:
    """Return what is to be said where B..A has nothing, and A..B has."""
    given = range_of(s.log, ref) if ref is not None else None
    if given is None or given.first is None or asked.known is None or options["text"] is not None:
        return ""
    other = asked._replace(target=asked.known, view=s.view(asked.known), known=asked.target)
    if next(iter(logbook.kept(_items(s, other, options), _filter(options))), None) is None:
        return ""
    name, mark, path = given.second.partition(":/")
    return f"; the other way round, {name}..{given.first}{mark}{path}, there is"


class Asked(NamedTuple):
    """What the arguments of `log` mean: no `target` is the whole store; what `known` stands on is left out."""

    points: Points
    target: Target | None = None
    view: View | None = None
    patterns: tuple[Pathspec, ...] = ()
    known: Target | None = None


def _asked(s: Session, ref: str | None, paths: tuple[str, ...], *, everything: bool) -> Asked:
    if ref is None or everything:
        given = (*(() if ref is None else (ref,)), *paths)
        return Asked(Points(s.log), patterns=named_paths.specs_anywhere(s.log, given))
    asked = range_of(s.log, ref) or Range(None, ref)
    name, path = s.split(asked.second)
    target = s.resolve(name)
    known = s.resolve(asked.first) if asked.first is not None else None
    view = s.view(target)
    beside = () if path is None else (Pathspec(named_paths.led(view, path)),)
    return Asked(Points(s.log), target, view, (*beside, *named_paths.specs_in(view, paths)), known)


def _items(s: Session, asked: Asked, options: dict[str, Any]) -> Iterator[Item]:
    items = _all_items(s, asked, options)
    return items if asked.known is None or asked.view is None else logbook.beyond(items, asked.known, asked.view)


def _all_items(s: Session, asked: Asked, options: dict[str, Any]) -> Iterator[Item]:
    target, view, patterns = asked.target, asked.view, asked.patterns
    if target is None and patterns:
        if options["ways"] or options["text"]:
            raise InvalidError("log --all: what changed in a path is shown of a container or image; name it in place of --all")
        return logbook.of_paths_everywhere(_views(s), patterns, follow=options["follow"])
    if target is not None and view is not None and patterns:
        return logbook.of_paths_traced(view, target, patterns, follow=options["follow"])
    author = optional_matcher(options["author"], "--author")
    if author is not None and not author(""):  # what nobody is named for is in no index
        return logbook.by_author(s.log, s.store.content, target, author)
    if target is None:
        return logbook.of_everything(s.log, s.store.content)
    return logbook.of_target(s.log, s.store.content, target)


def _views(s: Session) -> Iterator[tuple[View, Target]]:
    """Yield every container, removed ones too, and every image taken from elsewhere."""
    from projections.images import images

    targets = [Target(one.name, None, one.id, one.version) for one in containers.all_containers(s.log)]
    targets += [of_image(s.log, image.id, image.id) for image in images.arrived(s.log)]
    return ((s.view(target), target) for target in targets)


def _filter(options: dict[str, Any]) -> Filter:
    author, actor, grep = (optional_matcher(options[key], f"--{key}") for key in ("author", "actor", "grep"))
    return Filter(options["since"], options["until"], PeopleFilter(author, actor), grep)


def _chosen(s: Session, asked: Asked, options: dict[str, Any]) -> Iterator[Item] | None:
    """Return what of the whole store a graph is to lead to, None where nothing was asked for but the graph."""
    if all(options[key] is None for key in ("since", "until", "author", "actor", "grep", "max_count")):
        return None
    return logbook.kept(_items(s, Asked(asked.points), options), _filter(options))


def _struck(s: Session, asked: Asked, items: Iterable[Item], text: str | None) -> Iterator[Item]:
    """Yield the items that made *text*, where one is given, occur more or less often."""
    if text is None:
        yield from items
        return
    pickaxe, matches = Pickaxe(as_bytes(text)), matcher(asked.patterns).match if asked.patterns else None
    for item in items:
        found = compared(s, asked.view, item)
        rows = found.rows
        if matches is not None and item.names is None:  # all that is below a directory that an event is about, too
            rows = (row for row in differences(_around(s, asked.view, item)) if matches(row.path))
        if pickaxe.strikes(found.before, found.after, rows):
            yield item
    note({"erased contents": len(pickaxe.erased)}, "not searched")


def _limited(items: Iterable[Item], options: dict[str, Any]) -> Iterable[Item]:
    found = islice(items, options["max_count"])
    return list(found)[::-1] if options["reverse"] else found


def _image(item: Item) -> str:
    """Return the image that ends with the item, "" where none does."""
    return item.commit.id if item.commit else item.layer.image if item.layer and item.layer.number == item.layer.total else ""


def _show_item(s: Session, asked: Asked, item: Item, known: tuple[list[str], list[Signed]], options: dict[str, Any]) -> None:
    """Print an item with what is *known* of its image: its names and signatures."""
    ways, view, touched = options["ways"], asked.view, bool(asked.patterns)
    if options["shape"] == "json":
        print(json_line(history.item_row(item, *known, touched=touched) | (changes_row(s, view, item) if ways else {})))
        return
    print(history.oneline(item, known[0]) if options["oneline"] else "\n".join(history.item_lines(item, *known, asked.points)))
    for record in item.touched:
        print(f"  {history.event_line(record, place(record, asked.points))}")
    print_config(ways, config_changes(s, item) if ways else [])
    print_changes(ways, lambda: compared(s, view, item)._replace(context=options["context"]))
    if (touched or ways) and not options["oneline"]:
        print()


def compared(s: Session, view: View | None, item: Item) -> Compared:
    found = _around(s, view, item)
    rows = logbook.differences_at(found, item, s.log) if item.touched else differences(found)
    return Compared(found.before, found.after, rows)


def _around(s: Session, view: View | None, item: Item) -> Around:
    """Return the views around an item; a layer may be one of the image that the one in *view* was made of."""
    return logbook.around(_view_of(s, item) if view is None or item.layer is not None else view, item)


def _view_of(s: Session, item: Item) -> View:
    """Return a view that holds an item of the whole store: a layer is one of the image that it came with."""
    if item.layer is None:
        return View(s.log, s.store.content, [])
    return s.view(of_image(s.log, item.layer.image, item.layer.image))


def config_changes(s: Session, item: Item) -> list[ConfigDifference]:
    """Return what a commit changed of its container's config; nothing where paths were asked for, as it is about none."""
    commit = item.commit
    if commit is None or item.touched:
        return []
    configs = run_config.around(s.log, s.store.content, commit.container, commit.first, commit.last)
    return list(config_diff.differences(*configs))


def changes_row(s: Session, view: View | None, item: Item) -> dict[str, Any]:
    changed = compared(s, view, item).rows
    return {"config_changes": list(map(config_row, config_changes(s, item))), "changes": list(map(difference_row, changed))}
