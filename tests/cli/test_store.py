"""Upkeep: what may go goes, what was asked to go is gone, what was damaged comes back, and nothing else changes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eventstore import commands, compaction
from eventstore.store import Store
from tests import images
from tests.cli.archived import ONE, archived
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.conftest import ADA
from tests.mangling import Damage, copied, large, story

SECRET = "hunter2-" + "".join(f"{n:03x}" for n in range(999, 1300))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Layerlog:
    return story(tmp_path_factory.mktemp("told") / "store")


@pytest.fixture
def ll(told: Layerlog, tmp_path: Path) -> Layerlog:
    return copied(told, tmp_path / "store")


def sizes(ll: Layerlog) -> dict[str, dict[str, int]]:
    return {row["type"]: row for row in ll.json("df")}


def answers(ll: Layerlog) -> list[str]:
    """What a user sees of the whole store."""
    asked = (["images", "--digests"], ["ps", "-a"], ["log", "web"], ["ls", "-l", "web:/etc"], ["cat", "web:/srv/large"], ["cat", "app:/srv/index"])
    return [re.sub(r"(\d+ seconds? ago|Less than a second ago)? +", " ", ll(*question)) for question in asked]


def bytes_on_disk(store: str, needle: bytes) -> list[str]:
    """Return the files of the store in which *needle* stands."""
    found = []
    for folder, _, names in os.walk(store):
        found += [name for name in names if needle in Path(folder, name).read_bytes()]
    return found


# -- df, rebuild


def test_df(ll):
    shown = ll("df").splitlines()
    assert re.split(r"  +", shown[0]) == ["TYPE", "COUNT", "SIZE", "RECLAIMABLE", "HOW"]
    assert [line.split()[0] for line in shown[1:]] == ["images", "containers", "contents", "originals", "log", "cache"]
    found = sizes(ll)
    assert (found["images"]["count"], found["containers"]["count"], found["log"]["count"]) == (4, 2, 40)
    assert found["contents"]["size"] == os.path.getsize(os.path.join(ll.store, "content/segments/000001"))
    assert found["originals"]["count"] == 2
    assert found["originals"]["reclaimable"] == found["originals"]["size"]
    assert ll("df", "-q").split() == ["images", "containers", "contents", "originals", "log", "cache"]


def test_rebuild_changes_no_answer(ll, tmp_path):
    ll("save", "-o", str(tmp_path / "one.tar"), "site:1")
    before = answers(ll)
    assert ll("rebuild").startswith("2 entries computed anew, 0 of them changed; ")
    ll("save", "-o", str(tmp_path / "two.tar"), "site:1")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert answers(ll) == before


# -- gc


def leave_garbage(ll: Layerlog, name: bytes = b"") -> None:
    """Name contents that no event names, and leave what a killed writer leaves: bytes that nothing names."""
    with ll.writer() as writer, writer.transaction():
        for number in range(50):
            writer.content.put(name + os.urandom(20_000) + b"%d" % number)
    die_writing(ll, os.urandom(100_000))


def die_writing(ll: Layerlog, data: bytes) -> None:
    with open(os.path.join(ll.store, "content/segments/000001"), "ab") as file:
        file.write(data)


def test_gc_frees_what_nothing_names(ll):
    before, held = answers(ll), sizes(ll)["contents"]["size"]
    leave_garbage(ll)
    assert sizes(ll)["contents"]["size"] > held + 1_000_000
    planned = ll("gc", "--dry-run")
    assert planned.startswith("would remove 50 contents, freeing 1.1")
    assert ll("gc") == planned.replace("would remove", "removed")
    assert sizes(ll)["contents"]["size"] <= held
    assert sizes(ll)["contents"]["reclaimable"] == 0
    assert answers(ll) == before
    assert ll("gc") == "removed 0 contents, freeing 0B\n"


def test_gc_of_originals_says_what_it_costs(ll, tmp_path):
    ll("save", "-o", str(tmp_path / "kept.tar"), "app:2")
    before = answers(ll)
    said = ll("gc", "--originals")
    assert "2 blobs (" in said
    assert "the manifests that name them can no longer be given out as they came" in said
    assert sizes(ll)["originals"] == {"type": "originals", "count": 0, "size": 0, "reclaimable": 0, "how": ""}
    assert answers(ll) == before
    ll("save", "-o", str(tmp_path / "anew.tar"), "app:2")
    assert ll("events", "--format", "json").count('"OriginalsDropped"') == 1
    ll("gc", "--originals")
    assert ll("events", "--format", "json").count('"OriginalsDropped"') == 1


def test_an_original_that_is_also_a_file_stays_one(tmp_path):
    """A layer's blob that somebody also keeps as a file is both; dropping originals leaves the file."""
    ll = with_base(tmp_path / "store")
    blob = images.image("gzip").layers[0].open().read()
    with_loaded(ll, "app:2")
    ll("write", "web:/srv/layer.tar.gz", stdin=blob)
    ll("gc", "--originals")
    assert ll.raw("cat", "web:/srv/layer.tar.gz") == blob


