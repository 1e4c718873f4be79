"""htpasswd: users and their passwords' bcrypt hashes, as `htpasswd -B` writes them and docker-registry reads them."""

import ctypes
import hmac
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import shown

MAX_FILE = 1 << 20
REMEMBERED = 1000
_HASH = re.compile(rb"\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_SETTING = 29
"""How many of a hash's bytes say how it is made."""
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2", None)
"""libxcrypt's, by its two names, and a C library that has it within.  Python's own `crypt` is gone since 3.13."""
_ROOM = 256 << 10
"""More than any library's struct crypt_data."""
_KNOWN = (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
"""The first test vector of bcrypt's crypt_blowfish."""


class Users:
    """Who may ask, by name and password; a password that was right once is known again without bcrypt, which is slow."""

    def __init__(self, hashes: Mapping[str, bytes]) -> None:
        self._hashes = hashes
        self._stranger = next(iter(hashes.values()))
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, user: str, password: bytes) -> bool:
        """Whether `are` said so before: at once."""
        return self._name(user, password) in self._right

    def are(self, user: str, password: bytes) -> bool:
        """Whether that is the user's password; takes as long for a user who is not there."""
        expected = self._hashes.get(user)
        found = bcrypt(password, expected or self._stranger)
        if expected is None or not hmac.compare_digest(found, expected):
            return False
        with self._lock:
            self._right[self._name(user, password)] = None
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return True

    def _name(self, user: str, password: bytes) -> bytes:
        return hmac.digest(self._key, user.encode() + b"\0" + password, "sha256")


def users(path: str) -> Users:
    """Return whom the file lists; raise InvalidError for one that lists nobody, or a hash that is not bcrypt's."""
    with open(path, "rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise InvalidError(f"{shown(path)}: over {MAX_FILE} bytes; that is no htpasswd file")
    found: dict[str, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if (line := line.strip()) and not line.startswith(b"#"):
            user, _, hashed = line.partition(b":")
            if not user or not _HASH.fullmatch(hashed):
                what = "no user with a bcrypt hash ($2y$...), the one kind that is read"
                raise InvalidError(f"{shown(path)}, line {number}: {what}; `htpasswd -B` makes one")
            found[user.decode("utf-8", "replace")] = hashed
    if not found:
        raise InvalidError(f"{shown(path)} lists no user; `htpasswd -B -c {shown(path)} USER` makes one")
    _library()
    return Users(found)


def bcrypt(password: bytes, setting: bytes) -> bytes:
    """Return the hash of *password* made as *setting*, itself a hash, says; of one that holds a NUL none that is right."""
    if b"\0" in password:
        return b""
    room = ctypes.create_string_buffer(_ROOM)
    found: bytes | None = _library().crypt_r(password, setting[:_SETTING], room)
    return found or b""


@cache
def _library() -> ctypes.CDLL:
    """Return the first library whose crypt_r knows bcrypt; raise NotFoundError where none does, as glibc's own."""
    for name in _LIBRARIES:
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            library.crypt_r.restype = ctypes.c_char_p
            library.crypt_r.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]
            password, expected = _KNOWN
            if library.crypt_r(password, expected[:_SETTING], ctypes.create_string_buffer(_ROOM)) == expected:
                return library
    raise NotFoundError("no library here checks bcrypt hashes; install libxcrypt (Debian: libcrypt1)")
