"""What enters a store is checked where it enters: names that no layer can hold, and names that would be read as ids."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from eventstore.errors import InvalidError
from eventstore.index.names import container_named
from eventstore.model.changes import link, move, put
from eventstore.model.events import Kind
from eventstore.model.spelling import check_container_name, check_tag
from eventstore.store import commands
from eventstore.store.staging import Staged
from projections.refs.containers import live_view
from projections.refs.tags import image_name
from tests.cli.invoking import Layerlog

ID = "0123456789abcdef" * 4
DIGEST = f"sha256:{ID}"


# -- names that begin with .wh.


@pytest.mark.parametrize(
    "args",
    [
        ("write", "--text", "x", "web:/.wh.a"),
        ("write", "--text", "x", "web:/srv/.wh..wh..opq"),
        ("mkdir", "web:/srv/.wh."),
        ("mkdir", "-p", "web:/srv/.wh.d/below"),
        ("link", "-s", "motd", "web:/etc/.wh.link"),
        ("link", "web:/etc/motd", "web:/etc/.wh.hard"),
        ("move", "web:/etc/motd", "web:/etc/.wh.motd"),
        ("cp", "web:/etc/motd", "web:/etc/.wh.copy"),
        ("cp", "{host}", "web:/srv"),
        ("cp", "{host}/.", "web:/srv"),
        ("import", "{host}", "host:1"),
    ],
)
def test_a_name_that_no_layer_can_hold_is_refused_at_every_door(ll: Layerlog, tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "host/sub").mkdir(parents=True)
    (tmp_path / "host/sub/.wh.b").write_bytes(b"x")
    said = ll.refused(*(arg.format(host=tmp_path / "host") for arg in args))
    assert ".wh." in said
    assert "means a deletion in a layer" in said


@pytest.mark.parametrize("name", [".w", ".wh", ".whole", "wh.x", "x.wh.x", ".WH.x"])
def test_names_that_only_look_alike_are_taken(ll: Layerlog, name: str, tmp_path: Path) -> None:
    ll("write", "--text", "x", f"web:/srv/{name}")
    ll("commit", "web", "like:1")
    ll("save", "-q", "-o", str(tmp_path / "saved.tar"), "like:1")
    other = Layerlog(tmp_path / "other")
    other("load", "-q", "-i", str(tmp_path / "saved.tar"))
    assert other("ls", "like:1:/srv") == f"{name}\n"


def test_a_tar_from_standard_input_brings_no_such_name_in(ll: Layerlog) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a/.wh.b/c"))
    assert "/srv/a/.wh.b" in ll.refused("cp", "-", "web:/srv", stdin=out.getvalue())


def test_the_appender_itself_refuses(ll: Layerlog) -> None:
    """So that no library, nor a door to come, can bring one in."""
    with ll.writer() as writer:
        web = container_named(writer.log, "web") or ""
        for change in (put(b"srv/.wh.x", 0o100644), link(b".wh.l", b"etc/motd"), move(b"etc/motd", b"srv/.wh.m"), put(b".wh.d", 0o40755)):
            with pytest.raises(InvalidError, match="means a deletion"):
                commands.record(writer, web, [change], live_view(writer.store, web))
        staged = Staged(writer.store, [put(b"", 0o40755), put(b".wh.f", 0o100644)])
        with pytest.raises(InvalidError, match="means a deletion"):
            commands.import_folder(writer, staged, platform="linux/amd64", author=None, message=None, config=None, tag=None)
        staged.close()


# -- names that would be read as ids


def archive(folder: Path, *names: str) -> Path:
    """A docker-archive of one image without layers, with *names* for its RepoTags."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": names, "Layers": []}]).encode()
    with tarfile.open(folder / "names.tar", "w") as tar:
        for name, data in (("c.json", config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return folder / "names.tar"


def test_no_tag_takes_an_id_over(ll: Layerlog, tmp_path: Path) -> None:
    base = ll("images", "-q", "--no-trunc", "base:1").strip()
    other = ll("import", "-m", "x", str(tmp_path), "other:1").strip()
    for name in (base, base.removeprefix("sha256:"), f"docker.io/library/{base}", f"index.docker.io/library/{base}", f"library/{ID}:1"):
        assert " id" in ll.refused("tag", "other:1", name)
        assert " id" in ll.refused("commit", "--allow-empty", "web", name)
        assert " id" in ll.refused("import", str(tmp_path), name)
    done = ll.run("load", "-q", "-i", str(archive(tmp_path, base, "fine:1", base.removeprefix("sha256:"))))
    assert (done.exit_code, done.stdout) == (0, "Loaded image: fine:1\n")
    assert done.stderr.count("loaded without a name") == 2
    assert json.loads(ll("inspect", base))[0]["RepoTags"] == ["base:1"]
    assert json.loads(ll("inspect", other))[0]["RepoTags"] == ["other:1"]


@pytest.mark.parametrize("name", ["localhost/UPPER:1", "app:" + "t" * 129, "a" * 300 + ":1", "app..x:1", "docker.io/library/sha256:v1"])
def test_an_image_comes_in_without_a_name_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    """The image is what its archive says; its name would be refused at every other door, so it is said and left out."""
    ll = Layerlog(tmp_path / "store")
    done = ll.run("load", "-q", "-i", str(archive(tmp_path, name)))
    assert (done.exit_code, done.stdout[:27]) == (0, "Loaded image ID: sha256:" + done.stdout[24:27])
    assert done.stderr.startswith("layerlog: loaded without a name: ")
    assert done.stderr.count("\n") == 1


def test_a_tag_behind_a_name_may_be_sixty_four_digits(ll: Layerlog) -> None:
    ll("tag", "base:1", f"app:{ID}")
    assert ll("images", "-q", f"app:{ID}") == ll("images", "-q", "base:1")


def test_a_container_cannot_be_called_like_an_id(ll: Layerlog) -> None:
    for args in (("create", "--name", ID, "base:1"), ("rename", "web", ID)):
        assert "would be read as an id" in ll.refused(*args)
    ll("rename", "web", ID[:12])
    assert ll("ls", f"{ID[:12]}:/srv") == ""


@pytest.mark.parametrize("text", [ID, DIGEST])
def test_a_full_id_is_never_looked_up_as_a_name(text: str) -> None:
    with pytest.raises(InvalidError, match="is an id"):
        image_name(text)


@pytest.mark.parametrize(
    ("tag", "fine"),
    [
        ("docker.io/library/app:1", True),
        ("docker.io/ada/app:1", True),
        ("localhost/app:latest", True),
        ("localhost:5000/app:v1", True),
        ("[::1]:5000/app:v1", True),
        ("Registry/app:1", True),
        (f"docker.io/library/app:{ID}", True),
        (f"localhost/sha256:{ID}", True),
        ("app:2", False),
        ("ada/app:2", False),
        ("docker.io/app:2", False),
        ("docker.io/library/app", False),
        ("docker.io/library/app:", False),
        ("docker.io/library/App:1", False),
        ("docker.io/library/app:1@" + DIGEST, False),
        (f"docker.io/library/{DIGEST}", False),
        ("docker.io/library/sha256:v1", False),
        (f"docker.io/library/{ID}:latest", False),
        ("docker.io/library/app:" + "t" * 129, False),
        ("docker.io/" + "a/" * 130 + "app:1", False),
        ("", False),
    ],
)
def test_the_appender_takes_full_references_alone(tmp_path: Path, tag: str, fine: bool) -> None:
    with Layerlog(tmp_path / "store").writer() as writer:
        made = commands.create_container(writer, "one", None)
        commit = commands.commit(writer, made, parent=None, allow_empty=True)
        if fine:
            commands.move_tag(writer, check_tag(tag), commit.hex())
        else:
            with pytest.raises(InvalidError):
                commands.move_tag(writer, tag, commit.hex())


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "é", "x" * 256, ID, "a\n"])
def test_the_appender_takes_container_names_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidError):
        check_container_name(name)
    with Layerlog(tmp_path / "store").writer() as writer, pytest.raises(InvalidError):
        commands.create_container(writer, name, None)


