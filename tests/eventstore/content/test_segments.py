"""Segments: blocks come back as they were written, damage is noticed, and no two processes write the same file."""

import os
import subprocess
import sys
from pathlib import Path

import lz4.block
import pytest

from eventstore.content.segments import HEADER, Place, Segments, SegmentWriter, encoded, encoded_like
from eventstore.errors import DamagedError
from tests.cli.running import ROOT, clean


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    for kind in ("segments", "originals"):
        (tmp_path / kind).mkdir()
    return Segments(str(tmp_path))


def test_a_block_is_specified() -> None:
    """FORMAT.md, "Segments": magic, codec, three zero bytes, size, length of what follows, both little-endian."""
    assert encoded(b"abc") == b"LLB1\0\0\0\0\3\0\0\0\3\0\0\0abc"
    block = encoded(b"a" * 1000)
    assert block[:12] == b"LLB1\1\0\0\0\xe8\3\0\0"
    assert lz4.block.decompress(block[16:], uncompressed_size=1000) == b"a" * 1000
    block = encoded_like(b"b" * 900 + b"a" * 100, b"b" * 1000, b"d" * 32)
    assert (block[4], block[16:48]) == (2, b"d" * 32)
    assert lz4.block.decompress(block[48:], uncompressed_size=1000, dict=b"b" * 1000) == b"b" * 900 + b"a" * 100


@pytest.mark.parametrize("data", [b"", b"x", b"a" * 100_000, os.urandom(70_000)])
def test_what_is_written_is_read(segments: Segments, data: bytes) -> None:
    writer = SegmentWriter(segments)
    places = [writer.append(encoded(data, compress=compress)) for compress in (True, False)]
    assert places[0].segment == 1
    assert [segments.read(place).decode(None) for place in places] == [data, data]
    writer.close()


def test_originals_lie_apart(segments: Segments, tmp_path: Path) -> None:
    writer = SegmentWriter(segments, originals=True)
    assert writer.append(encoded(b"blob")).segment == -1
    assert os.listdir(tmp_path / "originals") == ["000001"]
    writer.close()


def test_two_writers_never_share_a_file(segments: Segments) -> None:
    one, other = SegmentWriter(segments), SegmentWriter(segments)
    assert {one.append(encoded(b"1")).segment, other.append(encoded(b"2")).segment} == {1, 2}
    one.close()
    third = SegmentWriter(segments)
    place = third.append(encoded(b"3"))
    assert (place.segment, place.offset) == (1, 17)
    for writer in (other, third):
        writer.close()


def test_a_fresh_writer_takes_up_nothing(segments: Segments) -> None:
    SegmentWriter(segments).append(encoded(b"1"))
    fresh = SegmentWriter(segments, fresh=True)
    assert fresh.append(encoded(b"2")) == Place(2, 0, 17)
    fresh.close()


def test_a_writer_that_dies_blocks_nobody(segments: Segments, tmp_path: Path) -> None:
    """Its lock goes with it; its torn tail is skipped by whoever appends next, and seen by no reader."""
    program = (
        "import os, sys; from eventstore.content.segments import *; writer = SegmentWriter(Segments(sys.argv[1])); "
        "writer.append(encoded(b'whole')); os.pwrite(writer._fd, b'LLB1 torn', writer._end); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, env=clean({}), check=False).returncode == -9
    writer = SegmentWriter(segments)
    place = writer.append(encoded(b"next"))
    assert place.segment == 1
    assert segments.read(place).decode(None) == b"next"
    writer.close()


@pytest.mark.parametrize("at", range(HEADER.size))
def test_a_damaged_header_is_no_block(segments: Segments, at: int) -> None:
    writer = SegmentWriter(segments)
    place = writer.append(encoded(b"data " * 100))
    writer.close()
    with open(segments.path(1), "r+b") as file:
        byte = os.pread(file.fileno(), 1, at)[0]
        for bit in range(8):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), at)
            with pytest.raises((DamagedError, lz4.block.LZ4BlockError)):
                assert segments.read(place).decode(None) != b"data " * 100


def test_a_header_that_lies_costs_no_memory(segments: Segments) -> None:
    writer = SegmentWriter(segments)
    place = writer.append(HEADER.pack(b"LLB1", 1, bytes(3), 2**32 - 1, 4) + b"abcd")
    writer.close()
    with pytest.raises(DamagedError, match="segment 1 holds no block at 0"):
        segments.read(place)


def test_a_cut_and_a_missing_segment(segments: Segments) -> None:
    writer = SegmentWriter(segments)
    place = writer.append(encoded(b"x" * 100))
    writer.close()
    os.truncate(segments.path(1), 20)
    with pytest.raises(DamagedError, match="segment 1 ends inside the block at 0"):
        segments.read(place)
    segments.forget()
    os.unlink(segments.path(1))
    with pytest.raises(FileNotFoundError):
        segments.read(place)
