"""Writing a tree to a host folder: exactly what it says, or what this process may, and nothing outside of it."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.hostfs.checkout import checkout
from cli.hostfs.nodes import Report
from eventstore.errors import ConflictError, DamagedError, InvalidError, LayerlogError, MismatchError, NotFoundError
from eventstore.model.entries import Entry
from eventstore.model.events import Kind
from eventstore.model.paths import MAX_PATH
from tests.cli.hosttrees import (
    LONG_AGO,
    LONGEST,
    NOBODY,
    Link,
    Memory,
    Node,
    Special,
    Symlink,
    all_names,
    as_root,
    build,
    build_deep,
    content,
    directory,
    entries,
    file,
    rights_of_nobody,
    scanned,
)

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep

ODD_NAMES = {
    b"\xff\xfe": b"not UTF-8",
    b"n" * 255: {b"d" * 255: b"long"},
    b"new\nline": b"",
    b"-rf": b"",
    b" ": b"",
    b".layerlog-probe": b"mine",
    b"a-b": b"",
    b"a": {b"b": b""},
    b"a.b": {b"c": {b"d": {}}},
}
PLAIN = {
    b"empty": b"",
    b"read-only": Node(b"x", mode=0o444),
    b"big": os.urandom(400_000),
    b"old": Node(b"x", mtime=-1_000_000_001),
    b"new": Node(b"x", mtime=4_000_000_000_999_999_999),
    b"link": Node(Symlink(b"/etc/passwd"), mtime=LONG_AGO + 1),
    b"dangling": Symlink(b"\xff" * 300),
    b"fifo": Node(Special(stat.S_IFIFO), mode=0o622),
    b"sealed": Node({b"in": {b"deep": b"x"}, b"ro": Node(b"x", mode=0o400)}, mode=0o555, mtime=LONG_AGO + 2),
    b"sticky": Node({}, mode=0o1777),
}
LINKS = {
    b"z": Node(b"shared", mode=0o600),
    b"s": Node(Symlink(b"z"), mtime=LONG_AGO + 3),
    b"d": {b"one": Link(b"z"), b"two": Link(b"z"), b"e": {b"three": Link(b"z"), b"s": Link(b"s")}},
    b"f": Special(stat.S_IFIFO | 0o600),
    b"g": Link(b"f"),
}
ROOTS = {
    b"closed": Node(b"x", mode=0),
    b"null": Node(Special(stat.S_IFCHR | 0o666, os.makedev(1, 3)), mode=0o666),
    b"null2": Link(b"null"),
    b"disk": Node(Special(stat.S_IFBLK, os.makedev(259, 70_000)), mode=0o660, gid=6),
    b"su": Node(b"x", mode=0o4755),
    b"crontab": Node(b"x", mode=0o2755, gid=42),
    b"both": Node(b"x", mode=0o6711, uid=1000, gid=1000),
    b"mine": Node({b"x": Node(b"x", uid=5, mode=0o600)}, mode=0o2750, uid=1000, gid=1000),
    b"theirs": Node(Symlink(b"x"), uid=12, gid=13),
    b"ping": Node(b"x", xattrs={"security.capability": CAPABILITY}, mode=0o755, uid=7),
    b"notes": Node(b"x", xattrs={"user.a": b"1", "user.b\udcff": b"", "trusted.c": b"\0"}, mode=0o444),
    b"noted": Node({b"x": b""}, xattrs={"user.a": b"1", "trusted.overlay.opaque": b"y"}, mode=0o555),
    b"told": Node(Symlink(b"x"), xattrs={"trusted.c": b"d"}),
}


class Source:
    """A folder as entries, with the contents to read."""

    def __init__(self, root: str) -> None:
        self.keeper = Memory()
        self.changes = scanned(root, self.keeper)
        self.entries, self.linked = entries(self.changes)

    def checkout(self, dest: Path, **options: Any) -> Report:
        return checkout(self.entries, self.keeper.read, str(dest), linked=self.linked, **options)


@pytest.mark.parametrize("tree", [{}, ODD_NAMES, PLAIN, LINKS, pytest.param(ROOTS, marks=as_root)])
@pytest.mark.parametrize("exists", [False, True])
def test_scan_checkout_scan_is_the_identity(tmp_path: Path, tree: dict[bytes, Any], exists: bool) -> None:
    source = Source(build(tmp_path / "tree", tree, mode=0o751))
    if exists:
        (tmp_path / "dest").mkdir(mode=0o2777)
    report = source.checkout(tmp_path / "dest")
    assert scanned(str(tmp_path / "dest")) == source.changes
    assert not report.skipped


def test_the_report_counts_what_was_written(tmp_path: Path) -> None:
    report = Source(build(tmp_path / "tree", PLAIN | LINKS)).checkout(tmp_path / "dest")
    expected = Report(files=8, directories=6, symlinks=3, links=5, bytes=400_011)
    assert report == expected


names = st.binary(min_size=1, max_size=3).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))
times = st.integers(-(2**31), 2**33).map(lambda seconds: seconds * 10**9 + 7)
modes = st.integers(0, 0o777)
files = st.builds(Node, st.binary(max_size=20), mode=modes, mtime=times)
symlinks = st.builds(Node, st.builds(Symlink, st.binary(min_size=1, max_size=9).filter(lambda t: 0 not in t)), mtime=times)
fifos = st.builds(Node, st.just(Special(stat.S_IFIFO)), mode=modes, mtime=times)
trees = st.recursive(
    st.dictionaries(names, files | symlinks | fifos, max_size=4),
    lambda below: st.dictionaries(names, files | symlinks | st.builds(Node, below, mode=modes, mtime=times), max_size=4),
    max_leaves=12,
)


@as_root
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees, modes, times)
def test_any_tree_comes_back(tree: dict[bytes, Any], mode: int, mtime: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Source(build(Path(folder) / "tree", tree, mode=mode, mtime=mtime))
        source.checkout(Path(folder) / "dest")
        assert scanned(f"{folder}/dest") == source.changes


@pytest.mark.parametrize("names", LONGEST)
def test_the_longest_paths_are_written(public: Path, names: list[bytes]) -> None:
    root, path = build_deep(public / "tree", names)
    assert len(path) == MAX_PATH
    source = Source(root)
    source.checkout(public / "dest")
    assert scanned(str(public / "dest")) == source.changes


def test_a_link_whose_first_name_is_as_long_as_can_be(public: Path) -> None:
    source = Source(build_deep(public / "tree", LONGEST[0])[0])
    first = source.entries[-1]
    source.linked.add(first.node)
    source.entries.append(first._replace(path=b"z"))
    assert source.checkout(public / "dest").links == 1
    assert (public / "dest" / "z").stat().st_nlink == 2


def test_acls_are_restored_and_the_parents_default_acl_is_not_inherited(public: Path) -> None:
    subprocess.run(["setfacl", "-m", "d:u:7:rwx,d:g::rwx,d:o::rwx", public], check=True)
    root = build(public / "tree", {b"dir": {b"x": b""}, b"file": Node(b"", mode=0o640)})
    subprocess.run(["setfacl", "-R", "-b", root], check=True)
    subprocess.run(["setfacl", "-m", "u:1:r,m::r", f"{root}/file"], check=True)
    subprocess.run(["setfacl", "-m", "d:u:2:rx", f"{root}/dir"], check=True)
    source = Source(root)
    assert [c.path for c in source.changes if c.detail] == [b"dir", b"file"]
    source.checkout(public / "dest")
    assert scanned(str(public / "dest")) == source.changes


def test_a_symlinks_odd_mode_is_of_no_account(tmp_path: Path) -> None:
    odd = file(b"l", b"")._replace(mode=stat.S_IFLNK | 0o6444, target=b"x", uid=7)
    report = checkout([directory(b""), odd], content, str(tmp_path / "dest"), safe=True)
    assert os.readlink(tmp_path / "dest" / "l") == "x"
    assert report.skipped == {"owners": 1}


def test_zeros_are_written_as_holes(tmp_path: Path) -> None:
    data = b"x" * 100_000 + bytes(10_000_000) + b"y" * 5_000 + bytes(200_000)
    source = Source(build(tmp_path / "tree", {b"sparse": data}))
    source.checkout(tmp_path / "dest")
    assert (tmp_path / "dest" / "sparse").read_bytes() == data
    assert (tmp_path / "dest" / "sparse").stat().st_blocks * 512 < 1_000_000


@pytest.mark.parametrize("umask", [0, 0o27, 0o77])
def test_the_umask_neither_shows_nor_changes(tmp_path: Path, umask: int) -> None:
    source = Source(build(tmp_path / "tree", {b"d": Node({b"f": Node(b"", mode=0o666)}, mode=0o777)}, mode=0o775))
    ours = os.umask(umask)
    try:
        source.checkout(tmp_path / "dest")
        assert os.umask(umask) == umask
    finally:
        os.umask(ours)
    assert scanned(str(tmp_path / "dest")) == source.changes


def test_the_folder_is_closed_to_others_until_all_is_written(tmp_path: Path) -> None:
    modes = []

    def read(entry: Entry) -> Iterable[bytes]:
        modes.append(stat.S_IMODE((tmp_path / "dest").stat().st_mode))
        return content(entry)

    (tmp_path / "dest").mkdir(mode=0o777)
    checkout([directory(b""), file(b"f")], read, str(tmp_path / "dest"))
    assert modes == [0o700]
    assert stat.S_IMODE((tmp_path / "dest").stat().st_mode) == 0o755


def test_where_nothing_can_be_checked_out_to(public: Path) -> None:
    (public / "full").mkdir()
    (public / "full" / "x").touch()
    (public / "file").touch()
    (public / "theirs").mkdir(mode=0o755)
    with pytest.raises(ConflictError, match="full is not empty; name a new or an empty folder"):
        checkout([directory(b"")], content, str(public / "full"))
    with pytest.raises(ConflictError, match="file is not a folder"):
        checkout([directory(b"")], content, str(public / "file"))
    with pytest.raises(NotFoundError, match="no/dest: the folder above it is not there"):
        checkout([directory(b"")], content, str(public / "no/dest"))
    if os.geteuid() == 0:
        with rights_of_nobody(), pytest.raises(LayerlogError, match=r"theirs: .*; name a folder in which you may"):
            checkout([directory(b"")], content, str(public / "theirs"))
    assert all_names(public) == ["file", "full", "full/x", "theirs"]


@as_root
def test_safe_leaves_out_devices_owners_and_what_grants_rights(tmp_path: Path) -> None:
    source = Source(build(tmp_path / "tree", ROOTS, uid=9))
    report = source.checkout(tmp_path / "dest", safe=True)
    assert report.skipped == {"devices": 3, "setuid": 4, "owners": 7, "xattrs": 4}
    found = {c.path: c for c in scanned(str(tmp_path / "dest"))}
    assert {(c.uid, c.gid) for c in found.values()} == {(0, 0)}
    assert not any(c.mode & 0o6000 for c in found.values())
    assert {e.path for e in source.entries} - set(found) == {b"null", b"null2", b"disk"}
    assert found[b"both"].mode == stat.S_IFREG | 0o711


@as_root
def test_without_root_what_is_not_allowed_is_counted(public: Path) -> None:
    source = Source(build(public / "tree", ROOTS | PLAIN))
    with rights_of_nobody():
        report = source.checkout(public / "dest")
    assert report.skipped["devices"] == 3
    assert report.skipped["setuid"] == 4
    assert report.skipped["owners"] == len(source.entries) - 3
    assert report.skipped["xattrs"] == 4
    found = scanned(str(public / "dest"))
    assert {(c.uid, c.gid) for c in found if c.kind != Kind.LINK_MADE} == {(NOBODY, NOBODY)}
    wanted = {c.path: (c.mode & ~0o6000, c.mtime, c.content, c.target) for c in source.changes}
    assert {c.path: (c.mode, c.mtime, c.content, c.target) for c in found}.items() <= wanted.items()
    assert len(found) == len(wanted) - 3


def test_ones_own_setuid_bits_need_no_root(public: Path) -> None:
    with rights_of_nobody():
        source = Source(build(public / "tree", {b"mine": Node(b"x", mode=0o6755), b"ro": Node({b"x": b""}, mode=0o555)}))
        report = source.checkout(public / "dest")
        assert scanned(str(public / "dest")) == source.changes
    assert not report.skipped


@pytest.mark.parametrize("error", [DamagedError("segment 3 holds other bytes"), OSError(5, "Input/output error")])
def test_a_failure_says_that_the_folder_is_incomplete(tmp_path: Path, error: Exception) -> None:
    def read(entry: Entry) -> Iterator[bytes]:
        yield b"x"
        raise error

    reason = r"(segment 3 holds other bytes|cannot write .*/dest/d/f: Input/output error)"
    with pytest.raises(LayerlogError, match=reason + r"; .*/dest is incomplete: remove it, then check out again"):
        checkout([directory(b""), directory(b"d"), file(b"d/f")], read, str(tmp_path / "dest"))
    assert stat.S_IMODE((tmp_path / "dest").stat().st_mode) == 0o700
    with pytest.raises(ConflictError, match="is not empty"):
        checkout([directory(b"")], content, str(tmp_path / "dest"))


def test_an_interrupt_stays_one_and_bears_a_note(tmp_path: Path) -> None:
    def read(entry: Entry) -> Iterable[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        checkout([directory(b""), file(b"f")], read, str(tmp_path / "dest"))
    assert "dest is incomplete" in caught.value.__notes__[0]


def test_contents_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="f: 3 bytes came, its event says 1"):
        checkout([directory(b""), file(b"f")], lambda _: [b"ab", b"c"], str(tmp_path / "dest"))


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [file(b"f")],
        [file(b"")],
        [directory(b""), file(b"d/f")],
        [directory(b""), file(b"f"), file(b"f/g")],
        [directory(b""), directory(b"d"), file(b"e"), file(b"d/f")],
        [directory(b""), file(b"f"), file(b"f")],
        [directory(b""), file(b"")],
        [directory(b""), file(b"..")],
        [directory(b""), directory(b"..")],
        [directory(b""), file(b"../f")],
        [directory(b""), directory(b"d"), file(b"d/..")],
        [directory(b""), directory(b"d"), file(b"d/../../f")],
        [directory(b""), directory(b"d"), file(b"d//f")],
        [directory(b""), file(b"l")._replace(mode=stat.S_IFLNK | 0o777, target=b".."), file(b"l/f")],
        [directory(b""), file(b"l")._replace(mode=stat.S_IFLNK | 0o777, target=b"../f"), file(b"l")],
        [directory(b""), file(b"l")._replace(mode=stat.S_IFLNK | 0o777)],
        [directory(b""), file(b"s")._replace(mode=stat.S_IFSOCK | 0o777)],
    ],
)
def test_trees_that_are_none_are_refused_and_stay_inside(tmp_path: Path, bad: list[Entry]) -> None:
    with pytest.raises(LayerlogError, match="incomplete"):
        checkout(bad, content, str(tmp_path / "dest"))
    assert all(name.startswith("dest") for name in all_names(tmp_path))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="d/f: its directory does not come before it"):
        checkout([directory(b""), file(b"d/f")], content, str(tmp_path / "dest"))
