"""The files in which podman and Docker keep credentials: where they are, read with care, written whole or not at all.

Rules: containers-auth.json(5), and "Credential stores" of `docker login`'s reference.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from eventstore.disk import atomic
from eventstore.errors import ConcurrencyError, InvalidError
from eventstore.model.paths import shown
from eventstore.model.spelling import HUB
from projections.oci.documents import Json, field, read_object

DOCKER_HUB = "https://index.docker.io/v1/"
"""What Docker calls docker.io in its files."""
MAX_FILE = 1 << 20
VARIABLE = "DOCKER_AUTH_CONFIG"

_WAIT = 10.0  # seconds for another login to finish: it only writes a small file
_FIELDS = ("auths", "credHelpers", "credsStore")

T = TypeVar("T")


class AuthFile(NamedTuple):
    """`hub` is the key under which docker.io is kept there."""

    path: str
    hub: str = HUB

    def key(self, registry: str) -> str:
        return self.hub if registry == HUB else registry


def in_order() -> list[AuthFile]:
    """Return the files to look in, there or not, in podman's order; REGISTRY_AUTH_FILE is the only one where it is set."""
    chosen = os.environ.get("REGISTRY_AUTH_FILE")
    if chosen:
        return [AuthFile(chosen)]
    return [AuthFile(_primary()), AuthFile(_of_config()), _of_docker()]


def to_write() -> AuthFile:
    """Return the file for new credentials: REGISTRY_AUTH_FILE, that of DOCKER_CONFIG, or podman's, which lasts a session.

    Where podman's cannot be made (no session, another user's XDG_RUNTIME_DIR) it is the one in ~/.config, podman's second.
    """
    if os.environ.get("REGISTRY_AUTH_FILE"):
        return in_order()[0]
    if os.environ.get("DOCKER_CONFIG"):
        return _of_docker()
    return AuthFile(_primary() if _can_be_made(_primary()) else _of_config())


def read(path: str) -> Json:
    """Return what the file holds, {} where it is missing or empty.

    Raise InvalidError, which never tells of its content, for what is no such file; OSError where it cannot be read.
    """
    if not os.path.exists(path):
        return {}
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait for its writer
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidError(f"{shown(path)}: not a regular file; {_next_step(path)}")
        with open(fd, "rb", closefd=False) as file:
            return _parsed(file.read(MAX_FILE + 1), path)
    finally:
        os.close(fd)


def read_variable() -> Json:
    """Return what DOCKER_AUTH_CONFIG holds, {} where it is not set; InvalidError as `read`."""
    return _parsed(os.fsencode(os.environ.get(VARIABLE, "")), VARIABLE)


@contextmanager
def changing(path: str) -> Iterator[Json]:
    """Yield what the file holds; what is made of it takes its place at the end, 0600, if it differs.

    Two that change one file wait for each other.  Errors as of `read`, and ConcurrencyError when waiting takes too long.
    """
    path = os.path.realpath(path)  # who links it to elsewhere wants it there
    _make_folder(os.path.dirname(path))
    with _locked(os.path.dirname(path)):
        document = read(path)
        before = _spelled(document)
        yield document
        after = _spelled(document)
        if after != before:
            if len(after) > MAX_FILE:
                raise InvalidError(f"{shown(path)}: over {MAX_FILE} bytes with one more entry; take some out")
            with atomic.replacing(path, 0o600, durable=True) as fd, open(fd, "wb", closefd=False) as file:
                file.write(after)


def part(document: Json, key: str, kind: type[T], what: str) -> T:
    """Return document[key], an empty *kind* where it is absent or null; InvalidError, naming the file, for another type."""
    try:
        return field(document, key, kind, shown(what), kind())
    except InvalidError as error:
        raise InvalidError(f"{error}; {_next_step(what)}") from None


def _primary() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return os.path.join(runtime, "containers/auth.json") if runtime else f"/run/containers/{os.getuid()}/auth.json"


def _of_config() -> str:
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(_home(), ".config")
    return os.path.join(config, "containers/auth.json")


def _of_docker() -> AuthFile:
    folder = os.environ.get("DOCKER_CONFIG") or os.path.join(_home(), ".docker")
    return AuthFile(os.path.join(folder, "config.json"), DOCKER_HUB)


def _home() -> str:
    home = os.path.expanduser("~")
    return home if os.path.isabs(home) else "/"  # a user without one: never a folder called ~


def _can_be_made(path: str) -> bool:
    """Whether podman could: it makes the folder of its file, and never XDG_RUNTIME_DIR itself."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and not os.path.isdir(runtime):
        return False
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    return os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)


def _parsed(data: bytes, what: str) -> Json:
    if len(data) > MAX_FILE:
        raise InvalidError(f"{shown(what)}: over {MAX_FILE} bytes; {_next_step(what)}")
    if not data.strip():  # `touch`, mktemp
        return {}
    try:
        return read_object(data, what, known=_FIELDS)
    except InvalidError:  # its message may show a key or a number, and here either may be a secret
        raise InvalidError(f"{shown(what)}: no JSON object, or one that can be read in two ways; {_next_step(what)}") from None


def _next_step(what: str) -> str:
    return "correct or unset it" if what == VARIABLE else "correct it, or move it away and log in again"


def _spelled(document: Json) -> bytes:
    return json.dumps(document, indent="\t", ensure_ascii=False).encode()


def _make_folder(path: str) -> None:
    if not os.path.isdir(path):
        _make_folder(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another login made it
            if not os.path.isdir(path):
                raise


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the folder, since the file itself is replaced; where the filesystem locks no folder (NFS), nobody waits."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(fd, folder)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, folder: str) -> None:
    until = time.monotonic() + _WAIT
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ConcurrencyError(f"{shown(folder)}: another program keeps it locked; run the command again") from None
            time.sleep(0.01)
        except OSError:
            return None
