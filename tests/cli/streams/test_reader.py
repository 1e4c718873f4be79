"""Streams of chunks: what is verified, and that no error is told but once."""

import hashlib
import io
from collections.abc import Iterator

import pytest

from cli.streams.reader import Reader, chunks_of, verified
from eventstore.errors import InvalidError, MismatchError
from eventstore.model.digests import digest_of

DATA = b"".join(hashlib.sha256(bytes([n])).digest() + bytes(50) for n in range(256)) * 3


class TestVerified:
    def test_the_right_bytes_pass(self) -> None:
        with verified(io.BytesIO(DATA), digest_of(DATA), len(DATA)) as stream:
            assert stream.read() == DATA
        with verified(io.BytesIO(b""), digest_of(b""), 0) as stream:
            assert stream.read() == b""

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (DATA[:-1], f"ends after {len(DATA) - 1} of {len(DATA)} bytes"),
            (b"", f"ends after 0 of {len(DATA)} bytes"),
            (DATA + b"x", f"more than the {len(DATA)} bytes"),
            (DATA[:-1] + b"x", "the bytes are sha256:"),
        ],
    )
    def test_others_never_end_silently(self, data: bytes, reason: str) -> None:
        with verified(io.BytesIO(data), digest_of(DATA), len(DATA), "layer 7") as stream:
            for _ in range(2):
                with pytest.raises(MismatchError, match=f"^layer 7: {reason}"):
                    stream.read()

    def test_a_reader_of_exactly_the_size_sees_the_mismatch_too(self) -> None:
        with verified(io.BytesIO(b"x" * 9), digest_of(b"y" * 9), 9) as stream, pytest.raises(MismatchError):
            stream.read(9)

    def test_what_is_verified_is_not_hashed_twice(self) -> None:
        with verified(io.BytesIO(DATA), digest_of(DATA), len(DATA)) as stream:
            assert verified(stream, digest_of(DATA), len(DATA)) is stream
            assert verified(stream, digest_of(DATA), None) is not stream

    def test_closing_closes_the_source(self) -> None:
        source = io.BytesIO(DATA)
        verified(source, digest_of(DATA), len(DATA)).close()
        assert source.closed


def test_chunks_of_a_stream_that_nobody_read_are_not_copied() -> None:
    one = b"x" * 10
    assert [chunk is one for chunk in chunks_of(Reader([one, one]))] == [True, True]
    begun = Reader([b"abc", b"def"])
    assert begun.read(1) + b"".join(chunks_of(begun)) == b"abcdef"


def broken() -> Iterator[bytes]:
    yield b""
    raise InvalidError("broken here")


def test_what_chunks_raised_is_raised_again() -> None:
    stream = Reader(broken())
    for _ in range(2):
        with pytest.raises(InvalidError, match="broken here"):
            list(chunks_of(stream))
