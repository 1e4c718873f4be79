"""What changes an image's run config: Docker's `--change` instructions, values taken as they stand, and UNSET.

What they result in is what an event states, so these rules may change; those of schema 1 may not.
"""

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.oci import dockerfile
from projections.oci.config_values import check_signal, environment, health_option, ports
from projections.oci.dockerfile import Instruction
from projections.oci.documents import Json, field, items

_DEFAULT_SHELL = ["/bin/sh", "-c"]
FIELDS = {
    "CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "ENV": "Env", "EXPOSE": "ExposedPorts", "HEALTHCHECK": "Healthcheck",
    "LABEL": "Labels", "ONBUILD": "OnBuild", "STOPSIGNAL": "StopSignal", "USER": "User", "VOLUME": "Volumes",
    "WORKDIR": "WorkingDir",
}  # fmt: skip
"""Which field of the run config each instruction sets."""
_FORMS = {
    "CMD": """'CMD ["program", "argument"]' or 'CMD line for the shell'""",
    "ENTRYPOINT": """'ENTRYPOINT ["program", "argument"]' or 'ENTRYPOINT line for the shell'""",
    "ENV": """'ENV NAME=VALUE', the value in quotes where it has spaces""",
    "EXPOSE": "'EXPOSE 8080', '53/udp' or '8000-8010'",
    "HEALTHCHECK": "'HEALTHCHECK --interval=30s --retries=3 CMD command' or 'HEALTHCHECK NONE'",
    "LABEL": """'LABEL NAME=VALUE', the value in quotes where it has spaces""",
    "ONBUILD": "'ONBUILD RUN make', or another instruction for the build that comes on top",
    "STOPSIGNAL": "'STOPSIGNAL SIGTERM', or the number of one",
    "USER": "'USER NAME' or 'USER NAME:GROUP'",
    "VOLUME": """'VOLUME /path' or 'VOLUME ["/path with spaces"]'""",
    "WORKDIR": "'WORKDIR /path'",
}
_PODMAN = re.compile(rf"(\s*(?:{'|'.join(FIELDS)}))=", re.IGNORECASE)
"""`CMD=x` for `CMD x`, as podman takes it."""


# -- reading


def read(texts: Iterable[str]) -> list[Instruction]:
    """Return the instructions of *texts*, each of one or several lines; InvalidError says which is wrong, where and why."""
    return [instruction for text in texts for instruction in _read(text)]


def _read(text: str) -> list[Instruction]:
    try:
        try:
            found = dockerfile.read(text)
        except dockerfile.DockerfileError:
            found = dockerfile.read("\n".join(_spaced(text.split("\n"))))
    except dockerfile.DockerfileError as flaw:
        line = text.split("\n")[flaw.line - 1].strip()
        name = re.split(r"[\s=]", line, maxsplit=1)[0].upper()
        raise _refusal(line, flaw.reason, name, flaw.line if "\n" in text.strip() else 0) from None
    if not found:
        raise _refusal(text, "it holds no instruction", "", 0)
    for each in found:
        if _looks_like_array(each):
            raise _refusal(each.text, _NO_ARRAY, each.name, each.line if "\n" in text.strip() else 0)
    return found


_NO_ARRAY = "not a JSON array of strings, which have double quotes"
_ARRAY = re.compile(
    r"""\s*(ONBUILD\s+)?(CMD|ENTRYPOINT|HEALTHCHECK\s(.*\s)?CMD|VOLUME)\s+\[\s*["']""", re.IGNORECASE | re.DOTALL,
)  # fmt: skip


def _looks_like_array(instruction: Instruction) -> bool:
    """Whether a line was hardly meant for a shell; in a Dockerfile it is one all the same, as with Docker."""
    return not instruction.json and _ARRAY.match(instruction.text) is not None


def _spaced(lines: Iterable[str]) -> Iterator[str]:
    continued = False
    for line in lines:
        yield line if continued else _PODMAN.sub(r"\1 ", line, count=1) if _PODMAN.match(line) else line
        if line.strip() and not line.lstrip().startswith("#"):
            continued = line.rstrip(" \t\r").endswith("\\")


def _refusal(text: str, reason: str, name: str, line: int) -> InvalidError:
    where = f", line {line}" if line else ""
    what = f"write {_FORMS[name]}" if name in _FORMS else f"allowed are {', '.join(FIELDS)}"
    return InvalidError(f"change {shown(text[:100])!r}{where}: {reason}; {what}")


# -- values as they stand: nothing in them is expanded


