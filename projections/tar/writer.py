"""Tar headers, written one way only: ustar where it fits, else PAX records beside it (POSIX.1-2017 "pax")."""

from collections.abc import Mapping

from projections.tar.header import BLOCK, checksum
from projections.tar.pax_headers import NOTHING, XATTR

_SHORT = 0o7777777  # what seven octal digits hold
_LONG = 0o77777777777


def header(
    name: bytes,
    kind: bytes,
    *,
    mode: int = 0,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
    size: int = 0,
    link: bytes = b"",
    rdev: tuple[int, int] | None = None,
    xattrs: Mapping[bytes, bytes] = NOTHING,
) -> bytes:
    """Return the header blocks of one entry; *mtime* is ns since 1970.  Same arguments, same bytes, for ever."""
    records = {XATTR + _escaped(key): value for key, value in xattrs.items()}
    parts = _split(name)
    if parts is None:
        records[b"path"] = name
        parts = name[:100], b""
    if len(link) > 100:
        records[b"linkpath"] = link
    if not (records.get(b"path", b"") + records.get(b"linkpath", b"")).isascii():
        records.update(_charset(records))
    numbers = [mode & 0o7777]
    for key, value, most in ((b"uid", uid, _SHORT), (b"gid", gid, _SHORT), (b"size", size, _LONG)):
        if value > most:
            records[key] = b"%d" % value
        numbers.append(value if value <= most else 0)
    seconds, fraction = divmod(mtime, 1_000_000_000)
    fits = 0 <= seconds <= _LONG
    if fraction or not fits:
        records[b"mtime"] = _decimal(mtime)
    numbers.append(seconds if fits else 0)
    return _extended(records) + _block(parts, kind, tuple(numbers), link[:100], rdev or (0, 0))


def _block(parts: tuple[bytes, bytes], kind: bytes, numbers: tuple[int, ...], link: bytes, rdev: tuple[int, int]) -> bytes:
    block = b"".join(
        (
            parts[0].ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0%011o\0%011o\0" % numbers,
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            b"ustar\x0000".ljust(72, b"\0"),
            b"%07o\0%07o\0" % rdev,
            parts[1].ljust(167, b"\0"),
        )
    )
    return b"%b%06o\0 %b" % (block[:148], checksum(block), block[156:])


def _extended(records: Mapping[bytes, bytes]) -> bytes:
    if not records:
        return b""
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    head = _block((b"././@PaxHeader", b""), b"x", (0o644, 0, 0, len(body), 0), b"", (0, 0))
    return head + body + bytes(-len(body) % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    """A record's length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Return (name, prefix) as ustar's two fields hold them, or None where they cannot."""
    if len(name) <= 100:
        return name, b""
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    return (name[cut + 1 :], name[:cut]) if cut > 0 and len(name) - cut - 1 <= 100 else None


def _charset(records: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """POSIX: names in records are UTF-8 unless the archive says otherwise."""
    try:
        for key in (b"path", b"linkpath"):
            records.get(key, b"").decode()
    except UnicodeDecodeError:
        return {b"hdrcharset": b"BINARY"}
    return NOTHING


def _decimal(time: int) -> bytes:
    seconds, fraction = divmod(abs(time), 1_000_000_000)
    text = b"%b%d.%09d" % (b"-" if time < 0 else b"", seconds, fraction)
    return text.rstrip(b"0").rstrip(b".")


def _escaped(name: bytes) -> bytes:
    """A key ends at its first `=`; GNU tar's escapes."""
    return name.replace(b"%", b"%25").replace(b"=", b"%3D")
