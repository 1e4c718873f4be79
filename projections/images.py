"""Images: those taken from elsewhere and those that commits made, their names, sizes and configs."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from eventstore.content import Content
from eventstore.errors import ConflictError
from eventstore.events import Event, Kind, lifted
from eventstore.log import Log
from projections import layers, lineage
from projections.layers import FolderLayer, ImportedLayer, Layer, SealedLayer
from projections.names import familiar
from projections.oci_config import History, build_config, parse_config
from projections.oci_platform import Platform, parse_platform

MAX_LAYERS = 120
_ARRIVALS = (Kind.IMAGE_PULLED, Kind.IMAGE_LOADED)


class Image(NamedTuple):
    """An image as it is now.

    `id` is 64 hex digits; `seal` is the Committed event of one born here; `position` is when it came into the store.
    """

    id: str
    seal: Event | None
    position: int
    removed: bool


def get(log: Log, image: str) -> Image:
    """Return an image by its whole id; raise DamagedError where it is none."""
    row = log.db.execute("SELECT * FROM event WHERE id = ?", (bytes.fromhex(image),)).fetchone()
    seal = lifted(row) if row else None
    position = seal.position if seal else lineage.arrival(log, image).position
    return Image(image, seal, position, _removed(log, image))


def all_images(log: Log) -> Iterator[Image]:
    """Yield every image there ever was, newest first: O(images)."""
    seals = (Image((event.id or b"").hex(), event, event.position, removed=False) for event in log.of_kind(Kind.COMMITTED))
    yield from newest_first(log, [*arrived(log), *seals])


def newest_first(log: Log, images: Iterable[Image]) -> Iterator[Image]:
    """Yield *images* as they came into the store, and whether they are removed now."""
    gone = removed(log)
    for image in sorted(images, key=lambda image: -image.position):
        yield image._replace(removed=image.id in gone)


def arrived(log: Log) -> Iterator[Image]:
    """Yield the images taken from elsewhere, removed ones too."""
    rows = log.db.execute(
        "SELECT s.name, max(e.position) FROM event e JOIN stream s ON s.id = e.stream "
        "WHERE e.path IS NULL AND e.kind IN (?, ?) GROUP BY e.stream",
        _ARRIVALS,
    )
    return (Image(name, None, position, removed=False) for name, position in rows)


def removed(log: Log) -> set[str]:
    """Return the images that are removed now: O(removals)."""
    rows = log.db.execute(
        "SELECT DISTINCT s.name FROM event e JOIN stream s ON s.id = e.stream WHERE e.path IS NULL AND e.kind = ?",
        (Kind.IMAGE_REMOVED,),
    ).fetchall()
    return {name for (name,) in rows if _removed(log, name)}


def _removed(log: Log, image: str) -> bool:
    stream = log.stream("image", image)
    if stream is None:
        return False
    latest = log.db.execute(
        "SELECT kind FROM event WHERE path IS NULL AND stream = ? AND kind IN (?, ?, ?, ?) ORDER BY version DESC LIMIT 1",
        (stream.id, Kind.IMAGE_REMOVED, Kind.IMAGE_RESTORED, Kind.IMAGE_LOADED, Kind.IMAGE_PULLED),
    ).fetchone()
    return latest is not None and latest[0] == Kind.IMAGE_REMOVED


def require_there(log: Log, image: str) -> Image:
    """As `get`, but raise ConflictError for an image that was removed."""
    found = get(log, image)
    if found.removed:
        raise ConflictError(f"image {image[:12]} was removed; `layerlog undelete {image[:12]}` brings it back")
    return found


def tags(log: Log) -> dict[str, list[str]]:
    """Return image id -> the full names it has now, sorted: O(names there ever were)."""
    rows = log.db.execute(
        "SELECT s.name, json_extract(e.detail, '$.image') FROM stream s "
        "JOIN event e ON e.stream = s.id AND e.version = (SELECT max(version) FROM event WHERE stream = s.id) "
        "WHERE s.kind = 'tag' AND e.kind = ? ORDER BY s.name",
        (Kind.TAG_MOVED,),
    )
    found: dict[str, list[str]] = {}
    for name, image in rows:
        found.setdefault(image, []).append(name)
    return found


def layers_of(log: Log, image: Image) -> list[Layer]:
    """Return the image's layers, lowest first, as its events say them."""
    if image.seal is None:
        return [ImportedLayer(diff_id) for diff_id in lineage.layers_of(log, image.id)]
    return list(layers.of_container(log, log.stream_of(image.seal.stream).name, image.seal.version))


def layer_size(log: Log, layer: Layer) -> int:
    if isinstance(layer, ImportedLayer):
        return int(imported_layer(log, layer.diff_id)["size"])
    if isinstance(layer, FolderLayer):
        stream, first, last = log.stream("layer", layer.name), 1, lineage.LIVE
    else:
        stream, first, last = log.stream("container", layer.container), layer.first, layer.last
    return bytes_written(log, stream.id, first, last) if stream else 0


def bytes_written(log: Log, stream: int, first: int, last: int) -> int:
    """Return the sizes of the files that a stream's events first..last wrote, together: O(events)."""
    row = log.db.execute(
        "SELECT sum(size) FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND kind = ?",
        (stream, first, last, Kind.FILE_WRITTEN),
    ).fetchone()
    return row[0] or 0


def imported_layer(log: Log, diff_id: str) -> dict[str, Any]:
    """Return what is known of an imported layer: `size` of its tar in bytes, `framing` (digest, 32 bytes)."""
    stream = log.stream("layer", diff_id)
    assert stream is not None
    event = next(log.of_kind(Kind.LAYER_IMPORTED, stream.id))
    return {**json.loads(event.detail or "{}"), "framing": event.content}


