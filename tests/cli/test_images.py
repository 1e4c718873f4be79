"""images, inspect, history, tag, rmi, load, import and save: what they print, record, refuse and leave alone."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cli.adapters import archive, layout
from cli.adapters.blobs import layer_tar
from projections.oci import OciImage, build_manifest, config_digest, manifest_digest
from projections.oci_digest import digest_of
from tests import images
from tests.cli.hosttrees import Link, Symlink, build
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.cli.running import ROOT, clean, on_terminal
from tests.images import TARS, image

ONE = image("gzip", names=("localhost/one:1",))
OTHER = image("", names=("localhost/other:1",), author="other")
SHARING = image("gzip", names=("localhost/sharing:1",), tars=(TARS[0], images.layer_tar({"new": b"x"})))


@pytest.fixture
def ll(tmp_path: Path) -> Layerlog:
    return with_base(tmp_path / "store")


def archived(folder: Path, *found: OciImage, name: str = "images.tar") -> str:
    path = str(folder / name)
    with open(path, "wb") as out:
        archive.write(out, found)
    return path


def complete(found: OciImage) -> OciImage:
    """As it comes from an OCI layout: with a manifest of its own spelling."""
    return replace(found, manifest=images.manifest(found.config, found.layers))


def docker_archived(folder: Path, found: OciImage, tags: Sequence[str] | None) -> str:
    """What `docker save` wrote before it knew of OCI."""
    path = str(folder / "docker.tar")
    layers = {f"{layer.diff_id.hex()}/layer.tar": layer_tar(layer).read() for layer in found.layers}
    config = digest_of(found.config).removeprefix("sha256:") + ".json"
    manifest = json.dumps([{"Config": config, "RepoTags": tags, "Layers": list(layers)}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in {**layers, config: found.config, "manifest.json": manifest}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def id_of(ll: Layerlog, ref: str) -> str:
    return str(inspected(ll, ref)["Id"])


def inspected(ll: Layerlog, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ll("inspect", ref))[0]
    return found


def committed(ll: Layerlog, text: str, *options: str) -> str:
    """Write a file in the container web and commit; return the image's id."""
    ll("write", "--text", text, "web:/srv/new")
    return ll("commit", "-m", text, "web", *options).strip()


# -- load


def test_load_names_what_it_brought_as_docker_does(ll, tmp_path):
    assert ll("load", "-q", "-i", archived(tmp_path, ONE, OTHER)) == "Loaded image: localhost/one:1\nLoaded image: localhost/other:1\n"
    assert id_of(ll, "one:1") == config_digest(ONE)
    assert ll("cat", "one:1:/etc/motd") == "bye\n"


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (["tomcat:10"], "Loaded image: tomcat:10\n"),
        (["ada/app:1", "quay.io/x/y:2"], "Loaded image: ada/app:1\nLoaded image: quay.io/x/y:2\n"),
        (["localhost/tomcat:latest"], "Loaded image: localhost/tomcat:latest\n"),
        (None, f"Loaded image ID: {config_digest(ONE)}\n"),
    ],
)
def test_names_of_a_docker_archive_are_read_as_docker_reads_them(ll, tmp_path, tags, says):
    assert ll("load", "-i", docker_archived(tmp_path, ONE, tags)) == says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tomcat", "localhost/tomcat:latest"),
        ("tomcat:1.0", "localhost/tomcat:1.0"),
        ("ada/app", "localhost/ada/app:latest"),
        ("docker.io/library/foo:2", "foo:2"),
        ("quay.io/a/b:3", "quay.io/a/b:3"),
    ],
)
def test_names_of_a_layout_are_read_as_podman_reads_them(ll, tmp_path, name, says):
    layout.write(str(tmp_path / "layout"), [replace(ONE, names=(name,))])
    assert ll("load", "-i", str(tmp_path / "layout")) == f"Loaded image: {says}\n"


def test_load_reads_standard_input_and_compressed_archives(ll, tmp_path):
    data = Path(archived(tmp_path, ONE)).read_bytes()
    assert ll("load", stdin=gzip.compress(data)) == "Loaded image: localhost/one:1\n"
    assert ll("load", "-i", "-", stdin=data) == "Loaded image: localhost/one:1\n"


