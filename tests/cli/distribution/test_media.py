"""What every medium for images promises: what is put is got, digest by digest; what is damaged is refused, and nothing of it kept."""

import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from cli.distribution.receive import open_layer
from eventstore.errors import LayerlogError, MismatchError, NotFoundError
from projections.oci.oci_image import OciImage, config_digest
from tests import images
from tests.cli.archived import id_of
from tests.cli.distribution.media import MEDIA, Medium
from tests.cli.invoking import Layerlog
from tests.images import PACK, TARS
from tests.projections.tar_blocks import END, entry

IMAGE = images.image("gzip", "zstd", names=("localhost/one:1", "localhost/two:2"))
SHARING = images.image("gzip", names=("localhost/sharing:1",), tars=(TARS[0], images.layer_tar({"new": b"x"})))
FROM_ELSEWHERE = replace(IMAGE, manifest=images.manifest(IMAGE.config, IMAGE.layers, extra={"kept": 1}))

LOWER = (
    entry(b"etc/motd", b"hello\n")
    + entry(b"opt/a", b"a")
    + entry(b"srv/f", b"f")
    + entry(b"srv/g", kind=b"1", link=b"srv/f")
    + END
)
UPPER = entry(b"etc/.wh.motd") + entry(b"etc/new", b"new") + entry(b"opt/.wh..wh..opq") + entry(b"opt/b", b"b") + END
MERGED = {"etc": {"new": b"new"}, "opt": {"b": b"b"}, "srv": {"f": b"f", "g": b"f"}}


@pytest.fixture(params=MEDIA)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Medium]:
    """Make a medium of the kind in a folder of that name."""

    def make(name: str) -> Medium:
        (tmp_path / name).mkdir()
        return MEDIA[request.param](tmp_path / name)

    return make


@pytest.fixture
def medium(made: Callable[[str], Medium]) -> Medium:
    return made("medium")


def empty_store(path: Path) -> Layerlog:
    ll = Layerlog(path)
    with ll.writer():
        return ll


@pytest.fixture
def empty(tmp_path: Path) -> Layerlog:
    return empty_store(tmp_path / "store")


def contents(found: Iterable[OciImage]) -> list[list[bytes]]:
    def content(image: OciImage) -> Iterable[bytes]:
        for layer in image.layers:
            with open_layer(layer) as stream:
                yield stream.read()

    return [list(content(image)) for image in found]


# -- what is put is got


@pytest.mark.parametrize("how", [("gzip",), ("",), ("zstd",), ("", "gzip")])
def test_layers_come_back_in_the_compression_they_had(medium: Medium, how: tuple[str, ...]) -> None:
    image = images.image(*how, names=("localhost/one:1",))
    medium.put([image])
    assert medium.get() == [medium.kept(image)]
    assert contents(medium.get()) == [list(TARS)]


def test_a_manifest_from_elsewhere_keeps_its_bytes(medium: Medium) -> None:
    medium.put([FROM_ELSEWHERE])
    assert medium.get() == [medium.kept(FROM_ELSEWHERE)]


def test_what_was_got_can_be_put_again_and_is_the_same_bytes(made: Callable[[str], Medium]) -> None:
    first, second, third = made("first"), made("second"), made("third")
    first.put([IMAGE])
    second.put([IMAGE])
    assert second.stored() == first.stored()
    third.put(first.get())
    assert third.stored() == first.stored()


def test_several_images_share_their_blobs(medium: Medium) -> None:
    medium.put([IMAGE, SHARING])
    assert medium.get() == [medium.kept(IMAGE), medium.kept(SHARING)]
    blobs = Counter(medium.stored().values())
    assert [blobs[layer.open().read()] for image in (IMAGE, SHARING) for layer in image.layers] == [1, 1, 1, 1]


def test_the_same_layer_twice_and_no_layer_at_all(medium: Medium) -> None:
    medium.put([images.image(tars=(TARS[0], TARS[0])), images.image(tars=(), author="none")])
    assert contents(medium.get()) == [[TARS[0]] * 2, []]


