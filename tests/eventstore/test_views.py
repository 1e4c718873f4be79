"""The read-only views for an auditor's SQL, asked through sqlite-utils' own command line; FORMAT.md documents them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventstore.schema import VIEWS
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT
from tests.mangling import story

ODD = b"od\xff d\nname\x1b"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    ll = story(tmp_path_factory.mktemp("told") / "store")
    ll("mkdir", "web:/srv/sub")
    ll("write", f"web:/srv/sub/{os.fsdecode(ODD)}", "--text", "x")
    ll("write", "web:/é", "--text", "x")
    return ll


def asked(ll: Layerlog, sql: str, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "sqlite_utils", "query", os.path.join(ll.store, "log.db"), sql, *options]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_and_is_documented(told, view):
    rows = asked(told, f"select * from {view}")
    assert rows
    documented = Path(ROOT, "eventstore/FORMAT.md").read_text()
    section = documented.partition("## For an auditor's SQL")[2]
    columns = re.search(rf"^\| `{view}` \|[^|]*\|([^|]*)\|$", section, re.MULTILINE)
    assert columns is not None, f"FORMAT.md does not list {view}"
    assert re.findall(r"`(\w+)`", columns[1]) == list(rows[0])


def test_events(told):
    rows = asked(told, "select * from event_log where event = 'PathMoved'")
    assert [(row["path"], row["target"], row["stream_kind"], row["known"]) for row in rows] == [("/srv/index", "srv/page", "container", "recorded")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", rows[0]["time"])
    assert json.loads(rows[0]["command"])[-3:] == ["move", "app:/srv/page", "app:/srv/index"]
    assert asked(told, "select count(*) n from event_log")[0]["n"] == told.head()[1]


def test_odd_paths_are_shown_in_one_harmless_way(told):
    """Bytes that are no text, newlines and escapes are shown escaped; other letters as they are."""
    rows = asked(told, "select distinct path from event_log where path like '/srv/sub/%' or path = '/é'")
    assert sorted(row["path"] for row in rows) == ["/srv/sub/od\\xff d\\nname\\x1b", "/é"]


def test_the_root_is_a_path_and_no_path_is_null(told):
    told("chmod", "711", "web:/")
    assert asked(told, "select path from event_log where event = 'AttributesChanged' order by position desc limit 1") == [{"path": "/"}]
    assert asked(told, "select path from event_log where event = 'Committed' limit 1") == [{"path": None}]


def test_commits_and_tags(told):
    rows = asked(told, "select author, message, events from commits where message in ('first', 'second') order by position")
    assert [(row["author"], row["message"]) for row in rows] == [("Ada", "first"), ("Bob", "second")]
    tags = asked(told, "select tag, c.message from tags t join commits c on c.id = t.image order by tag")
    assert [tuple(row.values()) for row in tags] == [
        ("docker.io/library/base:1", "base"), ("docker.io/library/site:1", "first"), ("docker.io/library/site:2", "second"),
    ]  # fmt: skip


def test_a_question_that_an_auditor_has(told):
    """Who changed what below /etc, by what command?"""
    rows = asked(told, "select time, author, actor, json_extract(command, '$[3]') verb, path from event_log where path glob '/etc/*' and known = 'recorded' and stream_kind = 'container' and command like '%web%'")
    assert [(row["verb"], row["path"]) for row in rows] == [("write", "/etc/motd")]


def test_contents(told):
    row = asked(told, "select sum(size) s, max(chunks) c from contents where chunks > 1")[0]
    assert row["s"] == 190_000 * 8
    assert row["c"] > 3
    assert asked(told, "select count(*) n from event_log e join contents c on c.digest = e.content where e.path = '/srv/large'")[0]["n"] == 1


def test_what_is_not_there_is_null(told):
    assert asked(told, "select content, target from event_log where event = 'StoreCreated'") == [{"content": None, "target": None}]
    assert asked(told, "select distinct base from contents") == [{"base": None}]


def test_views_change_nothing(told):
    command = [sys.executable, "-m", "sqlite_utils", "query", os.path.join(told.store, "log.db"), "update tags set tag = 'x'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot modify tags because it is a view" in done.stderr
