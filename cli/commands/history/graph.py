"""`log --graph`: which container was made from which image, and every commit in between."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import click

from cli.display.graph import place_line, place_row
from cli.display.output import json_line, or_say_nothing_found
from cli.options.changes import WAYS
from cli.session.session import Session
from eventstore.model.facts import image_of
from eventstore.model.paths import shown
from projections.events.records import Records
from projections.history.logbook import Item
from projections.images.ancestry import ROOT, Family, Key, Member
from projections.refs import containers, targets
from projections.refs.points import Points
from projections.refs.targets import Target

NOT_DRAWN = {"reverse": "--reverse", "follow": "--follow", "text": "-S", **{way: names[0] for way, (*names, _) in WAYS.items()}}
"""The options of `log` that say nothing of a graph, by the names under which the command gets them."""


def refuse_what_is_not_drawn(
    s: Session, target: Target | None, options: dict[str, Any], *, paths: bool, cut: bool
) -> None:
    """Raise UsageError for what goes with no graph."""
    given = [name for key, name in NOT_DRAWN.items() if options.get(key) or key in options["ways"]]
    given += ["PATH"] if paths else []
    given += ["A..B"] if cut else []
    if target is not None and target.container is not None and target.image is None:
        now = containers.get(s.log, target.container).version
        given += [f"the point {shown(target.text)}"] if target.version != now else []
    if given:
        raise click.UsageError(f"--graph and {given[0]} do not go together: a graph shows what came from what, oldest first.")


def show_graph(s: Session, target: Target | None, items: Iterator[Item] | None, options: dict[str, Any], nothing: str) -> None:
    """Print all that there is, or the family of *target*; only what leads to *items*, where they are what was asked for.

    Where there are none *nothing* is said.
    """
    family, records, points = Family(s.log), Records(s.log), Points(s.log)
    top = ROOT if target is None else family.root_of(_key(target))
    if items is None:
        places = or_say_nothing_found(family.places(top, lambda _: True), "no image or container is here yet")
    else:
        theirs = or_say_nothing_found(_of_family(family, top, items), nothing)
        places = family.places(top, _leading_to(family, islice(theirs, options["max_count"])))
    for place in places:
        if options["shape"] == "json":
            print(json_line(place_row(records, place)))
        else:
            print(place_line(records, points, place, brief=options["oneline"]))


def _key(target: Target) -> Key:
    return ("image", image_of(targets.as_base(target)) or "") if target.container is None else ("container", target.container)


def _of_family(family: Family, top: Key, items: Iterator[Item]) -> Iterator[Item]:
    root_of = cache(family.root_of)
    return items if top == ROOT else (item for item in items if root_of(_home(item)) == top)


def _leading_to(family: Family, items: Iterator[Item]) -> Callable[[Member], bool]:
    """Return which members are among *items*, or lead to one."""
    positions: set[int] = set()
    homes: set[Key] = set()
    for item in items:
        homes.add(_home(item))
        positions.update((item.commit.position,) if item.commit else ())
    leading = family.leading_to(homes)
    return lambda member: member.key in leading if member.seal is None else member.seal.position in positions


def _home(item: Item) -> Key:
    """Return the container of a commit, the image of a layer."""
    return ("image", item.layer.image) if item.layer else ("container", item.container or "")
