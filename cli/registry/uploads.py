"""Blobs on their way into a repository: not at all where it has them, mounted, in one request or in pieces.

OCI distribution spec 1.1, "Push".  Every request's body is a piece that is held, so that it can be sent again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlencode

from cli.registry.http import BrokenError, Response, led_to
from cli.registry.refusals import asked_wait, refusal
from cli.registry.registry import LONGEST_WAIT, TRIES
from cli.registry.repository import Repository
from eventstore.errors import RegistryError
from eventstore.model.digests import named
from eventstore.model.paths import shown
from projections.oci.oci_image import Descriptor

PIECE = 16 << 20
_OCTETS = {"Content-Type": "application/octet-stream"}

Open = Callable[[], Iterable[bytes]]
"""Gives a blob's bytes from the start, again each time it is called."""


class LostError(RegistryError):
    """The registry forgot what it had of an upload, which must be begun anew, *wait* seconds later."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Uploads:
    """Blobs for *repository*; *advance* is told of the bytes that have arrived there, or need not be sent."""

    def __init__(self, repository: Repository, advance: Callable[[int], object]) -> None:
        self._repository = repository
        self._registry = repository.registry
        self._start = f"/v2/{repository.name}/blobs/uploads/"
        self._advance = advance

    def mount(self, descriptor: Descriptor, source: str) -> bool:
        """Let the repository have a blob that the repository *source* of the same registry has; False where it will not."""
        query = urlencode({"mount": descriptor.digest, "from": source})
        response = self._registry.ask("POST", f"{self._start}?{query}", self._what(descriptor.digest), expect=(201, 202))
        response.close()
        if response.status == 202:  # it began an upload instead
            self._give_up(response)
        return response.status == 201

    def send(self, opened: Open, digest: str = "") -> tuple[str, int]:
        """Send a blob; return its digest, found out meanwhile where it was not known, and its size.

        Raise RegistryError or MismatchError; then the repository does not have it.
        """
        what = self._what(digest or "a new layer")
        for _ in range(TRIES - 1):
            location = self._began(what)
            try:
                return self._send(location, opened, digest, what)
            except BrokenError:
                continue
            except LostError as lost:
                self._registry.wait(lost.wait, location)
        return self._send(self._began(what), opened, digest, what)

    def _send(self, location: str, opened: Open, digest: str, what: str) -> tuple[str, int]:
        seen, size, sent = hashlib.sha256(), 0, 0
        try:
            pieces = _pieces(opened())
            piece = next(pieces, b"")
            for following in pieces:
                seen.update(piece)
                location = self._patch(location, piece, size, what)
                size += len(piece)
                self._advance(len(piece))
                sent += len(piece)
                piece = following
            seen.update(piece)
            found = named(seen.digest())
            self._finish(location, piece, size, digest or found, what)
            self._advance(len(piece))
            return found, size + len(piece)
        except BaseException:
            self._advance(-sent)
            raise

    def _began(self, what: str) -> str:
        response = self._registry.ask("POST", self._start, what, expect=(202,))
        response.close()
        return _location(response, what)

    def _patch(self, location: str, piece: bytes, at: int, what: str) -> str:
        """Send a piece that begins at byte *at* of the blob, its rest again where it was cut; return where the next goes."""
        left = piece
        for _ in range(TRIES):
            headers = {**_OCTETS, "Content-Range": f"{at}-{at + len(left) - 1}"}
            try:
                response = self._registry.ask_once("PATCH", location, headers, left)
            except BrokenError:
                location, arrived = self._arrived(location, what)
                if not at <= arrived <= at + len(left):
                    raise LostError(f"{what}: the registry lost the upload; try again") from None
                at, left = arrived, left[arrived - at :]
                if not left:
                    return location
                continue
            if response.status in (202, 201, 204):
                response.close()
                return _location(response, what)
            raise _unwelcome(response, what)
        raise LostError(f"{what}: the connection broke {TRIES} times; try again")

    def _arrived(self, location: str, what: str) -> tuple[str, int]:
        """Return where an upload goes on, and how many bytes of it the registry has."""
        response = self._registry.ask("GET", location, what, expect=(204, 404, 400, 416))
        response.close()
        last = response.header("Range").removeprefix("bytes=").partition("-")[2]
        if response.status != 204 or not (last.isascii() and last.isdigit() and len(last) < 19):
            raise LostError(f"{what}: the registry lost the upload; try again")
        return _location(response, what) if response.header("Location") else location, int(last) + 1 if last != "0" else 0

    def _finish(self, location: str, piece: bytes, at: int, digest: str, what: str) -> None:
        if at and piece:
            location, piece = self._patch(location, piece, at, what), b""
        joint = "&" if "?" in location else "?"
        response = self._registry.ask_once("PUT", f"{location}{joint}{urlencode({'digest': digest})}", _OCTETS, piece)
        if response.status not in (201, 204):
            raise _unwelcome(response, what)
        response.close()

    def _give_up(self, begun: Response) -> None:
        if begun.header("Location"):
            self._registry.ask_once("DELETE", _location(begun, ""), {}, b"").close()

    def _what(self, digest: str) -> str:
        return f"{shown(self._registry.name)}/{shown(self._repository.name)}: blob {digest}"


def _unwelcome(response: Response, what: str) -> RegistryError:
    """A registry that forgot an upload, or failed in it, may take it from the start."""
    error, asked = refusal(response, what), asked_wait(response)
    if asked <= LONGEST_WAIT and (response.status in (404, 416, 429) or response.status >= 500):
        return LostError(str(error), asked)
    return error if isinstance(error, RegistryError) else RegistryError(str(error))


def _location(response: Response, what: str) -> str:
    """Return where an upload goes on.  It may be another host (the spec lets Location be absolute, and says no more).

    As containerd does, it is gone to, since registries keep blobs elsewhere, and told nothing of who asks: what is needed
    there stands in its query.  It is never one without TLS where the registry has it (`led_to`), and unlike this header, which
    the registry itself sends, a redirect of an upload to another host is not followed.
    """
    if not response.header("Location"):
        raise RegistryError(f"{what}: the registry does not say where an upload goes; is it a registry?")
    return led_to(response)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield *chunks* joined and cut to PIECE bytes each, the last one less."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)
