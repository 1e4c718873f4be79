import json
from collections.abc import Iterator

import pytest

from cli.session import logs
from cli.session.actor import observed_actor
from tests.cli.running import layerlog


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    logs.configure(0)


def test_silent_until_asked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.bind(command="ls")
    logs.event("opened", store="/s")
    logs.configure(0, "json")
    logs.event("opened", store="/s")
    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(1, "json")
    logs.bind(command="ls")
    logs.event("opened", path=b"a\xff", count=2)
    logs.detail("hidden")
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "opened", "level": "info", "command": "ls", "path": "a\N{REPLACEMENT CHARACTER}", "path_b64": "Yf8=", "count": 2,
    }  # fmt: skip


def test_text_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(2, "text")
    logs.detail("read", path=b"a\x1b[31m", message="b\nc")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert r"a\x1b[31m" in err
    assert r"b\nc" in err


def test_the_command_line_logs_what_it_was_asked_without_secrets() -> None:
    err = layerlog("-v", "--log-format", "json", "completion", "zsh").stderr
    line = json.loads(err)
    assert (line["event"], line["command"]) == ("started", "completion")
    assert line["actor"] == observed_actor()["login"]
    assert line["argv"] == ["layerlog", "-v", "--log-format", "json", "completion", "zsh"]
