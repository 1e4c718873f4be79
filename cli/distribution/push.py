"""Images on their way to a registry: only the blobs that it lacks; what was made here is sent while it is encoded."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

from cli.distribution import send
from cli.registry.repository import Repository
from cli.registry.uploads import Uploads
from cli.streams.compression import PACKERS
from cli.streams.reader import chunks_of
from cli.streams.threads import Measured
from cli.streams.workers import in_threads
from eventstore.model.digests import digest_of
from eventstore.store.store import Store
from projections.images import oci_form
from projections.images.images import Image
from projections.layers.layers import Layer, LeftOut, SealedLayer, ignored
from projections.oci import oci_image as oci
from projections.oci.oci_image import Descriptor, LayerBlob, OciImage, manifest_of

AT_ONCE = 3

Advance = Callable[[str, int, int | None], object]
"""Told of a blob's name, bytes that arrived, and its size where that is known."""


class Pushed(NamedTuple):
    """An image that the registry has now: how many of its layers had to be sent, and how many bytes of those."""

    image: OciImage
    sent: int
    bytes: int


class Way(NamedTuple):
    """How a blob is brought to *repository*: *holders* are repositories of the same registry that had it, by its digest."""

    repository: Repository
    holders: Mapping[str, Sequence[str]]
    compress: str
    advance: Advance
    left_out: LeftOut = ignored


def push(store: Store, image: Image, way: Way, tags: Sequence[str], earlier: Mapping[str, Sequence[Descriptor]]) -> Pushed:
    """Let *tags* of the repository name the image; blobs that it has are not sent.

    *earlier* is, by diff_id (hex), in which blobs a layer left before: one that the registry has is not made again.
    Raise RegistryError; the tags are as they were then.
    """
    exported, came = oci_form.exported_layers(store.log, image), send.blobs_that_came(store, image)
    as_it_came = way._replace(compress="")
    plain = send.plain_in_manifest(store, image)
    known = [send.known_form(store, layer) for layer in exported]  # here: a thread that only asks the registry opens no store
    tasks = [
        partial(_brought, store, layer, form, came, earlier, as_it_came if layer in plain else way)
        for layer, form in zip(exported, known, strict=True)
    ]
    futures = in_threads(AT_ONCE, reversed(tasks))  # the top first: it is the one that a registry lacks
    brought = [future.result() for future in reversed(futures)]
    diff_ids = {layer: blob.diff_id for layer, (blob, _) in zip(exported, brought, strict=True)}
    config = oci_form.config(store.log, store.content, image, diff_ids.__getitem__)
    found = send.assembled(store, image, config, [blob for blob, _ in brought], tags)
    _send_small(way, Descriptor(oci.OCI_CONFIG, digest_of(config), len(config)), config)
    for tag in tags:
        way.repository.put_manifest(tag, manifest_of(found), found.manifest_type)
    sent = [blob.descriptor.size for blob, was_sent in brought if was_sent]
    return Pushed(found, len(sent), sum(sent))


def _brought(
    store: Store, layer: Layer, known: send.Encoded | None, came: Mapping[str, Descriptor],
    earlier: Mapping[str, Sequence[Descriptor]], way: Way,
) -> tuple[LayerBlob, bool]:  # fmt: skip
    """Return a layer, whose plain form is *known* or not, as the registry has it now, and whether it had to be sent."""
    candidates = _candidates(known.diff_id.hex(), came, earlier) if known else ()
    there = next((blob for blob in candidates if _is_there(way, blob)), None)
    if known and there:
        return _in_registry(way, known.diff_id, there), False
    with Store.open(store.path) as own:  # SQLite wants a connection for each thread
        return _sent(own, layer, send.kept_blob(own, layer, came), way), True


def _candidates(
    diff_id: str, came: Mapping[str, Descriptor], earlier: Mapping[str, Sequence[Descriptor]]
) -> Iterable[Descriptor]:
    """Return the blobs that hold a layer, the one first that the image's own manifest names."""
    own = [came[diff_id]] if diff_id in came else []
    return dict.fromkeys([*own, *earlier.get(diff_id, ())])


def _in_registry(way: Way, diff_id: bytes, blob: Descriptor) -> LayerBlob:
    return LayerBlob(diff_id, blob, partial(way.repository.open, blob), at_hand=False)


def _is_there(way: Way, blob: Descriptor) -> bool:
    if way.repository.has(blob.digest):
        return True
    uploads = Uploads(way.repository, lambda _: None)
    return any(uploads.mount(blob, holder) for holder in way.holders.get(blob.digest, ()) if holder != way.repository.name)


def _sent(store: Store, layer: Layer, original: LayerBlob | None, way: Way) -> LayerBlob:
    if original is not None:
        blob = original.descriptor
        uploads = Uploads(way.repository, lambda size: way.advance(blob.hex[:12], size, blob.size))
        uploads.send(partial(_read, original), blob.digest)
        return original
    made: list[Measured] = []

    def encoded() -> Iterable[bytes]:
        made.append(Measured(send.layer_tar(store, layer, way.left_out)))
        return PACKERS[way.compress](made[-1]) if way.compress else made[-1]

    name = f"layer {(layer.commit if isinstance(layer, SealedLayer) else layer[0])[:12]}"
    digest, size = Uploads(way.repository, lambda size: way.advance(name, size, None)).send(encoded)
    way.advance(name, 0, size)
    plain = send.Encoded(made[-1].digest.digest(), made[-1].size)
    send.remember(store, layer, plain)
    return _in_registry(way, plain.diff_id, Descriptor(oci.LAYER_TYPES[way.compress], digest, size))


def _read(blob: LayerBlob) -> Iterator[bytes]:
    with closing(blob.open()) as stream:
        yield from chunks_of(stream)


def _send_small(way: Way, blob: Descriptor, data: bytes) -> None:
    if not way.repository.has(blob.digest):
        Uploads(way.repository, lambda _: None).send(lambda: [data], blob.digest)
