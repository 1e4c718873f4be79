"""What manifests and indexes from elsewhere may say, and what layerlog says in its own."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from eventstore.errors import InvalidError, LayerlogError, MismatchError, NotFoundError
from eventstore.model.digests import digest_of
from projections.oci import config as oci_config
from projections.oci import docker_archive, documents, oci_image, oci_layout
from projections.oci.config import Platform, fit, parse_platform, wanted_platform
from projections.oci.oci_image import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor
from tests import images
from tests.images import TARS, describe

AMD64 = Platform("linux", "amd64")
HEX = "a" * 64


class TestDescriptor:
    @pytest.mark.parametrize(
        "change",
        [
            {"digest": "sha512:" + HEX},
            {"digest": "sha256:" + "A" * 64},
            {"digest": "sha256:" + "a" * 63},
            {"digest": f"sha256:../{HEX}"},
            {"digest": f"sha256:{HEX}\n"},
            {"digest": HEX},
            {"digest": 5},
            {"digest": None},
            {"size": -1},
            {"size": 1 << 63},
            {"size": 1.0},
            {"size": True},
            {"size": "7"},
            {"size": None},
            {"mediaType": None},
            {"Digest": "sha256:" + HEX},
        ],
    )
    def test_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(InvalidError, match="layer 1"):
            oci_image.parse_descriptor({"mediaType": "t", "digest": "sha256:" + HEX, "size": 7, **change}, "layer 1")

    def test_unknown_fields_are_left_in_peace(self) -> None:
        found = oci_image.parse_descriptor({"mediaType": "t", "digest": "sha256:" + HEX, "size": 7, "urls": [1]}, "x")
        assert found == Descriptor("t", "sha256:" + HEX, 7)
        assert found.hex == HEX


def document(**change: Any) -> bytes:
    """A manifest whose fields are changed; None takes one away."""
    image = images.image()
    fields = {**json.loads(images.manifest(image.config, image.layers)), **change}
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


class TestManifest:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"manifests": []}, "both a manifest and an index"),
            ({"schemaVersion": 1}, "schema 1"),
            ({"mediaType": oci_image.SCHEMA_1[1]}, "schema 1"),
            ({"schemaVersion": 3}, "schemaVersion 3"),
            ({"schemaVersion": None}, "'schemaVersion' is missing"),
            ({"schemaVersion": True}, "is a boolean, a whole number was expected"),
            ({"mediaType": OCI_INDEX}, "was named as"),
            ({"config": None}, "'config' is missing"),
            ({"config": describe("application/vnd.cncf.helm.config.v1+json", b"")}, "not an image"),
            ({"layers": {}}, "an array was expected"),
            ({"layers": [1]}, "holds a whole number"),
            ({"layers": [describe("text/html", b"")]}, "not a layer's media type"),
            ({"layers": [describe(oci_image.LAYER_TYPES[""], b"")] * 1001}, "1001 layers, at most 1000"),
        ],
    )
    def test_refused(self, change: dict[str, Any], reason: str) -> None:
        with pytest.raises(InvalidError, match=reason):
            oci_image.parse_manifest(document(**change), OCI_MANIFEST, "manifest X")

    def test_a_manifest_may_leave_its_own_type_out(self) -> None:
        config, layers = oci_image.parse_manifest(document(mediaType=None), OCI_MANIFEST, "x")
        assert config.media_type == OCI_CONFIG
        assert len(layers) == 2

    def test_docker_s_types_are_read(self) -> None:
        kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        changed = document(mediaType=oci_image.DOCKER_MANIFEST, layers=[describe(kind, b"")])
        assert oci_image.parse_manifest(changed, oci_image.DOCKER_MANIFEST, "x")[1][0].media_type == kind

    @pytest.mark.parametrize(
        ("media_type", "how", "meant"),
        [
            ("application/vnd.docker.image.rootfs.diff.tar", "", oci_image.LAYER_TYPES[""]),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip", oci_image.LAYER_TYPES["gzip"]),
            ("application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd", oci_image.LAYER_TYPES["zstd"]),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", "", "application/vnd.oci.image.layer.nondistributable.v1.tar"),
        ],
    )  # fmt: skip
    def test_layer_types(self, media_type: str, how: str, meant: str) -> None:
        assert (oci_image.compression(media_type), oci_image.as_oci(media_type)) == (how, meant)

    def test_a_built_manifest_says_what_the_image_says_in_the_same_bytes_ever(self) -> None:
        image = images.image("gzip", "")
        built = oci_image.build_manifest(image.config, image.layers)
        config, layers = oci_image.parse_manifest(built, OCI_MANIFEST, "x")
        assert config == Descriptor(OCI_CONFIG, digest_of(image.config), len(image.config))
        assert layers == [layer.descriptor for layer in image.layers]
        assert built == oci_image.build_manifest(image.config, image.layers)
        assert digest_of(oci_image.manifest_of(image)) == digest_of(built)

    def test_a_source_s_manifest_is_kept_as_it_is(self) -> None:
        image = images.image()
        image = replace(image, manifest=images.manifest(image.config, image.layers, extra=1))
        assert oci_image.manifest_of(image) == image.manifest


def entry(data: bytes, platform: str = "", name: str = "", kind: str = OCI_MANIFEST, **notes: str) -> dict[str, Any]:
    found = describe(kind, data)
    if name:
        notes[oci_image.REF_NAME] = name
    if platform:
        keys = ("os", "architecture", "variant")
        found["platform"] = dict(zip(keys, platform.split("/"), strict=False))
    return {**found, "annotations": notes} if notes else found


def index(*entries: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": list(entries), **more}).encode()


class TestPlatform:
    @pytest.mark.parametrize(
        ("has", "wants", "fits"),
        [
            ("linux/amd64", "linux/amd64", True),
            ("linux/amd64/v1", "linux/amd64", True),
            ("linux/amd64/v3", "linux/amd64", False),
            ("linux/amd64/v2", "linux/amd64/v3", True),
            ("linux/arm64", "linux/arm64/v8", True),
            ("linux/arm64/v8", "linux/arm64", True),
            ("linux/arm/v6", "linux/arm", True),
            ("linux/arm/v7", "linux/arm/v6", False),
            ("windows/amd64", "linux/amd64", False),
            ("linux/mips64le/hard", "linux/mips64le", False),
        ],
    )
    def test_fit(self, has: str, wants: str, fits: bool) -> None:
        assert (fit(parse_platform(has), parse_platform(wants)) is not None) is fits

    @pytest.mark.parametrize("text", ["linux", "linux/", "/amd64", "a/b/c/d"])
    def test_refused(self, text: str) -> None:
        with pytest.raises(InvalidError, match="os/arch"):
            parse_platform(text)

    def test_machines(self) -> None:
        assert str(wanted_platform(None, "x86_64")) == "linux/amd64"
        assert str(wanted_platform(None, "aarch64")) == "linux/arm64/v8"
        assert str(wanted_platform(None, "riscv64")) == "linux/riscv64"
        assert str(wanted_platform("linux/arm/v6", "x86_64")) == "linux/arm/v6"

    def chosen(self, *entries: dict[str, Any], wanted: str = "linux/amd64") -> str:
        references = oci_image.parse_index(index(*entries), OCI_INDEX, "index")
        return oci_image.choose(references, parse_platform(wanted), "index").descriptor.digest

    def test_the_nearest_variant_is_chosen(self) -> None:
        entries = [entry(variant.encode(), f"linux/arm/{variant}") for variant in ("v5", "v6", "v7")]
        assert self.chosen(*entries, wanted="linux/arm/v6") == digest_of(b"v6")
        assert self.chosen(*entries, wanted="linux/arm/v8") == digest_of(b"v7")

    def test_a_single_manifest_without_platform_is_taken_and_attestations_are_no_images(self) -> None:
        attestation = entry(b"a", "unknown/unknown", **{"vnd.docker.reference.type": "attestation-manifest"})
        assert self.chosen(entry(b"x"), attestation) == digest_of(b"x")

    def test_an_error_lists_what_there_is(self) -> None:
        with pytest.raises(NotFoundError, match=r"no image for linux/s390x; there is linux/amd64, linux/arm64/v8"):
            self.chosen(entry(b"x", "linux/arm64/v8"), entry(b"y", "linux/amd64"), wanted="linux/s390x")


class TestAssemble:
    def blobs(self, **more: Any) -> tuple[images.Blobs, oci_image.OciImage, bytes]:
        blobs, image = images.Blobs(), images.image()
        blobs.add(image.config)
        return blobs, image, blobs.add(images.manifest(image.config, image.layers, **more))

    def test_everything_is_kept_verbatim(self) -> None:
        blobs, image, manifest = self.blobs(annotations={"a": "b"})
        nested = blobs.add(index(entry(manifest, "linux/amd64")))
        outer = blobs.add(index(entry(nested, kind=OCI_INDEX), more=1))
        found = oci_image.assemble(blobs, Descriptor(OCI_INDEX, digest_of(outer), len(outer)), AMD64)
        assert found == replace(image, manifest=manifest, index=outer)

    def test_indexes_nest_three_deep_and_no_more(self) -> None:
        blobs, _, data = self.blobs()
        kind = OCI_MANIFEST
        for depth in range(1, 5):
            data, kind = blobs.add(index(entry(data, kind=kind))), OCI_INDEX
            top = Descriptor(kind, digest_of(data), len(data))
            if depth <= 3:
                assert len(oci_image.assemble(blobs, top, AMD64).layers) == 2
        with pytest.raises(InvalidError, match="nested more than 3 deep"):
            oci_image.assemble(blobs, top, AMD64)

    @pytest.mark.parametrize(
        ("kind", "size", "reason"),
        [
            (OCI_MANIFEST, 5 << 20, "at most 4194304"),
            (OCI_MANIFEST, 1, "1 were promised"),
            ("application/octet-stream", None, "not the media type of a manifest"),
            (oci_image.SCHEMA_1[0], None, "schema 1"),
            (OCI_INDEX, None, "both a manifest and an index"),
        ],
    )
    def test_a_descriptor_that_lies_is_refused(self, kind: str, size: int | None, reason: str) -> None:
        blobs, _, manifest = self.blobs(mediaType=None)
        with pytest.raises(InvalidError, match=reason):
            oci_image.assemble(blobs, Descriptor(kind, digest_of(manifest), size or len(manifest)), AMD64)

    def test_other_bytes_than_the_digest_names_are_refused(self) -> None:
        blobs, image, manifest = self.blobs()
        blobs[digest_of(image.config)] = image.config.replace(b"PATH", b"HTAP")
        with pytest.raises(MismatchError, match=f"config {digest_of(image.config)}: the bytes are"):
            oci_image.assemble(blobs, Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest)), AMD64)

    @pytest.mark.parametrize("tars", [TARS[:1], (*TARS, TARS[0])])
    def test_too_few_or_too_many_diff_ids_are_refused(self, tars: tuple[bytes, ...]) -> None:
        blobs, image = images.Blobs(), images.image()
        config = blobs.add(images.config(tars))
        manifest = blobs.add(images.manifest(config, image.layers))
        with pytest.raises(InvalidError, match=f"{len(tars)} diff_ids for 2 layers"):
            oci_image.assemble(blobs, Descriptor(OCI_MANIFEST, digest_of(manifest), len(manifest)), AMD64)

    def test_every_blob_is_listed_once(self) -> None:
        image = images.image(tars=(TARS[0], TARS[0]))
        found = [descriptor.digest for descriptor, _ in oci_image.blobs_of([image, image])]
        assert found == [image.layers[0].descriptor.digest, oci_image.config_digest(image), digest_of(oci_image.manifest_of(image))]

    def test_two_sizes_for_one_digest_are_refused(self) -> None:
        image = images.image()
        lying = replace(image.layers[0], descriptor=image.layers[0].descriptor._replace(size=1))
        with pytest.raises(MismatchError, match="two sizes"):
            list(oci_image.blobs_of([image, replace(image, layers=(lying,))]))

    def test_another_platform_than_asked_for_is_refused(self) -> None:
        oci_image.require_platform([images.image()], AMD64)
        with pytest.raises(NotFoundError, match="is for linux/amd64, not for linux/arm64"):
            oci_image.require_platform([images.image()], parse_platform("linux/arm64"))


class TestLayoutIndex:
    def read(self, data: bytes, blobs: images.Blobs, ref: str | None = None) -> list[oci_image.OciImage]:
        return oci_layout.read_images(data, blobs, ref, AMD64).images

    def stored(self, image: oci_image.OciImage, blobs: images.Blobs) -> bytes:
        blobs.add(image.config)
        return blobs.add(oci_image.manifest_of(image))

    def test_one_image_of_two_names_is_one_image(self) -> None:
        image, blobs = images.image(names=("a:1", "docker.io/library/b:2")), images.Blobs()
        self.stored(image, blobs)
        (found,) = self.read(oci_layout.build_index([image]), blobs)
        assert found == replace(image, manifest=oci_image.manifest_of(image))

    def test_a_name_chooses(self) -> None:
        blobs = images.Blobs()
        one, two = images.image(names=("a:1",)), images.image(names=("b:1",), author="two")
        data = oci_layout.build_index([one, two])
        assert [self.stored(one, blobs), self.stored(two, blobs)]
        assert [image.names for image in self.read(data, blobs)] == [("a:1",), ("b:1",)]
        assert [image.names for image in self.read(data, blobs, "b:1")] == [("b:1",)]
        with pytest.raises(NotFoundError, match=r"no image 'c:1'; there is a:1, b:1"):
            self.read(data, blobs, "c:1")

    def test_one_name_for_two_platforms_is_one_image(self) -> None:
        blobs = images.Blobs()
        this, other = (self.stored(images.image(author=name), blobs) for name in "ab")
        data = index(entry(other, "linux/arm64", "x"), entry(this, "linux/amd64", "x"))
        assert [image.manifest for image in self.read(data, blobs)] == [this]
        nameless = index(entry(other, "linux/arm64"), entry(this, "linux/amd64"))
        assert [image.manifest for image in self.read(nameless, blobs)] == [this]
        with pytest.raises(InvalidError, match="'x' stands for 2 images"):
            self.read(index(entry(other, name="x"), entry(this, name="x")), blobs)

    def test_containerd_s_full_name_wins_over_a_bare_tag(self) -> None:
        blobs = images.Blobs()
        data = index(entry(self.stored(images.image(), blobs), name="1", **{oci_image.CONTAINERD_NAME: "docker.io/a/b:1"}))
        assert self.read(data, blobs)[0].names == ("docker.io/a/b:1",)
        assert self.read(data, blobs, "1")[0].names == ("docker.io/a/b:1",)

    @pytest.mark.parametrize("name", ["../x", "a b", "a//b", "a/./b", "\x1b[31m", "-x", "x" * 2000, "é", "a\n"])
    def test_names_mean_nothing_here(self, name: str) -> None:
        """image-spec: no restriction is given for ref.name; what can be a name is decided where one is given."""
        blobs = images.Blobs()
        data = index(entry(self.stored(images.image(), blobs), name=name))
        assert [image.names for image in self.read(data, blobs)] == [(name,)]

    def test_an_index_without_images_is_refused(self) -> None:
        with pytest.raises(InvalidError, match="lists no image"):
            self.read(index(), images.Blobs())

    def test_a_new_index_keeps_the_old_entries_and_moves_names(self) -> None:
        old = index(entry(b"x", name="a:1"), entry(b"y", name="b:1", kept="yes"), more="kept")
        image = images.image(names=("a:1",))
        found = json.loads(oci_layout.build_index([image], old))
        assert found["more"] == "kept"
        assert [e["digest"] for e in found["manifests"]] == [digest_of(b"y"), digest_of(oci_image.manifest_of(image))]
        assert oci_layout.build_index([image], documents.encode(found)) == documents.encode(found)

    @pytest.mark.parametrize("data", [b"{}", b'{"imageLayoutVersion":"2.0.0"}', b'{"imageLayoutVersion":1}'])
    def test_other_layouts_are_refused(self, data: bytes) -> None:
        with pytest.raises(InvalidError, match="oci-layout"):
            oci_layout.check_marker(data)


class TestDockerManifest:
    def test_round_trip(self) -> None:
        image = images.image(names=("docker.io/library/a:1", "Upper:1", "untagged"))
        (found,) = docker_archive.parse(docker_archive.build([image]))
        assert found.names == ("docker.io/library/a:1",)
        assert docker_archive.claimed(found.config) == oci_image.config_digest(image)
        assert [docker_archive.claimed(path) for path in found.layers] == [layer.descriptor.digest for layer in image.layers]

    @pytest.mark.parametrize(
        "item",
        [
            {"Config": "../c", "Layers": []},
            {"Config": "/etc/passwd", "Layers": []},
            {"Config": "c", "Layers": ["a/../../b"]},
            {"Config": "c", "Layers": ["a\0b"]},
            {"Config": "c", "Layers": "a"},
            {"Config": "c", "Layers": ["a"] * 1001},
            {"Config": "c", "RepoTags": [None]},
            {"Config": "c", "config": "d", "Layers": []},
            {"Layers": []},
            "text",
        ],
    )
    def test_refused(self, item: Any) -> None:
        with pytest.raises(InvalidError, match=r"manifest\.json"):
            docker_archive.parse(json.dumps([item]).encode())

    def test_links_stay_inside(self) -> None:
        assert docker_archive.linked("a/layer.tar", "../b/layer.tar") == "b/layer.tar"
        for target in ("../../b", "/etc/passwd", "../.."):
            with pytest.raises(InvalidError, match="leaves the archive"):
                docker_archive.linked("a/layer.tar", target)

    def test_claims(self) -> None:
        assert docker_archive.claimed(f"{HEX}.json") == f"sha256:{HEX}" == docker_archive.claimed(f"sha256:{HEX}")
        assert docker_archive.claimed("config.json") is None
        with pytest.raises(LayerlogError):
            docker_archive.claimed("blobs/sha256/" + "A" * 64)


def test_documents_are_blobs_too() -> None:
    image = images.image()
    found = {descriptor.digest: opener().read() for descriptor, opener in oci_image.blobs_of([image])}
    assert found[oci_image.config_digest(image)] == image.config
    assert isinstance(image.layers[0].open(), io.BytesIO)
    assert oci_config.diff_ids(json.loads(image.config)) == tuple(layer.diff_id for layer in image.layers)
