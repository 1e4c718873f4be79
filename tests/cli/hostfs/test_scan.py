"""Reading a host folder: every kind of node as it is, in tree order, and no way out of the folder."""

import os
import resource
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.hostfs.scan import scan
from eventstore.errors import ConflictError, LayerlogError, NotFoundError, StoreError
from eventstore.model.changes import extras, link, put
from eventstore.model.paths import order
from tests.cli.hosttrees import (
    LONG_AGO,
    LONGEST,
    Link,
    Memory,
    Node,
    Special,
    Symlink,
    as_root,
    before_opening,
    build,
    build_deep,
    rights_of_nobody,
    scanned,
)

BIG = 300_000
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service=ep


class Meddling(Memory):
    """Runs *meddle* after the first content that it is given, as another process might."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__()
        self.meddle: Callable[[], object] | None = meddle

    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        self._meddle()
        return super().put(data, like)

    def put_stream(self, chunks: Iterable[bytes]) -> bytes:
        first, *rest = self._meddled(chunks)
        return super().put_stream([first, *rest])

    def _meddled(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._meddle()
            yield chunk

    def _meddle(self) -> None:
        if self.meddle:
            self.meddle()
        self.meddle = None


class Full(Memory):
    def put(self, data: bytes, /, like: bytes | None = None) -> bytes:
        raise OSError(28, "No space left on device", data)


def test_a_file_comes_with_content_mode_owner_and_mtime(tmp_path: Path) -> None:
    keeper = Memory()
    root = build(tmp_path / "tree", {b"motd": Node(b"hello", mode=0o640)}, mode=0o750)
    me: dict[str, Any] = {"uid": os.geteuid(), "gid": os.getegid(), "mtime": LONG_AGO}
    assert scanned(root, keeper) == [
        put(b"", stat.S_IFDIR | 0o750, **me),
        put(b"motd", stat.S_IFREG | 0o640, **me, size=5, content=keeper.put(b"hello")),
    ]


def test_files_over_128_kib_are_streamed(tmp_path: Path) -> None:
    keeper = Memory()
    contents = {b"limit": b"x" * 128 * 1024, b"over": b"y" * (128 * 1024 + 1), b"big": os.urandom(3_000_000)}
    root = build(tmp_path / "tree", contents)
    found = {c.path: keeper.contents[c.content] for c in scanned(root, keeper) if c.content}
    assert found == contents


@pytest.mark.parametrize("places", [[], [0], [3 << 20], [0, 1 << 20, 5 << 20], [(7 << 20) - 4]])
def test_holes_are_zeros_that_nobody_reads(tmp_path: Path, places: list[int]) -> None:
    with open(tmp_path / "f", "wb") as file:
        file.truncate(7 << 20)
        for at in places:
            file.seek(at)
            file.write(b"data")
    whole = (tmp_path / "f").read_bytes()
    keeper = Memory()
    [_, found] = scan(str(tmp_path), keeper)
    assert (found.size, keeper.contents[found.content or b""] == whole) == (7 << 20, True)


def test_the_order_is_a_directory_then_all_below_it_then_its_next_sibling(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"a-b": b"", b"a": {b"z": b"", b"b": {b"c": {}}}, b"a.": {b"x": b""}, b"\xff": b""})
    paths = [change.path for change in scanned(root)]
    assert paths == [b"", b"a", b"a/b", b"a/b/c", b"a/z", b"a-b", b"a.", b"a./x", b"\xff"]
    assert paths == sorted(paths, key=order)


def test_symlinks_are_read_and_never_followed(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"dir": Symlink(b"/etc"), b"loop": Symlink(b"loop"), b"x": Symlink(b"\xff/../..")})
    assert {c.path: c.target for c in scanned(root)} == {b"": None, b"dir": b"/etc", b"loop": b"loop", b"x": b"\xff/../.."}


def test_later_names_of_a_node_are_links_to_its_first(tmp_path: Path) -> None:
    tree = {b"z": b"shared", b"s": Symlink(b"z"), b"d": {b"one": Link(b"z"), b"two": Link(b"z"), b"s": Link(b"s")}}
    found = scanned(build(tmp_path / "tree", tree))
    assert link(b"d/two", b"d/one") in found
    assert link(b"z", b"d/one") in found
    assert link(b"s", b"d/s") in found
    assert len(found) == 7


def test_sockets_are_counted_and_fifos_read(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"fifo": Special(stat.S_IFIFO | 0o600)})
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{root}/socket")
        skipped: Counter[str] = Counter()
        found = list(scan(root, Memory(), skipped=skipped))
    assert [(c.path, stat.S_ISFIFO(c.mode)) for c in found] == [(b"", False), (b"fifo", True)]
    assert skipped == {"sockets": 1}


@as_root
def test_devices_have_their_numbers(tmp_path: Path) -> None:
    tree = {b"null": Special(stat.S_IFCHR | 0o666, os.makedev(1, 3)), b"sda": Special(stat.S_IFBLK, os.makedev(8, 300))}
    found = {c.path: extras(c.detail)[1] for c in scanned(build(tmp_path / "tree", tree))}
    assert found == {b"": None, b"null": (1, 3), b"sda": (8, 300)}


@as_root
def test_xattrs_of_every_kind_of_node(tmp_path: Path) -> None:
    capable = Node(b"", xattrs={"security.capability": CAPABILITY, "user.\udcff": b"\0\xff"})
    trusted = {"trusted.note": b""}
    tree = {b"file": capable, b"dir": Node({}, xattrs=trusted), b"link": Node(Symlink(b"x"), xattrs=trusted)}
    root = build(tmp_path / "tree", tree | {b"fifo": Node(Special(stat.S_IFIFO), xattrs=trusted)}, xattrs={"user.a": b"1"})
    assert {c.path: extras(c.detail)[0] for c in scanned(root)} == {
        b"": {b"user.a": b"1"},
        b"file": {b"security.capability": CAPABILITY, b"user.\xff": b"\0\xff"},
        b"dir": {b"trusted.note": b""},
        b"link": {b"trusted.note": b""},
        b"fifo": {b"trusted.note": b""},
    }


def test_what_vanishes_before_it_is_opened_is_counted(tmp_path: Path) -> None:
    tree = {b"a": b"", b"file": b"", b"dir": {b"x": b""}, b"link": Symlink(b"a")}
    root = build(tmp_path / "tree", tree)
    skipped: Counter[str] = Counter()
    keeper = Meddling(lambda: subprocess.run(["rm", "-r", "file", "dir", "link"], cwd=root, check=True))
    assert [c.path for c in scan(root, keeper, skipped=skipped)] == [b"", b"a"]
    assert skipped == {"vanished": 3}


@pytest.mark.parametrize("mode", ["ab", "wb", "r+b"])
def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path, mode: str) -> None:
    root = build(tmp_path / "tree", {b"log": os.urandom(1024 * 1024 + 1)})

    def meddle() -> None:
        with open(f"{root}/log", mode) as file:
            file.write(b"more")

    with pytest.raises(ConflictError, match=r"/tree/log changed while it was read: try again"):
        list(scan(root, Meddling(meddle)))


@pytest.mark.parametrize("other", ["file", "empty", "fifo", "missing"])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("name", ["dir", "file"])
def test_a_node_that_turns_into_another_is_named_and_not_followed(tmp_path: Path, name: str, other: str, linked: bool) -> None:
    tree = {b"file": b"secret", b"empty": {}, b"fifo": Special(stat.S_IFIFO | 0o644), b"missing": Symlink(b"void")}
    outside = build(tmp_path / "outside", tree)
    root = build(tmp_path / "tree", {b"a": b"", b"dir": {b"in": b""}, b"file": b""})

    def meddle() -> None:
        os.rename(f"{root}/{name}", tmp_path / "old")
        if linked:
            os.symlink(f"{outside}/{other}", f"{root}/{name}")
        else:
            os.rename(f"{outside}/{other}", f"{root}/{name}")

    keeper = Memory()
    with before_opening(name.encode(), meddle):
        if not linked and (name, other) in (("dir", "empty"), ("file", "file")):
            assert len(list(scan(root, keeper))) == (5 if name == "file" else 4)
            return
        with pytest.raises(ConflictError, match=rf"/tree/{name} changed while it was read"):
            list(scan(root, keeper))
    assert b"secret" not in keeper.contents.values()


def test_a_directory_that_is_moved_away_while_it_is_read_is_named(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"a": {b"b": {b"c": b""}}})
    with pytest.raises(ConflictError, match=r"/tree/a/b changed while it was read"):
        list(scan(root, Meddling(lambda: os.rename(f"{root}/a/b", tmp_path / "b"))))


@pytest.mark.parametrize("name", ["file", "dir", "dir/in"])
def test_what_may_not_be_read_is_named_with_the_next_step(public: Path, name: str) -> None:
    root = build(public / "tree", {b"dir": {b"in": b"", b"on": b""}, b"file": b""})
    os.chmod(f"{root}/{name}", 0)
    with (
        rights_of_nobody(),
        pytest.raises(LayerlogError, match=f"cannot read {root}/{name}: permission denied; make it readable"),
    ):
        list(scan(root, Memory()))


def test_an_empty_directory_needs_no_x_to_be_read(public: Path) -> None:
    root = build(public / "tree", {b"dir": Node({}, mode=0o444), b"file": b""})
    with rights_of_nobody():
        assert [c.path for c in scan(root, Memory())] == [b"", b"dir", b"file"]


def test_a_store_that_is_full_is_not_the_files_fault(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"file": b"x"})
    with pytest.raises(StoreError, match="cannot store file: No space left on device"):
        list(scan(root, Full()))


def test_roots_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="missing is not there"):
        list(scan(str(tmp_path / "missing"), Memory()))
    (tmp_path / "file\n").touch()
    with pytest.raises(ConflictError, match=r"file\\n is not a folder"):
        list(scan(str(tmp_path / "file\n"), Memory()))


def test_the_root_may_be_a_symlink(tmp_path: Path) -> None:
    build(tmp_path / "tree", {b"x": b""})
    (tmp_path / "link").symlink_to("tree")
    assert scanned(str(tmp_path / "link")) == scanned(str(tmp_path / "tree"))


@pytest.mark.parametrize("names", LONGEST)
def test_the_longest_paths_are_read_with_few_open_files(public: Path, names: list[bytes]) -> None:
    root, path = build_deep(public / "tree", names)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 10, limits[1]))
    try:
        found = scanned(root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found[-1].path == path
    assert len(found) == len(names) + 1


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"dir": {b"file": b"x"}})
    before = [os.stat(f"{root}/{name}").st_atime_ns for name in ("dir", "dir/file")]
    scanned(root)
    assert [os.stat(f"{root}/{name}").st_atime_ns for name in ("dir", "dir/file")] == before


def test_a_scan_that_is_given_up_closes_what_it_opened(tmp_path: Path) -> None:
    root = build(tmp_path / "tree", {b"dir": {b"file": b"x", b"other": b"y"}})
    changes = scan(root, Memory())
    assert [next(changes).path for _ in range(3)] == [b"", b"dir", b"dir/file"]
    del changes
