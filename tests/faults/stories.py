"""What the fault tests do to a store: steps of a working day, and what must be true once each is acknowledged."""

import gzip
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from eventstore.errors import ErasedError
from eventstore.index.names import container_named
from eventstore.store.store import Store
from projections.refs import references, targets
from projections.tree.view import View
from tests.hostile.making import docker_archive
from tests.projections.tar_blocks import END, entry

BIG = b"".join(b"%07d\n" % number for number in range(40_000))
TEXTS = {name: f"the text of {name}\n" for name in ("motd", "hosts", "issue")}
LAYERS = (entry(b"etc/motd", b"hello\n") + entry(b"big", BIG) + END, entry(b"etc/hosts", b"::1\n") + END)
IMAGE = "localhost/app:1"


ERASED = b"was erased"
SECRET = "a secret that nobody else has\n"


class Step(NamedTuple):
    """`argv` without the store; `holds` is asked of the store in which it was acknowledged, and after all later steps."""

    argv: Sequence[str]
    holds: Callable[[Store], bool]


_OPEN: list[Store] = []


def keep_open(path: str) -> int:
    """Open the store and read it, so that no later command of this process is the last one, which empties the WAL."""
    _OPEN.append(Store.open_or_create(path))
    return _OPEN[-1].log.head().position * 0


def _no_time(text: str) -> int:
    raise AssertionError(text)


def view(store: Store, ref: str) -> View:
    target = references.resolve(store.log, ref, _no_time)
    return targets.view(store, target)


def text(store: Store, ref: str, path: bytes) -> bytes | None:
    """Return what the file holds, or None where there is none; any damage raises."""
    found = view(store, ref)
    entry_there = found.lookup(path)
    return None if entry_there is None else b"".join(found.read(entry_there))


def is_whole(path: Path) -> bool:
    """Whether an image archive has its documents, and ends."""
    with tarfile.open(path) as tar:
        return {"index.json", "manifest.json", "oci-layout"} <= set(tar.getnames())


def secret(store: Store) -> bytes | None:
    try:
        return text(store, "app", b"etc/secret")
    except ErasedError:
        return ERASED


def there(ref: str) -> Callable[[Store], bool]:
    return lambda store: bool(references.resolve(store.log, ref, _no_time))


def holds(ref: str, path: bytes, data: bytes | None) -> Callable[[Store], bool]:
    return lambda store: text(store, ref, path) == data


def day(folder: Path) -> list[Step]:
    """A working day whose host files lie in *folder*: loads, writes, commits, removals."""
    (folder / "big").write_bytes(BIG)
    (folder / "image.tar").write_bytes(docker_archive(*LAYERS, stored=(LAYERS[0], gzip.compress(LAYERS[1])), name=IMAGE))
    return [
        Step(["create", "--name", "web", "scratch"], there("web")),
        Step(["write", "-p", "--text", TEXTS["motd"], "web:/etc/motd"], holds("web", b"etc/motd", TEXTS["motd"].encode())),
        Step(["cp", str(folder / "big"), "web:/big"], holds("web", b"big", BIG)),
        Step(["commit", "-m", "one", "web", "localhost/web:1"], holds("localhost/web:1", b"big", BIG)),
        Step(["load", "-i", str(folder / "image.tar")], holds(IMAGE, b"etc/motd", b"hello\n")),
        Step(["create", "--name", "app", IMAGE], there("app")),
        Step(["create", "--name", "old", IMAGE], there(IMAGE)),
        Step(["write", "--text", TEXTS["hosts"], "app:/etc/hosts"], holds("app", b"etc/hosts", TEXTS["hosts"].encode())),
        Step(["move", "app:/etc/motd", "app:/etc/moved"], holds("app", b"etc/moved", b"hello\n")),
        Step(["delete", "app:/big"], holds("app", b"big", None)),
        Step(["write", "--text", SECRET, "app:/etc/secret"], lambda store: secret(store) in (SECRET.encode(), ERASED)),
        Step(["commit", "-m", "two", "app", "localhost/app:2"], holds("localhost/app:2", b"big", None)),
        Step(["tag", "localhost/app:2", "localhost/app:new"], there("localhost/app:new")),
        Step(["rm", "old"], lambda store: container_named(store.log, "old") is None),
        Step(["erase", "-y", "--path", "app:/etc/secret", "--reason", "a test"], lambda store: secret(store) == ERASED),
        Step(["gc"], holds("localhost/web:1", b"big", BIG)),
        Step(["write", "-p", "--text", TEXTS["issue"], "app:/etc/issue"], holds("app", b"etc/issue", TEXTS["issue"].encode())),
        Step(["gc", "--originals"], holds(IMAGE, b"etc/hosts", b"::1\n")),
    ]
