"""An imported layer's entry that says what lies below it already is no change: to blame, log, diff and status."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cli.distribution.receive import receive
from eventstore.model.events import Kind
from tests import images
from tests.cli.invoking import Layerlog

DIRECTORIES = {"home": 0o755, "home/u": 0o2770, "etc": 0o750}


def tar(files: dict[str, bytes], directories: dict[str, int], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, mode in directories.items():
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, mode, 7
            archive.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 9
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = tarfile.LNKTYPE, target, 9
            archive.addfile(info)
    return out.getvalue()


LAYERS = (
    tar({"etc/a": b"a", "etc/b": b"b", "home/u/f": b"f"}, DIRECTORIES, {"etc/hard": "etc/a"}),
    tar({"etc/new": b"n", "etc/a": b"a"}, DIRECTORIES, {"etc/hard": "etc/a", "etc/more": "etc/a"}),
    tar({"etc/.wh.b": b"", "home/u/.wh..wh..opq": b"", "home/u/f": b"f"}, {**DIRECTORIES, "etc": 0o700}),
)


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    """The image app:1 of three layers, each of which names its directories again; the last one changes one of them."""
    ll = Layerlog(tmp_path / "store")
    with ll.writer() as writer:
        receive(writer, [images.image("", names=["app:1"], tars=LAYERS)], Kind.IMAGE_LOADED, "test", lambda _: None)
    ll("create", "--name", "web", "app:1")
    return ll


def layers_told(ll: Layerlog, path: str) -> list[int]:
    """The layers, 1 the lowest, whose events about *path* itself `log` lists."""
    numbers = {hashlib.sha256(layer).hexdigest(): number for number, layer in enumerate(LAYERS, 1)}
    events = [event for item in map(json.loads, ll.lines("log", "--format", "json", "app:1", "--", path)) for event in item["events"] if event["path"] == path]
    return sorted({numbers[event["name"]] for event in events})


@pytest.mark.parametrize(
    ("path", "layers"),
    [
        ("/home", [1]),
        ("/home/u", [1, 3]),  # cleared, and filled as it was
        ("/home/u/f", [1]),
        ("/etc", [1, 3]),
        ("/etc/a", [1]),
        ("/etc/hard", [1]),
        ("/etc/more", [2]),
        ("/etc/new", [2]),
        ("/etc/b", [1, 3]),
    ],
)
def test_log_names_the_layers_that_changed_a_path(ll: Layerlog, path: str, layers: list[int]) -> None:
    assert layers_told(ll, path) == layers


@pytest.mark.parametrize(
    ("path", "layer"), [("/home", 1), ("/home/u", 1), ("/home/u/f", 1), ("/etc", 3), ("/etc/a", 1), ("/etc/hard", 1), ("/etc/more", 1)]
)
def test_blame_names_the_layer_that_made_a_path_what_it_is(ll: Layerlog, path: str, layer: int) -> None:
    (blamed,) = ll.json("blame", f"app:1:{path}")
    assert blamed["content"]["layer"]["number"] == layer
    assert (blamed["name"] or blamed["content"])["layer"]["number"] == (2 if path == "/etc/more" else layer)


def test_what_comes_back_from_elsewhere_is_told_by_what_changed(tmp_path: Path) -> None:
    """Of a layer sealed here and loaded elsewhere, its parents are no change, and sizes count what it carries."""
    here, there = Layerlog(tmp_path / "here"), Layerlog(tmp_path / "store")
    here("create", "--name", "c", "scratch")
    here("mkdir", "-p", "c:/srv/deep")
    here("commit", "c", "x:1")
    here("write", "--text", "x", "c:/srv/deep/f")
    here("commit", "c", "x:2")
    here("save", "-q", "-o", str(tmp_path / "x.tar"), "x:2")
    there("load", "-q", "-i", str(tmp_path / "x.tar"))
    (blamed,) = there.json("blame", "x:2:/srv/deep")
    assert blamed["content"]["layer"]["number"] == 1
    (blamed,) = there.json("blame", "x:2:/srv/deep/f")
    assert blamed["content"]["layer"]["number"] == 2


# -- hard links, deletions and many layers


def loaded(ll: Layerlog, name: str, *layers: bytes) -> None:
    with ll.writer() as writer:
        receive(writer, [images.image("", names=[name], tars=layers)], Kind.IMAGE_LOADED, "test", lambda _: None)


def events_told(ll: Layerlog, ref: str, path: str) -> list[str]:
    """What `log` lists about a path, newest first: the events with the paths that they are about."""
    items = map(json.loads, ll.lines("log", "--format", "json", ref, "--", path))
    return [f"{event['event']} {event['path']}" for item in items for event in item["events"]]


LINKED = tar({"a/f": b"one"}, {"a": 0o755}, {"a/g": "a/f"})
APART = tar({"a/f": b"one", "a/g": b"one"}, {"a": 0o755})


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([LINKED, LINKED], ["AttributesChanged /a/g", "FileWritten /a/f"]),  # restated, and still one node
        ([LINKED, tar({"a/f": b"one"}, {"a": 0o755})], ["FileWritten /a/f"]),  # f is a node of its own now
        ([APART, LINKED], ["AttributesChanged /a/g", "FileWritten /a/f"]),  # they became one
        ([APART, APART], ["FileWritten /a/f"]),
    ],
)
def test_a_change_by_another_name_is_told_of_the_node_that_the_path_has_now(
    tmp_path: Path, layers: list[bytes], told: list[str]
) -> None:
    ll = Layerlog(tmp_path / "store")
    loaded(ll, "x:1", *layers)
    ll("create", "--name", "web", "x:1")
    ll("chmod", "600", "web:/a/g")
    assert events_told(ll, "web", "/a/f") == told
    (blamed,) = ll.json("blame", "web:/a/f")
    assert (blamed["attributes"] is not None) is (told[0] != "FileWritten /a/f")


def test_what_is_deleted_and_stated_again_is_told_whole_or_not_at_all(tmp_path: Path) -> None:
    ll = Layerlog(tmp_path / "store")
    loaded(
        ll, "wr:1", tar({"d/x": b"x", "d/y": b"y", "s": b"s"}, {"d": 0o755}), tar({".wh.s": b"", "s": b"s"}, {}),
        tar({"d/.wh..wh..opq": b"", "d/x": b"x"}, {"d": 0o755}), tar({".wh.d": b"", "d/x": b"x"}, {"d": 0o755}),
    )  # fmt: skip
    assert events_told(ll, "wr:1", "/s") == ["FileWritten /s"]
    assert events_told(ll, "wr:1", "/d/x") == ["FileWritten /d/x"]
    directory = [event for event in events_told(ll, "wr:1", "/d") if event.endswith(" /d")]
    assert directory == ["FileWritten /d", "PathDeleted /d", "DirectoryCleared /d", "FileWritten /d"]
    for path in ("/s", "/d", "/d/x"):
        (blamed,) = ll.json("blame", f"wr:1:{path}")
        assert {blamed[cause]["event"]["event"] for cause in ("content", "name") if blamed[cause]} == {"FileWritten"}


def test_an_image_of_very_many_layers_answers(tmp_path: Path) -> None:
    """All 300 restate one directory and one file; each brings a file of its own."""
    ll = Layerlog(tmp_path / "store")
    loaded(ll, "deep:1", *(tar({"a/f": b"x", f"a/{n}": b"n"}, {"a": 0o755}) for n in range(300)))
    (blamed,) = ll.json("blame", "deep:1:/a/f")
    assert blamed["content"]["layer"]["number"] == 1
    assert events_told(ll, "deep:1", "/a/f") == ["FileWritten /a/f"]
    assert len(events_told(ll, "deep:1", "/a")) == 302
