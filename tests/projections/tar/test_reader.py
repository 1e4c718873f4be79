"""The tar reader against the formats' specifications, `tarfile`, GNU tar and bsdtar."""

import io
import os
import stat
from pathlib import Path

import pytest

from eventstore.errors import InvalidError
from projections.tar.reader import TarEntry, TarReader, members
from tests.projections.tar_blocks import (
    END,
    GNU,
    V7,
    Dribble,
    base256,
    block,
    entries,
    entry,
    long_name,
    octal,
    padded,
    pax,
    record,
)


def one(archive: bytes) -> tuple[TarEntry, bytes]:
    [(found, data)] = entries(archive + END)
    return found, data


SPELLINGS = {
    b"usr/bin": b"usr/bin",
    b"/usr/bin": b"usr/bin",
    b"//usr///bin": b"usr/bin",
    b"./usr/bin": b"usr/bin",
    b".//usr/./bin": b"usr/bin",
    b"././usr/bin/.": b"usr/bin",
    b".hidden": b".hidden",
    b"a/.hidden": b"a/.hidden",
    b"a/..b": b"a/..b",
    b"...": b"...",
    b"\xff\xfe": b"\xff\xfe",
    b"a b\n\x1b": b"a b\n\x1b",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_path_has_one_normal_form(spelling: bytes) -> None:
    found, _ = one(entry(spelling))
    assert (found.path, found.raw_name) == (SPELLINGS[spelling], spelling)


@pytest.mark.parametrize("spelling", [b".", b"./", b"/", b"//", b"./."])
def test_the_root_is_the_empty_path(spelling: bytes) -> None:
    found, _ = one(entry(spelling, kind=b"5"))
    assert (found.path, found.mode) == (b"", stat.S_IFDIR | 0o644)


@pytest.mark.parametrize("kind", [b"0", b"\0", b"7"])
def test_every_kind_of_regular_file_is_one_kind(kind: bytes) -> None:
    found, data = one(entry(b"f", b"data", kind=kind))
    assert (found.type, found.mode, found.size, data) == (b"0", stat.S_IFREG | 0o644, 4, b"data")


@pytest.mark.parametrize("kind", [b"0", b"\0"])
def test_v7_marks_a_directory_with_a_slash(kind: bytes) -> None:
    found, _ = one(block(b"d/", kind, magic=V7))
    assert (found.type, found.path, found.mode) == (b"5", b"d", stat.S_IFDIR | 0o644)


def test_links_devices_and_fifos() -> None:
    archive = b"".join(
        (
            block(b"s", b"2", link=b"../x/./y/"),
            block(b"h", b"1", link=b"/./a//f"),
            block(b"c", b"3", major=10, minor=1048575),
            block(b"b", b"4", major=4095, minor=0, magic=GNU),
            block(b"p", b"6"),
        )
    )
    found = [(e.type, stat.S_IFMT(e.mode), e.target, e.rdev) for e, _ in entries(archive)]
    assert found == [
        (b"2", stat.S_IFLNK, b"../x/./y/", None),
        (b"1", stat.S_IFREG, b"a/f", None),
        (b"3", stat.S_IFCHR, b"", (10, 1048575)),
        (b"4", stat.S_IFBLK, b"", (4095, 0)),
        (b"6", stat.S_IFIFO, b"", None),
    ]


def test_sizes_of_what_has_no_data_mean_nothing() -> None:
    """POSIX: a directory's is a quota; a device's and a fifo's are unspecified."""
    archive = b"".join(block(b"n" + kind, kind, size=5000) for kind in (b"3", b"4", b"5", b"6")) + entry(b"f", b"x")
    assert [e.size for e, _ in entries(archive + END)] == [0, 0, 0, 0, 1]


NUMBERS = {
    b"0000644\0": 0o644,
    b"   644 \0": 0o644,
    b"644\0\0\0\0\0": 0o644,
    b"00000644": 0o644,
    b"644\0junk": 0o644,
    b"        ": 0,
    bytes(8): 0,
    base256(0x12345678, 8): 0x12345678,
}


@pytest.mark.parametrize("field", NUMBERS)
def test_numbers_are_octal_or_base_256(field: bytes) -> None:
    found, _ = one(block(uid=field, magic=GNU))
    assert found.uid == NUMBERS[field]


@pytest.mark.parametrize(("seconds", "want"), [(base256(-5, 12), -5), (base256(1 << 33, 12), 1 << 33), (octal(7, 12), 7)])
def test_base_256_reaches_below_zero_and_beyond_octal(seconds: bytes, want: int) -> None:
    found, _ = one(block(mtime=seconds, magic=GNU))
    assert found.mtime == want * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1", 10**9),
        (b"1.", 10**9),
        (b"1.5", 1_500_000_000),
        (b"-1.5", -1_500_000_000),
        (b"0.000000001", 1),
        (b"-0.000000001", -1),
        (b"1700000000.123456789", 1_700_000_000_123_456_789),
        (b"1700000000.1234567899", 1_700_000_000_123_456_789),
    ],
)
def test_pax_times_are_exact(text: bytes, nanoseconds: int) -> None:
    found, _ = one(pax((b"mtime", text)) + entry())
    assert found.mtime == nanoseconds


