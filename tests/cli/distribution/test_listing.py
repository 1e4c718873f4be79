"""Archives that list their images twice, and layouts with other things beside the images: what comes, and what is said."""

import json
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from cli.distribution import archive, layout
from cli.distribution.receive import open_layer
from eventstore.errors import AmbiguousError, InvalidError, LayerlogError, NotFoundError
from eventstore.model.digests import digest_of
from projections.oci import oci_image, oci_layout
from projections.oci.listing import told
from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST, OciImage
from tests import images
from tests.cli.invoking import Layerlog
from tests.images import TARS, describe

ONE, TWO, ARM = (
    images.image("", names=(), author="one"), images.image("", author="two"), images.image("", author="arm", architecture="arm64"),
)  # fmt: skip
"""Plain layers: so a docker-archive's view of them is an OCI archive's."""
NAMED = oci_image.CONTAINERD_NAME


def manifest(image: OciImage, **more: Any) -> bytes:
    return images.manifest(image.config, image.layers, **more)


def entry(data: bytes, name: str = "", kind: str = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    notes = {"annotations": {oci_image.REF_NAME: name}} if name else {}
    return describe(kind, data, **notes, **more)


def index(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}).encode()


def in_index(*found: OciImage) -> bytes:
    """An index by platform of these images."""
    platforms = (json.loads(image.config) for image in found)
    return index(
        *(
            entry(manifest(image), platform={"os": "linux", "architecture": config["architecture"]})
            for image, config in zip(found, platforms, strict=True)
        )
    )


def listed(image: OciImage, tags: Sequence[str] | None = None, case: Callable[[str], str] = str) -> dict[str, Any]:
    layers = [f"blobs/sha256/{layer.descriptor.hex}" for layer in image.layers]
    config = "blobs/sha256/" + oci_image.config_digest(image).removeprefix("sha256:")
    return {case("Config"): config, case("RepoTags"): tags, case("Layers"): layers}


