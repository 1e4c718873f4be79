"""`commit --guard`: what a user's rules ask for, and the refusal of what they object to."""

from collections.abc import Iterable

from cli.options.sizes_and_times import parse_size
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.edits.guards import Guards, objections
from projections.history import status
from projections.refs.containers import Container
from projections.tree.view import View

SHOWN = 5
NAMES = ("secrets", "setuid", "author", "message")


def guards(rules: Iterable[str]) -> Guards:
    """Return what *rules* (secrets, setuid, author, message, size=10M) ask for; raise InvalidError for any other."""
    found = Guards()
    for rule in rules:
        name, _, value = rule.partition("=")
        if name == "size" and value:
            found = found._replace(size=parse_size(value))
        elif rule in NAMES:
            found = found._replace(**{rule: True})
        else:
            raise InvalidError(f"no guard {shown(rule)!r}; there are {', '.join(NAMES)} and size=BYTES (as in size=10M)")
    return found


def guard(store: Store, container: Container, rules: Iterable[str], author: str | None, message: str | None) -> None:
    """Raise ConflictError naming what *rules* object to; costs reading what would be sealed only where contents count."""
    asked = guards(rules)
    if not asked.any:
        return
    found = status.unsealed(store, container.id, container.version)
    entries = (difference.after for difference in status.differences(found) if difference.after is not None)
    flaws = list(objections(asked, author, message, entries, View(store.log, store.content, ()).read))
    if flaws:
        more = f" and {len(flaws) - SHOWN} more" if len(flaws) > SHOWN else ""
        raise ConflictError(f"a guard refuses this commit: {'; '.join(flaws[:SHOWN])}{more}; mend that, or drop the guard")
