import pytest


@pytest.fixture(autouse=True)
def author(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Ada <ada@example.org>")
