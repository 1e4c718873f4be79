"""One tar header block, read strictly: POSIX.1-2017 "pax" (ustar), the GNU tar manual's "Basic Tar Format", and v7."""

import stat
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import adler32

from eventstore.model.paths import MARKER, MAX_NAME, MAX_PATH, shown
from eventstore.model.times import clamped
from projections.tar import pax_headers
from projections.tar.pax_headers import HeaderError

BLOCK = 512
_MARKER_ROOM = len(b"/.wh..wh..opq")

TYPES = {
    b"0": stat.S_IFREG,
    b"\0": stat.S_IFREG,
    b"7": stat.S_IFREG,
    b"S": stat.S_IFREG,
    b"1": stat.S_IFREG,
    b"2": stat.S_IFLNK,
    b"3": stat.S_IFCHR,
    b"4": stat.S_IFBLK,
    b"5": stat.S_IFDIR,
    b"6": stat.S_IFIFO,
}
MAX_MAJOR, MAX_MINOR = (1 << 12) - 1, (1 << 20) - 1  # Linux's dev_t


class TarEntry(NamedTuple):
    """One file of an archive.

    `path` is relative to the root (b"" is the root itself), `raw_name` as the archive spells it; `type` is "0" for
    every spelling of a regular file, else ustar's digit; `mode` holds the type bits; `mtime` is ns since 1970, the
    nearest that 64 bits hold (1677 to 2262); `size` is what reading gives, holes included; `target` is a symlink's
    text, or a hard link's path; `rdev` is (major, minor); `sparse` are the stored (offset, length) extents of a
    sparse file.
    """

    path: bytes
    raw_name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    target: bytes
    rdev: tuple[int, int] | None
    xattrs: Mapping[bytes, bytes]
    sparse: tuple[tuple[int, int], ...] | None


def checksum(block: bytes) -> int:
    """Return the sum of *block*'s unsigned bytes, its checksum field counted as spaces."""
    # adler32's low half is a byte sum modulo 65,521: exact for up to 256 bytes, and far faster than sum()
    first = adler32(block[156:256], adler32(block[:148], 0)) & 0xFFFF
    return first + (adler32(block[256:], 0) & 0xFFFF) + 8 * 0x20


def verify(block: bytes) -> None:
    """Raise HeaderError unless *block*'s checksum, of unsigned or (as some old tars did) signed bytes, is right."""
    stated, actual = number(block[148:156]), checksum(block)
    if stated == actual:
        return
    high = sum(byte > 0x7F for byte in block[:148] + block[156:])
    if stated != actual - 256 * high:
        raise HeaderError("its header's checksum is wrong: damaged, or no tar")


@lru_cache(maxsize=4096)
def number(field: bytes) -> int:
    """Return the value of a numeric *field*: octal, or GNU's base-256 (which may be negative); an empty field is 0."""
    if field[0] & 0x80:
        return _base256(field)
    digits = field.strip(b" \0")
    if not digits.isdigit():
        digits = digits.partition(b"\0")[0].partition(b" ")[0] or b"0"
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise HeaderError(f"its header holds '{shown(digits)}' where an octal number belongs")
    return int(digits, 8)


def _base256(field: bytes) -> int:
    bits = 8 * len(field) - 1
    value = int.from_bytes(field, "big") & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value


def text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def parse(block: bytes, pax: Mapping[bytes, bytes]) -> TarEntry:
    """Return the entry that *block* and the *pax* records before it state; `size` is the stored one, `sparse` is None.

    Raises HeaderError for what the format or a filesystem forbids.
    """
    kind = block[156:157]
    bits = TYPES.get(kind)
    if bits is None:
        raise HeaderError(f"its type '{shown(kind)}' is not one that a layer can hold")
    name, link, size, uid, gid, mtime = _overridden(block, pax) if pax else _stated(block)
    # a negative number stays negative when shifted, so one test finds both ends of a range
    if size >> 63:
        raise HeaderError(f"its size {size} is impossible")
    if (uid | gid) >> 32:
        raise HeaderError(f"its owner {uid}:{gid} does not fit in 32 bits")
    if kind in b"\x007S":
        kind = b"0"
    if kind == b"0":
        if name.endswith(b"/"):  # v7 has no type for directories: the slash says it
            if size:
                raise HeaderError("its name ends in a slash, but it carries data")
            kind, bits = b"5", stat.S_IFDIR
    else:
        size = _no_data(kind, size)
    target = _target(kind, link) if kind in b"12" else b""
    rdev = _device(block) if kind in b"34" else None
    mode = bits | number(block[100:108]) & 0o7777
    xattrs = pax_headers.xattrs(pax) if pax else pax_headers.NOTHING
    return TarEntry(normalised(name), name, kind, mode, uid, gid, clamped(mtime), size, target, rdev, xattrs, None)


