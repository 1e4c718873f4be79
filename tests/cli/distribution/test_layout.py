"""OCI layout folders: what is read, what is refused, and that writing is one step."""

import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.distribution import layout
from cli.distribution.receive import open_layer
from eventstore.errors import ErasedError, InvalidError, LayerlogError, MismatchError, NotFoundError
from projections.oci import oci_image
from projections.oci.oci_image import OciImage
from tests import images
from tests.images import TARS

IMAGE = images.image(names=("one:1", "two:2"))
OTHER = images.image("", names=("other:1",), author="other")
LAYER = IMAGE.layers[0].descriptor.hex


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A layout that holds IMAGE."""
    found = str(tmp_path / "layout")
    layout.write(found, [IMAGE])
    return found


def complete(image: OciImage) -> OciImage:
    return replace(image, manifest=oci_image.manifest_of(image))


def contents(path: str) -> list[list[bytes]]:
    return [[open_layer(layer).read() for layer in image.layers] for image in layout.read(path)]


def files(path: str) -> set[str]:
    return {os.path.relpath(os.path.join(at, name), path) for at, _, names in os.walk(path) for name in names}


class TestWrite:
    def test_images_are_added_and_names_are_moved(self, path: str) -> None:
        layout.write(path, [OTHER])
        assert [image.names for image in layout.read(path)] == [("one:1", "two:2"), ("other:1",)]
        layout.write(path, [replace(OTHER, names=("two:2",))])
        assert [image.names for image in layout.read(path)] == [("one:1",), ("other:1", "two:2")]
        assert layout.read(path, "two:2") == [replace(complete(OTHER), names=("two:2",))]

    def test_writing_again_changes_nothing(self, path: str) -> None:
        before = Path(path, "index.json").read_bytes()
        layout.write(path, [IMAGE])
        assert Path(path, "index.json").read_bytes() == before

    def test_a_damaged_blob_is_written_anew(self, path: str) -> None:
        blob = Path(path, "blobs/sha256", LAYER)
        blob.write_bytes(bytes(blob.stat().st_size))
        with pytest.raises(MismatchError, match=f"layout: blob sha256:{LAYER}: the bytes are"):
            contents(path)
        layout.write(path, [IMAGE])
        assert contents(path) == [list(TARS)]

    def test_a_layer_that_is_not_what_it_says_leaves_the_layout_as_it_was(self, path: str) -> None:
        before = files(path)
        lying = replace(OTHER.layers[0], open=lambda: io.BytesIO(b"short"))
        with pytest.raises(MismatchError, match=r"layout: .*ends after 5 of"):
            layout.write(path, [replace(OTHER, layers=(lying, *OTHER.layers[1:]))])
        assert files(path) == before
        assert layout.read(path) == [complete(IMAGE)]

    def test_a_layer_that_was_erased_says_of_what_content(self, path: str) -> None:
        def opened() -> io.BytesIO:
            raise ErasedError("content x was erased", b"x")

        gone = replace(OTHER.layers[0], open=opened)
        with pytest.raises(ErasedError, match=r"layout: content x was erased") as met:
            layout.write(path, [replace(OTHER, layers=(gone, *OTHER.layers[1:]))])
        assert met.value.content == b"x"

    @pytest.mark.parametrize("call", ["rename", "fsync"])
    def test_a_failing_disk_leaves_the_layout_as_it_was(self, path: str, call: str, monkeypatch: Any) -> None:
        def fails(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            with pytest.raises(OSError, match="No space"):
                layout.write(path, [OTHER])
        assert not [name for name in files(path) if "layerlog" in name]
        assert layout.read(path) == [complete(IMAGE)]

    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("dear")
        with pytest.raises(InvalidError, match="holds files, but is no OCI layout; choose an empty folder"):
            layout.write(str(tmp_path), [IMAGE])
        assert files(str(tmp_path)) == {"letter.txt"}

    def test_symlinks_in_the_way_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "layout").mkdir()
        (tmp_path / "layout/blobs").symlink_to("../elsewhere")
        with pytest.raises(InvalidError, match="blobs: a symlink or special file"):
            layout.write(str(tmp_path / "layout"), [IMAGE])
        assert not list((tmp_path / "elsewhere/sha256").glob("*"))

    def test_names_outside_the_grammar_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidError, match="cannot be an image's name"):
            layout.write(str(tmp_path / "layout"), [replace(IMAGE, names=("a b",))])


class TestRead:
    def test_a_path_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="nothing: no such folder"):
            layout.read(str(tmp_path / "nothing"))
        with pytest.raises(InvalidError, match="no OCI layout; a root filesystem's folder is for `import`"):
            layout.read(str(tmp_path))
        (tmp_path / "blobs").mkdir()
        with pytest.raises(NotFoundError, match="oci-layout: missing"):
            layout.read(str(tmp_path))
        (tmp_path / "file").touch()
        with pytest.raises(InvalidError, match="file: cannot be read as a folder"):
            layout.read(str(tmp_path / "file"))

    @pytest.mark.parametrize(
        ("names", "says"),
        [
            (["manifest.json", "version", "0" * 64], r"transport dir:; `skopeo copy dir:\S* oci:LAYOUT`"),
            (["manifest.json", "repositories", f"{'0' * 64}.json"], r"was unpacked; `tar c -C \S* \. \| layerlog load`"),
            (["repositories", "x"], "was unpacked"),
            (["etc", "usr"], "a root filesystem's folder is for `import`"),
            (["index.json"], "oci-layout: missing"),
        ],
    )
    def test_folders_that_are_none_are_told_by_what_they_are(self, tmp_path: Path, names: list[str], says: str) -> None:
        for name in names:
            (tmp_path / name).write_text("{}")
        with pytest.raises(LayerlogError, match=says):
            layout.read(str(tmp_path))

    def test_the_path_itself_may_lead_through_symlinks(self, path: str, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(path)
        assert layout.read(str(tmp_path / "link")) == [complete(IMAGE)]

    @pytest.mark.parametrize("name", ["oci-layout", "index.json", f"blobs/sha256/{LAYER}", "blobs/sha256", "blobs"])
    @pytest.mark.parametrize("kind", ["symlink", "pipe", "missing"])
    def test_symlinks_pipes_and_gaps_are_refused(self, path: str, tmp_path: Path, name: str, kind: str) -> None:
        os.rename(os.path.join(path, name), tmp_path / "moved")
        if kind == "symlink":
            os.symlink(tmp_path / "moved", os.path.join(path, name))
        elif kind == "pipe":
            os.mkfifo(os.path.join(path, name))
        with pytest.raises(LayerlogError, match=f"layout: {name.rpartition('/')[2]}: ") as caught:
            contents(path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "data", "reason"),
        [
            ("oci-layout", b"{}", "oci-layout: the field 'imageLayoutVersion' is missing"),
            ("index.json", b"", "index.json: not valid JSON"),
            ("index.json", b"x" * (5 << 20), "index.json: 5242880 bytes, at most 4194304"),
            (f"blobs/sha256/{LAYER}", b"x", f"blob sha256:{LAYER}: 1 bytes, [0-9]+ were promised"),
        ],
    )
    def test_changed_files_are_refused(self, path: str, name: str, data: bytes, reason: str) -> None:
        Path(path, name).write_bytes(data)
        with pytest.raises(InvalidError, match=f"layout: {reason}"):
            contents(path)

    @pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "sha512:" + "a" * 128])
    def test_digests_that_are_paths_are_refused(self, path: str, digest: str) -> None:
        index = json.loads(Path(path, "index.json").read_bytes())
        index["manifests"][0]["digest"] = digest
        Path(path, "index.json").write_text(json.dumps(index))
        with pytest.raises(InvalidError, match="is not a digest"):
            layout.read(path)
