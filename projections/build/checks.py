"""What is doubtful in a Dockerfile though it can be built: the rules, and their names, of `docker build --check`.

Each rule is one function, from all instructions to what it finds.  Source: docs.docker.com/reference/build-checks.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.build import flags, stages
from projections.build.ignore import Ignored
from projections.build.scope import PROXIES
from projections.oci import dockerfile
from projections.oci.dockerfile import Instruction

_VARIABLE = re.compile(r"\\.|\$(?:\{(\w+)(:?[-+?#%/][^}]*)?\}|(\w+))", re.DOTALL)
_SECRET = re.compile(r"(?:^|_)(?:apikey|auth|credentials?|key|passw(?:or)?d|pword|secret|token)(?:_|$)", re.IGNORECASE)
_NO_SECRET = re.compile(r"(?:^|_)(?:public)(?:_|$)", re.IGNORECASE)
_EXPANDED = ("ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
_PORT = re.compile(r"\d{1,5}(-\d{1,5})?(/(tcp|udp|sctp))?", re.IGNORECASE)
_ALWAYS = {"PATH", *PROXIES}
_ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")


SetBy = Callable[[str], "set[str] | None"]


class Flaw(NamedTuple):
    """What a rule has against a line."""

    line: int
    rule: str
    text: str


class File(NamedTuple):
    """A Dockerfile as the rules see it: `stages` are its FROMs with what stands below each, `above` the ARGs before them.

    `set_by` names the variables that an image sets, None for one that is not here.
    """

    text: str
    above: list[Instruction]
    stages: list[list[Instruction]]
    platform: Mapping[str, str]
    ignored: Ignored
    set_by: SetBy

    @property
    def all(self) -> list[Instruction]:
        return [*self.above, *(instruction for stage in self.stages for instruction in stage)]


def check(text: str, platform: Mapping[str, str], ignored: Ignored, set_by: SetBy) -> list[Flaw]:
    """Return what the rules find, by lines; those that `# check=skip=...` names are left out.  DockerfileError as `parted`."""
    above, parts = stages.parted(text)
    file = File(text, above, parts, platform, ignored, set_by)
    skipped = directed(text).get("skip", "").lower().split(",")
    if "all" in skipped:
        return []
    rules = [(rule, look) for rule, look in _RULES.items() if rule.lower() not in skipped]
    return sorted(Flaw(line, rule, said) for rule, look in rules for line, said in look(file))


def directed(text: str) -> dict[str, str]:
    """Return what `# check=skip=RULE,RULE;error=true` says, by its names."""
    parts = dockerfile.directives(text).get("check", "").split(";")
    return {name.strip(): value.strip() for name, equals, value in (part.partition("=") for part in parts) if equals}


Found = Iterator[tuple[int, str]]


# -- spelling


def _word(instruction: Instruction) -> str:
    return instruction.text.split(maxsplit=1)[0]


def _casing(file: File) -> Found:
    words = [(each.line, _word(each)) for each in file.all]
    upper = sum(word.isupper() for _, word in words)
    wanted = str.upper if upper * 2 >= len(words) else str.lower
    for line, word in words:
        if word != wanted(word):
            yield line, f"{shown(word)} is spelled unlike the other instructions: {wanted(word)}"


def _from_as(file: File) -> Found:
    for stage in file.stages:
        words = stage[0].text.split()
        if len(stage[0].arguments) == 3 and words[0].isupper() != words[-2].isupper():
            yield stage[0].line, f"{shown(words[-2])} and {shown(words[0])} are of different case"


def _stage_name(file: File) -> Found:
    for stage in file.stages:
        if len(stage[0].arguments) == 3 and (name := stage[0].arguments[2]) != name.lower():
            yield stage[0].line, f"the stage name {shown(name)} should be in small letters"


def _empty_continuation(file: File) -> Found:
    continued = False
    for line, text in enumerate(file.text.split("\n"), 1):
        if continued and not text.strip():
            yield line, "an empty line within a continued instruction will be an error one day"
            continued = False
        elif not (continued and text.lstrip().startswith("#")):
            continued = text.rstrip().endswith("\\") and not text.lstrip().startswith("#")


def _legacy_pairs(file: File) -> Found:
    for each in file.all:
        if each.name in ("ENV", "LABEL") and len(each.arguments) == 3 and each.arguments[2] == "":
            yield each.line, f"{each.name} NAME VALUE is the old form; write {each.name} NAME=VALUE"


def _json(file: File) -> Found:
    for stage in file.stages:
        has_shell = False
        for each in stage:
            has_shell |= each.name == "SHELL"
            if each.name in ("CMD", "ENTRYPOINT") and not each.json and not has_shell:
                form = f'{each.name} ["PROGRAM", "ARGUMENT"]'
                yield each.line, f"{each.name} as a line is run by a shell, which passes no signals on; write {form}"


def _maintainer(file: File) -> Found:
    for each in file.all:
        if each.name == "MAINTAINER":
            yield each.line, "MAINTAINER is deprecated; write LABEL org.opencontainers.image.authors=..."


# -- stages


def _duplicates(file: File) -> Found:
    seen: set[str] = set()
    for stage in file.stages:
        name = stage[0].arguments[2].lower() if len(stage[0].arguments) == 3 else ""
        if name and name in seen:
            yield stage[0].line, f"there is a stage {shown(name)} already"
        seen.add(name)


def _reserved(file: File) -> Found:
    for stage in file.stages:
        if len(stage[0].arguments) == 3 and stage[0].arguments[2].lower() in ("scratch", "context"):
            yield stage[0].line, f"{shown(stage[0].arguments[2])} is reserved, and no name for a stage"


def _several(file: File) -> Found:
    for stage in file.stages:
        for name in _ONCE:
            found = [each for each in stage if each.name == name]
            for each in found[:-1]:
                yield each.line, f"a later {name} of the stage takes the place of this one"


def _platform_flag(file: File) -> Found:
    for each in (stage[0] for stage in file.stages):
        asked = flags.one(flags.values(each), "platform")
        if asked in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            yield each.line, "--platform=$TARGETPLATFORM is what FROM takes anyhow"


def _constant_platform(file: File) -> Found:
    names = " ".join(stage[0].arguments[2] if len(stage[0].arguments) == 3 else "" for stage in file.stages)
    for each in (stage[0] for stage in file.stages):
        asked = flags.one(flags.values(each), "platform")
        if asked and "$" not in asked and not any(part in names for part in asked.split("/")):
            yield each.line, f"--platform={shown(asked)} is fixed; $BUILDPLATFORM and $TARGETPLATFORM follow the build"


# -- variables


def _named(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each variable that a text names, and whether it says what to do without it."""
    for match in _VARIABLE.finditer(text):
        if match[1] or match[3]:
            yield match[1] or match[3], bool(match[2])


