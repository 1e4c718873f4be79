"""One repository of a registry: manifests, tags, referrers, and blobs as they are read (OCI distribution spec 1.1)."""

import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from cli.registry.addresses import joined
from cli.registry.http import PIECE, BrokenError, Response, place
from cli.registry.registry import TRIES, Registry
from cli.streams.reader import Reader, verified
from eventstore.errors import InvalidError, MismatchError, NotFoundError, RegistryError
from eventstore.model.digests import check_digest, digest_of
from eventstore.model.paths import shown
from projections.oci import documents
from projections.oci.documents import MAX_DOCUMENT, Json
from projections.oci.oci_image import INDEXES, MANIFESTS, OCI_INDEX, SCHEMA_1, Descriptor, check

ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
MAX_PAGES = 1000
MAX_REFERRERS = 100
_DIGEST = "Docker-Content-Digest"
_SIZE = re.compile("[0-9]{1,18}")


class Repository:
    """*name* is the repository's within *registry*: library/tomcat.  As `Blobs` it is what an image is assembled from."""

    def __init__(self, registry: Registry, name: str) -> None:
        self.registry = registry
        self.name = name
        self._root = f"/v2/{name}"
        self._shown = shown(f"{registry.name}/{name}")

    # -- manifests

    def head(self, reference: str) -> Descriptor | None:
        """Return what a tag or digest names, without its bytes; None where the registry does not say all of it."""
        what = self._what(reference)
        response = self._ask_manifest("HEAD", reference, what)
        response.close()
        digest, size = response.header(_DIGEST), response.header("Content-Length")
        if not digest or not _SIZE.fullmatch(size):
            return None
        return Descriptor(_media_type(response), check_digest(digest, what), int(size))

    def find(self, reference: str) -> Descriptor | None:
        """As `head`, and None where there is no such manifest."""
        try:
            return self.head(reference)
        except NotFoundError:
            return None

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index by tag or digest, its bytes as they are; by a digest only those that have it."""
        what = self._what(reference)
        response = self._ask_manifest("GET", reference, what, limit=MAX_DOCUMENT)
        data = response.body(MAX_DOCUMENT)
        kind = _media_type(response)
        if kind in ("", "application/json", "text/plain", "application/octet-stream"):
            kind = documents.field(documents.read_object(data, what), "mediaType", str, what, "")
        if kind not in (*MANIFESTS, *INDEXES, *SCHEMA_1):
            raise InvalidError(f"{what}: answers with {shown(kind) or 'something'!r}, not with a manifest; is it a registry?")
        found = Descriptor(kind, digest_of(data), len(data))
        promised = reference if ":" in reference else response.header(_DIGEST)
        if promised and promised != found.digest:
            raise MismatchError(f"{what}: the bytes are {found.digest}, not {shown(promised)}; get it again")
        return found, data

    def put_manifest(self, reference: str, data: bytes, media_type: str) -> bool:
        """Let a tag, or the digest of *data*, name *data*, whose blobs are there.

        Return whether the registry lists it as what refers to its subject ("Pushing Manifests with Subject").
        """
        what = self._what(reference)
        path = f"{self._root}/manifests/{quote(reference, safe=':')}"
        response = self.registry.ask("PUT", path, what, expect=(201, 200), headers={"Content-Type": media_type}, body=data)
        response.close()
        return bool(response.header("OCI-Subject"))

    def _ask_manifest(self, method: str, reference: str, what: str, limit: int = 0) -> Response:
        path = f"{self._root}/manifests/{quote(reference, safe=':')}"
        return self.registry.ask(method, path, what, expect=(200,), headers={"Accept": ACCEPT}, limit=limit)

    def _what(self, reference: str) -> str:
        return f"{self._shown}{'@' if ':' in reference else ':'}{shown(reference)}"

    # -- blobs

    def fetch(self, descriptor: Descriptor) -> bytes:
        """Return a whole small blob, or a manifest; MismatchError unless it has the size and digest that are said."""
        if descriptor.media_type in (*MANIFESTS, *INDEXES):
            return check(self.manifest(descriptor.digest)[1], descriptor, self._what(descriptor.digest))
        with self.open(descriptor) as stream:
            return stream.read()

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """Return a blob, verified as it is read; where the connection breaks it is taken up again."""
        chunks = Reader(self.chunks(descriptor, 0))
        return verified(chunks, descriptor.digest, descriptor.size, f"{self._shown}: blob {descriptor.digest}")

    def at_hand(self, descriptor: Descriptor) -> bool:  # noqa: ARG002 - nothing is that must come over a network
        return False

    def chunks(self, descriptor: Descriptor, start: int) -> Iterator[bytes]:
        """Yield a blob from byte *start* on, none behind its promised size; what breaks is taken up while that brings more.

        More is PIECE bytes: a registry that gives one byte each time is not asked for ever.
        """
        what = f"{self._shown}: blob {descriptor.digest}"
        at, failures = start, 0
        while at < descriptor.size:
            response, skip = self._rest(descriptor, at, what)
            began = at
            try:
                for chunk in _without(response.chunks(), skip, descriptor.size - at, what):
                    yield chunk
                    at += len(chunk)
            except BrokenError:
                failures = 1 if at - began >= PIECE else failures + 1
                if failures == TRIES:
                    raise
                continue
            finally:
                response.close()
            if at < descriptor.size:
                raise MismatchError(f"{what}: ends after {at} of {descriptor.size} bytes; get it again")

    def _rest(self, descriptor: Descriptor, at: int, what: str) -> tuple[Response, int]:
        """Return an answer that has a blob's bytes from *at* on, and how many come before: not all heed a Range."""
        headers = {"Range": f"bytes={at}-"} if at else {}
        path = f"{self._root}/blobs/{descriptor.digest}"
        response = self.registry.ask("GET", path, what, expect=(200, 206), headers=headers)
        if response.status == 206 and not response.header("Content-Range").startswith(f"bytes {at}-"):
            response.close()
            raise RegistryError(f"{what}: another part was sent than was asked for; ask whoever runs that registry")
        return response, at if response.status == 200 else 0

    def has(self, digest: str) -> bool:
        """Return whether the repository holds a blob."""
        what = f"{self._shown}: blob {digest}"
        response = self.registry.ask("HEAD", f"{self._root}/blobs/{digest}", what, expect=(200, 404))
        response.close()
        return response.status == 200

    # -- lists

    def tags(self) -> Iterator[str]:
        """Yield the tags, page by page, in the registry's order."""
        for document in self._pages(f"{self._root}/tags/list?n=1000", f"tags of {self._shown}"):
            yield from documents.items(document, "tags", str, self._shown)

    def referrers(self, digest: str) -> list[Json]:
        """Return the descriptors of what refers to a manifest: by the referrers API, else by the tag that stands in for it.

        Raise InvalidError where they are more than MAX_REFERRERS.
        """
        what = f"referrers of {self._what(digest)}"
        path, accept = f"{self._root}/referrers/{digest}", {"Accept": OCI_INDEX}
        response = self.registry.ask("GET", path, what, expect=(200, 400, 404, 405), headers=accept, limit=MAX_DOCUMENT)
        if response.status == 200 and _media_type(response) == OCI_INDEX:
            found, following = _entries(response.body(MAX_DOCUMENT), what), _next_page(response)
            pages = self._pages(following, what) if following else iter(())
            while len(found) <= MAX_REFERRERS and (page := next(pages, None)) is not None:
                found += documents.items(page, "manifests", dict, what)
        else:
            response.close()
            found = documents.items(self._stand_in(digest), "manifests", dict, what)
        if len(found) > MAX_REFERRERS:
            raise InvalidError(f"{what}: more than {MAX_REFERRERS}; so many are not kept, pull without --referrers")
        return found

    def list_referrer(self, subject: str, entry: Json) -> None:
        """Add a descriptor to the tag that stands in for the referrers API, unless it is there ("Referrers Tag Schema").

        Two who do this at once may lose what one of them adds: registries know no condition for it.
        """
        index = self._stand_in(subject)
        listed = documents.items(index, "manifests", dict, self._what(subject))
        if entry["digest"] not in [other.get("digest") for other in listed]:
            data = documents.encode({**index, "manifests": [*listed, entry]})
            self.put_manifest(_stand_in_tag(subject), data, OCI_INDEX)

    def _stand_in(self, subject: str) -> Json:
        """Return the index of what refers to a manifest, an empty one where there is none."""
        tag = _stand_in_tag(subject)
        try:
            found, data = self.manifest(tag)
        except NotFoundError:
            return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        if found.media_type != OCI_INDEX:
            raise InvalidError(f"{self._what(tag)}: is no list of referrers; remove or rename that tag in the registry")
        return documents.read_object(data, self._what(tag))

    def _pages(self, target: str, what: str) -> Iterator[Json]:
        for _ in range(MAX_PAGES):
            response = self.registry.ask("GET", target, what, expect=(200,), limit=MAX_DOCUMENT)
            yield documents.read_object(response.body(MAX_DOCUMENT), what)
            following = _next_page(response)
            if not following:
                return
            target = following
        raise InvalidError(f"{what}: more than {MAX_PAGES} pages; is it a registry?")


def _entries(data: bytes, what: str) -> list[Json]:
    return documents.items(documents.read_object(data, what), "manifests", dict, what)


def _stand_in_tag(digest: str) -> str:
    return digest.replace(":", "-")


def _next_page(response: Response) -> str:
    """Return where the header Link (RFC 8288) says that a list goes on, on the same registry; "" where it ends."""
    link = response.header("Link")
    if not link.startswith("<") or 'rel="next"' not in link.replace("rel=next", 'rel="next"'):
        return ""
    url = joined(response.url, link[1:].partition(">")[0], place(response.url))
    return url if urlsplit(url)[:2] == urlsplit(response.url)[:2] else ""


def _media_type(response: Response) -> str:
    return response.header("Content-Type").partition(";")[0].strip().lower()


def _without(chunks: Iterator[bytes], skip: int, size: int, what: str) -> Iterator[bytes]:
    """Yield *chunks* without their first *skip* bytes; InvalidError where more than *size* bytes follow."""
    for chunk in chunks:
        kept = chunk[skip:]
        skip -= min(skip, len(chunk))
        size -= len(kept)
        if size < 0:
            raise MismatchError(f"{what}: more bytes come than were promised; get it again")
        if kept:
            yield kept