def test_load_takes_one_image_by_its_name(ll, tmp_path):
    path = archived(tmp_path, ONE, OTHER)
    assert ll("load", "-i", path, "--ref", "localhost/other:1") == "Loaded image: localhost/other:1\n"
    assert "no image 'nosuch'; there is localhost/one:1, localhost/other:1" in ll.refused("load", "-i", path, "--ref", "nosuch")


def test_load_takes_the_platform_that_is_asked_for(ll, tmp_path):
    layout.write(str(tmp_path / "layout"), [ONE])
    assert "is for linux/amd64, not for linux/s390x" in ll.refused("load", "-i", str(tmp_path / "layout"), "--platform", "linux/s390x")


def test_load_reads_no_layer_that_is_here(ll, tmp_path):
    """The second image's shared layer is not what its digest says, and nobody finds out."""
    with_loaded(ll, "localhost/one:1")
    path = Path(archived(tmp_path, SHARING))
    shared = SHARING.layers[0].open().read()
    path.write_bytes(path.read_bytes().replace(shared, bytes(len(shared))))
    assert ll("load", "-i", str(path)) == "Loaded image: localhost/sharing:1\n"


def test_a_layer_in_another_compression_is_kept_too(ll, tmp_path):
    """So what came compressed goes out as it came, though its files were here before."""
    plain, packed = replace(ONE, layers=image("").layers, names=()), complete(ONE)
    ll("load", "-i", archived(tmp_path, plain))
    ll("load", "-i", archived(tmp_path, packed))
    ll("save", "-o", str(tmp_path / "out.tar"), "one:1")
    (found,) = archive.read(str(tmp_path / "out.tar"), str(tmp_path))
    assert found.manifest == packed.manifest


def test_a_diff_id_that_belongs_to_another_blob_is_refused(ll, tmp_path):
    """The layer is here, the blob is new: it may not be recorded as that layer unread."""
    with_loaded(ll, "localhost/one:1")
    liar = replace(ONE.layers[0], descriptor=OTHER.layers[1].descriptor, open=OTHER.layers[1].open)
    path = archived(tmp_path, complete(replace(ONE, layers=(liar, ONE.layers[1]))))
    assert "unpacked: the bytes are sha256:" in ll.refused("load", "-i", path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_of_a_truncated_archive_nothing_is_kept(ll, tmp_path, cut):
    data = Path(archived(tmp_path, OTHER, ONE)).read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data) * cut)])
    assert ll.refused("load", "-i", str(tmp_path / "cut.tar")).startswith(f"{tmp_path}/cut.tar: ")
    assert ll.lines("images", "-aq") == ll.lines("images", "-q") == [id_of(ll, "base:1").removeprefix("sha256:")[:12]]


def test_of_an_archive_whose_last_image_is_damaged_nothing_is_kept(ll, tmp_path):
    data = Path(archived(tmp_path, OTHER, ONE)).read_bytes()
    blob = ONE.layers[1].open().read()
    (tmp_path / "bad.tar").write_bytes(data.replace(blob, blob[:-9] + b"x" + blob[-8:]))
    assert "get it again" in ll.refused("load", "-i", str(tmp_path / "bad.tar"))
    assert "no container or image" in ll.refused("ls", "other:1")


def test_load_of_a_folder_or_file_that_is_none_says_so(ll, tmp_path):
    assert "no such file" in ll.refused("load", "-i", str(tmp_path / "nosuch"))
    (tmp_path / "text").write_text("text")
    assert "no image archive" in ll.refused("load", "-i", str(tmp_path / "text"))
    assert "standard input: no image archive" in ll.refused("load", stdin=b"")


def test_loading_again_brings_a_removed_image_back(ll, tmp_path):
    path = archived(tmp_path, ONE)
    ll("load", "-i", path)
    ll("rmi", "one:1")
    ll("load", "-i", path)
    assert [row["repository"] for row in ll.json("images")] == ["localhost/one", "base"]


def test_load_refuses_a_terminal(tmp_path):
    said = on_terminal([sys.executable, "-c", "import sys, os; os.dup2(1, 0); from cli.main import main; main()", "--store", str(tmp_path / "s"), "load"])
    assert b"Standard input is a terminal; name a file with -i" in said


# -- import


