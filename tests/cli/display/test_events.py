"""What an event did is told in words, whatever its kind, and no text that it states reaches a terminal raw."""

import json
from typing import Any

import pytest

from cli.display.events import what
from eventstore.log.log import Changeset
from eventstore.model.events import Event, Kind
from projections.events.records import Record

A, B = "ab" * 32, "cd" * 32
MOVED = {"image": A, "old": B}
LEFT = {"config": B, "encoder": 2, "names": ["docker.io/library/app:1", "localhost/app:2"], "destination": "/srv/app.tar"}
CAME = {"config": A, "layers": [A, B], "blobs": [{"digest": A}], "names": ["docker.io/library/app:1"], "source": "app.tar"}
SAID: dict[Kind, list[tuple[dict[str, Any], str]]] = {
    Kind.FILE_WRITTEN: [({}, "/d/f 0644 1:2 3B")],
    Kind.LINK_MADE: [({}, "/d/f -> /d/g")],
    Kind.ATTRIBUTES_CHANGED: [({"xattrs": {"user.a": "AA=="}}, "/d/f 0644 1:2")],
    Kind.PATH_MOVED: [({}, "/d/f from /d/g")],
    Kind.PATH_DELETED: [({}, "/d/f")],
    Kind.DIRECTORY_CLEARED: [({}, "/d/f")],
    Kind.DIRECTORY_IMPLIED: [({}, "/d/f")],
    Kind.CONTAINER_CREATED: [
        ({"name": "web", "base": None}, "eeeeeeeeeeee named web, from nothing"),
        ({"name": "web", "base": {"platform": "linux/amd64"}}, "eeeeeeeeeeee named web, from nothing"),
        ({"name": "web", "base": {"image": A}}, "eeeeeeeeeeee named web, from abababababab"),
        ({"name": "web", "base": {"image": A, "layers": 1}}, "eeeeeeeeeeee named web, from the lowest 1 layer of abababababab"),
        ({"name": "web", "base": {"layer": A, "platform": None}}, "eeeeeeeeeeee named web, from a folder"),
        (
            {"name": "web", "base": {"container": A, "version": 7}, "asked": "docker.io/library/app:1"},
            "eeeeeeeeeeee named web, from app:1 (abababababab@7)",
        ),
        ({"name": "web", "base": {"image": A}, "asked": "web@7"}, "eeeeeeeeeeee named web, from web@7 (abababababab)"),
    ],
    Kind.CONTAINER_RENAMED: [({"name": "new"}, "eeeeeeeeeeee to new")],
    Kind.CONFIG_CHANGED: [({"instructions": ["ENV A=1", "USER web"], "set": {"User": "web"}}, "eeeeeeeeeeee ENV A=1, USER web")],
    Kind.PROCESS_EXITED: [
        ({"command": ["sh", "-c", "exit 3"], "exit": 3}, "eeeeeeeeeeee sh -c 'exit 3': exit code 3"),
        ({"command": ["sleep", "9"], "exit": None}, "eeeeeeeeeeee sleep 9: killed"),
    ],
    Kind.COMMITTED: [
        (
            {"from": 1, "events": 2, "parent": None, "author": None, "message": "title\n\nbody"},
            "eeeeeeeeeeee as ffffffffffff: title",
        ),
    ],
    Kind.COMMIT_SIGNED: [({"commit": A, "signature": "-----", "signer": "SHA256:abc"}, "eeeeeeeeeeee by SHA256:abc")],
    Kind.CONTAINER_REMOVED: [({}, "eeeeeeeeeeee")],
    Kind.CONTAINER_RESTORED: [({}, "eeeeeeeeeeee")],
    Kind.CHANGES_RECORDED: [
        ({"process": A, "from": 3, "events": 1}, "eeeeeeeeeeee 1 event from version 3 on"),
        (
            {"process": A, "from": 3, "events": 4, "unstable": ["/a"], "refused": ["/.wh.b", "/.wh.c"]},
            "eeeeeeeeeeee 4 events from version 3 on, 1 path unstable, 2 paths refused",
        ),
    ],
    Kind.STEP_BUILT: [
        ({"line": 3, "stage": "made", "instruction": "RUN make"}, "eeeeeeeeeeee line 3 of the Dockerfile, stage made: RUN make"),
    ],
    Kind.LAYER_IMPORTED: [({"size": 2_500_000}, "eeeeeeeeeeee from a tar of 2.5MB"), ({}, "eeeeeeeeeeee from a folder")],
    Kind.IMAGE_LOADED: [(CAME, "eeeeeeeeeeee as app:1 from app.tar, 2 layers")],
    Kind.IMAGE_PULLED: [({**CAME, "names": [], "source": "-"}, "eeeeeeeeeeee from standard input, 2 layers")],
    Kind.IMAGE_SAVED: [(LEFT, "eeeeeeeeeeee as app:1, localhost/app:2 to /srv/app.tar")],
    Kind.IMAGE_PUSHED: [
        ({**LEFT, "without": [A], "destination": "-"}, "eeeeeeeeeeee as app:1, localhost/app:2 to standard output, without 1 layer"),
    ],
    Kind.IMAGE_REMOVED: [({}, "eeeeeeeeeeee")],
    Kind.IMAGE_RESTORED: [({}, "eeeeeeeeeeee")],
    Kind.TAG_MOVED: [(MOVED, "app:1 to abababababab from cdcdcdcdcdcd"), ({"image": A, "old": None}, "app:1 to abababababab")],
    Kind.TAG_DELETED: [({"old": B}, "app:1 from cdcdcdcdcdcd")],
    Kind.HISTORY_RECEIVED: [({"store": A, "events": {"from": 1, "to": 9}}, f"eeeeeeeeeeee store {A}, events from 1, to 9")],
    Kind.IMAGE_BUILT: [
        ({"target": "made", "steps": 3, "reused": 2}, "eeeeeeeeeeee from the stage made: 3 steps, 2 reused"),
    ],
    Kind.IMAGE_SERVED: [
        ({"asked": "web:v4", "user": "bob", "address": "::1", "agent": "skopeo/1"}, "eeeeeeeeeeee as web:v4 to bob@::1 (skopeo/1)"),
        ({"asked": "web:v4", "address": "::1"}, "eeeeeeeeeeee as web:v4 to ::1"),
    ],
    Kind.REFERRER_KEPT: [
        (
            {"subject": B, "artifact_type": "text/spdx", "blobs": [{"digest": A}], "source": "x.tar"},
            "eeeeeeeeeeee text/spdx about cdcdcdcdcdcd from x.tar",
        ),
    ],
    Kind.STORE_CREATED: [({"id": "0f" * 16}, f"eeeeeeeeeeee {'0f' * 16}")],
    Kind.ORIGINALS_DROPPED: [({"blobs": [A, B], "reason": "gc --originals"}, "eeeeeeeeeeee 2 blobs: gc --originals")],
    Kind.CONTENT_ERASED: [({"size": 911, "reason": "a key"}, "eeeeeeeeeeee sha256:999999999999 (911B): a key")],
    Kind.CONTENT_READMITTED: [({"reason": "no key"}, "eeeeeeeeeeee sha256:999999999999: no key")],
}
"""What an event of each kind states, and how it is told behind the kind's name."""


