"""The tar reader on what `tarfile`, GNU tar and bsdtar write."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.tar.reader import TarReader
from tests.peers import peer
from tests.projections.tar_blocks import Dribble, entries

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
name_parts = st.binary(min_size=1, max_size=90).filter(lambda name: not set(name) & {0, 0x2F} and name not in (b".", b".."))
infos = st.lists(
    st.tuples(
        st.lists(name_parts, min_size=1, max_size=6).map(b"/".join),
        st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]),
        st.integers(0, 2**21 - 1),
        st.integers(0, 2**33 - 1),
        st.binary(max_size=1200),
    ),
    max_size=5,
)


@given(infos, st.sampled_from(sorted(FORMATS)), st.integers(1, 2000))
def test_what_tarfile_writes_is_read_back(made: list[tuple[bytes, bytes, int, int, bytes]], form: str, most: int) -> None:
    buffer, want = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[form], encoding="utf-8") as archive:
        for name, kind, owner, mtime, data in made:
            info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            info.type, info.uid, info.gid, info.mtime, info.linkname = kind, owner, owner, mtime, "x" if kind == b"2" else ""
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            try:
                archive.addfile(info, io.BytesIO(data))
            except ValueError:  # what ustar cannot name
                continue
            want.append((name, kind, owner, mtime * 10**9, data[: info.size]))
    reader = TarReader(Dribble(buffer.getvalue(), most))
    assert [(e.path, e.type, e.uid, e.mtime, reader.read()) for e in reader] == want


def make_tree(top: Path) -> None:
    (top / "d" / "e").mkdir(parents=True)
    (top / "d" / "file").write_bytes(b"data" * 1000)
    (top / "d" / "hard").hardlink_to(top / "d" / "file")
    (top / "sym").symlink_to("d/file")
    os.utime(top / "d" / "file", ns=(1, 1_234_567_890_123_456_789))
    with (top / "sparse").open("wb") as file:
        for extent in range(60):
            file.seek(extent * 300_000)
            file.write(b"%d" % extent * 4000)
        file.truncate(20_000_000)


GNU_OPTIONS = {
    "v7": ["--format=v7", "--exclude=./sparse"],
    "ustar": ["--format=ustar"],
    "oldgnu": ["--format=oldgnu", "--sparse"],
    "gnu": ["--format=gnu", "--sparse"],
    "pax": ["--format=posix"],
    "sparse 0.0": ["--format=posix", "--sparse-version=0.0", "--sparse"],
    "sparse 0.1": ["--format=posix", "--sparse-version=0.1", "--sparse"],
    "sparse 1.0": ["--format=posix", "--sparse-version=1.0", "--sparse"],
}


@pytest.mark.parametrize("form", GNU_OPTIONS)
def test_what_gnu_tar_writes_is_read_back(form: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    command = [peer("tar"), *GNU_OPTIONS[form], "-cf", "-", "."]
    check_tree(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout, tmp_path)


@pytest.mark.parametrize("form", ["v7", "ustar", "pax", "gnutar"])
def test_what_bsdtar_writes_is_read_back(form: str, tmp_path: Path) -> None:
    make_tree(tmp_path)
    command = [peer("bsdtar"), f"--format={form}", "-cf", "-", "."]
    check_tree(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout, tmp_path)


def check_tree(archive: bytes, top: Path) -> None:
    found = {e.path.decode(): (e, data) for e, data in entries(archive)}
    assert {"", "d", "d/e", "d/file", "d/hard", "sym"} <= set(found)
    for name, (e, data) in found.items():
        status = (top / name).lstat()
        if e.type != b"1":
            assert (e.mode, e.uid, e.gid) == (status.st_mode, status.st_uid, status.st_gid)
            assert e.mtime in (status.st_mtime_ns, status.st_mtime_ns // 10**9 * 10**9)
        if e.type == b"0":
            assert (e.size, data) == (status.st_size, (top / name).read_bytes())
    assert {found["d/file"][0].type, found["d/hard"][0].type} == {b"0", b"1"}
