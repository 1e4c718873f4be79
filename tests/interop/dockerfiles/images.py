"""Images as flat dicts, from a folder and a config: what two builders made is compared path by path and field by field."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.interop.host import walk

FIELDS = (
    "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal", "User", "Volumes", "WorkingDir",
)  # fmt: skip
MOST_SHOWN = 200

Image = dict[str, object]


def image(root: Path, config: Mapping[str, Any], author: str = "") -> Image:
    """Return what is below *root* by paths (/a/b), and the fields of a run config that have a value.

    The root itself is left out: container storage makes it 0555 whatever an image says.
    """
    fields = {field: config[field] for field in FIELDS if config.get(field)}
    nodes = {path: node for path, node in _nodes(os.fsencode(root)) if path != "/"}
    return {**nodes, **fields, **({"Author": author} if author else {})}


def read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _nodes(root: bytes) -> Iterator[tuple[str, str]]:
    first: dict[int, str] = {}
    for path in sorted(walk(root)):
        status, name = os.lstat(path), "/" + os.fsdecode(os.path.relpath(path, root))
        same = first.setdefault(status.st_ino, name)
        yield name.removesuffix("."), _described(path, status) if same == name else f"one more name of {same}"


def _described(path: bytes, status: os.stat_result) -> str:
    """Return type and mode, owner, content or target or device, and extended attributes, as one line."""
    xattrs = [f" {name}={os.getxattr(path, name, follow_symlinks=False)!r}" for name in sorted(os.listxattr(path, follow_symlinks=False))]
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}{_data(path, status)}{''.join(xattrs)}"


def _data(path: bytes, status: os.stat_result) -> str:
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            data = file.read()
        return f" {data.decode()!r}" if data.isascii() and len(data) < MOST_SHOWN else f" sha256:{sha256(data).hexdigest()}"
    if stat.S_ISLNK(status.st_mode):
        return f" -> {os.fsdecode(os.readlink(path))}"
    is_device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    return f" {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if is_device else ""