def literal(name: str, *arguments: str) -> Instruction:
    """Return the instruction *name* of *arguments* that are no Dockerfile text."""
    return Instruction(name, arguments, " ".join([name, *map(_quoted, arguments)]), literal=True)


def pair(name: str, text: str) -> Instruction:
    """Return ENV or LABEL for NAME=VALUE; raise InvalidError."""
    key, equals, value = text.partition("=")
    if not key or not equals or any(c.isspace() for c in key):
        raise InvalidError(f"{shown(text)!r} is not NAME=VALUE; `--unset {name}=NAME` takes one away")
    return Instruction(name, (key, value, "="), f"{name} {_quoted(key)}={_quoted(value)}", literal=True)


def volumes(paths: Sequence[str]) -> Instruction:
    return Instruction("VOLUME", tuple(paths), f"VOLUME {json.dumps(paths)}", json=True, literal=True)


def command(name: str, text: str) -> Instruction:
    """Return CMD or ENTRYPOINT for a JSON array, or else a line for the shell; raise InvalidError."""
    try:
        listed = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list) and not all(isinstance(word, str) for word in listed):
        raise _refusal(f"{name} {text}", "not a JSON array of strings", name, 0)
    if listed is None and _looks_like_array(Instruction(name, (text,), f"{name} {text}")):
        raise _refusal(f"{name} {text}", _NO_ARRAY, name, 0)
    arguments = (text,) if listed is None else tuple(listed)
    return Instruction(name, arguments, f"{name} {text}", json=listed is not None, literal=True)


def unset(text: str) -> Instruction:
    """Return UNSET for FIELD or FIELD=NAME, a field by its instruction (ENV) or OCI's name (Env); raise InvalidError."""
    asked, equals, name = text.partition("=")
    spelled = {word.lower(): word for word in FIELDS} | {known.lower(): word for word, known in FIELDS.items()}
    word = spelled.get(asked.lower().replace("-", ""))
    if word is None:
        raise InvalidError(f"--unset {shown(text)}: no such field; there are {', '.join(FIELDS)}, and ENV=NAME, LABEL=NAME")
    return Instruction("UNSET", (word, name) if equals else (word,), f"UNSET {word}{equals}{name}", literal=True)


def _quoted(text: str) -> str:
    return shlex.quote(text).replace("""'"'"'""", r"""'\''""")


# -- applying


def applied(config: Json, instructions: Sequence[Instruction]) -> Json:
    """Return *config* (the run config: Env, Cmd, ...) as all *instructions* leave it; InvalidError where one is wrong.

    ENTRYPOINT drops a Cmd that came from the base, never one that a CMD among the same instructions sets.
    """
    several, own_command = len({instruction.line for instruction in instructions}) > 1, False
    for instruction in instructions:
        changes = _changes(config, instruction, several=several)
        if instruction.name == "ENTRYPOINT" and not own_command:
            changes["Cmd"] = None
        own_command |= instruction.name == "CMD"
        config = {key: value for key, value in (config | changes).items() if value is not None or key not in changes}
    return config


def _changes(config: Json, instruction: Instruction, *, several: bool) -> Json:
    if instruction.name == "UNSET":
        return _without(config, *instruction.arguments)
    try:
        value = _checked(config, instruction)
        return {FIELDS[instruction.name]: value}
    except InvalidError as error:
        reason = error.reason if isinstance(error, dockerfile.DockerfileError) else str(error)
        raise _refusal(instruction.text, reason, instruction.name, instruction.line if several else 0) from None


def _checked(config: Json, instruction: Instruction) -> object:
    name = instruction.name
    if name not in _VALUES:
        raise InvalidError(f"{shown(name)} does not change the config")
    if instruction.flags and name != "HEALTHCHECK":
        raise InvalidError(f"it has no option {shown(instruction.flags[0])}")
    if not instruction.arguments and not instruction.json and name != "ONBUILD":
        raise InvalidError("its argument is missing")
    return _VALUES[name](config, instruction)


def _without(config: Json, word: str, name: str | None = None) -> Json:
    """The field that *word* sets, without what *name* names in it; None where nothing is left."""
    key = FIELDS[word]
    if not config.get(key):
        raise InvalidError(f"--unset {word}{'' if name is None else f'={shown(name)}'}: no {word} is set")
    if name is None:
        return {key: None}
    if word not in _LISTS + _MAPS:
        raise InvalidError(f"--unset {word}={shown(name)}: it is one value; `--unset {word}` takes it away")
    held = items(config, key, str, "config") if word in _LISTS else list(field(config, key, dict, "config"))
    names = [item.partition("=")[0] for item in held] if word == "ENV" else held
    gone = set(ports(name)) if word == "EXPOSE" else {name}
    if not gone <= set(names):
        there = shown(", ".join(names)[:300])
        raise InvalidError(f"--unset {word}={shown(name)}: it is not there; {word} has {there}")
    left = [item for item, known in zip(held, names, strict=True) if known not in gone]
    return {key: (left if word in _LISTS else {item: config[key][item] for item in left}) or None}


