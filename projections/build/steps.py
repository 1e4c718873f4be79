"""The steps of a stage, all settled: what each does to the config, runs or copies, and what is told of it."""

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.build import flags
from projections.build.flags import Mount
from projections.build.scope import Scope
from projections.oci import dockerfile
from projections.oci.config_changes import FIELDS, applied
from projections.oci.dockerfile import DockerfileError, Instruction
from projections.oci.documents import Json, field, items

_SHELL = ["/bin/sh", "-c"]
SCRIPTS = "/dev/pipes/"
"""Where a heredoc that begins with #! is shown to the process that runs it, as BuildKit does."""


class Configure(NamedTuple):
    """Changes the run config alone; `author` is who MAINTAINER names."""

    config: Json
    created_by: str
    author: str | None = None


class MakeDirectory(NamedTuple):
    """WORKDIR: makes `path` where it is not there."""

    config: Json
    created_by: str
    path: str


class Process(NamedTuple):
    """RUN: `args` run with `variables` beside the config's environment; `script` is a file (name, text) that is one of them."""

    created_by: str
    args: tuple[str, ...]
    variables: Mapping[str, str]
    counted: Mapping[str, str]
    mounts: tuple[Mount, ...]
    network: str
    script: tuple[str, str] | None


class Copying(NamedTuple):
    """COPY and ADD: `sources` of `origin` (a stage or an image, "" for the context) and `texts` (name, text) go to `target`.

    `target` is absolute, with a slash behind it where it must be a directory. `unpack` tells that of a source in the
    context that is a tar its files go, `unpack_remote` that they do of one that is fetched; `remote` that sources may be URLs.
    """

    created_by: str
    sources: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    target: str
    origin: str
    chown: str
    chmod: str
    exclude: tuple[str, ...]
    parents: bool
    link: bool
    unpack: bool
    unpack_remote: bool
    remote: bool
    checksum: str


Step = Configure | MakeDirectory | Process | Copying


def settled(instruction: Instruction, scope: Scope, config: Json, *, own_command: bool) -> Step:
    """Return what an instruction does where *config* is the run config so far; DockerfileError says the line.

    *own_command* tells that the stage has set a CMD of its own, which an ENTRYPOINT keeps.
    """
    try:
        return _settled(instruction, scope, config, own_command=own_command)
    except DockerfileError as error:
        raise DockerfileError(error.reason, instruction.line) from None
    except InvalidError as error:
        raise DockerfileError(f"{instruction.name}: {error}", instruction.line) from None


def _settled(instruction: Instruction, scope: Scope, config: Json, *, own_command: bool) -> Step:
    match instruction.name:
        case "RUN":
            return _process(instruction, scope, config)
        case "COPY" | "ADD":
            return _copying(instruction, scope, config)
        case "ARG":
            told = (_told_argument(instruction, word, scope, config) for word in instruction.arguments)
            return Configure(config, " ".join(["ARG", *told]))
        case "MAINTAINER":
            name = " ".join(instruction.arguments)
            return Configure(config, f"MAINTAINER {name}", name)
        case "SHELL":
            return Configure({**config, "Shell": list(instruction.arguments)}, f"SHELL [{' '.join(instruction.arguments)}]")
    expanded = _expanded(instruction, scope.variables(config))
    changed = applied(config, [expanded])
    if instruction.name == "ENTRYPOINT" and own_command and "Cmd" in config:
        changed["Cmd"] = config["Cmd"]
    if instruction.name == "WORKDIR":
        path = str(changed["WorkingDir"])
        return MakeDirectory(changed, f"WORKDIR {path}", path)
    return Configure(changed, _told(instruction, expanded, changed))


def _told_argument(instruction: Instruction, word: str, scope: Scope, config: Json) -> str:
    value, name = scope.value_of(instruction, word, config), word.partition("=")[0]
    return name if value is None else f"{name}={value}"


_WORDS = ("EXPOSE",)
_EXPANDED = ("ENV", "LABEL", "EXPOSE", "VOLUME", "WORKDIR", "USER", "STOPSIGNAL")


def _expanded(instruction: Instruction, variables: Mapping[str, str]) -> Instruction:
    """Return an instruction whose words stand for themselves, variables among them expanded."""
    if instruction.name not in _EXPANDED:
        return instruction
    given = instruction.arguments
    if instruction.name in ("ENV", "LABEL"):
        found = [a if n % 3 == 2 else dockerfile.word(instruction, a, variables) for n, a in enumerate(given)]
    elif instruction.name in _WORDS:
        found = [word for argument in given for word in dockerfile.words(instruction, argument, variables)]
    else:
        found = [dockerfile.word(instruction, argument, variables) for argument in given]
    if not any(found):
        raise InvalidError(f"{shown(' '.join(given)[:60])} is empty once its variables are expanded")
    return instruction._replace(arguments=tuple(found), literal=True)


