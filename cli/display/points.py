"""Events as points: how people are told which one it is; apart from what lists commits, as `stat` needs none of that."""

from cli.display.formats import short_id
from eventstore.model.paths import shown
from projections.events import rows
from projections.events.records import Record
from projections.refs.points import Points


def placed(record: Record, points: Points) -> str:
    """Return which event it is, and of one that is no container's, what it is about: web@42; 17, of layer 2a1f4c3b5d6e."""
    about = "" if record.kind == "container" else f", of {record.kind} {shown(short_id(record.name))}"
    return rows.place(record, points) + about
