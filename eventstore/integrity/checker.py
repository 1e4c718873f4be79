"""Check a layerlog log, or a proof from one, without layerlog: this one file and Python's standard library.

    python3 checker.py log LOG.DB [--checkpoint FILE]      the whole log: every event, changeset and tree node
    python3 checker.py proof FILE [--checkpoint FILE]      one event's, or one head's, proof

Written from layerlog's FORMAT.md, not from its code.  Exit 0: all of it holds.  1: what does not is printed.  2: usage.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

EMPTY = hashlib.sha256(b"").digest()
HEADER = re.compile(
    r"layerlog changeset 1\nnumber (\d+)\nfirst (\d+)\nevents (\d+)\ntime (-?\d+)\nwall (-?\d+)\n"
    r"previous ([0-9a-f]*)\nroot ([0-9a-f]{64})\ncontext ([^\n]*)\n"
)
COMMITTED = 24


class WrongError(Exception):
    """What does not hold."""


# -- Merkle trees (RFC 6962, section 2.1)


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def above(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A tree to whose right end leaves are added; `done` gives the perfect subtrees that the last leaf completed."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []
        self.done: list[tuple[int, int, bytes]] = []

    def add(self, value: bytes) -> None:
        number, level, self.done = self.size, 0, []
        while number & 1:
            value = above(self.peaks.pop(), value)
            number, level = number >> 1, level + 1
            self.done.append((level, number, value))
        self.peaks.append(value)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY
        value = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            value = above(peak, value)
        return value


def root_by_inclusion(value: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        raise WrongError(f"leaf {index} cannot be in a tree of {size}")
    number, last = index, size - 1
    for sibling in proof:
        if last == 0:
            raise WrongError("the proof is too long")
        if number & 1 or number == last:
            value = above(sibling, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = above(value, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise WrongError("the proof is too short")
    return value


def roots_by_consistency(old: int, new: int, old_root: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Return the old and the new root that a consistency proof leads to (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= new:
        raise WrongError(f"{new} changesets cannot continue {old}")
    if old == new:
        return old_root, old_root
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    path = [old_root, *proof] if not old & (old - 1) else proof
    if not path:
        raise WrongError("the proof is too short")
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise WrongError("the proof is too long")
        if number & 1 or number == last:
            first, second = above(sibling, first), above(sibling, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = above(second, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise WrongError("the proof is too short")
    return first, second


# -- a whole log


def text(data: bytes) -> bytes:
    return b"%d:%b" % (len(data), data)


def event_bytes(row: dict[str, Any], stream: bytes, path: bytes) -> bytes:
    numbers = b" ".join(b"%d" % row[key] for key in ("version", "kind", "mode", "uid", "gid", "mtime", "size"))
    strings = (path, row["content"] or b"", row["target"] or b"", row["detail"] or b"")
    return b" ".join((text(stream), numbers, *map(text, strings)))


def header(row: dict[str, Any], previous: bytes) -> bytes:
    numbers = "".join(f"{key} {row[key]}\n" for key in ("number", "first", "events", "time", "wall"))
    start = f"layerlog changeset 1\n{numbers}previous {previous.hex()}\nroot {row['root'].hex()}\ncontext "
    return start.encode() + (row["body"] or b"") + b"\n"


class Log:
    """A log.db, opened for reading alone."""

    def __init__(self, file: str) -> None:
        if not os.path.isfile(file):
            raise WrongError(f"{file}: no such file")
        mode = "ro" if os.path.exists(file + "-wal") else "ro&immutable=1"
        name = file.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        self.db = sqlite3.connect(f"file:{name}?mode={mode}", uri=True)
        self.db.row_factory = sqlite3.Row
        self.streams = {row[0]: row[1] for row in self.db.execute("SELECT id, CAST(name AS BLOB) FROM stream")}
        self.folders: dict[int, bytes] = {}
        self.versions: dict[int, int] = {}
        self.tree = Tree()
        self.position = 0
        self.head = b""
        self.time = 0
        self.store = ""

    def rows(self, select: str) -> Iterator[dict[str, Any]]:
        return map(dict, self.db.execute(select))

    def path(self, number: int | None) -> bytes:
        if number is None or number == 1:
            return b""
        row = self.db.execute("SELECT parent, name FROM path WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] >= number:
            raise WrongError(f"path {number} is missing, or below itself")
        parent, name = row
        if parent not in self.folders:
            if len(self.folders) > 50_000:
                self.folders.clear()
            self.folders[parent] = self.path(parent)
        folder = self.folders[parent]
        return folder + b"/" + name if folder else bytes(name)

    def check(self, checkpoint: dict[str, Any] | None) -> Iterator[str]:
        """Yield what is wrong, in the order of the log."""
        columns = "position, stream, version, kind, path, mode, uid, gid, mtime, size, content, target, id"
        events = self.rows(f"SELECT {columns}, CAST(detail AS BLOB) AS detail FROM event ORDER BY position")
        event = next(events, None)
        for row in self.rows(
            "SELECT c.*, CAST(x.body AS BLOB) AS body FROM changeset c LEFT JOIN context x ON x.id = c.context ORDER BY number"
        ):
            inside = Tree()
            while event is not None and event["position"] < row["first"] + row["events"]:
                yield from self.event(event, inside)
                event = next(events, None)
            yield from self.changeset(row, inside)
            if checkpoint is not None and row["number"] == checkpoint["changesets"]:
                yield from compared(self.state(), checkpoint)
        if event is not None:
            yield f"event {event['position']} and what follows it belong to no changeset"
        if checkpoint is not None and self.tree.size < checkpoint["changesets"]:
            yield f"the tail was cut: the checkpoint counts {checkpoint['changesets']} changesets, the log has {self.tree.size}"
        for row in self.rows("SELECT count(*) AS n FROM tree_node"):
            if row["n"] != sum(self.tree.size >> level for level in range(1, 64)):
                yield f"there are {row['n']} tree nodes, which is not what {self.tree.size} changesets have"

    def event(self, row: dict[str, Any], inside: Tree) -> Iterator[str]:
        where, stream = f"event {row['position']}", row["stream"]
        value = leaf(event_bytes(row, self.streams.get(stream, b""), self.path(row["path"])))
        inside.add(value)
        if row["position"] != self.position + 1:
            yield f"{where} comes after event {self.position}"
        if row["version"] != self.versions.get(stream, 0) + 1:
            yield f"{where} has version {row['version']} after version {self.versions.get(stream, 0)} of its stream"
        if row["id"] != (value if row["kind"] == COMMITTED else None):
            yield f"{where}: its column id is not its hash"
        if row["position"] == 1:
            self.store = json.loads(row["detail"] or b"{}").get("id", "")
        self.position, self.versions[stream] = row["position"], row["version"]

    def changeset(self, row: dict[str, Any], inside: Tree) -> Iterator[str]:
        """Yield what is wrong with the next changeset, *inside* being the tree of its events; then the head is its."""
        where = f"changeset {row['number']}"
        if row["number"] != self.tree.size + 1 or row["first"] + row["events"] != self.position + 1:
            yield f"{where} is not in its place"
        if inside.root() != row["root"] or inside.size != row["events"]:
            yield f"{where}: its events {row['first']} to {row['first'] + row['events'] - 1} are not those that were sealed"
        if leaf(header(row, self.head)) != row["hash"]:
            yield f"{where}: its header is not the one that was sealed"
        if row["time"] != max(self.time, row["wall"]):
            yield f"{where}: its time is not the later of its wall clock and the time before"
        self.tree.add(row["hash"])
        self.head, self.time = row["hash"], row["time"]
        for level, number, value in self.tree.done:
            found = self.db.execute("SELECT hash FROM tree_node WHERE level = ? AND number = ?", (level, number)).fetchone()
            if found is None or found[0] != value:
                yield f"tree node {number} at level {level} is missing or wrong"

    def state(self) -> dict[str, Any]:
        size, tree = self.tree.size, self.tree.root().hex()
        return {"store": self.store, "changesets": size, "position": self.position, "hash": self.head.hex(), "tree": tree}


def compared(found: dict[str, Any], stated: dict[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        if stated.get(key) != value:
            yield f"the checkpoint's {key} is {stated.get(key)}, and here it is {value}: another store, or a changed past"


# -- documents


def check_proof(document: dict[str, Any], checkpoint: dict[str, Any] | None) -> str:
    """Return what the proof shows, as JSON; raise WrongError where it does not hold, or not under *checkpoint*."""
    if document.get("format") == "layerlog consistency 1":
        return check_growth(document, checkpoint)
    if document.get("format") != "layerlog proof 1":
        raise WrongError("not a proof")
    data, head = base64.b64decode(document["event"], validate=True), document["checkpoint"]
    match = HEADER.fullmatch(document["header"])
    if match is None:
        raise WrongError("the header is not a changeset's header")
    number, first, events = map(int, match.groups()[:3])
    inside = [bytes.fromhex(node) for node in document["event_proof"]]
    if root_by_inclusion(leaf(data), document["position"] - first, events, inside).hex() != match[7]:
        raise WrongError("the event is not under its changeset's root")
    outside = [bytes.fromhex(node) for node in document["changeset_proof"]]
    root = root_by_inclusion(leaf(document["header"].encode()), number - 1, head["changesets"], outside)
    if root.hex() != head["tree"]:
        raise WrongError("the changeset is not under the head's tree")
    if checkpoint is not None and (checkpoint["tree"], checkpoint["changesets"]) != (head["tree"], head["changesets"]):
        raise WrongError("the proof stands under another head than the checkpoint's")
    shown = {"position": document["position"], "event": data.decode("utf-8", "backslashreplace"), "header": document["header"]}
    return json.dumps({"holds": True, **shown}, indent=1)


def check_growth(document: dict[str, Any], checkpoint: dict[str, Any] | None) -> str:
    old, new = document["old"], document["new"]
    proof = [bytes.fromhex(node) for node in document["proof"]]
    roots = roots_by_consistency(old["changesets"], new["changesets"], bytes.fromhex(old["tree"]), proof)
    if [root.hex() for root in roots] != [old["tree"], new["tree"]] or old["store"] != new["store"]:
        raise WrongError("the newer head does not continue the older one")
    if checkpoint is not None and checkpoint not in (old, new):
        raise WrongError("neither of the proof's heads is the checkpoint")
    return json.dumps({"holds": True, "old": old, "new": new}, indent=1)


def read_checkpoint(file: str, signers: str | None) -> dict[str, Any]:
    """Return a checkpoint; where *signers* (an allowed_signers file) is given, only a signed one that ssh-keygen accepts."""
    with open(file, "rb") as stream:
        data = stream.read()
    body, mark, signature = data.partition(b"-----BEGIN SSH SIGNATURE-----")
    if not mark and os.path.exists(file + ".sig"):
        with open(file + ".sig", "rb") as stream:
            signature, mark = stream.read(), b""
    document: dict[str, Any] = json.loads(body)
    if document.get("format") != "layerlog checkpoint 1":
        raise WrongError(f"{file}: not a checkpoint")
    if signers is not None:
        print("signed by", signer(body, mark + signature, signers))
    return document


def signer(body: bytes, signature: bytes, signers: str) -> str:
    with tempfile.NamedTemporaryFile() as file:
        file.write(signature)
        file.flush()
        tool = ["ssh-keygen", "-Y"]
        known = subprocess.run([*tool, "find-principals", "-s", file.name, "-f", signers], capture_output=True, check=False)
        for name in known.stdout.decode().split():
            command = [*tool, "verify", "-f", signers, "-I", name, "-n", "layerlog", "-s", file.name]
            if subprocess.run(command, input=body, capture_output=True, check=False).returncode == 0:
                return name
    raise WrongError("the checkpoint has no signature by anyone in the allowed signers file")


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description="Check a layerlog log, or a proof from one, without layerlog.")
    parser.add_argument("what", choices=["log", "proof"])
    parser.add_argument("file")
    parser.add_argument("--checkpoint", help="a checkpoint that was kept elsewhere")
    parser.add_argument("--allowed-signers", help="whose signature the checkpoint must have (ssh-keygen's format)")
    options = parser.parse_args()
    wrong = 0
    try:
        checkpoint = read_checkpoint(options.checkpoint, options.allowed_signers) if options.checkpoint else None
        if options.what == "proof":
            with open(options.file, "rb") as stream:
                print(check_proof(json.load(stream), checkpoint))
            return 0
        log = Log(options.file)
        for line in log.check(checkpoint):
            print(line)
            wrong += 1
        print(json.dumps({"holds": not wrong, **log.state()}, indent=1))
    except (WrongError, sqlite3.Error, OSError, ValueError, KeyError, TypeError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
