"""Images: those taken from elsewhere and those that commits made, their names, sizes and configs."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from eventstore.commands import tag_target
from eventstore.content import Content
from eventstore.events import Event, Kind
from eventstore.log import Log
from projections import layers, lineage
from projections.layers import FolderLayer, ImportedLayer, Layer, SealedLayer
from projections.names import familiar
from projections.oci_config import History, build_config, history, parse_config
from projections.oci_platform import Platform

MAX_LAYERS = 120


class Image(NamedTuple):
    """An image as it is now: `id` is 64 hex digits; `seal` is the Committed event of one born here; `position` is when
    it came into the store."""

    id: str
    seal: Event | None
    position: int
    removed: bool


def get(log: Log, image: str) -> Image:
    """Return an image by its whole id; raise DamagedError where it is none."""
    row = log.db.execute("SELECT * FROM event WHERE id = ?", (bytes.fromhex(image),)).fetchone()
    seal = Event._make(row) if row else None
    position = seal.position if seal else lineage.arrival(log, image).position
    return Image(image, seal, position, _removed(log, image))


def all_images(log: Log) -> Iterator[Image]:
    """Yield every image there ever was, newest first: O(images)."""
    found = _arrived(log)
    for event in log.of_kind(Kind.COMMITTED):
        found.append(Image((event.id or b"").hex(), event, event.position, removed=False))
    yield from _newest_first(log, found)


def listed(log: Log) -> Iterator[Image]:
    """Yield, newest first, the images that have a name and those that no other was made from, removed ones left out.

    O(names + containers + images taken from elsewhere), however many commits the containers hold.
    """
    made_from, named = parents(log), tags(log)
    heads = [Image((event.id or b"").hex(), event, event.position, removed=False) for event in _last_seals(log)]
    found = {image.id: image for image in (*_arrived(log), *heads) if image.id in named or image.id not in made_from}
    for name in named.keys() - found.keys():
        found[name] = get(log, name)
    yield from (image for image in _newest_first(log, found.values()) if not image.removed)


def _newest_first(log: Log, images: Iterable[Image]) -> Iterator[Image]:
    gone = removed(log)
    for image in sorted(images, key=lambda image: -image.position):
        yield image._replace(removed=image.id in gone)


def _arrived(log: Log) -> list[Image]:
    rows = log.db.execute(
        "SELECT s.name, max(e.position) FROM event e JOIN stream s ON s.id = e.stream WHERE e.path IS NULL AND e.kind IN (?, ?) "
        "GROUP BY e.stream",
        (Kind.IMAGE_LOADED, Kind.IMAGE_PULLED),
    )
    return [Image(name, None, position, removed=False) for name, position in rows]


def _last_seals(log: Log) -> Iterator[Event]:
    rows = log.db.execute(
        "SELECT e.* FROM (SELECT stream, max(version) AS version FROM event WHERE path IS NULL AND kind = ? GROUP BY stream) l "
        "JOIN event e ON e.stream = l.stream AND e.version = l.version",
        (Kind.COMMITTED,),
    )
    return map(Event._make, rows)


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
        "SELECT s.name, json_extract(e.detail, '$.image') FROM stream s JOIN event e ON e.stream = s.id "
        "AND e.version = (SELECT max(version) FROM event WHERE stream = s.id) WHERE s.kind = 'tag' AND e.kind = ? ORDER BY s.name",
        (Kind.TAG_MOVED,),
    )
    found: dict[str, list[str]] = {}
    for name, image in rows:
        found.setdefault(image, []).append(name)
    return found


def parents(log: Log) -> set[str]:
    """Return what each container's first commit was made on; a later one is made on the one before it, which is left out."""
    rows = log.db.execute(
        "SELECT json_extract(e.detail, '$.parent') FROM (SELECT stream, min(version) AS version FROM event "
        "WHERE path IS NULL AND kind = ? GROUP BY stream) f JOIN event e ON e.stream = f.stream AND e.version = f.version",
        (Kind.COMMITTED,),
    )
    return {row[0] for row in rows if row[0]}


