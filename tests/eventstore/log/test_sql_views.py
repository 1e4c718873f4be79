"""The read-only views for an auditor's SQL, asked through sqlite-utils' own command line; FORMAT.md documents them."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.log.log import Context
from eventstore.log.query import ask
from eventstore.log.schema_4 import VIEWS
from eventstore.model.changes import put
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog
from tests.cli.running import ROOT
from tests.mangling import copied, story

ODD = b"od\xff d\nname\x1b"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    ll = story(tmp_path_factory.mktemp("told") / "store")
    ll("mkdir", "web:/srv/sub")
    ll("write", f"web:/srv/sub/{os.fsdecode(ODD)}", "--text", "x")
    ll("write", "web:/é", "--text", "x")
    with ll.writer() as writer:
        sealed = next(writer.log.of_kind(Kind.COMMITTED))
        commands.sign_commit(writer, sealed.commit, "armoured", "SHA256:key")
    return ll


def asked(ll: Layerlog, sql: str, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "sqlite_utils", "query", os.path.join(ll.store, "log.db"), sql, *options]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_and_is_documented(told: Layerlog, view: str) -> None:
    rows = asked(told, f"select * from {view}")
    assert rows
    documented = Path(ROOT, "eventstore/FORMAT.md").read_text()
    section = documented.partition("## For an auditor's SQL")[2]
    columns = re.search(rf"^\| `{view}` \|[^|]*\|([^|]*)\|$", section, re.MULTILINE)
    assert columns is not None, f"FORMAT.md does not list {view}"
    assert re.findall(r"`(\w+)`", columns[1]) == list(rows[0])


def test_events(told: Layerlog) -> None:
    rows = asked(told, "select * from event_log where event = 'PathMoved'")
    assert [(row["path"], row["target"], row["stream_kind"], row["known"]) for row in rows] == [("/srv/index", "srv/page", "container", "recorded")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", rows[0]["time"])
    assert json.loads(rows[0]["command"])[-3:] == ["move", "app:/srv/page", "app:/srv/index"]
    assert asked(told, "select count(*) n from event_log")[0]["n"] == told.head()[1]


def test_odd_paths_are_shown_in_one_harmless_way(told: Layerlog) -> None:
    """Bytes that are no text, newlines and escapes are shown escaped; other letters as they are."""
    rows = asked(told, "select distinct path from event_log where path like '/srv/sub/%' or path = '/é'")
    assert sorted(row["path"] for row in rows) == ["/srv/sub/od\\xff d\\nname\\x1b", "/é"]


def test_the_root_is_a_path_and_no_path_is_null(told: Layerlog) -> None:
    told("chmod", "711", "web:/")
    assert asked(told, "select path from event_log where event = 'AttributesChanged' order by position desc limit 1") == [{"path": "/"}]
    assert asked(told, "select path from event_log where event = 'Committed' limit 1") == [{"path": None}]


def test_commits_and_tags(told: Layerlog) -> None:
    rows = asked(told, "select author, message, events from commits where message in ('first', 'second') order by position")
    assert [(row["author"], row["message"]) for row in rows] == [("Ada", "first"), ("Bob", "second")]
    tags = asked(told, "select tag, c.message from tags t join commits c on c.id = t.image order by tag")
    assert [tuple(row.values()) for row in tags] == [
        ("docker.io/library/base:1", "base"), ("docker.io/library/site:1", "first"), ("docker.io/library/site:2", "second"),
    ]  # fmt: skip


def test_containers_images_moves_and_signatures(told: Layerlog) -> None:
    told("tag", "site:1", "moved:1")
    told("tag", "-q", "site:2", "moved:1")
    told("rm", "app")
    told("rmi", "moved:1")
    rows = asked(told, "select name, removed, sealed > 0 sealed from containers where name in ('web', 'app') order by name")
    assert [tuple(row.values()) for row in rows] == [("app", 1, 1), ("web", 0, 1)]
    rows = asked(told, "select origin, count(*) n, sum(removed) removed from images group by origin order by origin")
    assert [tuple(row.values()) for row in rows] == [("Committed", 3, 0), ("ImageLoaded", 1, 0)]
    rows = asked(told, "select move, image is null gone, old is null first from tag_moves where tag = 'docker.io/library/moved:1' order by move")
    assert [tuple(row.values()) for row in rows] == [(1, 0, 1), (2, 0, 0), (3, 1, 0)]
    rows = asked(told, 'select s.signer, c.message from signatures s join commits c on c.id = s."commit"')
    assert len(rows) == 1
    told("undelete", "app")
    assert asked(told, "select removed from containers where name = 'app'") == [{"removed": 0}]


def test_an_event_of_a_kind_without_a_name_is_shown_too(told: Layerlog, tmp_path: Path) -> None:
    """A store that a layerlog to come has written in leaves nothing out of its log."""
    copy = mangled(told, tmp_path / "copy", "INSERT INTO event VALUES ((SELECT max(position) + 1 FROM event), 1, 99, 77, NULL, 0, 0, 0, 0, 0, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL)")
    assert asked(copy, "select event from event_log order by position desc limit 1") == [{"event": "kind 77"}]


def mangled(ll: Layerlog, path: Path, statement: str) -> Layerlog:
    copy = copied(ll, path)
    with closing(sqlite3.connect(path / "log.db")) as db:
        db.execute(statement)
        db.commit()
    return copy


def test_a_question_that_an_auditor_has(told: Layerlog) -> None:
    """Who changed what below /etc, by what command?"""
    rows = asked(told, "select time, author, actor, json_extract(command, '$[3]') verb, path from event_log where path glob '/etc/*' and known = 'recorded' and stream_kind = 'container' and command like '%web%'")
    assert [(row["verb"], row["path"]) for row in rows] == [("write", "/etc/motd")]


def test_contents(told: Layerlog) -> None:
    row = asked(told, "select sum(size) s, max(chunks) c from contents where chunks > 1")[0]
    assert row["s"] == 190_000 * 8
    assert row["c"] > 3
    assert asked(told, "select count(*) n from event_log e join contents c on c.digest = e.content where e.path = '/srv/large'")[0]["n"] == 1


def test_what_is_not_there_is_null(told: Layerlog) -> None:
    assert asked(told, "select content, target from event_log where event = 'StoreCreated'") == [{"content": None, "target": None}]
    assert asked(told, "select distinct base from contents") == [{"base": None}]


ODD_TEXTS = st.binary(max_size=12).map(lambda text: text.replace(b"\0", b"")) | st.lists(
    st.sampled_from([b"J\xfcrgen", b"\xed\xb3\xbc", b"\xed", b"\xb3", b"\xb2", b"\x80", b"\xc0", b"\xed\xb3\x80", b"\\", b"\\udcfc", b'"', b"ud", b"\n", b"\x01",
                     "\N{VIDEOCASSETTE}".encode(), "\N{GRINNING FACE}".encode(), "\ud55c\uae00".encode(), "\N{REPLACEMENT CHARACTER}".encode()])
).map(b"".join)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(ODD_TEXTS, ODD_TEXTS, ODD_TEXTS), min_size=1, max_size=20))
def test_text_of_any_bytes_is_valid_as_shown_and_exact_beside_it(texts: list[tuple[bytes, bytes, bytes]]) -> None:
    """Python's sqlite3, as sqlite-utils and Datasette, refuses a whole view for one invalid text."""
    with TemporaryDirectory() as folder:
        ll = Layerlog(Path(folder, "store"))
        with Store.open_or_create(ll.store) as store:
            for author, message, host in texts:
                named = Context({"login": "ada", "uid": 1, "host": os.fsdecode(host)}, ("layerlog", os.fsdecode(author)), os.fsdecode(author))
                with writing(store, named) as writer:
                    commands.create_store(writer)
                    made = commands.create_container(writer, f"c{len(message)}-{os.urandom(9).hex()}", None)
                    commands.commit(writer, made, parent=None, message=os.fsdecode(message), author=named.author, allow_empty=True)
        with closing(sqlite3.connect(Path(ll.store, "log.db"))) as db:
            for view in VIEWS:
                db.execute(f"SELECT * FROM {view}").fetchall()
            rows = db.execute("SELECT author, author_bytes, message, message_bytes, host, host_bytes, command FROM commits ORDER BY position").fetchall()
            assert [[exact(row[n], row[n + 1]) for n in (0, 2, 4)] for row in rows] == [[*text] for text in texts]
            assert [row[0:6:2] for row in rows] == [tuple(map(legible, text)) for text in texts]
            assert [json.loads(row[6])[1] for row in rows] == [row[0] for row in rows]
            assert db.execute("SELECT json_extract(detail, '$.author') FROM event_log WHERE event = 'Committed' ORDER BY position").fetchall() == [row[:1] for row in rows]


