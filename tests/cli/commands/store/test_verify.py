"""A store mangled in every way is found, and what was mangled is named exactly, with all that it touches."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from eventstore.integrity import scrub
from eventstore.store.store import Store
from tests.cli.invoking import Layerlog
from tests.mangling import Damage, copied


def named(rows: list[dict[str, Any]], check: str) -> list[tuple[str, str]]:
    return [(row["object"], row["problem"]) for row in rows if row["check"] == check]


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


def test_a_sound_store(told: Layerlog) -> None:
    assert told("verify").startswith("40 events, 19 changesets, ")
    assert told("verify").endswith("imported layers: all of it is sound\n")
    assert told("verify", "--quick") == "40 events, 19 changesets: all of it is sound\n"
    assert told.json("verify", "--sample", "50%")[-1] == {
        "check": "summary", "findings": 0, "events": 40, "changesets": 19, "contents": 29, "imported layers": 2,
    }  # fmt: skip


def test_an_empty_store(tmp_path: Path) -> None:
    ll = Layerlog(tmp_path / "store")
    assert ll.run("verify").stderr.startswith(f"layerlog: no store at {tmp_path}/store; ")
    assert os.listdir(tmp_path) == []
    Store.open_or_create(ll.store).close()
    assert ll("verify") == "0 events, 0 changesets, 0 contents, 0 imported layers: all of it is sound\n"


def test_a_store_that_lost_its_log_does_not_pass_for_an_empty_one(damage: Damage) -> None:
    os.unlink(Path(damage.ll.store, "log.db"))
    assert "has contents and no log.db; bring that back from a backup" in damage.ll.run("images").stderr
    assert not Path(damage.ll.store, "log.db").exists()


def test_what_a_checkpoint_was_good_for_is_said(told: Layerlog, tmp_path: Path) -> None:
    path = str(tmp_path / "monday.json")
    told("checkpoint", "-o", path)
    said = told("verify", "--quick", "--checkpoint", path)
    assert said == f"40 events, 19 changesets: all of it is sound and goes on from {path}\n"


# -- the log


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_one_flipped_bit_in_an_event(damage: Damage, options: tuple[str, ...]) -> None:
    position = damage.event("web", "/etc/motd")
    damage.sql(f"UPDATE event SET mtime = (mtime | 1) - (mtime & 1) WHERE position = {position}")
    row = only(damage.findings(*options))
    assert row["object"] == f"changeset {damage.changeset(position)}"
    assert row["problem"] == f"event {position} differs from what was sealed"
    assert (row["images"], row["containers"], row["paths"]) == (["site:1"], ["web"], ["/etc/motd"])


def test_a_swapped_pair_of_events(damage: Damage) -> None:
    one = damage.event("app", "/srv/page")
    damage.sql(
        f"UPDATE event SET position = -1 WHERE position = {one}",
        f"UPDATE event SET position = {one} WHERE position = {one + 1}",
        f"UPDATE event SET position = {one + 1} WHERE position = -1",
    )
    rows = damage.findings("--quick")
    assert [row["object"] for row in rows if "of its stream" in row["problem"]] == [f"event {one}", f"event {one + 1}"]
    assert [row["events"] for row in rows] == [[[one, one]], [[one + 1, one + 1]]] * 2


def test_a_tail_that_was_cut(damage: Damage) -> None:
    """What was left behind betrays it; cut without a trace, only a checkpoint knows."""
    number, first = damage.row("SELECT number, first FROM changeset ORDER BY number DESC LIMIT 1")
    checkpoint = str(Path(damage.ll.store).parent / "checkpoint.json")
    damage.ll("checkpoint", "-o", checkpoint)
    damage.sql(f"DELETE FROM event WHERE position >= {first}", f"DELETE FROM changeset WHERE number = {number}")
    assert all("the tail was cut" in row["problem"] for row in damage.findings("--quick"))
    damage.sql(
        "DELETE FROM stream WHERE id NOT IN (SELECT stream FROM event)",
        "DELETE FROM context WHERE id NOT IN (SELECT context FROM changeset)",
    )
    assert not [row for row in json_lines(damage.ll.run("verify", "--quick", "--format", "json").stdout) if row["check"] == "chain"]
    row = only(damage.findings("--quick", "--checkpoint", checkpoint))
    assert (row["check"], row["object"]) == ("checkpoint", f"changeset {number}")
    assert row["problem"].startswith("is gone: the tail was cut; missing of what the checkpoint counts: changesets 1, events 2")


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ("time = time + 1", "its time was changed"),
        ("wall = wall + 1", "its wall clock was changed"),
        ("root = zeroblob(32)", "its root was changed"),
        ("hash = zeroblob(32)", "its hash was changed"),
    ],
)
def test_an_edited_changeset(damage: Damage, edit: str, problem: str) -> None:
    damage.sql(f"UPDATE changeset SET {edit} WHERE number = 7")
    row = only(damage.findings("--quick"))
    assert (row["object"], row["problem"]) == ("changeset 7", problem)
    assert (row["images"], row["containers"]) == (["localhost/app:2", "site:2"], ["app"])


def test_a_changeset_or_an_event_that_is_gone(damage: Damage) -> None:
    damage.sql("DELETE FROM changeset WHERE number = 7")
    rows = damage.findings("--quick")
    assert ("changeset 7", "is missing: the next one there is 8") in named(rows, "chain")
    damage.sql("DELETE FROM event WHERE position = 36")
    assert ("event 36", "missing: event 37 comes next") in named(damage.findings("--quick"), "chain")


def test_an_event_that_was_slipped_in_behind_the_end(damage: Damage) -> None:
    damage.sql("INSERT INTO event SELECT 41, stream, version + 100, kind, path, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, effect, NULL, NULL FROM event WHERE position = 30")
    assert ("events 41 to 41", "belong to no changeset: the last one ends before 41") in named(damage.findings("--quick"), "chain")


@pytest.mark.parametrize(
    ("column", "value", "path"),
    [
        ("effect", "2", "/srv/page"),
        ("source", "2", "/srv/page"),
        ("source", "NULL", "/srv/index"),
        ("fresh", "NULL", "/srv/page"),
        ("node", "3", "/etc/motd"),
        ("node", "NULL", "/etc/motd"),
        ("id", "zeroblob(32)", "/srv/page"),
    ],
)
def test_an_edited_index_column(damage: Damage, column: str, value: str, path: str) -> None:
    position = damage.event("app", path)
    damage.sql(f"UPDATE event SET {column} = {value} WHERE position = {position}")
    rows = [row for row in damage.findings() if row["check"] == "index"]
    assert rows[0]["object"] == f"event {position}"
    assert f"its index column {column} " in rows[0]["problem"]
    assert (rows[0]["containers"], rows[0]["paths"]) == (["app"], [path])


def test_a_dropped_trigger_and_index(damage: Damage) -> None:
    damage.sql("DROP INDEX event_path")
    done = damage.ll.run("verify", "--quick")
    assert done.exit_code == 1
    assert "event_path: is missing; `layerlog repair` makes it anew\n" in done.stdout
    assert "event_no_update: is missing; `layerlog repair` makes it anew\n" in done.stdout


def test_an_edited_path_name(damage: Damage) -> None:
    """Two containers and both layers know the path; the layers' kept blobs say what it was."""
    damage.sql("UPDATE path SET name = x'6d6f7465' WHERE name = x'6d6f7464'")
    rows = damage.findings()
    suspects = [row["problem"] for row in rows if row["object"].startswith("path ")]
    assert any(problem.startswith("/etc/mote is in every changeset that differs") for problem in suspects)
    said = "states path etc/mote where its layer's tar has etc/motd"
    assert named(rows, "layer")[:2] == [("event 26", said), ("event 23", said)]


