"""manifest.json of a docker-archive (`docker save`): which members are an image's config and layers, and its names."""

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.digests import check_digest
from eventstore.model.paths import shown
from projections.oci.documents import Json, encode, field, items, read_array
from projections.oci.oci_image import MAX_LAYERS, OciImage, config_digest

_TAGGED = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*:\w[\w.-]{0,127}",
    re.ASCII,
)
_CLAIM = re.compile(r"(?:blobs/sha256/([^/]*)|(?:sha256:)?([0-9a-f]{64})(?:\.json)?)")


class Entry(NamedTuple):
    """One image: the members that hold its config and its layers (lowest first), and its names."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


def parse(data: bytes) -> list[Entry]:
    """Return the images of manifest.json; InvalidError for paths that leave the archive."""
    what = "manifest.json"
    listed = items({"images": read_array(data, what)}, "images", dict, what)
    entries = [_entry(item, f"manifest.json, image {n}") for n, item in enumerate(listed, 1)]
    if not entries:
        raise InvalidError("manifest.json: lists no image")
    return entries


def build(images: Sequence[OciImage]) -> bytes:
    """Return the manifest.json of an archive that has every blob below blobs/sha256/."""
    return encode([_described(image) for image in images])


def claimed(path: str) -> str | None:
    """Return the digest that the member's name promises for its bytes, if it is such a name."""
    match = _CLAIM.fullmatch(path)
    return check_digest(f"sha256:{match[1] or match[2]}", path) if match else None


def member(path: str, what: str) -> str:
    """Return a member's name in normal form ("./a/b/" is "a/b", "." is ""); InvalidError where it leads outside."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise InvalidError(f"{what}: the name {shown(path[:200])!r} leaves the archive; do not trust its source")
    return "/".join(parts)


def linked(path: str, target: str) -> str:
    """Return the member that a symlink at *path* leads to; InvalidError where that is outside of the archive."""
    return member(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)), f"symlink {shown(path)}")


def _entry(item: Json, what: str) -> Entry:
    """Keys count in whatever case: Docker's reader takes them so, and Jib before 2.3 wrote `config`."""
    item = _in_dockers_case(item, what)
    config = member(field(item, "Config", str, what), what)
    layers = items(item, "Layers", str, what)
    if len(layers) > MAX_LAYERS:
        raise InvalidError(f"{what}: {len(layers)} layers, at most {MAX_LAYERS} are read")
    names = items(item, "RepoTags", str, what)
    return Entry(config, tuple(member(layer, what) for layer in layers), tuple(names))


def _in_dockers_case(item: Json, what: str) -> Json:
    known = {key.casefold(): key for key in ("Config", "RepoTags", "Layers")}
    found: Json = {}
    for key, value in item.items():
        meant = known.get(key.casefold(), key)
        if meant in found:
            raise InvalidError(f"{what}: the field {meant!r} stands there twice, in another case")
        found[meant] = value
    return found


def _described(image: OciImage) -> Json:
    """Docker's tools refuse a whole archive for a RepoTag that has no tag, so such names are left to index.json."""
    return {
        "Config": _path(config_digest(image)),
        "RepoTags": [name for name in image.names if _TAGGED.fullmatch(name)],
        "Layers": [_path(layer.descriptor.digest) for layer in image.layers],
    }


def _path(blob: str) -> str:
    return "blobs/sha256/" + blob.removeprefix("sha256:")
