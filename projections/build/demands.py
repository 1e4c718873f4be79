"""What a build demands, and whether it can be had: told with the line, before anything runs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import shown
from projections.build import flags, remote
from projections.build.flags import SECRET, Mount
from projections.build.stages import Plan, Stage, origins, other
from projections.oci.config import Platform, parse_platform
from projections.oci.dockerfile import DockerfileError, Instruction

_RUNS_TOO = {"amd64": ("386",)}


class Given(NamedTuple):
    """What a build is given: `wanted` is the platform that it is for, `own` this machine's.

    `secret` returns a secret's bytes by its id, None where there is none; it raises LayerlogError for one that cannot be read.
    """

    wanted: Platform
    own: Platform
    network: str
    secret: Callable[[str], bytes | None]


def check(plan: Plan, needed: Sequence[Stage], given: Given) -> None:
    """Raise DockerfileError for the first instruction of the *needed* stages that demands what is not there.

    What variables stand in is known only when the instruction's turn comes.
    """
    for stage in needed:
        try:
            platform = platform_of(plan, stage, given.wanted)
        except InvalidError as error:
            raise DockerfileError(f"FROM: {error}", stage.line) from None
        check_stage(plan, stage.instructions, platform, given)


def check_stage(plan: Plan, instructions: Sequence[Instruction], platform: Platform, given: Given) -> None:
    """As `check`, of instructions of a stage that is for *platform*."""
    for instruction in instructions:
        try:
            _check(plan, instruction, platform, given)
        except DockerfileError:
            raise
        except LayerlogError as error:
            flags.refuse(instruction, str(error))


def platform_of(plan: Plan, stage: Stage, wanted: Platform) -> Platform:
    """Return what a stage is for: as its FROM says, as the stage that it stands on, or what the build is for."""
    if isinstance(stage.base, int):
        return platform_of(plan, plan.stages[stage.base], wanted)
    return parse_platform(stage.platform) if stage.platform else wanted


def undeclared(plan: Plan, declared: set[str], given: Sequence[str]) -> list[str]:
    """Return the build arguments that no ARG declares; the stages that were built have *declared* theirs."""
    return [name for name in given if name not in plan.arguments and name not in declared]


def _check(plan: Plan, instruction: Instruction, platform: Platform, given: Given) -> None:
    for origin in origins(instruction):
        _check_origin(plan, origin)
    said = flags.values(instruction) if instruction.name in ("ADD", "RUN") else {}
    if instruction.name == "RUN":
        _require_runnable(platform, given.own)
        for mount in flags.mounts(instruction, said.get("mount", [])):
            if mount.kind == SECRET and "$" not in mount.id:
                _require_secret(mount, given)
    elif instruction.name == "ADD":
        _check_sources(instruction.arguments[:-1], flags.one(said, "checksum"), given)


def _check_origin(plan: Plan, origin: str) -> None:
    if "$" in origin:
        raise InvalidError(f"from={shown(origin)}: no variable is expanded there; name a stage (FROM {shown(origin)} AS NAME)")
    if origin.isascii() and origin.isdecimal() and other(plan, origin) is None:
        raise NotFoundError(f"from={shown(origin)}: there is no such stage; they are 0 to {len(plan.stages) - 1}")


def _require_runnable(platform: Platform, own: Platform) -> None:
    runs = (own.architecture, *_RUNS_TOO.get(own.architecture, ()))
    if platform.architecture and (platform.os != own.os or platform.architecture not in runs):
        raise InvalidError(
            f"its stage is for {shown(str(platform))}, and this machine runs {own}; COPY alone is done for other platforms "
            "(a stage FROM --platform=$BUILDPLATFORM runs here)"
        )


def _require_secret(mount: Mount, given: Given) -> None:
    if given.secret(mount.id) is None and mount.required:
        raise NotFoundError(f"secret {shown(mount.id)} is required: give it by --secret id={shown(mount.id)},src=FILE")


def _check_sources(sources: Sequence[str], checksum: str, given: Given) -> None:
    for source in sources:
        if remote.is_url(source):
            remote.require_network(source, given.network)
    if checksum and "$" not in checksum:
        remote.check_checksum(checksum, len(sources))
