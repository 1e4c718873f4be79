"""Compression: what is unpacked, where the limits are, and that the same bytes come out."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tracemalloc
from collections.abc import Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cli.streams.compression import MAX_SIZE, decompressed, gzip_blocks
from eventstore.errors import InvalidError, LayerlogError
from tests.images import PACK

DATA = b"".join(hashlib.sha256(bytes([n])).digest() + bytes(50) for n in range(256)) * 3
SKIPPABLE = b"\x5f\x2a\x4d\x18\x05\x00\x00\x00abcde"
ZSTD_START = b"\x28\xb5\x2f\xfd\x00\x38"
"""A frame header: no content size, no checksum, a window of 128 KiB."""


def block(kind: int, size: int, body: bytes, *, last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little") + body


def unpacked(data: bytes, max_size: int = MAX_SIZE) -> bytes:
    with decompressed(io.BytesIO(data), max_size=max_size) as stream:
        return stream.read()


class Trickle(io.BytesIO):
    """A stream that gives one to three bytes at a time, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size and size > 0 else 3, 1 + self.tell() % 3))


GZ, ZST = PACK["gzip"](DATA), PACK["zstd"](DATA)
XZ, BZ2 = lzma.compress(DATA), bz2.compress(DATA)
PACKED = {**PACK, "xz": lzma.compress, "bzip2": bz2.compress}
WIDE_XZ = lzma.compress(DATA, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20}])


