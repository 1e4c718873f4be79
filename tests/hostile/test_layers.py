"""Layers, through `load`: hostile ones are refused whole, odd ones become exactly the tree that they describe."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventstore.store.store import Store
from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.hostile.hostile_layers import HOSTILE, Hostile, sparse
from tests.hostile.legal_layers import LEGAL, Legal
from tests.hostile.making import NAME, docker_archive
from tests.hostile.refusals import check_refused, state
from tests.hostile.trees import tree
from tests.projections.tar import test_hostile


@pytest.fixture(scope="module")
def shop(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with something in it, used by all hostile cases; sound at the end."""
    store = tmp_path_factory.mktemp("layers") / "store"
    commands.ok(store, ["create", "--name", "first", "scratch"])
    yield store
    assert problems(store) == []


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to be copied, which is faster than making one."""
    store = tmp_path_factory.mktemp("empty") / "store"
    Store.open_or_create(str(store)).close()
    return store


def written(case: Hostile | Legal, folder: Path) -> Path:
    path = folder / "image.tar"
    tars = (case.lower, case.tar) if case.lower else (case.tar,)
    stored = (*tars[:-1], case.tar if case.stored is None else case.stored)
    path.write_bytes(docker_archive(*tars, stored=stored))
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_layer_is_refused_whole(name: str, shop: Path, commands: Commands, tmp_path: Path) -> None:
    case = HOSTILE[name]
    before = state(shop)
    done = commands.run(shop, ["load", *case.options, "-i", str(written(case, tmp_path))])
    check_refused(done, case.says)
    assert state(shop) == before
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.parametrize("name", LEGAL)
def test_an_odd_layer_becomes_its_tree_and_comes_back_byte_for_byte(
    name: str, empty: Path, commands: Commands, tmp_path: Path
) -> None:
    case, store = LEGAL[name], tmp_path / "store"
    shutil.copytree(empty, store)
    load = ["load", "-i", str(written(case, tmp_path))]
    commands.ok(store, load, ["checkout", NAME, str(tmp_path / "out")], ["save", "-o", str(tmp_path / "saved.tar"), NAME])
    found = tree(tmp_path / "out")
    assert {path: found.get(path) for path in case.holds} == case.holds
    assert layers(tmp_path / "saved.tar")[-1] == (case.tar if case.stored is None else case.stored)
    totals.count("hostile cases handled", 1, 1)


def layers(path: Path) -> list[bytes]:
    """The layers of an archive as it keeps them."""
    with tarfile.open(path) as tar:
        def read(name: str) -> bytes:
            found = tar.extractfile(name)
            assert found
            return found.read()

        return [read(name) for name in json.loads(read("manifest.json"))[0]["Layers"]]


def a_third(names: list[str]) -> list[Any]:
    return [name if number % 3 == 0 else pytest.param(name, marks=pytest.mark.slow) for number, name in enumerate(names)]


@pytest.mark.parametrize("name", a_third(["a sparse file of an exbibyte", *test_hostile.REFUSED]))
def test_a_broken_tar_is_refused_by_import_and_by_cp(name: str, shop: Path, commands: Commands, tmp_path: Path) -> None:
    tar, says = test_hostile.REFUSED.get(name, (sparse(1 << 60), "hold over"))
    path = tmp_path / "root.tar"
    path.write_bytes(tar)
    before = state(shop)
    done = commands.run(shop, ["import", str(path), "localhost/root:1"], ["cp", "-", "first:/"], stdin=str(path))
    assert done.codes == [1, 1], done
    for line in done.lines:
        check_refused(done._replace(err=line), f"{says}|hold over|is empty|broken gzip|is no tar, but something else, or damaged")
    assert state(shop) == before
    totals.count("hostile cases handled", 1, 1)
