"""Image archives: what is read from each kind, what is refused, and what is written."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cli.distribution import archive, layout
from cli.distribution.receive import open_layer
from eventstore.errors import InvalidError, LayerlogError, MismatchError, NotFoundError
from eventstore.model.digests import digest_of
from projections.oci import config, oci_image, oci_layout
from projections.oci.oci_image import OciImage
from tests import images
from tests.cli.distribution.media import members_of
from tests.images import PACK, TARS

IMAGE = images.image("gzip", "zstd", names=("docker.io/library/one:1", "localhost/two:2"))
ID = "f" * 64


class Link(str):
    """A symlink's target, as a member of a test's tar."""

    __slots__ = ()


class Hard(str):
    """A hard link's target."""

    __slots__ = ()


Member = bytes | Link | Hard | None
"""A regular file, a link, or a named pipe."""


def tar(members: Mapping[str, Member] | list[tuple[str, Member]]) -> bytes:
    """A tar of these members, in order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as writer:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type = tarfile.FIFOTYPE
            elif isinstance(data, bytes):
                info.size = len(data)
            else:
                info.type, info.linkname = tarfile.SYMTYPE if isinstance(data, Link) else tarfile.LNKTYPE, str(data)
            writer.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


def docker(layers: Mapping[str, Member], image: OciImage = IMAGE, **change: Any) -> dict[str, Any]:
    """The members of a docker-archive; the layers' names are in order, lowest first."""
    item = {"Config": "config.json", "RepoTags": ["one:1"], "Layers": list(layers), **change}
    return {"config.json": image.config, **layers, "manifest.json": json.dumps([item]).encode()}


PLAIN = {"a/layer.tar": TARS[0], "b/layer.tar": TARS[1]}


