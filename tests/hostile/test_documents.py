"""OCI layouts and archives, through `load`: what lies is refused whole, what is odd but legal comes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import totals
from tests.faults.checking import problems
from tests.faults.commands import Commands
from tests.hostile.documents import DOCUMENTS
from tests.hostile.refusals import check_refused, state


@pytest.fixture(scope="module")
def shop(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store that has none of the layers here, so that every one must be read; sound at the end."""
    store = tmp_path_factory.mktemp("documents") / "store"
    commands.ok(store, ["create", "--name", "first", "scratch"])
    yield store
    assert problems(store) == []


@pytest.fixture(scope="module")
def open_shop(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store for what is legal; sound at the end."""
    store = tmp_path_factory.mktemp("legal") / "store"
    yield store
    assert problems(store) == []


@pytest.mark.parametrize("name", [name for name, case in DOCUMENTS.items() if case.says is not None])
def test_a_document_that_lies_is_refused_whole(name: str, shop: Path, commands: Commands, tmp_path: Path) -> None:
    case = DOCUMENTS[name]
    before = state(shop)
    done = commands.run(shop, ["load", "-i", str(case.build(tmp_path))])
    check_refused(done, case.says or "")
    assert state(shop) == before
    totals.count("hostile cases handled", 1, 1)


@pytest.mark.parametrize("name", [name for name, case in DOCUMENTS.items() if case.says is None])
def test_an_odd_document_is_taken(name: str, open_shop: Path, commands: Commands, tmp_path: Path) -> None:
    done = commands.run(open_shop, ["load", "-i", str(DOCUMENTS[name].build(tmp_path))])
    assert (done.status, done.out[:12]) == (0, "Loaded image"), done
    assert all(line.isprintable() for line in (*done.lines, *done.out.splitlines()))
    totals.count("hostile cases handled", 1, 1)