_Fields = tuple[bytes, bytes, int, int, int, int]


def _stated(block: bytes) -> _Fields:
    return (
        _name(block),
        text(block[157:257]),
        number(block[124:136]),
        number(block[108:116]),
        number(block[116:124]),
        number(block[136:148]) * 1_000_000_000,
    )


def _overridden(block: bytes, pax: Mapping[bytes, bytes]) -> _Fields:
    size, uid, gid, mtime = (pax.get(key) for key in (b"size", b"uid", b"gid", b"mtime"))
    return (
        pax.get(b"path") or _name(block),
        pax.get(b"linkpath") or text(block[157:257]),
        number(block[124:136]) if size is None else pax_headers.decimal(size),
        number(block[108:116]) if uid is None else pax_headers.decimal(uid),
        number(block[116:124]) if gid is None else pax_headers.decimal(gid),
        number(block[136:148]) * 1_000_000_000 if mtime is None else pax_headers.nanoseconds(mtime),
    )


def _no_data(kind: bytes, size: int) -> int:
    """POSIX: links shall state size 0; what the others state means nothing, and no data follows."""
    if size and kind in b"12":
        raise HeaderError(f"it is a link, but states a size of {size}")
    return 0


def _target(kind: bytes, link: bytes) -> bytes:
    if not link:
        raise HeaderError("it is a link without a target")
    if len(link) > MAX_PATH:
        raise HeaderError(f"its target of {len(link)} bytes is over {MAX_PATH}")
    return normalised(link) if kind == b"1" else link


def _device(block: bytes) -> tuple[int, int]:
    major, minor = number(block[329:337]), number(block[337:345])
    if not (0 <= major <= MAX_MAJOR and 0 <= minor <= MAX_MINOR):
        raise HeaderError(f"its device {major}:{minor} is over {MAX_MAJOR}:{MAX_MINOR}, the highest that Linux has")
    return major, minor


def _name(block: bytes) -> bytes:
    name = text(block[:100])
    if block[345]:
        prefix = _prefix(block)
        return prefix + b"/" + name if prefix else name
    return name


def _prefix(block: bytes) -> bytes:
    magic = block[257:265]
    if magic.startswith(b"ustar\0"):
        star = block[508:512] == b"tar\0"  # star keeps two times where ustar's prefix ends
        return text(block[345:476] if star else block[345:500])
    if magic == b"ustar  \0":
        return _misplaced_prefix(block)
    return b""


def _misplaced_prefix(block: bytes) -> bytes:
    """Go before 1.8 wrote a prefix where GNU's format keeps times; its reader still honours it."""
    try:
        number(block[345:357])
        number(block[357:369])
    except HeaderError:
        prefix = text(block[345:500])
        return prefix if prefix.isascii() else b""
    return b""


def normalised(raw: bytes) -> bytes:
    """Return *raw* relative to the root, spelled the one normal way; raise HeaderError for `..` and over-long names."""
    path = raw.strip(b"/")
    if path.startswith(b"./"):
        path = path[2:]
    if path.startswith((b".", b"/")) or b"/." in path or b"//" in path or len(path) > MAX_NAME or not path:
        return _tidied(raw)
    return path


def _tidied(raw: bytes) -> bytes:
    if not raw:
        raise HeaderError("it has no name")
    parts = [part for part in raw.split(b"/") if part not in (b"", b".")]
    for part in parts:
        if part == b"..":
            raise HeaderError(f"'{shown(raw[:80])}' leads out through '..'")
        if len(part) > MAX_NAME + (len(MARKER) if part.startswith(MARKER) else 0):
            raise HeaderError(f"the part '{shown(part[:40])}...' of {len(part)} bytes is over {MAX_NAME}")
    path = b"/".join(parts)
    if len(path) > MAX_PATH + (_MARKER_ROOM if parts and parts[-1].startswith(MARKER) else 0):
        raise HeaderError(f"its name of {len(path)} bytes is over {MAX_PATH}")
    return path