_LISTS, _MAPS = ("ENV", "ONBUILD"), ("EXPOSE", "LABEL", "VOLUME")


# one function per instruction: (config, instruction) -> the value of the field that it sets


def _command(config: Json, instruction: Instruction) -> list[str]:
    return _line(config, instruction, instruction.arguments)


def _line(config: Json, instruction: Instruction, arguments: Sequence[str]) -> list[str]:
    if instruction.json:
        return list(arguments)
    return [*(items(config, "Shell", str, "config") or _DEFAULT_SHELL), *arguments]


def _pairs(config: Json, instruction: Instruction) -> dict[str, str]:
    env = environment(config)
    given = [dockerfile.word(instruction, argument, env) for argument in instruction.arguments]
    found = dict(zip(given[::3], given[1::3], strict=True))
    if "" in found:
        raise InvalidError("a name is empty")
    return found


def _env(config: Json, instruction: Instruction) -> list[str]:
    return [f"{name}={value}" for name, value in (environment(config) | _pairs(config, instruction)).items()]


def _labels(config: Json, instruction: Instruction) -> Json:
    return field(config, "Labels", dict, "config", {}) | _pairs(config, instruction)


def _exposed(config: Json, instruction: Instruction) -> Json:
    env = environment(config)
    named = (word for argument in instruction.arguments for word in dockerfile.words(instruction, argument, env))
    return field(config, "ExposedPorts", dict, "config", {}) | {port: {} for word in named for port in ports(word)}


def _volumes(config: Json, instruction: Instruction) -> Json:
    env = environment(config)
    paths = [dockerfile.word(instruction, argument, env) for argument in instruction.arguments]
    if not paths or not all(path.strip() for path in paths):
        raise InvalidError("a volume's path is empty")
    return field(config, "Volumes", dict, "config", {}) | {path: {} for path in paths}


def _workdir(config: Json, instruction: Instruction) -> str:
    current = field(config, "WorkingDir", str, "config", "/") or "/"
    path = dockerfile.word(instruction, instruction.arguments[0], environment(config))
    return "/" + posixpath.normpath(posixpath.join("/", current, path)).lstrip("/")


def _one_word(config: Json, instruction: Instruction) -> str:
    found = dockerfile.words(instruction, instruction.arguments[0], environment(config))
    if len(found) != 1 or not found[0]:
        raise InvalidError("exactly one word was expected")
    return found[0]


def _signal(config: Json, instruction: Instruction) -> str:
    name = _one_word(config, instruction)
    check_signal(name)
    return name


def _triggers(config: Json, instruction: Instruction) -> list[str]:
    inner = dockerfile.trigger(instruction)
    if len(inner.arguments) < _LEAST.get(inner.name, 1) and not (inner.json and inner.name in FIELDS):
        raise InvalidError(f"an argument of {inner.name} is missing")
    if inner.name == "SHELL" and not inner.json:
        raise InvalidError('SHELL takes a JSON array, as SHELL ["/bin/bash", "-c"]')
    if inner.name in _VALUES and "$" not in inner.text:
        _checked({}, inner)
    return [*items(config, "OnBuild", str, "config"), inner.text]


_LEAST = {"COPY": 2, "ADD": 2, "ONBUILD": 0}


def _healthcheck(_: Json, instruction: Instruction) -> Json:
    kind, *line = instruction.arguments
    if kind.upper() == "NONE" and not line:
        return {"Test": ["NONE"]}
    if kind.upper() != "CMD" or not line:
        raise InvalidError("NONE, or options and CMD with a command, were expected")
    check: Json = {}
    for flag in instruction.flags:
        option, value = flag.removeprefix("--").partition("=")[::2]
        check |= health_option(option, value)
    test = _line({"Shell": ["CMD-SHELL"]}, instruction, line)
    return check | {"Test": ["CMD", *test] if instruction.json else test}


_VALUES: Mapping[str, Callable[[Json, Instruction], object]] = {
    "CMD": _command,
    "ENTRYPOINT": _command,
    "ENV": _env,
    "EXPOSE": _exposed,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _labels,
    "ONBUILD": _triggers,
    "STOPSIGNAL": _signal,
    "USER": _one_word,
    "VOLUME": _volumes,
    "WORKDIR": _workdir,
}
