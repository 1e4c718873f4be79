"""What only some writers of layers do, and all readers take: it means what they make of it, and comes back to the byte."""

import hashlib
import io
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.events import Kind
from eventstore.model.paths import ancestors
from projections.layers.tar import decode, reassemble
from tests.projections.tar_blocks import END, Contents, block, decoded, entry, pax

HIDES = (Kind.PATH_DELETED, Kind.DIRECTORY_CLEARED)


def folder(name: bytes) -> bytes:
    return block(name, b"5", mode=b"0000755\0")


def symlink(name: bytes, target: bytes) -> bytes:
    return block(name, b"2", link=target)


def hard(name: bytes, target: bytes) -> bytes:
    return block(name, b"1", link=target)


def meant(archive: bytes) -> dict[bytes, bytes | str]:
    """What each path is: a file's bytes, a symlink's or a hard link's target behind an arrow, else the event's name."""
    changes, framing, contents = decoded(archive)
    found: dict[bytes, bytes | str] = {}
    for change in changes:
        if change.content is not None:
            found[change.path] = contents.held[change.content]
        elif change.target is not None:
            found[change.path] = f"-> {change.target.decode()}"
        else:
            found.setdefault(change.path, change.kind.title)
    held = {change.path: contents.held[change.content] for change in changes if change.content is not None}
    assert b"".join(reassemble(io.BytesIO(framing), lambda path: [held[path]])) == archive
    return found


DIR, DEL, CLEAR, MADE = "FileWritten", "PathDeleted", "DirectoryCleared", "DirectoryImplied"

BELOW_SYMLINKS = {
    "a file": (symlink(b"lib", b"usr/lib") + entry(b"lib/foo", b"x"), {b"lib": "-> usr/lib", b"usr/lib/foo": b"x", b"usr": MADE, b"usr/lib": MADE}),
    "a folder and what is in it": (symlink(b"s", b"d") + folder(b"s/e") + entry(b"s/e/f", b"x"), {b"s": "-> d", b"d": MADE, b"d/e": DIR, b"d/e/f": b"x"}),
    "an absolute target": (folder(b"a/") + symlink(b"a/run", b"/run") + entry(b"a/run/f", b"x"), {b"a": DIR, b"a/run": "-> /run", b"run": MADE, b"run/f": b"x"}),
    "a target that climbs": (folder(b"a/") + symlink(b"a/s", b"../../../etc") + entry(b"a/s/f", b"x"), {b"a": DIR, b"a/s": "-> ../../../etc", b"etc": MADE, b"etc/f": b"x"}),
    "the root itself": (symlink(b"s", b"/") + entry(b"s/f", b"x"), {b"s": "-> /", b"f": b"x"}),
    "through two": (symlink(b"a", b"./b/") + symlink(b"b", b"c/../d") + entry(b"a/f", b"x"), {b"a": "-> ./b/", b"b": "-> c/../d", b"d": MADE, b"d/f": b"x"}),
    "a symlink below a symlink": (symlink(b"a", b"d") + symlink(b"a/s", b"e") + entry(b"a/s/f", b"x"), {b"a": "-> d", b"d": MADE, b"d/s": "-> e", b"d/e": MADE, b"d/e/f": b"x"}),
    "both ends of a hard link": (symlink(b"s", b"d") + entry(b"s/f", b"x") + hard(b"s/g", b"s/f") + hard(b"h", b"d/f"), {b"s": "-> d", b"d": MADE, b"d/f": b"x", b"d/g": "-> d/f", b"h": "-> d/f"}),
    "a whiteout": (symlink(b"lib", b"usr/lib") + entry(b"lib/.wh.foo"), {b"lib": "-> usr/lib", b"usr/lib/foo": DEL, b"usr": MADE, b"usr/lib": MADE}),
    "an opaque marker": (symlink(b"s", b"d") + entry(b"s/.wh..wh..opq"), {b"s": "-> d", b"d": CLEAR}),
    "files before and behind the symlink": (entry(b"d/a", b"1") + symlink(b"s", b"d") + entry(b"s/b", b"2") + entry(b"d/c", b"3"), {b"d": MADE, b"d/a": b"1", b"s": "-> d", b"d/b": b"2", b"d/c": b"3"}),
}  # fmt: skip


@pytest.mark.parametrize("case", BELOW_SYMLINKS)
def test_below_a_symlink_of_the_layer_is_below_what_it_leads_to(case: str) -> None:
    archive, want = BELOW_SYMLINKS[case]
    assert meant(archive + END) == want


TAKES_THE_PLACE = {
    "a symlink": (symlink(b"a", b"b"), "-> b"),
    "a file": (entry(b"a", b"x"), b"x"),
    "a hard link": (hard(b"a", b"z"), "-> z"),
    "a fifo": (block(b"a", b"6"), DIR),
}
HIDDEN = {
    "a whiteout": (entry(b"a/.wh.f"), {b"a/f"}),
    "two whiteouts": (entry(b"a/.wh.f") + entry(b"a/.wh.g"), {b"a/f", b"a/g"}),
    "a deep whiteout": (entry(b"a/x/y/.wh.f"), {b"a/x/y/f"}),
    "an opaque marker": (entry(b"a/x/.wh..wh..opq"), {b"a/x"}),
    "a whiteout with bytes": (entry(b"a/.wh.f", b"bytes" * 300), {b"a/f"}),
}


