"""Repair and backup: what was damaged comes back from whoever has it, and a backup is a store."""

import os
import random
import re
from pathlib import Path

import pytest

from tests.cli.archived import ONE, archived
from tests.cli.invoking import Layerlog, with_base
from tests.mangling import DAMAGES, Damage, copied, damage_page, indexes
from tests.upkeep import SECRET, answers, bytes_on_disk, leave_garbage


def break_everything(damage: Damage) -> None:
    """Flip a bit in every block of the contents proper."""
    for offset, stored in damage.rows("SELECT DISTINCT offset, stored FROM content WHERE parts IS NULL AND segment = 1"):
        damage.flip(1, offset + stored - 1)


def test_repair_of_a_sound_store(ll: Layerlog) -> None:
    before = answers(ll)
    assert ll("repair") == "0 contents brought back, 0 findings left\n"
    assert answers(ll) == before


def test_repair_from_another_store(told: Layerlog, damage: Damage) -> None:
    break_everything(damage)
    done = damage.ll.run("repair", "--from", told.store)
    assert done.exit_code == 0, done.stdout
    assert re.search(r"^\d\d contents brought back, 0 findings left$", done.stdout, re.MULTILINE)
    assert answers(damage.ll) == answers(told)
    assert damage.ll("verify").endswith("all of it is sound\n")
    assert not os.path.exists(os.path.join(damage.ll.store, "quarantine"))


def test_repair_from_kept_blobs(damage: Damage) -> None:
    """The compressed blob of a layer is a copy of its files and of its framing."""
    break_everything(damage)
    done = damage.ll.run("repair")
    assert done.exit_code == 1
    assert damage.ll("cat", "app:2:/etc/motd") == "bye\n"
    assert damage.ll.raw("cat", "app:/bin/sh") == b"#!" * 3000
    assert "paths /srv/large" in done.stdout
    assert "is missing from the store" in damage.ll.run("cat", "web:/srv/large").stderr
    assert len(os.listdir(os.path.join(damage.ll.store, "quarantine"))) >= 5


def test_repair_from_an_archive(tmp_path: Path) -> None:
    """An archive gives back files, framing, config, and the blobs themselves."""
    path = archived(tmp_path, ONE)
    other = Layerlog(tmp_path / "other")
    other("load", "-i", path)
    damage = Damage(other)
    for segment in (1, -1):
        if os.path.exists(damage.segment(segment)):
            os.unlink(damage.segment(segment))
    assert other.run("verify", "--quick").exit_code == 1
    done = other.run("repair", "--from", path)
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    assert other("verify").endswith("all of it is sound\n")


def test_repair_of_a_missing_segment_keeps_the_way_back(told: Layerlog, damage: Damage, tmp_path: Path) -> None:
    """A segment that is merely somewhere else may be put back: its rows stay."""
    os.rename(damage.segment(1), tmp_path / "aside")
    assert damage.ll.run("repair").exit_code == 1
    os.rename(tmp_path / "aside", damage.segment(1))
    assert damage.ll("verify").endswith("all of it is sound\n")
    assert answers(damage.ll) == answers(told)


def test_repair_makes_triggers_and_indexes_anew(damage: Damage) -> None:
    damage.sql("DROP INDEX event_path")
    assert "made anew: event_path\n" in damage.ll("repair")
    assert damage.ll("verify").endswith("all of it is sound\n")


@pytest.mark.parametrize("how", DAMAGES)
def test_repair_makes_indexes_of_sound_rows_anew(told: Layerlog, ll: Layerlog, how: str) -> None:
    """Whichever and however many of them are damaged."""
    for root in indexes(ll).values():
        damage_page(ll, root, how)
    assert "log.db: SQLite " in ll.run("verify").stdout
    assert "written anew: log.db" in ll("repair")
    assert ll("verify") == told("verify")
    assert answers(ll) == answers(told)
    assert "written anew" not in ll("repair")


def test_no_damaged_index_passes_for_a_bug(told: Layerlog, tmp_path: Path) -> None:
    asked = (["ps"], ["log", "web"], ["ls", "web"], ["events"], ["blame", "web:/etc/motd"], ["repair"])
    for name, root in indexes(told).items():
        ll = copied(told, tmp_path / name)
        damage_page(ll, root, random.Random(name).choice(DAMAGES))
        said = [ll.run(*args).stderr for args in asked]
        assert not [line for line in said if "this is a bug" in line], (name, said)
        assert ll("verify").endswith("all of it is sound\n"), name


