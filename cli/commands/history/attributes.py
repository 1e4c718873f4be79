"""The options of `find` that ask for attributes, as find(1) spells them, and what users' names in them stand for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import click

from cli.display.formats import listed, short_id
from cli.options.sizes_and_times import begins, parse_size_test
from cli.session.session import Session
from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import shown
from projections.audit.places import Places
from projections.edits.modes import MAX_ID, named_ids
from projections.events.node_tests import NodeTest, parse_mode, parse_types
from projections.tree.view import View

F = TypeVar("F", bound=Callable[..., Any])
FILES = {"--user": b"etc/passwd", "--group": b"etc/group"}


def attribute_options(command: F) -> F:
    """Add --perm, --type, --user, --group, --size and --newer, of which `node_test` makes one test."""
    for option in reversed((
        click.option("--perm", "perms", multiple=True, metavar="MODE",
                     help="-4000: all of these bits, /6000: any, 0755: these and no others. A symlink has none."),
        click.option("--type", "types", metavar="TYPE", help="f, d, l, p, c or b, or several: f,l."),
        click.option("--user", "user", metavar="NAME|UID", help="Whose it is; names are those of the images' own /etc/passwd."),
        click.option("--group", "group", metavar="NAME|GID", help="Its group, likewise."),
        click.option("--size", "sizes", multiple=True, metavar="SIZE",
                     help="Files over +1M, under -10k, of exactly 512 bytes; unlike find(1)'s not rounded up to units."),
        click.option("--newer", metavar="TIME", callback=begins, help="Modified then or later, by its own mtime."),
    )):  # fmt: skip
        command = option(command)
    return command


def node_test(s: Session, refs: Sequence[str], asked: dict[str, Any]) -> NodeTest | None:
    """Take the options of `attribute_options` out of *asked* and return what they ask for, None where that is nothing.

    Names are looked up in the views of *refs*, or everywhere.
    """
    perms, types, user, group, sizes, newer = (asked.pop(key) for key in ("perms", "types", "user", "group", "sizes", "newer"))
    if not perms and not sizes and all(value is None for value in (types, user, group, newer)):
        return None
    return NodeTest(
        tuple(parse_mode(text, "--perm ") for text in perms),
        parse_types(types) if types is not None else frozenset(),
        _ids(s, refs, "--user", user) if user is not None else frozenset(),
        _ids(s, refs, "--group", group) if group is not None else frozenset(),
        tuple(map(parse_size_test, sizes)),
        newer,
    )


def _ids(s: Session, refs: Sequence[str], option: str, text: str) -> frozenset[int]:
    if text.isascii() and text.isdigit():
        if len(text) > len(str(MAX_ID)) or int(text) > MAX_ID:
            raise InvalidError(f"{option} {shown(text[:20])}: over {MAX_ID}")
        return frozenset([int(text)])
    file = FILES[option]
    found: Mapping[int, list[str]] = _known(_views(s, refs), text, file)
    if not found:
        raise NotFoundError(f"{option} {shown(text)}: no /{shown(file)} in what is searched has this name; give the number")
    if len(found) > 1:
        ids = [f"{number} in {listed(names, 2)}" for number, names in sorted(found.items())]
        raise InvalidError(f"{option} {shown(text)} is {' and '.join(ids)}: give the number, or limit it by --in")
    return frozenset(found)


def _known(views: Iterable[tuple[str, View]], name: str, file: bytes) -> Mapping[int, list[str]]:
    """Return the numbers that *name* has, each with where."""
    found: dict[int, list[str]] = {}
    for where, view in views:
        for number in named_ids(view, name, file):
            found.setdefault(number, []).append(where)
    return found


def _views(s: Session, refs: Sequence[str]) -> Iterator[tuple[str, View]]:
    if refs:
        yield from ((ref, s.view(s.resolve(ref))) for ref in refs)
    else:
        yield from ((short_id(place.id), place.view) for place in Places(s.log, s.store.content).all())
