"""What `inspect` and `history` tell of an image or a container: Docker's fields, and beside them layerlog's own."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from eventstore.content.reader import Content
from eventstore.errors import ErasedError
from eventstore.log.log import Log
from eventstore.model.digests import digest_of, named
from eventstore.model.events import ARRIVALS, ENCODER
from eventstore.model.facts import Arrival, ContainerBase, ImageBase, Seal, base_stated, reason_of
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.retention import reachability
from projections.images import image_list, images, oci_form, referrers, run_config
from projections.layers import layers
from projections.oci.config import History, history, parse_config
from projections.oci.documents import Json
from projections.refs import containers, tags, targets
from projections.refs.targets import Target
from projections.tree import lineage

T = TypeVar("T")
UNKNOWN = bytes(32)
"""Stands for the diff_id of a layer that can no longer be encoded, in a config of which only the rest is looked at."""


def image_document(log: Log, content: Content, image: images.Image, diff_id: Callable[[layers.Layer], bytes]) -> Json:
    """Return an image as `docker inspect` shows it; *diff_id* gives the raw digest of a layer's tar.

    What was erased stands under Layerlog.Erased, and what can no longer be known for it is null or empty.
    """
    exported = oci_form.exported_layers(log, image)
    known = {layer: _unless_erased(partial(diff_id, layer)) for layer in exported}
    config = _unless_erased(lambda: oci_form.config(log, content, image, lambda layer: known[layer] or UNKNOWN))
    stated = {} if config is None else parse_config(config, "config")
    steps = history(stated)
    names = tags.now(log, image.id)
    tagged = filter(None, (log.stream("tag", name) for name in names))
    last_moves = (event for stream in tagged for event in log.events(stream.id, stream.version))
    return {
        "Id": f"sha256:{image.id}" if image.cut is None else config and digest_of(config),
        "RepoTags": tags.shown_names(names),
        "RepoDigests": _repo_digests(log, image, names),
        "Parent": _parent(image),
        "Comment": steps[-1].comment if steps else "",
        "Created": stated.get("created") or "",
        "Author": stated.get("author") or "",
        "Config": _unless_erased(lambda: run_config.run_config(log, content, _target(log, image))),
        **{key.capitalize(): stated[key] for key in ("architecture", "variant", "os") if stated.get(key)},
        "Size": image_list.sizes(log, content, [image])[image.id],
        "RootFS": {"Type": "layers", "Layers": [digest and named(digest) for digest in map(known.get, exported)]},
        "Metadata": {"LastTagTime": max((_time(log, event.position) for event in last_moves), default=None)},
        "Layerlog": _own(log, content, image, None if None in known.values() else config),
    }


def _target(log: Log, image: images.Image) -> Target:
    return targets.of_image(log, "", image.id) if image.cut is None else Target("", None, None, 0, image.cut)


def container_document(log: Log, content: Content, target: Target) -> Json:
    """Return a container, at the version of *target*, in the shape of `docker inspect`."""
    found = containers.get(log, target.container or "")
    version = target.version or found.version
    sealed = layers.first_unsealed(log, found.stream, version) - 1
    # None where that is no image: scratch, an unsealed point, some layers of one
    match found.base:
        case ContainerBase(container, at):
            base = lineage.commit_at(log, container, at)
        case ImageBase(image, None):
            base = image
        case _:
            base = None
    return {
        "Id": found.id,
        "Name": found.name,
        "Created": _time(log, found.created),
        "Image": base and f"sha256:{base}",
        "Config": run_config.run_config(log, content, target),
        "State": {"Version": version, "Sealed": sealed, "Unsealed": version - max(sealed, 1), "Removed": found.removed},
        "Base": base_stated(found.base),
        "Lineage": [_layer(layer) for layer in layers.of_container(log, found.id, version)],
    }


def manifest_digests(log: Log, image: str) -> list[str]:
    """Return the digests (hex) of the manifests under which the image came or went, the latest first."""
    contents = (event.content for event in lineage.travels(log, image))
    return list(dict.fromkeys(content.hex() for content in contents if content is not None))


def _repo_digests(log: Log, image: images.Image, names: list[str]) -> list[str]:
    digests, repositories = manifest_digests(log, image.id), sorted({tags.familiar(name)[0] for name in names})
    return [f"{name}@sha256:{digest}" for name in repositories for digest in digests]


def _parent(image: images.Image) -> str:
    parent = Seal.of(image.seal).parent if image.seal else None
    return f"sha256:{parent}" if parent else ""


def _own(log: Log, content: Content, image: images.Image, config: bytes | None) -> Json:
    manifests = [f"sha256:{digest}" for digest in manifest_digests(log, image.id)]
    digest = _config_digest_left(log, image) if config is None else digest_of(config)
    own: Json = {"ConfigDigest": digest, "Manifests": manifests, "Removed": image.removed}
    if image.seal is not None:
        seal = Seal.of(image.seal)
        own |= {"Commit": image.id, "Container": log.stream_of(image.seal.stream).name, "Version": image.seal.version}
        own |= {"Events": seal.events, "Message": seal.message or ""}
    exported = oci_form.exported_layers(log, image)
    sized = [_layer(layer) | {"Size": oci_form.layer_size(log, content, layer)} for layer in exported]
    about = [referrers.document(event) for event in referrers.kept(log, image.id)]
    return own | {"Layers": sized, "Referrers": about, "Erased": list(_erased(log, image))}


def _config_digest_left(log: Log, image: images.Image) -> str | None:
    """Return the digest under which the config last came or went, None where it never did."""
    digests = (Arrival.of(event).config for event in lineage.travels(log, image.id))
    return next((f"sha256:{digest}" for digest in digests if digest), None)


def _erased(log: Log, image: images.Image) -> Iterator[Json]:
    """Yield what was erased of an image and its layers, hidden files too: O(events of its layers), if anything ever was."""
    gone = reachability.erased(log)
    if not gone:
        return
    base = images.base_image(log, image)
    keeping = [*lineage.travels(log, base or "", ARRIVALS), *referrers.kept(log, image.id)]
    beside = {digest for event in keeping for digest in (*reachability.kept_by(event), event.content) if digest}
    runs = (oci_form.events_of(log, layer) for layer in dict.fromkeys(oci_form.layers_of(log, image)))
    written = (found for run in runs for found in log.written(*run))
    for path_id, digest in chain(((None, digest) for digest in sorted(beside)), written):
        if digest in gone:
            yield {
                "Path": None if path_id is None else shown(b"/" + log.path_text(path_id)),
                "Content": named(digest),
                "Event": gone[digest],
                "Time": _time(log, gone[digest]),
                "Reason": reason_of(log.at(gone[digest])),
            }


def _layer(layer: layers.Layer) -> dict[str, Any]:
    if isinstance(layer, layers.ImportedLayer):
        return {"Layer": f"sha256:{layer.diff_id}"}
    if isinstance(layer, layers.FolderLayer):
        return {"Folder": layer.name}
    return {"Container": layer.container, "From": layer.first, "To": layer.last, "Commit": layer.commit or None}


def _unless_erased(ask: Callable[[], T]) -> T | None:
    """Return what *ask* returns, None where what it takes was erased."""
    try:
        return ask()
    except ErasedError:
        return None


def _time(log: Log, position: int) -> str:
    return rfc3339(log.time_of(position))


# -- history: a line for each step, whether others took it or a commit here made it


class HistoryRow(NamedTuple):
    """`id` is set where the step left an image that this store knows; `size` as `oci_form.layer_size` counts."""

    id: str | None
    step: History
    size: int


def history_rows(log: Log, content: Content, image: images.Image) -> list[HistoryRow]:
    """Return the steps, newest first: O(steps + events of the containers under the image); no layer is encoded."""
    base = images.bottom(log, image)
    taken = list(_steps_taken(log, content, base)) if isinstance(base, ImageBase) else []
    if taken and isinstance(base, ImageBase) and base.layers is None:
        taken[-1] = taken[-1]._replace(id=base.image)
    return [*taken, *_steps_made(log, content, image)][::-1]


def _steps_taken(log: Log, content: Content, base: ImageBase) -> Iterator[HistoryRow]:
    sizes = iter([oci_form.layer_size(log, content, layer) for layer in layers.of_base(log, base)])
    for step in history(parse_config(oci_form.base_config(log, content, base), "config")):
        yield HistoryRow(None, step, 0 if step.empty_layer else next(sizes, 0))
    yield from (HistoryRow(None, History(), size) for size in sizes)


def _steps_made(log: Log, content: Content, image: images.Image) -> Iterator[HistoryRow]:
    for step in oci_form.build_steps(log, image):
        event = step.event
        made = layers.SealedLayer(log.stream_of(event.stream).name, step.first, event.version, step.commit, ENCODER)
        size = oci_form.layer_size(log, content, made)
        if step.verb == "import":
            folder = layers.of_base(log, lineage.base_of(log, event.stream))
            size += sum(oci_form.layer_size(log, content, layer) for layer in folder)
        yield HistoryRow(step.commit or None, step.history(log, ENCODER, filled=size > 0), size)