def children(log: Log, image: Image) -> list[str]:
    """Return the images, removed ones left out, whose commits were made directly on *image*: O(containers)."""
    rows = log.db.execute(
        "SELECT e.id FROM (SELECT stream, min(version) AS version FROM event WHERE path IS NULL AND kind = ? GROUP BY stream) f "
        "JOIN event e ON e.stream = f.stream AND e.version = f.version WHERE json_extract(e.detail, '$.parent') = ?",
        (Kind.COMMITTED, image.id),
    ).fetchall()
    if image.seal is not None:
        rows += log.db.execute(
            "SELECT id FROM event WHERE path IS NULL AND kind = ? AND stream = ? AND version > ? ORDER BY version LIMIT 1",
            (Kind.COMMITTED, image.seal.stream, image.seal.version),
        ).fetchall()
    return [row[0].hex() for row in rows if not _removed(log, row[0].hex())]


def users(log: Log, image: Image) -> list[str]:
    """Return the ids of the live containers that were made from *image*: O(containers)."""
    where, values = "json_extract(e.detail, '$.base.image') = ?", [image.id]
    if image.seal is not None:
        where = "json_extract(e.detail, '$.base.container') = ? AND json_extract(e.detail, '$.base.version') = ?"
        values = [log.stream_of(image.seal.stream).name, image.seal.version]  # type: ignore[list-item]
    rows = log.db.execute(
        "SELECT s.name FROM event e JOIN stream s ON s.id = e.stream "
        f"WHERE e.path IS NULL AND e.kind = {Kind.CONTAINER_CREATED:d} AND {where}",
        values,
    ).fetchall()
    return [name for (name,) in rows if not containers.get(log, name).removed]


def layers_of(log: Log, image: Image) -> list[Layer]:
    """Return the image's layers, lowest first, as its events say them."""
    if image.seal is None:
        return [ImportedLayer(diff_id) for diff_id in lineage.layers_of(log, image.id)]
    return list(layers.of_container(log, log.stream_of(image.seal.stream).name, image.seal.version))


def size(log: Log, image: Image) -> int:
    """Return the bytes that the image's layers hold: tar bytes of imported ones, file bytes written in those born here."""
    return sum(layer_size(log, layer) for layer in layers_of(log, image))


