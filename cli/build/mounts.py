"""RUN --mount: what is shown to a process beside its root, and never becomes part of an image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from cli.build.context import HostFiles
from cli.build.stage import StageBuild
from cli.sandbox import bundle
from cli.sandbox.bundle import Secret
from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.paths import shown
from projections.build.flags import SECRET, TMPFS, Mount
from projections.tree.view import View

FilesOf = Callable[[str], HostFiles | View]
"""Returns the files of a stage or an image that `from` names, the context's for ""."""


class Shown(NamedTuple):
    """What a process is shown."""

    mounts: Sequence[bundle.Mount] = ()
    secrets: Sequence[Secret] = ()
    variables: Sequence[str] = ()


class Prepared(NamedTuple):
    """A mount: what its step `stated` of it, a line for each file that counts, and what makes it as long as it is shown."""

    stated: dict[str, Any]
    lines: Sequence[str]
    shown: Callable[[], AbstractContextManager[Shown]]


def prepared(stage: StageBuild, mount: Mount, files_of: FilesOf) -> Prepared:  # noqa: ARG001
    """Return what a mount is made from; raise LayerlogError where that is not there."""
    stated = {name: value for name, value in mount._asdict().items() if value}
    if mount.kind == SECRET:
        return Prepared(stated, (), lambda: _secret(stage, mount))
    if mount.kind == TMPFS:
        return Prepared(stated, (), lambda: _given(Shown([bundle.Mount(bundle.TMPFS, mount.target)])))
    raise InvalidError(f"--mount=type={mount.kind} is not there yet")


@contextmanager
def _given(what: Shown) -> Iterator[Shown]:
    yield what


@contextmanager
def _secret(stage: StageBuild, mount: Mount) -> Iterator[Shown]:
    data = stage.request.secret(mount.id)
    if data is None:
        if mount.required:
            raise NotFoundError(f"secret {shown(mount.id)} is required: give it by --secret id={shown(mount.id)},src=FILE")
        yield Shown()
        return
    variables = [f"{mount.env}={data.decode(errors='surrogateescape')}"] if mount.env else []
    mode = 0o400 if mount.mode is None else mount.mode
    files = [Secret(mount.target, data, mode, mount.uid, mount.gid)] if mount.target else []
    yield Shown((), files, variables)
