"""Where a path leads: as the kernel finds it from a root that is the tree's."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from eventstore.errors import ConflictError
from eventstore.model.paths import plain, spelled
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.refs.containers import live_view
from projections.tree.symlinks import follow
from projections.tree.view import View
from tests.cli.hosttrees import as_root
from tests.conftest import ADA
from tests.trees import Literal, Symlink, changes

NAMES = ("a", "b", "c")


def some_path(chance: random.Random, most: int = 5) -> str:
    parts = chance.choices((*NAMES, "..", "."), (3, 3, 3, 2, 1), k=chance.randint(1, most))
    return chance.choice(("", "/")) + chance.choice(("/", "//")).join(parts) + chance.choice(("", "", "/", "/."))


def some_tree(chance: random.Random, depth: int = 0) -> Literal:
    found: Literal = {}
    for name in NAMES:
        match chance.randrange(5 if depth < 3 else 3):
            case 0:
                found[name] = b"x"
            case 1:
                found[name] = Symlink(some_path(chance, 3))
            case 3 | 4:
                found[name] = some_tree(chance, depth + 1)
    return found


def built(folder: Path, tree: Literal) -> None:
    folder.mkdir()
    for name, node in tree.items():
        if isinstance(node, dict):
            built(folder / name, node)
        elif isinstance(node, Symlink):
            (folder / name).symlink_to(node.target)
        else:
            (folder / name).write_bytes(node)


def asked_kernel(root: Path, paths: list[str]) -> list[tuple[str | None, str | None]]:
    """What the kernel finds for each path, its last symlink not followed and followed; in a process whose root that is."""
    reading, writing_ = os.pipe()
    child = os.fork()
    if not child:
        os.chroot(root)
        os.chdir("/")
        where = {os.lstat(path).st_ino: path for path in _all("/")}
        found = [[_found(where, stat, path) for stat in (os.lstat, os.stat)] for path in paths]
        os.write(writing_, json.dumps(found).encode())
        os._exit(0)
    os.close(writing_)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return [(one, other) for one, other in json.loads(told)]


def _all(root: str) -> list[str]:
    return ["/", *(os.path.join(folder, name) for folder, folders, files in os.walk(root) for name in (*folders, *files))]


def _found(where: dict[int, str], stat: Callable[[str], os.stat_result], path: str) -> str | None:
    try:
        return where[stat(path).st_ino]
    except OSError:
        return None


def resolved(view: View, path: str, *, last: bool) -> str | None:
    try:
        found = follow(view, spelled(path.encode()), last=last)
    except ConflictError:  # a circle, or a slash behind a file
        return None
    return f"/{found.decode()}" if view.lookup(found) is not None else None


@as_root
def test_a_path_leads_where_the_kernel_finds_it(store: Store, tmp_path: Path) -> None:
    """But that the parent of what is not there, or no directory, is where it would be: as docker cp has it."""
    compared = 0
    for seed in range(60):
        chance = random.Random(seed)
        tree, paths = some_tree(chance), [some_path(chance) for _ in range(60)]
        built(tmp_path / str(seed), tree)
        with writing(store, ADA) as writer:
            container = commands.create_container(writer, f"c{seed}", None)
            commands.record(writer, container, changes(tree, writer.content.put), live_view(store, container))
        view = live_view(store, container)
        for path, kernels in zip(paths, asked_kernel(tmp_path / str(seed), paths), strict=True):
            for last, kernel in zip((False, True), kernels, strict=True):
                ours = resolved(view, path, last=last)
                assert ours == kernel or (kernel is None and ".." in f"{path} {tree}"), (seed, tree, path, last)
                compared += kernel is not None
    assert compared > 1000


@pytest.mark.parametrize(
    ("written", "kept", "without_a_tree"),
    [
        ("", "", ""),
        ("/", "", ""),
        (".", "", ""),
        ("//./", "", ""),
        ("etc", "etc", "etc"),
        ("/etc//./motd", "etc/motd", "etc/motd"),
        ("/etc/", "etc/", "etc"),
        ("/etc/.", "etc/", "etc"),
        ("/etc/..", "etc/..", ""),
        ("../../etc", "../../etc", "etc"),
        ("a/b/../c/", "a/b/../c/", "a/c"),
        ("..a/b..", "..a/b..", "..a/b.."),
    ],
)
def test_how_a_path_is_spelled(written: str, kept: str, without_a_tree: str) -> None:
    assert spelled(written.encode()) == kept.encode()
    assert plain(spelled(written.encode())) == without_a_tree.encode()
