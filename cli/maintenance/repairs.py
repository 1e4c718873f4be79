"""Where damaged contents are taken back from: kept blobs, another store or backup, an archive or layout."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from cli.distribution import archive
from cli.distribution.receive import open_layer, stage
from cli.distribution.send import spool_folder
from cli.maintenance.layer_check import kept_blobs
from cli.streams.reader import chunks_of
from cli.streams.spool import spooled
from cli.streams.tee import tee
from eventstore.errors import LayerlogError, NotFoundError
from eventstore.integrity import repair
from eventstore.integrity.findings import Advance, Finding
from eventstore.integrity.repair import Aside
from eventstore.model.paths import shown
from eventstore.retention.reachability import documents, occurrences, originals
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.layers.tar import decode
from projections.oci.oci_image import LayerBlob, OciImage


class Repaired(NamedTuple):
    restored: frozenset[bytes]
    left: list[Finding]


def mend(store: Store, writer: Writer, findings: list[Finding], source: str | None, advance: Advance) -> Repaired:
    """Take back what *findings* say is damaged, from kept blobs and then from *source*; needs the exclusive lock.

    *source* is a store or backup (a folder with log.db), else what `load` takes.  All or nothing is recorded; what nobody
    has is put in quarantine/.
    """
    with repair.replacing(store, writer, findings) as aside:
        _from_layers(store, writer, aside, _own_blobs(store, aside))
        if source is not None and os.path.exists(os.path.join(source, "log.db")):
            with Store.open(source) as other:
                _from_store(store, writer, aside, other)
        elif source is not None:
            _from_images(store, writer, aside, archive.read(source, spool_folder(store)))
    store.content.forget()
    left = repair.find(store, advance)
    damaged = {digest for finding in left for digest in finding.digests}
    return Repaired(frozenset(filter(store.content.has, aside.wanted - damaged)), left)


def _own_blobs(store: Store, aside: Aside) -> Iterator[LayerBlob]:
    """Yield the kept blobs of layers that miss something."""
    streams = {occurrence.stream for occurrence in occurrences(store.log, _missing(store, aside))}
    for stream in map(store.log.stream_of, sorted(streams)):
        if stream.kind == "layer":
            yield from kept_blobs(store, stream.name)


def _missing(store: Store, aside: Aside) -> set[bytes]:
    """Return what is wanted and not there, or not whole."""
    found = set()
    for digest in aside.wanted:
        try:
            deque(store.content.read(digest), 0)
        except LayerlogError:
            found.add(digest)
    return found


def _from_layers(store: Store, writer: Writer, aside: Aside, layers: Iterable[LayerBlob]) -> None:
    """Read layers again: of an imported one contents and framing that are not there are put as they pass; of any other,
    as `save` writes them of commits made here, the files that are wanted.
    """
    for layer in layers if aside.wanted else ():
        with suppress(LayerlogError), open_layer(layer) as tar:  # this copy may be damaged too, and another whole
            if store.log.stream("layer", layer.diff_id.hex()) is not None:
                stage(writer, chunks_of(tar)).changes.close()
            else:
                deque(decode(tar, _Wanted(writer, aside.wanted)), 0)


class _Wanted:
    """Keeps of a layer's files those that are wanted: what else a foreign layer holds is no part of this store."""

    def __init__(self, writer: Writer, wanted: frozenset[bytes]) -> None:
        self._content = writer.content
        self._folder = partial(spool_folder, writer.store)
        self._wanted = wanted

    def put(self, data: bytes) -> bytes:
        digest = sha256(data).digest()
        return self._content.put(data) if digest in self._wanted else digest

    def put_stream(self, chunks: Iterable[bytes]) -> bytes:
        digest = sha256()
        with spooled(tee(chunks, digest.update), self._folder) as again:
            return self._content.put_stream(again()) if digest.digest() in self._wanted else digest.digest()


def _from_store(store: Store, writer: Writer, aside: Aside, other: Store) -> None:
    blob_digests = originals(store.log)
    for digest in sorted(aside.wanted):
        if other.content.has(digest):
            into = writer.originals if digest in blob_digests else writer.content
            with suppress(LayerlogError):  # damaged there too
                into.put_stream(other.content.read(digest))


def _from_images(store: Store, writer: Writer, aside: Aside, images: Iterable[OciImage]) -> None:
    wanted = aside.wanted | {digest for _, digest in documents(store.log) if not store.content.has(digest)}
    for image in images:
        for document in (image.config, image.manifest, image.index):
            if document is not None and sha256(document).digest() in wanted:
                writer.content.put(document)
        _from_layers(store, writer, aside, image.layers)
        for layer in image.layers:
            if bytes.fromhex(layer.descriptor.hex) in wanted:
                with closing(layer.open()) as stream:
                    writer.originals.put_stream(chunks_of(stream))


def require_source(source: str | None) -> None:
    if source is not None and not os.path.exists(source):
        raise NotFoundError(f"{shown(source)}: no such store, folder or archive; check the spelling")