def test_import_of_a_folder(ll, tmp_path):
    tree = {b"etc": {b"motd": b"hi\n"}, b"bin": {b"sh": b"#!", b"ash": Link(b"bin/sh")}, b"lib": Symlink(b"usr/lib"), b"\xff": b""}
    folder = build(tmp_path / "root", tree)
    made = ll("import", "-m", "a root", "-c", 'CMD ["sh"]', folder, "rootfs:1").strip()
    assert made == id_of(ll, "rootfs:1")
    assert (ll("cat", "rootfs:1:/bin/ash"), ll.lines("ls", "rootfs:1:/")) == ("#!", ["bin", "etc", "lib", r"\xff"])
    found = inspected(ll, "rootfs:1")
    assert (found["Comment"], found["Config"]["Cmd"], len(found["RootFS"]["Layers"])) == ("a root", ["sh"], 1)
    assert "import-" not in ll("ps")


def test_import_of_a_folder_says_what_it_leaves_out(ll, tmp_path):
    import socket

    build(tmp_path / "root", {b"f": b""})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "root/socket"))
        done = ll.run("import", str(tmp_path / "root"))
    assert (done.exit_code, done.stderr) == (0, "layerlog: left out: 1 sockets\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data)])
def test_import_of_a_tar_is_lossless(ll, tmp_path, pack):
    (tmp_path / "root.tar").write_bytes(pack(TARS[0]))
    ll("import", str(tmp_path / "root.tar"), "rootfs:1")
    found = inspected(ll, "rootfs:1")
    assert found["RootFS"]["Layers"] == [digest_of(TARS[0])]
    assert found["Comment"] == f"Imported from {tmp_path}/root.tar"
    ll("save", "-o", str(tmp_path / "out.tar"), "rootfs:1")
    (saved,) = archive.read(str(tmp_path / "out.tar"), str(tmp_path))
    assert layer_tar(saved.layers[0]).read() == TARS[0]


def test_import_of_standard_input_needs_no_name(ll):
    made = ll("import", "-", stdin=TARS[0]).strip()
    assert ll("cat", f"{made}:/etc/motd") == "hello\n"
    assert inspected(ll, made)["Comment"] == "Imported from -"


@pytest.mark.parametrize("source", ["folder", "tar"])
def test_import_records_the_platform(ll, tmp_path, source):
    path = build(tmp_path / "folder", {})
    (tmp_path / "tar").write_bytes(TARS[0])
    ll("import", "--platform", "linux/arm/v7", path if source == "folder" else str(tmp_path / "tar"), "rootfs:1")
    found = inspected(ll, "rootfs:1")
    assert [found[key] for key in ("Os", "Architecture", "Variant")] == ["linux", "arm", "v7"]


def test_import_refuses_what_is_no_tar_and_keeps_nothing(ll, tmp_path):
    (tmp_path / "text").write_text("text\n" * 200)
    assert "make or fetch the archive anew" in ll.refused("import", str(tmp_path / "text"), "x:1")
    assert "is empty" in ll.refused("import", "-", stdin=b"")
    assert "no such file" in ll.refused("import", str(tmp_path / "nosuch"))
    assert "not an instruction" in ll.refused("import", "-c", "RUN x", str(tmp_path), "x:1")
    assert "holds a digest" in ll.refused("import", str(tmp_path), f"x:1@{digest_of(b'')}")


# -- images


def test_images_lists_as_docker_does(ll):
    with_loaded(ll, "localhost/one:1", "docker.io/ada/app:2")
    head, *rows = ll.lines("images")
    assert head.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert [row.split()[:2] for row in rows] == [["ada/app", "2"], ["localhost/one", "1"], ["base", "1"]]
    assert rows[0].split()[2] == config_digest(image("gzip")).removeprefix("sha256:")[:12]


def test_images_with_digests_has_the_manifest_s(ll, tmp_path):
    packed = complete(ONE)
    ll("load", "-i", archived(tmp_path, packed))
    row = ll.lines("images", "--digests", "one")[1]
    assert row.split()[2] == manifest_digest(packed)
    assert inspected(ll, "one:1")["RepoDigests"] == [f"localhost/one@{manifest_digest(packed)}"]


def test_rows_in_json_hold_all(ll):
    found = with_loaded(ll, "localhost/one:1")
    row = ll.json("images", "one")[0]
    assert row["id"] == f"sha256:{found}"
    assert (row["created"], row["size"], row["digest"]) == ("", sum(map(len, TARS)), "<none>")


def test_untagged_images_are_listed_unless_another_was_made_from_them(ll):
    first = committed(ll, "one")
    assert [row["id"] for row in ll.json("images", "--filter", "dangling=true")] == [first]
    second = committed(ll, "two")
    assert [row["id"] for row in ll.json("images", "--filter", "dangling=true")] == [second]
    assert ll.lines("images", "-q", "--no-trunc") == [second, id_of(ll, "base:1")]
    assert [row["id"] for row in ll.json("images", "-a")] == [second, first, id_of(ll, "base:1")]
    ll("tag", first, "first:1")
    assert [row["id"] for row in ll.json("images")] == [second, first, id_of(ll, "base:1")]


def test_quiet_gives_each_image_once(ll):
    ll("tag", "base:1", "again:1")
    assert len(ll.lines("images")) == 3
    assert ll.lines("images", "-q") == [id_of(ll, "base:1").removeprefix("sha256:")[:12]]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["one"], ["localhost/one:1"]),
        (["one:2"], []),
        (["localhost/*"], ["localhost/one:1"]),
        (["base:[12]"], ["base:1"]),
        (["base:[^2]"], ["base:1"]),
        (["b?se"], ["base:1"]),
        (["*"], ["ada/app:2", "localhost/one:1", "base:1"][1:]),
        (["--filter", "reference=ada/*"], ["ada/app:2"]),
        (["--filter", "reference=base", "--filter", "reference=one"], ["localhost/one:1", "base:1"]),
        (["--filter", "before=one:1"], ["base:1"]),
        (["--filter", "since=base:1"], ["ada/app:2", "localhost/one:1"]),
        (["--filter", "dangling=false", "ada/app"], ["ada/app:2"]),
        (["--filter", "dangling=true"], []),
    ],
)
def test_filters(ll, args, names):
    with_loaded(ll, "localhost/one:1", "docker.io/ada/app:2")
    assert [f"{row['repository']}:{row['tag']}" for row in ll.json("images", *args)] == names


