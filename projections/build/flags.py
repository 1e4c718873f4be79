"""The options of instructions (--from, --chown, --mount, ...), read and checked before anything runs."""

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.oci.dockerfile import DockerfileError, Instruction

BIND, CACHE, TMPFS, SECRET = "bind", "cache", "tmpfs", "secret"
_BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}
_COPY = ("from", "chown", "chmod", "link", "parents", "exclude")
_ADD = ("chown", "chmod", "link", "checksum", "exclude", "unpack", "keep-git-dir")
_KNOWN = {"FROM": ("platform",), "RUN": ("mount", "network", "security"), "COPY": _COPY, "ADD": _ADD}
_SEVERAL = ("mount", "exclude")
_KEYS = {
    BIND: ("type", "source", "src", "target", "dst", "destination", "from", "rw", "readwrite", "ro", "readonly"),
    CACHE: ("type", "source", "src", "target", "dst", "destination", "from", "id", "sharing", "mode", "uid", "gid", "ro",
            "readonly", "rw", "readwrite"),
    TMPFS: ("type", "target", "dst", "destination", "size"),
    SECRET: ("type", "target", "dst", "destination", "id", "source", "src", "required", "mode", "uid", "gid", "env"),
}  # fmt: skip
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,3})?) ?([kmgt]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
_SPELLED = {"src": "source", "dst": "target", "destination": "target", "readwrite": "rw", "readonly": "ro"}


class Mount(NamedTuple):
    """What `RUN --mount` asks for; `origin` is the stage or image of `from`, "" for the context."""

    kind: str
    target: str
    source: str = ""
    origin: str = ""
    writable: bool = False
    id: str = ""
    sharing: str = "shared"
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    required: bool = False
    env: str = ""
    size: int = 0


def refuse(instruction: Instruction, reason: str) -> NoReturn:
    """Raise DockerfileError, which says the line."""
    raise DockerfileError(f"{instruction.name}: {reason}", instruction.line)


def values(instruction: Instruction) -> dict[str, list[str]]:
    """Return the values of an instruction's options by their names; raise DockerfileError for one that it has not."""
    found: dict[str, list[str]] = {}
    for flag in instruction.flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name not in _KNOWN.get(instruction.name, ()):
            refuse(instruction, f"it has no option --{shown(name)}")
        if name in found and name not in _SEVERAL:
            refuse(instruction, f"--{name} stands twice")
        found.setdefault(name, []).append(value if equals else "true")
    return found


def one(found: dict[str, list[str]], name: str) -> str:
    return found.get(name, [""])[0]


def switch(instruction: Instruction, found: dict[str, list[str]], name: str) -> bool:
    """Return whether an option that is on or off is on; off where it is not there."""
    text = one(found, name) if name in found else "false"
    if text.lower() not in _BOOLEANS:
        refuse(instruction, f"--{name} is true or false, not {shown(text)}")
    return _BOOLEANS[text.lower()]


def check(instruction: Instruction) -> None:
    """Raise DockerfileError where an instruction asks for what is never done here, or its options cannot be read."""
    found = values(instruction) if instruction.name in _KNOWN else {}
    for name in ("link", "parents", "unpack"):
        switch(instruction, found, name)
    if "security" in found and one(found, "security") != "sandbox":
        refuse(instruction, "--security=insecure is never given; `layerlog run --cap-add` gives single capabilities")
    if "keep-git-dir" in found:
        refuse(instruction, "--keep-git-dir: sources in git are not fetched; clone them into the context first")
    if one(found, "network") not in ("", "default", "none", "host"):
        refuse(instruction, f"--network={shown(one(found, 'network'))}: it is host (the default) or none")
    if instruction.name == "RUN":
        mounts(instruction, found.get("mount", []))


def mounts(instruction: Instruction, texts: Sequence[str]) -> list[Mount]:
    """Return what `--mount` options ask for; raise DockerfileError."""
    return [_mount(instruction, text) for text in texts]


def _mount(instruction: Instruction, text: str) -> Mount:
    said = _pairs(instruction, text)
    kind = said.pop("type", BIND)
    if kind == "ssh":
        refuse(instruction, "--mount=type=ssh: agents are not passed on; use --mount=type=secret for a key")
    if kind not in _KEYS:
        refuse(instruction, f"--mount=type={shown(kind)}: there are {', '.join(_KEYS)}")
    unknown = next((key for key in said if key not in {_SPELLED.get(key, key) for key in _KEYS[kind]}), None)
    if unknown is not None:
        refuse(instruction, f"--mount=type={kind} has no {shown(unknown)}")
    try:
        return _typed(kind, said)
    except (InvalidError, ValueError) as error:
        refuse(instruction, f"--mount={shown(text)}: {error}")


def _pairs(instruction: Instruction, text: str) -> dict[str, str]:
    import csv  # noqa: PLC0415 - for mounts alone

    found: dict[str, str] = {}
    for part in next(csv.reader([text]), []):
        key, _, value = part.partition("=")
        key = _SPELLED.get(key.strip().lower(), key.strip().lower())
        if key in found:
            refuse(instruction, f"--mount={shown(text)}: {shown(key)} stands twice")
        found[key] = value
    return found


def _typed(kind: str, said: dict[str, str]) -> Mount:
    target, source = said.get("target", ""), said.get("source", "")
    named = said.get("id", source if kind == SECRET else "")
    if kind == SECRET:
        named = named or target.rpartition("/")[2]
        target = target or ("" if "env" in said else f"/run/secrets/{named}")
        if not named:
            raise InvalidError("it names no secret; add id=NAME")
    elif not target:
        raise InvalidError("its target is missing; add target=DIR")
    if said.get("sharing", "shared") not in ("shared", "private", "locked"):
        raise InvalidError("sharing is shared, private or locked")
    if kind == CACHE and source and "from" not in said:
        raise InvalidError("a cache without from= begins empty, so that it has no source")
    writable = _switched(said, "rw", default=kind == CACHE) and not _switched(said, "ro", default=False)
    return Mount(
        kind, target, source, said.get("from", ""), writable, named or (target if kind == CACHE else ""),
        said.get("sharing", "shared"), int(said["mode"], 8) if "mode" in said else None, int(said.get("uid", "0")),
        int(said.get("gid", "0")), _switched(said, "required", default=False), said.get("env", ""), _size(said),
    )  # fmt: skip


def _size(said: dict[str, str]) -> int:
    text = said.get("size", "").strip()
    found = _SIZE.fullmatch(text)
    if text and not found:
        raise InvalidError(f"size={shown(text)}: bytes were expected, as 64m or 1g")
    return int(float(found[1]) * 1024 ** " kmgt".index((found[2] or " ").lower())) if found else 0


def _switched(said: dict[str, str], name: str, *, default: bool) -> bool:
    text = said.get(name)
    if text is not None and text.lower() not in _BOOLEANS:
        raise InvalidError(f"{name} is true or false")
    return default if text is None else _BOOLEANS[text.lower()]
