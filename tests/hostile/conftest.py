from collections.abc import Iterator

import pytest

from tests.faults import totals
from tests.faults.commands import Commands


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals.show(terminalreporter)


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line, started fast."""
    server = Commands(tmp_path_factory.mktemp("commands"))
    yield server
    server.close()
