"""PAX extended header records (POSIX.1-2017 "pax", and the keys that star, GNU tar and libarchive added)."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from eventstore.model.paths import shown

NOTHING: Mapping[bytes, bytes] = MappingProxyType({})
XATTR = b"SCHILY.xattr."
SPARSE = b"GNU.sparse."
KEYS = frozenset((b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"))

_LIBARCHIVE_XATTR = b"LIBARCHIVE.xattr."
_FAMILIES = (XATTR, _LIBARCHIVE_XATTR, SPARSE)
_NAMES = (b"path", b"linkpath", SPARSE + b"name")
_PAIR = (SPARSE + b"offset", SPARSE + b"numbytes")
_MAP = SPARSE + b"map"
_TIME = re.compile(rb"(-?)(?=[0-9])0*([0-9]{0,19})(?:\.([0-9]*))?")


class HeaderError(ValueError):
    """What is wrong with an archive's header; the reader, who knows the entry's name, makes an InvalidError of it."""


def parse(body: bytes) -> dict[bytes, bytes]:
    """Return the records of one extended header, the last of each key; raise HeaderError where they are malformed.

    Keys that say nothing about a file (comment, uname, atime, ...) are left out.  The repeated pairs of GNU's sparse
    format 0.0 come back as the one map of its format 0.1.
    """
    found: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    for key, value in _records(body):
        if key in _PAIR:
            if key != _PAIR[len(pairs) % 2]:
                raise HeaderError("its sparse map's offsets and lengths do not alternate")
            pairs.append(value)
        elif key in KEYS or key.startswith(_FAMILIES):
            found[key] = value
    if pairs:
        if _MAP in found:
            raise HeaderError("it states two sparse maps")
        found[_MAP] = b",".join(pairs)
    if b"\0" in body:
        _refuse_nul(found)
    return found


def _records(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 24)
        digits = body[at:space]
        end = at + int(digits) if space > at and digits.isdigit() else 0
        if not end or end <= space or end > len(body) or body[end - 1] != 0x0A:
            raise HeaderError(f"the PAX record at byte {at} of its extended header lies about its length")
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not key or not equals:
            raise HeaderError(f"the PAX record at byte {at} of its extended header has no key")
        yield key, value
        at = end


def _refuse_nul(found: Mapping[bytes, bytes]) -> None:
    for key in _NAMES:
        if b"\0" in found.get(key, b""):
            raise HeaderError(f"a NUL byte stands in the {shown(key)} of its PAX header")
    if any(b"\0" in key for key in found):
        raise HeaderError("a NUL byte stands in a key of its PAX header")


def decimal(value: bytes) -> int:
    """Return a number that cannot be negative."""
    digits = value.lstrip(b"0")
    if not value.isdigit() or len(digits) > 20:
        raise HeaderError(f"its PAX header holds '{shown(value[:40])}' where a number belongs")
    return int(digits or b"0")


def nanoseconds(value: bytes) -> int:
    """Return a time such as -1.5; digits beyond the ninth are dropped, as Go's reader does."""
    found = _TIME.fullmatch(value)
    if not found:
        raise HeaderError(f"its PAX header holds '{shown(value[:40])}' where a time belongs")
    sign, seconds, fraction = found.groups(b"")
    time = int(seconds + fraction[:9].ljust(9, b"0"))
    return -time if sign else time


def xattrs(pax: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """Return the extended attributes among the records; star's spelling goes before libarchive's."""
    found: dict[bytes, bytes] = {}
    for key, value in pax.items():
        if key.startswith(XATTR):
            # GNU tar's escapes for a key's two special bytes, and no other
            name = key[len(XATTR) :].replace(b"%3D", b"=").replace(b"%25", b"%")
            found[name] = value
        elif key.startswith(_LIBARCHIVE_XATTR):
            found.setdefault(_unquoted(key[len(_LIBARCHIVE_XATTR) :]), _base64(value))
    if any(not name or b"\0" in name for name in found):
        raise HeaderError("an extended attribute in its PAX header has no possible name")
    return found or NOTHING


def _unquoted(name: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name)


def _base64(value: bytes) -> bytes:
    try:
        return a2b_base64(value + b"=" * (-len(value) % 4), strict_mode=True)  # libarchive leaves the padding out
    except Base64Error:
        raise HeaderError("an extended attribute in its PAX header is not base64") from None
