"""What the tar reader refuses, and that nothing else ever comes out of hostile bytes."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from projections.layers.tar import decode, reassemble
from projections.tar.reader import TarReader
from tests.projections.tar_blocks import (
    END,
    GNU,
    V7,
    Contents,
    base256,
    block,
    entry,
    long_name,
    octal,
    padded,
    pax,
    record,
)

GOOD = entry(b"good", b"data")


def raw_pax(body: bytes) -> bytes:
    return entry(b"PaxHeader", body, kind=b"x") + entry(b"f")


def old_sparse(*extents: tuple[int, int], size: int = 40, stored: int = 6) -> bytes:
    fields = b"".join(octal(offset, 12) + octal(length, 12) for offset, length in extents).ljust(96, b"\0")
    return block(b"f", b"S", size=stored, magic=GNU, tail=(fields + b"\0" + octal(size, 12)).ljust(126, b"\0")) + padded(
        b"x" * stored
    )


def sparse_0_1(listed: bytes, blocks: bytes, size: bytes = b"40", stored: int = 6) -> bytes:
    records = ((b"GNU.sparse.size", size), (b"GNU.sparse.numblocks", blocks), (b"GNU.sparse.map", listed))
    return pax(*records) + entry(b"f", b"x" * stored)


def sparse_1_0(data: bytes, **fields: bytes) -> bytes:
    stated = {"major": b"1", "minor": b"0", "realsize": b"40", **fields}
    return pax(*((b"GNU.sparse." + key.encode(), value) for key, value in stated.items())) + entry(b"f", data)


REFUSED: dict[str, tuple[bytes, str]] = {
    "a parent in a name": (entry(b"a/../f"), "'f|a/../f' leads out through '..'"),
    "a name that is the parent": (entry(b".."), "leads out"),
    "a parent at the end": (entry(b"a/.."), "leads out"),
    "a parent in a prefix": (entry(b"f", prefix=b"../.."), "leads out"),
    "a parent in a hard link": (block(b"f", b"1", link=b"../etc/passwd"), "leads out"),
    "a parent in a PAX name": (pax((b"path", b"../f")) + entry(b"f"), "leads out"),
    "a parent in a long name": (long_name(b"x/../../f") + entry(b"f"), "leads out"),
    "no name": (entry(b""), "no name"),
    "NUL in a PAX name": (pax((b"path", b"f\0x")) + entry(b"f"), "NUL byte stands in the path"),
    "NUL in a PAX target": (pax((b"linkpath", b"f\0x")) + block(b"f", b"2", link=b"y"), "NUL byte stands in the linkpath"),
    "NUL in a sparse name": (sparse_1_0(padded(b"0\n"), name=b"f\0"), "NUL byte"),
    "NUL in a PAX key": (pax((b"SCHILY.xattr.user.\0", b"x")) + entry(b"f"), "NUL byte stands in a key"),
    "NUL in a long name": (long_name(b"f\0x") + entry(b"f"), "NUL byte"),
    "a part of 256 bytes": (pax((b"path", b"n" * 256)) + entry(b"f"), "256 bytes is over 255"),
    "a name of 4,097 bytes": (pax((b"path", b"n/" * 2048 + b"n")) + entry(b"f"), "4097 bytes is over 4096"),
    "a target of 4,097 bytes": (pax((b"linkpath", b"n" * 4097)) + block(b"f", b"2", link=b"n"), "4097 bytes is over 4096"),
    "a symlink to nothing": (block(b"f", b"2"), "without a target"),
    "a hard link to nothing": (block(b"f", b"1"), "without a target"),
    "a bad checksum": (block(b"f", checksum=b"001234\0 "), "checksum is wrong"),
    "no checksum": (block(b"f", checksum=bytes(8)), "checksum is wrong"),
    "a checksum that is no number": (block(b"f", checksum=b"0012x4\0 "), "octal"),
    "one flipped bit": (bytes([GOOD[0] ^ 1]) + GOOD[1:], "checksum"),
    "not a tar": (b"\x1f\x8b\x08" + bytes(range(256)) * 4, "checksum|octal"),
    "a number with a 9": (block(b"f", size=b"00000000009\0"), "where an octal number belongs"),
    "a number with a sign": (block(b"f", size=b"-0000000001\0"), "where an octal number belongs"),
    "a number with an underscore": (block(b"f", size=b"0000000_001\0"), "where an octal number belongs"),
    "a number with a prefix": (block(b"f", uid=b"0o00001\0"), "where an octal number belongs"),
    "a negative size": (block(b"f", size=base256(-1, 12), magic=GNU), "size -1 is impossible"),
    "a huge size": (block(b"f", size=base256(1 << 63, 12), magic=GNU), "size 9223372036854775808 is impossible"),
    "a huge PAX size": (pax((b"size", b"9223372036854775808")) + entry(b"f"), "is impossible"),
    "a negative PAX size": (pax((b"size", b"-1")) + entry(b"f"), "'-1' where a number belongs"),
    "an endless PAX size": (pax((b"size", b"1" * 5000)) + entry(b"f"), "where a number belongs"),
    "a uid over 32 bits": (block(b"f", uid=base256(1 << 32, 8), magic=GNU), "owner 4294967296:0"),
    "a negative gid": (block(b"f", gid=base256(-1, 8), magic=GNU), "owner 0:-1"),
    "a PAX gid over 32 bits": (pax((b"gid", b"4294967296")) + entry(b"f"), "owner 0:4294967296"),
    "a PAX uid that is no number": (pax((b"uid", b"1e3")) + entry(b"f"), "where a number belongs"),
    "a PAX time of 20 digits": (pax((b"mtime", b"1" * 20)) + entry(b"f"), "where a time belongs"),
    "a PAX time of zeros and a sign": (pax((b"mtime", b"00-1")) + entry(b"f"), "where a time belongs"),
    "a PAX owner of 21 digits": (pax((b"uid", b"0" * 9 + b"1" * 21)) + entry(b"f"), "where a number belongs"),
    "a time that is no number": (pax((b"mtime", b"0x10")) + entry(b"f"), "where a time belongs"),
    "a time with an exponent": (pax((b"mtime", b"1e9")) + entry(b"f"), "where a time belongs"),
    "a device that Linux lacks": (block(b"f", b"3", major=4096), "device 4096:0"),
    "a negative device": (block(b"f", b"4", minor=base256(-1, 8), magic=GNU), "device 0:-1"),
    "an unknown type with data": (entry(b"f", b"data", kind=b"A"), "type 'A'"),
    "an unknown type without data": (entry(b"f", kind=b"Z"), "type 'Z'"),
    "a volume label": (entry(b"f", kind=b"V", magic=GNU), "type 'V'"),
    "a dump directory": (entry(b"f", b"Yx\0\0", kind=b"D", magic=GNU), "type 'D'"),
    "a multi-volume part": (entry(b"f", b"data", kind=b"M", magic=GNU), "type 'M'"),
    "a hard link with a size": (block(b"f", b"1", size=5, link=b"g"), "states a size of 5"),
    "a symlink with a size": (block(b"f", b"2", size=5, link=b"g"), "states a size of 5"),
    "a v7 directory with data": (entry(b"f/", b"data", kind=b"\0", magic=V7), "carries data"),
    "a cut header": (block(b"f")[:300], "ends in the middle"),
    "a cut second header": (GOOD + block(b"f")[:1], "ends in the middle"),
    "cut data": (entry(b"f", b"x" * 1000)[:900], "ends in the middle"),
    "a size beyond the end": (block(b"f", size=base256(1 << 40, 12), magic=GNU), "ends in the middle"),
    "a cut PAX body": (pax((b"path", b"f"))[:600], "ends in the middle"),
    "a lone zero block": (GOOD + bytes(512) + entry(b"f"), "zero block before byte 2048"),
    "a PAX header at the end": (GOOD + pax((b"path", b"f")) + END, "no entry follows"),
    "a long name at the end": (GOOD + long_name(b"f"), "no entry follows"),
    "two PAX headers": (pax((b"path", b"f")) + pax((b"uid", b"1")) + entry(b"f"), "two extended headers"),
    "two long names": (long_name(b"f") + long_name(b"g") + entry(b"f"), "two extended headers"),
    "a PAX and a GNU name": (pax((b"path", b"f")) + long_name(b"g") + entry(b"f"), "a PAX and a GNU header"),
    "a PAX body over 1 MiB": (block(b"f", b"x", size=(1 << 20) + 1), "1048577 bytes is over"),
    "a long name over 1 MiB": (block(b"f", b"L", size=1 << 30, magic=GNU), "is over 1048576"),
    "a negative PAX body": (block(b"f", b"x", size=base256(-5, 12), magic=GNU), "of -5 bytes"),
    "a PAX length beyond the body": (raw_pax(b"99 path=f\n"), "at byte 0 of its extended header lies"),
    "a PAX length too short": (raw_pax(b"8 path=f\n"), "lies about its length"),
    "a PAX length too long": (raw_pax(b"11 path=f\n9 uid=1\n"), "lies about its length"),
    "a PAX length of zero": (raw_pax(b"0 path=f\n"), "lies about its length"),
    "a negative PAX length": (raw_pax(b"-9 path=f\n"), "lies about its length"),
    "a PAX length without digits": (raw_pax(b" path=f\n"), "lies about its length"),
    "a PAX length without end": (raw_pax(b"9" * 400), "lies about its length"),
    "a PAX record whose length has no end, in a body that has one": (raw_pax(b"22222222 path=f\n"), "lies about its length"),
    "a PAX record without newline": (raw_pax(b"9 path=f!"), "lies about its length"),
    "a PAX record without equals": (raw_pax(b"9 path_f\n"), "has no key"),
    "a PAX record without a key": (raw_pax(b"5 =f\n"), "has no key"),
    "NULs after PAX records": (raw_pax(b"10 path=f\n\0\0\0"), "lies about its length"),
    "an xattr that is not base64": (pax((b"LIBARCHIVE.xattr.user.a", b"!!")) + entry(b"f"), "not base64"),
    "a global sparse map": (pax((b"GNU.sparse.map", b"0,1"), kind=b"g") + entry(b"f"), "only a single file can have"),
    "a global xattr": (pax((b"SCHILY.xattr.user.a", b"x" * 9000), kind=b"g") + entry(b"f"), "only a single file can have"),
    "an xattr without a name": (pax((b"SCHILY.xattr.", b"x")) + entry(b"f"), "no possible name"),
    "an xattr with NUL in its name": (pax((b"LIBARCHIVE.xattr.a%00", b"YQ")) + entry(b"f"), "no possible name"),
    "an old map that overlaps": (old_sparse((0, 4), (3, 2)), "overlaps or runs backwards"),
    "an old map that runs backwards": (old_sparse((10, 4), (0, 2)), "overlaps or runs backwards"),
    "an old map beyond the size": (old_sparse((0, 4), (39, 2)), "reaches byte 41 of a file of 40"),
    "an old map of less than is stored": (old_sparse((0, 4)), "accounts for 4 bytes where 6 are stored"),
    "an old map of more than is stored": (old_sparse((0, 4), (10, 20)), "accounts for 24 bytes where 6"),
    "an old map without end": (
        block(b"f", b"S", magic=GNU, tail=(bytes(96) + b"\1" + octal(0, 12)).ljust(126, b"\0")) + (bytes(504) + b"\1" + bytes(7)) * 3000,
        "map is over 1048576 bytes",
    ),
    "a negative old size": (
        block(b"f", b"S", magic=GNU, tail=(bytes(96) + b"\0" + base256(-1, 12)).ljust(126, b"\0")),
        "size -1 is impossible",
    ),
    "a map that overlaps": (sparse_0_1(b"0,4,3,2", b"2"), "overlaps or runs backwards"),
    "a map that runs backwards": (sparse_0_1(b"10,4,0,2", b"2"), "overlaps or runs backwards"),
    "a map beyond the size": (sparse_0_1(b"0,4,39,2", b"2"), "reaches byte 41"),
    "a map beyond 64 bits": (sparse_0_1(b"0,4,9223372036854775807,2", b"2"), "reaches byte"),
    "a sparse size beyond 64 bits": (sparse_0_1(b"0,6", b"1", size=b"9223372036854775808"), "is impossible"),
    "a map of odd length": (sparse_0_1(b"0,4,10", b"1"), "between an offset and a length"),
    "a map with a hole in it": (sparse_0_1(b"0,,4", b"1"), "'' where a number belongs"),
    "a map of another length than stated": (sparse_0_1(b"0,6", b"2"), "not as long as it states"),
    "a map without its length": (pax((b"GNU.sparse.map", b"0,1")) + entry(b"f", b"x"), "where a number belongs"),
    "a map of a directory": (pax((b"GNU.sparse.map", b"0,1")) + entry(b"f", kind=b"5"), "not a regular file"),
    "two maps": (
        pax((b"GNU.sparse.map", b"0,1"), (b"GNU.sparse.offset", b"0"), (b"GNU.sparse.numbytes", b"1")) + entry(b"f"),
        "two sparse maps",
    ),
    "pairs that do not alternate": (pax((b"GNU.sparse.offset", b"0"), (b"GNU.sparse.offset", b"1")) + entry(b"f"), "do not alternate"),
    "a sparse format of the future": (sparse_1_0(padded(b"0\n"), major=b"2"), "none of 0.0, 0.1 and 1.0"),
    "a leading map that overlaps": (sparse_1_0(padded(b"2\n0\n4\n3\n2\n") + b"x" * 6), "overlaps or runs backwards"),
    "a leading map that is not there": (sparse_1_0(b""), "map is cut short"),
    "a leading map that is cut": (sparse_1_0(padded(b"100\n1\n1\n")), "map is cut short"),
    "a leading map with a sign": (sparse_1_0(padded(b"1\n-1\n6\n") + b"x" * 6), "'-1' where a number belongs"),
    "a leading map without a number": (sparse_1_0(padded(b"many\n")), "where a number belongs"),
    "a leading map without end": (sparse_1_0(b"999999999\n" + b"0\n" * (1 << 20)), "map is over 1048576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_with_its_reason(case: str) -> None:
    archive, reason = REFUSED[case]
    with pytest.raises(InvalidError) as caught:
        list(decode(io.BytesIO(archive), Contents()))
    message = str(caught.value)
    assert re.search(reason, message), message
    assert re.fullmatch(r"tar (entry '.+'|archive): .+; make or fetch the archive anew", message)


def test_messages_never_hold_raw_control_characters() -> None:
    with pytest.raises(InvalidError, match=r"'a\\n\\x1b\[2J/\.\.'"):
        list(TarReader(io.BytesIO(entry(b"a\n\x1b[2J/.."))))


def test_a_refusal_names_the_full_pax_name() -> None:
    with pytest.raises(InvalidError, match="entry 'the/long/name': the archive ends"):
        list(decode(io.BytesIO(pax((b"path", b"the/long/name")) + entry(b"short", b"x" * 600)[:700]), Contents()))


pieces = st.one_of(
    st.sampled_from([archive for archive, _ in REFUSED.values() if len(archive) < 5000]),
    st.sampled_from([GOOD, END, bytes(512), record(b"a", b"b"), old_sparse((10, 4), (30, 2)), sparse_0_1(b"10,6", b"1")]),
    st.binary(max_size=600),
    st.builds(entry, st.binary(min_size=1, max_size=9), st.binary(max_size=600), kind=st.sampled_from([b"0", b"5", b"\0"])),
)


@given(st.lists(pieces, max_size=5), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4))
def test_any_bytes_are_refused_or_given_back_exactly(parts: list[bytes], flips: list[tuple[int, int]]) -> None:
    """Whatever the reader accepts, it accepts whole; whatever it does not, it refuses with the one error."""
    archive = bytearray(b"".join(parts))
    for at, value in flips:
        if at < len(archive):
            archive[at] = value
    framing, contents = bytearray(), Contents()
    try:
        changes = list(decode(io.BytesIO(bytes(archive)), contents, framing.extend))
    except InvalidError:
        return
    held = {change.path: contents.held[change.content] for change in changes if change.content is not None}
    assert b"".join(reassemble(io.BytesIO(bytes(framing)), lambda path: [held[path]])) == archive