@pytest.mark.parametrize("text", ["x=1", "dangling=maybe", "reference=", "before", ""])
def test_an_unknown_filter_is_refused(ll, text):
    assert "dangling=true, dangling=false, reference=PATTERN" in ll.refused("images", "--filter", text)


def test_sizes_count_base_and_what_was_written(ll):
    with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    for text in ("12345", "123"):
        ll("write", "--text", text, "two:/f")
        ll("commit", "two", f"two:{text}")
    tars = sum(map(len, TARS))
    assert {row["tag"]: row["size"] for row in ll.json("images", "two")} == {"12345": tars + 5, "123": tars + 8}


# -- inspect and history


def test_inspect_of_a_loaded_image_is_docker_s(ll):
    with_loaded(ll, "localhost/one:1", author="Ada", variant="v8")
    found = inspected(ll, "one:1")
    assert found["RepoTags"] == ["localhost/one:1"]
    assert found["RootFS"] == {"Type": "layers", "Layers": [digest_of(tar) for tar in TARS]}
    assert found["Config"] == {"Env": ["PATH=/bin"]}
    assert [found[key] for key in ("Author", "Architecture", "Os", "Variant", "Parent")] == ["Ada", "amd64", "linux", "v8", ""]
    assert found["Size"] == sum(layer["Size"] for layer in found["Layerlog"]["Layers"]) == sum(map(len, TARS))


def test_inspect_of_a_commit(ll):
    made = committed(ll, "one", "-a", "Ada <ada@example.org>", "-c", "ENV A=b", "mine:1")
    found = inspected(ll, "mine:1")
    assert (found["Id"], found["Parent"]) == (made, id_of(ll, "base:1"))
    assert (found["Comment"], found["Author"], found["Config"]) == ("one", "Ada <ada@example.org>", {"Env": ["A=b"]})
    own = found["Layerlog"]
    assert (f"sha256:{own['Commit']}", own["Version"], own["Events"]) == (made, 4, 3)
    assert found["Metadata"]["LastTagTime"] > found["Created"][:4]


