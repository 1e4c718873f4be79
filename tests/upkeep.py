"""What tests of upkeep ask: what a user sees, what lies on disk, and garbage to be collected."""

import os
import re
from pathlib import Path

from tests.cli.invoking import Layerlog

SECRET = "hunter2-" + "".join(f"{n:03x}" for n in range(999, 1300))


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


def leave_garbage(ll: Layerlog, name: bytes = b"") -> None:
    """Name contents that no event names, and leave what a killed writer leaves: bytes that nothing names."""
    with ll.writer() as writer, writer.transaction():
        for number in range(50):
            writer.content.put(name + os.urandom(20_000) + b"%d" % number)
    die_writing(ll, os.urandom(100_000))


def die_writing(ll: Layerlog, data: bytes) -> None:
    with open(os.path.join(ll.store, "content/segments/000001"), "ab") as file:
        file.write(data)
