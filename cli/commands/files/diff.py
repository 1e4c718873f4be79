"""`diff`: views compared."""

import sys
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from cli.display.diff_lines import Compared, print_changes, print_config
from cli.display.formats import listed
from cli.options import completion
from cli.options.changes import changes_options
from cli.session import logs
from cli.session.named_paths import led, specs_anywhere, specs_in
from cli.session.session import Session, session
from eventstore.errors import ConflictError, InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import plain, shown
from projections.diff.tree_diff import between, events_between
from projections.events.pathspecs import Pathspec, matcher
from projections.history import status
from projections.images.run_config import around, run_config
from projections.oci.config_diff import ConfigDifference, differences
from projections.refs import references
from projections.refs.ranges import range_of
from projections.refs.targets import Target
from projections.tree.symlinks import follow
from projections.tree.view import View


class WithPaths(click.Command):
    """Takes what stands behind `--` as paths, as git does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.params["paths"] = tuple(args[end + 1 :])
        rest = super().parse_args(ctx, args[:end])
        if end < len(args):
            for name in ("second", "paths"):  # the first is not what follows, even where it is not there
                ctx.set_parameter_source(name, ParameterSource.COMMANDLINE)
        return rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        if ctx.get_parameter_source("paths"):
            return completion.paths_inside(ctx, self.params[0], incomplete)
        return super().shell_complete(ctx, incomplete)


@click.command(cls=WithPaths, options_metavar="[OPTIONS]")
@click.argument("first", metavar="REF[:PATH]|A..B|LAYER", shell_complete=completion.path_ranges)
@click.argument("second", metavar="[REF[:PATH]] [-- PATH...]", required=False, shell_complete=completion.paths)
@click.option("--base", is_flag=True, help="All since the container's base, sealed or not: what docker diff shows.")
@changes_options
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
@click.option("--exit-code", is_flag=True, help="Exit 1 where something differs, 0 where nothing does.")
@click.pass_context
def diff(
    ctx: click.Context, first: str, second: str | None, paths: tuple[str, ...], ways: list[str], context: int,
    output_format: str, *, base: bool, exit_code: bool,
) -> None:  # fmt: skip
    r"""Show what differs: paths added (A), changed (C) and deleted (D).

    Of one container, what no commit has sealed; of a layer from elsewhere, by its id, what it changes of those below it in the
    image that first brought it; of two views, what leads from the first to the second. Before them, where
    no path is named, what goes (-) from the config and what comes (+), variable by variable, label by label. A..B is A B; A..
    leads up to now, and ..B is B with --base. PATH is a file, a directory with all below it, or a glob.

    \b
      layerlog diff web                     not sealed yet
      layerlog diff --base web              all since the image it was made from
      layerlog diff -p tomcat web:/etc      from an image to a container, below /etc, line by line
      layerlog diff --stat web@10..web@42   between two events
      layerlog diff -p app:1.0 app:1.1 -- /etc '*.conf'
    """
    with session() as s:
        asked = ["json"] if output_format == "json" else ways or ["topmost"]
        first, second, base = _ends(s, first, second, base=base)
        configs = [] if paths or _names_path(s, first, second) else _configs(s, first, second, base=base)
        configured = print_config(asked, configs)
        changed = print_changes(asked, lambda: _compare(s, first, second, paths, base=base)._replace(context=context))
        if configured and asked == ["names"]:
            print(f"layerlog: the config differs too ({listed([d.label for d in configs])})", file=sys.stderr)
        if (configured or changed) and exit_code:
            ctx.exit(1)


def _ends(s: Session, first: str, second: str | None, *, base: bool) -> tuple[str, str | None, bool]:
    """Return the two references, and whether the base is meant, of what may be a range."""
    for text in filter(None, (first, second)):
        asked = range_of(s.log, text)
        if asked is not None and (second is not None or base):
            raise InvalidError(f"{shown(text)} has both ends already; name it alone")
        if asked is not None:
            return (asked.second, None, True) if asked.first is None else (asked.first, asked.second, False)
    return first, second, base


def _compare(s: Session, first: str, second: str | None, paths: tuple[str, ...], *, base: bool) -> Compared:
    """Return the two views that the user means, and what differs at the paths that he names."""
    found, specs = _compared(s, first, second, paths, base=base)
    matches = matcher(specs).match
    return found._replace(rows=(row for row in found.rows if matches(row.path))) if paths else found


def _compared(
    s: Session, first: str, second: str | None, paths: Sequence[str], *, base: bool
) -> tuple[Compared, tuple[Pathspec, ...]]:
    """Return the two views with what differs, and what *paths* mean in them."""
    if _is_layer(s, first, second, base=base):
        return _layer_compared(s, first), specs_anywhere(s.log, paths)
    left, top = s.split(first)
    right, other = s.split(second) if second else (None, None)
    if top is not None and other is not None and plain(top) != plain(other):
        raise InvalidError(f"/{shown(top)} and /{shown(other)}: one path is compared in two views; name the same in both")
    before, after = _pair(s, s.resolve(left), right, base=base)
    path, specs = top if top is not None else other or b"", specs_in(after, paths)
    if len(specs) == 1 and not path and not specs[0].is_glob:
        return Compared(before, after, between(before, after, specs[0].path)), specs
    path = led(after if after.lookup(follow(after, path)) else before, path, last=True)
    if logs.wanted():
        direct = None if path else events_between(before, after)
        logs.detail("compared", by="both trees" if direct is None else "the events in between", events=direct and direct[1:])
    return Compared(before, after, between(before, after, path)), specs


def _is_layer(s: Session, first: str, second: str | None, *, base: bool) -> bool:
    return second is None and not base and references.layer_alone(s.log, first) is not None


def _layer_compared(s: Session, layer: str) -> Compared:
    """Return what a layer alone changes, as `show` of it does."""
    from cli.commands.history.log import compared
    from projections.history import logbook

    item = logbook.of_layer_alone(s.log, s.store.content, layer)
    if item is None:
        name = shown(layer)
        raise NotFoundError(f"{name} is a layer that no image brought; `layerlog ls {name}` lists what it holds")
    return compared(s, None, item)


def _pair(s: Session, target: Target, second: str | None, *, base: bool) -> tuple[View, View]:
    if second is not None:
        if base:
            raise InvalidError("--base compares one container with what it was made from; name one alone")
        return s.view(target), s.view(s.resolve(second))
    if target.image is not None or target.container is None:
        name = shown(target.text)
        raise ConflictError(f"{name} is an image, in which all is sealed; name two to compare: `layerlog diff {name} OTHER`")
    if base:
        return status.base_view(s.store, target.container), s.view(target)
    found = status.unsealed(s.store, target.container, target.version)
    return found.before, found.after


def _names_path(s: Session, first: str, second: str | None) -> bool:
    return any(text is not None and s.split(text)[1] is not None for text in (first, second))


def _configs(s: Session, first: str, second: str | None, *, base: bool) -> list[ConfigDifference]:
    """Return what differs of the configs of the two views; nothing where one of them cannot be read: the files still can."""
    if _is_layer(s, first, second, base=base):
        return []
    target = s.resolve(first)
    try:
        if second is not None:
            before, after = (run_config(s.log, s.store.content, found) for found in (target, s.resolve(second)))
        elif target.container is None or target.image is not None:
            return []
        else:
            since = 1 if base else status.unsealed(s.store, target.container, target.version).first
            before, after = around(s.log, s.store.content, target.container, since, target.version)
    except LayerlogError:
        return []
    return list(differences(before, after))