def test_a_reader_with_an_open_segment_survives_a_gc(ll):
    with Store.open(ll.store) as reader:
        digest = bytes.fromhex(ll.entry("web:/etc/motd")["digest"].removeprefix("sha256:"))
        reader.content.read_all(digest)
        leave_garbage(ll)
        ll("gc")
        assert reader.content.read_all(digest) == b"one"
        assert b"".join(reader.content.read(bytes.fromhex(ll.entry("web:/srv/large")["digest"].removeprefix("sha256:")))) == large()


def test_a_reader_in_the_middle_of_a_walk_keeps_its_segments(ll):
    """Files that an old state of the log names are removed by the gc after its readers are gone."""
    with Store.open(ll.store) as reader:
        rows = reader.db.execute("SELECT position FROM event")
        rows.fetchone()
        leave_garbage(ll)
        assert "1 segments are still being read; the next gc removes them" in ll("gc")
        assert reader.content.read_all(bytes.fromhex(ll.entry("web:/etc/motd")["digest"].removeprefix("sha256:"))) == b"one"
        rows.close()
    assert "still being read" not in ll("gc")
    assert len(os.listdir(os.path.join(ll.store, "content/segments"))) == 1


def test_gc_waits_for_a_writer(ll):
    with ll.writer() as writer:
        program = "from cli.main import main; main()"
        running = subprocess.Popen([sys.executable, "-c", program, "--store", ll.store, "gc"], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1.0)
        digest = writer.content.put(b"kept because it is named in time")
        with writer.transaction():
            commands.record_image(writer, commands.Kind.IMAGE_SAVED, "00" * 32, digest)
    assert running.communicate()[0].startswith(b"removed 0 contents")
    with Store.open(ll.store) as store:
        assert store.content.read_all(digest) == b"kept because it is named in time"


# -- prune


def test_prune_erases_what_only_removed_things_hold(ll):
    ll("create", "--name", "gone", "base:1")
    ll("write", "gone:/x", "--text", SECRET)
    ll("write", "gone:/y", "--text", "one")
    assert ll("prune", "-n") == "0 contents (0B) that only removed things hold\n"
    ll("rm", "gone")
    assert ll("prune", "--contents-before", "1 hour ago", "-y") == "0 contents (0B) that only removed things hold\n"
    assert ll("prune", "--dry-run") == "1 contents (911B) that only removed things hold\n"
    assert bytes_on_disk(ll.store, SECRET[:40].encode())
    ll("prune", "-y")
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    ll("undelete", "gone")
    assert "was erased on request" in ll.refused("cat", "gone:/x")
    assert ll("cat", "gone:/y") == "one"


def test_prune_of_a_removed_image(ll):
    ll("rm", "app")
    assert "0 contents" in ll("prune", "-n"), "site:2 holds what it wrote"
    ll("rmi", "site:2")
    assert "1 contents" in ll("prune", "-n"), "app:2 holds its layers"
    ll("rmi", "app:2")
    assert "5 contents" in ll("prune", "-y")
    assert ll.run("verify").stdout.count("was erased on request by event") == 5
    assert sizes(ll)["originals"]["size"] == 0


