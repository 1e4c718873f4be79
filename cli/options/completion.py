"""What the shell may complete: references, and paths inside what they name.  Never makes a store, never fails."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from cli.session.settings import Settings, default_store

if TYPE_CHECKING:
    from cli.session.session import Session
    from eventstore.model.events import Event

MOST = 200
LOOKED_AT = 1000
POINTS = 20
DIGITS = 12
DESCRIBED = 60

Name = tuple[str, str | None]
"""What completes the word, and what it is, for shells that show that."""
Find = Callable[["Session", str], Iterable[Name]]
Complete = Callable[[click.Context, click.Parameter, str], list[Any]]


def _completing(*finds: Find) -> Complete:
    return lambda ctx, _, typed: _found(ctx, typed, *finds)


def _found(ctx: click.Context, typed: str, *finds: Find) -> list[Any]:
    """Return what completes *typed* of what *finds* yield for it from the store, as far as they get."""
    from cli.session.session import Session
    from eventstore.errors import LayerlogError
    from eventstore.log.log import DatabaseError

    store = ctx.find_root().params.get("store") or default_store()
    found: dict[str, str | None] = {}
    if os.path.exists(os.path.join(store, "log.db")):
        try:
            s = Session(Settings(store))
            try:
                for name, what in chain.from_iterable(find(s, typed) for find in finds):
                    if name.startswith(typed):
                        found.setdefault(name, what)
                    if len(found) == MOST:
                        break
            finally:
                s.store.close()
        except (LayerlogError, DatabaseError, OSError):
            pass
    return _items(found.items())


def _items(names: Iterable[Name]) -> list[Any]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=what) for name, what in names]


# -- names, ids and points


def _containers(s: "Session", typed: str, *, removed: bool = False) -> Iterator[Name]:
    from eventstore.index.names import containers_called

    for name, container in containers_called(s.log, typed, removed=removed, most=LOOKED_AT):
        yield name, f"removed container {container[:DIGITS]}" if removed else "container"


def _images(s: "Session", typed: str, *, deleted: bool = False) -> Iterator[Name]:
    from eventstore.index.names import current_tags, deleted_tags
    from projections.refs.tags import beginnings, shown_names

    what = "deleted tag" if deleted else "image"
    found = [deleted_tags(s.log)] if deleted else [current_tags(s.log, begun) for begun in beginnings(typed)]
    names = shown_names([*{name for tags in found for name, _ in islice(tags, LOOKED_AT)}])
    for name in sorted({*names, *(name.removeprefix("localhost/") for name in names)}):
        short = name.removesuffix(":latest")
        yield short if short.startswith(typed) else name, what


def _container_ids(s: "Session", typed: str, *, removed: bool) -> Iterator[Name]:
    from projections.refs import containers

    for container in map(partial(containers.get, s.log), _beginning(typed, partial(s.log.beginning, "container"))):
        if container.removed is removed:
            yield _short(typed, container.id), f"{'removed ' * removed}container {container.name}"


def _image_ids(s: "Session", typed: str, *, removed: bool = False) -> Iterator[Name]:
    """Yield commits, by what was said of them, and images taken from elsewhere, by their names."""
    from eventstore.errors import DamagedError
    from eventstore.index import seals
    from projections.images import images
    from projections.refs import tags

    ids = {*_beginning(typed, partial(s.log.beginning, "image"))}
    ids.update(_beginning(typed, partial(seals.beginning, s.log, most=MOST)))
    named = tags.of(s.log, ids)
    for image in sorted(ids):
        try:
            found = images.get(s.log, image)
        except DamagedError:  # a point that left as an image
            continue
        if found.removed is removed:
            names = ", ".join(tags.shown_names(named.get(image, [])))
            yield _short(typed, image), _message(found.seal) or names or "image"


def _beginning(typed: str, find: Callable[[str], Iterable[str]]) -> list[str]:
    """Return some of the ids that begin as *typed*, where that is two hex digits or more."""
    from projections.refs.references import id_prefix

    prefix = id_prefix(typed)
    return [] if prefix is None else [*find(prefix)][:MOST]


def _short(typed: str, whole: str) -> str:
    scheme = "sha256:" if typed.startswith("sha256:") else ""
    return scheme + (whole if len(typed) > len(scheme) + DIGITS else whole[:DIGITS])


def _message(seal: "Event | None") -> str:
    return (seal.stated.get("message") or "").strip().partition("\n")[0][:DESCRIBED] if seal else ""


def _points(s: "Session", typed: str) -> Iterator[Name]:
    """Yield the latest steps of a tag, or versions of a container that are commits, where an @ was typed."""
    from eventstore.index import seals
    from eventstore.index.streams import last_event
    from eventstore.model.facts import TagMove
    from projections.refs import references

    ref, at, _ = typed.rpartition("@")
    if not at:
        return
    tag = references.tag_name(s.log, ref)
    if tag is not None:
        stream = s.log.existing("tag", tag)
        for step in range(min(POINTS, stream.version)):
            event = last_event(s.log, stream.id, stream.version - step)
            image = TagMove.of(event).image if event else None
            yield f"{ref}@{{{step}}}", image and image[:DIGITS]
        return
    target = s.resolve(ref)
    if target.container is not None:
        stream = s.log.existing("container", target.container)
        latest = islice(seals.down(s.log, stream.id, target.version), POINTS)
        found = {target.version: "now"} | {seal.version: _message(seal) or "commit" for seal in latest}
        for version, what in found.items():
            yield f"{ref}@{version}", what


def _ids(s: "Session", typed: str) -> Iterable[Name]:
    return chain(_container_ids(s, typed, removed=False), _container_ids(s, typed, removed=True), _image_ids(s, typed))


def _references(s: "Session", typed: str) -> Iterable[Name]:
    return chain.from_iterable(find(s, typed) for find in (_containers, _images, _ids, _points))


def _authors(s: "Session", _typed: str) -> Iterator[Name]:
    """Yield who is said to have made commits, as a regular expression that means just that."""
    import re

    from eventstore.index.seals import authors

    return ((re.sub(r"[\\^$*+?{}\[\]|()]", r"\\\g<0>", author), "author") for author in islice(authors(s.log), LOOKED_AT))


# -- paths


def _paths(s: "Session", typed: str, names: Find = _references) -> Iterator[Name]:
    if ":/" not in typed:
        yield from ((f"{name}:/", what) for name, what in names(s, typed))
        return
    folder, _, begun = typed.rpartition("/")
    yield from _children(s, f"{folder}/", begun)


def _children(s: "Session", place: str, begun: str) -> Iterator[Name]:
    """Yield *place*, a directory, with each name in it that begins so."""
    from projections.tree.symlinks import follow

    view, path = s.view_of(place)
    for child in view.children(follow(view, path), os.fsencode(begun)):
        yield f"{place}{os.fsdecode(child.path.rpartition(b'/')[2])}{'/' * child.is_dir}", None


def _ranges(s: "Session", typed: str, find: Find) -> Iterator[Name]:
    """Yield what *find* does, for the second end of A..B too."""
    first, dots, _ = typed.partition(":/")[0].rpartition("..")
    yield from ((first + dots + name, what) for name, what in find(s, typed[len(first + dots) :]))


def paths_inside(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Paths in the view that an argument before names; click leaves it aside where an option lacks its value."""
    ref = next(filter(None, (*map(ctx.params.get, ("second", "first", "ref")), *ctx.args)), None)
    typed = incomplete or "/"

    def find(s: "Session", _: str) -> Iterator[Name]:
        from projections.refs.ranges import range_of

        asked = range_of(s.log, ref or "")
        view = s.split(asked.second if asked else ref or "")[0]
        folder, slash, begun = typed.rpartition("/")
        for place, what in _children(s, f"{view}:/{folder}{slash}", begun):
            yield place.removeprefix(f"{view}:/"), what

    return _found(ctx, incomplete, find) if ref else []


