"""A store of every released schema still opens, verifies and says what it said; what left it once leaves it again, byte for byte."""

import json
import os
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eventstore.index.names import container_named
from eventstore.log.schema import SCHEMA
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs import references, targets
from projections.tree.walk import walk
from tests.cli.invoking import Layerlog
from tests.conftest import ADA
from tests.golden import images
from tests.golden.made import told

HERE = Path(__file__).parent


def kept(what: str) -> list[str]:
    """The names of the golden stores of *what* that were kept, of every schema."""
    return sorted(path.name.removesuffix(".json") for path in HERE.glob(f"{what}-*.json"))


def unpacked(name: str, folder: Path) -> Path:
    with tarfile.open(HERE / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "store"


@pytest.mark.parametrize("schema", kept("schema"))
def test_a_released_schema_is_replayed(schema: str, tmp_path: Path) -> None:
    """Every tree at every version, the tags and the hashes are those that were written down when the schema came out."""
    with Store.open_or_create(str(unpacked(schema, tmp_path))) as store:
        assert told(store) == json.loads((HERE / f"{schema}.json").read_text())
    Layerlog(tmp_path / "store")("verify")


@pytest.mark.parametrize("name", kept("images"))
def test_what_left_a_store_leaves_it_again(name: str, tmp_path: Path) -> None:
    """Configs, diff_ids and archives are those of the layerlog that sealed the images, whatever has become of encoders since."""
    ll = Layerlog(unpacked(name, tmp_path))
    ll("verify")
    brought_up(ll)
    written_down = json.loads((HERE / f"{name}.json").read_text())
    assert images.told(ll.store, tmp_path / "saved.tar") == written_down
    ll("verify")


def test_a_container_goes_on_under_another_encoder(tmp_path: Path) -> None:
    """Its older layers keep their digests, newer ones name their parents, merged ones go by their uppermost seal; all of it
    is the same on another machine.
    """
    ll = Layerlog(unpacked("images-1", tmp_path))
    brought_up(ll)
    before = json.loads((HERE / "images-1.json").read_text())
    for name, old in (("links", "deleted:1"), ("many", "many:130")):
        ll("write", "--text", "x", f"{name}:/home/u/later")
        ll("commit", name, f"{name}:later")
        other = Layerlog(tmp_path / name)
        ll("save", "-q", "-o", str(tmp_path / "later.tar"), f"{name}:later", old)
        other("load", "-q", "-i", str(tmp_path / "later.tar"))
        assert walked(other, f"{name}:later") == walked(ll, f"{name}:later")
        ids = json.loads(ll("inspect", f"{name}:later"))[0]["RootFS"]["Layers"]
        assert json.loads(other("inspect", f"{name}:later"))[0]["RootFS"]["Layers"] == ids
        assert json.loads(other("inspect", old))[0]["RootFS"]["Layers"] == before[old]["diff_ids"]
        if name == "links":
            assert ids[:-1] == before[old]["diff_ids"]
    ll("verify")


def brought_up(ll: Layerlog) -> None:
    """Let a writing command bring the store to today's schema, which it says; a reading one never does."""
    before = schema(ll)
    assert ll.run("tag", "base:1", "base:again").stderr == (
        "" if before == SCHEMA else f"layerlog: the store {ll.store} was brought from schema {before} to schema {SCHEMA}\n"
    )
    assert schema(ll) == SCHEMA


def schema(ll: Layerlog) -> int:
    with closing(sqlite3.connect(Path(ll.store, "log.db"))) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("name", [*kept("schema"), *kept("images")])
def test_a_store_that_cannot_be_written_answers_all_the_same(name: str, tmp_path: Path) -> None:
    """On a read-only medium an older store is read as it is; nothing in its folder changes by reading, there or elsewhere."""
    ll = Layerlog(unpacked(name, tmp_path))
    assert schema(ll) == int(name.rpartition("-")[2])
    state = files(Path(ll.store))
    asked = ("images --format json", "ps -a --format json", "log --all", "audit", "events", "verify", "log --graph")
    answers = [ll(*command.split()) for command in asked]
    assert files(Path(ll.store)) == state
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    with read_only(tmp_path):
        assert [ll(*command.split()) for command in asked] == answers
        assert ll.run("tag", "base:1", "base:again").exit_code == 1
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)


def files(store: Path) -> dict[str, bytes]:
    """What the store holds that is no cache, and not SQLite's own affair while somebody reads."""
    kept = (path for path in store.rglob("*") if path.is_file() and "cache" not in path.parts)
    return {str(path): path.read_bytes() for path in kept if not path.name.endswith(("-wal", "-shm"))}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Keep even root from writing in *folder*."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", folder], check=True)


