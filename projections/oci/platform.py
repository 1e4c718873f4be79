"""Platforms: which of an index's images runs best (named by GOOS and GOARCH, variants as containerd reads them)."""

import re
from dataclasses import dataclass

from eventstore.errors import InvalidError
from eventstore.model.paths import shown


@dataclass(frozen=True)
class Platform:
    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


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
