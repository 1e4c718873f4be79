"""A layer on its way in: its end is reached only if all that its blob promises is true."""

import hashlib
import io
from dataclasses import replace

import pytest

from cli.distribution.receive import open_layer
from eventstore.errors import InvalidError, MismatchError
from tests import images
from tests.images import PACK, TARS


class TestOpenLayer:
    @pytest.mark.parametrize("how", PACK)
    def test_round_trip(self, how: str) -> None:
        with open_layer(images.layer(TARS[0], how)) as stream:
            assert stream.read() == TARS[0]

    @pytest.mark.parametrize("how", PACK)
    def test_another_diff_id_is_refused(self, how: str) -> None:
        layer = replace(images.layer(TARS[0], how), diff_id=hashlib.sha256(b"other").digest())
        with open_layer(layer) as stream, pytest.raises(MismatchError, match="unpacked: the bytes are"):
            stream.read()

    @pytest.mark.parametrize("how", PACK)
    def test_another_blob_is_refused(self, how: str) -> None:
        layer = replace(images.layer(TARS[0], how), open=lambda: io.BytesIO(PACK[how](TARS[1])))
        with open_layer(layer) as stream, pytest.raises(MismatchError):
            stream.read()

    def test_a_plain_tar_is_never_taken_for_a_compressed_one(self) -> None:
        odd = PACK["gzip"](TARS[0])
        layer = images.layer(odd, "")
        with open_layer(layer) as stream:
            assert stream.read() == odd

    @pytest.mark.parametrize("how", PACK)
    def test_closing_closes_the_blob(self, how: str) -> None:
        blob = io.BytesIO(PACK[how](TARS[0]))
        with open_layer(replace(images.layer(TARS[0], how), open=lambda: blob)) as stream:
            assert stream.read(1) == TARS[0][:1]
        assert blob.closed

    def test_the_limit_counts_for_plain_layers_too(self) -> None:
        with open_layer(images.layer(TARS[0], ""), max_size=100) as stream, pytest.raises(InvalidError):
            stream.read()
