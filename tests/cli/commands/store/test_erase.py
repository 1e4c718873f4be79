"""Erasing: the bytes are gone from the disk, the log says so and verifies, and everything else stays readable."""

import re
from pathlib import Path

import pytest

from cli.session.actor import observed_actor
from eventstore.retention import compaction
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import alone
from tests.cli.archived import inspected
from tests.cli.invoking import Layerlog
from tests.conftest import ADA
from tests.mangling import large
from tests.upkeep import SECRET, bytes_on_disk, die_writing, sizes


def test_erase_removes_the_bytes(ll: Layerlog, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "command",
    ["cat web:/s", "blame --lines web:/s", "cp web:/s {out}", "cp web:/. {new}", "export -o {out} web", "checkout web {new}",
     "save -o {out} leaky:1"],
)  # fmt: skip
def test_whoever_meets_what_was_erased_is_told_what_when_by_whom_and_what_to_do(
    ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Ada <ada@x>")
    ll("write", "web:/s", "--text", SECRET)
    ll("commit", "web", "leaky:1")
    digest = ll.entry("web:/s")["digest"]
    ll("erase", "--path", "web:/s", "--reason", "a\npassword", "-y")
    position = ll.head()[1]
    said = ll.refused(*command.format(out=tmp_path / "out", new=tmp_path / "new").split())
    assert said.startswith(f"/s: content {digest} was erased on request by event {position} (2")
    assert re.search(r" [+-]\d\d:\d\d, Ada <ada@x>, seen as \S+@\S+\): a\\npassword; ", said)
    assert "to go on without it, delete the path in the container, and make images anew with `layerlog erase --derive`" in said
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "new" / "s").exists() or "is incomplete: remove it" in said


@pytest.mark.parametrize("text", ["pw=Zanzibar77", 'quo"ted \\ words', "日本語の秘密です", "two\nlines of it"])
def test_what_the_log_itself_says_of_it_stays_and_is_told(ll: Layerlog, text: str) -> None:
    ll("write", "web:/s", stdin=text + "\n")
    ll("write", "web:/other", stdin="none of it\n")
    ll("commit", "-m", f"wrote {text.splitlines()[-1]} there", "web", "leaky:1")
    sealed = ll.json("log", "-1", "web")[0]["position"]
    said = ll("erase", "-n", "--path", "web:/s", "--reason", "x")
    assert f"\nstays in the log, where nothing is changed: a line of it in the command line or message of event {sealed}\n" in said
    assert "stays in the log" not in ll("erase", "-n", "--path", "web:/other", "--reason", "x")


def test_the_way_out_that_is_named_leads_out(ll: Layerlog, tmp_path: Path) -> None:
    ll("write", "web:/s", "--text", SECRET)
    ll("commit", "web", "leaky:1")
    digest = ll.entry("web:/s")["digest"]
    assert "can then no longer be saved; with --derive" in ll("erase", "--path", "web:/s", "--reason", "x", "-y")
    assert "--derive" in ll.refused("save", "-o", str(tmp_path / "out.tar"), "leaky:1")
    assert "no longer be saved" not in ll("erase", "--derive", "--content", digest, "--reason", "x", "-y")
    ll("save", "-o", str(tmp_path / "out.tar"), "leaky:1")
    ll("delete", "web:/s")
    ll("checkout", "web", str(tmp_path / "out"))


def test_inspect_shows_what_is_still_known_and_says_what_was_erased(ll: Layerlog, tmp_path: Path) -> None:
    ll("write", "web:/s", "--text", SECRET)
    ll("commit", "-m", "oops", "-c", "ENV A=b", "web", "leaky:1")
    ll("save", "-o", str(tmp_path / "out.tar"), "leaky:1")
    whole = inspected(ll, "leaky:1")
    ll("erase", "--path", "web:/s", "--reason", "a password", "-y")
    found = inspected(ll, "leaky:1")
    (erased,) = found["Layerlog"].pop("Erased")
    assert whole["Layerlog"].pop("Erased") == []
    digest = ll.entry("web:/s")["digest"]
    assert (erased["Path"], erased["Content"], erased["Event"], erased["Reason"]) == ("/s", digest, ll.head()[1], "a password")
    lost = whole["RootFS"]["Layers"].pop()
    assert found["RootFS"]["Layers"] == [*whole["RootFS"].pop("Layers"), None]
    assert found.pop("RootFS")
    assert lost not in str(found)
    del whole["RootFS"]
    assert found == whole, "the config's digest too: it left with the archive"