def host_paths(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    return _items(_host_paths(incomplete))


def any_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Paths in views and on this machine."""
    return [*paths(ctx, param, incomplete), *_items(_host_paths(incomplete))]


def _host_paths(incomplete: str) -> Iterator[Name]:
    folder, begun = os.path.split(incomplete)
    try:
        with os.scandir(os.path.expandvars(os.path.expanduser(folder)) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(begun))
    except (OSError, ValueError):
        return
    for name, directory in found:
        if begun or not name.startswith("."):
            yield os.path.join(folder, name) + ("/" if directory else ""), None


# -- other words


def filters(module: str) -> Complete:
    """The keys in the KEYS of *module*, and then what these say of their values: small letters are such words themselves."""
    things: dict[str, Find] = {"CONTAINER": _containers, "IMAGE": _images, "ID": _ids, "AUTHOR": _authors}

    def find(s: "Session", typed: str) -> Iterator[Name]:
        from importlib import import_module

        keys = {key: getattr(known, "value", known) for key, known in import_module(module).KEYS.items()}
        key, equals, value = typed.partition("=")
        for name, spelled in keys.items() if not equals else ():
            yield f"{name}=", spelled[:DESCRIBED]
        for word in keys[key].split("|") if equals and key in keys else ():
            found = [(word, None)] if not word.isupper() else things[word](s, value) if word in things else []
            yield from ((f"{key}={name}", what) for name, what in found)

    return _completing(find)


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
    return _items((name, "stage") for name in names if name.startswith(incomplete))


containers = _completing(_containers, partial(_container_ids, removed=False))
image_names = _completing(_images)
"""Names that an image has: what another one is to be called, too."""
images = _completing(_images, _image_ids, _points)
references = _completing(_references)
ranges = _completing(partial(_ranges, find=_references))
authors = _completing(_authors)
removed = _completing(
    partial(_containers, removed=True), partial(_images, deleted=True),
    partial(_container_ids, removed=True), partial(_image_ids, removed=True),
)  # fmt: skip
paths = _completing(_paths)
"""REF, then, behind its ":/", the paths in its view."""
path_ranges = _completing(partial(_ranges, find=_paths))
container_paths = _completing(partial(_paths, names=_containers))