def test_a_fork_keeps_what_its_base_wrote(ll):
    ll("create", "--name", "gone", "base:1")
    ll("write", "gone:/x", "--text", SECRET)
    ll("write", "gone:/z", "--text", "only here, and after the fork")
    ll("fork", "--name", "kept", "gone@2")
    ll("rm", "gone")
    assert ll("prune", "-y").startswith("1 contents (29B)")
    assert ll("cat", "kept:/x") == SECRET


# -- erase


def test_erase_removes_the_bytes(ll, tmp_path):
    ll("write", "web:/root", "--text", SECRET)
    ll("commit", "-m", "oops", "web", "leaky:1")
    ll("save", "-o", str(tmp_path / "out.tar"), "leaky:1")
    digest = ll.entry("web:/root")["digest"]
    said = ll("erase", "--path", "web:/root", "--reason", "a password\nforged", "-y")
    assert said.splitlines()[0] == f"content {digest} (911B)"
    assert "held by images leaky:1; containers web; paths /root\n" in said
    assert "tags that ever named such an image: leaky:1\n" in said
    assert re.search(r"^save to .*out\.tar at 2.*: that copy still holds it$", said, re.MULTILINE)
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    assert "was erased on request" in ll.refused("cat", "web:/root")
    assert f"content {digest}: was erased on request by event" in ll("verify")
    assert ": a password\\nforged\n" in ll("verify")
    assert ll("cat", "web:/etc/motd") == "one"
    assert ll.raw("cat", "web:/srv/large") == large()


def test_what_was_erased_may_not_come_back(ll):
    ll("write", "web:/secret", "--text", SECRET)
    digest = ll.entry("web:/secret")["digest"]
    ll("erase", "--content", digest, "--reason", "x", "-y")
    assert "was erased on request (event " in ll.refused("write", "web:/again", "--text", SECRET)
    assert ll("erase", "--content", digest, "--reason", "a mistake", "--let-return") == ""
    ll("write", "web:/again", "--text", SECRET)
    assert ll("cat", "web:/secret") == SECRET
    assert "was not erased" in ll.refused("erase", "--content", digest, "--reason", "x", "--let-return")


def test_erase_of_a_dictionary_and_a_block_mate(ll):
    """Versions of a file are stored as differences from the first: those stay readable when it goes."""
    lines = [f"setting_{n} = {n * n}" for n in range(300)]
    ll("write", "web:/conf", "--text", SECRET + "\n".join(lines))
    first = ll.entry("web:/conf")["digest"]
    for number in range(5):
        lines[number] = f"changed {number}"
        ll("write", "web:/conf", "--text", SECRET + "\n".join(lines))
    with Store.open(ll.store) as store:
        assert store.db.execute("SELECT count(*) FROM content WHERE base = ?", (bytes.fromhex(first[7:]),)).fetchone()[0] == 5
    ll("erase", "--content", first, "--reason", "x", "-y")
    assert ll("cat", "web:/conf") == SECRET + "\n".join(lines)
    version = ll.entry("web:/conf")["origin"]["version"]
    assert ll("cat", f"web@{version - 2}:/conf").count("changed") == 3
    assert "was erased" in ll.refused("cat", f"web@{version - 5}:/conf")


def test_erase_of_a_large_file_leaves_shared_chunks(ll):
    """A copy with a small edit shares chunks: they stay, and it is said."""
    edited = large().replace(b"0000007\n", SECRET.encode() + b"\n", 1)
    ll("write", "web:/srv/edited", stdin=edited)
    said = ll("erase", "--path", "web:/srv/edited", "--reason", "x", "-y")
    assert "chunks that stay, since other contents share them: " in said
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    assert ll.raw("cat", "web:/srv/large") == large()


