"""Proofs for strangers: the log's head, an event's place under it, and that one head continues another.

Every document is JSON; FORMAT.md ("Documents") specifies them, and
`eventstore/integrity/checker.py` checks them without layerlog.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from typing import Any, NamedTuple

from eventstore.errors import DamagedError, InvalidError, NotFoundError
from eventstore.index import changesets, streams
from eventstore.integrity.findings import Finding
from eventstore.log import merkle
from eventstore.log.log import Changeset, Log, header
from eventstore.model.entries import node_of
from eventstore.model.events import event_bytes
from eventstore.model.times import rfc3339
from projections.events.records import Records

CHECKPOINT, PROOF, CONSISTENCY = "layerlog checkpoint 1", "layerlog proof 1", "layerlog consistency 1"
NUMBERS = ("version", "kind", "mode", "uid", "gid", "mtime", "size")
TEXTS = ("path", "content", "target", "detail")


class Proved(NamedTuple):
    """What a proof that holds says: the event's fields, its changeset's number, time (ns) and context, and the head."""

    position: int
    event: dict[str, Any]
    changeset: int
    time: int
    context: dict[str, Any]
    checkpoint: dict[str, Any]


class Growth(NamedTuple):
    """What a consistency proof that holds says: the newer head continues the older one."""

    old: dict[str, Any]
    new: dict[str, Any]


def checkpoint(log: Log) -> dict[str, Any]:
    """Return where the log ends, to be signed or kept elsewhere; raise InvalidError for a log without events."""
    head = log.head()
    if not head.changesets:
        raise InvalidError("the log holds nothing yet, so there is no head to print")
    return {
        "format": CHECKPOINT, "store": store_id(log), "changesets": head.changesets, "position": head.position,
        "hash": head.hash.hex(), "tree": log.tree_head(head.changesets).hex(), "time": rfc3339(head.time),
    }  # fmt: skip


def store_id(log: Log) -> str:
    """Return the store's random id: its first event states it."""
    return str(json.loads(log.at(1).detail or "{}").get("id"))


def written(document: dict[str, Any]) -> bytes:
    """Return the document's bytes: the ones that are signed."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def read(data: bytes, *formats: str) -> dict[str, Any]:
    """Return a document of one of *formats*; raise InvalidError for anything else."""
    try:
        found = json.loads(data)
        named = found["format"]
    except (ValueError, TypeError, KeyError):
        raise InvalidError(f"not a {' or '.join(formats)}; `layerlog checkpoint` and `layerlog prove` write them") from None
    if named not in formats:
        raise InvalidError(f"a {str(named)[:40]!r} document, where a {' or '.join(formats)} is needed")
    return dict(found)


# -- a checkpoint against a log


def check_checkpoint(log: Log, stated: dict[str, Any]) -> Iterator[Finding]:
    """Yield how the log contradicts a checkpoint of it: another store, a cut tail, a changed past.

    Together with a log whose chain holds, none means that nothing before the checkpoint was changed, removed or reordered.
    """
    head, size = log.head(), _number(stated, "changesets")
    if not head.changesets or stated.get("store") != store_id(log):
        yield Finding("checkpoint", "checkpoint", f"is of another store, {str(stated.get('store'))[:32]}")
    elif head.changesets < size:
        cut = f"changesets {size - head.changesets}, events {_number(stated, 'position') - head.position}"
        problem = f"is gone: the tail was cut; missing of what the checkpoint counts: {cut}"
        yield Finding("checkpoint", f"changeset {size}", problem)
    else:
        yield from _check_past(log, stated, size)


def _check_past(log: Log, stated: dict[str, Any], size: int) -> Iterator[Finding]:
    found = changesets.numbered(log, size)
    position, digest, when = (found.first + found.events - 1, found.hash, found.time) if found else (0, b"", 0)
    if digest.hex() != stated.get("hash") or position != stated.get("position") or rfc3339(when) != stated.get("time"):
        yield Finding("checkpoint", f"changeset {size}", "is not the one that the checkpoint names: the past was changed")
    try:
        if log.tree_head(size).hex() != stated.get("tree"):
            problem = "are not those under the checkpoint's tree head: the past was changed"
            yield Finding("checkpoint", f"changesets 1 to {size}", problem)
    except DamagedError as error:
        yield Finding("checkpoint", f"changesets 1 to {size}", f"cannot be compared: {error}")


# -- an event under a head


def prove(log: Log, position: int) -> dict[str, Any]:
    """Return the proof that the event at *position* is in the log: O(its changeset), of logarithmic size."""
    changeset, body, previous = _sealed(log, position)
    index, head = position - changeset.first, checkpoint(log)
    leaves, proven = [], b""
    for number, data in enumerate(stored_bytes(log, changeset.first, changeset.first + changeset.events - 1)):
        leaves.append(merkle.leaf_hash(data))
        proven = data if number == index else proven
    levels = _levels(leaves)
    inside = merkle.inclusion_proof(lambda level, number: levels[level][number], index, changeset.events)
    above = merkle.inclusion_proof(log.node, changeset.number - 1, head["changesets"])
    return {
        "format": PROOF, "position": position, "event": b64encode(proven).decode(),
        "event_proof": [node.hex() for node in inside], "header": header(changeset, previous, body).decode(),
        "changeset_proof": [node.hex() for node in above], "checkpoint": head,
    }  # fmt: skip


def _header_lines(text: str) -> dict[str, str]:
    names = ("number", "first", "events", "time", "wall", "previous", "root", "context")
    first, *lines, last = text.split("\n")
    pairs = [line.partition(" ") for line in lines]
    if first != "layerlog changeset 1" or last or tuple(name for name, _, _ in pairs) != names:
        raise ValueError
    return {name: value for name, _, value in pairs}


def _sealed(log: Log, position: int) -> tuple[Changeset, str, bytes]:
    """Return the changeset that holds *position*, its context's text and its predecessor's hash; raise NotFoundError."""
    changeset = log.changeset(position)
    if not changeset.first <= position < changeset.first + changeset.events:
        raise NotFoundError(f"no event at position {position}; the log ends at {log.head().position}")
    before = changesets.numbered(log, changeset.number - 1)
    return changeset, changesets.context(log, changeset.context), before.hash if before else b""


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """Return the perfect subtrees over *leaves*, level by level."""
    levels = [leaves]
    while len(below := levels[-1]) > 1:
        levels.append([*map(merkle.node_hash, below[::2], below[1::2])])
    return levels


def stored_bytes(log: Log, first: int, last: int) -> Iterator[bytes]:
    """Yield the bytes of the stored events first..last, which their changesets' roots cover."""
    records, names = Records(log), {stream: name for stream, _, name in streams.every(log)}
    for event in log.everything(first, last):
        path = b"" if event.path is None else records.path(event.path)
        yield event_bytes(names[event.stream].encode(), event.version, event.kind, path, node_of(event))