def test_a_config_digest_that_nobody_ever_saw_is_not_known_after_an_erasure(ll: Layerlog) -> None:
    ll("write", "web:/s", "--text", SECRET)
    ll("commit", "web", "leaky:1")
    ll("erase", "--path", "web:/s", "--reason", "x", "-y")
    assert inspected(ll, "leaky:1")["Layerlog"]["ConfigDigest"] is None
    assert inspected(ll, "site:1")["Layerlog"]["ConfigDigest"].startswith("sha256:")


def test_an_erased_config_takes_no_other_image_along(ll: Layerlog) -> None:
    """The list goes on, and inspect says all that did not stand in the config."""
    whole = inspected(ll, "app:2")
    ll("erase", "--content", whole["Id"], "--reason", "x", "-y")
    assert {row["created"] for row in ll.json("images", "app")} == {""}
    assert len(ll.json("images")) == 4
    found = inspected(ll, "app:2")
    assert [one["Path"] for one in found["Layerlog"]["Erased"]] == [None]
    assert (found["Config"], found["Layerlog"]["ConfigDigest"]) == (None, whole["Id"])
    assert [found[key] for key in ("Id", "RepoTags", "RootFS", "Size")] == [whole[key] for key in ("Id", "RepoTags", "RootFS", "Size")]
    assert inspected(ll, "site:2")["Layerlog"]["Message"] == "second"


def test_blame_names_who_erased_the_content_of_what_is_there_and_of_what_is_not(ll: Layerlog) -> None:
    ll("write", "web:/s", "--text", SECRET)
    ll("erase", "--path", "web:/s", "--reason", "a password", "-y")
    position = ll.head()[1]
    assert ll.json("blame", "web:/s")[0]["erased"]["event"]["detail"]["reason"] == "a password"
    assert f"  event    {position}\n" in ll("blame", "web:/s").partition("erased: ")[2]
    ll("delete", "web:/s")
    assert ll.json("blame", "web:/s")[0]["erased"]["event"]["position"] == position
    assert ll.json("blame", "web:/etc/motd")[0]["erased"] is None


def test_what_was_erased_may_not_come_back(ll: Layerlog) -> None:
    """The refusal says what, when, by whom and why, and the command that lets it come back is the one that it names."""
    ll("write", "web:/secret", "--text", SECRET)
    digest = ll.entry("web:/secret")["digest"]
    ll("erase", "--content", digest, "--reason", "x", "-y")
    position = ll.head()[1]
    said = ll.refused("write", "web:/again", "--text", SECRET)
    assert said.startswith(f"content {digest} was erased on request by event {position} (2")
    step = f"layerlog erase --let-return --content {digest} --reason TEXT"
    assert said.endswith(f", seen as {observed_actor()['login']}@{observed_actor()['host']}): x; it may not come back, unless `{step}` lets it")
    assert ll(*step.split()[1:]) == ""
    ll("write", "web:/again", "--text", SECRET)
    assert ll("cat", "web:/secret") == SECRET
    assert "was not erased" in ll.refused("erase", "--content", digest, "--reason", "x", "--let-return")


def test_erase_of_a_dictionary_and_a_block_mate(ll: Layerlog) -> None:
    """Versions of a file are stored as differences from the first: those stay readable when it goes."""
    lines = [f"setting_{n} = {n * n}" for n in range(300)]
    ll("write", "web:/conf", "--text", SECRET + "\n".join(lines))
    first = ll.entry("web:/conf")["digest"]
    for number in range(5):
        lines[number] = f"changed {number}"
        ll("write", "web:/conf", "--text", SECRET + "\n".join(lines))
    with Store.open_or_create(ll.store) as store:
        assert store.db.execute("SELECT count(*) FROM content WHERE base = ?", (bytes.fromhex(first[7:]),)).fetchone()[0] == 5
    ll("erase", "--content", first, "--reason", "x", "-y")
    assert ll("cat", "web:/conf") == SECRET + "\n".join(lines)
    version = ll.entry("web:/conf")["origin"]["version"]
    assert ll("cat", f"web@{version - 2}:/conf").count("changed") == 3
    assert "was erased" in ll.refused("cat", f"web@{version - 5}:/conf")


def test_erase_of_a_large_file_leaves_shared_chunks(ll: Layerlog) -> None:
    """A copy with a small edit shares chunks: they stay, and it is said."""
    edited = large().replace(b"0000007\n", SECRET.encode() + b"\n", 1)
    ll("write", "web:/srv/edited", stdin=edited)
    said = ll("erase", "--path", "web:/srv/edited", "--reason", "x", "-y")
    assert "chunks that stay, since other contents share them: " in said
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    assert ll.raw("cat", "web:/srv/large") == large()


