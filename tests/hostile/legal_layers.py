"""Odd layers that the specifications allow: each must be taken exactly so, and given back byte for byte."""

import gzip
import zlib
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

import zstandard

from tests.projections.tar.test_reader import EXPANDED, SPARSE
from tests.projections.tar_blocks import END, GNU, V7, base256, block, entry, long_name, octal, padded, pax


class Legal(NamedTuple):
    """`holds` maps a path to its summary (trees.py; None: it is not there); `lower` is the layer below; `stored` is how
    the archive keeps the layer; `differs` says which of umoci and podman makes something else of it, and what.
    """

    why: str
    tar: bytes
    holds: dict[bytes, str | None]
    lower: bytes = b""
    stored: bytes | None = None
    differs: Mapping[str, str] = MappingProxyType({})


UNKNOWN = {"umoci": "unknown typeflag", "podman": "unhandled tar header type"}
FILE = "-rw-r--r-- 0:0 @0 "
DIR = "drwxr-xr-x 0:0"
LOWER = (
    block(b"d/", b"5", mode=b"0000755\0")
    + entry(b"d/f", b"low")
    + entry(b"d/g", b"low")
    + entry(b"top", b"low")
    + block(b"d/s", b"2", link=b"f", mode=b"0000777\0")
    + END
)


def folder(name: bytes, mode: bytes = b"0000755\0", **fields: object) -> bytes:
    return block(name, b"5", mode=mode, **fields)  # type: ignore[arg-type]


def owned(text: bytes, **fields: object) -> bytes:
    return entry(b"f", text, **fields)


def signed_checksum(header: bytes) -> bytes:
    total = sum(byte - 256 * (byte > 127) for byte in header[:148] + b" " * 8 + header[156:])
    return header[:148] + b"%06o\0 " % total + header[156:]


