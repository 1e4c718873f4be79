"""Layers that must be refused whole: one line that names the entry, nothing recorded.

The reader's own refusals (tests/projections) are taken in too, so that each is seen through the command line.
"""

import gzip
import lzma
import re
from collections.abc import Iterator
from typing import NamedTuple

import zstandard

from tests.hostile.legal_layers import LOWER, ONE, folder
from tests.projections.layers import test_tar
from tests.projections.tar import test_hostile
from tests.projections.tar_blocks import END, GNU, base256, block, entry, pax

MIB = 1 << 20


class Hostile(NamedTuple):
    """`says` is a regular expression for the one line; `lower` is the layer below; `stored` how the archive keeps it."""

    why: str
    tar: bytes
    says: str
    lower: bytes = b""
    stored: bytes | None = None
    options: tuple[str, ...] = ()


def zeros(size: int) -> bytes:
    return block(b"zeros", size=size) + bytes(size + -size % 512) + END


def sparse(size: int) -> bytes:
    """A file that takes 512 bytes of tar, and *size* bytes of disk for whoever writes it out."""
    return block(b"huge", b"S", magic=GNU, tail=(bytes(96) + b"\0" + base256(size, 12)).ljust(126, b"\0")) + END


def zstd_bomb(size: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    piece = bytes(MIB)
    return b"".join(packer.compress(piece) for _ in range(size // MIB)) + packer.flush()


def wide_zstd() -> bytes:
    """A frame that wants a window of 2 GiB (RFC 8878, 3.1.1.1.2) to unpack a few bytes."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + (len(b"abc") << 3 | 1).to_bytes(3, "little") + b"abc"


ROOT = {
    "the root as a symlink": Hostile("whoever unpacks it would leave the folder", block(b"./", b"2", link=b"/etc") + END, r"'/'.*it is the root"),
    "the root as a file": Hostile("no tree has a file for its root", entry(b"./", b"", kind=b"0") + entry(b".", b"x") + END, r"twice|root"),
    "the root as a device": Hostile("as a file", block(b".", b"3") + END, r"it is the root"),
    "a whiteout of the root": Hostile("'.wh..' names the directory that it stands in", entry(b".wh..") + END, r"'\.wh\.\.'.*malformed"),
    "a name through symlinks in a circle": Hostile("it lands nowhere", block(b"s", b"2", link=b"t") + block(b"t", b"2", link=b"s") + entry(b"s/passwd", b"x") + END, r"'s/passwd'.*circle"),
    "a name through a later symlink": Hostile("the same in the other order", entry(b"s/passwd", b"x") + block(b"s", b"2", link=b"/etc") + END, r"'s'.*is no directory"),
}  # fmt: skip

LINKS = {
    "a hard link to nothing": Hostile("no layer below has the file, so it would have no content", block(b"l", b"1", link=b"nosuch") + END, r"'l'.*'nosuch'"),
    "a hard link to nothing, over a lower layer": Hostile("nor does this one", block(b"l", b"1", link=b"d/nosuch") + END, r"'l'.*'d/nosuch'", lower=LOWER),
    "a hard link to a lower directory": Hostile("directories have one name", block(b"l", b"1", link=b"d") + END, r"'l'.*directory 'd'", lower=LOWER),
    "a hard link through a lower symlink": Hostile("what it names depends on who follows", block(b"l", b"1", link=b"p/f") + END, r"'l'.*'p/f'", lower=LOWER[:-1024] + block(b"p", b"2", link=b"d") + END),
    "a hard link to itself": Hostile("it has no content", block(b"l", b"1", link=b"l") + END, r"'l'.*to itself"),
    "a hard link out of the root": Hostile("it would share a file of the host", block(b"l", b"1", link=b"../../etc/passwd") + END, r"'l'.*leads out"),
}  # fmt: skip

PACKED = {
    "broken xz": Hostile("no image-spec type, but Docker reads it", ONE, r"broken xz data", stored=b"\xfd7zXZ\0" + bytes(64)),
    "broken bzip2": Hostile("as xz", ONE, r"bzip2 data", stored=b"BZh91AY&SY" + bytes(64)),
    "xz with a dictionary of 512 MiB": Hostile("it would take all memory", ONE, r"broken xz data.*`xz -9` at most", stored=lzma.compress(ONE, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20}])),
    "another layer than promised, xz'd": Hostile("seen only when it is unpacked", ONE, r"not sha256:", stored=lzma.compress(entry(b"f", b"y") + END)),
    "lz4": Hostile("no image-spec type, so no unpacker to bomb", b"\x04\x22\x4d\x18" + bytes(600), r"checksum|octal"),
    "gzip that is cut": Hostile("the rest may say anything", ONE, r"cut off", stored=gzip.compress(ONE)[:-9]),
    "gzip with a wrong checksum": Hostile("its bytes are not what was packed", ONE, r"gzip data", stored=gzip.compress(ONE)[:-8] + bytes(8)),
    "gzip followed by garbage": Hostile("readers differ on what follows", ONE, r"gzip data", stored=gzip.compress(ONE) + b"garbage"),
    "zstd that is cut": Hostile("the rest may say anything", ONE, r"cut off", stored=zstandard.ZstdCompressor().compress(ONE)[:-1]),
    "zstd with a wrong checksum": Hostile("its bytes are not what was packed", ONE, r"zstd data", stored=zstandard.ZstdCompressor(write_checksum=True).compress(ONE)[:-4] + bytes(4)),
    "zstd with a window of 2 GiB": Hostile("RFC 8878: a decoder may refuse what takes all its memory", ONE, r"window", stored=wide_zstd()),
    "a gzip bomb": Hostile("4 MiB in 4 KiB, above what the user allows", zeros(4 * MIB), r"(hold over|to more than) 1048576 bytes; allow more", stored=gzip.compress(zeros(4 * MIB)), options=("--max-layer-size", "1MiB")),
    "a zstd bomb": Hostile("600 MiB in 60 KiB: over 2,000 times its size", b"", r"bomb", stored=zstd_bomb(600 * MIB)),
    "a plain tar above the limit": Hostile("the limit is for all forms", zeros(2 * MIB), r"(hold over|to more than) 1048576 bytes; allow more", options=("--max-layer-size", "1MiB")),
    "a sparse bomb": Hostile("1 GiB of zeros from 512 bytes, above what the user allows", sparse(1 << 30), r"'huge'.*hold over 1048576 bytes; allow more", options=("--max-layer-size", "1MiB")),
    "another layer than promised": Hostile("its diff_id names other bytes", ONE, r"not sha256:", stored=entry(b"f", b"y") + END),
    "another layer than promised, gzip'd": Hostile("seen only when it is unpacked", ONE, r"not sha256:", stored=gzip.compress(entry(b"f", b"y") + END)),
}  # fmt: skip

SIZES = {
    "a PAX header of 2 MiB": Hostile("memory is for files", pax((b"SCHILY.xattr.user.a", bytes(2 * MIB))) + ONE, r"extended header of \d+ bytes"),
    "an xattr of 1 MiB": Hostile("Linux takes 64 KiB", pax((b"SCHILY.xattr.user.a", bytes(MIB))) + ONE, r"extended header of \d+ bytes"),
    "thousands of deep parents": Hostile("a few KiB would name gigabytes of directories", b"".join(pax((b"path", b"%04d" % n + b"/d" * 2000)) + entry() for n in range(9)) + END, r"leaves out over"),
    "the root twice": Hostile("which one counts?", folder(b"./") + folder(b"a/") + folder(b"./", b"0000700\0") + END, r"'/'.*twice"),
    "a directory twice": Hostile("which one counts?", folder(b"d/") + folder(b"d/", b"0000700\0") + END, r"'d'.*twice"),
}  # fmt: skip


def _own() -> Iterator[tuple[str, Hostile]]:
    for group in (ROOT, LINKS, PACKED, SIZES):
        yield from group.items()


def _readers() -> Iterator[tuple[str, Hostile]]:
    """The tar reader's and the layer rules' cases: why each is refused is its name and its message."""
    for name, (tar, says) in test_hostile.REFUSED.items():
        yield f"tar: {name}", Hostile(name, tar, f"{says}|hold over {64 << 30} bytes")
    for name, (tar, text) in test_tar.REFUSED.items():
        yield f"layer: {name}", Hostile(name, tar + END, re.escape(text))


HOSTILE: dict[str, Hostile] = {**dict(_own()), **dict(_readers())}
