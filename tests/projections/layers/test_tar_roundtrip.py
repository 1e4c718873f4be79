"""decode(encode(changes)) = changes, reassemble(framing(tar)) = tar, and what both cost in memory."""

import hashlib
import io
import stat
import subprocess
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.changes import Change, clear, delete, implied, link, put
from eventstore.model.events import Kind
from eventstore.model.paths import ancestors, join, order
from projections.layers.tar import decode, encode, reassemble
from tests.peers import peer
from tests.projections.tar.test_peers import GNU_OPTIONS, make_tree
from tests.projections.tar_blocks import END, block, decoded

names = st.one_of(
    st.sampled_from([b"a", b"b", b".c", b"\xff\xfe", b"n" * 255, b"x" * 99]),
    st.binary(min_size=1, max_size=12),
).filter(lambda name: not set(name) & {0, 0x2F} and name not in (b".", b"..") and not name.startswith(b".wh."))
times = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 1 << 33).map(lambda seconds: seconds * 10**9))
owners = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1))
modes = st.integers(0, 0o7777)
xattr_names = st.sampled_from([b"user.a", b"user.b=c%3D", b"security.capability", b"user.\xff"])
devices = st.tuples(st.integers(0, 4095), st.integers(0, 1048575))
targets = st.binary(min_size=1, max_size=150).filter(lambda target: 0 not in target)
KINDS = ["file", "folder", "left out", "symlink", "device", "fifo", "link", "delete", "clear"]