def test_erase_of_a_file_from_elsewhere_drops_its_blob(ll, tmp_path):
    said = ll("erase", "--path", "app:2:/bin/sh", "--reason", "x", "-y")
    assert "1 compressed blobs are dropped" in said
    assert "held by images localhost/app:2, site:2; containers app; paths /bin/sh\n" in said
    assert sizes(ll)["originals"]["count"] == 1
    assert "cannot be re-encoded: content sha256:" in ll("verify")
    assert "was erased" in ll.refused("save", "-o", str(tmp_path / "x.tar"), "app:2")
    assert ll("cat", "app:2:/etc/motd") == "bye\n"


def test_erase_cleans_what_was_never_named(ll):
    """A writer that died, or two that wrote the same, leave bytes that no row names: those go too."""
    ll("write", "web:/secret", "--text", SECRET + "!")
    die_writing(ll, SECRET.encode())
    ll("write", "web:/other", "--text", "behind it")
    die_writing(ll, SECRET.encode())
    assert bytes_on_disk(ll.store, SECRET.encode()[:200])
    ll("erase", "--path", "web:/secret", "--reason", "x", "-y")
    assert bytes_on_disk(ll.store, SECRET.encode()[:200]) == []
    assert ll("cat", "web:/other") == "behind it"


@pytest.mark.parametrize("how", ["erase", "gc"])
def test_an_interrupted_erasure_is_finished(ll, how):
    """Killed between the event and the wiping, the store says so, and the next gc or erase does the rest."""
    ll("write", "web:/secret", "--text", SECRET)
    digest = ll.entry("web:/secret")["digest"]
    with Store.open(ll.store) as store, store.alone(ADA) as writer:
        compaction.will_wipe(store)
        with writer.transaction():
            commands.erase_contents(writer, {bytes.fromhex(digest[7:]): len(SECRET)}, "x")
            store.db.execute("DELETE FROM content WHERE digest = ?", (bytes.fromhex(digest[7:]),))
    assert "an erasure was interrupted before its bytes were gone; run `layerlog gc`" in ll.run("verify", "--quick").stdout
    ll(*{"gc": ("gc",), "erase": ("erase", "--content", digest, "--reason", "x", "-y")}[how])
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    ll("verify")


def test_erase_refuses(ll):
    assert "is not a digest" in ll.refused("erase", "--content", "sha256:xyz", "--reason", "x", "-y")
    assert "is not here; `layerlog find`" in ll.refused("erase", "--content", "00" * 32, "--reason", "x", "-y")
    assert "is no file with a content" in ll.refused("erase", "--path", "web:/etc", "--reason", "x", "-y")
    assert "Name what to erase" in ll.run("erase", "--reason", "x").stderr
    assert "Missing option '--reason'" in ll.run("erase", "--path", "web:/etc/motd").stderr
    asked = ll.run("erase", "--path", "web:/etc/motd", "--reason", "x", stdin="n\n")
    assert (asked.exit_code, asked.stderr.splitlines()[-1]) == (1, "layerlog: stopped: not confirmed")
    assert ll("cat", "web:/etc/motd") == "one"
    ll("erase", "--path", "web:/etc/motd", "--reason", "x", "-n")
    assert ll("cat", "web:/etc/motd") == "one"


# -- repair


@pytest.fixture
def damage(told: Layerlog, tmp_path: Path) -> Damage:
    return Damage(copied(told, tmp_path / "copy"))


def break_everything(damage: Damage) -> None:
    """Flip a bit in every block of the contents proper."""
    for offset, stored in damage.rows("SELECT DISTINCT offset, stored FROM content WHERE parts IS NULL AND segment = 1"):
        damage.flip(1, offset + stored - 1)


def test_repair_of_a_sound_store(ll):
    before = answers(ll)
    assert ll("repair") == "0 contents brought back, 0 findings left\n"
    assert answers(ll) == before


def test_repair_from_another_store(told, damage):
    break_everything(damage)
    done = damage.ll.run("repair", "--from", told.store)
    assert done.exit_code == 0, done.stdout
    assert re.search(r"^\d\d contents brought back, 0 findings left$", done.stdout, re.MULTILINE)
    assert answers(damage.ll) == answers(told)
    assert damage.ll("verify").endswith("all of it is sound\n")
    assert not os.path.exists(os.path.join(damage.ll.store, "quarantine"))


