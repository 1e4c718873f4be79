"""A layer's size is that of the regular files in its tar, whatever was written, deleted or moved before the seal."""

import io
import tarfile
from pathlib import Path

import pytest

from cli.distribution import send
from eventstore.model.events import ENCODER
from eventstore.store.store import Store
from projections.layers import sizes
from projections.layers.layers import SealedLayer
from tests.stories import tell


def in_tar(data: bytes) -> int:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return sum(member.size for member in tar if member.isreg())


@pytest.mark.parametrize("seed", range(20))
def test_sizes_of_stories_are_those_of_their_tars(tmp_path: Path, seed: int) -> None:
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, seed)
        last = store.log.version(told.stream(told.upper))
        whole = 0
        for _ in range(6):
            first, end = sorted((told.random.randrange(1, last + 1), told.random.randrange(1, last + 1)))
            layer = SealedLayer(told.upper, first, end, "", ENCODER)
            size = sizes.of_layer(store.log, store.content, layer)
            assert size == in_tar(b"".join(send.layer_tar(store, layer)))
            whole += size
            remembered = sizes.remembered(store.log, f"{told.upper}-{first}-{end}")
            assert remembered == size
            assert sizes.of_layer(store.log, store.content, layer) == size
    assert whole or seed not in (0, 1, 2)


def test_what_cannot_be_read_in_the_cache_is_counted_anew(tmp_path: Path) -> None:
    with Store.open_or_create(str(tmp_path / "store")) as store:
        told = tell(store, 1)
        layer = SealedLayer(told.upper, 1, store.log.version(told.stream(told.upper)), "", ENCODER)
        size = sizes.of_layer(store.log, store.content, layer)
        for (path,) in [list((tmp_path / "store" / "cache" / sizes.FOLDER).iterdir())]:
            for rubbish in (b"", b"-7", b"many", "\u00b2".encode()):
                path.write_bytes(rubbish)
                assert sizes.of_layer(store.log, store.content, layer) == size