def test_the_config_digest_names_a_commit_once_it_has_left(ll, tmp_path):
    made = committed(ll, "one", "mine:1")
    digest = inspected(ll, "mine:1")["Layerlog"]["ConfigDigest"]
    ll("save", "-o", str(tmp_path / "x.tar"), "mine:1")
    assert id_of(ll, digest) == made


def test_inspect_of_a_container(ll):
    committed(ll, "one")
    ll("write", "--text", "more", "web:/srv/more")
    found = inspected(ll, "web")
    assert (found["Name"], found["Image"]) == ("web", id_of(ll, "base:1"))
    assert found["State"] == {"Version": 4, "Sealed": 3, "Unsealed": 1, "Removed": False}
    assert [layer["To"] for layer in found["Lineage"]][-2:] == [3, 4]
    assert inspected(ll, "web@2")["State"]["Version"] == 2


def test_inspect_says_all_or_nothing(ll):
    assert len(json.loads(ll("inspect", "web", "base:1"))) == 2
    assert "no container or image nosuch" in ll.refused("inspect", "web", "nosuch")


def test_history_lists_the_latest_step_first(ll):
    with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    ll("write", "--text", "12345", "two:/f")
    made = ll("commit", "-m", "five bytes", "two", "two:1").strip()
    rows = ll.json("history", "two:1")
    assert [row["id"] for row in rows] == [made, id_of(ll, "one:1"), "<missing>"]
    assert [(row["created_by"], row["size"], row["comment"]) for row in rows] == [
        ("layerlog commit", 5, "five bytes"), ("step 2", len(TARS[1]), ""), ("step 1", len(TARS[0]), ""),
    ]  # fmt: skip
    assert ll.lines("history", "two:1")[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert ll.lines("history", "-q", "two:1")[2] == "<missing>"


def test_history_cuts_long_commands_unless_told_otherwise(ll):
    steps = [{"created_by": "RUN " + "x" * 60}, {"created_by": "two", "created": "nonsense"}]
    with_loaded(ll, "localhost/one:1", history=steps)
    assert ll.lines("history", "one:1")[2].split() == ["<missing>", "N/A", "RUN", "x" * 40 + "…", f"{len(TARS[0]) / 1000:.3g}kB"]
    assert "x" * 60 in ll("history", "--no-trunc", "one:1")


def test_control_characters_of_an_image_are_shown_escaped(ll):
    with_loaded(ll, "localhost/one:1", history=[{"created_by": "\x1b[31mred"}, {"comment": "a\nb"}])
    text = ll("history", "one:1")
    assert r"\x1b[31mred" in text
    assert r"a\nb" in text


# -- tag and rmi


def test_tag_gives_names_and_moves_them(ll):
    first = committed(ll, "one", "app:1")
    second = committed(ll, "two", "app:1")
    assert id_of(ll, "app:1") == second
    ll("tag", "app:1@{1}", "app:1")
    assert id_of(ll, "app:1") == first
    ll("tag", second[7:20], "quay.io/x/y")
    assert inspected(ll, second)["RepoTags"] == ["quay.io/x/y:latest"]


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("nosuch", "x", "no image nosuch"),
        ("base:1", "X", "repository names are lower case"),
        ("base:1", "x@sha256:" + "0" * 64, "holds a digest, which nobody chooses"),
        ("web@1", "x", "is a point of a container, not an image"),
    ],
)
def test_tag_refuses(ll, source, name, says):
    assert says in ll.refused("tag", source, name)


def test_rmi_of_one_name_of_several_only_takes_that(ll):
    made = committed(ll, "one", "app:1")
    ll("tag", "app:1", "app:2")
    assert ll("rmi", "app:1") == "Untagged: app:1\n"
    assert ll("rmi", "app:2") == f"Untagged: app:2\nDeleted: {made}\n"
    assert "no image app:2" in ll.refused("rmi", "app:2")
    assert f"image {made[7:19]} was removed; `layerlog undelete {made[7:19]}` brings it back" == ll.refused("rmi", made)
    assert "was removed" in ll.refused("tag", made, "app:3")
    assert "was removed" in ll.refused("save", made)


