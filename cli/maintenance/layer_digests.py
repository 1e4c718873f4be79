"""What cache/ remembers: the encoded layers, which are cheap to compare and to compute anew."""

import re

from cli.distribution import send
from eventstore.errors import LayerlogError
from eventstore.integrity.findings import Advance
from eventstore.model.events import ENCODER
from eventstore.retention import compaction
from eventstore.store.store import Store
from projections.layers.layers import FolderLayer, SealedLayer

_NAME = re.compile(r"(?P<stream>[0-9a-f]{64})(?:-(?P<first>\d+)-(?P<last>\d+))?-v(?P<encoder>\d+)\.json")

Cached = dict[str, FolderLayer | SealedLayer]
"""File name below cache/ -> the layer that it tells the digest of."""


def encoded(store: Store) -> Cached:
    """Return every encoded layer that cache/ remembers."""
    found: Cached = {}
    for name in sorted(store.cache.names(send.ENCODED)):
        match = _NAME.fullmatch(name)
        if match is not None and 0 < (encoder := int(match["encoder"])) <= ENCODER:
            stream, first = match["stream"], match["first"]
            layer = SealedLayer(stream, int(first), int(match["last"]), "", encoder) if first else FolderLayer(stream, encoder)
            found[f"{send.ENCODED}/{name}"] = layer
    return found


def rebuild(store: Store, remembered: Cached, advance: Advance) -> dict[str, int]:
    """Empty cache/ and compute *remembered* anew; return how many `entries`, how many `changed`, and the bytes `freed`."""
    before = {name: send.encoded(store, layer) for name, layer in remembered.items()}
    freed, changed = compaction.clear_cache(store), 0
    for name, layer in remembered.items():
        try:
            changed += send.encoded(store, layer) != before[name]
        except LayerlogError:
            changed += 1
        advance(1)
    return {"entries": len(remembered), "changed": changed, "freed": freed}