class Layer:
    """A layer in the making: `changes` and, by path, the `contents` of its files."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.contents: dict[bytes, bytes] = {}
        self.folders = [b""]
        self.linkable = [b"LOWER/file"]

    def read(self, change: Change) -> Iterable[bytes]:
        data = self.contents[change.path]
        return (data[:700], data[700:])

    def in_order(self) -> list[Change]:
        """Tree order, hard links after all that they may name, what is left out last."""
        stated = {change.path for change in self.changes if change.kind == Kind.FILE_WRITTEN} | {b""}
        needed = {path for change in self.changes for path in ancestors(change.path)}
        needed |= {change.path for change in self.changes if change.kind == Kind.DIRECTORY_CLEARED}
        last = (Kind.LINK_MADE,)
        ordered = sorted(self.changes, key=lambda change: (change.kind in last, order(change.path), change.kind))
        return ordered + [implied(path) for path in sorted(needed - stated, key=order)]


def node(draw: st.DrawFn, layer: Layer, kind: str, path: bytes) -> Change:
    size, content, target, rdev = 0, None, None, None
    if kind == "file":
        data = layer.contents[path] = draw(st.binary(max_size=1500))
        size, content = len(data), hashlib.sha256(data).digest()
    elif kind == "symlink":
        target = draw(targets)
    elif kind == "device":
        rdev = draw(devices)
    types = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO}
    return put(
        path,
        types.get(kind, stat.S_IFCHR) | draw(modes),
        uid=draw(owners),
        gid=draw(owners),
        mtime=draw(times),
        size=size,
        content=content,
        target=target,
        rdev=rdev,
        xattrs=draw(st.dictionaries(xattr_names, st.binary(max_size=20))),
    )


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    layer, taken = Layer(), {(False, b"")}
    for name, kind in draw(st.lists(st.tuples(names, st.sampled_from(KINDS)), max_size=14)):
        path = join(draw(st.sampled_from(layer.folders)), name)
        if len(path) > 4096 or (kind == "delete", path) in taken:
            continue
        taken.add((kind == "delete", path))
        if kind in ("folder", "left out"):
            layer.folders.append(path)
        if kind == "delete":
            layer.changes.append(delete(path))
        elif kind == "clear":
            layer.changes.append(clear(path))
        elif kind == "link":
            layer.changes.append(link(path, draw(st.sampled_from(layer.linkable))))
        elif kind != "left out":
            layer.changes.append(node(draw, layer, kind, path))
            if kind != "folder":
                layer.linkable.append(path)
    return layer


def encoded(changes: Iterable[Change], layer: Layer) -> bytes:
    """Hard links get the attributes that `encode` asks for, and that a layer does not tell back."""
    whole = (c._replace(mode=stat.S_IFREG | 0o600, mtime=5) if c.kind == Kind.LINK_MADE else c for c in changes)
    return b"".join(encode(whole, layer.read))


@given(layers())
def test_what_is_encoded_is_decoded(layer: Layer) -> None:
    changes = layer.in_order()
    archive = encoded(changes, layer)
    found, framing, contents = decoded(archive)
    assert found == changes
    assert set(contents.held.values()) == set(layer.contents.values())
    assert b"".join(reassemble(io.BytesIO(framing), lambda path: [layer.contents[path]])) == archive


def test_the_longest_paths_survive() -> None:
    folder = b"/".join([b"\xff" * 255] * 15)
    path = folder + b"/" + b"\xfe" * 255
    layer = Layer()
    layer.changes = [put(path, stat.S_IFDIR | 0o755), delete(path), clear(path)]
    layer.changes.append(put(folder + b"/s", stat.S_IFLNK | 0o777, target=b"t" * 4096))
    changes = layer.in_order()
    assert (len(path), decoded(encoded(changes, layer))[0]) == (4095, changes)


def rebuilt(archive: bytes) -> bytes:
    changes, framing, contents = decoded(archive)
    held = {change.path: contents.held[change.content] for change in changes if change.content is not None}
    pieces = lambda path: (held[path][at : at + 100_001] for at in range(0, len(held[path]), 100_001))  # noqa: E731
    return b"".join(reassemble(io.BytesIO(framing), pieces))


@pytest.mark.parametrize("form", GNU_OPTIONS)
def test_what_gnu_tar_wrote_is_reassembled(form: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    command = [peer("tar"), *GNU_OPTIONS[form], "-cf", "-", "."]
    archive = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert rebuilt(archive) == archive


@pytest.mark.parametrize("form", ["v7", "ustar", "pax", "gnutar"])
def test_what_bsdtar_wrote_is_reassembled(form: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    command = [peer("bsdtar"), f"--format={form}", "-cf", "-", "."]
    archive = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert rebuilt(archive) == archive


def test_gnu_tar_extracts_what_is_encoded(tmp_path: Path) -> None:
    changes = [
        put(b"d", stat.S_IFDIR | 0o750, mtime=1_000_000_007),
        put(b"d/" + b"n" * 200, stat.S_IFREG | 0o640, mtime=1_234_567_890_123_456_789, size=5, content=b"c" * 32),
        put(b"s", stat.S_IFLNK | 0o777, target=b"t" * 200),
    ]
    archive = b"".join(encode(changes, lambda _: [b"hello"]))
    subprocess.run([peer("tar"), "-xpf", "-"], cwd=tmp_path, input=archive, check=True)
    file = tmp_path / "d" / ("n" * 200)
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode) == (b"hello", changes[1].mtime, changes[1].mode)
    assert (tmp_path / "d").stat().st_mode == changes[0].mode
    assert (tmp_path / "s").readlink() == Path("t" * 200)


class Generated:
    """A stream of pieces that are made as they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def read(self, size: int, /) -> bytes:
        data = self._left or next(self._pieces, b"")
        self._left = data[size:]
        return data[:size]


class Nowhere:
    def put(self, _data: bytes, /) -> bytes:
        return b""

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        for _ in chunks:
            pass
        return b""


def peak(work: Iterable[object]) -> int:
    tracemalloc.start()
    for _ in work:
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_is_flat_for_a_large_file() -> None:
    piece = bytes(1 << 20)

    def archive() -> Iterator[bytes]:
        yield block(b"big", size=200 << 20)
        for _ in range(200):
            yield piece
        yield END + b"rest"

    framing = bytearray()
    assert peak(decode(Generated(archive()), Nowhere(), framing.extend)) < 8 << 20
    assert peak(reassemble(io.BytesIO(framing), lambda _: [piece] * 200)) < 8 << 20


@pytest.mark.slow
def test_100_000_names_take_less_than_15_mb() -> None:
    def archive() -> Iterator[bytes]:
        for package in range(7150):
            folder = b"usr/local/lib/node_modules/package-%05d" % package
            yield block(folder, b"5") + block(folder + b"/dist", b"5")
            for module in range(12):
                yield block(folder + b"/dist/module-%05d-%02d.js" % (package, module))

    whole = io.BytesIO(b"".join(archive()))
    assert peak(decode(whole, Nowhere())) < 15_000_000