def test_repair_from_kept_blobs(damage):
    """The compressed blob of a layer is a copy of its files and of its framing."""
    break_everything(damage)
    done = damage.ll.run("repair")
    assert done.exit_code == 1
    assert damage.ll("cat", "app:2:/etc/motd") == "bye\n"
    assert damage.ll.raw("cat", "app:/bin/sh") == b"#!" * 3000
    assert "paths /srv/large" in done.stdout
    assert "is missing from the store" in damage.ll.run("cat", "web:/srv/large").stderr
    assert len(os.listdir(os.path.join(damage.ll.store, "quarantine"))) >= 5


def test_repair_from_an_archive(tmp_path):
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


def test_repair_of_a_missing_segment_keeps_the_way_back(told, damage, tmp_path):
    """A segment that is merely somewhere else may be put back: its rows stay."""
    os.rename(damage.segment(1), tmp_path / "aside")
    assert damage.ll.run("repair").exit_code == 1
    os.rename(tmp_path / "aside", damage.segment(1))
    assert damage.ll("verify").endswith("all of it is sound\n")
    assert answers(damage.ll) == answers(told)


def test_repair_makes_triggers_and_indexes_anew(damage):
    damage.sql("DROP INDEX event_path")
    assert "made anew: event_path\n" in damage.ll("repair")
    assert damage.ll("verify").endswith("all of it is sound\n")


def test_repair_names_what_it_needs(ll, tmp_path):
    assert ll.refused("repair", "--from", str(tmp_path / "none")) == f"{tmp_path}/none: no such store, folder or archive; check the spelling"


# -- backup


def test_a_backup_is_a_store(ll, tmp_path):
    copy = Layerlog(tmp_path / "copy")
    said = ll("backup", copy.store)
    assert re.fullmatch(r"40 events in 19 changesets; [\d.]+kB of contents copied and verified\n", said)
    assert answers(copy) == answers(ll)
    assert copy("verify") == ll("verify")
    assert copy("checkpoint") == ll("checkpoint")
    assert os.stat(copy.store).st_mode & 0o777 == 0o700


def test_the_next_backup_copies_what_is_new(ll, tmp_path):
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


def test_an_erasure_reaches_the_next_backup(ll, tmp_path):
    copy = Layerlog(tmp_path / "copy")
    ll("write", "web:/secret", "--text", SECRET)
    ll("backup", copy.store)
    ll("erase", "--path", "web:/secret", "--reason", "x", "-y")
    assert bytes_on_disk(copy.store, SECRET[:40].encode())
    ll("backup", copy.store)
    assert bytes_on_disk(copy.store, SECRET[:40].encode()) == []


def test_restore(ll, tmp_path):
    ll("backup", str(tmp_path / "copy"))
    back = Layerlog(tmp_path / "back")
    back("backup", "--restore", str(tmp_path / "copy"))
    assert answers(back) == answers(ll)
    assert back("verify") == ll("verify")
    back("write", "web:/goes/on".replace("/goes", ""), "--text", "x")
    assert "is not empty; move it away" in back.refused("backup", "--restore", str(tmp_path / "copy"))


def test_a_damaged_backup_is_no_backup(told, damage, tmp_path):
    break_everything(damage)
    assert re.search(r"findings\); run `layerlog verify`", damage.ll.run("backup", str(tmp_path / "b")).stderr)


def test_backup_refuses(ll, tmp_path):
    other = with_base(tmp_path / "other")
    assert "holds another store" in ll.refused("backup", other.store)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "holds other things" in ll.refused("backup", str(tmp_path / "full"))
    assert "is the store itself" in ll.refused("backup", ll.store)
    assert "is no store" in Layerlog(tmp_path / "new").run("backup", "--restore", str(tmp_path / "full")).stderr
    older = tmp_path / "older"
    ll("backup", str(older))
    Layerlog(older)("write", "web:/x", "--text", "somebody writes to the backup")
    assert "changesets that this one has not" in ll.refused("backup", str(older))