def _told(instruction: Instruction, expanded: Instruction, config: Json) -> str:
    """Return what the history says of an instruction, as BuildKit does."""
    name, arguments = instruction.name, expanded.arguments
    if name in ("ENV", "LABEL"):
        return " ".join([name, *(f"{key}={value}" for key, value in zip(arguments[::3], arguments[1::3], strict=True))])
    if name in ("CMD", "ENTRYPOINT"):
        return f"{name} [{' '.join(json.dumps(word, ensure_ascii=False) for word in config[FIELDS[name]] or ())}]"
    if name in ("VOLUME", "EXPOSE"):
        return f"{name} [{' '.join(arguments)}]"
    if name in ("USER", "STOPSIGNAL"):
        return f"{name} {config[FIELDS[name]]}"
    return instruction.text


def shell(config: Json) -> Sequence[str]:
    return items(config, "Shell", str, "config") or _SHELL


# -- RUN


def _process(instruction: Instruction, scope: Scope, config: Json) -> Process:
    said = flags.values(instruction)
    command, script = _command(instruction)
    args = tuple(command) if instruction.json else (*shell(config), *command)
    if not args or not "".join(command).strip():
        raise InvalidError("there is nothing to run")
    variables = scope.variables(config)
    mounts = [
        mount._replace(
            target=_absolute(dockerfile.word(instruction, mount.target, variables), config) if mount.target else "",
            source=dockerfile.word(instruction, mount.source, variables), id=dockerfile.word(instruction, mount.id, variables),
        )
        for mount in flags.mounts(instruction, said.get("mount", []))
    ]  # fmt: skip
    counted = scope.counted(config)
    told = [f"|{len(counted)}", *(f"{name}={value}" for name, value in sorted(counted.items()))] if counted else []
    return Process(
        " ".join(["RUN", *told, *args]), args, scope.process_variables(config), counted, tuple(mounts),
        flags.one(said, "network") or "default", script,
    )  # fmt: skip


def _command(instruction: Instruction) -> tuple[list[str], tuple[str, str] | None]:
    """Return the words to run, and the script where a heredoc is one: BuildKit's rules."""
    words = list(instruction.arguments)
    if instruction.json or not instruction.heredocs:
        return words, None
    first, line = instruction.heredocs[0], words[0].strip()
    if len(instruction.heredocs) == 1 and line.lstrip("<-").strip("'\"") == first.name and line.startswith("<<"):
        if first.text.startswith("#!"):
            return [SCRIPTS + first.name], (first.name, first.text)
        return [first.text], None
    return [line + "".join(f"\n{heredoc.text}{heredoc.name}" for heredoc in instruction.heredocs)], None


# -- COPY and ADD


def _copying(instruction: Instruction, scope: Scope, config: Json) -> Copying:
    said = flags.values(instruction)
    variables = scope.variables(config)
    words = [dockerfile.word(instruction, argument, variables) for argument in instruction.arguments]
    *sources, target = words
    texts = tuple((heredoc.name, _text(heredoc, variables)) for heredoc in instruction.heredocs)
    sources = [source for source in sources if not source.startswith("<<")] if texts else sources
    if not target or any(not source for source in sources):
        raise InvalidError("a source or the destination is empty once its variables are expanded")
    adds = instruction.name == "ADD"
    chown, chmod = (dockerfile.word(instruction, flags.one(said, name), variables) for name in ("chown", "chmod"))
    named = {"chown": chown, "chmod": chmod, "from": flags.one(said, "from")}
    options = [f"--{name}={value}" for name, value in named.items() if value]
    return Copying(
        " ".join([instruction.name, *options, *sources, *(f"<<{name}" for name, _ in texts), target]), tuple(sources), texts,
        _absolute(target, config), flags.one(said, "from"), chown, chmod, tuple(said.get("exclude", ())),
        flags.switch(instruction, said, "parents"), flags.switch(instruction, said, "link"),
        adds and ("unpack" not in said or flags.switch(instruction, said, "unpack")),
        flags.switch(instruction, said, "unpack"), adds,
        dockerfile.word(instruction, flags.one(said, "checksum"), variables),
    )  # fmt: skip


def _text(heredoc: dockerfile.Heredoc, variables: Mapping[str, str]) -> str:
    return dockerfile.expanded_text(heredoc.text, variables) if heredoc.expands else heredoc.text


def _absolute(path: str, config: Json) -> str:
    """Return *path* as the working directory makes it whole; a slash, or a dot, at its end says that it is a directory."""
    whole = posixpath.join("/", field(config, "WorkingDir", str, "config", "/") or "/", path)
    found = "/" + posixpath.normpath(whole).lstrip("/")
    is_directory = path.endswith(("/", "/.", "/..")) or path in (".", "..")
    return found.rstrip("/") + "/" if is_directory else found