def exact(text: str | None, stored: bytes | None) -> bytes:
    return (text or "").encode() if stored is None else stored


def legible(text: bytes) -> str:
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in os.fsdecode(text))


@pytest.mark.parametrize("text", ["\ud800", "a\udc00", "\ud83d\ud83d\udcfc", "\udfff\ud83d"])
def test_any_lone_surrogate_becomes_text(tmp_path: Path, text: str) -> None:
    """Bytes leave those from dc80 to dcff alone; a program that uses the library could give others."""
    ll = Layerlog(tmp_path / "store")
    with Store.open_or_create(ll.store) as store, writing(store, Context({}, (), text)) as writer:
        commands.create_store(writer)
    with closing(sqlite3.connect(Path(ll.store, "log.db"))) as db:
        assert db.execute("SELECT author FROM event_log").fetchall() == [(shown(json.loads(json.dumps(text))),)]


def test_a_path_has_its_bytes_beside_it_where_it_is_escaped(told: Layerlog) -> None:
    with closing(sqlite3.connect(Path(told.store, "log.db"))) as db:
        rows = db.execute("SELECT DISTINCT path, path_bytes FROM event_log WHERE path LIKE '/srv/sub/%' OR path IN ('/\N{LATIN SMALL LETTER E WITH ACUTE}', '/srv')")
        assert dict(rows)["/srv/sub/od\\xff d\\nname\\x1b"] == b"/srv/sub/" + ODD
        assert {stored for path, stored in rows if "sub" not in path} <= {None}


