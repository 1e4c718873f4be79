"""Files that several read at once."""

import os

import pytest

from cli.streams.files import Extent, OpenFile


def test_extents_of_one_file_do_not_disturb_each_other(tmp_path: object) -> None:
    path = f"{tmp_path}/file"
    with open(path, "wb") as file:
        file.write(b"abcdefghij")
    opened = OpenFile(os.open(path, os.O_RDONLY))
    one, two = Extent(opened, 0, 5), Extent(opened, 5, 5)
    assert [one.read(2), two.read(2), one.read(9), two.read(9), one.read(1)] == [b"ab", b"fg", b"cde", b"hij", b""]
    descriptor = opened.descriptor
    del opened
    one.close()
    assert os.fstat(descriptor)
    two.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
