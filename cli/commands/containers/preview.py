"""`commit --dry-run`: what would be sealed."""

from collections.abc import Iterator

from cli.display.diff_lines import letter_line
from cli.distribution.send import encoded
from eventstore.model.digests import named
from eventstore.model.events import ENCODER
from eventstore.store.store import Store
from projections.history import status
from projections.layers.layers import SealedLayer
from projections.refs.containers import Container


def preview(store: Store, container: Container) -> Iterator[str]:
    """Yield the lines that --dry-run prints: every path with its content's digest, config changes, and the layer's digest."""
    found = status.unsealed(store, container.id, container.version)
    for difference in status.topmost(status.differences(found)):
        content = difference.after.content if difference.after else None
        yield letter_line(difference) + (f"  {named(content)}" if content else "")
    yield from (f"config  {text}" for text in status.unsealed_instructions(store.log, container))
    layer = encoded(store, SealedLayer(container.id, found.first, found.last, "", ENCODER))
    yield f"layer  {named(layer.diff_id)}  {layer.size} bytes"
