"""save: the same bytes every time, what came as it came, and never half a file."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cli.distribution import archive, layout
from eventstore.model.digests import digest_of
from projections.oci.oci_image import OciImage, build_manifest, config_digest
from tests.cli.archived import ONE, OTHER, SHARING, archived, committed, id_of, inspected
from tests.cli.invoking import Layerlog, with_base
from tests.cli.running import ROOT, clean, on_terminal

# -- save


def saved(ll: Layerlog, folder: Path, *args: str) -> list[OciImage]:
    ll("save", "-o", str(folder / "saved.tar"), *args)
    return archive.read(str(folder / "saved.tar"), str(folder))


@pytest.mark.parametrize("options", [[], ["--compress"]])
def test_saving_again_gives_the_same_bytes(ll: Layerlog, tmp_path: Path, options: list[str]) -> None:
    committed(ll, "one", "-c", "CMD x", "mine:1")
    for name in ("1.tar", "2.tar"):
        ll("save", *options, "-o", str(tmp_path / name), "mine:1")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert ll.raw("save", *options, "mine:1") == (tmp_path / "1.tar").read_bytes()


def test_what_is_saved_is_the_same_image_elsewhere(ll: Layerlog, tmp_path: Path) -> None:
    committed(ll, "one", "-a", "Ada", "mine:1")
    saved(ll, tmp_path, "mine:1")
    other = with_base(tmp_path / "other")
    assert other("load", "-i", str(tmp_path / "saved.tar")) == "Loaded image: mine:1\n"
    assert other("cat", "mine:1:/srv/new") == "one"
    assert id_of(other, "mine:1") == inspected(ll, "mine:1")["Layerlog"]["ConfigDigest"]
    assert [row["comment"] for row in other.json("history", "mine:1")] == ["one", "base"]


def test_a_commit_that_comes_back_keeps_its_message_in_the_log(ll: Layerlog, tmp_path: Path) -> None:
    committed(ll, "why it was done", "site:1")
    ll("save", "-o", str(tmp_path / "saved.tar"), "site:1")
    other = with_base(tmp_path / "other")
    other("load", "-i", str(tmp_path / "saved.tar"))
    assert other.lines("log", "--oneline", "site:1")[0].endswith(" (site:1) why it was done")
    assert "\n    why it was done\n" in other("log", "site:1")


def test_a_commit_that_comes_back_to_its_own_store_is_that_commit(ll: Layerlog, tmp_path: Path) -> None:
    made = committed(ll, "why", "site:1")
    ll("save", "-o", str(tmp_path / "saved.tar"), "site:1")
    ll("rmi", "site:1")
    ll("load", "-i", str(tmp_path / "saved.tar"))
    assert id_of(ll, "site:1") in made
    assert [row["id"] for row in ll.json("images", "site:1")] == [id_of(ll, "site:1")]
    assert "\n    why\n" in ll("log", "-n", "1", "site:1")


def test_compress_packs_what_came_plain(ll: Layerlog, tmp_path: Path) -> None:
    committed(ll, "one" * 10_000, "mine:1")
    (plain,) = saved(ll, tmp_path, "mine:1")
    (packed,) = saved(ll, tmp_path, "--compress", "mine:1")
    assert plain.config == packed.config
    assert [layer.descriptor.size < other.descriptor.size for layer, other in zip(packed.layers, plain.layers, strict=True)] == [True, True]


def test_several_images_share_their_layers(ll: Layerlog, tmp_path: Path) -> None:
    ll("load", "-i", archived(tmp_path, ONE, SHARING))
    found = saved(ll, tmp_path, "one:1", "sharing:1", config_digest(ONE))
    assert [image.names for image in found] == [("localhost/one:1",), ("localhost/sharing:1",)]
    with tarfile.open(tmp_path / "saved.tar") as tar:
        assert sum(name.endswith(ONE.layers[0].descriptor.hex) for name in tar.getnames()) == 1


def test_a_name_without_a_tag_means_all_of_its_tags(ll: Layerlog, tmp_path: Path) -> None:
    """As docker save has it; of two repositories that a short name can mean, the one where it names an image."""
    for text in ("one", "two"):
        committed(ll, text, f"mine:{text}")
    ll("tag", "mine:two", "mine:again")
    ll("tag", "base:1", "localhost/mine:3")
    ll("tag", "base:1", "localhost/other:3")

    def names(*refs: str) -> list[tuple[str, ...]]:
        return [image.names for image in saved(ll, tmp_path, *refs)]

    here = "docker.io/library/mine"
    assert names("mine") == names("mine:again", "mine") == [(f"{here}:again", f"{here}:two"), (f"{here}:one",)]
    assert names("mine:one") == [(f"{here}:one",)]
    assert names("other") == names("localhost/other") == [("localhost/other:3",)]
    ll("tag", "base:1", "localhost/mine")
    assert names("mine") == [("localhost/mine:3", "localhost/mine:latest")]
    assert "no image mi; " in ll.refused("save", "mi")


def test_by_id_an_image_is_saved_without_a_name(ll: Layerlog, tmp_path: Path) -> None:
    identity = id_of(ll, "base:1").removeprefix("sha256:")
    path = str(tmp_path / "saved.tar")
    for ref in (identity, identity[:12]):
        said = f"layerlog: {identity[:12]} went without its name; `save base:1` gives that along\n"
        assert ll.run("save", "-o", path, ref).stderr == said
        assert [image.names for image in archive.read(path, str(tmp_path))] == [()]
    assert ll.run("save", "-o", path, identity, "base:1").stderr == ""


def test_a_layout_folder_is_added_to(ll: Layerlog, tmp_path: Path) -> None:
    committed(ll, "one", "mine:1")
    for name in ("mine:1", "base:1"):
        ll("save", "--format", "oci-dir", "-o", str(tmp_path / "layout"), name)
    assert [image.names for image in layout.read(str(tmp_path / "layout"))] == [("docker.io/library/mine:1",), ("docker.io/library/base:1",)]


def test_save_records_where_it_went(ll: Layerlog, tmp_path: Path) -> None:
    made = committed(ll, "one", "mine:1")
    (found,) = saved(ll, tmp_path, "mine:1")
    with ll.writer() as writer:
        row = writer.log.db.execute("SELECT detail, content FROM event WHERE kind = 43").fetchone()
    assert json.loads(row[0]) == {
        "config": config_digest(found).removeprefix("sha256:"), "destination": f"{tmp_path}/saved.tar", "encoder": 3,
        "names": ["docker.io/library/mine:1"],
    }  # fmt: skip
    assert f"sha256:{row[1].hex()}" == digest_of(build_manifest(found.config, found.layers)) == inspected(ll, made)["Layerlog"]["Manifests"][0]


@pytest.mark.damages
def test_a_failed_save_leaves_the_old_file_and_no_event(ll: Layerlog, tmp_path: Path) -> None:
    ll("load", "-i", archived(tmp_path, OTHER))
    (tmp_path / "out.tar").write_bytes(b"old")
    segment = next((tmp_path / "store/content/segments").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b"hello", b"HELLO"))
    assert "damaged" in ll.refused("save", "-o", str(tmp_path / "out.tar"), "other:1")
    assert (tmp_path / "out.tar").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["images.tar", "out.tar", "store"]


def test_save_refuses(ll: Layerlog, tmp_path: Path) -> None:
    assert "web is a container: name a point of it, as web@1 which is now" in ll.refused("save", "-o", str(tmp_path / "x"), "web")
    assert "no image nope" in ll.refused("save", "-o", str(tmp_path / "x"), "nope")
    assert "no such file or directory" in ll.refused("save", "-o", str(tmp_path / "no/such/folder"), "base:1")
    assert "name it with -o" in ll.run("save", "--format", "oci-dir", "base:1").stderr
    program = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "save", "base:1"]
    assert b"Standard output is a terminal; name a file with -o" in on_terminal(program)


def test_save_to_a_pipe_that_closes_is_no_success(ll: Layerlog) -> None:
    program = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "save", "base:1"]
    with subprocess.Popen(program, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait() == 141
    with ll.writer() as writer:
        assert not writer.log.db.execute("SELECT 1 FROM event WHERE kind = 43").fetchone()


# -- what a config says


def test_an_entrypoint_drops_the_command_of_an_earlier_commit(ll: Layerlog) -> None:
    ll("commit", "-c", 'CMD ["a"]', "web", "mine:1")
    ll("commit", "-c", 'ENTRYPOINT ["e"]', "web", "mine:2")
    assert inspected(ll, "mine:2")["Config"] == {"Entrypoint": ["e"]}


def test_what_a_fork_took_along_unsealed_is_a_layer_of_its_own(ll: Layerlog, tmp_path: Path) -> None:
    ll("write", "--text", "x", "web:/srv/x")
    ll("fork", "--name", "two", "web@2")
    ll("write", "--text", "y", "two:/srv/y")
    ll("commit", "-m", "two", "two", "two:1")
    (found,) = saved(ll, tmp_path, "two:1")
    assert len(found.layers) == 3
    assert [(row["created_by"], row["comment"]) for row in ll.json("history", "two:1")] == [
        ("layerlog commit", "two"), ("layerlog fork", ""), ("layerlog commit", "base"),
    ]  # fmt: skip