class TestDecompressed:
    @pytest.mark.parametrize(
        ("data", "meant"),
        [
            (DATA, DATA),
            (b"", b""),
            (b"\x1f", b"\x1f"),
            (GZ, DATA),
            (GZ + GZ, DATA * 2),
            (GZ + bytes(1000), DATA),
            (GZ + bytes(10) + GZ, DATA * 2),
            (gzip.compress(b"", mtime=0), b""),
            (ZST, DATA),
            (ZST + ZST, DATA * 2),
            (SKIPPABLE + ZST + SKIPPABLE, DATA),
            (zstandard.compress(b""), b""),
            (ZSTD_START + block(1, 9, b"a") + block(0, 2, b"bc", last=True), b"a" * 9 + b"bc"),
            (XZ, DATA),
            (XZ + XZ, DATA * 2),
            (XZ + bytes(8) + XZ + bytes(4), DATA * 2),
            (lzma.compress(DATA, check=lzma.CHECK_NONE, preset=9), DATA),
            (lzma.compress(b""), b""),
            (BZ2, DATA),
            (BZ2 + BZ2, DATA * 2),
            (bz2.compress(DATA, 1) + bytes(600), DATA),
            (bz2.compress(b""), b""),
            (b"BZh9 is how this text begins", b"BZh9 is how this text begins"),
            (lzma.compress(DATA, lzma.FORMAT_ALONE), lzma.compress(DATA, lzma.FORMAT_ALONE)),
        ],
    )
    def test_legal(self, data: bytes, meant: bytes) -> None:
        assert unpacked(data) == meant
        with decompressed(Trickle(data)) as stream:
            assert stream.read() == meant

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (GZ[:-1], "the gzip data is cut off"),
            (GZ[:20], "the gzip data is cut off"),
            (GZ[:10], "the gzip data is cut off"),
            (GZ + GZ[:100], "the gzip data is cut off"),
            (GZ + b"garbage garbage", "broken gzip data"),
            (GZ[:-8] + b"abcd" + GZ[-4:], "broken gzip data: CRC"),
            (GZ[:-1] + b"\xff", "broken gzip data"),
            (GZ[:10] + b"\xff" * 100, "broken gzip data"),
            (b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (2 << 20), "broken gzip data"),
            (ZST[:-1], "the zstd data is cut off"),
            (ZST[:20], "the zstd data is cut off"),
            (ZST[:5], "the zstd data is cut off"),
            (ZST + ZST[:100], "the zstd data is cut off"),
            (ZST + b"garbage", "other bytes follow the zstd data"),
            (ZST[:-4] + b"abcd", "broken zstd data"),
            (SKIPPABLE[:-1], "the zstd data is cut off"),
            (ZSTD_START + block(3, 1, b"x", last=True), "broken zstd data"),
            (ZSTD_START + block(0, 200_000, bytes(200_000), last=True), "broken zstd data"),
            (b"\x28\xb5\x2f\xfd\x00\x90" + block(0, 1, b"x", last=True), "a window of 128 MiB at most"),
            (b"\x28\xb5\x2f\xfd\x01\x38\x07" + block(0, 1, b"x", last=True), "broken zstd data: .*[Dd]ictionary"),
            (b"\xfd7zXZ\0" + bytes(20), "broken xz data"),
            (XZ[:-1], "the xz data is cut off"),
            (XZ[:20], "the xz data is cut off"),
            (XZ + XZ[:100], "the xz data is cut off"),
            (XZ + b"garbage", "other bytes follow the xz data"),
            (XZ + GZ, "other bytes follow the xz data"),
            (XZ[:100] + b"\xff" + XZ[101:], "broken xz data"),
            (WIDE_XZ, "broken xz data: Memory.*make it with `xz -9` at most"),
            (b"BZh91AY&SY" + bytes(20), "broken bzip2 data|the bzip2 data is cut off"),
            (BZ2[:-1], "the bzip2 data is cut off"),
            (BZ2 + BZ2[:100], "the bzip2 data is cut off"),
            (BZ2 + b"garbage", "other bytes follow the bzip2 data"),
            (BZ2[:100] + b"\xff" + BZ2[101:], "broken bzip2 data"),
        ],
    )
    def test_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(InvalidError, match=f"^blob: .*{reason}") as caught:
            unpacked(data)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("how", PACKED)
    def test_the_size_limit_is_exact(self, how: str) -> None:
        assert len(unpacked(PACKED[how](DATA), max_size=len(DATA))) == len(DATA)
        with pytest.raises(InvalidError, match=f"more than {len(DATA) - 1} bytes; allow more with --max-layer-size"):
            unpacked(PACKED[how](DATA), max_size=len(DATA) - 1)

    def test_zeros_are_legal(self) -> None:
        size = 64 << 20
        for how in ("gzip", "zstd", "xz", "bzip2"):
            assert len(unpacked(PACKED[how](bytes(size)))) == size

    @pytest.mark.parametrize(
        "bomb", [ZSTD_START + block(1, 1 << 17, b"\0") * 20_000, lzma.compress(bytes(1 << 20)) * 700, bz2.compress(bytes(300 << 20))]
    )
    def test_a_bomb_is_refused_in_little_memory(self, bomb: bytes) -> None:
        tracemalloc.start()
        try:
            with decompressed(io.BytesIO(bomb)) as stream, pytest.raises(InvalidError, match="a bomb of"):
                while stream.read(1 << 20):
                    pass
            assert tracemalloc.get_traced_memory()[1] < 16 << 20  # half of it is the dictionary of xz
        finally:
            tracemalloc.stop()

    @given(st.binary(max_size=300), st.sampled_from([b"", GZ[:10], GZ[:200], ZST[:8], ZST[:200], ZSTD_START, XZ[:20], XZ, BZ2[:99]]))
    def test_any_bytes_are_unpacked_or_refused(self, data: bytes, start: bytes) -> None:
        try:
            unpacked(start + data, max_size=1 << 20)
        except LayerlogError as error:
            assert str(error).startswith("blob: ")  # noqa: PT017


class TestGzip:
    def test_equal_bytes_however_it_is_cut(self) -> None:
        whole = b"".join(gzip_blocks([DATA], 2))
        assert gzip.decompress(whole) == DATA
        assert whole == b"".join(gzip_blocks((DATA[at : at + 777] for at in range(0, len(DATA), 777)), 2))
        assert whole[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\xff"

    def test_it_streams(self) -> None:
        def endless() -> Iterator[bytes]:
            while True:
                yield os.urandom(1 << 16)

        assert len(next(gzip_blocks(endless()))) < 1 << 20
