"""A disk that forgets: what the shim recorded, replayed up to any moment, what was not synced kept, dropped or torn.

The rules are POSIX's, not those of a kind filesystem: bytes last from an fsync of their file on, names from an fsync of
their folder on; until then each may be there or not.
"""

import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
_HEAD = struct.Struct("<cqII")


class Op(NamedTuple):
    """`kind`: w(rite) t(runcate) s(ync) c(reate) o(pen without a name) d(irectory) r(ename) l(ink) u(nlink) or ! (*offset* steps are done)."""

    kind: str
    path: str
    offset: int
    data: bytes


def read(log: Path) -> list[Op]:
    raw, at, found = log.read_bytes(), 0, []
    while at < len(raw):
        kind, offset, names, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        path, data = raw[at : at + names], raw[at + names : at + names + size]
        at += names + size
        found.append(Op(kind.decode(), os.fsdecode(path), offset, data))
    return found


@dataclass
class _File:
    """`durable` is what lasts; `pending` are the writes and truncations since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def sync(self) -> None:
        for op in self.pending:
            _apply(self.durable, op)
        self.pending.clear()

    def after(self, chance: random.Random, kept: float) -> bytes:
        """Return the bytes after a power cut in which each pending write lasts with probability *kept*, some torn."""
        data = bytearray(self.durable)
        for op in self.pending:
            if chance.random() < kept:
                _apply(data, op if kept == 1 else _torn(op, chance))
        return bytes(data)


@dataclass
class _Folder:
    """`names` are those that last; `pending` are changes (name, node or None) since."""

    names: dict[str, "_Node"] = field(default_factory=dict)
    now: dict[str, "_Node"] = field(default_factory=dict)
    pending: list[tuple[str, "_Node | None"]] = field(default_factory=list)

    def set(self, name: str, node: "_Node | None") -> None:
        self.pending.append((name, node))
        _change(self.now, name, node)

    def sync(self) -> None:
        self.names = dict(self.now)
        self.pending.clear()

    def after(self, chance: random.Random, kept: float) -> dict[str, "_Node"]:
        """A filesystem may have written the changes up to some point, or each for itself."""
        names = dict(self.names)
        in_order = chance.random() < 0.5
        upto = round(kept * len(self.pending)) if kept in (0, 1) else chance.randint(0, len(self.pending))
        for number, (name, node) in enumerate(self.pending):
            if (number < upto) if in_order or kept in (0, 1) else chance.random() < kept:
                _change(names, name, node)
        return names


_Node = _File | _Folder


class Disk:
    """Everything below one folder, whose own name lasts."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._root = _Folder()
        self._unnamed: dict[str, _File] = {}

    def do(self, op: Op) -> None:
        if op.kind in "wt":
            self._file(op.path).pending.append(op)
        elif op.kind == "s":
            self._node(op.path).sync()
        elif op.kind == "o":
            self._unnamed[op.path] = _File()
        elif op.kind in "cdu":
            self._set(op.path, _File() if op.kind == "c" else _Folder() if op.kind == "d" else None)
        elif op.kind in "rl":
            old = os.fsdecode(op.data)
            node = self._node(old)
            self._set(op.path, node)
            if op.kind == "r":
                self._set(old, None)

    def write(self, to: Path, chance: random.Random, kept: float) -> None:
        """Write what a power cut leaves below *to*, which must be empty."""
        _write(self._root, to, chance, kept)

    def _set(self, path: str, node: "_Node | None") -> None:
        folder, name = os.path.split(path)
        above = self._node(folder)
        assert isinstance(above, _Folder)
        above.set(name, node)

    def _file(self, path: str) -> _File:
        found = self._node(path)
        assert isinstance(found, _File)
        return found

    def _node(self, path: str) -> _Node:
        if path in self._unnamed:
            return self._unnamed[path]
        node: _Node = self._root
        for part in filter(None, path.removeprefix(self._top).split("/")):
            assert isinstance(node, _Folder)
            node = node.now[part]
        return node


def moments(ops: list[Op]) -> Iterator[tuple[int, int]]:
    """Yield (how many ops were done, how many steps were acknowledged) after each op."""
    steps = 0
    for number, op in enumerate(ops, 1):
        if op.kind == "!":
            steps = op.offset + 1
        yield number, steps


def _write(folder: _Folder, to: Path, chance: random.Random, kept: float) -> None:
    for name, node in folder.after(chance, kept).items():
        if isinstance(node, _Folder):
            (to / name).mkdir(mode=0o700)
            _write(node, to / name, chance, kept)
        else:
            (to / name).write_bytes(node.after(chance, kept))
            (to / name).chmod(0o600)


def _change(names: dict[str, "_Node"], name: str, node: "_Node | None") -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _apply(data: bytearray, op: Op) -> None:
    if op.kind == "t":
        del data[op.offset :]
        data.extend(bytes(op.offset - len(data)))
        return
    data.extend(bytes(max(0, op.offset - len(data))))
    data[op.offset : op.offset + len(op.data)] = op.data


def _torn(op: Op, chance: random.Random) -> Op:
    """A write may last up to any sector."""
    if op.kind == "t" or len(op.data) <= SECTOR or chance.random() < 0.5:
        return op
    return op._replace(data=op.data[: chance.randrange(len(op.data) // SECTOR) * SECTOR])
