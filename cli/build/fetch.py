"""What ADD fetches from elsewhere, by the connections that registries are asked over, too: their proxies, TLS and deadlines."""

import email.message
import email.utils
import posixpath
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit

from cli.display.bars import progress
from cli.registry.addresses import origin
from cli.registry.http import BrokenError, Http, Response, led_to, place
from cli.session import logs
from eventstore.errors import InvalidError, LayerlogError, MismatchError, RegistryError
from eventstore.model.paths import shown
from projections.build.remote import name_of

TRIES, PAUSE = 3, 0.5
REDIRECTS = 10
MOST = 16 << 30
"""Bytes of a file: who never stops sending must not fill the disk."""
_SECOND = 10**9
_OK = 200
_MOVED = (301, 302, 303, 307, 308)
_BUSY = (429, 500, 502, 503, 504)


class Fetched(NamedTuple):
    """A file that was fetched: where it lies, what it is called, and when it was made (ns; 0 where nobody says)."""

    path: str
    name: str
    modified: int


@contextmanager
def fetched(url: str, checksum: str, *, quiet: bool = False) -> Iterator[Fetched]:
    """Yield what a URL gives, in a file without a name, which is gone with this process; *checksum* is "" or sha256:HEX.

    Raise RegistryError where it cannot be had, MismatchError where it is something else, InvalidError where it is too large.
    """
    from tempfile import TemporaryFile

    http = Http(_told)
    with closing(http), TemporaryFile() as file:
        headers = _tried(http, _address(url), file, checksum, quiet=quiet)
        name = name_of(url) or headers.name
        if not name:
            raise InvalidError(f"{place(url)}: nothing says what the file is called; end the destination with a name")
        yield Fetched(f"/proc/self/fd/{file.fileno()}", name, headers.modified)


class _Said(NamedTuple):
    """What an answer's head says of its file."""

    name: str
    modified: int


def _told(method: str, host: str, path: str, status: int, seconds: float) -> None:
    logs.detail("http", method=method, host=host, path=path, status=status, seconds=seconds)


def _address(url: str) -> str:
    """Return an address as it is sent: encoded, without its fragment."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        parsed = parse_url(url)
    except LocationParseError:
        parsed = None
    if parsed is None or not parsed.host:
        raise InvalidError(f"{shown(url)}: is no address; https://HOST/PATH was expected")
    return parsed._replace(fragment=None).url


def _tried(http: Http, url: str, file: IO[bytes], checksum: str, *, quiet: bool) -> _Said:
    for again in range(1, TRIES + 1):
        try:
            with closing(_answer(http, url)) as response:
                _keep(response, file, checksum, quiet=quiet)
                return _Said(_name(response), _modified(response))
        except BrokenError:
            if again == TRIES:
                raise
            time.sleep(PAUSE * again)
    raise AssertionError


def _answer(http: Http, url: str) -> Response:
    """Return the answer that redirects lead to; who one is by the URL is told to its host alone."""
    first = origin(url)
    login = urlsplit(url)
    for _ in range(REDIRECTS + 1):
        own = login.username is not None and origin(url) == first
        user = f"{unquote(login.username or '')}:{unquote(login.password or '')}"
        response = http.send("GET", url, {"Authorization": f"Basic {b64encode(user.encode()).decode()}"} if own else {})
        if response.status not in _MOVED:
            return _fine(response)
        response.close()
        url = _address(led_to(response))
    raise RegistryError(f"{place(url)}: one redirect leads to the next, over {REDIRECTS} of them; correct the address")


def _fine(response: Response) -> Response:
    if response.status != _OK:
        response.close()
        failure = BrokenError if response.status in _BUSY else RegistryError
        raise failure(f"{place(response.url)}: the server answers {response.status}; check the address")
    return response


def _keep(response: Response, file: IO[bytes], checksum: str, *, quiet: bool) -> None:
    """Write the body, whole or not at all, over whatever an earlier try has left."""
    stated = response.header("Content-Length")
    total = int(stated) if stated.isdecimal() and len(stated) < 19 else None
    _require_size(response, total or 0)
    digest, size = sha256(), 0
    file.seek(0)
    file.truncate()
    try:
        with progress(total, "Fetching", "bytes", quiet=quiet) as advance:
            for chunk in response.chunks():
                size += len(chunk)
                _require_size(response, size)
                digest.update(chunk)
                file.write(chunk)
                advance(len(chunk))
        file.flush()
    except OSError as error:
        raise LayerlogError(f"{place(response.url)}: cannot be kept: {error.strerror}; see to the disk of TMPDIR") from error
    found = f"sha256:{digest.hexdigest()}"
    if checksum and found != checksum:
        raise MismatchError(f"{place(response.url)}: is {found}, and --checksum says {checksum}; see which is wrong")


def _require_size(response: Response, size: int) -> None:
    if size > MOST:
        raise InvalidError(f"{place(response.url)}: over {MOST} bytes, more than is fetched")


def _name(response: Response) -> str:
    """Return what Content-Disposition calls the file, "" where it says nothing that can be a name."""
    said = email.message.Message()
    said["Content-Disposition"] = response.header("Content-Disposition").replace("\r", "").replace("\n", "")
    name = posixpath.basename(said.get_filename("").replace("\0", ""))
    return "" if name in (".", "..") else name


def _modified(response: Response) -> int:
    try:
        return int(email.utils.parsedate_to_datetime(response.header("Last-Modified")).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return 0
