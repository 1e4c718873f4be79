"""OCI layouts and image archives whose documents lie, or are odd but legal: `build` writes one and returns its path."""

import gzip
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eventstore.model.digests import digest_of
from projections.oci.oci_image import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, REF_NAME
from tests.hostile.legal_layers import ONE, zstd
from tests.hostile.making import LAYER, NAME, Layout, archive, config, described, docker_members, index_of
from tests.projections.tar_blocks import END, block, entry

DIGEST = "sha256:" + "0" * 64


class Document(NamedTuple):
    """`says` is a regular expression for the one line of a refusal; None: it must load."""

    why: str
    build: Callable[[Path], Path]
    says: str | None


def layout(change: Callable[[Layout], object] | None = None, **how: Any) -> Callable[[Path], Path]:
    """A good layout, finished by *change* where one is given."""

    def build(folder: Path) -> Path:
        made = Layout(**how)
        if change is not None:
            change(made)
        if "index.json" not in made.files:
            made.finish()
        return made.write(folder / "layout")

    return build


def manifest(**fields: Any) -> Callable[[Path], Path]:
    return layout(lambda made: made.finish(made.manifest(**fields)))


def raw_manifest(data: bytes, **more: Any) -> Callable[[Path], Path]:
    return layout(lambda made: made.finish(data, **more))


def index(data: bytes) -> Callable[[Path], Path]:
    return layout(lambda made: made.finish(index=data))


def named(name: str) -> Callable[[Path], Path]:
    return layout(names=(name,))


def configured(data: bytes) -> Callable[[Path], Path]:
    return layout(lambda made: setattr(made, "config", data))


