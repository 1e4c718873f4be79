"""Who waits for a lock is told for what, for whom, and how to go on."""

from cli.session.redact import redacted
from eventstore.disk.lock import Holder, Waiting
from eventstore.model.paths import shown

MOST = 3
WIDTH = 60


def say(waiting: Waiting) -> None:
    """Say it in one line on stderr."""
    from cli.display import bars

    bars.say(f"layerlog: waiting for {waiting.what}, held by {who(waiting.holders)}; it goes on when that ends, ^C gives up")


def who(holders: tuple[Holder, ...]) -> str:
    """Return who they are: "pid 12 (layerlog write web:/motd)"."""
    if not holders:
        return "a process that cannot be seen from here"
    more = f" and {len(holders) - MOST} more" if len(holders) > MOST else ""
    return ", ".join(map(_named, holders[:MOST])) + more


def _named(holder: Holder) -> str:
    words = " ".join(redacted(holder.argv))
    command = f"{words[:WIDTH]}..." if len(words) > WIDTH else words
    return f"pid {holder.pid} ({shown(command)})" if command else f"pid {holder.pid}"