def dressed_gzip(data: bytes) -> bytes:
    """A gzip member with every optional header field (RFC 1952)."""
    head = b"\x1f\x8b\x08\x1e" + b"\1\2\3\4" + b"\0\3" + b"\4\0abcd" + b"layer.tar\0" + b"a comment\0"
    head += (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little")
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(data) + packer.flush()
    return head + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


WHOLE = sha256(EXPANDED).hexdigest()[:12]
ONE = entry(b"f", b"x") + END
LONG = b"d/" * 100 + b"n" * 255
DEEP = b"/".join([b"p" * 15] * 255) + b"/" + b"q" * 15

NAMES = {
    "an absolute name": Legal("image-spec: names are relative to the root, and tar readers strip the slash", entry(b"/f", b"x") + END, {b"f": FILE + "x"}),
    "many leading slashes": Legal("as one", entry(b"//f", b"x") + END, {b"f": FILE + "x"}),
    "a name that begins with ./": Legal("what `tar c .` writes", folder(b"./") + entry(b"./f", b"x") + END, {b"f": FILE + "x"}),
    "dots and slashes inside": Legal("POSIX: they name the same file", folder(b"d/") + entry(b"d/.//./f", b"x") + END, {b"d/f": FILE + "x"}),
    "a root with attributes": Legal("the root is a directory like others", folder(b"./", b"0000700\0", uid=5) + END, {b"": "drwx------ 5:0"}),
    "missing parents": Legal("image-spec leaves it open; all readers make them", entry(b"a/b/f", b"x") + END, {b"a": DIR, b"a/b": DIR, b"a/b/f": FILE + "x"}),
    "missing parents that a lower layer has": Legal("the lower directory keeps its attributes", entry(b"d/new", b"x") + END, {b"d": "drwx------ 7:0", b"d/new": FILE + "x"}, lower=folder(b"d/", b"0000700\0", uid=7) + END),
    "children before their directory": Legal("no order is required", entry(b"d/f", b"x") + folder(b"d/", b"0000711\0") + END, {b"d": "drwx--x--x 0:0", b"d/f": FILE + "x"}),
    "a name that is not UTF-8": Legal("names are bytes", entry(b"\xff\xfe", b"x") + END, {b"\xff\xfe": FILE + "x"}),
    "newline, tab, escape and bidi in names": Legal("a name may hold all but slash and NUL", b"".join(entry(n, b"x") for n in (b"a\nb", b"a\tb", b"\x1b[2J", "\u202efdp".encode())) + END, {b"a\nb": FILE + "x", b"\x1b[2J": FILE + "x", "\u202efdp".encode(): FILE + "x"}),
    "names that SQL and shells take for syntax": Legal("a name is data", b"".join(entry(n, b"x") for n in (b"'; DROP TABLE event; --", b"%_%", b"*?[a]", b"$(id)", b"-rf", b"a\\b")) + END, {b"'; DROP TABLE event; --": FILE + "x", b"%_%": FILE + "x", b"-rf": FILE + "x", b"a\\b": FILE + "x"}),
    "a name of 255 bytes": Legal("Linux's longest", pax((b"path", b"n" * 255)) + entry(b"s", b"x") + END, {b"n" * 255: FILE + "x"}),
    "a GNU long name": Legal("GNU tar manual, 'L'", long_name(LONG) + entry(LONG[:100], b"x", magic=GNU) + END, {LONG: FILE + "x"}),
    "a PAX path": Legal("POSIX pax", pax((b"path", LONG)) + entry(b"s", b"x") + END, {LONG: FILE + "x"}),
    "a path of almost 4,096 bytes": Legal("Linux's longest", pax((b"path", DEEP)) + entry(b"s", b"x") + END, {DEEP: FILE + "x"}, differs={"umoci": "it opens whole paths, below a folder of its own", "podman": "as umoci"}),
    "a ustar prefix": Legal("POSIX ustar", entry(b"f", b"x", prefix=b"a/b") + END, {b"a/b/f": FILE + "x"}),
    "times where ustar has its prefix": Legal("GNU's older format keeps atime and ctime there", entry(b"f", b"x", prefix=octal(1, 12) + octal(2, 12), magic=GNU) + END, {b"f": FILE + "x"}),
    "a v7 directory": Legal("v7 has no type for it: the slash says it", block(b"d/", b"\0", mode=b"0000755\0", magic=V7) + END, {b"d": DIR}),
    "a name like a whiteout's inside": Legal("only the beginning of a name counts", entry(b"a.wh.b", b"x") + END, {b"a.wh.b": FILE + "x"}),
}  # fmt: skip

NODES = {
    "a character device": Legal("image-spec: devices are legal", block(b"c", b"3", major=1, minor=3) + END, {b"c": "crw-r--r-- 0:0 1:3"}),
    "a block device": Legal("image-spec", block(b"b", b"4", major=8, minor=1) + END, {b"b": "brw-r--r-- 0:0 8:1"}),
    "a fifo": Legal("image-spec", block(b"p", b"6") + END, {b"p": "prw-r--r-- 0:0"}),
    "device 0:0": Legal("overlayfs's whiteout is data in a layer", block(b"c", b"3") + END, {b"c": "crw-r--r-- 0:0 0:0"}, lower=entry(b"c", b"low") + END),
    "overlay's own xattrs": Legal("data, never a marker", folder(b"d/") + pax((b"SCHILY.xattr.trusted.overlay.opaque", b"y")) + folder(b"d/e/") + END, {b"d/e": DIR}),
    "setuid, setgid and sticky": Legal("image-spec: mode is kept", entry(b"su", b"x", mode=b"0004755\0") + entry(b"sg", b"x", mode=b"0002755\0") + folder(b"tmp/", b"0001777\0") + END, {b"su": "-rwsr-xr-x 0:0 @0 x", b"sg": "-rwxr-sr-x 0:0 @0 x", b"tmp": "drwxrwxrwt 0:0"}),
    "no permissions at all": Legal("mode 0 is a mode", entry(b"f", b"x", mode=b"0000000\0") + folder(b"d/", b"0000000\0") + END, {b"f": "---------- 0:0 @0 x", b"d": "d--------- 0:0"}),
    "the largest owner": Legal("32 bits", owned(b"x", uid=base256(2**32 - 2, 8), magic=GNU) + END, {b"f": "-rw-r--r-- 4294967294:0 @0 x"}),
    "a PAX owner": Legal("POSIX pax", pax((b"uid", b"70000000"), (b"gid", b"80000000")) + owned(b"x") + END, {b"f": "-rw-r--r-- 70000000:80000000 @0 x"}),
    "owners by name too": Legal("image-spec: uname is ignored for uid", pax((b"uname", b"daemon"), (b"gname", b"nosuch")) + owned(b"x") + END, {b"f": FILE + "x"}),
    "a time before 1970": Legal("POSIX pax", pax((b"mtime", b"-1.5")) + owned(b"x") + END, {b"f": "-rw-r--r-- 0:0 @-2 x"}, differs={"podman": "it takes 1970 for the earliest time"}),
    "a time before 1677": Legal("exact in the tar; a view has the nearest that 64 bits of ns hold", pax((b"mtime", b"-99999999999")) + owned(b"x") + END, {}, differs={"umoci": "another one, that the disk takes", "podman": "it takes 1970 for the earliest time"}),
    "a time with a fraction": Legal("POSIX pax", pax((b"mtime", b"1700000000.123456789")) + owned(b"x") + END, {b"f": "-rw-r--r-- 0:0 @1700000000 x"}),
    "numbers padded with spaces": Legal("POSIX: leading spaces and a trailing space or NUL", entry(b"f", b"x", uid=b"     7 \0", mode=b"   644 \0") + END, {b"f": "-rw-r--r-- 7:0 @0 x"}),
    "a checksum of signed bytes": Legal("old tars summed signed chars", signed_checksum(entry(b"\xff", b"x")[:512]) + padded(b"x") + END, {b"\xff": FILE + "x"}),
    "a contiguous file": Legal("POSIX: type 7 is a regular file", entry(b"f", b"x", kind=b"7") + END, {b"f": FILE + "x"}, differs={"umoci": "unknown typeflag", "podman": "unhandled tar header type"}),
    "a regular file of the old type": Legal("POSIX: NUL is 0", entry(b"f", b"x", kind=b"\0") + END, {b"f": FILE + "x"}),
    "a directory with a size": Legal("POSIX: the size of a directory means nothing, no data follows", block(b"d/", b"5", size=512, mode=b"0000755\0") + entry(b"f", b"x") + END, {b"d": DIR, b"f": FILE + "x"}),
    "user's xattrs": Legal("image-spec: SCHILY.xattr", pax((b"SCHILY.xattr.user.a", b"\0b\n")) + owned(b"x") + END, {b"f": FILE + "x"}),
    "libarchive's xattrs": Legal("libarchive's spelling", pax((b"LIBARCHIVE.xattr.user.a", b"YWI")) + owned(b"x") + END, {b"f": FILE + "x"}),
    "a file capability": Legal("image-spec: security.capability", pax((b"SCHILY.xattr.security.capability", b"\1\0\0\2\0\4" + bytes(14))) + owned(b"x") + END, {b"f": FILE + "x"}),
    "zeros before PAX numbers": Legal("POSIX: decimal numbers; nothing forbids them", pax((b"uid", b"0" * 30 + b"7"), (b"mtime", b"0" * 20 + b"17")) + owned(b"x") + END, {b"f": "-rw-r--r-- 7:0 @17 x"}),
    "unknown PAX keys": Legal("POSIX: they are passed over", pax((b"VENDOR.key", b"x"), (b"comment", b"y")) + owned(b"x") + END, {b"f": FILE + "x"}),
    "a PAX key twice": Legal("POSIX: the last counts", pax((b"uid", b"5"), (b"uid", b"6")) + owned(b"x") + END, {b"f": "-rw-r--r-- 6:0 @0 x"}),
    "a global comment": Legal("what git archive writes", pax((b"comment", b"0" * 40), kind=b"g") + owned(b"x") + END, {b"f": FILE + "x"}, differs={"umoci": "unknown typeflag"}),
    "a symlink out of the root": Legal("its text is data; nothing follows it", block(b"s", b"2", link=b"../../../etc/passwd", mode=b"0000777\0") + END, {b"s": "lrwxrwxrwx 0:0 -> ../../../etc/passwd"}),
    "a symlink to an absolute path": Legal("usual in images", block(b"s", b"2", link=b"/etc/passwd", mode=b"0000777\0") + END, {b"s": "lrwxrwxrwx 0:0 -> /etc/passwd"}),
    "a symlink to itself": Legal("text", block(b"s", b"2", link=b"s", mode=b"0000777\0") + END, {b"s": "lrwxrwxrwx 0:0 -> s"}),
    "a long symlink": Legal("GNU tar manual, 'K'", long_name(b"t" * 300, b"K") + block(b"s", b"2", link=b"t" * 100, magic=GNU, mode=b"0000777\0") + END, {b"s": "lrwxrwxrwx 0:0 -> " + "t" * 300}),
    "garbage in the padding": Legal("POSIX: what fills the last block is not specified", block(b"f", size=1) + b"x" + b"\xa5" * 511 + entry(b"g", b"y") + END, {b"f": FILE + "x", b"g": FILE + "y"}),
}  # fmt: skip

LINKS = {
    "an absolute hard link": Legal("as names are", entry(b"f", b"x") + block(b"l", b"1", link=b"/f") + END, {b"l": FILE + "x"}),
    "a hard link to a hard link": Legal("all name one file", entry(b"f", b"x") + block(b"l", b"1", link=b"f") + block(b"m", b"1", link=b"l") + END, {b"m": FILE + "x"}),
    "a hard link to a lower layer's file": Legal("image-spec: links may span layers", block(b"l", b"1", link=b"top") + END, {b"l": FILE + "low", b"top": FILE + "low"}, lower=LOWER),
    "a hard link to a symlink": Legal("a symlink is a file with names", block(b"s", b"2", link=b"f", mode=b"0000777\0") + block(b"l", b"1", link=b"s", mode=b"0000777\0") + END, {b"l": "lrwxrwxrwx 0:0 -> f"}),
    "a hard link to a device": Legal("so is a device", block(b"c", b"3", major=1, minor=3) + block(b"l", b"1", link=b"c") + END, {b"l": "crw-r--r-- 0:0 1:3"}),
    "hard links into AUFS's store": Legal("Docker up to 1.3 wrote them; Docker and podman resolve them", folder(b".wh..wh.plnk/") + entry(b".wh..wh.plnk/1.2", b"x", uid=5) + block(b"l", b"1", link=b".wh..wh.plnk/1.2") + block(b"m", b"1", link=b".wh..wh.plnk/1.2") + END, {b"l": "-rw-r--r-- 5:0 @0 x", b"m": "-rw-r--r-- 5:0 @0 x", b".wh..wh.plnk": None}, differs={"umoci": "it takes the store for files", "podman": "it leaves the store's folder, empty"}),
    "a hard link that repeats ./": Legal("as names do", entry(b"./f", b"x") + block(b"./l", b"1", link=b"./f") + END, {b"l": FILE + "x"}),
}  # fmt: skip

WHITEOUTS = {
    "a whiteout": Legal("image-spec", entry(b"d/.wh.f") + END, {b"d/f": None, b"d/g": FILE + "low"}, lower=LOWER),
    "a whiteout of nothing": Legal("image-spec does not ask that it was there", entry(b".wh.nosuch") + END, {b"top": FILE + "low"}, lower=LOWER),
    "a whiteout in the lowest layer": Legal("it hides nothing", entry(b".wh.nosuch") + ONE, {b"f": FILE + "x"}),
    "a whiteout of a directory": Legal("with all below it", entry(b".wh.d") + END, {b"d": None, b"d/f": None, b"top": FILE + "low"}, lower=LOWER),
    "a whiteout and a file of its name": Legal("whiteouts act on lower layers only", entry(b".wh.top") + entry(b"top", b"new") + END, {b"top": FILE + "new"}, lower=LOWER),
    "a file and then its whiteout": Legal("in whatever order", entry(b"top", b"new") + entry(b".wh.top") + END, {b"top": FILE + "new"}, lower=LOWER, differs={"podman": "it goes by the order and deletes the new file"}),
    "an opaque marker first": Legal("image-spec", folder(b"d/") + entry(b"d/.wh..wh..opq") + entry(b"d/n", b"new") + END, {b"d/f": None, b"d/n": FILE + "new"}, lower=LOWER),
    "an opaque marker last": Legal("image-spec: it acts on lower layers, wherever it stands", folder(b"d/") + entry(b"d/n", b"new") + entry(b"d/.wh..wh..opq") + END, {b"d/f": None, b"d/n": FILE + "new"}, lower=LOWER),
    "an opaque marker without its directory": Legal("the lower directory stays", entry(b"d/.wh..wh..opq") + END, {b"d": DIR, b"d/f": None}, lower=LOWER),
    "an opaque root": Legal("the root is a directory like others", entry(b".wh..wh..opq") + ONE, {b"top": None, b"f": FILE + "x"}, lower=LOWER),
    "an opaque marker of nothing": Legal("it hides nothing", entry(b"new/.wh..wh..opq") + END, {b"new": DIR}, lower=LOWER, differs={"umoci": "it does not make the directory"}),
    "a whiteout's mode and type": Legal("image-spec: an empty file; readers look at the name alone", block(b"d/.wh.f", b"3", major=1) + END, {b"d/f": None}, lower=LOWER),
    "AUFS's bookkeeping": Legal("Docker passes over it", folder(b".wh..wh.plnk/") + entry(b".wh..wh.aufs") + ONE, {b"f": FILE + "x", b".wh..wh.aufs": None}),
    "whiteouts below a file in a directory's place": Legal("what `umoci repack` writes: all of it is gone with the directory", entry(b"d", b"x") + entry(b"d/.wh.f") + END, {b"d": FILE + "x", b"d/f": None}, lower=LOWER, differs={"podman": "it fails: not a directory"}),
    **{
        f"{first} below what then becomes {then}": Legal("kaniko writes so: in whatever order, it is gone with the directory", entry(marker) + node + END, {b"d": text, b"d/f": None, b"top": FILE + "low"}, lower=LOWER)
        for first, marker in {"a whiteout": b"d/.wh.f", "a deep whiteout": b"d/x/y/.wh.f", "an opaque marker": b"d/.wh..wh..opq"}.items()
        for then, node, text in (("a file", entry(b"d", b"x"), FILE + "x"), ("a symlink", block(b"d", b"2", link=b"top", mode=b"0000777\0"), "lrwxrwxrwx 0:0 -> top"))
    },
    "a whiteout with bytes": Legal("image-spec: they are empty; readers look at the name alone", entry(b"d/.wh.f", b"some bytes") + END, {b"d/f": None, b"d/g": FILE + "low"}, lower=LOWER),
    "a whiteout below a symlink of the layer": Legal("as all that is below one", block(b"e", b"2", link=b"d", mode=b"0000777\0") + entry(b"e/.wh.f") + END, {b"d/f": None, b"d/g": FILE + "low"}, lower=LOWER),
    "an opaque marker below a symlink of the layer": Legal("as a whiteout there", block(b"e", b"2", link=b"d", mode=b"0000777\0") + entry(b"e/.wh..wh..opq") + END, {b"d/f": None, b"d/g": None}, lower=LOWER, differs={"podman": "it does not follow the symlink for this one"}),
    "a directory in a file's place": Legal("the upper layer wins", folder(b"top/") + entry(b"top/f", b"x") + END, {b"top/f": FILE + "x"}, lower=LOWER),
    "a file in a directory's place": Legal("with all below it gone", entry(b"d", b"x") + END, {b"d": FILE + "x", b"d/f": None}, lower=LOWER),
    "a symlink in a directory's place": Legal("and it is not followed", block(b"d", b"2", link=b"/", mode=b"0000777\0") + END, {b"d": "lrwxrwxrwx 0:0 -> /", b"d/f": None}, lower=LOWER),
    "a directory over a lower symlink": Legal("names below it are below the directory, not where the symlink led", folder(b"l/") + entry(b"l/f", b"x") + END, {b"l/f": FILE + "x", b"d/f": None}, lower=folder(b"d/") + block(b"l", b"2", link=b"d") + END),
}  # fmt: skip

THROUGH = {
    "a file below a symlink of the layer": Legal("it lands where the symlink leads, in the root", block(b"lib", b"2", link=b"d", mode=b"0000777\0") + entry(b"lib/foo", b"x") + END, {b"d/foo": FILE + "x", b"d/f": FILE + "low", b"lib": "lrwxrwxrwx 0:0 -> d"}, lower=LOWER),
    "below a symlink that climbs": Legal("the root is its own parent", folder(b"a/") + block(b"a/s", b"2", link=b"../../../../etc", mode=b"0000777\0") + folder(b"etc/") + entry(b"a/s/passwd", b"x") + END, {b"etc/passwd": FILE + "x"}),
    "below an absolute symlink": Legal("it begins at the root of the image", block(b"s", b"2", link=b"/etc", mode=b"0000777\0") + folder(b"etc/") + entry(b"s/passwd", b"x") + END, {b"etc/passwd": FILE + "x"}),
    "below a symlink to nothing": Legal("its directories are made", block(b"s", b"2", link=b"no/where", mode=b"0000777\0") + entry(b"s/f", b"x") + END, {b"no": DIR, b"no/where/f": FILE + "x"}, differs={"podman": "no such file"}),
    "through symlinks to symlinks": Legal("as paths are", block(b"a", b"2", link=b"b/.", mode=b"0000777\0") + block(b"b", b"2", link=b"./d/", mode=b"0000777\0") + folder(b"a/e/") + entry(b"a/e/f", b"x") + END, {b"d/e/f": FILE + "x"}, lower=LOWER),
    "hard links below a symlink": Legal("both ends", block(b"s", b"2", link=b"d", mode=b"0000777\0") + folder(b"d/") + entry(b"s/a", b"x") + block(b"s/b", b"1", link=b"s/a") + END, {b"d/a": FILE + "x", b"d/b": FILE + "x"}),
}  # fmt: skip

FRAMES = {
    "a zero-byte tar": Legal("Go's and GNU's readers take it for an empty archive", b"", {}),
    "nothing but the end": Legal("an empty archive", END, {}),
    "a missing end and missing padding": Legal("what `umoci insert` writes", entry(b"f", b"x")[:513], {b"f": FILE + "x"}),
    "a missing end": Legal("readers stop at the end of the data", entry(b"f", b"x"), {b"f": FILE + "x"}),
    "a missing padding": Legal("what `umoci insert` writes; Go's reader stops there", entry(b"f", b"x")[:513], {b"f": FILE + "x"}),
    "half an end": Legal("one block of zeros", entry(b"f", b"x") + bytes(512), {b"f": FILE + "x"}),
    "a record's padding": Legal("GNU tar pads to 10,240 bytes", ONE + bytes(10240 - len(ONE)), {b"f": FILE + "x"}),
    "garbage after the end": Legal("readers stop at the end; the bytes are kept", ONE + b"garbage", {b"f": FILE + "x"}),
    "entries after the end": Legal("they are no entries", ONE + entry(b"hidden", b"x"), {b"f": FILE + "x", b"hidden": None}),
    "2,000 files": Legal("many are usual", b"".join(entry(b"%04d" % n, b"x") for n in range(2000)) + END, {b"0000": FILE + "x", b"1999": FILE + "x"}),
    "gzip": Legal("image-spec", ONE, {b"f": FILE + "x"}, stored=gzip.compress(ONE)),
    "gzip of several members": Legal("RFC 1952 section 2.2", ONE, {b"f": FILE + "x"}, stored=gzip.compress(ONE[:700]) + gzip.compress(ONE[700:])),
    "gzip with an empty member": Legal("RFC 1952", ONE, {b"f": FILE + "x"}, stored=gzip.compress(ONE) + gzip.compress(b"")),
    "gzip with all header fields": Legal("RFC 1952 section 2.3.1", ONE, {b"f": FILE + "x"}, stored=dressed_gzip(ONE), differs={"umoci": "skopeo, which brings it there: invalid header", "podman": "invalid header"}),
    "zstd": Legal("image-spec", ONE, {b"f": FILE + "x"}, stored=zstd(ONE)),
    "zstd of several frames": Legal("RFC 8878 section 3", ONE, {b"f": FILE + "x"}, stored=zstd(ONE[:700]) + zstd(ONE[700:])),
    "zstd with a skippable frame": Legal("zstd:chunked writes its index so", ONE, {b"f": FILE + "x"}, stored=zstd(ONE) + b"\x50\x2a\x4d\x18\4\0\0\0toc!"),
    **{
        f"a sparse file, {version}": Legal("GNU tar manual, 'Storing Sparse Files'", tar + END, {b"s": FILE + WHOLE}, differs=UNKNOWN if version.startswith("old") else {})
        for version, tar in SPARSE.items()
    },
}  # fmt: skip

LEGAL: dict[str, Legal] = {**NAMES, **NODES, **LINKS, **WHITEOUTS, **THROUGH, **FRAMES}
