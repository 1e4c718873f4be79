"""An image's history as Docker lists it: a line for each step, whether others took it or a commit here made it."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.index.streams import bytes_written
from eventstore.log.log import Log
from projections.images import images
from projections.layers import layers
from projections.oci.config import History, history, parse_config
from projections.tree import lineage


class Row(NamedTuple):
    """`id` is set where the step left an image that this store knows; `size` as `image_list.sizes` counts."""

    id: str | None
    step: History
    size: int


def rows(log: Log, content: Content, image: images.Image) -> list[Row]:
    """Return the steps, newest first: O(steps + events of the containers under the image); no layer is encoded."""
    base = images.base_image(log, image)
    taken = [] if base is None else list(_taken(log, content, base))
    if taken:
        taken[-1] = taken[-1]._replace(id=base)
    return [*taken, *_made(log, image)][::-1]


def _taken(log: Log, content: Content, base: str) -> Iterator[Row]:
    sizes = iter([images.layer_size(log, layers.ImportedLayer(diff_id)) for diff_id in lineage.layers_of(log, base)])
    for step in history(parse_config(images.original_config(log, content, base), "config")):
        yield Row(None, step, 0 if step.empty_layer else next(sizes, 0))
    for size in sizes:
        yield Row(None, History(), size)


def _made(log: Log, image: images.Image) -> Iterator[Row]:
    for step in images.build_steps(log, image):
        event = step.event
        size = bytes_written(log, event.stream, step.first, event.version)
        if step.verb == "import":
            size += sum(images.layer_size(log, layer) for layer in layers.of_base(log, lineage.base_of(log, event.stream)))
        yield Row(step.commit or None, step.history(log, filled=size > 0), size)