def test_rmi_by_id_wants_to_be_told_twice_where_there_are_names(ll):
    made = committed(ll, "one", "app:1")
    ll("tag", "app:1", "app:2")
    assert "has 2 names (app:1, app:2); remove them by name, or all with -f" in ll.refused("rmi", made)
    assert ll("rmi", "-f", made) == f"Untagged: app:1\nUntagged: app:2\nDeleted: {made}\n"


def test_rmi_by_id_takes_the_only_name_along(ll):
    made = committed(ll, "one", "app:1")
    assert ll("rmi", made) == f"Untagged: app:1\nDeleted: {made}\n"


def test_rmi_refuses_what_a_container_stands_on(ll):
    found = with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    says = f"image {found[:12]} is what container two stands on; remove that one first (`layerlog rm two`), or use -f"
    assert ll.refused("rmi", "one:1") == says
    ll("rm", "two")
    assert ll("rmi", "one:1") == f"Untagged: localhost/one:1\nDeleted: sha256:{found}\n"


def test_rmi_by_force_leaves_the_container_alone(ll):
    base = id_of(ll, "base:1")
    assert "is what container web stands on" in ll.refused("rmi", "base:1")
    assert ll("rmi", "-f", "base:1") == f"Untagged: base:1\nDeleted: {base}\n"
    assert ll("cat", "web:/etc/motd") == "hello\n"


def test_rmi_keeps_what_others_were_made_from(ll):
    made = committed(ll, "one", "app:1")
    latest = committed(ll, "two")
    assert f"image {made[7:19]} is what {latest[7:19]} was made from" in ll.refused("rmi", "-f", made)
    assert ll("rmi", "app:1") == "Untagged: app:1\n"
    assert ll("rmi", latest) == f"Deleted: {latest}\n"
    assert made not in ll("images", "-q", "--no-trunc")


def test_rmi_of_several_is_all_or_nothing(ll):
    committed(ll, "one", "app:1")
    assert "no image nosuch" in ll.refused("rmi", "app:1", "nosuch")
    assert id_of(ll, "app:1")


# -- save


def saved(ll: Layerlog, folder: Path, *args: str) -> list[OciImage]:
    ll("save", "-o", str(folder / "saved.tar"), *args)
    return archive.read(str(folder / "saved.tar"), str(folder))


def test_what_came_goes_out_as_it_came(ll, tmp_path):
    """Pull -> save -> load -> save: config, manifest and blobs keep their digests."""
    packed = complete(ONE)
    ll("load", "-i", archived(tmp_path, packed))
    (found,) = saved(ll, tmp_path, "one:1")
    assert (found.config, found.manifest, found.names) == (packed.config, packed.manifest, ("localhost/one:1",))
    first = (tmp_path / "saved.tar").read_bytes()
    other = with_base(tmp_path / "other")
    other("load", "-i", str(tmp_path / "saved.tar"))
    saved(other, tmp_path, "one:1")
    assert (tmp_path / "saved.tar").read_bytes() == first


@pytest.mark.parametrize("options", [[], ["--compress"]])
def test_saving_again_gives_the_same_bytes(ll, tmp_path, options):
    committed(ll, "one", "-c", "CMD x", "mine:1")
    for name in ("1.tar", "2.tar"):
        ll("save", *options, "-o", str(tmp_path / name), "mine:1")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert ll.raw("save", *options, "mine:1") == (tmp_path / "1.tar").read_bytes()


def test_what_is_saved_is_the_same_image_elsewhere(ll, tmp_path):
    committed(ll, "one", "-a", "Ada", "mine:1")
    saved(ll, tmp_path, "mine:1")
    other = with_base(tmp_path / "other")
    assert other("load", "-i", str(tmp_path / "saved.tar")) == "Loaded image: mine:1\n"
    assert other("cat", "mine:1:/srv/new") == "one"
    assert id_of(other, "mine:1") == inspected(ll, "mine:1")["Layerlog"]["ConfigDigest"]
    assert [row["comment"] for row in other.json("history", "mine:1")] == ["one", "base"]


def test_compress_packs_what_came_plain(ll, tmp_path):
    committed(ll, "one" * 10_000, "mine:1")
    (plain,) = saved(ll, tmp_path, "mine:1")
    (packed,) = saved(ll, tmp_path, "--compress", "mine:1")
    assert plain.config == packed.config
    assert [layer.descriptor.size < other.descriptor.size for layer, other in zip(packed.layers, plain.layers, strict=True)] == [True, True]