def _defaults(file: File) -> dict[str, str | None]:
    words = [word.partition("=") for each in file.above if each.name == "ARG" for word in each.arguments]
    return {name: value if equals else None for name, equals, value in words}


def _undefined_from(file: File) -> Found:
    known = {*file.platform, *_defaults(file)}
    for stage in file.stages:
        for name, handled in _named(" ".join([*stage[0].flags, stage[0].arguments[0]])):
            if name not in known and not handled:
                yield stage[0].line, f"${shown(name)} is declared by no ARG above FROM"


def _empty_from(file: File) -> Found:
    values = {name: value or "" for name, value in _defaults(file).items()} | dict(file.platform)
    for stage in file.stages:
        names = {name for name, _ in _named(stage[0].arguments[0])}
        try:
            base = dockerfile.word(stage[0], stage[0].arguments[0], values)
        except InvalidError:
            continue
        if names & {*_defaults(file)} and (not base or base.startswith((":", "/")) or base.endswith((":", "@", "/"))):
            named = shown(stage[0].arguments[0])
            yield stage[0].line, f"without --build-arg {named} is no image's name; give its ARG a default"


def _undefined(file: File) -> Found:
    behind: dict[str, set[str] | None] = {"scratch": set()}
    for stage in file.stages:
        base = stage[0].arguments[0].lower()
        inherited = behind[base] if base in behind else file.set_by(stage[0].arguments[0])
        known = set() if inherited is None else {*inherited}
        for each in stage[1:]:
            for name in _unset(each, known | _ALWAYS) if each.name in _EXPANDED else ():
                close = _close(name, known | _ALWAYS)
                if inherited is not None or close:
                    meant = f"; is ${shown(close)} meant?" if close else ""
                    yield each.line, f"${shown(name)} is set by no ARG or ENV above{meant}"
            known |= _sets(each)
        behind[stage[0].arguments[-1].lower()] = None if inherited is None else {*inherited, *_environment(stage)}


