"""Images in and out: archives, layouts, and what a store makes of them.  `__all__` is what a program needs of it."""

from typing import TYPE_CHECKING

from eventstore.offers import offers

if TYPE_CHECKING:
    from cli.distribution.exchange import load, save
    from cli.distribution.receive import Received

__all__ = ["Received", "load", "save"]

__getattr__ = offers(__name__, {"exchange": ["load", "save"], "receive": ["Received"]})
