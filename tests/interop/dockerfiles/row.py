"""What a row of the table says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Context = Mapping[str, Any]
"""Names to text or bytes (a file), a dict (a folder), or what tests.cli.hosttrees has: Node, Symlink, Link."""


class Differs(NamedTuple):
    """`ours` is what layerlog makes of a path or a field of the config, None where nothing is; buildah makes something else."""

    ours: object
    reason: str


NOTHING: Mapping[str, Any] = MappingProxyType({})
Table = Mapping[str, Differs]
OF_SCRATCH: Table = {"WorkingDir": Differs("/", "BuildKit's empty image has a working directory")}


class Row(NamedTuple):
    """A Dockerfile, its context and the options of `build`; `{base}` in it stands for the base image.

    `differs` lists by path (/a/b) or field (Env) whatever buildah makes differently, with the reason.  What buildah cannot
    build `lacks` a word on why: there `expected`, by Docker's documentation, is all that the image has more than its base.
    `refused` is what our refusal says where nobody may build it.
    """

    name: str
    dockerfile: str
    context: Context = NOTHING
    args: tuple[str, ...] = ()
    differs: Table = NOTHING
    lacks: str = ""
    expected: Mapping[str, object] = NOTHING
    refused: str = ""
