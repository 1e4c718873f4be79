"""Lineage: which runs of which streams make a view, lowest first."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from eventstore.errors import DamagedError
from eventstore.events import Event, Kind
from eventstore.log import Log

LIVE = 2**62


class Span(NamedTuple):
    """The events 1..upto of one stream; a `layer` stream lies in layer order, a container's in the order of time."""

    stream: int
    upto: int
    layer: bool


def of_container(log: Log, container: str, version: int = LIVE) -> list[Span]:
    """Return the spans of a container at *version*: its base's, then its own; O(layers) look-ups."""
    stream = log.stream("container", container)
    if stream is None:
        raise DamagedError(f"the log lacks the container {container[:12]}; `layerlog verify` says more")
    return [*of_base(log, base_of(log, stream.id)), Span(stream.id, version, layer=False)]


def base_of(log: Log, stream: int) -> Mapping[str, Any] | None:
    """Return what a container was made from: {"image": id}, {"container": id, "version": n}, {"layer": name} or None (scratch).

    {"platform": text} alone, or beside a layer, says what an image without a base image runs on.
    """
    created = next(log.of_kind(Kind.CONTAINER_CREATED, stream))
    base: Mapping[str, Any] | None = json.loads(created.detail or "{}").get("base")
    return base


def of_base(log: Log, base: Mapping[str, Any] | None) -> list[Span]:
    if not base:
        return []
    if "container" in base:
        return of_container(log, base["container"], base["version"])
    if "layer" in base:
        return of_layers(log, [base["layer"]])
    return of_layers(log, layers_of(log, base["image"]) if "image" in base else [])


def of_layers(log: Log, names: list[str]) -> list[Span]:
    """Return the spans of layer streams (named by diff_id); of a layer that stands twice the upper one alone counts."""
    spans: list[Span] = []
    for name in reversed(names):
        stream = log.stream("layer", name)
        if stream is None:
            raise DamagedError(f"the log lacks the layer {name[:12]}; load its image again")
        if all(span.stream != stream.id for span in spans):
            spans.append(Span(stream.id, stream.version, layer=True))
    return spans[::-1]


def layers_of(log: Log, image: str) -> list[str]:
    """Return the diff_ids (hex) of an imported image, lowest first."""
    layers: list[str] = json.loads(arrival(log, image).detail or "{}")["layers"]
    return layers


def arrival(log: Log, image: str) -> Event:
    """Return the latest event that brought an imported image in; raise DamagedError where there is none."""
    stream = log.stream("image", image)
    found = None
    if stream is not None:
        for kind in (Kind.IMAGE_LOADED, Kind.IMAGE_PULLED):
            for event in log.of_kind(kind, stream.id):
                if found is None or event.position > found.position:
                    found = event
    if found is None:
        raise DamagedError(f"the log lacks the image {image[:12]}; load it again")
    return found
