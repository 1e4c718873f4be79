"""`reflog`: what tags named before."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from cli.display.formats import short_id, shown_stated
from cli.display.history import person
from cli.display.output import Column, Shape, listing, listing_options
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.session.session import session
from eventstore.errors import NotFoundError
from eventstore.log.log import Log
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from projections.events.records import actor_text
from projections.history import moves
from projections.refs import references, suggestions, tags


@click.command()
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@date_option()
@listing_options(trunc=True)
def reflog(shape: Shape, name: str | None) -> None:
    r"""List what tags named, the latest first, who moved them and when; of all tags, of one, or of a repository's.

    \b
      layerlog reflog app:1
      layerlog reflog shop/web                all tags of it, where it has no shop/web:latest
      layerlog tag app:1@{1} app:1            back to the image before
    """
    with session() as s:
        found = moves.of_tags(s.log, None) if name is None else _named(s.log, name)
        listing(shape, map(_move_row, found), _MOVES, "image")


def _named(log: Log, name: str) -> Iterator[moves.Move]:
    """Return the moves of the tag *name*, or of a repository's tags; raise NotFoundError where there never were any."""
    tags.new_name(name)
    full = references.tag_name(log, name) or next((full for full in tags.spellings(name) if log.stream("tag", full)), None)
    if full is not None:
        return moves.of_tags(log, full)
    found = () if ":" in name.rpartition("/")[2] else moves.of_repository(log, name)
    first = next(found := iter(found), None)
    if first is None:
        raise NotFoundError(f"no tag {shown(name)}, now or ever; {suggestions.for_tag(log, name)}")
    return chain([first], found)


def _move_row(move: moves.Move) -> dict[str, Any]:
    (familiar,) = tags.shown_names([move.tag])
    return {
        "tag": familiar, "point": f"{familiar}@{{{move.step}}}", "image": move.image, "before": move.before,
        "time": rfc3339(move.record.time), "author": move.record.author, "actor": actor_text(move.record),
        "command": move.record.command,
    }  # fmt: skip


_MOVES = (
    Column("point", "POINT"), Column("image", "IMAGE", short_id, str, "deleted"), Column("before", "BEFORE", short_id, str),
    Column("time", "WHEN", shown_stated), Column("author", "AUTHOR", person), Column("actor", "ACTOR"),
)  # fmt: skip
