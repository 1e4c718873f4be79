"""One store, told once, for the tests that only ask; and a copy for those that write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, with_base, with_loaded, write_and_commit
from tests.cli.serve.running import Served, serving
from tests.mangling import copied


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    """Web has the events: 1 created, 2 written, 3 committed (app:1), 4 written, 5 committed (app:2), 6 written."""
    ll = with_base(tmp_path_factory.mktemp("told") / "store")
    with_loaded(ll, "quay.io/team/far:1", "localhost/near:1")
    write_and_commit(ll, "one\n", "web", "app:1")
    write_and_commit(ll, "two\n", "web", "app:2")
    ll("write", "--text", "three\n", "web:/f")
    return ll


@pytest.fixture(scope="module")
def asked(told: Layerlog) -> Iterator[Served]:
    with serving(told, "--no-record") as served:
        yield served


@pytest.fixture
def ll(told: Layerlog, tmp_path: Path) -> Layerlog:
    return copied(told, tmp_path / "store")
