"""A container's run config (Env, Cmd, ...): its base image's, and what was set since."""

from collections.abc import Sequence
from functools import reduce

from eventstore.content.reader import Content
from eventstore.log.log import Log
from eventstore.model.facts import ConfigChange, image_of
from eventstore.model.facts import platform_of as recorded
from projections.images import images
from projections.oci.config import Platform, change_of, changed, parse_config, parse_platform, platform_of
from projections.oci.dockerfile import Instruction
from projections.oci.documents import Json, field
from projections.refs.targets import Target, bottom, containers_under


def run_config(log: Log, content: Content, target: Target) -> Json:
    """Return the run config of an image or a container at a point, with the fields that OCI and Docker know it by."""
    image = image_of(bottom(log, target))
    config: Json = {}
    if image is not None:
        found = parse_config(images.original_config(log, content, image), "config")
        config = field(found, "config", dict, "config", {})
    return reduce(changed, images.config_changes_under(log, containers_under(log, target)[::-1]), config)


def platform(log: Log, content: Content, target: Target) -> Platform:
    """Return what an image or a container at a point runs on; its parts are "" where nobody says."""
    lowest = bottom(log, target)
    image = image_of(lowest)
    if image is not None:
        return platform_of(parse_config(images.original_config(log, content, image), "config"))
    text = recorded(lowest)
    return parse_platform(text) if text else Platform("", "")


def change(log: Log, content: Content, target: Target, instructions: Sequence[Instruction]) -> ConfigChange | None:
    """Return what *instructions* change of a target's run config, None for no instruction; InvalidError for a wrong one."""
    return change_of(run_config(log, content, target), instructions) if instructions else None


def around(log: Log, content: Content, container: str, first: int, last: int) -> tuple[Json, Json]:
    """Return the run config before a container's event *first* and the one after *last*; {} twice, and nothing is read, where
    none of these events is about it.
    """
    stream = log.existing("container", container).id
    if next(images.config_changes(log, stream, first, last), None) is None:
        return {}, {}
    before, after = (run_config(log, content, Target("", None, container, version)) for version in (first - 1, last))
    return before, after