def test_pax_records_override_the_header_that_follows_and_no_other() -> None:
    records = ((b"path", b"./long\xff"), (b"uid", b"4294967295"), (b"gid", b"70000000"), (b"size", b"3"), (b"comment", b"x"))
    archive = pax(*records) + entry(b"short", b"abc", size=0) + entry(b"next", b"d")
    [(first, data), (second, more)] = entries(archive + END)
    assert (first.path, first.raw_name, first.uid, first.gid, data) == (b"long\xff", b"./long\xff", 2**32 - 1, 70000000, b"abc")
    assert (second.path, second.uid, more) == (b"next", 0, b"d")


def test_global_records_hold_until_they_are_overridden() -> None:
    archive = (
        pax((b"uid", b"5"), (b"mtime", b"1"), kind=b"g")
        + entry(b"a")
        + pax((b"uid", b"6"), (b"mtime", b""))
        + entry(b"b", mtime=9)
    )
    archive += entry(b"c") + pax((b"uid", b""), kind=b"g") + entry(b"d")
    assert [(e.uid, e.mtime // 10**9) for e, _ in entries(archive + END)] == [(5, 1), (6, 9), (5, 1), (0, 1)]


def test_extended_attributes_in_stars_and_libarchives_spelling() -> None:
    archive = pax(
        (b"SCHILY.xattr.user.a%3Db%25", b"\0\n=\xff"),
        (b"SCHILY.xattr.user.empty", b""),
        (b"LIBARCHIVE.xattr.user.sp%20ace", b"YWI"),
        (b"LIBARCHIVE.xattr.user.empty", b"YWI"),
    )
    found, _ = one(archive + entry())
    assert found.xattrs == {b"user.a=b%": b"\0\n=\xff", b"user.empty": b"", b"user.sp ace": b"ab"}


def test_gnu_long_names() -> None:
    name, target = b"d/" * 150 + b"f", b"t" * 300
    found, _ = one(long_name(target, b"K") + long_name(name) + block(name[:100], b"2", link=target[:100], magic=GNU))
    assert (found.path, found.target) == (name, target)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"prefix": b"a/b"}, b"a/b/f"),
        ({"prefix": b"p" * 155}, b"p" * 155 + b"/f"),
        ({"prefix": b"p" * 131 + octal(1, 12) + octal(2, 12), "tail": b"tar\0"}, b"p" * 131 + b"/f"),
        ({"prefix": octal(1, 12) + octal(2, 12), "magic": GNU}, b"f"),
        ({"prefix": b"from/old/go", "magic": GNU}, b"from/old/go/f"),
        ({"prefix": b"junk", "magic": V7}, b"f"),
    ],
    ids=["ustar", "full", "star", "gnu-times", "go-before-1.8", "v7"],
)
def test_prefixes(fields: dict[str, bytes], path: bytes) -> None:
    found, _ = one(entry(**fields))
    assert found.path == path


def test_a_signed_checksum_is_legal() -> None:
    good = block(b"\xff\xfe")
    signed = sum(byte - 256 * (byte > 127) for byte in good[:148] + b" " * 8 + good[156:])
    found, _ = one(good[:148] + b"%06o\0 " % signed + good[156:])
    assert found.path == b"\xff\xfe"


@pytest.mark.parametrize("end", [b"", bytes(512), END, bytes(10240), END + b"garbage", END + entry(b"hidden", b"x")])
def test_archives_may_end_in_many_ways(end: bytes) -> None:
    assert [e.path for e, _ in entries(entry(b"f", b"x" * 600) + end)] == [b"f"]


@pytest.mark.parametrize("archive", [b"", END, bytes(512), bytes(100_000)])
def test_an_empty_archive_has_no_entries(archive: bytes) -> None:
    assert entries(archive) == []


