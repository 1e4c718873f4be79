import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cli.hostfs.whole_file import whole_file
from tests.cli.hosttrees import Link, Node, Symlink, as_root, build, scanned
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT, clean, on_terminal

# -- export


def test_export_is_a_plain_tar_of_the_merged_view(changed: Layerlog) -> None:
    changed("link", "web:/etc/motd", "web:/srv/same")
    with tarfile.open(fileobj=io.BytesIO(changed.raw("export", "web"))) as tar:
        members = {m.name: m for m in tar.getmembers()}
        assert (tar.extractfile("etc/motd") or io.BytesIO()).read() == b"hello\nworld\n"
    assert list(members)[:3] == [".", "bin", "etc"]
    assert (members["srv/same"].type, members["srv/same"].linkname) == (tarfile.LNKTYPE, "etc/motd")
    assert "usr/bin/su" in members
    assert not any(name.startswith("usr/lib") for name in members)


def test_export_of_any_view_and_part(changed: Layerlog) -> None:
    assert changed.raw("export", "web@1") == changed.raw("export", "base:1")
    with tarfile.open(fileobj=io.BytesIO(changed.raw("export", "web:/etc"))) as tar:
        assert tar.getnames() == [".", "group", "motd", "os-release", "passwd"]
    assert changed.refused("export", "web:/nope").startswith("no such path: /nope; ")


@as_root
def test_export_and_cp_are_inverse(ll: Layerlog, tmp_path: Path) -> None:
    tree = {b"a": Node(b"x", mode=0o6711, uid=5, xattrs={"user.a": b"\xff"}), b"d": {b"h": Link(b"a"), b"s": Symlink(b"../a")}}
    ll("create", "--name", "one", "scratch")
    ll("create", "--name", "two", "scratch")
    ll("cp", "-a", f"{build(tmp_path / 'tree', tree)}/.", "one:/")
    ll("cp", "-", "two:/", stdin=ll.raw("export", "one"))
    assert ll("diff", "one", "two") == ""


def test_export_to_a_file_is_whole_or_not_at_all(ll: Layerlog, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    ll("export", "-o", str(out), "web")
    assert out.read_bytes() == ll.raw("export", "web")
    ll("export", "-o", "/dev/null", "web")
    ll.refused("export", "-o", str(tmp_path / "none/out.tar"), "web")
    assert os.listdir(tmp_path) == ["store", "out.tar"] or sorted(os.listdir(tmp_path)) == ["out.tar", "store"]


@pytest.mark.parametrize("unnamed", [os.O_TMPFILE, os.O_DIRECTORY], ids=["unnamed", "an old kernel"])
def test_a_file_that_is_not_finished_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: int) -> None:
    """A kernel that knows no O_TMPFILE takes it for O_DIRECTORY."""
    monkeypatch.setattr(os, "O_TMPFILE", unnamed)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with pytest.raises(ZeroDivisionError), whole_file(str(path)) as file:
        file.write(b"new")
        1 / 0  # noqa: B018
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file"])
    with whole_file(str(path)) as file:
        file.write(b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert os.listdir(tmp_path) == ["file"]


def test_a_tar_is_not_written_to_a_terminal(ll: Layerlog) -> None:
    program = "from cli.main import main; main()"
    for args in (["export", "web"], ["cp", "web:/etc", "-"]):
        said = on_terminal([sys.executable, "-c", program, "--store", ll.store, *args])
        assert said.decode().strip() == "layerlog: a tar is not written to a terminal; send it to a file or a program (> file.tar, | tar t)"


# -- checkout


@as_root
def test_checkout_is_what_was_copied_in(ll: Layerlog, tmp_path: Path) -> None:
    tree = {b"a": Node(b"x", mode=0o6711, uid=5), b"d": Node({b"h": Link(b"a"), b"s": Symlink(b"../a")}, mode=0o1700)}
    source = build(tmp_path / "tree", tree, mode=0o750)
    ll("cp", "-a", source, "web:/tree")
    ll("checkout", "web:/tree", str(tmp_path / "out"))
    assert scanned(str(tmp_path / "out")) == scanned(source)
    done = ll.run("checkout", "--safe", "web:/tree", str(tmp_path / "safe"))
    assert (done.exit_code, done.stderr) == (0, "layerlog: left out: owners (1), setuid (1)\n")


def test_checkout_of_points(changed: Layerlog, tmp_path: Path) -> None:
    changed("commit", "web", "app:1")
    for ref, text in {"base:1": "hello\n", "web@1": "hello\n", "app:1": "hello\nworld\n"}.items():
        assert changed.run("checkout", ref, str(tmp_path / ref.replace(":", "-"))).exit_code == 0
        assert (tmp_path / ref.replace(":", "-") / "etc/motd").read_text() == text


def test_checkout_refuses_what_is_in_use(ll: Layerlog, tmp_path: Path) -> None:
    assert "is not empty" in ll.refused("checkout", "web", ll.store)
    for command in (["checkout", "web:/etc/motd", str(tmp_path / "x")], ["export", "web:/etc/motd"]):
        assert ll.refused(*command) == "/etc/motd is not a directory; `layerlog cp` copies a single file"
    assert ll.refused("checkout", "web:/nope", str(tmp_path / "x")).startswith("no such path: /nope; ")
    assert not (tmp_path / "x").exists()


def test_reading_needs_no_right_to_write(ll: Layerlog) -> None:
    """Nothing is appended by what only shows."""
    before = ll.head()
    for args in (["ls", "web"], ["cat", "web:/etc/motd"], ["stat", "web:/"], ["diff", "web"], ["ps"], ["status", "web"], ["config", "web"], ["export", "web"]):
        ll.raw(*args)
    assert ll.head() == before


def test_output_that_nobody_reads_is_no_failure(ll: Layerlog) -> None:
    ll("cp", str(ROOT / "tests"), "web:/tests")
    program = "from cli.main import main; main()"
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -c '{program}' --store '{ll.store}' export web | head -c 1000 | wc -c"],
        env=clean({}), cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("1000", "")


def test_json_of_status_is_one_object(changed: Layerlog) -> None:
    """Its changes are the rows that `diff` prints as JSON."""
    changes = json.loads(changed("status", "web", "--format", "json"))["changes"]
    assert changes == changed.json("diff", "web")