def created(log: Log, content: Content, image: Image) -> str:
    """Return when the image was made, RFC 3339; "" where it does not say."""
    if image.seal is not None:
        return rfc3339(log.changeset_of(image.seal.position)[0].time)
    return str(parse_config(original_config(log, content, image.id), "config").get("created") or "")


def original_config(log: Log, content: Content, image: str) -> bytes:
    """Return the config of an image taken from elsewhere, byte for byte."""
    return content.read_all(bytes.fromhex(json.loads(lineage.arrival(log, image).detail or "{}")["config"]))


# -- the OCI form of an image born here


def exported_layers(log: Log, image: Image) -> list[Layer]:
    """Return the layers of the OCI form: those without files left out, above `MAX_LAYERS` the oldest born here merged."""
    found = [layer for layer in layers_of(log, image) if not isinstance(layer, SealedLayer) or _has_files(log, layer)]
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
    if image.seal is None:
        return original_config(log, content, image.id)
    exported = exported_layers(log, image)
    base = base_image(log, image)
    return build_config(
        original_config(log, content, base) if base else None,
        layers=[diff_id(layer) for layer in exported],
        added=list(_history(log, image, exported)),
        changes=instructions(log, containers_under(log, image)),
        platform=platform(log, image),
    )


def _has_files(log: Log, layer: SealedLayer) -> bool:
    stream = log.stream("container", layer.container)
    return stream is not None and layers.has_tree_events(log, stream.id, layer.first, layer.last)


def base_image(log: Log, image: Image) -> str | None:
    """Return the image taken from elsewhere that *image* is or stands on, or None where that is scratch or a folder."""
    if image.seal is None:
        return image.id
    found: str | None = _bottom(log, image).get("image")
    return found


def platform(log: Log, image: Image) -> Platform:
    """Return what an image without a base image runs on: what was recorded, else linux/amd64, on every machine alike."""
    return parse_platform(_bottom(log, image).get("platform") or "linux/amd64")


def _bottom(log: Log, image: Image) -> Mapping[str, Any]:
    return lineage.base_of(log, containers_under(log, image)[0][0]) or {}


def containers_under(log: Log, image: Image) -> list[tuple[int, int]]:
    """Return (stream, version) of every container under an image born here, lowest first; [] for one taken from elsewhere."""
    if image.seal is None:
        return []
    found = [(image.seal.stream, image.seal.version)]
    while (base := lineage.base_of(log, found[0][0])) is not None and "container" in base:
        stream = log.stream("container", base["container"])
        assert stream is not None
        found.insert(0, (stream.id, base["version"]))
    return found


def instructions(log: Log, chain: Iterable[tuple[int, int]]) -> Iterator[list[str]]:
    """Yield the instructions that changed the config of *chain*, (stream, version) of containers lowest first: each event's."""
    for stream, version in chain:
        for event in log.of_kind(Kind.CONFIG_CHANGED, stream):
            if event.version <= version:
                yield json.loads(event.detail or "{}")["instructions"]


class Step(NamedTuple):
    """What made one layer of an image born here: the events `first`..`event` of a container.

    `event` is the seal, and `commit` its id (hex); "" where a fork took the events along unsealed.
    """

    commit: str
    event: Event
    first: int
    verb: str

    def history(self, log: Log, *, filled: bool) -> History:
        """Return how an OCI config tells it; *filled* says whether there is a layer for it."""
        stated = json.loads(self.event.detail or "{}") if self.commit else {}
        created = rfc3339(log.changeset_of(self.event.position)[0].time)
        author, message = stated.get("author") or "", stated.get("message") or ""
        return History(created, f"layerlog {self.verb}", author, message, empty_layer=not filled)


def steps(log: Log, image: Image) -> Iterator[Step]:
    """Yield what was done since the base image, oldest first; nothing for an image taken from elsewhere."""
    verb = "import" if image.seal is not None and "layer" in _bottom(log, image) else "commit"
    for stream, version in containers_under(log, image):
        first = 1
        for seal in layers.seals(log, stream):
            if seal.version <= version:
                yield Step((seal.id or b"").hex(), seal, first, verb)
                first, verb = seal.version + 1, "commit"
        if first <= version and layers.has_tree_events(log, stream, first, version):
            yield Step("", next(log.events(stream, version)), first, "fork")


def _history(log: Log, image: Image, exported: Sequence[Layer]) -> Iterator[History]:
    made = {layer.commit for layer in exported if isinstance(layer, SealedLayer)}
    for step in steps(log, image):
        yield step.history(log, filled=step.commit in made or step.verb == "import")


def rfc3339(when: int) -> str:
    """Return *when* (ns since 1970) as OCI writes times."""
    moment = datetime.fromtimestamp(when // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{when % 10**9:09d}Z"


def shown_names(names: Sequence[str]) -> list[str]:
    """Return full names as Docker shows them."""
    return [":".join(familiar(name)) for name in names]


def arrivals(log: Log, image: str) -> list[Event]:
    """Return the events that brought an image in, the latest first; [] for one born here."""
    stream = log.stream("image", image)
    found = [event for kind in _ARRIVALS for event in log.of_kind(kind, stream.id)] if stream else []
    return sorted(found, key=lambda event: -event.position)


def blobs_here(log: Log) -> set[tuple[str, str]]:
    """Return (diff_id, blob digest) of every form in which a layer ever came in: O(images)."""
    found = set()
    for kind in _ARRIVALS:
        for event in log.of_kind(kind):
            stated = json.loads(event.detail or "{}")
            found |= {(diff_id, blob["digest"]) for diff_id, blob in zip(stated["layers"], stated["blobs"], strict=True)}
    return found
