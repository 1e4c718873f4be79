"""A registry that is busy says how long (Retry-After): that is waited for aloud, up to a bound, and above it nothing is."""

import re
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from cli.display.bars import bars
from cli.registry import registry
from cli.registry.refusals import asked_wait
from tests.cli.invoking import Layerlog, with_base
from tests.cli.registry.test_led_to import answer
from tests.images import image
from tests.registry.lying import UNKNOWN, honest, lying
from tests.registry.serving import Answer, Record

IMAGE = image("gzip")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited, in seconds; it is over at once."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def busy(part: str, times: int, *, status: int = 429, **headers: str) -> Callable[[Record], Answer]:
    """What has *part* in its line fails *times* times."""
    truth, asked = honest("app", "1", IMAGE), [0]

    def choose(record: Record) -> Answer:
        if part in record.line:
            asked[0] += 1
            if asked[0] <= times:
                return Answer(status, headers={name.replace("_", "-"): value for name, value in headers.items()})
        if record.method in ("POST", "PATCH"):
            return Answer(202, headers={"Location": "/up"})
        return Answer(201) if record.method == "PUT" else truth.get(record.path, UNKNOWN)

    return choose


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("part", ["HEAD", "GET /v2/app/blobs"])
def test_a_long_wait_is_told_of(tmp_path: Path, slept: list[float], part: str, status: int) -> None:
    ll = Layerlog(tmp_path / "store")
    with lying(busy(part, 1, status=status, Retry_After="42")) as server:
        done = ll.run("pull", "-q", f"{server.address}/app:1")
    assert (done.exit_code, done.stderr) == (0, f"layerlog: {server.address} is busy and asks to wait 42 s; waiting\n")
    assert round(max(slept)) == 42


def test_a_short_one_is_not(tmp_path: Path, slept: list[float]) -> None:
    with lying(busy("HEAD", 1, Retry_After="5")) as server:
        Layerlog(tmp_path / "store")("pull", "-q", f"{server.address}/app:1")
    assert round(max(slept)) == 5


@pytest.mark.parametrize("wait", ["121", "86400", "999999999999", formatdate(4e9, usegmt=True)])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_above_the_bound_is_refused_with_the_time(tmp_path: Path, slept: list[float], wait: str, status: int) -> None:
    ll = Layerlog(tmp_path / "store")
    with ll.writer():
        pass
    with lying(busy("HEAD", 1000, status=status, Retry_After=wait)) as server:
        says = ll.refused("pull", "-q", f"{server.address}/app:1")
        assert len(server.requests) == 1
    assert re.search(rf"answers {status}; it asks to wait: try again after \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$", says), says
    assert not slept


@pytest.mark.parametrize(("wait", "waited"), [("42", True), ("86400", False)])
def test_an_upload_waits_too(tmp_path: Path, slept: list[float], wait: str, *, waited: bool) -> None:
    ll = with_base(tmp_path / "store")
    with lying(busy("PUT /up", 1, Retry_After=wait)) as server:
        done = ll.run("push", "-q", "base:1", f"{server.address}/app:1")
    assert (done.exit_code == 0) == waited == bool(slept)
    assert ("asks to wait 42 s; waiting" if waited else "try again after") in done.stderr


def test_several_threads_tell_of_one_wait_once(slept: list[float]) -> None:
    told: list[str] = []
    asked = registry.Registry("127.0.0.1:1", lambda: None, waits=told.append)
    for seconds in (30, 30, 29, 90):
        asked.wait(seconds, "http://127.0.0.1:1/v2/x?secret")
    assert told == [f"127.0.0.1:1 is busy and asks to wait {seconds} s; waiting" for seconds in (30, 90)]
    assert len(slept) == 4


@pytest.mark.parametrize("text", ["", "-5", "soon", "1.5", "\N{SUPERSCRIPT TWO}", "Mon, 99 Foo 2026", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_what_asks_for_no_wait(text: str) -> None:
    found = answer("/")
    found.headers["Retry-After"] = text
    assert asked_wait(found) == 0


def test_who_is_quiet_has_no_bars() -> None:
    with bars(quiet=True) as none:
        assert none is None