def layer_size(log: Log, layer: Layer) -> int:
    if isinstance(layer, ImportedLayer):
        return int(imported_layer(log, layer.diff_id)["size"])
    if isinstance(layer, FolderLayer):
        stream, first, last = log.stream("layer", layer.name), 1, lineage.LIVE
    else:
        stream, first, last = log.stream("container", layer.container), layer.first, layer.last
    row = log.db.execute(
        "SELECT sum(size) FROM event WHERE stream = ? AND version BETWEEN ? AND ? AND kind = ?",
        (stream.id if stream else 0, first, last, Kind.FILE_WRITTEN),
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


class Step(NamedTuple):
    """One commit on the way to an image: its seal, and the layer that it made (None: it changed no file)."""

    seal: Event
    layer: SealedLayer | None


def exported_layers(log: Log, image: Image) -> list[Layer]:
    """Return the layers that the OCI form has: those without files left out, and above `MAX_LAYERS` the oldest ones born
    here merged into one."""
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


def config(log: Log, content: Content, image: Image, diff_id: Callable[[Layer], bytes], platform: Platform) -> bytes:
    """Return the image's OCI config: the original's bytes, or, for one born here, its base's and a step for each commit.

    *diff_id* gives the raw digest of each exported layer's tar; *platform* counts for what was made from scratch.
    """
    if image.seal is None:
        return original_config(log, content, image.id)
    exported = exported_layers(log, image)
    base = _base_image(log, image)
    return build_config(
        original_config(log, content, base) if base else None,
        layers=[diff_id(layer) for layer in exported],
        added=_history(log, exported, _seals(log, image)),
        changes=_instructions(log, image),
        platform=platform,
    )


def _has_files(log: Log, layer: SealedLayer) -> bool:
    stream = log.stream("container", layer.container)
    return stream is not None and layers.has_tree_events(log, stream.id, layer.first, layer.last)


def _base_image(log: Log, image: Image) -> str | None:
    """Return the imported image at the bottom of one born here, or None where that is scratch."""
    for stream, _ in _containers(log, image):
        base = lineage.base_of(log, stream)
        if base is not None and "image" in base:
            return str(base["image"])
    return None


def _containers(log: Log, image: Image) -> list[tuple[int, int]]:
    """Return (stream, version) of every container under an image born here, lowest first."""
    assert image.seal is not None
    found = [(image.seal.stream, image.seal.version)]
    while (base := lineage.base_of(log, found[0][0])) is not None and "container" in base:
        stream = log.stream("container", base["container"])
        assert stream is not None
        found.insert(0, (stream.id, base["version"]))
    return found


def _seals(log: Log, image: Image) -> list[Event]:
    return [
        seal
        for stream, version in _containers(log, image)
        for seal in layers.seals(log, stream)
        if seal.version <= version
    ]


def _instructions(log: Log, image: Image) -> list[str]:
    return [
        instruction
        for stream, version in _containers(log, image)
        for event in log.of_kind(Kind.CONFIG_CHANGED, stream)
        if event.version <= version
        for instruction in json.loads(event.detail or "{}")["instructions"]
    ]


def instructions_of(log: Log, container: str, version: int) -> list[str]:
    """Return the config instructions that hold for a container at *version*, those of its bases first."""
    stream = log.stream("container", container)
    assert stream is not None
    pseudo = Image("", Event(0, stream.id, version, *[0] * 7, *[None] * 8), 0, removed=False)  # type: ignore[arg-type]
    return _instructions(log, pseudo)


def _history(log: Log, exported: Sequence[Layer], seals: Sequence[Event]) -> list[History]:
    made = {layer.commit for layer in exported if isinstance(layer, SealedLayer) and layer.commit}
    imported = {(seal.id or b"").hex() for seal in seals[:1] if any(isinstance(layer, FolderLayer) for layer in exported)}
    steps = []
    for seal in seals:
        stated, commit = json.loads(seal.detail or "{}"), (seal.id or b"").hex()
        steps.append(
            History(
                created=rfc3339(log.changeset_of(seal.position)[0].time),
                created_by="layerlog import" if commit in imported else "layerlog commit",
                author=stated["author"] or "",
                comment=stated["message"] or "",
                empty_layer=commit not in made | imported,
            )
        )
    return steps


class Row(NamedTuple):
    """A line of Docker's `history`: `id` is set where the line is an image of its own."""

    id: str | None
    created: str
    created_by: str
    size: int
    comment: str
    author: str


def history_rows(log: Log, content: Content, image: Image) -> list[Row]:
    """Return the image's history, newest first, without encoding a layer."""
    rows: list[Row] = []
    base = image.id if image.seal is None else _base_image(log, image)
    if base is not None:
        sizes = iter([layer_size(log, ImportedLayer(diff_id)) for diff_id in lineage.layers_of(log, base)])
        for step in history(parse_config(original_config(log, content, base), "config")):
            held = 0 if step.empty_layer else next(sizes, 0)
            rows.append(Row(None, step.created, step.created_by, held, step.comment, step.author))
        rows.extend(Row(None, "", "", held, "", "") for held in sizes)
        if rows:
            rows[-1] = rows[-1]._replace(id=base)
    for seal in _seals(log, image) if image.seal is not None else ():
        stated = json.loads(seal.detail or "{}")
        container = log.stream_of(seal.stream).name
        layer = SealedLayer(container, stated["from"], seal.version, "")
        when = rfc3339(log.changeset_of(seal.position)[0].time)
        rows.append(Row((seal.id or b"").hex(), when, "layerlog commit", layer_size(log, layer), stated["message"] or "", stated["author"] or ""))
    return rows[::-1]


def rfc3339(when: int) -> str:
    """Return *when* (ns since 1970) as OCI writes times."""
    moment = datetime.fromtimestamp(when // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{when % 10**9:09d}Z"


def shown_names(names: Sequence[str]) -> list[str]:
    """Return full names as Docker shows them."""
    return [":".join(familiar(name)) for name in names]


def blobs_of_layer(log: Log, diff_id: str) -> Iterator[dict[str, Any]]:
    """Yield the descriptors under which a layer ever came in, newest first."""
    for kind in (Kind.IMAGE_PULLED, Kind.IMAGE_LOADED):
        for event in reversed(list(log.of_kind(kind))):
            stated = json.loads(event.detail or "{}")
            for layer, blob in zip(stated["layers"], stated["blobs"], strict=True):
                if layer == diff_id:
                    yield blob
