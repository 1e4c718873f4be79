"""What the shell may complete: references, and paths inside what they name.  Never makes a store, never fails."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from cli.session.settings import Settings, default_store

MOST = 200
Name = tuple[str, str | None]
"""What completes the word, and what it is, for shells that show that."""


def any_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Paths in views and on this machine."""
    return [*paths(ctx, param, incomplete), *_items(_host_paths(incomplete))]


def host_paths(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    return _items(_host_paths(incomplete))


def stages(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """The names of the stages in the Dockerfile that is to be built."""
    import re

    place = ctx.params.get("place") or next(iter(ctx.args), ".")
    path = ctx.params.get("file") or os.path.join(place, "Dockerfile")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            names = re.findall(r"(?im)^[ \t]*FROM[ \t].*[ \t]AS[ \t]+(\S+)", file.read(1 << 20))
    except (OSError, ValueError):
        return []
    return _items(_starting(((name, "stage") for name in names), incomplete))


def _found(ctx: click.Context, find: Callable[[Any], Iterator[Name]]) -> list[Any]:
    from itertools import islice

    from cli.session.session import Session
    from eventstore.errors import LayerlogError
    from eventstore.log.log import DatabaseError

    store = ctx.find_root().params.get("store") or default_store()
    if not os.path.exists(os.path.join(store, "log.db")):
        return []
    try:
        s = Session(Settings(store))
        try:
            return _items(islice(find(s), MOST))
        finally:
            s.store.close()
    except (LayerlogError, DatabaseError, OSError):
        return []


def _items(names: Iterable[Name]) -> list[Any]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=what) for name, what in names]


def _starting(names: Iterable[Name], incomplete: str) -> Iterator[Name]:
    return ((name, what) for name, what in names if name.startswith(incomplete))


def _containers(s: Any) -> Iterator[Name]:
    from projections.refs.containers import all_containers

    return ((container.name, "container") for container in all_containers(s.log) if not container.removed)


def _images(s: Any) -> Iterator[Name]:
    from projections.refs.tags import current, shown_names

    names = shown_names([name for found in current(s.log).values() for name in found])
    short = {name.removeprefix("localhost/") for name in names}
    return ((name.removesuffix(":latest"), "image") for name in sorted({*names, *short}))


def _references(s: Any) -> Iterator[Name]:
    yield from _containers(s)
    yield from _images(s)


def _paths(s: Any, incomplete: str, names: Callable[[Any], Iterator[Name]]) -> Iterator[Name]:
    from eventstore.model.paths import shown
    from projections.tree.symlinks import follow

    if ":/" not in incomplete:
        yield from ((f"{name}:/", what) for name, what in _starting(names(s), incomplete))
        return
    known, _, begun = incomplete.rpartition("/")
    view, path = s.view_of(f"{known}/")
    for child in view.children(follow(view, path)):
        name = os.fsdecode(child.path.rpartition(b"/")[2])
        if name.startswith(begun) and name == shown(name):
            yield f"{known}/{name}{'/' if child.is_dir else ''}", None


def _completing(
    find: Callable[[Any, str], Iterator[Name]],
) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    return lambda ctx, _, incomplete: _found(ctx, lambda s: find(s, incomplete))


containers = _completing(lambda s, incomplete: _starting(_containers(s), incomplete))
images = _completing(lambda s, incomplete: _starting(_images(s), incomplete))
references = _completing(lambda s, incomplete: _starting(_references(s), incomplete))
paths = _completing(lambda s, incomplete: _paths(s, incomplete, _references))
"""REF, then, behind its ":/", the paths in its view."""
container_paths = _completing(lambda s, incomplete: _paths(s, incomplete, _containers))


def _host_paths(incomplete: str) -> Iterator[Name]:
    folder, begun = os.path.split(incomplete)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(begun))
    except OSError:
        return
    for name, directory in found:
        if begun or not name.startswith("."):
            yield os.path.join(folder, name) + ("/" if directory else ""), None