def touched(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    """A good layout whose files on disk *change* spoils."""

    def build(folder: Path) -> Path:
        path = layout()(folder)
        change(path)
        return path

    return build


def replaced(path: Path, how: Callable[[Path], object]) -> None:
    path.unlink()
    how(path)


def blob(folder: Path, number: int = 0) -> Path:
    """The layer's blob (0), the config's (1) or the manifest's (2)."""
    stated: str = json.loads((folder / "index.json").read_bytes())["manifests"][0]["digest"]
    at = folder / "blobs/sha256"
    if number < 2:
        document = json.loads((at / stated.removeprefix("sha256:")).read_bytes())
        stated = (document["layers"][0] if number == 0 else document["config"])["digest"]
    return at / stated.removeprefix("sha256:")


def tar(parts: Mapping[str, bytes | tarfile.TarInfo]) -> Callable[[Path], Path]:
    return raw_tar(archive(parts))


def raw_tar(data: bytes) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        path = folder / "image.tar"
        path.write_bytes(data)
        return path

    return build


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def members() -> bytes:
    """A docker-archive without its end."""
    return b"".join(entry(name.encode(), data) for name, data in docker_members([LAYER], [LAYER]).items())


def docker(**changes: Any) -> Callable[[Path], Path]:
    """A good docker-archive, the fields of its manifest.json replaced by *changes*."""
    found = docker_members([LAYER], [LAYER])
    stated = json.loads(found["manifest.json"])
    stated[0] |= changes
    return tar({**found, "manifest.json": json.dumps(stated).encode()})


def with_members(**more: bytes | tarfile.TarInfo) -> Callable[[Path], Path]:
    return tar({**docker_members([LAYER], [LAYER]), **more})


def renamed_config(name: str) -> Callable[[Path], Path]:
    found = docker_members([LAYER], [LAYER])
    stated = json.loads(found["manifest.json"])
    data = found.pop(stated[0]["Config"])
    stated[0]["Config"] = name
    return tar({name: data, **found, "manifest.json": json.dumps(stated).encode()})


def nested(depth: int) -> Callable[[Path], Path]:
    def change(made: Layout) -> Layout:
        inner, kind = made.add(made.manifest()), OCI_MANIFEST
        for _ in range(depth):
            inner, kind = made.add(index_of(described(kind, inner))), OCI_INDEX
        return made.finish(inner, kind=kind)

    return layout(change)


def many_layers(count: int) -> Callable[[Path], Path]:
    def change(made: Layout) -> None:
        made.layers = made.layers * count
        made.config = config(*[digest_of(LAYER)] * count)

    return layout(change)


def docker_types(made: Layout) -> Layout:
    """Docker's own media types, as `skopeo copy dir:` keeps them."""
    layers = [{**layer, "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"} for layer in made.layers]
    conf = described(DOCKER_CONFIG, made.add(made.config))
    data = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": conf, "layers": layers}).encode()
    return made.finish(data, kind=DOCKER_MANIFEST)


def two_layers_alike(made: Layout) -> None:
    made.layers, made.config = made.layers * 2, config(*[digest_of(LAYER)] * 2)


DEEP_JSON = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
GOOD_LAYER = described("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(LAYER, mtime=0))
OCI = "application/vnd.oci.image"

BLOBS = {
    "a manifest of other bytes": Document("its digest names it", touched(lambda at: blob(at, 2).write_bytes(blob(at, 2).read_bytes().replace(b"amd", b"AMD").replace(b'"layers"', b'"Layers"'))), r"manifest.*not sha256:|bytes are"),
    "a config of other bytes": Document("its digest names it", touched(lambda at: blob(at, 1).write_bytes(blob(at, 1).read_bytes().replace(b"amd64", b"arm64"))), r"not sha256:"),
    "a layer of other bytes": Document("its digest names it", touched(lambda at: blob(at).write_bytes(blob(at).read_bytes()[:-1] + b"\xff")), r"not sha256:|gzip data"),
    "a layer that is longer": Document("its size is stated", touched(lambda at: blob(at).write_bytes(blob(at).read_bytes() + b"x")), r"bytes, \d+ were promised"),
    "a layer that is cut": Document("its size is stated", touched(lambda at: blob(at).write_bytes(blob(at).read_bytes()[:-1])), r"bytes, \d+ were promised"),
    "a layer that is missing": Document("a layout must be complete", touched(lambda at: blob(at).unlink()), r"missing"),
    "a config that is missing": Document("a layout must be complete", touched(lambda at: blob(at, 1).unlink()), r"missing"),
    "a diff_id of other bytes": Document("the unpacked tar is what it names", configured(config(DIGEST)), r"unpacked.*not sha256:000"),
    "a blob that is a symlink": Document("it could be any file of the host", touched(lambda at: replaced(blob(at), lambda path: path.symlink_to("/etc/passwd"))), r"symlink"),
    "a manifest that is a symlink": Document("as a layer", touched(lambda at: replaced(blob(at, 2), lambda path: path.symlink_to("/etc/passwd"))), r"symlink"),
    "a blob that is a fifo": Document("reading it would wait for ever", touched(lambda at: replaced(blob(at), os.mkfifo)), r"not a regular file"),
    "a blob that is a folder": Document("no bytes", touched(lambda at: replaced(blob(at), os.mkdir)), r"not a regular file"),
    "blobs as a symlink": Document("it leads out of the layout", touched(lambda at: (at / "blobs").symlink_to((at / "blobs").rename(at.parent / "elsewhere"))), r"blobs: a symlink"),
    "index.json as a symlink": Document("it could be any file of the host", touched(lambda at: replaced(at / "index.json", lambda path: path.symlink_to("/etc/passwd"))), r"index\.json: a symlink"),
    "oci-layout as a symlink": Document("as index.json", touched(lambda at: replaced(at / "oci-layout", lambda path: path.symlink_to("/etc/passwd"))), r"oci-layout: a symlink"),
}  # fmt: skip

DESCRIPTORS = {
    "a digest with a path in it": Document("it would name a file outside", manifest(layers=[{**GOOD_LAYER, "digest": "sha256:../../../etc/passwd"}]), r"not a digest"),
    "a digest in upper case": Document("image-spec: lower case hex", manifest(layers=[{**GOOD_LAYER, "digest": GOOD_LAYER["digest"].upper().replace("SHA", "sha")}]), r"not a digest"),
    "a short digest": Document("64 digits", manifest(layers=[{**GOOD_LAYER, "digest": "sha256:abc"}]), r"not a digest"),
    "another algorithm": Document("none that we can check", manifest(layers=[{**GOOD_LAYER, "digest": "sha512:" + "0" * 128}]), r"not a digest"),
    "a digest with a newline": Document("a regular expression's $ would let it pass", manifest(layers=[{**GOOD_LAYER, "digest": GOOD_LAYER["digest"] + "\n"}]), r"not a digest"),
    "a digest that is a number": Document("a string", manifest(layers=[{**GOOD_LAYER, "digest": 5}]), r"'digest' is a whole number"),
    "a negative size": Document("none", manifest(layers=[{**GOOD_LAYER, "size": -1}]), r"size of -1"),
    "a size beyond 64 bits": Document("none", manifest(layers=[{**GOOD_LAYER, "size": 2**63}]), r"size of 9223372036854775808"),
    "a size that is a float": Document("a whole number", manifest(layers=[{**GOOD_LAYER, "size": 1.5}]), r"'size' is a number"),
    "a size that is true": Document("no number, though Python takes it for 1", manifest(layers=[{**GOOD_LAYER, "size": True}]), r"'size' is a boolean"),
    "a size that lies": Document("the blob has another", manifest(layers=[{**GOOD_LAYER, "size": 5}]), r"bytes, 5 were promised"),
    "a layer of a foreign kind": Document("no tar", manifest(layers=[{**GOOD_LAYER, "mediaType": "application/x-evil"}]), r"not a layer's media type"),
    "a layer without a media type": Document("nothing says what it is", manifest(layers=[{k: v for k, v in GOOD_LAYER.items() if k != "mediaType"}]), r"'mediaType' is missing"),
    "layers that are no list": Document("a list", manifest(layers={"a": 1}), r"'layers' is an object"),
    "a layer that is a string": Document("an object", manifest(layers=["x"]), r"'layers' holds a string"),
    "a config of a foreign kind": Document("a Helm chart, a signature: no image", layout(lambda made: made.finish(made.manifest(config=described("application/vnd.cncf.helm.config.v1+json", made.add(b"{}"))))), r"not an image"),
}  # fmt: skip

MANIFESTS = {
    "a manifest that is an index too": Document("readers would see two things (CVE-2021-41190)", manifest(manifests=[]), r"both a manifest and an index"),
    "an index that is a manifest too": Document("the other way round", index(index_of(described(OCI_MANIFEST, b"{}"), layers=[])), r"both a manifest and an index"),
    "a manifest that says it is an index": Document("two media types", manifest(mediaType=OCI_INDEX), r"says it is"),
    "a manifest named as an index": Document("two media types", layout(lambda made: made.finish(kind=OCI_INDEX)), r"says it is|both"),
    "a manifest named as a layer": Document("no manifest", layout(lambda made: made.finish(kind=f"{OCI}.layer.v1.tar")), r"not the media type of a manifest"),
    "schema 1": Document("it cannot be verified layer by layer", manifest(schemaVersion=1), r"schema 1"),
    "schema 3": Document("unknown", manifest(schemaVersion=3), r"schemaVersion 3"),
    "too few diff_ids": Document("each layer has one", configured(config()), r"0 diff_ids for 1 layers"),
    "too many diff_ids": Document("each layer has one", configured(config(DIGEST, DIGEST)), r"2 diff_ids for 1 layers"),
    "a diff_id with a path in it": Document("a digest", configured(config("sha256:../x")), r"not a digest"),
    "a diff_id in upper case": Document("a digest", configured(config("sha256:" + "A" * 64)), r"not a digest"),
    "a rootfs of another type": Document("layers is the one there is", configured(json.dumps({"rootfs": {"type": "disk", "diff_ids": [digest_of(LAYER)]}}).encode()), r"rootfs.type"),
    "a config without rootfs": Document("it names the layers", configured(b"{}"), r"'rootfs' is missing"),
    "a history that is no list": Document("a list", configured(config(digest_of(LAYER), history={"a": 1})), r"'history' is an object"),
    "1,001 layers": Document("Docker stops at 127", many_layers(1001), r"1001 layers, at most 1000"),
    "indexes four deep": Document("an attack on readers that recurse", nested(4), r"nested more than 3 deep"),
    "no images at all": Document("nothing to load", index(index_of()), r"lists no image"),
    "only an attestation": Document("no image", index(index_of({**described(OCI_MANIFEST, b"{}"), "annotations": {"vnd.docker.reference.type": "attestation-manifest"}})), r"lists no image"),
    "an image for another machine": Document("none fits", index(index_of(*({**described(OCI_MANIFEST, b"%d" % n), "platform": {"os": "plan9", "architecture": arch}, "annotations": {REF_NAME: "x:1"}} for n, arch in enumerate(("mips", "vax"))))), r"no image for"),
    "one name for two images": Document("which one?", index(index_of(*({**described(OCI_MANIFEST, b"%d" % n), "annotations": {REF_NAME: "x:1"}} for n in range(2)))), r"stands for 2 images"),
}  # fmt: skip

JSON = {
    "JSON of 5 MiB": Document("documents are small", raw_manifest(json.dumps({"a": "x" * (5 << 20)}).encode()), r"at most 4194304"),
    "an index of 5 MiB": Document("documents are small", index(json.dumps({"a": "x" * (5 << 20)}).encode()), r"at most 4194304"),
    "JSON of 100,000 levels": Document("an attack on recursive readers", raw_manifest(DEEP_JSON), r"nested"),
    "JSON of 65 levels": Document("no document is that deep", manifest(annotations=json.loads("[" * 65 + "]" * 65)), r"nested"),
    "a key twice": Document("readers take the first or the last", raw_manifest(b'{"schemaVersion":2,"config":{},"config":{}}'), r"stands there twice"),
    "a key twice, deep down": Document("so everywhere", configured(config(digest_of(LAYER))[:-1] + b',"x":{"a":1,"a":2}}'), r"stands there twice"),
    "a key in another case": Document("Go's readers take Config for config", manifest(Config={}), r"must be spelled 'config'"),
    "NaN": Document("no JSON", configured(config(digest_of(LAYER))[:-1] + b',"x":NaN}'), r"NaN is not"),
    "a number without end": Document("no machine holds it", configured(config(digest_of(LAYER))[:-1] + b',"x":1e999}'), r"too large"),
    "a whole number of 5,000 digits": Document("Python would take seconds for it, or refuse in its own words", configured(config(digest_of(LAYER))[:-1] + b',"x":' + b"9" * 5000 + b"}"), r"not valid JSON|too large"),
    "JSON that is cut": Document("no JSON", raw_manifest(b'{"schemaVersion":2,'), r"not valid JSON"),
    "JSON that is an array": Document("an object", raw_manifest(b"[]"), r"a JSON object was expected"),
    "JSON that is null": Document("an object", raw_manifest(b"null"), r"a JSON object was expected"),
    "an empty document": Document("no JSON", raw_manifest(b""), r"not valid JSON"),
    "two documents": Document("readers stop after the first", raw_manifest(b"{}{}"), r"not valid JSON"),
    "UTF-16": Document("JSON is UTF-8", raw_manifest("{}".encode("utf-16")), r"not UTF-8|not valid JSON"),
    "a byte order mark": Document("RFC 8259 section 8.1", raw_manifest(b"\xef\xbb\xbf{}"), r"not valid JSON"),
    "half a surrogate pair": Document("no text", configured(config(digest_of(LAYER))[:-1] + rb',"x":"\ud800"}'), r"not UTF-8"),
    "an oci-layout of the future": Document("another format", layout(lambda made: made.files.__setitem__("oci-layout", b'{"imageLayoutVersion":"2.0.0"}')), r"version '2\.0\.0'"),
    "an empty oci-layout": Document("no JSON", layout(lambda made: made.files.__setitem__("oci-layout", b"")), r"not valid JSON"),
}  # fmt: skip

TEXTS = {  # image-spec gives names in an index no meaning: what cannot be an image's is left out, and the image is nameless
    "a name that is a path": Document("it could become a file's", named("../../etc/passwd"), None),
    "an absolute name": Document("as a path", named("/etc/passwd"), None),
    "a name with a newline": Document("it would break listings", named("x\ny"), None),
    "a name with an escape": Document("it would write to terminals", named("x\x1b[2J"), None),
    "a name with a bidi control": Document("it would read as another", named("x\u202ey"), None),
    "a name with spaces": Document("outside of every grammar", named("x y"), None),
    "a name of 2,000 bytes": Document("outside of every grammar", named("x" * 2000), None),
    "an empty name": Document("no name", named(""), None),
    "a name that is an option": Document("it could be taken for one", named("--store"), None),
}  # fmt: skip

ARCHIVES = {
    "an empty file": Document("no archive", raw_tar(b""), r"no image archive"),
    "random bytes": Document("no archive", raw_tar(bytes(range(256)) * 8), r"no image archive"),
    "a root filesystem's tar": Document("it is for import", raw_tar(ONE), r"import"),
    "an archive that is cut": Document("it is not whole", raw_tar(members()[: members().rindex(b"]")]), r"manifest\.json: the archive ends in the middle"),
    "an archive that is cut in its header": Document("it is not whole", raw_tar(members()[:600]), r"ends in the middle"),
    "a gzip'd archive that is cut": Document("it is not whole", raw_tar(gzip.compress(archive(docker_members([LAYER], [LAYER])))[:-20]), r"cut off"),
    "an xz archive": Document("its packing is broken", raw_tar(b"\xfd7zXZ\0" + bytes(600)), r"broken xz data"),
    "a member that leaves": Document("nothing is extracted, yet who does that is not to be trusted", with_members(**{"../x": b"x"}), r"'\.\./x' leads out"),
    "a member twice": Document("which one counts?", raw_tar(members() + entry(b"manifest.json", b"[]") + END), r"manifest\.json: twice"),
    "a device as a member": Document("no place in an archive", with_members(c=member("c", tarfile.CHRTYPE)), r"special file"),
    "a symlink out of the archive": Document("it could be any file of the host", with_members(**{"0/layer.tar": member("0/layer.tar", tarfile.SYMTYPE, "../../../etc/passwd")}), r"leaves the archive|outside"),
    "a symlink to an absolute path": Document("as one that leaves", with_members(**{"0/layer.tar": member("0/layer.tar", tarfile.SYMTYPE, "/etc/passwd")}), r"leaves the archive|outside"),
    "symlinks in a ring": Document("they lead nowhere", with_members(**{"0/layer.tar": member("0/layer.tar", tarfile.SYMTYPE, "layer.tar")}), r"symlink"),
    "manifest.json as a symlink": Document("only layers were ever linked", tar({**{k: v for k, v in docker_members([LAYER], [LAYER]).items() if k != "manifest.json"}, "m": docker_members([LAYER], [LAYER])["manifest.json"], "manifest.json": member("manifest.json", tarfile.SYMTYPE, "m")}), r"symlink"),
    "a config that is a path": Document("an id is no path", docker(Config="../../etc/passwd"), r"leaves the archive"),
    "a config that is absolute": Document("an id is no path", docker(Config="/etc/passwd"), r"leaves the archive"),
    "a config that is missing": Document("it is not whole", docker(Config="nosuch.json"), r"no member"),
    "a config under another's digest": Document("its name promises its bytes", renamed_config("0" * 64 + ".json"), r"not sha256:000"),
    "a layer that is a path": Document("an id is no path", docker(Layers=["../../etc/passwd"]), r"leaves the archive"),
    "a layer that is missing from the archive": Document("it is not whole", docker(Layers=["nosuch/layer.tar"]), r"1 of its 1 layer\S* are missing in it and here: sha256:"),
    "fewer layers than diff_ids": Document("each has one", docker(Layers=[]), r"1 diff_ids for 0 layers"),
    "more layers than diff_ids": Document("each has one", docker(Layers=["0/layer.tar"] * 2), r"1 diff_ids for 2 layers"),
    "1,001 layers in an archive": Document("Docker stops at 127", docker(Layers=["0/layer.tar"] * 1001), r"at most 1000"),
    "a RepoTag that is a path": Document("it could become a file's", docker(RepoTags=["../../x:1"]), None),
    "a RepoTag with an escape": Document("it would write to terminals", docker(RepoTags=["x\x1b[2J:1"]), None),
    "a RepoTag that is a number": Document("a string", docker(RepoTags=[5]), r"'RepoTags' holds a whole number"),
    "a manifest.json that is an object": Document("an array", tar({**docker_members([LAYER], [LAYER]), "manifest.json": b"{}"}), r"a JSON array was expected"),
    "an empty manifest.json": Document("nothing to load", tar({**docker_members([LAYER], [LAYER]), "manifest.json": b"[]"}), r"lists no image"),
    "a manifest.json with a key twice": Document("readers take the first or the last", tar({**docker_members([LAYER], [LAYER]), "manifest.json": b'[{"Config":"a","Config":"b"}]'}), r"stands there twice"),
    "a manifest.json of 5 MiB": Document("documents are small", tar({**docker_members([LAYER], [LAYER]), "manifest.json": b" " * (5 << 20)}), r"at most 4194304"),
    "an archive of a Docker before 1.10": Document("another format", tar({"repositories": b"{}"}), r"before 1\.10"),
    "an archive of sparse members": Document("data in pieces has no place here", raw_tar(block(b"f", b"S", magic=b"ustar  \0", tail=(bytes(96) + b"\0" + b"00000000000\0").ljust(126, b"\0")) + END), r"sparse|no image archive"),
}  # fmt: skip

LEGAL_DOCUMENTS = {
    "a plain layout": Document("image-spec", layout(), None),
    "uncompressed layers": Document("image-spec", layout(how=""), None),
    "Docker's media types": Document("image-spec, media-types.md: they are compatible", layout(docker_types), None),
    "a foreign layer whose blob is here": Document("deprecated, not forbidden", manifest(layers=[{**GOOD_LAYER, "mediaType": f"{OCI}.layer.nondistributable.v1.tar+gzip", "urls": ["https://example.org"]}]), None),
    "unknown fields everywhere": Document("image-spec: they must be let pass", manifest(future={"a": [1, None, 2.5]}, layers=[{**GOOD_LAYER, "x": 1}]), None),
    "an index in an index": Document("image-spec allows it", nested(2), None),
    "an index that names itself nowhere": Document("no annotations, so no name", layout(lambda made: made.finish(annotations={})), None),
    "one layer twice": Document("its diff_id stands twice", layout(two_layers_alike), None),
    "a config without history": Document("history is optional", layout(), None),
    "empty steps in the history": Document("image-spec: empty_layer", configured(config(digest_of(LAYER), history=[{"created_by": "a"}, {"empty_layer": True}])), None),
    "text of all the world in a label": Document("JSON is UTF-8", configured(config(digest_of(LAYER), config={"Labels": {"a\n\u202e": "\u00e4\U0001f600"}})), None),
    "files beside the layout": Document("image-spec: they are ignored", touched(lambda at: (at / "README").write_text("x")), None),
    "a name without a tag": Document("it means latest", named("localhost/case"), None),
    "a name of digits": Document("Docker's grammar allows it", named("localhost/123:4.5_6-7"), None),
    "an attestation beside the image": Document("buildkit writes them", layout(lambda made: made.finish(index=index_of({**described(OCI_MANIFEST, made.add(made.manifest())), "annotations": {REF_NAME: NAME}}, {**described(OCI_MANIFEST, b"{}"), "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}))), None),
    "a plain docker-archive": Document("docker save", docker(), None),
    "a docker-archive without names": Document("docker save ID", docker(RepoTags=None), None),
    "a docker-archive with ./ before its names": Document("what tar c . makes", tar({f"./{k}": v for k, v in docker_members([LAYER], [LAYER]).items()}), None),
    "a docker-archive of absolute names": Document("tar readers strip the slash", tar({f"/{k}": v for k, v in docker_members([LAYER], [LAYER]).items()}), None),
    "a gzip'd docker-archive": Document("docker load takes it", raw_tar(gzip.compress(archive(docker_members([LAYER], [LAYER])))), None),
    "a zstd docker-archive": Document("docker load takes it", raw_tar(zstd(archive(docker_members([LAYER], [LAYER])))), None),
    "a layer kept gzip'd": Document("Docker's own layers are plain, others' are not", tar(docker_members([LAYER], [gzip.compress(LAYER)])), None),
    "a layer that is a symlink to another's": Document("docker save wrote equal layers so", tar({**docker_members([LAYER, LAYER], [LAYER, LAYER]), "1/layer.tar": member("1/layer.tar", tarfile.SYMTYPE, "../0/layer.tar")}), None),
    "a layer that is a hard link": Document("tar made of a folder with linked layers", tar({**docker_members([LAYER, LAYER], [LAYER, LAYER]), "1/layer.tar": member("1/layer.tar", tarfile.LNKTYPE, "0/layer.tar")}), None),
    "more members than are named": Document("repositories, VERSION, json: docker save's old files", with_members(repositories=b"{}", VERSION=b"1.0"), None),
    "an archive that is both": Document("docker save since 25", tar({**Layout().finish().members(), **docker_members([LAYER], [LAYER])}), None),
    "an oci-archive": Document("image-layout in a tar", tar(Layout().finish().members()), None),
    "a config that is called something else": Document("Docker names it by its digest, others do not", renamed_config("config.json"), None),
}  # fmt: skip

DOCUMENTS: dict[str, Document] = {**BLOBS, **DESCRIPTORS, **MANIFESTS, **JSON, **TEXTS, **ARCHIVES, **LEGAL_DOCUMENTS}
