"""What the config instructions of schema 1's events mean, for ever: configs have left that were made of them.

Later events state the fields that result, and what makes those of an instruction is `config_changes`.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.oci.config_values import check_signal, environment, health_option, ports
from projections.oci.documents import Json, field, items

_DEFAULT_SHELL = ["/bin/sh", "-c"]


def apply_changes(config: Json, instructions: Sequence[str]) -> Json:
    """Return *config* (the run config: Env, Cmd, ...) as all *instructions* leave it.

    ENTRYPOINT drops a Cmd that came from the base, never one that a CMD among the same instructions sets.
    """
    for instruction in sorted(instructions, key=lambda text: _split(text)[0] == "CMD"):
        config = apply_change(config, instruction)
    return config


def apply_change(config: Json, instruction: str) -> Json:
    """Return *config* as one *instruction* leaves it; InvalidError names the reason and what is allowed."""
    name, rest = _split(instruction)
    try:
        if name not in _CHANGES:
            raise InvalidError("not an instruction that changes an image's config")
        if not rest:
            raise InvalidError("its argument is missing")
        changes = _CHANGES[name](config, rest)
        return {key: value for key, value in (config | changes).items() if value is not None or key not in changes}
    except InvalidError as error:
        allowed = ", ".join(sorted(_CHANGES))
        raise InvalidError(f"change {shown(instruction[:100])!r}: {error}; allowed are {allowed}") from None


def _split(instruction: str) -> tuple[str, str]:
    name, _, rest = re.sub(r"\s", " ", instruction.strip(), count=1).partition(" ")
    return name.upper(), rest.strip()


# one function per instruction: (config, argument) -> the fields that change


def _env(config: Json, rest: str) -> Json:
    found = environment(config) | _pairs(config, rest)
    return {"Env": [f"{name}={value}" for name, value in found.items()]}


def _expose(config: Json, rest: str) -> Json:
    exposed: Json = {port: {} for word in words(rest, environment(config)) for port in ports(word)}
    return {"ExposedPorts": {**field(config, "ExposedPorts", dict, "config", {}), **exposed}}


def _volume(config: Json, rest: str) -> Json:
    listed = _json_form(rest)
    paths = words(rest, environment(config)) if listed is None else listed
    if not paths or not all(path.strip() for path in paths):
        raise InvalidError("a volume's path is empty")
    volumes: Json = {path: {} for path in paths}
    return {"Volumes": {**field(config, "Volumes", dict, "config", {}), **volumes}}


def _workdir(config: Json, rest: str) -> Json:
    current = field(config, "WorkingDir", str, "config", "/") or "/"
    path = posixpath.normpath(posixpath.join("/", current, expanded(rest, environment(config))))
    return {"WorkingDir": "/" + path.lstrip("/")}


def _stopsignal(config: Json, rest: str) -> Json:
    word = _one_word(config, rest)
    check_signal(word)
    return {"StopSignal": word}


def _onbuild(config: Json, rest: str) -> Json:
    trigger = _split(rest)[0]
    if trigger in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidError(f"{trigger} cannot be a trigger")
    return {"OnBuild": [*items(config, "OnBuild", str, "config"), rest]}


def _healthcheck(_: Json, rest: str) -> Json:
    if rest.upper() == "NONE":
        return {"Healthcheck": {"Test": ["NONE"]}}
    check: Json = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s*", rest):
        check.update(health_option(match[1], match[2]))
        rest = rest[match.end() :]
    name, command = _split(rest)
    if name != "CMD" or not command:
        raise InvalidError("NONE, or options and CMD with a command, were expected")
    listed = _json_form(command)
    check["Test"] = ["CMD-SHELL", command] if listed is None else ["CMD", *listed]
    return {"Healthcheck": check}


_CHANGES: Mapping[str, Callable[[Json, str], Json]] = {
    "CMD": lambda config, rest: {"Cmd": _command(config, rest)},
    "ENTRYPOINT": lambda config, rest: {"Entrypoint": _command(config, rest), "Cmd": None},
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": lambda config, rest: {"Labels": field(config, "Labels", dict, "config", {}) | _pairs(config, rest)},
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": lambda config, rest: {"User": _one_word(config, rest)},
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


# their arguments


def _command(config: Json, rest: str) -> list[str]:
    listed = _json_form(rest)
    if listed is not None:
        return listed
    return [*(items(config, "Shell", str, "config") or _DEFAULT_SHELL), rest]


def _json_form(rest: str) -> list[str] | None:
    """The JSON form of an argument, or None for the shell form; what starts as JSON but is not is refused."""
    try:
        found = json.loads(rest) if rest.startswith("[") else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and all(isinstance(word, str) for word in found):
        return found
    if found is not None or re.match(r"\[\s*[\"']", rest):
        raise InvalidError("not a JSON array of strings; write it with double quotes")
    return None


def _one_word(config: Json, rest: str) -> str:
    found = words(rest, environment(config))
    if len(found) != 1 or not found[0]:
        raise InvalidError("exactly one word was expected")
    return found[0]


def _pairs(config: Json, rest: str) -> dict[str, str]:
    """`a=1 b="2 3"`, or the old form `a all the rest`."""
    env = environment(config)
    first = re.split(r"\s", rest, maxsplit=1)
    if "=" not in first[0]:
        if len(first) == 1:
            raise InvalidError("name=value was expected")
        return {first[0]: expanded(first[1].strip(), env)}
    found = {}
    for word in words(rest, env):
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise InvalidError(f"{shown(word)!r} is not name=value; quote a value that has spaces")
        found[name] = value
    return found


# words, as a Dockerfile quotes and expands them

_TOKEN = re.compile(
    r"""'(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | \\(?P<escaped>.) | (?P<space>\s+)
      | \$\{(?P<braced>[^}]*)\} | \$(?P<name>[A-Za-z_][A-Za-z0-9_]*) | (?P<plain>[^'"\\\s$]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_IN_QUOTES = re.compile(
    r"""\\(?P<escaped>["$\\]) | \$\{(?P<braced>[^}]*)\} | \$(?P<name>[A-Za-z_][A-Za-z0-9_]*) | (?P<plain>[^"$\\]+|.)""",
    re.VERBOSE | re.DOTALL,
)


def words(text: str, env: Mapping[str, str]) -> list[str]:
    """Return the words of *text*: quotes removed, variables of *env* expanded; an expansion is never split."""
    runs = groupby(_pieces(text, env), key=itemgetter(1))
    return ["".join(piece for piece, _ in run) for space, run in runs if not space]


def expanded(text: str, env: Mapping[str, str]) -> str:
    """Return *text* as one word: spaces kept, quotes removed, variables of *env* expanded."""
    return "".join(piece for piece, _ in _pieces(text, env))


def _pieces(text: str, env: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind == "plain" and value in "'\"":
            raise InvalidError("a quote is not closed")
        if kind == "double":
            yield "".join(_value(m, env) for m in _IN_QUOTES.finditer(value)), False
        else:
            yield _value(match, env), kind == "space"


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "name":
        return env.get(value, "")
    return _braced(value, env) if kind == "braced" else value


_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:[-+])(.*))?", re.DOTALL)


def _braced(inner: str, env: Mapping[str, str]) -> str:
    match = _BRACED.fullmatch(inner)
    if match is None or "${" in inner:
        raise InvalidError(f"${{{shown(inner)}}} cannot be expanded; ${{name}}, ${{name:-word}}, ${{name:+word}} can")
    value, how, word = env.get(match[1], ""), match[2], match[3] or ""
    if how == ":+":
        return expanded(word, env) if value else ""
    return value or (expanded(word, env) if how else "")
