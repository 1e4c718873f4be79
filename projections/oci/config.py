"""Image configs: what one says, the one of an image born here (its base's, unknown fields and all); and platforms."""

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.digests import check_digest, named, raw
from eventstore.model.events import ENCODER
from eventstore.model.facts import ConfigChange
from eventstore.model.paths import shown
from projections.oci.dockerfile import Instruction
from projections.oci.documents import MAX_CONFIG, Json, check_spelling, encode, encode_thrice, field, items, read_object

_RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
UNKNOWN_STEP = "no history was recorded for this layer"
"""The comment that stands for a base layer whose config says nothing of it."""


class Platform(NamedTuple):
    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class History(NamedTuple):
    """One step of an image's making; `created` is RFC 3339 text, "" where nothing is said."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


def parse_config(data: bytes, what: str, *, layers: int | None = None) -> Json:
    """Return the config as JSON, with a checked rootfs; InvalidError unless it has *layers* diff_ids."""
    config = read_object(data, what, limit=MAX_CONFIG, known=_CONFIG)
    rootfs = field(config, "rootfs", dict, what)
    check_spelling(rootfs, ("type", "diff_ids"), what)
    if field(rootfs, "type", str, what, "layers") != "layers":
        raise InvalidError(f"{what}: rootfs.type is {shown(rootfs['type'])!r}, 'layers' is read")
    ids = items(rootfs, "diff_ids", str, what)
    for diff_id in ids:
        check_digest(diff_id, f"{what}, diff_ids")
    if layers is not None and len(ids) != layers:
        raise InvalidError(f"{what}: {len(ids)} diff_ids for {layers} layers")
    field(config, "config", dict, what, {})
    _check_history(config, what)
    return config


def platform_of(stated: Json, what: str = "config") -> Platform:
    """Return what a parsed config, or a platform of an index, says that an image runs on; "" stands for what it leaves out."""
    return Platform(*(field(stated, key, str, what, "") for key in ("os", "architecture", "variant")))


def diff_ids(config: Json) -> tuple[bytes, ...]:
    """Return the raw digests of the plain layer tars of a parsed config, lowest first."""
    return tuple(raw(text) for text in config["rootfs"].get("diff_ids") or ())


def history(config: Json) -> tuple[History, ...]:
    """Return the steps of a parsed config, oldest first."""
    return tuple(
        History(**{key: step[key] for key in _HISTORY if step.get(key) is not None}) for step in config.get("history") or ()
    )


_CONFIG = ("created", "author", "architecture", "os", "variant", "config", "rootfs", "history")
_HISTORY: dict[str, type] = {"created": str, "created_by": str, "author": str, "comment": str, "empty_layer": bool}


def _check_history(config: Json, what: str) -> None:
    for step in items(config, "history", dict, what):
        for key, kind in _HISTORY.items():
            if step.get(key) is not None:
                field(step, key, kind, f"{what}, history")


def build_config(
    base: bytes | None,
    *,
    layers: Sequence[bytes],
    added: Sequence[History] = (),
    changes: Iterable[ConfigChange] = (),
    platform: Platform,
    encoder: int = ENCODER,
) -> bytes:
    """Return the config of an image that has *layers* (all its raw diff_ids, lowest first): equal inputs, equal bytes.

    *base* is the config of the image below it, *added* are the steps since, *changes* those of the run config, in their
    order; *platform* counts where there is no base.  `created` is the time of the
    last step, `author` the last one that a new step names.
    """
    config = parse_config(base, "base config") if base is not None else _scratch(platform)
    _check_layers(diff_ids(config), layers, added)
    steps = [*_padded(config), *map(_step, added)]
    config["config"] = reduce(changed, changes, config.get("config") or {})
    config["rootfs"] = config["rootfs"] | {"type": "layers", "diff_ids": [named(diff_id) for diff_id in layers]}
    config["history"] = steps
    return (encode_thrice if encoder < 3 else encode)(_signed(config, added) if added else config)


def of_lowest(base: bytes, layers: int) -> bytes:
    """Return the config of an image's *layers* lowest layers: *base*, its diff_ids and history cut behind them.

    All else is kept: what an image says of running it, it says of all its layers.
    """
    config = parse_config(base, "base config")
    steps, filled, end = _padded(config), 0, 0
    while end < len(steps) and filled < layers:
        filled += not steps[end].get("empty_layer")
        end += 1
    cut = [named(diff_id) for diff_id in diff_ids(config)[:layers]]
    return encode(config | {"rootfs": config["rootfs"] | {"diff_ids": cut}, "history": steps[:end]})


def changed(config: Json, change: ConfigChange) -> Json:
    """Return the run config (Env, Cmd, ...) as *change* leaves it."""
    if change.set is None:
        from projections.oci.instructions_of_schema_1 import apply_changes  # noqa: PLC0415 - old stores alone need it

        return apply_changes(config, change.instructions)
    return {field: value for field, value in (config | change.set).items() if field not in change.unset}


def change_of(config: Json, instructions: Sequence[Instruction]) -> ConfigChange:
    """Return what *instructions* (of `config_changes`) change of a run config; InvalidError where one is wrong."""
    from projections.oci.config_changes import applied  # noqa: PLC0415 - most commands read configs and change none

    return difference(config, applied(config, instructions), [instruction.text for instruction in instructions])


def difference(old: Json, new: Json, texts: Iterable[str]) -> ConfigChange:
    """Return what makes one run config into another, as the instructions of *texts* said it."""
    differs = {field: value for field, value in new.items() if old.get(field) != value}
    return ConfigChange(tuple(texts), differs, tuple(sorted(old.keys() - new.keys())))


def _signed(config: Json, added: Sequence[History]) -> Json:
    """The base's author did not make this image, so nobody is named where no new step says who did."""
    authors = [step.author for step in added if step.author]
    unsigned = {key: value for key, value in config.items() if key != "author"}
    return unsigned | {"created": added[-1].created} | ({"author": authors[-1]} if authors else {})


