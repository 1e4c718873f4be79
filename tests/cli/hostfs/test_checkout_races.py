"""Another process that changes a folder while a tree is written to it leads nothing outside."""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cli.hostfs.checkout import KEPT_OPEN, checkout
from eventstore.errors import ConflictError, LayerlogError
from eventstore.model.entries import Entry
from tests.cli.hosttrees import Special, Symlink, all_names, before_opening, build, content, directory, file, scanned


def swapping(dest: Path, outside: Path) -> Callable[[Entry], Iterable[bytes]]:
    """Put a symlink to *outside* in the place of the directory of each file that is about to be written."""

    def read(entry: Entry) -> Iterable[bytes]:
        victim = (dest / os.fsdecode(entry.path)).parent
        os.rename(victim, f"{victim}.moved")
        victim.symlink_to(outside)
        return content(entry)

    return read


def test_a_directory_swapped_for_a_symlink_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    tree = [directory(b""), directory(b"d"), directory(b"d/e"), file(b"d/e/f"), directory(b"d/g"), file(b"d/h")]
    with suppress(LayerlogError):
        checkout(tree, swapping(tmp_path / "dest", tmp_path / "outside"), str(tmp_path / "dest"))
    assert all_names(tmp_path / "outside") == []


def test_a_new_directory_swapped_before_it_is_opened_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    def swap() -> None:
        os.rmdir(tmp_path / "dest" / "d")
        os.symlink(outside, tmp_path / "dest" / "d")

    with before_opening(b"d", swap), pytest.raises(LayerlogError, match=r"dest/d: Not a directory; .* incomplete"):
        checkout([directory(b""), directory(b"d"), file(b"d/f")], content, str(tmp_path / "dest"))
    assert all_names(outside) == []


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFLNK])
@pytest.mark.parametrize("other", [b"fifo", b"symlink", b"file"])
def test_a_new_node_swapped_for_another_leaves_that_one_alone(tmp_path: Path, kind: int, other: bytes) -> None:
    outside = build(tmp_path / "outside", {b"file": b"", b"fifo": Special(stat.S_IFIFO), b"symlink": Symlink(b"file")})
    before = scanned(outside)

    def swap() -> None:
        os.unlink(tmp_path / "dest" / "n")
        os.link(f"{outside}/{other.decode()}", tmp_path / "dest" / "n", follow_symlinks=False)

    node = file(b"n", b"")._replace(mode=kind | 0o666, target=b"x", mtime=5)
    with before_opening(b"n", swap), pytest.raises(ConflictError, match="n was replaced by another process"):
        checkout([directory(b""), node], content, str(tmp_path / "dest"))
    assert scanned(outside) == before


def moving_away(path: bytes, tmp_path: Path) -> Callable[[Entry], Iterable[bytes]]:
    """Return what moves dest/d/e away when *path* is read."""

    def read(entry: Entry) -> Iterable[bytes]:
        if entry.path == path:
            os.rename(tmp_path / "dest" / "d" / "e", tmp_path / "e")
        return content(entry)

    return read


def test_a_directory_moved_away_does_not_take_the_checkout_with_it(tmp_path: Path) -> None:
    tree = [directory(b""), directory(b"d"), directory(b"d/e"), file(b"d/e/f"), file(b"d/g")]
    checkout(tree, moving_away(b"d/e/f", tmp_path), str(tmp_path / "dest"))
    assert all_names(tmp_path) == ["dest", "dest/d", "dest/d/g", "e", "e/f"]


def test_a_deep_directory_moved_away_is_seen_on_the_way_up(tmp_path: Path) -> None:
    """What is too far up to be kept open is found again by `..`, which leads elsewhere now."""
    deep = [b"/".join([b"d", b"e", *[b"x"] * depth]) for depth in range(KEPT_OPEN + 2)]
    last = file(deep[-1] + b"/f")
    tree = [directory(b""), directory(b"d"), *map(directory, deep), last, file(b"d/g")]
    with pytest.raises(ConflictError, match=r"d was moved by another process while it was written; .* incomplete"):
        checkout(tree, moving_away(last.path, tmp_path), str(tmp_path / "dest"))
    assert all_names(tmp_path / "dest") == ["d"]


def test_a_link_is_not_made_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_bytes(b"secret")
    tree = [directory(b""), directory(b"d"), file(b"d/f"), directory(b"e"), file(b"e/f")]

    def given_and_then_swapped() -> Iterator[Entry]:
        yield from tree[:-1]
        os.rename(tmp_path / "dest" / "d", tmp_path / "moved")
        (tmp_path / "dest" / "d").symlink_to(tmp_path / "outside")
        yield tree[-1]

    with pytest.raises(LayerlogError, match="e/f: Not a directory"):
        checkout(given_and_then_swapped(), content, str(tmp_path / "dest"), linked={2})
    assert (tmp_path / "outside" / "f").stat().st_nlink == 1


def test_a_racing_process_cannot_lead_a_checkout_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = [directory(b"")]
    for d in range(40):
        tree.append(directory(b"d%02d" % d))
        tree += [file(b"d%02d/%d" % (d, f)) for f in range(9)]
    done = threading.Event()

    def race(dest: Path) -> None:
        while not done.is_set():
            for d in range(40):
                with suppress(OSError):
                    os.rename(dest / f"d{d:02}", dest / f"moved{d:02}")
                    os.symlink(outside, dest / f"d{d:02}")

    for attempt in range(12):
        done.clear()
        racer = threading.Thread(target=race, args=[tmp_path / f"dest{attempt}"])
        racer.start()
        try:
            with suppress(LayerlogError):
                checkout(tree, content, str(tmp_path / f"dest{attempt}"))
        finally:
            done.set()
            racer.join()
    assert all_names(outside) == []
