"""Files that take their place whole or not at all, on filesystems with and without unnamed files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventstore.disk.atomic import replacing


@pytest.fixture(params=["unnamed", "named"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a filesystem that has files without a name, and on one that has not."""
    real = os.open

    def refused(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *args, **options)

    if request.param == "named":
        monkeypatch.setattr(os, "open", refused)
    yield tmp_path
    assert not list(tmp_path.glob("*.layerlog"))


@pytest.mark.parametrize("durable", [False, True])
def test_it_takes_its_place_at_the_end(folder: Path, durable: bool) -> None:
    (folder / "file").write_bytes(b"old")
    with replacing(str(folder / "file"), 0o640, durable=durable) as fd:
        os.write(fd, b"new")
        assert (folder / "file").read_bytes() == b"old"
    assert (folder / "file").read_bytes() == b"new"
    assert (folder / "file").stat().st_mode & 0o777 == 0o640


def test_after_a_failure_all_is_as_it_was(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(str(folder / "file")) as fd:
        os.write(fd, b"new")
        1 / 0  # noqa: B018
    assert not (folder / "file").exists()


def test_a_name_in_an_open_folder(folder: Path) -> None:
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with replacing("file", durable=True, folder=above) as fd:
        os.write(fd, b"new")
    os.close(above)
    assert (folder / "file").read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_told_by_the_path(folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as met, replacing(str(folder / "no/file")):
        pass
    assert met.value.filename == str(folder / "no/file")