def test_several_images_share_their_layers(ll, tmp_path):
    ll("load", "-i", archived(tmp_path, ONE, SHARING))
    found = saved(ll, tmp_path, "one:1", "sharing:1", config_digest(ONE))
    assert [image.names for image in found] == [("localhost/one:1",), ("localhost/sharing:1",)]
    with tarfile.open(tmp_path / "saved.tar") as tar:
        assert sum(name.endswith(ONE.layers[0].descriptor.hex) for name in tar.getnames()) == 1


def test_by_id_an_image_is_saved_without_a_name(ll, tmp_path):
    assert [image.names for image in saved(ll, tmp_path, id_of(ll, "base:1"))] == [()]


def test_a_layout_folder_is_added_to(ll, tmp_path):
    committed(ll, "one", "mine:1")
    for name in ("mine:1", "base:1"):
        ll("save", "--format", "oci-dir", "-o", str(tmp_path / "layout"), name)
    assert [image.names for image in layout.read(str(tmp_path / "layout"))] == [("docker.io/library/mine:1",), ("docker.io/library/base:1",)]


def test_save_records_where_it_went(ll, tmp_path):
    made = committed(ll, "one", "mine:1")
    (found,) = saved(ll, tmp_path, "mine:1")
    with ll.writer() as writer:
        row = writer.log.db.execute("SELECT detail, content FROM event WHERE kind = 43").fetchone()
    assert json.loads(row[0]) == {
        "config": config_digest(found).removeprefix("sha256:"), "destination": f"{tmp_path}/saved.tar", "encoder": 1,
        "names": ["docker.io/library/mine:1"],
    }  # fmt: skip
    assert f"sha256:{row[1].hex()}" == digest_of(build_manifest(found.config, found.layers)) == inspected(ll, made)["Layerlog"]["Manifests"][0]


def test_a_failed_save_leaves_the_old_file_and_no_event(ll, tmp_path):
    ll("load", "-i", archived(tmp_path, OTHER))
    (tmp_path / "out.tar").write_bytes(b"old")
    segment = next((tmp_path / "store/content/segments").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b"hello", b"HELLO"))
    assert "damaged" in ll.refused("save", "-o", str(tmp_path / "out.tar"), "other:1")
    assert (tmp_path / "out.tar").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["images.tar", "out.tar", "store"]


def test_save_refuses(ll, tmp_path):
    assert "no image web" in ll.refused("save", "-o", str(tmp_path / "x"), "web")
    assert "no such file or directory" in ll.refused("save", "-o", str(tmp_path / "no/such/folder"), "base:1")
    assert "name it with -o" in ll.run("save", "--format", "oci-dir", "base:1").stderr
    program = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "save", "base:1"]
    assert b"Standard output is a terminal; name a file with -o" in on_terminal(program)


def test_save_to_a_pipe_that_closes_is_no_success(ll):
    program = [sys.executable, "-c", "from cli.main import main; main()", "--store", ll.store, "save", "base:1"]
    with subprocess.Popen(program, cwd=ROOT, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait() == 141
    with ll.writer() as writer:
        assert not writer.log.db.execute("SELECT 1 FROM event WHERE kind = 43").fetchone()


# -- what a config says


def test_an_entrypoint_drops_the_command_of_an_earlier_commit(ll):
    ll("commit", "-c", 'CMD ["a"]', "web", "mine:1")
    ll("commit", "-c", 'ENTRYPOINT ["e"]', "web", "mine:2")
    assert inspected(ll, "mine:2")["Config"] == {"Entrypoint": ["e"]}


def test_what_a_fork_took_along_unsealed_is_a_layer_of_its_own(ll, tmp_path):
    ll("write", "--text", "x", "web:/srv/x")
    ll("fork", "--name", "two", "web@2")
    ll("write", "--text", "y", "two:/srv/y")
    ll("commit", "-m", "two", "two", "two:1")
    (found,) = saved(ll, tmp_path, "two:1")
    assert len(found.layers) == 3
    assert [(row["created_by"], row["comment"]) for row in ll.json("history", "two:1")] == [
        ("layerlog commit", "two"), ("layerlog fork", ""), ("layerlog commit", "base"),
    ]  # fmt: skip