@pytest.mark.parametrize(("hidden", "taker"), list(product(HIDDEN, TAKES_THE_PLACE)))
def test_what_takes_a_directorys_place_may_stand_behind_the_whiteouts_below_it(hidden: str, taker: str) -> None:
    (whiteouts, paths), (node, is_now) = HIDDEN[hidden], TAKES_THE_PLACE[taker]
    found = meant(entry(b"z", b"") + whiteouts + node + END)
    assert found.pop(b"a") == is_now
    assert found.keys() == paths | {b"z"}
    assert MADE not in found.values()


def test_whiteouts_may_hold_bytes() -> None:
    archive = entry(b"d/.wh.f", b"x" * 700) + entry(b"g", b"y") + entry(b".wh..wh.orph/1", b"z" * 512) + entry(b"e/.wh..wh..opq", b"1")
    assert meant(archive + END) == {b"d/f": DEL, b"d": MADE, b"g": b"y", b"e": CLEAR}


def test_hard_links_into_aufs_store_are_names_of_one_file() -> None:
    store = folder(b".wh..wh.plnk/") + entry(b".wh..wh.plnk/1.2", b"one", uid=7) + entry(b".wh..wh.plnk/3.4", b"other")
    names = b"".join(hard(name, b"./.wh..wh.plnk/1.2") for name in (b"d/a", b"b", b"c")) + hard(b"e", b"b")
    assert meant(store + names + END) == {b"d/a": b"one", b"b": "-> d/a", b"c": "-> d/a", b"e": "-> d/a", b"d": MADE}
    [first, *_] = decoded(store + names + END)[0]
    assert (first.uid, first.content) == (7, hashlib.sha256(b"one").digest())


@pytest.mark.parametrize(
    ("records", "mtime", "uid"),
    [
        ([(b"mtime", b"0" * 40 + b"17.5")], 17_500_000_000, 0),
        ([(b"uid", b"0" * 5000 + b"7")], 0, 7),
        ([(b"mtime", b"-007"), (b"uid", b"00")], -7_000_000_000, 0),
        ([(b"mtime", b"99999999999")], (1 << 63) - 1, 0),
        ([(b"mtime", b"-9999999999999999999.9")], -(1 << 63), 0),
    ],
)
def test_zeros_before_numbers_and_times_out_of_reach(records: list[tuple[bytes, bytes]], mtime: int, uid: int) -> None:
    archive = pax(*records) + entry(b"f", b"x") + END
    assert meant(archive) == {b"f": b"x"}
    [change] = decoded(archive)[0]
    assert (change.mtime, change.uid) == (mtime, uid)


def test_a_pax_record_may_pad_its_length_with_zeros() -> None:
    body = b"0000000000000000016 path=name\n".replace(b"16", b"30")
    assert len(body) == 30
    assert meant(entry(b"PaxHeader", body, kind=b"x") + entry(b"f", b"x") + END) == {b"name": b"x"}


parts = st.sampled_from([b"a", b"b", b"c"])
paths = st.lists(parts, min_size=1, max_size=3).map(b"/".join)
targets = st.lists(st.sampled_from([b"a", b"b", b"..", b".", b""]), min_size=1, max_size=3).map(b"/".join).filter(bool)


def marked(path: bytes) -> bytes:
    head, slash, name = path.rpartition(b"/")
    return head + slash + b".wh." + name


entries = st.one_of(
    st.builds(entry, paths, st.binary(max_size=600)),
    st.builds(folder, paths),
    st.builds(symlink, paths, targets),
    st.builds(hard, paths, paths),
    st.builds(lambda path, data: entry(marked(path), data), paths, st.sampled_from([b"", b"bytes"])),
    st.builds(lambda path: entry(path + b"/.wh..wh..opq"), paths),
    st.builds(lambda data: entry(b".wh..wh.plnk/1", data), st.binary(max_size=600)),
    st.builds(hard, paths, st.just(b".wh..wh.plnk/1")),
)


@given(st.lists(entries, max_size=9))
def test_whatever_is_taken_is_a_tree_and_comes_back_to_the_byte(tars: list[bytes]) -> None:
    archive = b"".join(tars) + END
    framing, contents = bytearray(), Contents()
    try:
        changes = list(decode(io.BytesIO(archive), contents, framing.extend))
    except InvalidError:
        return
    nodes = {change.path: change for change in changes if change.kind not in HIDES}
    assert len(nodes) == sum(change.kind not in HIDES for change in changes)
    folders = {path for path, node in nodes.items() if node.mode & 0o170000 == 0o040000 or node.kind == Kind.DIRECTORY_IMPLIED}
    assert all(set(ancestors(path)[1:]) <= folders for path in nodes)
    held = {change.path: contents.held[change.content] for change in changes if change.content is not None}
    assert b"".join(reassemble(io.BytesIO(bytes(framing)), lambda path: [held[path]])) == archive