def written(*found: OciImage) -> bytes:
    out = io.BytesIO()
    archive.write(out, found)
    return out.getvalue()


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Read bytes as an archive file."""

    def load(data: bytes, **how: Any) -> list[OciImage]:
        (tmp_path / "image.tar").write_bytes(data)
        return archive.read(str(tmp_path / "image.tar"), str(tmp_path), **how)

    return load


def contents(image: OciImage) -> list[bytes]:
    found = []
    for layer in image.layers:
        with open_layer(layer) as stream:
            found.append(stream.read())
    return found


def test_no_time_and_no_owner_gets_into_an_archive() -> None:
    with tarfile.open(fileobj=io.BytesIO(written(IMAGE))) as reader:
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in reader} == {(0, 0, 0, "")}


class TestSources:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
    def test_a_file_or_a_stream_plain_or_compressed(self, load: Any, tmp_path: Path, pack: Any) -> None:
        data = pack(written(IMAGE))
        expected = replace(IMAGE, manifest=oci_image.manifest_of(IMAGE))
        assert load(data) == [expected]
        stream = io.BytesIO(data)
        (found,) = archive.read(stream, str(tmp_path))
        assert found == expected
        assert contents(found) == list(TARS)
        assert not stream.closed
        assert os.listdir(tmp_path) == ["image.tar"]

    def test_a_named_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(written(IMAGE),))
        writer.start()
        (found,) = archive.read(str(tmp_path / "pipe"), str(tmp_path))
        writer.join()
        assert contents(found) == list(TARS)

    def test_a_layout_folder(self, tmp_path: Path) -> None:
        layout.write(str(tmp_path / "layout"), [IMAGE])
        assert archive.read(str(tmp_path / "layout"), str(tmp_path)) == layout.read(str(tmp_path / "layout"))

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match=r"nothing\.tar: no such file"):
            archive.read(str(tmp_path / "nothing.tar"), str(tmp_path))

    def test_a_stream_over_the_limit(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidError, match="standard input: archive: unpacks to more than 1000 bytes"):
            archive.read(io.BytesIO(gzip.compress(bytes(2000))), str(tmp_path), max_size=1000)
        assert os.listdir(tmp_path) == []


class TestDockerArchive:
    @pytest.mark.parametrize("how", PACK)
    def test_layers_plain_or_compressed(self, load: Any, how: str) -> None:
        (found,) = load(tar(docker({name: PACK[how](data) for name, data in PLAIN.items()})))
        assert found == replace(images.image(how), names=("one:1",))
        assert contents(found) == list(TARS)

    @pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
    def test_layers_in_what_no_manifest_can_name_are_taken_plain(self, load: Any, pack: Any) -> None:
        (found,) = load(tar(docker({name: pack(data) for name, data in PLAIN.items()})))
        assert found == replace(images.image(""), names=("one:1",))
        assert contents(found) == list(TARS)
        (liar,) = load(tar(docker({**PLAIN, "a/layer.tar": pack(TARS[1])})))
        with pytest.raises(MismatchError, match="get it again"):
            contents(liar)

    @pytest.mark.parametrize(
        "layers",
        [
            {"x.tar": TARS[0], "a/layer.tar": Link("../x.tar"), "b/layer.tar": TARS[1]},
            {"a/layer.tar": Link("../c/layer.tar"), "b/layer.tar": TARS[1], "c/layer.tar": Link("../d"), "d": TARS[0]},
            {"d": TARS[0], "a/layer.tar": Hard("d"), "b/layer.tar": TARS[1]},
        ],
    )
    def test_links_inside_the_archive_are_followed(self, load: Any, layers: Any) -> None:
        (found,) = load(tar({**docker(layers, Layers=list(PLAIN))}))
        assert contents(found) == list(TARS)

    @pytest.mark.parametrize(
        ("layers", "reason"),
        [
            ({"a/layer.tar": Link("../../x"), "b/layer.tar": TARS[1]}, "leaves the archive"),
            ({"a/layer.tar": Link("/etc/passwd"), "b/layer.tar": TARS[1]}, "leaves the archive"),
            ({"a/layer.tar": Link("layer.tar"), "b/layer.tar": TARS[1]}, "a symlink that has no place there"),
            ({"a/layer.tar": Link("../b/layer.tar"), "b/layer.tar": Link("../a/layer.tar")}, "a symlink that"),
            ({"a/layer.tar": Link("../nothing"), "b/layer.tar": TARS[1]}, "it has no member nothing"),
            ({"a": Link("c"), "c/layer.tar": TARS[0], "b/layer.tar": TARS[1]}, "a/layer.tar: the archive has no such layer"),
            ({"a/layer.tar": b"\xfd7zXZ\0" + bytes(99), "b/layer.tar": TARS[1]}, "a/layer.tar: broken xz data"),
            ({"b/layer.tar": TARS[1]}, "a/layer.tar: the archive has no such layer"),
        ],
    )
    def test_links_and_layers_that_are_refused(self, load: Any, layers: Any, reason: str) -> None:
        with pytest.raises(LayerlogError, match=reason):
            for image in load(tar(docker(layers, Layers=list(PLAIN)))):
                contents(image)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"Config": "../config.json"}, "leaves the archive"),
            ({"Config": "/config.json"}, "leaves the archive"),
            ({"Config": "missing.json"}, "no member missing.json"),
            ({"Layers": ["a/layer.tar"]}, "2 diff_ids for 1 layers"),
            ({"Layers": [*PLAIN, "a/layer.tar"]}, "2 diff_ids for 3 layers"),
            ({"Layers": ["a/layer.tar", "b/../../layer.tar"]}, "leaves the archive"),
            ({"Config": "a/layer.tar"}, "not valid JSON"),
        ],
    )
    def test_a_manifest_that_is_refused(self, load: Any, change: Any, reason: str) -> None:
        with pytest.raises(LayerlogError, match=reason):
            load(tar(docker(PLAIN, **change)))

    def test_a_layer_that_is_not_its_diff_id_is_seen_when_it_is_read(self, load: Any) -> None:
        for stored in (TARS[1], PACK["gzip"](TARS[1])):
            (found,) = load(tar(docker({**PLAIN, "a/layer.tar": stored})))
            with pytest.raises(MismatchError, match="get it again"):
                contents(found)

    def test_a_name_that_promises_a_digest_must_keep_it(self, load: Any) -> None:
        for name in (f"{ID}.json", f"blobs/sha256/{ID}", f"sha256:{ID}"):
            with pytest.raises(MismatchError, match=f"{ID}.*the bytes are"):
                load(tar({**docker(PLAIN, Config=name), name: IMAGE.config}))

    def test_beside_an_oci_index_its_names_count(self, load: Any) -> None:
        image = replace(IMAGE, names=("1",))
        both = members_of(written(image))
        both["manifest.json"] = docker(PLAIN)["manifest.json"]
        (found,) = load(tar({**both, "config.json": IMAGE.config}))
        assert (found.names, found.manifest) == (("one:1",), oci_image.manifest_of(IMAGE))


def without(data: bytes, name: str) -> bytes:
    return tar({key: value for key, value in members_of(data).items() if key != name})


BLOB = f"blobs/sha256/{IMAGE.layers[0].descriptor.hex}"
CONFIG = f"blobs/sha256/{oci_image.config_digest(IMAGE).removeprefix('sha256:')}"
WHOLE = written(replace(IMAGE, names=IMAGE.names[:1]))
OCI = without(WHOLE, "manifest.json")


class TestHostile:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "no image archive"),
            (b"\0" * 10240, "no image archive"),
            (b"not a tar at all" * 100, "no image archive"),
            (b"PK\x03\x04" + bytes(600), "no image archive"),
            (PACK["gzip"](b"nothing"), "no image archive"),
            (TARS[0], "a root filesystem's tar is for `import`"),
            (tar({"repositories": b"{}", f"{ID}/json": b"{}"}), "before 1.10"),
            (b"\xfd7zXZ\0" + bytes(99), "broken xz data"),
            (PACK["gzip"](WHOLE)[:-4], "the gzip data is cut off"),
            (without(OCI, BLOB), f"no member {BLOB}"[:60]),
            (without(OCI, CONFIG), "no member blobs/sha256"),
            (without(OCI, "oci-layout"), "no image archive"),
            (without(OCI, "index.json"), "no image archive"),
            (tar({**members_of(OCI), BLOB: b"x"}), "1 bytes, .* were promised"),
            (tar({**members_of(OCI), CONFIG: IMAGE.config.replace(b"PATH", b"HTAP")}), "the bytes are"),
            (tar({**members_of(OCI), BLOB: Link("x"), "blobs/sha256/x": b""}), "a symlink that has no place there"),
            (tar({**members_of(OCI), "index.json": Link("oci-layout")}), "a symlink that has no place there"),
            (tar({**members_of(OCI), "oci-layout": b'{"imageLayoutVersion":"9"}'}), "oci-layout: version '9'"),
            (tar([*members_of(OCI).items(), ("index.json", b"{}")]), "index.json: twice"),
            (tar([*members_of(OCI).items(), ("./index.json", b"{}")]), "index.json: twice"),
            (tar({**members_of(OCI), "../x": b""}), r"\.\./x"),
            (tar({**members_of(OCI), "blobs/../../x": b""}), r"blobs/\.\./\.\./x"),
            (tar({**members_of(OCI), "link": Link("../../etc")}), "leaves the archive"),
            (tar({**members_of(OCI), "index.json": b"[]"}), "index.json: a JSON object was expected"),
        ],
    )
    def test_refused_in_one_line_that_names_the_file_and_the_member(self, load: Any, data: bytes, reason: str) -> None:
        with pytest.raises(LayerlogError, match=rf"image\.tar: .*{reason}") as caught:
            for image in load(data):
                contents(image)
        assert "\n" not in str(caught.value)

    def test_special_files_are_refused(self, load: Any) -> None:
        with pytest.raises(InvalidError, match="pipe: a special file"):
            load(tar({**members_of(OCI), "pipe": None}))

    def test_every_cut_is_seen(self, load: Any) -> None:
        data = WHOLE.rstrip(b"\0")
        for size in range(0, len(data), 211):
            with pytest.raises(LayerlogError) as caught:
                for image in load(data[:size]):
                    contents(image)
            assert "\n" not in str(caught.value)

    def test_every_flipped_bit_of_what_counts_is_seen_or_harmless(self, load: Any) -> None:
        expected = load(WHOLE)
        for at in range(0, len(WHOLE), 97):
            flipped = bytearray(WHOLE)
            flipped[at] ^= 0x10
            try:
                found = load(bytes(flipped))
                assert [contents(image) for image in found] == [list(TARS)]
                assert [image.config for image in found] == [image.config for image in expected]
            except LayerlogError as error:
                assert "\n" not in str(error)  # noqa: PT017

    def test_a_layer_cut_after_it_was_listed(self, load: Any, tmp_path: Path) -> None:
        (found,) = load(written(IMAGE))
        os.truncate(tmp_path / "image.tar", 6000)
        with pytest.raises(MismatchError, match=r"image\.tar: blobs/sha256/.* ends after 0 of"):
            contents(found)


def test_a_layer_of_an_index_for_many_platforms(load: Any) -> None:
    """As `docker save` writes it: an index in the index, an attestation, blobs of one platform only."""
    blobs = images.Blobs()
    manifest = blobs.add(images.manifest(blobs.add(IMAGE.config), IMAGE.layers))
    for layer in IMAGE.layers:
        blobs.add(layer.open().read())
    entries = [
        {**images.describe(oci_image.OCI_MANIFEST, b"absent"), "platform": {"os": "linux", "architecture": "s390x"}},
        {**images.describe(oci_image.OCI_MANIFEST, manifest), "platform": {"os": "linux", "architecture": "amd64"}},
        {
            **images.describe(oci_image.OCI_MANIFEST, b"attestation"),
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
            "platform": {"os": "unknown", "architecture": "unknown"},
        },
    ]
    nested = blobs.add(json.dumps({"schemaVersion": 2, "mediaType": oci_image.OCI_INDEX, "manifests": entries}).encode())
    top = {"schemaVersion": 2, "manifests": [images.describe(oci_image.OCI_INDEX, nested)]}
    files = {f"blobs/sha256/{digest.removeprefix('sha256:')}": data for digest, data in blobs.items()}
    data = tar({"oci-layout": oci_layout.MARKER, "index.json": json.dumps(top).encode(), **files})
    (found,) = load(data, platform="linux/amd64")
    assert (found.manifest, found.index) == (manifest, nested)
    assert contents(found) == list(TARS)
    with pytest.raises(NotFoundError, match="no image for linux/arm64; there is linux/amd64: choose with --platform"):
        load(data, platform="linux/arm64")
    assert config.platform_of(json.loads(found.config)).architecture == "amd64"
    assert digest_of(nested) in blobs