def test_odd_things_that_schema_1_let_in_do_no_harm(tmp_path: Path) -> None:
    """Its digest-like tag takes no id over; its .wh. names are shown, can be deleted, and are left out of what leaves."""
    ll = Layerlog(unpacked("images-1", tmp_path))
    brought_up(ll)
    first = next(row["id"] for row in ll.json("images") if row["repository"] == "links" and row["tag"] == "1")
    assert json.loads(ll("inspect", first))[0]["Id"] == first
    assert first in json.loads(ll("inspect", "links:2"))[0]["RepoTags"]
    other = json.loads(ll("inspect", "wh:2"))[0]
    odd = next(name for name in other["RepoTags"] if name.startswith("sha256:"))
    ll("rmi", "-f", other["Id"])
    done = ll.run("undelete", other["Id"])
    assert (done.exit_code, "brought back without a name" in done.stderr) == (0, True)
    assert json.loads(ll("inspect", "wh:2"))[0]["RepoTags"] == ["wh:2"]
    assert "would be read as an image's id" in ll.refused("undelete", f"docker.io/library/{odd}")
    assert ll("ls", "wh:1") == "\n".join(sorted([".wh.dir", ".wh.sim", "dev", "etc", "home", "kept", "opt", "srv", "tmp"])) + "\n"
    for name, named, tree in (("wh:1", ".wh.sim", {"kept", "second", "third"}), ("wh:2", "", {"kept", "second", "third", "more"})):
        done = ll.run("save", "-q", "-o", str(tmp_path / "wh.tar"), name)
        assert done.exit_code == 0
        assert ("left out" in done.stderr, named in done.stderr) == (True, True)
        other = Layerlog(tmp_path / name)
        other("load", "-q", "-i", str(tmp_path / "wh.tar"))
        paths = {path for path in walked(other, name) if b".wh." in path}
        assert paths == set()
        assert {path.rpartition(b"/")[2].decode() for path in walked(other, name)} >= tree
        assert walked(other, name) == {path: entry for path, entry in walked(ll, name).items() if b".wh." not in path}
    ll("create", "--name", "later", "wh:1")
    ll("delete", "-r", "later:/.wh.dir")
    ll("move", "later:/.wh.sim", "later:/sim")
    ll("commit", "later", "later:1")
    assert ".wh.sim" in ll.run("ls", "wh:1").stdout
    for back in (("write", "--text", "x", "later:/.wh.dir"), ("restore", "wh:1:/.wh.dir", "later:/.wh.dir"), ("undo", "later", "2")):
        done = ll.run(*back)
        assert (done.exit_code, "means a deletion" in done.stderr) == (1, True), (back, done.stderr)


def walked(ll: Layerlog, name: str) -> dict[bytes, tuple[object, ...]]:
    """Every path of an image, with all that a filesystem shows of it."""
    with Store.open(ll.store) as store:
        target = references.resolve(store.log, name, int)
        return {entry.path: entry[1:9] for entry in walk(targets.view(store, target))}


def test_an_older_store_shows_its_events_through_today_s_views(tmp_path: Path) -> None:
    """Also those of a kind that nobody knew when its own views were made."""
    ll = Layerlog(unpacked("images-1", tmp_path))
    with Store.open(ll.store) as store:
        names = dict(store.db.execute("SELECT id, name FROM containers WHERE removed = 0"))
        assert "links" in names.values()
        assert store.db.execute("SELECT count(*) FROM event_log").fetchone()[0] == store.log.head().position
    assert schema(ll) == 1


@pytest.mark.damages
def test_a_newer_store_is_refused_by_name(tmp_path: Path) -> None:
    ll = Layerlog(unpacked("schema-1", tmp_path))
    with closing(sqlite3.connect(Path(ll.store, "log.db"))) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    for command in (("images",), ("verify",), ("create", "scratch")):
        done = ll.run(*command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"was written by a newer layerlog (schema {SCHEMA + 1}, this one knows {SCHEMA})" in done.stderr


@pytest.mark.damages
def test_a_commit_of_a_newer_encoder_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ll = Layerlog(unpacked("images-1", tmp_path))
    brought_up(ll)
    ll("create", "--name", "new", "base:1")
    ll("write", "--text", "x", "new:/x")
    monkeypatch.setattr(commands, "ENCODER", 99)
    with Store.open(ll.store) as store, writing(store, ADA) as writer:
        made = commands.commit(writer, container_named(store.log, "new") or "", parent=None)
    assert "encoded by a newer layerlog (encoder 99); update layerlog" in ll.run("save", "-o", str(tmp_path / "x"), made.hex()).stderr