def test_a_name_chooses_an_image(medium: Medium) -> None:
    medium.put([IMAGE, SHARING])
    assert medium.get("localhost/two:2") == [replace(medium.kept(IMAGE), names=("localhost/two:2",))]
    with pytest.raises(NotFoundError, match=r"no image 'x:1'; there is localhost/one:1, localhost/sharing:1, localhost/two:2"):
        medium.get("x:1")


def test_an_image_without_a_name(medium: Medium) -> None:
    medium.put([replace(IMAGE, names=())])
    assert [image.names for image in medium.get()] == [()]


def test_a_platform_is_held_to(medium: Medium) -> None:
    medium.put([IMAGE])
    assert medium.get(platform="linux/amd64") == [medium.kept(IMAGE)]
    with pytest.raises(NotFoundError, match="is for linux/amd64, not for linux/s390x"):
        medium.get(platform="linux/s390x")


@pytest.mark.parametrize("stored", [b"", b"short", PACK["gzip"](TARS[0]) + b"x", PACK["gzip"](TARS[1])])
def test_a_layer_that_is_not_what_it_says_is_not_put(medium: Medium, stored: bytes) -> None:
    image = images.image(tars=TARS[:1])
    lying = replace(image.layers[0], open=lambda: io.BytesIO(stored))
    with pytest.raises(MismatchError, match=image.layers[0].descriptor.digest):
        medium.put([replace(image, layers=(lying,))])


# -- through a store


def test_whiteouts_and_hard_links_mean_the_same_everywhere(empty: Layerlog, made: Callable[[str], Medium]) -> None:
    image, medium, out = images.image("gzip", names=("localhost/one:1",), tars=(LOWER, UPPER)), made("medium"), made("out")
    medium.put([image])
    empty(*medium.load())
    empty("create", "--name", "web", "one:1")
    assert empty.tree() == MERGED
    empty("chmod", "600", "web:/srv/f")
    assert empty.entry("web:/srv/g")["mode"] == empty.entry("web:/srv/f")["mode"]
    out.save(empty, "one:1")
    assert out.get() == [out.kept(image)]
    assert contents(out.get()) == [[LOWER, UPPER]]


@pytest.mark.parametrize("image", [IMAGE, FROM_ELSEWHERE])
def test_what_came_goes_out_as_it_came(empty: Layerlog, made: Callable[[str], Medium], image: OciImage, tmp_path: Path) -> None:
    medium, out, again = made("medium"), made("out"), made("again")
    medium.put([image])
    empty(*medium.load())
    assert id_of(empty, "one:1") == id_of(empty, "two:2") == config_digest(IMAGE)
    out.save(empty, "one:1", "two:2")
    assert out.get() == medium.get()
    other = empty_store(tmp_path / "other")
    other(*out.load())
    again.save(other, "one:1", "two:2")
    assert again.stored() == out.stored()


# -- damage


HARM: dict[str, Callable[[bytes], bytes | None]] = {
    "another byte": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "a cut": lambda data: data[:-1],
    "a byte too many": lambda data: data + b"x",
    "nothing": lambda _: b"",
    "no blob": lambda _: None,
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("part", ["layer", "config", "manifest"])
def test_damage_is_refused_in_one_line_and_nothing_is_kept(empty: Layerlog, medium: Medium, part: str, harm: str) -> None:
    """Of the image before it neither."""
    medium.put([SHARING, IMAGE])
    kept = medium.kept(IMAGE)
    blob = {"layer": IMAGE.layers[1].open().read(), "config": kept.config, "manifest": kept.manifest}[part]
    if blob is None:  # it has no place for that
        return
    files = medium.stored()
    [name] = [name for name, data in files.items() if data == blob]
    harmed = {**files, name: HARM[harm](blob)}
    medium.store({name: data for name, data in harmed.items() if data is not None})
    with pytest.raises(LayerlogError) as caught:
        contents(medium.get())
    assert "\n" not in str(caught.value)
    assert empty.refused(*medium.load())
    assert empty.json("images", "-a") == []