MAP_1_0 = padded(b"2\n10\n4\n30\n2\n")
SPARSE = {
    "old": block(b"s", b"S", size=6, magic=GNU, tail=(octal(10, 12) + octal(4, 12) + octal(30, 12) + octal(2, 12) + bytes(48) + b"\0" + octal(40, 12)).ljust(126, b"\0"))
    + padded(b"abcdef"),
    "old, extended": block(b"s", b"S", size=6, magic=GNU, tail=((octal(10, 12) + octal(1, 12)) + (octal(11, 12) + octal(1, 12)) + (octal(12, 12) + octal(1, 12)) + (octal(13, 12) + octal(1, 12)) + b"\1" + octal(40, 12)).ljust(126, b"\0"))
    + (octal(30, 12) + octal(2, 12)).ljust(512, b"\0")
    + padded(b"abcdef"),
    "0.0": pax(
        (b"GNU.sparse.size", b"40"), (b"GNU.sparse.numblocks", b"2"),
        (b"GNU.sparse.offset", b"10"), (b"GNU.sparse.numbytes", b"4"), (b"GNU.sparse.offset", b"30"), (b"GNU.sparse.numbytes", b"2"),
    ) + entry(b"s", b"abcdef"),
    "0.1": pax(
        (b"GNU.sparse.size", b"40"), (b"GNU.sparse.numblocks", b"2"), (b"GNU.sparse.map", b"10,4,30,2"), (b"GNU.sparse.name", b"s"),
    ) + entry(b"GNUSparseFile.1/s", b"abcdef"),
    "1.0": pax(
        (b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"40"), (b"GNU.sparse.name", b"s"),
    ) + entry(b"GNUSparseFile.1/s", MAP_1_0 + b"abcdef"),
}  # fmt: skip
EXPANDED = bytes(10) + b"abcd" + bytes(16) + b"ef" + bytes(8)


@pytest.mark.parametrize("version", SPARSE)
def test_sparse_files_are_read_whole_in_every_format(version: str) -> None:
    [(found, data), (after, _)] = entries(SPARSE[version] + entry(b"z") + END)
    assert (found.path, found.size, data, after.path) == (b"s", 40, EXPANDED, b"z")
    assert sum(length for _, length in found.sparse or ()) == 6


@pytest.mark.parametrize("version", SPARSE)
@pytest.mark.parametrize("step", [0, 1, 7, 13, 39, 40, 100])
def test_sparse_files_can_be_read_in_pieces_and_left_half_read(version: str, step: int) -> None:
    reader = TarReader(Dribble(SPARSE[version] + entry(b"z") + END))
    iterator = iter(reader)
    next(iterator)
    assert [reader.read(step) for _ in range(2)] == [EXPANDED[:step], EXPANDED[step : 2 * step]]
    assert next(iterator).path == b"z"


def test_data_can_be_read_in_pieces_left_half_read_and_streamed() -> None:
    data = os.urandom(3_000_000)
    reader = TarReader(Dribble(entry(b"a", data) + entry(b"b", data) + entry(b"c", data) + END, 100_000))
    iterator = iter(reader)
    next(iterator)
    assert reader.read(10) + reader.read(5) == data[:15]
    next(iterator)
    next(iterator)
    pieces = list(reader.chunks())
    assert ([len(piece) for piece in pieces], b"".join(pieces)) == ([1 << 20, 1 << 20, 3_000_000 - (2 << 20)], data)
    assert (reader.read(), reader.read(5), list(iterator)) == (b"", b"", [])


def test_the_framing_is_every_byte_but_the_data() -> None:
    parts = [
        pax((b"path", b"a")),
        entry(b"x", b"1" * 700),
        long_name(b"b"),
        entry(b"y", b""),
        SPARSE["1.0"],
        END,
        b"rest" * 300,
    ]
    archive = b"".join(parts)
    framing = bytearray()
    for _ in TarReader(Dribble(archive), framing.extend):
        pass
    assert bytes(framing) == archive.replace(b"1" * 700, b"", 1).replace(b"abcdef", b"", 1)


def test_framing_comes_before_the_entry_that_it_belongs_to() -> None:
    framing = bytearray()
    seen = [
        len(framing) for _ in TarReader(io.BytesIO(pax((b"path", b"a")) + entry(b"x", b"12") + entry(b"y")), framing.extend)
    ]
    assert seen == [1536, 1536 + 510 + 512]


def test_members_tells_where_data_lies_without_reading_it(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    big = os.urandom(700_000)
    file.write_bytes(
        b"before" + entry(b"a", b"one") + pax((b"path", b"long")) + entry(b"b", big) + entry(b"c", b"two") + END + b"x" * 10
    )
    with file.open("rb") as stream:
        stream.seek(6)
        found = []
        for member, at in members(stream):
            stream.seek(at)
            found.append((member.path, stream.read(member.size)))
    assert found == [(b"a", b"one"), (b"long", big), (b"c", b"two")]


@pytest.mark.parametrize(("archive", "reason"), [(SPARSE["1.0"], "sparse"), (entry(b"f", b"x" * 600)[:900], "in the middle")])
def test_members_refuses_what_it_cannot_place(archive: bytes, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        list(members(io.BytesIO(archive)))


def test_a_pax_record_may_be_as_long_as_a_header_allows() -> None:
    value = b"v" * ((1 << 20) - 40)
    found, _ = one(pax((b"SCHILY.xattr.user.big", value)) + entry())
    assert found.xattrs[b"user.big"] == value
    assert record(b"a", b"b") == b"6 a=b\n"
