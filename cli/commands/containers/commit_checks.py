"""Before a commit seals: what the guards object to, and a look at what would be sealed."""

from collections.abc import Iterable, Iterator

from cli.display.formats import parse_size
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.digests import named
from eventstore.model.entries import Entry
from eventstore.model.events import ENCODER
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.edits.guards import Guards, objections
from projections.history import status
from projections.layers.layers import SealedLayer
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
    flaws = list(objections(asked, author, message, _sealed(found), View(store.log, store.content, ()).read))
    if flaws:
        more = f" and {len(flaws) - SHOWN} more" if len(flaws) > SHOWN else ""
        raise ConflictError(f"a guard refuses this commit: {'; '.join(flaws[:SHOWN])}{more}; mend that, or drop the guard")


def preview(store: Store, container: Container) -> Iterator[str]:
    """Yield the lines that --dry-run prints: every path with its content's digest, config changes, and the layer's digest."""
    from cli.display.diff_lines import coloured
    from cli.distribution.send import encoded

    found = status.unsealed(store, container.id, container.version)
    for difference in status.topmost(status.differences(found)):
        content = difference.after.content if difference.after else None
        yield coloured(difference) + (f"  {named(content)}" if content else "")
    yield from (f"config  {text}" for text in status.unsealed_instructions(store.log, container))
    layer = encoded(store, SealedLayer(container.id, found.first, found.last, "", ENCODER))
    yield f"layer  {named(layer.diff_id)}  {layer.size} bytes"


def _sealed(found: status.Unsealed) -> Iterator[Entry]:
    return (difference.after for difference in status.differences(found) if difference.after is not None)
