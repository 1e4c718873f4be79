"""What layers lack: files whose contents were erased and are not here, so that no image that has them can be saved."""

from collections.abc import Iterable, Iterator

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.retention import reachability
from projections.images.oci_form import events_of
from projections.layers import sizes
from projections.layers.layers import ImportedLayer, Layer


def lacking(log: Log, content: Content, layers: Iterable[Layer]) -> Iterator[tuple[Layer, bytes | None, bytes]]:
    """Yield (layer, path, digest) of what was erased and *layers* would have to give out; no path: of a layer's framing.

    Of a layer made here only what it holds at its end counts.  One look-up where nothing was ever erased, else O(the layers'
    events).
    """
    gone = reachability.lacked(log) if content.has_erasures() else frozenset()
    for layer in dict.fromkeys(layers) if gone else ():
        named = [found for found in log.written(*events_of(log, layer)) if found[1] in gone]
        if isinstance(layer, ImportedLayer):
            yield from ((layer, None if path is None else log.path_text(path), digest) for path, digest in dict.fromkeys(named))
        elif named:
            lean = layer._replace(encoder=1)  # later encoders name more directories, and no other file
            held = sizes.held(log, content, lean)
            yield from ((layer, change.path, change.content) for change in held if change.content in gone)
