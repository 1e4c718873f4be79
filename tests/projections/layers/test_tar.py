"""Layer tars: the image-spec's rules, and the two round trips (Changes -> tar -> Changes, tar -> framing -> tar)."""

import hashlib
import io
import stat
import tarfile

import pytest

from eventstore.errors import DamagedError, InvalidError
from eventstore.model.changes import Change, clear, delete, implied, link, put
from eventstore.model.events import Kind
from projections.layers.tar import SMALL, decode, encode, reassemble
from tests.projections.tar_blocks import END, GNU, Contents, block, decoded, entry, octal, pax

DIR, FILE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644


def folder(name: bytes) -> bytes:
    return block(name, b"5", mode=b"0000755\0")


def symlink(name: bytes, target: bytes) -> bytes:
    return block(name, b"2", link=target)


def told(archive: bytes) -> list[tuple[str, bytes, bytes | None]]:
    return [(change.kind.title, change.path, change.target) for change in decoded(archive)[0]]


def test_a_layer_says_what_it_writes() -> None:
    archive = (
        folder(b"d/")
        + entry(b"d/f", b"data", uid=7, mtime=5)
        + block(b"s", b"2", link=b"d/f")
        + block(b"c", b"3", major=1, minor=3)
    )
    changes, framing, contents = decoded(archive + END)
    digest = hashlib.sha256(b"data").digest()
    assert changes == [
        put(b"d", DIR),
        put(b"d/f", FILE, uid=7, mtime=5 * 10**9, size=4, content=digest),
        put(b"s", stat.S_IFLNK | 0o644, target=b"d/f"),
        put(b"c", stat.S_IFCHR | 0o644, rdev=(1, 3)),
    ]
    assert (contents.held, len(framing)) == ({digest: b"data"}, len(archive + END) - 4)


def test_an_empty_file_has_content() -> None:
    [change], _, contents = decoded(entry(b"f"))
    assert change.content == hashlib.sha256(b"").digest()
    assert contents.held[change.content] == b""


@pytest.mark.parametrize(("size", "streamed"), [(SMALL, 0), (SMALL + 1, 1)])
def test_large_files_are_streamed(size: int, streamed: int) -> None:
    [change], _, contents = decoded(entry(b"f", b"x" * size))
    assert (contents.streamed, change.size, change.content) == (streamed, size, hashlib.sha256(b"x" * size).digest())


WHITEOUTS = {
    "plain": (entry(b"d/.wh.f"), [("PathDeleted", b"d/f", None)]),
    "at the root": (entry(b".wh.f"), [("PathDeleted", b"f", None)]),
    "absolute": (entry(b"/.wh.f"), [("PathDeleted", b"f", None)]),
    "opaque": (entry(b"d/.wh..wh..opq"), [("DirectoryCleared", b"d", None)]),
    "opaque root": (entry(b".wh..wh..opq"), [("DirectoryCleared", b"", None)]),
    "dotted": (entry(b".wh....") + entry(b".wh..x"), [("PathDeleted", b"...", None), ("PathDeleted", b".x", None)]),
    "of any type": (
        block(b".wh.a", b"1", link=b".wh.b") + block(b".wh.b", b"5") + block(b".wh.c", b"3") + block(b".wh.d", b"2", link=b"x"),
        [("PathDeleted", name, None) for name in (b"a", b"b", b"c", b"d")],
    ),
    "of a written path": (
        entry(b"f") + entry(b".wh.f"),
        [("FileWritten", b"f", None), ("PathDeleted", b"f", None)],
    ),
    "AUFS's own": (
        folder(b".wh..wh.plnk/")
        + entry(b".wh..wh.aufs")
        + folder(b"d")
        + block(b"d/.wh..wh.orph/x", b"5")
        + entry(b".wh..wh.plnk/1.2"),
        [("FileWritten", b"d", None)],
    ),
    "not at a part's beginning": (entry(b"a.wh.b"), [("FileWritten", b"a.wh.b", None)]),
    "the longest name": (pax((b"path", b".wh." + b"n" * 255)) + entry(), [("PathDeleted", b"n" * 255, None)]),
}