def _unset(instruction: Instruction, known: set[str]) -> Iterator[str]:
    named = _named(" ".join([*instruction.flags, *instruction.arguments]))
    return (name for name, handled in named if name not in known and not handled)


def _environment(stage: Iterable[Instruction]) -> set[str]:
    return {name for each in stage if each.name == "ENV" for name in _sets(each)}


def _close(name: str, known: Iterable[str]) -> str | None:
    """Of an image that is not here nobody knows what it sets: there only what looks like a slip is told of."""
    from difflib import get_close_matches  # noqa: PLC0415

    return next(iter(get_close_matches(name, list(known), 1, 0.7)), None)


def _sets(instruction: Instruction) -> set[str]:
    if instruction.name == "ARG":
        return {word.partition("=")[0] for word in instruction.arguments}
    return {*instruction.arguments[::3]} if instruction.name == "ENV" else set()


def _secrets(file: File) -> Found:
    for each in file.all:
        for name in sorted(_sets(each)):
            if _SECRET.search(name) and not _NO_SECRET.search(name):
                step = "use RUN --mount=type=secret"
                yield each.line, f"{each.name} {shown(name)} looks like a secret, and stays in the image; {step}"


# -- paths and ports


def _relative_workdir(file: File) -> Found:
    for stage in file.stages:
        base = stage[0].arguments[0].lower()
        absolute = any(base == other[0].arguments[-1].lower() for other in file.stages if other is not stage)
        for each in stage[1:]:
            if each.name == "WORKDIR":
                path = each.arguments[0]
                if not absolute and not path.startswith(("/", "$")):
                    yield each.line, f"WORKDIR {shown(path)} depends on the base image; write an absolute path first"
                absolute = True


def _ignored_copy(file: File) -> Found:
    for each in file.all:
        if each.name in ("ADD", "COPY") and "from" not in flags.values(each):
            for source in each.arguments[:-1]:
                path = source.removeprefix("./").strip("/")
                named = path and not re.search(r"[$*?\[<]|://", source)
                if named and file.ignored(path.encode(errors="surrogateescape")):
                    yield each.line, f"{shown(source)} is left out by .dockerignore"


def _ports(file: File) -> Found:
    for each in file.all:
        for word in each.arguments if each.name == "EXPOSE" else ():
            if "$" not in word and not _PORT.fullmatch(word):
                yield each.line, f"EXPOSE {shown(word)}: PORT or PORT/tcp was expected, no address and no second port"


def _protocols(file: File) -> Found:
    for each in file.all:
        for word in each.arguments if each.name == "EXPOSE" else ():
            protocol = word.partition("/")[2]
            if protocol != protocol.lower():
                yield each.line, f"EXPOSE {shown(word)}: the protocol should be in small letters"


_RULES: Mapping[str, Callable[[File], Found]] = {
    "ConsistentInstructionCasing": _casing, "FromAsCasing": _from_as, "StageNameCasing": _stage_name,
    "NoEmptyContinuation": _empty_continuation, "LegacyKeyValueFormat": _legacy_pairs, "JSONArgsRecommended": _json,
    "MaintainerDeprecated": _maintainer, "DuplicateStageName": _duplicates, "ReservedStageName": _reserved,
    "MultipleInstructionsDisallowed": _several, "RedundantTargetPlatform": _platform_flag,
    "FromPlatformFlagConstDisallowed": _constant_platform, "UndefinedArgInFrom": _undefined_from,
    "InvalidDefaultArgInFrom": _empty_from, "UndefinedVar": _undefined, "SecretsUsedInArgOrEnv": _secrets,
    "WorkdirRelativePath": _relative_workdir, "CopyIgnoredFile": _ignored_copy, "ExposeInvalidFormat": _ports,
    "ExposeProtoCasing": _protocols,
}  # fmt: skip
