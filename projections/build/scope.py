"""What a word may name in a stage: build arguments that were declared, and the environment, which wins."""

from collections.abc import Mapping
from typing import NamedTuple

from projections.oci import dockerfile
from projections.oci.config import Platform
from projections.oci.config_values import PATH, environment
from projections.oci.dockerfile import Instruction
from projections.oci.documents import Json, items

PROXIES = tuple(
    spelled for name in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY") for spelled in (name, name.lower())
)
"""Arguments that every RUN sees without ARG, and that count neither for the history nor for what may be reused."""
EPOCH = "SOURCE_DATE_EPOCH"


def of_platforms(own: Platform, wanted: Platform, stage: str) -> dict[str, str]:
    """Return the arguments that every build has: FROM sees them, a stage that declares them too."""
    found = {"TARGETSTAGE": stage}
    for prefix, platform in (("BUILD", own), ("TARGET", wanted)):
        found |= {
            f"{prefix}PLATFORM": str(platform), f"{prefix}OS": platform.os, f"{prefix}ARCH": platform.architecture,
            f"{prefix}VARIANT": platform.variant,
        }  # fmt: skip
    return found


def begun(base: Json, *, empty: bool) -> Json:
    """Return the run config that a stage begins with: its base's, or the `empty` image's, with a PATH, as BuildKit has it."""
    config = {key: value for key, value in base.items() if key != "OnBuild"} | ({"WorkingDir": "/"} if empty else {})
    if "PATH" in environment(config):
        return config
    return {**config, "Env": [*items(config, "Env", str, "config"), f"PATH={PATH}"]}


class Scope(NamedTuple):
    """`given` are the build's arguments, `outer` the global ones, `declared` those of the stage so far that have a value."""

    given: Mapping[str, str]
    outer: Mapping[str, str]
    declared: Mapping[str, str]

    def variables(self, config: Json) -> dict[str, str]:
        return {**self.declared, **environment(config)}

    def process_variables(self, config: Json) -> dict[str, str]:
        """Return what a RUN sees beside the image's environment."""
        env = environment(config)
        proxies = {name: value for name, value in self.given.items() if name in PROXIES}
        return {name: value for name, value in {**proxies, **self.declared}.items() if name not in env}

    def counted(self, config: Json) -> dict[str, str]:
        """Return those of `process_variables` that are told in the history, and that a step depends on."""
        return {name: value for name, value in self.process_variables(config).items() if name in self.declared}

    def with_argument(self, instruction: Instruction, config: Json) -> "Scope":
        """Return the scope behind an ARG; raise InvalidError where a default cannot be expanded."""
        scope = self
        for word in instruction.arguments:
            value = scope.value_of(instruction, word, config)
            if value is not None:
                scope = scope._replace(declared={**scope.declared, word.partition("=")[0]: value})
        return scope

    def value_of(self, instruction: Instruction, word: str, config: Json) -> str | None:
        """Return the value that an ARG gives its name: the build's, else the default, else the global one; None for none."""
        name, equals, default = word.partition("=")
        if name in self.given:
            return self.given[name]
        return dockerfile.word(instruction, default, self.variables(config)) if equals else self.outer.get(name)
