"""`tags` and `layers`: a registry's images looked at without pulling them."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from cli.commands.images.load import PLATFORM
from cli.display.formats import human_size, short_id
from cli.display.images import CREATED_BY
from cli.display.output import Column, Shape, listing, listing_options, or_say_nothing_found
from cli.distribution import pull, transports
from cli.options import completion, registries
from cli.session.session import session
from eventstore.errors import InvalidError, NotFoundError, StoreError
from eventstore.log.log import Log
from eventstore.model.digests import digest_of, named
from eventstore.model.paths import shown
from projections.layers.layers import Layer, SealedLayer
from projections.oci.config import diff_ids, history, parse_config, platform_of
from projections.oci.documents import Json
from projections.oci.oci_image import OciImage, config_digest, manifest_of
from projections.refs import tags as local_tags
from projections.refs.tags import ImageName, familiar, image_name

if TYPE_CHECKING:
    from projections.images.stack import Held, Stacked

_TAGS = (Column("tag", "TAG"),)
_LAYERS = (
    Column("digest", "LAYER", short_id, str),
    Column("size", "SIZE", human_size),
    Column("here", "HERE", lambda here: {True: "yes", False: "no"}[here]),
    CREATED_BY,
)


_STACK = (
    Column("point", "POINT"),
    Column("layer", "LAYER", short_id, str),
    *(
        column
        for what in ("added", "changed")
        for column in (Column(what, what.upper()), Column(f"{what}_bytes", "BYTES", human_size))
    ),
    Column("hidden", "HIDDEN"),
    Column("wasted", "WASTED", human_size),
)
_LARGEST = (
    Column("size", "SIZE", human_size),
    Column("point", "POINT"),
    Column("shows", "SHOWS", lambda shows: "yes" if shows else "no"),
    Column("path", "PATH"),
)


@click.command()
@click.argument("repository", metavar="docker://NAME|NAME", shell_complete=completion.image_names)
@registries.plain_http
@listing_options()
def tags(repository: str, shape: Shape, *, plain_http: bool) -> None:
    r"""List the tags of a repository, here or (docker://NAME) in its registry.

    \b
      layerlog tags docker://debian
    """
    place = transports.parse_place(repository)
    if place.transport == transports.REGISTRY:
        name = image_name(place.rest).repository
        with registries.asked(name, plain_http=plain_http) as found:
            rows = or_say_nothing_found(found.tags(), f"{name} has no tags in its registry")
            listing(shape, ({"tag": tag} for tag in rows), _TAGS, "tag")
        return
    with session() as s:
        names = local_tags.of_repository(s.log, repository)
        if not names:
            raise NotFoundError(_no_repository(repository))
        listing(shape, ({"tag": familiar(name)[1]} for name in names), _TAGS, "tag")


def _no_repository(text: str) -> str:
    if ":" in text.rpartition("/")[2]:
        return f"{shown(text)!r} names one image; name the repository alone: `layerlog tags {shown(text.rpartition(':')[0])}`"
    image_name(text)
    return f"no image {shown(text)} is in this store; for the tags in its registry: `layerlog tags docker://{shown(text)}`"


@click.command()
@click.argument("image", metavar="REF[@POINT]|docker://NAME[:TAG]", shell_complete=completion.references)
@click.option("--platform", metavar=PLATFORM, help="Which image of several; default: this machine's.")
@registries.plain_http
@click.option("--largest", type=click.IntRange(1), metavar="N", help="Instead, the N largest files that they hold.")
@listing_options(trunc=True)
def layers(image: str, shape: Shape, *, platform: str | None, plain_http: bool, largest: int | None) -> None:
    r"""List the layers of an image or a container, lowest first: how many paths each adds, changes and hides, and the bytes of
    the files among them. WASTED are the bytes of its files that later layers overwrite or delete; the last line says how
    efficient all of it is, as dive counts. POINT names the tree that ends with the layer.

    Of docker://NAME, the layers in its registry, and which of them are here: those, `pull` does not ask for.

    \b
      layerlog layers web
      layerlog layers --largest 10 web    the largest files, which layer holds each, and whether it still shows
      layerlog layers docker://tomcat:10
    """
    if transports.parse_place(image).transport != transports.REGISTRY:
        _list_local(image, shape, largest)
        return
    if largest is not None:
        raise InvalidError("--largest looks into layers that are here; `layerlog pull` the image, then ask of its name alone")
    with ExitStack() as opened:
        try:
            log = opened.enter_context(session()).log
        except StoreError:  # where no store is, nothing is here
            log = None
        found = looked_at(_remote_name(image), platform, plain_http=plain_http)
        listing(shape, _rows(log, found), _LAYERS, "digest")


def _list_local(ref: str, shape: Shape, largest: int | None) -> None:
    from projections.images import stack

    with session() as s:
        target = s.resolve(ref)
        if largest is not None:
            listing(shape, map(_held_row, stack.largest(s.log, s.store.content, target, largest)), _LARGEST, "path")
            return
        rows = [_stacked_row(found) for found in stack.stacked(s.log, s.store.content, target)]
        listing(shape, rows, _STACK, "layer")
        if rows and shape.format == "table" and not shape.quiet:
            wasted = human_size(sum(row["wasted"] for row in rows))
            print(f"efficiency {100 * rows[-1]['efficiency']:.1f} %, {wasted} wasted")


def _stacked_row(found: "Stacked") -> dict[str, Any]:
    amounts = {"added": found.added, "changed": found.changed, "hidden": found.hidden}
    return {
        "point": found.point, "layer": _layer_id(found.layer), "made_here": isinstance(found.layer, SealedLayer),
        "size": found.size,
        **{key: amount.paths for key, amount in amounts.items()},
        **{f"{key}_bytes": amount.bytes for key, amount in amounts.items()},
        "wasted": found.wasted, "efficiency": found.efficiency,
    }  # fmt: skip


def _held_row(found: "Held") -> dict[str, Any]:
    file = found.file
    return {
        "path": b"/" + file.path, "size": file.size, "point": found.point, "layer": _layer_id(found.layer),
        "shows": file.names > 0,
    }  # fmt: skip


def _layer_id(layer: Layer) -> str | None:
    """Return a layer's diff_id, or the id of the commit that made it; None where nothing sealed it."""
    name = layer.commit if isinstance(layer, SealedLayer) else layer[0]
    return f"sha256:{name}" if name else None


def looked_at(name: ImageName, platform: str | None = None, *, plain_http: bool = False) -> OciImage:
    """Return what a registry says of an image; no layer of it can be read any more."""
    with registries.asked(name.repository, plain_http=plain_http) as repository:
        return pull.find(repository, name, platform)


def document(name: ImageName, *, plain_http: bool) -> Json:
    """Return an image in a registry as `docker inspect` shows one; its size is what would have to be pulled."""
    image = looked_at(name, plain_http=plain_http)
    config, digest = parse_config(image.config, "config"), digest_of(manifest_of(image))
    steps = history(config)
    return {
        "Id": config_digest(image),
        "RepoTags": [":".join(familiar(tag)) for tag in image.names],
        "RepoDigests": [f"{familiar(str(name))[0]}@{digest}"],
        "Comment": steps[-1].comment if steps else "",
        "Created": config.get("created") or "",
        "Author": config.get("author") or "",
        "Config": config.get("config") or {},
        **{key.capitalize(): value for key, value in platform_of(config)._asdict().items() if value},
        "Size": sum(layer.descriptor.size for layer in image.layers),
        "RootFS": {"Type": "layers", "Layers": [named(diff_id) for diff_id in diff_ids(config)]},
        "Layerlog": {
            "ManifestType": image.manifest_type,
            "Layers": [{"Blob": layer.descriptor.digest, "Size": layer.descriptor.size} for layer in image.layers],
        },
    }


def _remote_name(text: str) -> ImageName:
    place = transports.parse_place(text)
    if place.transport != transports.REGISTRY:
        name = shown(text)
        raise InvalidError(f"{name} names no registry: write docker://{name}; of images here `layerlog history {name}` tells")
    return image_name(place.rest)


def _rows(log: Log | None, image: OciImage) -> Iterator[dict[str, Any]]:
    steps = [step for step in history(parse_config(image.config, "config")) if not step.empty_layer]
    made = [step.created_by for step in steps] if len(steps) == len(image.layers) else [""] * len(image.layers)
    for layer, created_by in zip(image.layers, made, strict=True):
        diff_id = layer.diff_id.hex()
        yield {
            "digest": layer.descriptor.digest, "size": layer.descriptor.size, "diff_id": f"sha256:{diff_id}",
            "here": log is not None and log.stream("layer", diff_id) is not None, "created_by": created_by,
        }  # fmt: skip