def test_a_path_that_loses_its_parent(damage: Damage) -> None:
    damage.sql("UPDATE path SET parent = 999 WHERE name = x'6d6f7464'")
    assert any("its parent is missing" in problem for _, problem in named(damage.findings(), "index"))


def test_an_edited_context(damage: Damage) -> None:
    position = damage.event("web", "/etc/motd")
    context = damage.row("SELECT context FROM changeset WHERE first = ?", position)[0]
    damage.sql(f"UPDATE context SET body = replace(body, 'layerlog', 'somebody') WHERE id = {context}")
    row = only(damage.findings("--quick"))
    assert row["object"] == f"changeset {damage.changeset(position)}"
    assert row["problem"] == f"its context {context} (who, command, why), or its own row, was changed"
    damage.sql(f"UPDATE context SET body = replace(body, 'somebody', 'layerlog') WHERE id = {context}")
    damage.sql("UPDATE context SET body = replace(body, 'ada', 'eve') WHERE id = 1")
    row = only(damage.findings("--quick"))
    assert (row["object"], row["problem"]) == ("context 1", "the who, command and why of 9 changesets was changed, or is missing")


def test_tree_nodes(damage: Damage) -> None:
    damage.sql("UPDATE tree_node SET hash = zeroblob(32) WHERE level = 2 AND number = 1", "DELETE FROM tree_node WHERE level = 1 AND number = 3")
    rows = named(damage.findings("--quick"), "chain")
    assert rows[0] == ("tree node 3 at level 1", "is missing")
    assert ("tree node 1 at level 2", "differs from the changesets below it") in rows