def check_proof(document: dict[str, Any]) -> Proved:
    """Return what a proof says; raise InvalidError, naming the step that does not hold."""
    try:
        data = b64decode(document["event"], validate=True)
        lines = _header_lines(document["header"])
        inside, above = ([bytes.fromhex(node) for node in document[key]] for key in ("event_proof", "changeset_proof"))
        head, position = document["checkpoint"], int(document["position"])
        first, events, number, when = (int(lines[name]) for name in ("first", "events", "number", "time"))
        if when.bit_length() > 63:
            raise ValueError
        root, size, tree = lines["root"], int(head["changesets"]), head["tree"]
        context = dict(json.loads(lines["context"]))
    except (KeyError, ValueError, TypeError, AttributeError, Base64Error):
        raise InvalidError("the proof is not complete; get it again") from None
    found = merkle.root_from_inclusion(merkle.leaf_hash(data), position - first, events, inside)
    if found is None or found.hex() != root:
        raise InvalidError(f"event {position} is not under its changeset's root: the event or its proof was changed")
    above_root = merkle.root_from_inclusion(merkle.leaf_hash(document["header"].encode()), number - 1, size, above)
    if above_root is None or above_root.hex() != tree:
        raise InvalidError(f"changeset {number} is not under the head of {size} changesets: header or proof was changed")
    return Proved(position, parsed(data), number, when, context, head)


def parsed(data: bytes) -> dict[str, Any]:
    """Return the fields of an event's bytes; raise InvalidError where they are none."""
    try:
        stream, rest = _string(data)
        *numbers, rest = rest.split(b" ", len(NUMBERS))
        texts = []
        for _ in TEXTS:
            text, rest = _string(rest)
            texts.append(text)
        fields = dict(zip(NUMBERS, map(int, numbers), strict=True)) | dict(zip(TEXTS, texts, strict=True))
    except (ValueError, IndexError):
        raise InvalidError("the proof's event is not an event's bytes; get it again") from None
    return {"stream": stream, **fields}


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return the length-prefixed string that *data* begins with, and what comes after the blank behind it."""
    length, _, rest = data.partition(b":")
    if len(rest) < int(length):
        raise ValueError
    return rest[: int(length)], rest[int(length) + 1 :]


# -- one head after another


def prove_growth(log: Log, old: dict[str, Any]) -> dict[str, Any]:
    """Return the proof that the log as it is continues the checkpoint *old*; raise InvalidError where it does not."""
    findings = list(check_checkpoint(log, old))
    if findings:
        raise InvalidError(f"the log does not continue the checkpoint: {findings[0].object} {findings[0].problem}")
    head = checkpoint(log)
    proof = merkle.consistency_proof(log.node, _number(old, "changesets"), head["changesets"])
    return {"format": CONSISTENCY, "old": old, "new": head, "proof": [node.hex() for node in proof]}


def check_growth(document: dict[str, Any]) -> Growth:
    """Return the heads of a consistency proof; raise InvalidError where it does not hold."""
    try:
        old, new = document["old"], document["new"]
        proof = [bytes.fromhex(node) for node in document["proof"]]
        roots = bytes.fromhex(old["tree"]), bytes.fromhex(new["tree"])
        same = old["store"] == new["store"]
    except (KeyError, ValueError, TypeError):
        raise InvalidError("the proof is not complete; get it again") from None
    sizes = _number(old, "changesets"), _number(new, "changesets")
    if not same or not merkle.is_consistent(sizes[0], roots[0], sizes[1], roots[1], proof):
        raise InvalidError(f"the head of {sizes[1]} changesets does not continue that of {sizes[0]}: the past was changed")
    return Growth(old, new)


def _number(document: dict[str, Any], key: str) -> int:
    found = document.get(key)
    if not isinstance(found, int) or isinstance(found, bool):
        raise InvalidError(f"the document's {key!r} is no number; get it again")
    return found