def written(
    path: Path, top: bytes | None, docker: Sequence[dict[str, Any]] | None, *blobs: bytes, of: Sequence[OciImage] = ()
) -> str:
    """An archive of the documents *top* (index.json) and *docker* (manifest.json), with these blobs and those of the images."""
    every = [*blobs, *(image.config for image in of), *(layer.open().read() for image in of for layer in image.layers)]
    members = {f"blobs/sha256/{digest_of(data).removeprefix('sha256:')}": data for data in every}
    if top is not None:
        members |= {"oci-layout": oci_layout.MARKER, "index.json": top}
    if docker is not None:
        members["manifest.json"] = json.dumps(docker).encode()
    with tarfile.open(path / "a.tar", "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
    return str(path / "a.tar")


def survey(source: str, folder: Path, **how: Any) -> tuple[list[OciImage], list[str]]:
    found = archive.survey(source, str(folder), **how)
    for image in found.images:
        for layer in image.layers:
            if layer.at_hand:
                open_layer(layer).read()
    return found.images, told(found.aside)


def ids(found: Sequence[OciImage]) -> list[str]:
    return [oci_image.config_digest(image) for image in found]


class TestTwoLists:
    @pytest.mark.parametrize("case", [str, str.lower, str.upper, str.swapcase])
    def test_keys_in_any_case(self, tmp_path: Path, case: Callable[[str], str]) -> None:
        [found], said = survey(written(tmp_path, None, [listed(ONE, ["a:1"], case)], of=[ONE]), tmp_path)
        assert (found.names, ids([found]), said) == (("a:1",), ids([ONE]), [])

    def test_one_key_in_two_cases_is_refused(self, tmp_path: Path) -> None:
        twice = {**listed(ONE), **listed(TWO, case=str.lower)}
        with pytest.raises(InvalidError, match="'Config' stands there twice"):
            survey(written(tmp_path, None, [twice], of=[ONE, TWO]), tmp_path)

    @pytest.mark.parametrize("empty", [b'{"schemaVersion":2,"manifests":null}', index(), b'{"schemaVersion":2}'])
    def test_an_index_that_lists_nothing(self, tmp_path: Path, empty: bytes) -> None:
        found, said = survey(written(tmp_path, empty, [listed(ONE), listed(TWO, ["b:2"])], of=[ONE, TWO]), tmp_path)
        assert (ids(found), [image.names for image in found], said) == (ids([ONE, TWO]), [(), ("b:2",)], [])

    def test_the_index_has_names_and_manifests_of_what_the_other_lists(self, tmp_path: Path) -> None:
        one = manifest(ONE)
        top = index(entry(one, "x:1"), entry(one, "y:1"))
        found, _ = survey(written(tmp_path, top, [listed(TWO, ["b:2"]), listed(ONE)], one, of=[ONE, TWO]), tmp_path)
        assert [(image.manifest, image.names, image.hub) for image in found] == [(None, ("b:2",), True), (one, ("x:1", "y:1"), False)]

    def test_a_manifest_that_lacks_layers_gives_way(self, tmp_path: Path) -> None:
        broken = manifest(replace(ONE, layers=ONE.layers[:1]))
        path = written(tmp_path, index(entry(broken, "x:1")), [listed(ONE, ["a:1"])], broken, of=[ONE])
        [found], [said] = survey(path, tmp_path)
        assert (found.manifest, found.names, len(found.layers)) == (None, ("a:1",), len(TARS))
        assert "2 diff_ids for 1 layers; its layers are those that manifest.json lists" in said

    def test_of_an_index_of_platforms_the_one_that_is_there(self, tmp_path: Path) -> None:
        inner = in_index(TWO, ARM)
        top = index(entry(inner, "1", OCI_INDEX))
        path = written(tmp_path, top, [listed(ARM, ["a:1"])], inner, manifest(ARM), of=[ARM])
        [found], said = survey(path, tmp_path)
        assert (found.manifest, found.index, found.names, said) == (manifest(ARM), inner, ("a:1",), [])
        assert survey(path, tmp_path, platform="linux/arm64")[0] == [found]
        with pytest.raises(NotFoundError, match="is for linux/arm64, not for linux/amd64"):
            survey(path, tmp_path, platform="linux/amd64")

    def test_what_the_index_alone_lists_is_left_aside_and_can_be_asked_for(self, tmp_path: Path) -> None:
        two, arm = manifest(TWO), manifest(ARM)
        top = index(entry(manifest(ONE), "x:1"), entry(two, "y:1"), entry(arm))
        path = written(tmp_path, top, [listed(ONE, ["a:1"])], manifest(ONE), two, arm, of=[ONE, TWO, ARM])
        found, said = survey(path, tmp_path)
        assert ids(found) == ids([ONE])
        assert said == [f"{name}: index.json lists it, manifest.json does not" for name in ("y:1", f"@{digest_of(arm)}")]
        assert ids(survey(path, tmp_path, ref="y:1")[0]) == ids([TWO])
        assert ids(survey(path, tmp_path, ref=f"@{digest_of(arm)}"[:20])[0]) == ids([ARM])
        assert ids(survey(path, tmp_path, platform="linux/arm64")[0]) == ids([ARM])

    def test_what_lacks_layers_stands_in_the_index_alone(self, tmp_path: Path) -> None:
        thin = manifest(TWO)
        path = written(tmp_path, index(entry(thin, "y:1")), [listed(ONE, ["a:1"])], thin, TWO.config, of=[replace(ONE, layers=())])
        found, said = survey(path, tmp_path)
        assert (ids(found), said) == (ids([ONE, TWO]), [])

    def test_damage_is_no_oddity(self, tmp_path: Path) -> None:
        one = manifest(ONE)
        liar = {**entry(one), "size": len(one) + 1}
        for top, says in ((index(liar), "were promised"), (index(entry(one)), "not complete")):
            blobs = [one] if top != index(entry(one)) else []
            with pytest.raises(LayerlogError, match=says):
                survey(written(tmp_path, top, [listed(ONE)], *blobs, of=[ONE]), tmp_path)


XML = b"<component/>"
HELM = json.dumps(
    {"schemaVersion": 2, "config": describe("application/vnd.cncf.helm.config.v1+json", b"{}"), "layers": []}
).encode()
SIGNED = json.dumps(
    {
        "schemaVersion": 2, "config": describe(oci_image.OCI_CONFIG, ONE.config),
        "layers": [describe("application/vnd.dev.cosign.simplesigning.v1+json", b"{}")],
    }
).encode()  # fmt: skip
SBOM = json.dumps(
    {
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/spdx+json",
        "config": describe("application/vnd.oci.empty.v1+json", b"{}"), "layers": [],
        "subject": describe(OCI_MANIFEST, manifest(TWO)),
    }
).encode()  # fmt: skip
BESIDE = {
    "an unknown type": (entry(XML, kind="application/xml"), "'application/xml' is not the media type of a manifest"),
    "a chart": (entry(HELM, "chart:1"), "holds 'application/vnd.cncf.helm.config.v1+json', not an image"),
    "a signature": (entry(SIGNED, f"_cosign:sha256-{digest_of(manifest(TWO))[7:]}.sig"), "is not a layer's media type"),
    "an SBOM": (entry(SBOM), "holds 'application/vnd.oci.empty.v1+json', not an image"),
}
BLOBS = (XML, HELM, SIGNED, SBOM, b"{}")


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("both", [False, True])
def test_what_is_no_image_is_left_aside(tmp_path: Path, name: str, both: bool) -> None:
    beside, says = BESIDE[name]
    docker = [listed(TWO)] if both else None
    found, [said] = survey(written(tmp_path, index(entry(manifest(TWO)), beside), docker, manifest(TWO), *BLOBS, of=[TWO]), tmp_path)
    assert ids(found) == ids([TWO])
    assert says in said


@pytest.mark.parametrize("name", BESIDE)
def test_alone_it_is_refused_by_what_it_is(tmp_path: Path, name: str) -> None:
    beside, says = BESIDE[name]
    with pytest.raises(InvalidError, match=re.escape(says)) as caught:
        survey(written(tmp_path, index(beside), None, *BLOBS, of=[ONE]), tmp_path)
    assert "by its name" not in str(caught.value)


def test_an_image_is_chosen_by_the_beginning_of_any_of_its_digests(tmp_path: Path) -> None:
    one, two, inner = manifest(ONE), manifest(TWO), in_index(TWO)
    path = written(tmp_path, index(entry(one), entry(inner, "x:1", OCI_INDEX)), None, one, two, inner, of=[ONE, TWO])
    for image, names, digests in ((ONE, (), (one, ONE.config)), (TWO, ("x:1",), (two, inner, TWO.config))):
        for data in digests:
            [found], _ = survey(path, tmp_path, ref=f"@{digest_of(data)}")
            assert (ids([found]), found.names) == (ids([image]), names)
            assert survey(path, tmp_path, ref=f"@{digest_of(data)[:30]}")[0] == [found]
    with pytest.raises(AmbiguousError, match="several digests"):
        survey(path, tmp_path, ref="@sha256:")
    with pytest.raises(NotFoundError, match=f"there is @{digest_of(one)}, x:1"):
        survey(path, tmp_path, ref="@sha256:" + "0" * 64)
    with pytest.raises(NotFoundError, match=f"no image 'y:1'; there is @{digest_of(one)}, x:1"):
        survey(path, tmp_path, ref="y:1")


@pytest.mark.parametrize("there", [[ARM], [ARM, replace(TWO, config=TWO.config.replace(b"amd64", b"s390x"))]])
def test_other_platforms_alone_are_offered(tmp_path: Path, there: list[OciImage]) -> None:
    inner = in_index(TWO, *there)
    top, manifests = index(entry(inner, "x:1", OCI_INDEX)), map(manifest, there)
    with pytest.raises(NotFoundError, match=r"no image for linux/\w+; there is (linux/arm64|.*s390x): choose with --platform"):
        survey(written(tmp_path, top, None, inner, *manifests, of=there), tmp_path, platform="linux/riscv64")
    assert ids(survey(str(tmp_path / "a.tar"), tmp_path, platform="linux/arm64")[0]) == ids([ARM])


def test_a_layout_folder_is_read_so_too(tmp_path: Path) -> None:
    layout.write(str(tmp_path / "layout"), [ONE])
    at = tmp_path / "layout"
    stated = json.loads((at / "index.json").read_bytes())
    stated["manifests"].append(BESIDE["an unknown type"][0])
    (at / "index.json").write_text(json.dumps(stated))
    found = layout.survey(str(at))
    assert (ids(found.images), len(told(found.aside))) == (ids([ONE]), 1)


class TestReferrers:
    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        top = index(entry(manifest(ONE), "localhost/one:1"), entry(manifest(TWO), "localhost/two:1"), *(one for one, _ in BESIDE.values()))
        return written(tmp_path, top, None, manifest(ONE), manifest(TWO), *BLOBS, of=[ONE, TWO])

    def test_what_is_no_image_is_said(self, ll: Layerlog, path: str) -> None:
        done = ll.run("load", "-i", path)
        assert (done.exit_code, done.stdout.count("Loaded image"), done.stderr.count("layerlog: left aside: ")) == (0, 2, len(BESIDE))

    def test_it_is_kept_with_the_image_that_it_is_about(self, ll: Layerlog, path: str) -> None:
        assert "4 referrers came, 0 kept before" in ll.run("load", "-i", path, "--referrers").stderr
        assert "0 referrers came, 4 kept before" in ll.run("load", "-i", path, "--referrers").stderr
        kept = {name: json.loads(ll("inspect", name))[0]["Layerlog"]["Referrers"] for name in ("one:1", "two:1")}
        by_image = {name: {one["Digest"] for one in listed} for name, listed in kept.items()}
        assert by_image == {"one:1": {digest_of(XML), digest_of(HELM)}, "two:1": {digest_of(SIGNED), digest_of(SBOM)}}
        assert {one["Subject"] for one in kept["two:1"]} == {digest_of(manifest(TWO))}
        assert ll.run("gc").exit_code == ll.run("verify").exit_code == 0

    def test_copy_keeps_it_too(self, ll: Layerlog, path: str) -> None:
        done = ll.run("copy", f"oci-archive:{path}:localhost/one:1", "mine:1")
        assert (done.exit_code, done.stdout) == (0, "Loaded image: mine:1\n")
        done = ll.run("copy", "--referrers", f"oci-archive:{path}:@{digest_of(manifest(TWO))}", "mine:2")
        assert (done.exit_code, done.stdout) == (0, "Loaded image: mine:2\n")

    def test_what_lies_is_refused(self, ll: Layerlog, tmp_path: Path) -> None:
        liar = {**entry(XML, kind="application/xml"), "size": 3}
        path = written(tmp_path, index(entry(manifest(ONE)), liar), None, manifest(ONE), *BLOBS, of=[ONE])
        assert "were promised" in ll.run("load", "-i", path, "--referrers").stderr