# -- an image without layers


def test_an_image_without_layers_is_an_image(tmp_path: Path) -> None:
    """It loads, is looked at from every side, is built upon, saved, and its store's views are checked."""
    ll = Layerlog(tmp_path / "store")
    ll("load", "-q", "-i", str(archive(tmp_path, "none:1")))
    assert ll("verify").endswith("all of it is sound\n")
    assert ll.nothing_found("log", "none:1") == "no commit or layer that was asked for in none:1"
    for args in (("ls", "none:1"), ("diff", "none:1", "none:1"), ("checkout", "none:1", str(tmp_path / "out"))):
        assert ll(*args) == ""
    assert ll.lines("history", "none:1")[1:] == []
    assert ll.json("images")[0]["size"] in (0, "0B")
    ll("create", "--name", "on", "none:1")
    ll("write", "--text", "x", "on:/x")
    ll("commit", "on", "some:1")
    for name in ("none:1", "some:1"):
        ll("save", "-q", "-o", str(tmp_path / f"{name}.tar"), name)
        other = Layerlog(tmp_path / f"other{name}")
        other("load", "-q", "-i", str(tmp_path / f"{name}.tar"))
        assert other("verify").endswith("all of it is sound\n")
    assert ll("verify").endswith("all of it is sound\n")


def test_a_load_of_kinds_of_event_is_known() -> None:
    """Numbers are for ever: the kinds that schema 2 brought have theirs."""
    new = {kind.title: int(kind) for kind in Kind if kind in (28, 29, 50, 51, 52)}
    assert new == {"ChangesRecorded": 28, "StepBuilt": 29, "ImageBuilt": 50, "ImageServed": 51, "ReferrerKept": 52}
