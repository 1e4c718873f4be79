"""Room: what may go goes, what only removed things hold is pruned on request, and no answer changes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.display.formats import human_size
from eventstore.model.events import Kind
from eventstore.model.facts import Departure
from eventstore.retention import collection
from eventstore.store import commands
from eventstore.store.store import Store
from tests import images
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.cli.running import ROOT
from tests.mangling import large
from tests.upkeep import SECRET, answers, bytes_on_disk, leave_garbage, sizes


def test_df(ll: Layerlog) -> None:
    shown = ll("df").splitlines()
    assert re.split(r"  +", shown[0]) == ["TYPE", "COUNT", "SIZE", "RECLAIMABLE", "HOW"]
    assert [line.split()[0] for line in shown[1:]] == ["images", "containers", "contents", "originals", "log", "cache"]
    found = sizes(ll)
    assert (found["images"]["count"], found["containers"]["count"], found["log"]["count"]) == (4, 2, 40)
    assert found["contents"]["size"] == os.path.getsize(os.path.join(ll.store, "content/segments/000001"))
    assert found["originals"]["count"] == 2
    assert found["originals"]["reclaimable"] == found["originals"]["size"]
    assert ll("df", "-q").split() == ["images", "containers", "contents", "originals", "log", "cache"]


def test_rebuild_changes_no_answer(ll: Layerlog, tmp_path: Path) -> None:
    ll("save", "-o", str(tmp_path / "one.tar"), "site:1")
    before = answers(ll)
    assert ll("rebuild").startswith("2 entries computed anew, 0 of them changed; ")
    ll("save", "-o", str(tmp_path / "two.tar"), "site:1")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert answers(ll) == before


def test_gc_frees_what_nothing_names(ll: Layerlog) -> None:
    before, held = answers(ll), sizes(ll)["contents"]["size"]
    leave_garbage(ll)
    assert sizes(ll)["contents"]["size"] > held + 1_000_000
    planned = ll("gc", "--dry-run")
    assert planned.startswith("would remove 50 contents, freeing 1.1")
    assert ll("gc") == planned.replace("would remove", "removed")
    assert sizes(ll)["contents"]["size"] <= held
    assert sizes(ll)["contents"]["reclaimable"] == 0
    assert answers(ll) == before
    assert ll("gc").startswith("removed 0 contents, ")  # what the answers left in cache/
    assert ll("gc") == "removed 0 contents, freeing 0B\n"


def test_gc_says_whose_the_bytes_are(ll: Layerlog) -> None:
    """Contents', the cache's and the originals', which add up to all of it; said beforehand as afterwards."""
    leave_garbage(ll)
    answers(ll)
    planned = {options: ll("gc", "-n", *options) for options in ((), ("--originals",))}
    parts = {options: re.findall(r"[(,] ?(?!freeing)([a-z]+) [0-9.]+k?M?B", text) for options, text in planned.items()}
    assert parts == {(): ["contents", "cache"], ("--originals",): ["contents", "cache", "originals"]}
    with Store.open_or_create(ll.store) as store:
        found = collection.survey(store)
    assert f"(contents {human_size(found.content_bytes)}, cache {human_size(found.cache_bytes)})" in planned[()]
    assert ll("gc", "--originals") == planned["--originals",].replace("would remove", "removed")
    ll("ls", "-l", "app:2")
    ll("images")
    assert re.fullmatch(r"would remove 0 contents, freeing [^ ]+ \(cache [^ ]+\)\n", ll("gc", "-n"))


def test_gc_of_originals_says_what_it_costs(ll: Layerlog, tmp_path: Path) -> None:
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


def test_an_original_that_is_also_a_file_stays_one(tmp_path: Path) -> None:
    """A layer's blob that somebody also keeps as a file is both; dropping originals leaves the file."""
    ll = with_base(tmp_path / "store")
    blob = images.image("gzip").layers[0].open().read()
    with_loaded(ll, "app:2")
    ll("write", "web:/srv/layer.tar.gz", stdin=blob)
    ll("gc", "--originals")
    assert ll.raw("cat", "web:/srv/layer.tar.gz") == blob