@pytest.mark.parametrize("when", [-1, -1_000_000_000, -1_500_000_001, 0, 999_999_999, 1_700_000_000_000_000_001, -(2**62)])
def test_times_are_those_of_all_listings_before_1970_too(tmp_path: Path, when: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ll = Layerlog(tmp_path / "store")
    monkeypatch.setattr("time.time_ns", lambda: when)
    ll("create", "--name", "c", "scratch")
    with closing(sqlite3.connect(Path(ll.store, "log.db"))) as db:
        assert db.execute("SELECT DISTINCT time FROM event_log").fetchall() == [(rfc3339(when),)]


def test_views_change_nothing(told: Layerlog) -> None:
    command = [sys.executable, "-m", "sqlite_utils", "query", os.path.join(told.store, "log.db"), "update tags set tag = 'x'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot modify tags because it is a view" in done.stderr


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a thousand files, each written five times, each time in a changeset of its own."""
    path = tmp_path_factory.mktemp("long") / "store"
    with Store.open_or_create(str(path)) as store, writing(store, Context({}, (), "ada")) as writer:
        commands.create_store(writer)
        made = commands.create_container(writer, "c", None)
        for n in range(5_000):
            commands.record(writer, made, [put(b"f%d" % (n % 1_000), 0o100644, mtime=n)], live_view(store, made))
    return path


def steps(path: Path, query: str) -> int:
    """Return how many hundreds of steps of SQLite's machine *query* takes."""
    taken = 0

    def counted() -> int:
        nonlocal taken
        taken += 1
        return 0

    with closing(sqlite3.connect(path / "log.db")) as db:
        db.execute("SELECT * FROM event_log LIMIT 0")
        db.set_progress_handler(counted, 100)
        db.execute(query).fetchall()
        return taken


@pytest.mark.parametrize(("where", "rows"), [("path = '/f7'", 5), ("path LIKE '/f99_'", 50), ("path GLOB '/f1' AND author LIKE '%a%' ORDER BY position DESC", 5)])
def test_path_log_reads_the_events_of_the_paths_asked_for_alone(long: Path, where: str, rows: int) -> None:
    with closing(sqlite3.connect(long / "log.db")) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM path_log WHERE {where}")]
        assert "SEARCH e USING INDEX event_path (path=?)" in plan
        assert len(db.execute(f"SELECT * FROM path_log WHERE {where}").fetchall()) == rows
    with Store.open(str(long)) as store:
        assert len(list(ask(store.log, f"SELECT * FROM event_log WHERE {where}").rows)) == rows
        plan = [row[3] for row in ask(store.log, f"EXPLAIN QUERY PLAN SELECT * FROM event_log WHERE {where}").rows]
        assert "SEARCH e USING INDEX event_path (path=?)" in plan


@pytest.mark.parametrize("query", ["SELECT * FROM event_log WHERE position = 2", "SELECT * FROM event_log LIMIT 3", "SELECT * FROM event_log ORDER BY position DESC LIMIT 3", "SELECT * FROM containers"])
def test_a_small_answer_costs_little_however_long_the_log(long: Path, query: str) -> None:
    """Which changeset an event is in is looked up; walking there from the last one took as many steps as there are changesets."""
    assert steps(long, query) < 100


def test_path_log_has_the_events_about_paths_as_event_log_has_them(told: Layerlog) -> None:
    with closing(sqlite3.connect(Path(told.store, "log.db"))) as db:
        rows = db.execute("SELECT * FROM path_log ORDER BY position").fetchall()
        assert rows == db.execute("SELECT * FROM event_log WHERE path IS NOT NULL ORDER BY position").fetchall()
        assert {row[5] for row in rows} <= {path for (path,) in db.execute("SELECT path FROM paths")}
