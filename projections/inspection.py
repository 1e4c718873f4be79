"""What `inspect` tells of an image or a container: Docker's fields, and beside them layerlog's own."""

from collections.abc import Iterator
from typing import Any

from eventstore.content import Content
from eventstore.digests import named
from eventstore.events import ARRIVALS, DEPARTURES, Event
from eventstore.log import Log
from projections import commits, containers, image_list, images, layers, run_config
from projections.images import Image
from projections.layers import FolderLayer, ImportedLayer, Layer
from projections.names import familiar
from projections.oci_config import diff_ids, history, parse_config
from projections.oci_digest import digest_of
from projections.oci_json import Json
from projections.references import Target
from projections.times import rfc3339


def image_document(log: Log, content: Content, image: Image, config: bytes) -> Json:
    """Return an image as `docker inspect` shows it; *config* is its OCI config."""
    stated = parse_config(config, "config")
    steps = history(stated)
    names = commits.tags_now(log, image.id)
    last_moves = [event for name in names if (event := _last_move(log, name))]
    return {
        "Id": f"sha256:{image.id}",
        "RepoTags": images.shown_names(names),
        "RepoDigests": _repo_digests(log, image, names),
        "Parent": _parent(image),
        "Comment": steps[-1].comment if steps else "",
        "Created": stated.get("created") or "",
        "Author": stated.get("author") or "",
        "Config": run_config.run_config(log, content, _target(log, image)),
        **{key.capitalize(): stated[key] for key in ("architecture", "variant", "os") if stated.get(key)},
        "Size": image_list.sizes(log, [image])[image.id],
        "RootFS": {"Type": "layers", "Layers": [named(diff_id) for diff_id in diff_ids(stated)]},
        "Metadata": {"LastTagTime": max((_time(log, event.position) for event in last_moves), default=None)},
        "Layerlog": _own(log, image, config),
    }


def container_document(log: Log, content: Content, target: Target) -> Json:
    """Return a container, at the version of *target*, in the shape of `docker inspect`."""
    found = containers.get(log, target.container or "")
    version = target.version or found.version
    sealed = layers.first_unsealed(log, found.stream, version) - 1
    base = _base_image(log, found.base)
    return {
        "Id": found.id,
        "Name": found.name,
        "Created": _time(log, found.created),
        "Image": base and f"sha256:{base}",
        "Config": run_config.run_config(log, content, target),
        "State": {"Version": version, "Sealed": sealed, "Unsealed": version - max(sealed, 1), "Removed": found.removed},
        "Base": found.base,
        "Lineage": [_layer(layer) for layer in layers.of_container(log, found.id, version)],
    }


def manifest_digests(log: Log, image: str) -> list[str]:
    """Return the digests (hex) of the manifests under which the image came or went, the latest first."""
    stream = log.stream("image", image)
    events = [event for kind in (*ARRIVALS, *DEPARTURES) for event in log.of_kind(kind, stream.id)] if stream else []
    found = [event.content.hex() for event in sorted(events, key=lambda e: -e.position) if event.content is not None]
    return list(dict.fromkeys(found))


def _repo_digests(log: Log, image: Image, names: list[str]) -> list[str]:
    repositories = sorted({familiar(name)[0] for name in names})
    return [f"{name}@sha256:{digest}" for name in repositories for digest in manifest_digests(log, image.id)]


def _last_move(log: Log, name: str) -> Event | None:
    stream = log.stream("tag", name)
    return next(log.events(stream.id, stream.version), None) if stream else None


def _parent(image: Image) -> str:
    parent = image.seal.stated["parent"] if image.seal else None
    return f"sha256:{parent}" if parent else ""


def _target(log: Log, image: Image) -> Target:
    if image.seal is None:
        return Target("", image.id, None, 0)
    return Target("", image.id, log.stream_of(image.seal.stream).name, image.seal.version)


def _own(log: Log, image: Image, config: bytes) -> Json:
    manifests = [f"sha256:{digest}" for digest in manifest_digests(log, image.id)]
    own: Json = {"ConfigDigest": digest_of(config), "Manifests": manifests, "Removed": image.removed}
    if image.seal is not None:
        stated = image.seal.stated
        own |= {"Commit": image.id, "Container": log.stream_of(image.seal.stream).name, "Version": image.seal.version}
        own |= {"Events": stated["events"], "Message": stated["message"] or ""}
    return own | {"Layers": list(_sized(log, image))}


def _sized(log: Log, image: Image) -> Iterator[Json]:
    for layer in images.exported_layers(log, image):
        yield _layer(layer) | {"Size": images.layer_size(log, layer)}


def _layer(layer: Layer) -> dict[str, Any]:
    if isinstance(layer, ImportedLayer):
        return {"Layer": f"sha256:{layer.diff_id}"}
    if isinstance(layer, FolderLayer):
        return {"Folder": layer.name}
    return {"Container": layer.container, "From": layer.first, "To": layer.last, "Commit": layer.commit or None}


def _base_image(log: Log, base: Any) -> str | None:
    """Return the image that a container stands on, None where that is no image: scratch, or an unsealed point."""
    if base and "container" in base:
        stream = log.stream("container", base["container"])
        event = next(log.events(stream.id, base["version"]), None) if stream else None
        return event.id.hex() if event is not None and event.id is not None else None
    found: str | None = (base or {}).get("image")
    return found


def _time(log: Log, position: int) -> str:
    return rfc3339(log.time_of(position))
