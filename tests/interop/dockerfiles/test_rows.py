"""Each row of the table: what layerlog builds is what buildah builds, or what Docker's documentation says where that differs."""

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hosttrees import as_root
from tests.cli.invoking import Layerlog
from tests.cli.sandbox.running import base_tar
from tests.interop.dockerfiles import builders
from tests.interop.dockerfiles.builders import Made, ours, write
from tests.interop.dockerfiles.images import Image
from tests.interop.dockerfiles.row import Differs, Row
from tests.interop.dockerfiles.rows import ROWS

pytestmark = as_root

ROOM = 2 << 30
EVERYWHERE = {"Author": Differs(None, "buildah names the base's author, who did not make this image")}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory, where that has room: both builders wait for the disk else.

    Buildah takes no run root of over 50 characters.
    """
    place = next(place for place in ("/dev/shm", "/tmp") if shutil.disk_usage(place).free > ROOM or place == "/tmp")
    with tempfile.TemporaryDirectory(prefix="rows", dir=place, ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def ll(folder: Path) -> Layerlog:
    """A store with the image base:1, which is saved as base.tar beside it."""
    ll = Layerlog(folder / "store")
    done = ll.run("import", "--change", 'CMD ["sh"]', "--change", "ENV GREETING=hello", "-", "base:1", stdin=with_mount_points(base_tar()))
    assert done.exit_code == 0, done.stderr
    ll("save", "-q", "-o", f"{folder}/base.tar", "base:1")
    return ll


def with_mount_points(tar: bytes) -> bytes:
    """Return a tar that has what buildah would leave behind wherever a process runs."""
    out = io.BytesIO(tar)
    with tarfile.open(fileobj=out, mode="a") as archive:
        for name in ("dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "proc", "run", "sys"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = (tarfile.REGTYPE, 0o644) if "/" in name else (tarfile.DIRTYPE, 0o755)
            archive.addfile(entry)
    return out.getvalue()


@pytest.fixture(scope="module")
def base(ll: Layerlog, folder: Path) -> Image:
    (folder / "base").mkdir()
    write(folder / "base/context", Row("base", "FROM base:1\nLABEL x=y\n"))
    found = ours(ll, "based", folder / "base/context", [], folder / "base/tree").image
    assert found is not None
    return {name: what for name, what in found.items() if name != "Labels"}


@pytest.fixture(scope="module")
def theirs(ll: Layerlog, folder: Path) -> dict[str, Made]:
    """What buildah makes of all rows."""
    assert ll
    for row in ROWS:
        write(folder / row.name, row)
    return builders.theirs(folder, folder / "base.tar", {row.name: (folder / row.name, located(row, folder)) for row in ROWS})


def located(row: Row, folder: Path) -> list[str]:
    """Return the options of a row; `{context}` in them is its context."""
    return [arg.replace("{context}", str(folder / row.name)) for arg in row.args]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_layerlog_builds_what_buildah_builds(row: Row, ll: Layerlog, base: Image, theirs: dict[str, Made], folder: Path) -> None:
    made = ours(ll, row.name, folder / row.name, located(row, folder), folder / f"{row.name}.tree")
    other = theirs[row.name]
    if row.refused:
        assert row.refused in made.said
        assert (other.image is None) != bool(row.lacks), other
        return
    assert made.image is not None, made.said
    if row.lacks:
        assert more(made.image, base) == row.expected
        assert other.image is None or more(other.image, base) != row.expected, f"buildah can do it: {row.lacks}"
        return
    assert other.image is not None, other.said
    found = more(made.image, other.image)
    listed = {name: each.ours for name, each in {**EVERYWHERE, **row.differs}.items() if name in row.differs or name in found}
    assert found == listed, f"ours {found}, buildah's { {name: other.image.get(name) for name in found} }"


def more(image: Image, base: Image) -> Image:
    """Return what an image has more than, or other than, its base; None where something is gone."""
    return {name: image.get(name) for name in image.keys() | base.keys() if image.get(name) != base.get(name)}


def test_rows_are_many_and_have_names_of_their_own() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert len(names) >= 60