@pytest.mark.parametrize("table", ["event", "changeset", "context"])
def test_repair_says_that_rows_are_lost(ll: Layerlog, damage: Damage, table: str) -> None:
    """What is left is kept as it is: no log is written anew that has less."""
    root = damage.row(f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")[0]
    damage_page(damage.ll, root, "emptied")
    before = Path(damage.log).read_bytes()
    assert "bring back a backup" in damage.ll.run("repair").stderr
    assert Path(damage.log).read_bytes() == before


def test_repair_from_the_archive_that_save_wrote(told: Layerlog, damage: Damage, tmp_path: Path) -> None:
    """Files of commits made here, small and large, come back from their layers; what else these hold stays out."""
    whole = copied(told, tmp_path / "whole")
    whole("save", "-o", str(tmp_path / "one.tar"), "site:1")
    whole("save", "-o", str(tmp_path / "two.tar"), "site:2")
    break_everything(damage)
    contents = set(damage.rows("SELECT digest FROM content"))
    assert damage.ll.run("repair", "--from", str(tmp_path / "one.tar")).exit_code == 1
    assert damage.ll.raw("cat", "web:/srv/large") == told.raw("cat", "web:/srv/large")
    assert damage.ll.run("cat", "app:/srv/index").exit_code == 1
    damage.ll.run("repair", "--from", str(tmp_path / "two.tar"))
    assert damage.ll("cat", "app:/srv/index") == told("cat", "app:/srv/index")
    assert set(damage.rows("SELECT digest FROM content")) <= contents


@pytest.mark.parametrize("write", [[], ["f"], ["f", "g"]])
def test_repair_of_a_store_without_contents(tmp_path: Path, write: list[str]) -> None:
    """None was ever there, or all were erased by mistake and may return."""
    ll, copy = Layerlog(tmp_path / "store"), str(tmp_path / "copy")
    ll("create", "--name", "c", "scratch")
    for name in write:
        ll("write", f"c:/{name}", "--text", name)
    ll("backup", copy)
    for name in write:
        ll("erase", "-y", "--path", f"c:/{name}", "--reason", "oops")
        ll("erase", "--let-return", "--path", f"c:/{name}", "--reason", "mistake")
    assert ll("repair", "--from", copy) == f"{len(write)} content{'s' * (len(write) != 1)} brought back, 0 findings left\n"
    assert [ll("cat", f"c:/{name}") for name in write] == write


def test_repair_names_what_it_needs(ll: Layerlog, tmp_path: Path) -> None:
    assert ll.refused("repair", "--from", str(tmp_path / "none")) == f"{tmp_path}/none: no such store, folder or archive; check the spelling"


def test_a_backup_is_a_store(ll: Layerlog, tmp_path: Path) -> None:
    copy = Layerlog(tmp_path / "copy")
    said = ll("backup", copy.store)
    assert re.fullmatch(r"40 events in 19 changesets; [\d.]+kB of contents copied and verified\n", said)
    assert answers(copy) == answers(ll)
    assert copy("verify") == ll("verify")
    assert copy("checkpoint") == ll("checkpoint")
    assert os.stat(copy.store).st_mode & 0o777 == 0o700


def test_the_next_backup_copies_what_is_new(ll: Layerlog, tmp_path: Path) -> None:
    copy = Layerlog(tmp_path / "copy")
    ll("backup", copy.store)
    assert "; 0B of contents" in ll("backup", copy.store)
    ll("write", "web:/new", "--text", "new")
    assert "; 19B of contents" in ll("backup", copy.store)
    leave_garbage(ll)
    ll("gc", "--originals")
    ll("backup", copy.store)
    assert os.listdir(os.path.join(copy.store, "content/segments")) == os.listdir(os.path.join(ll.store, "content/segments"))
    assert answers(copy) == answers(ll)
    assert copy("verify").endswith("all of it is sound\n")


def test_an_erasure_reaches_the_next_backup(ll: Layerlog, tmp_path: Path) -> None:
    copy = Layerlog(tmp_path / "copy")
    ll("write", "web:/secret", "--text", SECRET)
    ll("backup", copy.store)
    ll("erase", "--path", "web:/secret", "--reason", "x", "-y")
    assert bytes_on_disk(copy.store, SECRET[:40].encode())
    ll("backup", copy.store)
    assert bytes_on_disk(copy.store, SECRET[:40].encode()) == []


def test_restore(ll: Layerlog, tmp_path: Path) -> None:
    ll("backup", str(tmp_path / "copy"))
    back = Layerlog(tmp_path / "back")
    back("backup", "--restore", str(tmp_path / "copy"))
    assert answers(back) == answers(ll)
    assert back("verify") == ll("verify")
    back("write", "web:/goes/on".replace("/goes", ""), "--text", "x")
    assert "is not empty; move it away" in back.refused("backup", "--restore", str(tmp_path / "copy"))


def test_a_damaged_backup_is_no_backup(told: Layerlog, damage: Damage, tmp_path: Path) -> None:
    break_everything(damage)
    assert re.search(r"findings\); \S+/b stays as it was; run `layerlog verify`", damage.ll.run("backup", str(tmp_path / "b")).stderr)


def test_backup_refuses(ll: Layerlog, tmp_path: Path) -> None:
    other = with_base(tmp_path / "other")
    assert "holds another store" in ll.refused("backup", other.store)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "holds other things" in ll.refused("backup", str(tmp_path / "full"))
    assert "is the store itself" in ll.refused("backup", ll.store)
    assert "no store at" in Layerlog(tmp_path / "new").run("backup", "--restore", str(tmp_path / "full")).stderr
    older = tmp_path / "older"
    ll("backup", str(older))
    Layerlog(older)("write", "web:/x", "--text", "somebody writes to the backup")
    assert "changesets that this one has not" in ll.refused("backup", str(older))