@pytest.mark.parametrize("case", WHITEOUTS)
def test_whiteouts(case: str) -> None:
    archive, want = WHITEOUTS[case]
    assert [fact for fact in told(archive + END) if fact[0] != "DirectoryImplied"] == want


def test_hard_links_name_the_first_name() -> None:
    archive = entry(b"f", b"x") + block(b"g", b"1", link=b"/f") + block(b"h", b"1", link=b"./g") + block(b"i", b"1", link=b"h")
    assert told(archive)[1:] == [("LinkMade", name, b"f") for name in (b"g", b"h", b"i")]


def test_hard_links_may_name_a_lower_layers_files_and_symlinks() -> None:
    archive = (
        block(b"g", b"1", link=b"usr/f")
        + block(b"h", b"1", link=b"g")
        + block(b"s", b"2", link=b"x")
        + block(b"t", b"1", link=b"s")
    )
    assert told(archive) == [
        ("LinkMade", b"g", b"usr/f"),
        ("LinkMade", b"h", b"usr/f"),
        ("FileWritten", b"s", b"x"),
        ("LinkMade", b"t", b"s"),
    ]


def test_left_out_parents_are_implied_once_and_last() -> None:
    archive = (
        entry(b"a/b/f")
        + entry(b"a/b/g")
        + entry(b"a/c/.wh.x")
        + folder(b"a/b")
        + block(b"z/l", b"1", link=b"y/t")
        + entry(b"q/.wh..wh..opq")
    )
    changes = decoded(archive)[0]
    assert [change for change in changes if change.kind == Kind.DIRECTORY_IMPLIED] == changes[-4:]
    assert changes[-4:] == [implied(path) for path in (b"a", b"a/c", b"q", b"z")]


def test_overlays_own_markers_are_plain_data() -> None:
    archive = pax((b"SCHILY.xattr.trusted.overlay.opaque", b"y")) + folder(b"d") + block(b"d/c", b"3")
    assert decoded(archive)[0] == [
        put(b"d", DIR, xattrs={b"trusted.overlay.opaque": b"y"}),
        put(b"d/c", stat.S_IFCHR | 0o644, rdev=(0, 0)),
    ]


def test_symlinks_may_say_anything() -> None:
    assert told(block(b"s", b"2", link=b"../../../etc/./passwd")) == [("FileWritten", b"s", b"../../../etc/./passwd")]


