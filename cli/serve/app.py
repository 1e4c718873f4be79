"""App: the routes of the OCI distribution spec 1.1 that read, over what the store has."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.serve import answers, names
from cli.serve.access import USER
from cli.serve.answers import ALWAYS, RefusedError, manifest_unknown, refusal
from cli.serve.moments import Blob, Moment, Moments
from cli.serve.names import Names, Repository
from cli.serve.record import Recorder
from cli.serve.server import Readers
from cli.streams.files import OpenFile
from eventstore.errors import DamagedError, ErasedError, LayerlogError
from eventstore.model.digests import digest_of, raw
from eventstore.model.facts import Referrer
from eventstore.model.spelling import is_id
from eventstore.store.store import Store
from projections.images.images import Image
from projections.oci.documents import Json
from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST, Descriptor, parse_descriptor
from projections.oci.referrer import listed, parse_referrer

PIECE, SLICE = 1 << 20, 128 << 10
"""A kept blob is stored, and verified, by the MiB; a connection is handed an eighth at a time."""
BUDGET = 16 << 20
"""Bytes that are read ahead of clients; the more of those there are, the less for each."""
_MARK = "sha256:"


class Registry:
    """*recorder* is told of each manifest that is given, *failed* of what is wrong with the store."""

    def __init__(
        self, readers: Readers, names: Names, moments: Moments, recorder: Recorder | None, failed: Callable[[Exception], object]
    ) -> None:
        self._readers = readers
        self._names = names
        self._moments = moments
        self._recorder = recorder
        self._failed = failed
        self._streams = 0

    def app(self) -> Starlette:
        routes = [
            Route("/v2/", self._base),
            Route("/v2", self._base),
            Route("/v2/_catalog", self._catalog),
            Route("/v2/{name:path}/tags/list", self._tags),
            Route("/v2/{name:path}/manifests/{reference}", self._manifest),
            Route("/v2/{name:path}/blobs/{digest}", self._blob),
            Route("/v2/{name:path}/referrers/{digest}", self._referrers),
        ]
        handlers = {
            HTTPException: self._no_route, RefusedError: self._refused, ErasedError: self._erased, Exception: self._broken,
        }  # fmt: skip
        found = Starlette(routes=routes, exception_handlers=handlers)
        found.router.redirect_slashes = False
        return found

    # -- what is asked

    async def _base(self, _: Request) -> Response:
        return JSONResponse({}, headers=ALWAYS)

    async def _catalog(self, request: Request) -> Response:
        found = await self._readers.ask(lambda store: self._names.catalog(store.log))
        listed, more = answers.page("/v2/_catalog", request.query_params, found)
        return JSONResponse({"repositories": listed}, headers={**ALWAYS, **more})

    async def _tags(self, request: Request) -> Response:
        name = request.path_params["name"]
        repository = await self._readers.ask(lambda store: self._names.repository(store.log, name))
        found = sorted({*repository.tags, *repository.unclear})
        listed, more = answers.page(f"/v2/{name}/tags/list", request.query_params, found)
        return JSONResponse({"name": name, "tags": listed}, headers={**ALWAYS, **more})

    async def _manifest(self, request: Request) -> Response:
        name, reference = request.path_params["name"], request.path_params["reference"]
        moment, manifest, media_type = await self._readers.ask(lambda store: self._answer(store, name, reference))
        digest = digest_of(manifest)
        headers = _about(digest, len(manifest)) | {"Content-Type": media_type}
        if answers.is_known(request.headers, digest):
            return Response(status_code=304, headers=headers)
        if not answers.accepted(request.headers, media_type):
            raise manifest_unknown(f"{name}:{reference} is of the type {media_type}, which the request does not accept")
        if moment and request.method == "GET" and self._recorder:
            await self._readers.ask(partial(self._record, moment, request))
        return Response(b"" if request.method == "HEAD" else manifest, headers=headers)

    async def _blob(self, request: Request) -> Response:
        name, digest = request.path_params["name"], request.path_params["digest"]
        _check(digest)
        image, blob = await self._readers.ask(lambda store: self._found(store, name, digest))
        size = blob.descriptor.size
        headers = _about(digest, size) | {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        if answers.is_known(request.headers, digest):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            return Response(headers=headers)
        span = answers.span(request.headers, digest, size)
        start, end = span or (0, size)
        headers["Content-Length"] = str(end - start)
        if span:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        read = await self._readers.ask(lambda store: self._reading(store, image, blob))
        return StreamingResponse(self._pieces(read, start, end), 206 if span else 200, headers)

    async def _referrers(self, request: Request) -> Response:
        """What is not known has an empty list, and is no error ("Listing Referrers")."""
        name, digest = request.path_params["name"], request.path_params["digest"]
        _check(digest)
        kind = request.query_params.get("artifactType")
        found = await self._readers.ask(lambda store: self._listed(store, name, digest, kind))
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        filtered = {"OCI-Filters-Applied": "artifactType"} if kind else {}
        return JSONResponse(index, headers={**ALWAYS, **filtered}, media_type=OCI_INDEX)

    # -- where it is found

    def _answer(self, store: Store, name: str, reference: str) -> tuple[Moment | None, bytes, str]:
        """Return a manifest and its media type, and the moment that it is of, where it is of one."""
        repository = self._names.repository(store.log, name)
        if not reference.startswith(_MARK):
            moment = self._moments.made(store, self._names.image(store.log, repository, reference))
            return moment, moment.manifest, moment.sent.manifest_type
        _check(reference)
        found = self._by_digest(store, repository, reference)
        if found is not None:
            return found, found.manifest, found.sent.manifest_type
        for event in names.referrers(store.log, repository):
            if event.content == raw(reference):
                return None, store.content.read_all(event.content), OCI_MANIFEST
        raise manifest_unknown(f"{name} has no manifest {reference}")

    def _listed(self, store: Store, name: str, subject: str, kind: str | None) -> list[Json]:
        """Return the descriptors of what is kept about a manifest of the repository, of one *kind* where that is given."""
        repository = self._names.repository(store.log, name)
        about = (event for event in names.referrers(store.log, repository) if Referrer.of(event).subject == raw(subject).hex())
        found = [_descriptor(store.content.read_all(event.content or b"")) for event in about]
        return [entry for entry in found if kind in (None, entry["artifactType"])]

    def _by_digest(self, store: Store, repository: Repository, digest: str) -> Moment | None:
        """Of what was made into a manifest once, or left the store as one, and of the repository's tags."""
        image = self._moments.by_digest(digest) or names.left_as(store.log, raw(digest))
        known = [image] if image and names.holds(store.log, repository, image) else names.tagged(store.log, repository)
        return next((moment for moment in self._made(store, known) if digest_of(moment.manifest) == digest), None)

    def _made(self, store: Store, wanted: Iterable[Image]) -> Iterator[Moment]:
        """Yield what can be made of *wanted*: where one was erased or is damaged, the others are there all the same."""
        for image in wanted:
            with suppress(LayerlogError):
                yield self._moments.made(store, image)

    def _found(self, store: Store, name: str, digest: str) -> tuple[Image | None, Blob]:
        """Return the blob, and what of the repository has it, an image that its tags name made for that where it must be."""
        repository = self._names.repository(store.log, name)
        for image, blob in self._moments.having(digest):
            if names.holds(store.log, repository, image):
                return image, blob
        for moment in self._made(store, names.tagged(store.log, repository)):
            if digest in moment.blobs:
                return moment.image, moment.blobs[digest]
        for event in names.referrers(store.log, repository):
            for described in Referrer.of(event).blobs:
                if described["digest"] == digest:
                    return None, Blob(parse_descriptor(described, "a referrer's blob"), None, kept=True)
        raise RefusedError(404, "BLOB_UNKNOWN", f"{name} has no blob {digest}; get a manifest that names it first")

    def _reading(self, store: Store, image: Image | None, blob: Blob) -> Callable[[Store, int, int], bytes]:
        """Return what reads a part of a blob, in whichever thread."""
        digest = blob.descriptor.digest
        if blob.kept:
            return lambda own, start, size: b"".join(own.content.read(raw(digest), start, size))
        if blob.layer is None and image:
            config = self._moments.made(store, image).sent.config
            return lambda _, start, size: config[start : start + size]
        assert blob.layer
        file = self._moments.opened(store, blob.layer, blob.descriptor)
        return partial(_part, file)

    async def _pieces(self, read: Callable[[Store, int, int], bytes], start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes as the client takes them: a slow one holds a piece, and no thread."""
        self._streams += 1
        try:
            while start < end:
                size = min(PIECE, BUDGET // self._streams)
                piece = await self._readers.read(partial(_read, read, start, min(size - start % size, end - start)))
                for at in range(0, len(piece), SLICE):
                    yield piece[at : at + SLICE]
                start += len(piece)
        except Exception as error:  # the answer has begun, so the client sees but a short one
            self._failed(error)
            raise
        finally:
            self._streams -= 1

    def _record(self, moment: Moment, request: Request, _: Store) -> None:
        assert self._recorder
        asked = f"{request.path_params['name']}:{request.path_params['reference']}"
        if request.path_params["reference"].startswith(_MARK):
            asked = asked.replace(f":{_MARK}", f"@{_MARK}")
        address = request.client.host if request.client else ""
        self._recorder.record(moment, asked, request.scope[USER], address, request.headers.get("user-agent", ""))

    # -- what cannot be answered

    async def _no_route(self, _: Request, _error: Exception) -> Response:
        return refusal(RefusedError(404, "NAME_UNKNOWN", "there is nothing here: this is a registry, asked below /v2/"))

    async def _refused(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return refusal(error)

    async def _erased(self, _: Request, _error: Exception) -> Response:
        return refusal(manifest_unknown("something in it was erased from the store for ever"))

    async def _broken(self, _: Request, error: Exception) -> Response:
        """Tell the owner why; a stranger learns no path of the store."""
        self._failed(error)
        return refusal(RefusedError(500, "UNKNOWN", "the store cannot give that; its owner is told why"))


def _about(digest: str, size: int) -> dict[str, str]:
    return {**ALWAYS, "Docker-Content-Digest": digest, "ETag": f'"{digest}"', "Content-Length": str(size)}


def _descriptor(referrer: bytes) -> Json:
    """Return what an index lists of a manifest about another."""
    own = Descriptor(OCI_MANIFEST, digest_of(referrer), len(referrer))
    return listed(parse_referrer(referrer, "a referrer in the store"), own)


def _check(digest: str) -> None:
    if not (digest.startswith(_MARK) and is_id(digest)):
        raise RefusedError(400, "DIGEST_INVALID", "that is no digest: sha256: and 64 lower-case hex digits")


def _read(read: Callable[[Store, int, int], bytes], start: int, size: int, store: Store) -> bytes:
    found = read(store, start, size)
    if len(found) != size:
        raise DamagedError(f"a blob ends after {start + len(found)} bytes, which is too early; `layerlog verify` says more")
    return found


def _part(file: OpenFile, _: Store, start: int, size: int) -> bytes:
    return os.pread(file.descriptor, size, start)
