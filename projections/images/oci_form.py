"""The OCI form of images: the layers that one has, their sizes, its config, and the steps that its history tells."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.errors import ErasedError
from eventstore.index.stream_paths import has_tree_events
from eventstore.log.log import Log
from eventstore.model.events import ENCODER, Event, Kind
from eventstore.model.facts import FolderBase, ImageBase, Seal, platform_of, tar_size
from eventstore.model.times import rfc3339
from projections.images import images
from projections.images.images import Image
from projections.layers import layers, sizes
from projections.layers.layers import ImportedLayer, Layer, SealedLayer
from projections.oci.config import History, build_config, of_lowest, parse_config, parse_platform
from projections.tree import lineage

MAX_LAYERS = 120


def layers_of(log: Log, image: Image) -> list[Layer]:
    """Return the image's layers, lowest first, as its events say them."""
    if image.seal is None:
        return layers.of_base(log, images.bottom(log, image))
    return list(layers.of_container(log, log.stream_of(image.seal.stream).name, image.seal.version))


def layer_size(log: Log, content: Content, layer: Layer) -> int:
    """Return the bytes of a layer: of the tar that it came as, of one made here as `sizes.of_layer` counts."""
    if isinstance(layer, ImportedLayer):
        return tar_size(images.imported_layer(log, layer.diff_id))
    return sizes.of_layer(log, content, layer)


def events_of(log: Log, layer: Layer) -> tuple[int, int, int]:
    """Return (stream, first, last) of the events that a layer is made of."""
    if isinstance(layer, SealedLayer):
        return log.existing("container", layer.container).id, layer.first, layer.last
    return log.existing("layer", layer[0]).id, 1, lineage.LIVE


def created(log: Log, content: Content, image: Image) -> str:
    """Return when the image was made, RFC 3339; "" where it does not say, or its config was erased."""
    if image.seal is not None:
        return rfc3339(log.time_of(image.seal.position))
    try:
        stated = parse_config(images.original_config(log, content, images.base_image(log, image) or ""), "config")
    except ErasedError:
        return ""
    return str(stated.get("created") or "")


def exported_layers(log: Log, image: Image) -> list[Layer]:
    """Return the layers of the OCI form: those without files left out, above `MAX_LAYERS` the oldest born here merged."""
    found = [
        layer for layer in layers_of(log, image)
        if not isinstance(layer, SealedLayer) or has_tree_events(log, *events_of(log, layer))
    ]  # fmt: skip
    over = len(found) - MAX_LAYERS
    if over <= 0:
        return found
    merged: list[Layer] = []
    for layer in found:
        last = merged[-1] if merged else None
        if over > 0 and isinstance(layer, SealedLayer) and isinstance(last, SealedLayer) and last.container == layer.container:
            merged[-1] = layer._replace(first=last.first)
            over -= 1
        else:
            merged.append(layer)
    return merged


def config(log: Log, content: Content, image: Image, diff_id: Callable[[Layer], bytes]) -> bytes:
    """Return the image's OCI config: the original's bytes, or, for one born here, its base's and a step for each commit.

    *diff_id* gives the raw digest of each exported layer's tar.
    """
    lowest = images.bottom(log, image)
    base = base_config(log, content, lowest) if isinstance(lowest, ImageBase) else None
    if image.seal is None and base is not None:
        return base
    encoder = Seal.of(image.seal).encoder if image.id and image.seal else ENCODER
    exported = exported_layers(log, image)
    made = {layer.commit for layer in exported if isinstance(layer, SealedLayer)}
    return build_config(
        base,
        layers=[diff_id(layer) for layer in exported],
        added=[
            step.history(log, encoder, filled=step.commit in made or step.verb == "import")
            for step in build_steps(log, image)
        ],
        changes=images.config_changes_under(log, images.containers_under(log, image)[::-1]),
        platform=parse_platform(platform_of(lowest) or "linux/amd64"),  # on every machine alike
        encoder=encoder,
    )


def base_config(log: Log, content: Content, base: ImageBase) -> bytes:
    """Return the config of an image taken from elsewhere, or of the lowest layers of one."""
    config = images.original_config(log, content, base.image)
    return config if base.layers is None else of_lowest(config, base.layers)


class BuildStep(NamedTuple):
    """What made one layer of an image born here: the events `first`..`event` of a container.

    `event` is the seal, and `commit` its id (hex); "" where a fork took the events along unsealed.  `created_by` is what a
    build says of its step, "" of other ones; steps of a build that changed nothing may share their event.
    """

    commit: str
    event: Event
    first: int
    verb: str
    created_by: str = ""

    def history(self, log: Log, encoder: int, *, filled: bool) -> History:
        """Return how an OCI config of *encoder* tells it; *filled* says whether there is a layer for it."""
        seal = Seal.of(self.event) if self.event.kind == Kind.COMMITTED else None
        stated, changeset = seal.created if seal else None, log.changeset(self.event.position)
        created = rfc3339((changeset.time if encoder < 3 else changeset.wall) if stated is None else stated)
        author, message = (seal.author or "", seal.message or "") if seal else ("", "")
        if self.created_by:  # who builds is no author: MAINTAINER names one
            author = author if self.created_by.startswith("MAINTAINER ") else ""
        return History(created, self.created_by or f"layerlog {self.verb}", author, message, empty_layer=not filled)


def build_steps(log: Log, image: Image) -> Iterator[BuildStep]:
    """Yield what was done since the base image, oldest first; nothing for an image taken from elsewhere."""
    found: list[BuildStep] = []
    for step in _natural_steps(log, image):
        found.append(step)
        retold = Seal.of(step.event).history if step.commit else None
        if retold:
            known = {each.commit: each for each in found}
            found[retold[0] :] = [known.get(commit, step)._replace(created_by=text) for commit, text in retold[1]]
    return iter(found)


def _natural_steps(log: Log, image: Image) -> Iterator[BuildStep]:
    verb = "import" if image.seal is not None and isinstance(images.bottom(log, image), FolderBase) else "commit"
    for stream, version in reversed(images.containers_under(log, image)):
        first = 1
        for seal in log.of_kind(Kind.COMMITTED, stream):
            if seal.version <= version:
                yield BuildStep(seal.commit, seal, first, verb, Seal.of(seal).created_by or "")
                first, verb = seal.version + 1, "commit"
        if first <= version and has_tree_events(log, stream, first, version):
            yield BuildStep("", log.event(stream, version), first, "fork")
