"""sql: the views, in four shapes; nothing can be changed by it."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog

QUERY = "select event, path from event_log where path = '/f' order by position"


@pytest.fixture
def story(ll: Layerlog) -> Layerlog:
    ll("write", "--text", "one", "web:/f")
    ll("delete", "web:/f")
    return ll


def test_the_same_rows_in_every_shape(story: Layerlog) -> None:
    rows = [{"event": "FileWritten", "path": "/f"}, {"event": "PathDeleted", "path": "/f"}]
    assert json.loads(story("sql", "--json", QUERY)) == rows
    assert [json.loads(line) for line in story.lines("sql", "--nl", QUERY)] == rows
    assert list(csv.DictReader(io.StringIO(story("sql", "--csv", QUERY)))) == rows
    assert story.lines("sql", QUERY) == ["EVENT        PATH", "FileWritten  /f", "PathDeleted  /f"]


def test_values_take_the_places_of_question_marks(story: Layerlog) -> None:
    assert story.lines("sql", "--csv", "select count(*) n from event_log where path = ?", "/f") == ["n", "2"]


def test_an_empty_answer_has_its_columns(ll: Layerlog) -> None:
    assert ll.lines("sql", "select 1 a, 2 b where 0") == ["A    B"]
    assert ll.lines("sql", "--csv", "select 1 a, 2 b where 0") == ["a,b"]
    assert json.loads(ll("sql", "--json", "select 1 where 0")) == []


def test_alone_it_lists_the_views(ll: Layerlog) -> None:
    rows = [json.loads(line) for line in ll.lines("sql", "--nl")]
    assert {"event_log", "commits", "containers", "images", "tag_moves", "signatures"} <= {row["view"] for row in rows}
    assert "author" in next(row["columns"] for row in rows if row["view"] == "commits").split(", ")


def test_bytes_are_shown_harmlessly(ll: Layerlog) -> None:
    assert ll.lines("sql", "select x'1bff' b, 'a' || char(27) t") == ["B        T", r"x'1bff'  a\x1b"]
    assert json.loads(ll("sql", "--nl", "select x'ff' b")) == {"b": {"$base64": True, "encoded": "/w=="}}


@pytest.mark.parametrize(("query", "says"), [
    ("delete from event", "readonly"), ("drop view commits", "readonly"), ("update event set kind = 1", "readonly"),
    ("attach 'other.db' as other", "too many attached databases"), ("vacuum into 'other.db'", "too many attached databases"),
    ("selct 1", "syntax error"), ("select absent from commits", "no such column"), ("select 1; select 2", "one statement"),
    ("select ?", "bindings"), ("select load_extension('x')", "not authorized"), ("pragma user_version = 9", "readonly"), ("pragma query_only = off", "answers nothing"),
])  # fmt: skip
def test_what_changes_or_is_no_query_is_refused(story: Layerlog, query: str, says: str) -> None:
    before = story("events")
    assert says in story.refused("sql", query)
    assert story("events") == before


def test_columns_of_one_name_stay_apart(ll: Layerlog) -> None:
    assert json.loads(ll("sql", "--nl", "select 1 a, 2 a, 3 a_2, 4 a")) == {"a": 1, "a_2": 3, "a_3": 2, "a_4": 4}


def test_null_and_numbers_of_any_size(ll: Layerlog) -> None:
    query = f"select null n, '' e, {2**63 - 1} big, -0.5 f"
    assert json.loads(ll("sql", "--nl", query)) == {"n": None, "e": "", "big": 2**63 - 1, "f": -0.5}
    assert ll.lines("sql", "--csv", query) == ["n,e,big,f", f",,{2**63 - 1},-0.5"]


@pytest.mark.parametrize("select", ["count(*) from n", "i from n where i < 0"])
def test_an_interrupt_ends_a_query_with_one_line(ll: Layerlog, select: str) -> None:
    endless = f"with recursive n (i) as (select 1 union all select i + 1 from n) select {select}"
    command = [str(Path(sys.executable).with_name("layerlog")), "--store", ll.store, "sql", endless]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "layerlog: the query was stopped\n")
    assert len(out.splitlines()) <= 1


@pytest.mark.parametrize("where", ["path = '/f'", "path like '/%'", "path glob '/f*'", "path in ('/f', '/')", "path <> '/f'", "path not like '/f%'", "path = '/f' or path is null", "not path > '/'"])
def test_event_log_is_the_same_whichever_way_it_is_read(story: Layerlog, where: str) -> None:
    """A comparison of paths makes it begin with the paths; a pair of parentheses hides that from it."""
    plain = story("sql", "--csv", f"select * from event_log where {where.replace('path', '(path)')} order by position")
    assert story("sql", "--csv", f"select * from event_log where {where} order by position") == plain
