"""The stages of a Dockerfile, what each stands on and takes from others, and which of them a target needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import shown
from projections.build import flags
from projections.oci import dockerfile
from projections.oci.config_changes import FIELDS
from projections.oci.dockerfile import DockerfileError, Instruction

SCRATCH = "scratch"
BUILDING = ("ADD", "ARG", "COPY", "MAINTAINER", "RUN", "SHELL")
KNOWN = (*FIELDS, *BUILDING)
_FRONTENDS = ("docker/dockerfile", "docker.io/docker/dockerfile", "docker/dockerfile-upstream")


class Stage(NamedTuple):
    """One FROM and what stands below it; `base` is a stage's number where that is an earlier one, else an image's name.

    `platform` is what FROM asks for, "" for the build's own.  `name` is "" where it has none.
    """

    number: int
    name: str
    base: str | int
    platform: str
    line: int
    instructions: tuple[Instruction, ...]

    @property
    def called(self) -> str:
        return self.name or f"stage-{self.number}"


class Plan(NamedTuple):
    """All stages; `arguments` are the global ARGs with the values that they have."""

    stages: tuple[Stage, ...]
    arguments: Mapping[str, str]


def read(text: str, given: Mapping[str, str], platform: Mapping[str, str]) -> Plan:
    """Return the plan of a Dockerfile; *given* are the build arguments, *platform* those that every build has.

    Raise DockerfileError with the line for whatever is never built here: nothing has run then.
    """
    told = dockerfile.directives(text)
    frontend = told.get("syntax", _FRONTENDS[0]).partition("@")[0].partition(":")[0]
    if frontend not in _FRONTENDS:
        raise DockerfileError(f"# syntax={shown(told['syntax'])}: frontends other than docker/dockerfile are not run", 1)
    above, parts = parted(text)
    arguments = dict(platform)
    for instruction in above:
        for word in instruction.arguments:
            name, equals, value = word.partition("=")
            if name in given or equals:
                arguments[name] = given[name] if name in given else dockerfile.word(instruction, value, arguments)
    stages: list[Stage] = []
    for number, (start, *body) in enumerate(parts):
        stages.append(_stage(number, start, body, stages, arguments))
    return Plan(tuple(stages), arguments)


def parted(text: str) -> tuple[list[Instruction], list[list[Instruction]]]:
    """Return the ARGs above all stages, and each stage: its FROM and what stands below.  All of it is checked."""
    above: list[Instruction] = []
    parts: list[list[Instruction]] = []
    for instruction in dockerfile.read(text):
        if instruction.name == "FROM":
            _check_start(instruction)
            parts.append([])
        elif not parts and instruction.name != "ARG":
            flags.refuse(instruction, "no stage has begun; FROM comes first, and only ARG may stand before it")
        else:
            check(instruction)
        (parts[-1] if parts else above).append(instruction)
    if not parts:
        raise DockerfileError("no stage begins: the first instruction is FROM, as FROM debian", 1)
    return above, parts


def _check_start(start: Instruction) -> None:
    words = start.arguments
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        flags.refuse(start, "FROM IMAGE or FROM IMAGE AS NAME was expected")
    if len(words) == 3 and not _is_stage_name(words[2].lower()):
        flags.refuse(start, f"{shown(words[2])} is no name for a stage: letters, digits, '-', '_' and '.', a letter first")
    flags.values(start)


def check(instruction: Instruction) -> None:
    """Raise DockerfileError for an instruction, or an option of one, that is not known or never done here."""
    if instruction.name not in KNOWN:
        flags.refuse(instruction, f"no such instruction; there are FROM, {', '.join(sorted(KNOWN))}")
    if instruction.name in ("ADD", "COPY") and len(instruction.arguments) + len(instruction.heredocs) < 2:
        flags.refuse(instruction, "it takes at least a source and a destination")
    if instruction.name == "SHELL" and not (instruction.json and instruction.arguments):
        flags.refuse(instruction, 'it takes a JSON array, as SHELL ["/bin/bash", "-c"]')
    if not instruction.arguments and not instruction.json and instruction.name not in ("ONBUILD", "RUN"):
        flags.refuse(instruction, "its argument is missing")
    if instruction.name != "HEALTHCHECK":
        flags.values(instruction)
    flags.check(instruction)
    if instruction.name == "ONBUILD":
        try:
            dockerfile.trigger(instruction)
        except InvalidError as error:
            flags.refuse(instruction, str(error))


def _stage(
    number: int, start: Instruction, body: Sequence[Instruction], earlier: Sequence[Stage], arguments: Mapping[str, str]
) -> Stage:
    words = start.arguments
    try:
        base = dockerfile.word(start, words[0], arguments)
        platform = dockerfile.word(start, flags.one(flags.values(start), "platform"), arguments)
    except InvalidError as error:
        flags.refuse(start, str(error))
    if not base:
        flags.refuse(start, f"{shown(words[0])} is empty; give it a value by --build-arg, or a default in an ARG above FROM")
    name = words[2].lower() if len(words) == 3 else ""
    found: str | int = next((stage.number for stage in reversed(earlier) if stage.name and stage.name == base.lower()), base)
    return Stage(number, name, found, platform, start.line, tuple(body))


def _is_stage_name(name: str) -> bool:
    return name[0].isalpha() and name.isascii() and all(c.isalnum() or c in "-_." for c in name)


# -- which are needed


def target(plan: Plan, asked: str | None) -> Stage:
    """Return the stage that --target names, by its name or its number, the last one without; raise NotFoundError."""
    if asked is None:
        return plan.stages[-1]
    found = other(plan, asked)
    if found is None:
        names = ", ".join(stage.called for stage in plan.stages)
        raise NotFoundError(f"--target {shown(asked)}: no such stage; there are {shown(names)}")
    return found


def other(plan: Plan, text: str) -> Stage | None:
    """Return the stage that a --from or a --target names, by name or number; None where it is an image's name."""
    named = next((stage for stage in reversed(plan.stages) if stage.name and stage.name == text.lower()), None)
    if named is None and text.isascii() and text.isdecimal() and int(text[:9]) < len(plan.stages):
        return plan.stages[int(text)]
    return named


def needed(plan: Plan, last: Stage) -> list[Stage]:
    """Return the stages that *last* needs, it among them, each after those that it needs; DockerfileError for a circle."""
    found: list[Stage] = []
    _add_needed(plan, last, found, [])
    return found


def _add_needed(plan: Plan, stage: Stage, found: list[Stage], way: list[Stage]) -> None:
    if stage in found:
        return
    if stage in way:
        circle = " -> ".join(each.called for each in [*way[way.index(stage) :], stage])
        raise DockerfileError(f"stages need each other in a circle: {shown(circle)}", stage.line)
    for number in _taken_from(plan, stage):
        _add_needed(plan, plan.stages[number], found, [*way, stage])
    found.append(stage)


def _taken_from(plan: Plan, stage: Stage) -> Iterator[int]:
    if isinstance(stage.base, int):
        yield stage.base
    for instruction in stage.instructions:
        for text in origins(instruction):
            if (found := other(plan, text)) is not None:
                yield found.number


def origins(instruction: Instruction) -> list[str]:
    """Return the stages or images that an instruction takes files from."""
    if instruction.name not in ("COPY", "RUN"):
        return []
    found = flags.values(instruction)
    named = [flags.one(found, "from"), *(mount.origin for mount in flags.mounts(instruction, found.get("mount", [])))]
    return [text for text in named if text]