REFUSED = {
    "a bare whiteout": (entry(b"d/.wh."), "'d/.wh.': '.wh.' is a malformed whiteout"),
    "a whiteout of itself": (entry(b".wh.."), "'.wh..' is a malformed whiteout"),
    "a whiteout of the parent": (entry(b"d/.wh..."), "'.wh...' is a malformed whiteout"),
    "a name below a whiteout": (entry(b".wh.d/f"), "'.wh.d' is a malformed whiteout"),
    "a name below an opaque marker": (entry(b".wh..wh..opq/f"), "malformed whiteout"),
    "a whiteout of an over-long name": (pax((b"path", b".wh." + b"n" * 256)) + entry(), "260 bytes is over 255"),
    "a file twice": (entry(b"f") + entry(b"./f"), "'f': the layer names it twice"),
    "a directory twice": (folder(b"d/") + folder(b"d"), "'d': the layer names it twice"),
    "the root twice": (folder(b"./") + folder(b"/"), "tar entry '/': the layer names it twice"),
    "symlinks in a circle": (symlink(b"a", b"b") + symlink(b"b", b"a/x") + entry(b"a/f"), "'a/f': it is below symbolic links that lead in a circle"),
    "a symlink to a file as a parent": (entry(b"f") + symlink(b"s", b"f") + entry(b"s/x"), "'f/x': its parent 'f' is no directory"),
    "one file by two ways": (symlink(b"s", b"d") + entry(b"d/f") + entry(b"s/f"), "'d/f': the layer names it twice"),
    "a name below a symlink to a marker": (symlink(b"s", b".wh.x") + entry(b"s/f"), "below a symbolic link to the marker '.wh.x'"),
    "a whiteout below a symlink to AUFS's store": (symlink(b"s", b".wh..wh.plnk") + entry(b"s/.wh.f"), "below a symbolic link to the marker"),
    "a symlink to names that are too long": (pax((b"linkpath", b"n" * 256)) + symlink(b"s", b"n") + entry(b"s/f"), "is over 255"),
    "a sparse whiteout": (block(b".wh.f", b"S", magic=GNU, tail=(bytes(96) + b"\0" + octal(9, 12)).ljust(126, b"\0")), "cannot be sparse"),
    "a hard link to what AUFS's store has not": (entry(b".wh..wh.plnk/1.2", b"x") + block(b"l", b"1", link=b".wh..wh.plnk/3.4"), "to the marker"),
    "a hard link to a folder in AUFS's store": (folder(b".wh..wh.plnk/1.2") + block(b"l", b"1", link=b".wh..wh.plnk/1.2"), "to the marker"),
    "a file below what becomes a symlink": (entry(b"d/.wh.f") + entry(b"d/e/g") + symlink(b"d", b"x"), "'d': it is no directory"),
    "a whiteout twice": (entry(b".wh.f") + entry(b".wh.f"), "twice"),
    "a file and a link of one name": (entry(b"g") + entry(b"f") + block(b"f", b"1", link=b"g"), "'f': the layer names it twice"),
    "a file as a parent": (entry(b"f") + entry(b"f/g"), "'f/g': its parent 'f' is no directory"),
    "a file as a distant parent": (entry(b"f") + entry(b"f/g/h/i"), "its parent 'f' is no directory"),
    "a hard link as a parent": (entry(b"f") + block(b"l", b"1", link=b"f") + entry(b"l/x"), "its parent 'l' is no directory"),
    "a parent that turns out a file": (entry(b"d/f") + entry(b"d"), "'d': it is no directory, but other entries"),
    "a parent that turns out a symlink": (entry(b"d/e/f") + block(b"d", b"2", link=b"x"), "'d': it is no directory"),
    "the root as a symlink": (block(b"./", b"2", link=b"/etc"), "no directory, but it is the root"),
    "the root as a hard link": (entry(b"f") + block(b".", b"1", link=b"f"), "no directory, but it is the root"),
    "a hard link to itself": (block(b"f", b"1", link=b"./f"), "'f': it is a hard link to itself"),
    "a hard link to a directory": (folder(b"d") + block(b"l", b"1", link=b"d"), "to the directory 'd'"),
    "a hard link to an implied directory": (entry(b"d/f") + block(b"l", b"1", link=b"d"), "to the directory 'd'"),
    "a hard link to what becomes a directory": (block(b"l", b"1", link=b"d") + entry(b"d/f"), "to the directory 'd'"),
    "a hard link to the root": (block(b"l", b"1", link=b"/"), "to the directory ''"),
    "a hard link to what comes later": (block(b"l", b"1", link=b"f") + entry(b"f"), "'l': it is a hard link to 'f', which comes only later"),
    "hard links in a ring": (block(b"a", b"1", link=b"b") + block(b"b", b"1", link=b"a"), "comes only later"),
    "a hard link through a later symlink": (block(b"l", b"1", link=b"s/f") + block(b"s", b"2", link=b"d"), "passes through 's'"),
    "a hard link to a deleted file": (block(b"l", b"1", link=b"d/f") + entry(b"d/.wh.f"), "'d/f' is deleted by this layer"),
    "a hard link below a deleted directory": (entry(b".wh.d") + block(b"l", b"1", link=b"d/e/f"), "is deleted by this layer"),
    "a hard link into a cleared directory": (block(b"l", b"1", link=b"d/e/f") + entry(b"d/.wh..wh..opq"), "is deleted by this layer"),
    "a hard link to a whiteout": (entry(b".wh.f") + block(b"l", b"1", link=b".wh.f"), "to the marker '.wh.f'"),
    "a hard link into AUFS's store": (block(b"l", b"1", link=b".wh..wh.plnk/1.2"), "to the marker"),
    "millions of implied directories": (b"".join(pax((b"path", b"%04d" % i + b"/d" * 2000)) + entry() for i in range(9)), "leaves out over 16777216 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_layer_may_hold(case: str) -> None:
    archive, reason = REFUSED[case]
    with pytest.raises(InvalidError) as caught:
        decoded(archive + END)
    assert reason in str(caught.value)


def test_a_sparse_bomb_is_refused_before_it_is_read() -> None:
    head = block(b"f", b"S", magic=GNU, tail=(bytes(96) + b"\0" + octal(1 << 30, 12)).ljust(126, b"\0"))
    with pytest.raises(InvalidError, match="'f': with it, the layer's files hold over 1073741824 bytes"):
        list(decode(io.BytesIO(entry(b"e", b"x") + head), Contents(), limit=1 << 30))


def test_reassembling_needs_the_right_content() -> None:
    _, framing, _ = decoded(entry(b"f", b"data"))
    for wrong in (b"dat", b"datas"):
        with pytest.raises(DamagedError, match="'f': its content is not of the 4 bytes"):
            list(reassemble(io.BytesIO(framing), {b"f": [wrong]}.__getitem__))


FIXED = [
    put(b"", DIR, mtime=1),
    put(b"d", stat.S_IFDIR | 0o1777, uid=1, gid=2**32 - 1, mtime=1_700_000_000_000_000_000, xattrs={b"user.b=%": b"\0\xff", b"user.a": b""}),
    delete(b"d/f"),
    clear(b"d/opaque"),
    put(b"d/f", stat.S_IFREG | 0o6755, uid=2**21, gid=3, mtime=-1_500_000_001, size=5, content=b"c" * 32),
    link(b"d/g", b"d/f")._replace(mode=stat.S_IFREG | 0o6755, uid=2**21, gid=3, mtime=-1_500_000_001),
    implied(b"left"),
    put(b"left/" + b"\xff" * 200 + b"/" + b"n" * 120, stat.S_IFLNK | 0o777, target=b"t" * 101),
    put(b"null", stat.S_IFCHR | 0o666, rdev=(4095, 1048575)),
    put(b"pipe", stat.S_IFIFO | 0o600),
    put(b"p" * 90 + b"/" + b"q" * 99, stat.S_IFREG),
]  # fmt: skip


def test_the_same_changes_are_the_same_bytes_for_ever() -> None:
    archive = b"".join(encode(FIXED, lambda _: [b"he", b"llo"]))
    assert hashlib.sha256(archive).hexdigest() == GOLDEN


GOLDEN = "da087287865839bbce2620852a187a263d1f839124c7fce8915c9df47342c32c"


def test_tarfile_reads_what_is_encoded() -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(encode(FIXED, lambda _: [b"hello"])))) as archive:
        found = {info.name: info for info in archive}
        assert (archive.extractfile("d/f") or io.BytesIO()).read() == b"hello"
    assert [info.name for info in found.values()][:6] == [".", "d", "d/.wh.f", "d/opaque/.wh..wh..opq", "d/f", "d/g"]
    assert (found["d"].gid, found["d"].mtime, found["d/g"].linkname, found["d/g"].mode) == (2**32 - 1, 1.7e9, "d/f", 0o6755)
    assert found["d"].pax_headers["SCHILY.xattr.user.a"] == ""
    assert [(i.mode, i.mtime, i.size, i.type) for i in (found["d/.wh.f"], found["d/opaque/.wh..wh..opq"])] == [
        (0, 0, 0, b"0")
    ] * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (put(b"a/.wh.b", FILE), "begins with '.wh.'"),
        (delete(b".wh.b"), "begins with '.wh.'"),
        (delete(b""), "cannot say PathDeleted"),
        (link(b"l", b"f"), "attributes must be stated"),
        (put(b"s", stat.S_IFSOCK | 0o644), "cannot hold a file of mode"),
        (Change(Kind.PATH_MOVED, b"a", target=b"b"), "cannot say PathMoved"),
        (Change(Kind.ATTRIBUTES_CHANGED, b"a", FILE), "cannot say AttributesChanged"),
    ],
)
def test_what_a_layer_cannot_say(change: Change, reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        list(encode([change], lambda _: []))


def test_encoding_checks_the_contents_size() -> None:
    with pytest.raises(DamagedError, match="'f': its content is not of the 3 bytes"):
        list(encode([put(b"f", FILE, size=3, content=b"c" * 32)], lambda _: [b"1234"]))