# -- contents


def test_one_flipped_byte_of_a_content(damage: Damage) -> None:
    content, segment, offset, stored = damage.row(
        "SELECT lower(hex(c.digest)), segment, offset, stored FROM content c JOIN event e ON e.content = c.digest WHERE e.position = ?",
        damage.event("app", "/srv/page"),
    )
    damage.flip(segment, offset + stored - 3)
    row = only(damage.findings())
    assert row["object"] == f"content sha256:{content}"
    assert row["problem"] == f"its bytes were changed (segments/000001, block at {offset})"
    assert (row["images"], row["containers"], row["paths"]) == (["site:2"], ["app"], ["/srv/page"])
    assert {row["check"] for row in json_lines(damage.ll.run("verify", "--quick", "--format", "json").stdout)} == {"schema", "summary"}


def test_a_chunk_of_a_large_file(damage: Damage) -> None:
    """The chunk is named, and the path that cannot be read without it; the rest of the file can."""
    offset, stored = damage.row("SELECT offset, stored FROM content WHERE size > 100000 AND parts IS NULL ORDER BY offset LIMIT 1")
    damage.flip(1, offset + stored // 2)
    row = only(damage.findings())
    assert row["object"].startswith("content sha256:")
    assert (row["images"], row["containers"], row["paths"]) == (["site:1"], ["web"], ["/srv/large"])


def test_every_flipped_bit_in_live_data_is_found(damage: Damage) -> None:
    """Any bit of any block, header and payload alike."""
    blocks = damage.rows("SELECT DISTINCT segment, offset, stored FROM content WHERE parts IS NULL")
    flips = [(segment, offset + at) for segment, offset, stored in blocks for at in {*range(16), stored // 2, stored - 1}]
    with Store.open_or_create(damage.ll.store) as store:
        for segment, place in flips:
            damage.flip(segment, place)
            store.content.forget()
            assert list(scrub.check(store, lambda _: None)), (segment, place)
            damage.flip(segment, place)


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_a_missing_segment(damage: Damage, options: tuple[str, ...]) -> None:
    os.unlink(damage.segment(1))
    row = only(damage.findings(*options))
    assert (row["object"], row["problem"]) == ("content/segments/000001", "is missing; contents lost with it: 26")
    assert row["images"] == ["base:1", "localhost/app:2", "site:1", "site:2"]
    assert row["containers"] == ["app", "made", "web"]
    assert {"/etc/motd", "/srv/large", "/srv/page", "/bin/sh"} <= set(row["paths"])


def test_a_truncated_segment(damage: Damage) -> None:
    size = os.path.getsize(damage.segment(1))
    os.truncate(damage.segment(1), size - 20)
    row = only(damage.findings("--quick"))
    assert (row["object"], row["problem"]) == ("content/segments/000001", f"was cut: it ends at byte {size - 20} of {size}; contents lost with it: 1")
    assert (row["images"], row["containers"], row["paths"]) == (["site:2"], ["app"], ["/srv/page"])


def test_a_lost_original_touches_its_image(damage: Damage) -> None:
    os.truncate(damage.segment(-1), 5)
    row = only(damage.findings("--quick"))
    assert row["object"] == "content/originals/000001"
    assert (row["images"], row["containers"]) == (["localhost/app:2", "site:2"], ["app"])


def test_a_content_row_that_is_gone(damage: Damage) -> None:
    position = damage.event("app", "/srv/page")
    damage.sql(f"DELETE FROM content WHERE digest = (SELECT content FROM event WHERE position = {position})")
    row = only(damage.findings("--quick"))
    assert row["problem"] == f"is missing: event {position} names it"
    assert row["paths"] == ["/srv/page"]


def test_swapped_contents(damage: Damage) -> None:
    """Each is sound, and is not what its name says."""
    one, other = damage.rows("SELECT lower(hex(content)), max(position) FROM event WHERE kind = 1 AND size = 3 OR size = 35 GROUP BY content")
    columns = "segment, offset, stored, start, size"
    places = [damage.row(f"SELECT {columns} FROM content WHERE lower(hex(digest)) = ?", digest) for digest, _ in (one, other)]
    for (digest, _), place in zip((one, other), reversed(places), strict=True):
        damage.sql(f"UPDATE content SET ({columns}) = {place} WHERE lower(hex(digest)) = '{digest}'")
    rows = damage.findings()
    assert {row["object"] for row in rows if "its bytes were changed" in row["problem"]} == {f"content sha256:{one[0]}", f"content sha256:{other[0]}"}
    assert {f"event {one[1]}", f"event {other[1]}"} <= {row["object"] for row in rows}


def test_a_config_that_is_gone_names_its_image(damage: Damage) -> None:
    damage.sql("DELETE FROM content WHERE lower(hex(digest)) = (SELECT json_extract(detail, '$.config') FROM event WHERE kind = 41)")
    row = damage.findings("--quick")[0]
    assert "is missing: event" in row["problem"]
    assert row["images"] == ["localhost/app:2", "site:2"]


def test_an_event_that_states_another_size(damage: Damage) -> None:
    """The content says which of the two is wrong: the chain knows the event."""
    position = damage.event("app", "/srv/page")
    damage.sql(f"UPDATE event SET size = size + 1 WHERE position = {position}")
    assert any(problem.startswith("states 36 bytes where its content") for _, problem in named(damage.findings("--quick"), "content"))


# -- everything else


def test_every_finding_is_told_not_only_the_first(damage: Damage) -> None:
    position = damage.event("web", "/etc/motd")
    damage.sql(f"UPDATE event SET uid = 7 WHERE position = {position}", "UPDATE changeset SET time = time + 1 WHERE number = 5")
    os.unlink(damage.segment(-1))
    damage.sql("UPDATE tree_node SET hash = zeroblob(32) WHERE level = 1 AND number = 0")
    objects = {row["object"] for row in damage.findings("--quick")}
    assert {f"changeset {damage.changeset(position)}", "changeset 5", "content/originals/000001", "tree node 0 at level 1"} <= objects


def test_a_page_of_the_database_that_is_lost(damage: Damage) -> None:
    """SQLite itself cannot read on; that is told, and nothing crashes."""
    with open(damage.log, "r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096 * 6))
    done = damage.ll.run("verify")
    assert done.exit_code == 1
    assert "this is a bug" not in done.stderr


def test_the_undamaged_stays_readable(damage: Damage) -> None:
    offset, stored = damage.row("SELECT offset, stored FROM content WHERE size > 100000 AND parts IS NULL ORDER BY offset LIMIT 1")
    damage.flip(1, offset + stored // 2)
    assert damage.ll("cat", "app:/srv/index") == "a page of text that nobody else has"
    assert "is damaged" in damage.ll.run("cat", "web:/srv/large").stderr


def test_a_cache_that_lies(told: Layerlog, tmp_path: Path) -> None:
    ll = copied(told, tmp_path / "copy")
    ll("save", "-o", str(tmp_path / "out.tar"), "site:1")
    folder = Path(ll.store, "cache/encoded")
    for file in folder.iterdir():
        file.write_text(json.dumps({"diff_id": "00" * 32, "size": 1}))
    done = ll.run("verify")
    assert done.exit_code == 1
    assert "remembers 000000000000 where its layer is" in done.stdout
    assert "0 of them changed" not in (rebuilt := ll.run("rebuild")).stdout
    assert rebuilt.exit_code == 1
    assert ll("verify").endswith("all of it is sound\n")
    assert "entries computed anew, 0 of them changed" in ll("rebuild")


def test_options(told: Layerlog, tmp_path: Path) -> None:
    assert "is no share" in told.run("verify", "--sample", "0%").stderr
    assert told.run("verify", "--checkpoint", str(tmp_path / "none")).stderr == f"layerlog: {tmp_path}/none: no such file\n"


def test_text_in_a_finding_cannot_forge_a_line(damage: Damage) -> None:
    """A path with a newline and an escape sequence is shown escaped, on its line."""
    damage.ll("write", "web:/a\nall of it is sound\x1b[2J", "--text", "x")
    position = damage.row("SELECT max(position) FROM event")[0]
    damage.sql(f"UPDATE event SET uid = 9 WHERE position = {position}")
    shown = damage.ll.run("verify", "--quick").stdout
    assert "\x1b" not in shown
    assert "/a\\nall of it is sound\\x1b[2J" in shown


def test_a_reader_without_the_right_to_write_can_verify(told: Layerlog, tmp_path: Path) -> None:
    shutil.copytree(told.store, tmp_path / "copy")
    for folder, _, names in os.walk(tmp_path / "copy"):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o400)
    assert Layerlog(tmp_path / "copy")("verify", "--quick").endswith("all of it is sound\n")
