"""Layers are points: IMAGE~N is the merge of all but the image's N uppermost layers."""

import random
from pathlib import Path

import pytest

from cli.distribution.receive import receive
from eventstore.errors import NotFoundError
from eventstore.model.events import Kind
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs import references, targets
from projections.tree.walk import walk
from tests import images
from tests.conftest import ADA
from tests.tree_layers import merged, random_layers


def files(store: Store, ref: str) -> dict[str, bytes]:
    view = targets.view(store, references.resolve(store.log, ref, int))
    return {entry.path.decode(): b"".join(view.read(entry)) for entry in walk(view) if entry.is_file}


@pytest.mark.parametrize("seed", range(12))
def test_every_step_is_the_merge_of_the_lowest_layers(tmp_path: Path, seed: int) -> None:
    layers = random_layers(random.Random(seed))
    with Store.open_or_create(str(tmp_path / "store")) as store, writing(store, ADA) as writer:
        image = images.image(tars=[images.layer_tar(layer) for layer in layers], names=["docker.io/library/app:1"])
        receive(writer, [image], Kind.IMAGE_LOADED, "-", lambda _: None)
        for steps in range(len(layers)):
            wanted = merged(layers[: len(layers) - steps])
            for ref in (f"app:1~{steps}", "app:1" + "~" * steps, f"app:1~{steps // 2}~{steps - steps // 2}"):
                assert files(store, ref) == wanted, ref
        for ref in (f"app:1~{len(layers)}", "app:1~999999999", f"app:1~1~{len(layers) - 1}" if len(layers) > 1 else "app:1~1"):
            with pytest.raises(NotFoundError, match=f"{len(layers)} layer|{len(layers) - 1} layer") as refused:
                references.resolve(store.log, ref, int)
            assert "is the lowest" in str(refused.value)