def test_a_reader_with_an_open_segment_survives_a_gc(ll: Layerlog) -> None:
    with Store.open_or_create(ll.store) as reader:
        digest = bytes.fromhex(ll.entry("web:/etc/motd")["digest"].removeprefix("sha256:"))
        reader.content.read_all(digest)
        leave_garbage(ll)
        ll("gc")
        assert reader.content.read_all(digest) == b"one"
        assert b"".join(reader.content.read(bytes.fromhex(ll.entry("web:/srv/large")["digest"].removeprefix("sha256:")))) == large()


def test_a_reader_in_the_middle_of_a_walk_keeps_its_segments(ll: Layerlog) -> None:
    """Files that an old state of the log names are removed by the gc after its readers are gone."""
    with Store.open_or_create(ll.store) as reader:
        rows = reader.db.execute("SELECT position FROM event")
        rows.fetchone()
        leave_garbage(ll)
        assert "still being read, and left to the next gc: 1 segment\n" in ll("gc")
        assert reader.content.read_all(bytes.fromhex(ll.entry("web:/etc/motd")["digest"].removeprefix("sha256:"))) == b"one"
        rows.close()
    assert "still being read" not in ll("gc")
    assert len(os.listdir(os.path.join(ll.store, "content/segments"))) == 1


def test_gc_waits_for_a_writer(ll: Layerlog) -> None:
    with ll.writer() as writer:
        program = "from cli.main import main; main()"
        running = subprocess.Popen([sys.executable, "-c", program, "--store", ll.store, "gc"], stdout=subprocess.PIPE, cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1.0)
        digest = writer.content.put(b"kept because it is named in time")
        with writer.transaction():
            commands.record_image(writer, Kind.IMAGE_SAVED, "00" * 32, digest, Departure("", 1, [], ""))
    assert running.communicate()[0].startswith(b"removed 0 contents")
    with Store.open_or_create(ll.store) as store:
        assert store.content.read_all(digest) == b"kept because it is named in time"


def test_prune_erases_what_only_removed_things_hold(ll: Layerlog) -> None:
    ll("create", "--name", "gone", "base:1")
    ll("write", "gone:/x", "--text", SECRET)
    ll("write", "gone:/y", "--text", "one")
    assert ll("prune", "-n") == "would erase 0 contents (0B) that only removed things hold\n"
    ll("rm", "gone")
    assert ll("prune", "--contents-before", "1 hour ago", "-y") == "would erase 0 contents (0B) that only removed things hold\n"
    assert ll("prune", "--dry-run") == "would erase 1 content (911B) that only removed things hold\n"
    assert bytes_on_disk(ll.store, SECRET[:40].encode())
    assert ll.run("prune", stdin="n\n").stdout.startswith("would erase 1 content (911B) that only removed things hold\n")
    assert ll("prune", "-y") == "erased 1 content (911B) that only removed things held\n"
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    ll("undelete", "gone")
    assert "was erased on request" in ll.refused("cat", "gone:/x")
    assert ll("cat", "gone:/y") == "one"


def test_prune_of_a_removed_image(ll: Layerlog) -> None:
    ll("rm", "app")
    assert "0 contents" in ll("prune", "-n"), "site:2 holds what it wrote"
    ll("rmi", "site:2")
    assert "1 content" in ll("prune", "-n"), "app:2 holds its layers"
    ll("rmi", "app:2")
    assert "5 contents" in ll("prune", "-y")
    assert len(re.findall(r"^content \S+: was erased on request by event", ll.run("verify").stdout, re.MULTILINE)) == 5
    assert sizes(ll)["originals"]["size"] == 0


def test_a_fork_keeps_what_its_base_wrote(ll: Layerlog) -> None:
    ll("create", "--name", "gone", "base:1")
    ll("write", "gone:/x", "--text", SECRET)
    ll("write", "gone:/z", "--text", "only here, and after the fork")
    ll("fork", "--name", "kept", "gone@2")
    ll("rm", "gone")
    assert ll("prune", "-y").startswith("erased 1 content (29B)")
    assert ll("cat", "kept:/x") == SECRET
