"""`reflog`: what tags named before."""

from typing import Any

import click

from cli.display.formats import short_id, shown_stated
from cli.display.history import person
from cli.display.output import Column, Shape, listing, listing_options
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.session.session import session
from eventstore.model.times import rfc3339
from projections.events.records import actor_text
from projections.history import moves
from projections.refs import references, tags


@click.command()
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@date_option()
@listing_options(trunc=True)
def reflog(shape: Shape, name: str | None) -> None:
    r"""List what tags named, the latest first, who moved them and when; of all tags, or of one.

    \b
      layerlog reflog app:1
      layerlog tag app:1@{1} app:1            back to the image before
    """
    with session() as s:
        full = None if name is None else references.tag_name(s.log, name) or tags.new_name(name)
        listing(shape, (_move_row(move) for move in moves.of_tags(s.log, full)), _MOVES, "image")


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