def _scratch(platform: Platform) -> Json:
    config = {"architecture": platform.architecture, "os": platform.os, "rootfs": {"type": "layers", "diff_ids": []}}
    return config | ({"variant": platform.variant} if platform.variant else {})


def _padded(config: Json) -> list[Json]:
    """The base's history, one step for every layer: tools match layers to steps by counting."""
    steps = list(config.get("history") or ())
    missing = len(diff_ids(config)) - sum(not step.get("empty_layer") for step in steps)
    return [{"comment": UNKNOWN_STEP}] * missing + steps


def _step(step: History) -> Json:
    if not re.fullmatch(_RFC_3339, step.created):
        raise InvalidError(f"history: {step.created!r} is not a time by RFC 3339, as 2026-11-24T10:00:00Z")
    return {key: value for key, value in step._asdict().items() if value}


def _check_layers(base: Sequence[bytes], layers: Sequence[bytes], added: Sequence[History]) -> None:
    if tuple(layers[: len(base)]) != tuple(base):
        raise InvalidError("config: the layers do not begin with those of the base config")
    filled = sum(not step.empty_layer for step in added)
    if filled != len(layers) - len(base):
        raise InvalidError(f"config: {filled} steps with a layer for {len(layers) - len(base)} new layers")


# -- platforms: named by GOOS and GOARCH, variants as containerd reads them


_MACHINES = {
    "x86_64": Platform("linux", "amd64"),
    "aarch64": Platform("linux", "arm64", "v8"),
    "armv7l": Platform("linux", "arm", "v7"),
    "armv6l": Platform("linux", "arm", "v6"),
    "i686": Platform("linux", "386"),
}
_DEFAULT_VARIANTS = {"amd64": "v1", "arm": "v7", "arm64": "v8"}
_EXACT = 1 << 16


def parse_platform(text: str) -> Platform:
    """Return the platform that "os/arch[/variant]" names."""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise InvalidError(f"platform {shown(text)!r}: os/arch or os/arch/variant was expected, as linux/arm64")
    return Platform(*parts)


def wanted_platform(asked: str | None, machine: str) -> Platform:
    """Return the platform *asked* for, else that of *machine* (the kernel's name: x86_64, aarch64, ...)."""
    return parse_platform(asked) if asked else _MACHINES.get(machine, Platform("linux", machine))


def fit(platform: Platform, wanted: Platform) -> int | None:
    """Return how well *platform* serves *wanted*: the same variant best, then the next lower one; None: not at all."""
    if (platform.os, platform.architecture) != (wanted.os, wanted.architecture):
        return None
    default = _DEFAULT_VARIANTS.get(wanted.architecture, "")
    has, wants = platform.variant or default, wanted.variant or default
    if has == wants:
        return _EXACT
    lower, upper = (re.fullmatch(r"v(\d{1,2})", variant) for variant in (has, wants))
    return int(lower[1]) if lower and upper and int(lower[1]) < int(upper[1]) else None
