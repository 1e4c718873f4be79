"""A backup loses nothing that could still be wanted, whatever happens to its store, and whatever is tried out in it."""

import os
import random
from hashlib import sha256
from pathlib import Path

import pytest

from eventstore.content.reader import Content
from eventstore.errors import LayerlogError
from eventstore.retention import reachability
from eventstore.store.store import Store
from tests.cli.invoking import Layerlog
from tests.conftest import findings
from tests.mangling import Damage

STORIES = 5


def readable(path: str) -> set[bytes]:
    """Return the digests of all contents whose bytes are there, and are theirs."""
    with Store.open(path) as store:
        return {digest for (digest,) in store.db.execute("SELECT digest FROM content") if is_whole(store.content, digest)}


def is_whole(content: Content, digest: bytes) -> bool:
    try:
        return sha256(content.read_all(digest)).digest() == digest
    except (LayerlogError, OSError):
        return False


def wanted(path: str) -> set[bytes]:
    """Return the contents that files of the store have, and that were not erased for good."""
    with Store.open(path) as store:
        named = {row[0] for row in store.db.execute("SELECT content FROM event WHERE kind = 1 AND content IS NOT NULL")}
        return named - reachability.erased(store.log).keys()


class Story:
    """What may happen to a store between two backups; each content is of this story alone."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.draw = random.Random(seed)
        self.ll, self.copy = Layerlog(folder / "mine"), Layerlog(folder / "copy")
        self.ll("create", "--name", "c", "scratch")
        self.files: list[str] = []
        for _ in range(5):
            self.write()
        self.ll("commit", "c", "a:1")
        self.ll("backup", self.copy.store)

    def write(self) -> None:
        size = self.draw.choice([10, 10, 500, 300_000])
        self.files.append(f"c:/f{len(self.files)}")
        self.ll("write", self.files[-1], stdin=self.draw.randbytes(size))

    def erase(self) -> None:
        self.ll.run("erase", "-y", "--path", self.draw.choice(self.files), "--reason", "oops")

    def let_return(self) -> None:
        self.ll.run("erase", "--let-return", "--path", self.draw.choice(self.files), "--reason", "mistake")

    def erase_by_mistake(self) -> None:
        file = self.draw.choice(self.files)
        self.ll.run("erase", "-y", "--path", file, "--reason", "oops")
        self.ll.run("erase", "--let-return", "--path", file, "--reason", "mistake")

    def collect(self) -> None:
        self.ll("gc")

    def lose_a_segment(self) -> None:
        folder = os.path.join(self.ll.store, "content/segments")
        if names := sorted(os.listdir(folder)):
            os.unlink(os.path.join(folder, self.draw.choice(names)))

    def lose_a_row(self) -> None:
        rows = Damage(self.ll).rows("SELECT hex(digest) FROM content ORDER BY digest")
        if rows:
            Damage(self.ll).sql(f"DELETE FROM content WHERE digest = x'{self.draw.choice(rows)[0]}'")
        self.ll.run("repair")

    def repair(self) -> None:
        self.ll.run("repair", "--from", self.copy.store)

    def drill(self) -> None:
        self.copy.run("save", "-o", os.devnull, "a:1")

    def back_up(self) -> None:
        before, head = readable(self.copy.store), self.copy("checkpoint")
        done = self.ll.run("backup", self.copy.store)
        now = readable(self.copy.store)
        if done.exit_code:
            assert before <= now
            assert self.copy("checkpoint") == head
        else:
            assert before & wanted(self.ll.store) <= now
            assert self.copy("checkpoint") == self.ll("checkpoint")
        assert findings(self.copy.store) == []


@pytest.mark.parametrize("seed", range(STORIES))
def test_a_backup_only_ever_gains(tmp_path: Path, seed: int) -> None:
    story = Story(tmp_path, seed)
    chances = [
        story.write, story.write, story.erase, story.let_return, story.erase_by_mistake, story.erase_by_mistake, story.collect,
        story.lose_a_segment, story.lose_a_row, story.repair, story.drill, story.back_up, story.back_up,
    ]  # fmt: skip
    for _ in range(16):
        story.draw.choice(chances)()
    story.back_up()
    for path in (story.ll.store, story.copy.store):
        assert "this is a bug" not in Layerlog(Path(path)).run("verify").stderr


def test_what_is_erased_for_good_leaves_the_backup_beside_what_may_return(tmp_path: Path) -> None:
    """Both lie in one block of the backup; a third, erased before the backup, never came there."""
    ll, copy = Layerlog(tmp_path / "mine"), Layerlog(tmp_path / "copy")
    ll("create", "--name", "c", "scratch")
    (tmp_path / "d").mkdir()
    for name in ("mistake", "secret", "other"):
        (tmp_path / "d" / name).write_bytes(name.encode() * 20)
    ll("cp", str(tmp_path / "d"), "c:/d")
    ll("backup", copy.store)
    for name in ("mistake", "secret"):
        ll("erase", "-y", "--path", f"c:/d/{name}", "--reason", "x")
    ll("erase", "--let-return", "--path", "c:/d/mistake", "--reason", "x")
    for _ in range(3):
        done = ll.run("backup", copy.store)
        assert done.exit_code == 0
        assert "1 content missing here stayed in the backup" in done.stderr
        assert copy("cat", "c:/d/mistake", "c:/d/other") == "mistake" * 20 + "other" * 20
        assert not [path for path in (tmp_path / "copy").rglob("*") if path.is_file() and b"secretsecret" in path.read_bytes()]
        ll("write", "c:/more", stdin=os.urandom(1000))
    assert "1 content brought back, 0 findings left" in ll("repair", "--from", copy.store)
    assert ll.run("backup", copy.store).stderr == ""
    assert ll("verify").partition(",")[0] == copy("verify").partition(",")[0]


def test_a_drill_in_the_backup_is_told_of_when_it_is_replaced(tmp_path: Path) -> None:
    ll, copy = Layerlog(tmp_path / "mine"), Layerlog(tmp_path / "copy")
    ll("create", "--name", "c", "scratch")
    ll("write", "--text", "1", "c:/f")
    ll("commit", "c", "a:1")
    ll("backup", copy.store)
    for name in ("one", "two"):
        copy("save", "-o", str(tmp_path / name), "a:1")
    done = ll.run("backup", copy.store)
    assert done.exit_code == 0
    assert done.stderr.count("ImageSaved at ") == 2
    assert copy("checkpoint") == ll("checkpoint")
    copy("save", "-o", str(tmp_path / "three"), "a:1")
    copy("create", "--name", "mine", "a:1")
    assert "its own begin with ContainerCreated" in ll.refused("backup", copy.store)
    assert copy("cat", "mine:/f") == "1"
