"""sql: the views, in four shapes; nothing can be changed by it."""

import csv
import io
import json

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
    ("select ?", "bindings"), ("pragma query_only = off", "answers nothing"),
])  # fmt: skip
def test_what_changes_or_is_no_query_is_refused(story: Layerlog, query: str, says: str) -> None:
    before = story("events")
    assert says in story.refused("sql", query)
    assert story("events") == before
