"""Records: the append-only log, content, and the rules for changing a tree.  `__all__` is what a program needs of it."""

from typing import TYPE_CHECKING

from eventstore.offers import offers

if TYPE_CHECKING:
    from eventstore.errors import LayerlogError
    from eventstore.log.log import Context, Log
    from eventstore.model.changes import Change
    from eventstore.model.events import Event, Kind
    from eventstore.store import commands
    from eventstore.store.store import Store
    from eventstore.store.writer import Writer, alone, writing

__all__ = ["Change", "Context", "Event", "Kind", "LayerlogError", "Log", "Store", "Writer", "alone", "commands", "writing"]

__getattr__ = offers(__name__, {
    "errors": ["LayerlogError"],
    "log.log": ["Context", "Log"],
    "model.changes": ["Change"],
    "model.events": ["Event", "Kind"],
    "store": ["commands"],
    "store.store": ["Store"],
    "store.writer": ["Writer", "alone", "writing"],
})  # fmt: skip