def record(kind: Kind, stated: dict[str, Any]) -> Record:
    path = b"d/f" if kind < Kind.CONTAINER_CREATED else None
    target = b"d/g" if kind in (Kind.LINK_MADE, Kind.PATH_MOVED) else None
    detail = json.dumps(stated) if stated else None
    event = Event(
        9, 1, 4, kind, None if path is None else 5, 0o100644, 1, 2, 0, 3, b"\x99" * 32, target, detail, None, None, None, None, b"\xff" * 32,
    )  # fmt: skip
    stream, name = ("tag", "docker.io/library/app:1") if kind in (Kind.TAG_MOVED, Kind.TAG_DELETED) else ("container", "e" * 64)
    return Record(event, stream, name, path, Changeset(1, 1, 1, 0, 0, 1, b"", b""), {})


def test_every_kind_has_its_words() -> None:
    assert set(SAID) == set(Kind)


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.title)
def test_an_event_is_told_in_words(kind: Kind) -> None:
    for stated, expected in SAID[kind]:
        text = what(record(kind, stated))
        assert text == f"{kind.title} {expected}"
        assert not set(text) & set('{}[]"'), text


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.title)
def test_what_an_event_states_is_escaped_and_on_one_short_line(kind: Kind) -> None:
    for stated, _ in SAID[kind]:
        text = what(record(kind, {key: hostile(value) for key, value in stated.items()}))
        assert text.isprintable(), text
        assert len(text) < 700, text


def hostile(value: Any) -> Any:
    """The same with control characters and much text behind each text that is no digest."""
    match value:
        case str() if value not in (A, B):
            return value + "\x1b[2J\u202e\r\n" + "x" * 1000
        case list():
            return list(map(hostile, value))
        case dict():
            return {key: hostile(one) for key, one in value.items()}
    return value