def test_erase_of_a_file_from_elsewhere_drops_its_blob(ll: Layerlog, tmp_path: Path) -> None:
    said = ll("erase", "--path", "app:2:/bin/sh", "--reason", "x", "-y")
    assert "1 compressed blobs are dropped" in said
    assert "held by images localhost/app:2, site:2; containers app; paths /bin/sh\n" in said
    assert sizes(ll)["originals"]["count"] == 1
    assert "cannot be re-encoded: content sha256:" in ll("verify")
    assert "was erased" in ll.refused("save", "-o", str(tmp_path / "x.tar"), "app:2")
    assert ll("cat", "app:2:/etc/motd") == "bye\n"


def test_erase_cleans_what_was_never_named(ll: Layerlog) -> None:
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
def test_an_interrupted_erasure_is_finished(ll: Layerlog, how: str) -> None:
    """Killed between the event and the wiping, the store says so, and the next gc or erase does the rest."""
    ll("write", "web:/secret", "--text", SECRET)
    digest = ll.entry("web:/secret")["digest"]
    with Store.open_or_create(ll.store) as store, alone(store, ADA) as writer:
        compaction.will_wipe(store)
        with writer.transaction():
            commands.erase_contents(writer, {bytes.fromhex(digest[7:]): len(SECRET)}, "x")
            store.db.execute("DELETE FROM content WHERE digest = ?", (bytes.fromhex(digest[7:]),))
    assert "an erasure was interrupted before its bytes were gone; run `layerlog gc`" in ll.run("verify", "--quick").stdout
    ll(*{"gc": ("gc",), "erase": ("erase", "--content", digest, "--reason", "x", "-y")}[how])
    assert bytes_on_disk(ll.store, SECRET[:40].encode()) == []
    ll("verify")


def test_erase_refuses(ll: Layerlog) -> None:
    assert "is no digest" in ll.refused("erase", "--content", "sha256:xyz", "--reason", "x", "-y")
    assert "is not here; `layerlog find`" in ll.refused("erase", "--content", "00" * 32, "--reason", "x", "-y")
    assert "is no file with a content" in ll.refused("erase", "--path", "web:/etc", "--reason", "x", "-y")
    assert "Name what to erase" in ll.run("erase", "--reason", "x").stderr
    assert "Missing option '--reason'" in ll.run("erase", "--path", "web:/etc/motd").stderr
    asked = ll.run("erase", "--path", "web:/etc/motd", "--reason", "x", stdin="n\n")
    assert asked.exit_code == 1
    assert asked.stderr.endswith("layerlog: stopped: not confirmed\n")
    assert ll("cat", "web:/etc/motd") == "one"
    ll("erase", "--path", "web:/etc/motd", "--reason", "x", "-n")
    assert ll("cat", "web:/etc/motd") == "one"


def test_images_are_made_anew_without_it(ll: Layerlog, tmp_path: Path) -> None:
    """Each image that has a name, born here or loaded, and the links to the file; what did not hold it stays itself."""
    ll("write", "app:/secret", "--text", SECRET)
    ll("link", "app:/secret", "app:/alias")
    ll("commit", "-m", "oops", "app", "leaky:1")
    ll("write", "app:/later", "--text", "later")
    ll("commit", "-m", "later", "app", "leaky:2")
    digest = ll.entry("app:/secret")["digest"]
    untouched = ll.json("images", "site")
    ll("fork", "app", "--name", "gone")
    ll("rm", "gone")
    said = ll("erase", "--content", digest, "--reason", "x", "--derive", "-y").splitlines()
    assert "what is committed later in app may stand on it still: go on in a container of an image made anew" in said
    pairs = dict(line.split(" -> ") for line in said if " -> " in line)
    assert len(pairs) == 2
    assert {row["id"] for row in ll.json("images", "leaky")} == set(pairs.values())
    assert ll("ls", "leaky:2:/").split() == [name for name in ll("ls", "app:/").split() if name not in ("secret", "alias")]
    assert ll("cat", "leaky:2:/later") == "later"
    assert ll.json("images", "site") == untouched
    ll("save", "-o", str(tmp_path / "out.tar"), "leaky:2")
    other = Layerlog(tmp_path / "other")
    other("load", "-i", str(tmp_path / "out.tar"))
    assert other("cat", "leaky:2:/srv/index") == "a page of text that nobody else has"


def test_a_loaded_image_is_made_anew(ll: Layerlog, tmp_path: Path) -> None:
    said = ll("erase", "--path", "app:2:/bin/sh", "--reason", "x", "--derive", "-y")
    assert said.count(" -> ") == 2, "app:2, and site:2 that stands on it"
    assert ll("ls", "app:2:/") == "etc\n", "the tar had no entry for bin"
    assert ll("cat", "app:2:/etc/motd") == "bye\n"
    ll("save", "-o", str(tmp_path / "out.tar"), "app:2")
