"""Every test's store is verified when the test is over."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.maintenance import verification
from eventstore.integrity.findings import Finding
from eventstore.log.log import Context
from eventstore.store.commands import create_store
from eventstore.store.store import Store
from eventstore.store.writer import writing
from tests.faults import totals
from tests.faults.commands import Commands


def findings(path: str) -> list[Finding]:
    """What a full verification finds wrong with the store at *path*."""
    with Store.open_or_create(path) as store:
        return [f for stage in verification.stages(store) for f in stage.run(lambda _: None) if not f.note]


os.environ["LAYERLOG_PULL"] = "never"  # a name that nobody knows is not looked for on the network

ADA = Context(actor={"login": "ada", "uid": 1000, "loginuid": 1000, "host": "test"}, command=("test",))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals.show(terminalreporter)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line, started fast."""
    server = Commands(tmp_path_factory.mktemp("commands"))
    yield server
    server.close()


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """Verify the store in tmp_path/store, if the test has one and is not marked `damages`, when all else is torn down."""
    path = request.getfixturevalue("tmp_path") / "store" if "tmp_path" in request.fixturenames else None
    yield
    if path is not None and (path / "log.db").is_file() and request.node.get_closest_marker("damages") is None:
        assert not findings(str(path))


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open one more connection to the test's one store; all are closed at the end."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store.open_or_create(str(tmp_path / "store")))
        with writing(opened[-1], ADA) as writer:
            create_store(writer)
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()
