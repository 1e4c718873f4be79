"""RUN --mount: what is shown to a process beside its root, and never becomes part of an image."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from cli.build.bound import Bound, bound
from cli.build.context import HostFiles
from cli.build.stage import StageBuild
from cli.sandbox import bundle
from cli.sandbox.bundle import Secret
from eventstore.disk import cache_mounts
from eventstore.disk.held import LOWER, Held, remove_unless_held
from eventstore.errors import ConflictError, InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import shown as escaped
from projections.build.flags import BIND, CACHE, SECRET, Mount
from projections.tree.view import View

FilesOf = Callable[[str], HostFiles | View]
"""Returns the files of a stage or an image that `from` names, the context's for ""."""
_TMPFS = "nosuid,nodev,mode=1777"
_NAME = 24


class Shown(NamedTuple):
    """What a process is shown."""

    mounts: Sequence[bundle.Mount] = ()
    secrets: Sequence[Secret] = ()
    variables: Sequence[str] = ()


class Prepared(NamedTuple):
    """A mount: what its step `stated` of it, a line for each file that counts, and what makes it as long as it is shown.

    `turn` tells in which order they are made: all builds lock cache mounts in one, or two could wait for each other.
    """

    turn: str
    stated: dict[str, Any]
    lines: Iterable[str]
    shown: Callable[[], AbstractContextManager[Shown]]


def prepared(stage: StageBuild, mounts: Sequence[Mount], files_of: FilesOf, stack: ExitStack) -> list[Prepared]:
    """Return what the mounts of a step are made from, until *stack* ends; raise LayerlogError where that is not there."""
    held: dict[str, str] = {}
    wanted = [mount._replace(target=mount.target.rstrip("/")) for mount in mounts]
    for mount in wanted:
        _require_place(mount)
    trees = [_tree(stage, mount, files_of, stack) for mount in wanted]
    pairs = list(zip(wanted, trees, strict=True))
    for mount in wanted:
        _require_room(mount, [pair for pair in pairs if mount.target.startswith(f"{pair[0].target}/")])
    return [_prepared(stage, mount, tree, held) for mount, tree in pairs]


def _require_place(mount: Mount) -> None:
    if (not mount.target and not mount.env) or f"{mount.target}/".startswith("/proc/"):
        what = f"--mount=type={mount.kind},target={escaped(mount.target) or '/'}"
        raise InvalidError(f"{what}: nothing can be mounted there; choose another directory")


def _require_room(mount: Mount, around: Sequence[tuple[Mount, Bound | None]]) -> None:
    """Raise ConflictError where the target would have to be made in something that is bound, and cannot be."""
    if around:
        above, tree = max(around, key=lambda pair: len(pair[0].target))
        path = os.fsencode(mount.target[len(above.target) + 1 :])
        if above.kind == BIND and tree and not tree.has(path) and not (above.writable and tree.is_dir):
            what = f"{escaped(mount.target)} is not in what is bound at {escaped(above.target)}"
            raise ConflictError(f"{what}, and cannot be made there; make it before, or bind that with rw")


def shown(taken: Sequence[Prepared], stack: ExitStack) -> Shown:
    """Make them, until *stack* ends; what lies in another one's target is mounted behind that."""
    found = [stack.enter_context(mounted.shown()) for mounted in sorted(taken, key=lambda each: each.turn)]
    mounts = sorted((mount for each in found for mount in each.mounts), key=lambda mount: mount.target)
    secrets = [secret for each in found for secret in each.secrets]
    return Shown(mounts, secrets, [item for each in found for item in each.variables])


def _prepared(stage: StageBuild, mount: Mount, tree: Bound | None, held: dict[str, str]) -> Prepared:
    stated = {name: value for name, value in mount._asdict().items() if value}
    if mount.kind == SECRET:
        return Prepared("", stated, (), lambda: _secret(stage, mount))
    if mount.kind not in (BIND, CACHE):
        options = f"{_TMPFS},size={mount.size}" if mount.size else _TMPFS
        return Prepared("", stated, (), lambda: _given(Shown([bundle.Mount(bundle.TMPFS, mount.target, options=options)])))
    if tree is not None:
        stated = {name: value for name, value in stated.items() if name not in ("source", "origin")}
    lines = tree.lines(mount.target) if tree else ()
    if mount.kind == BIND:
        assert tree is not None
        return Prepared("", stated, lines, lambda: _bound(stage, mount, tree))
    begins_as = [mount.id, mount.mode, mount.uid, mount.gid, *(tree.lines("") if tree else ())]
    name = sha256(repr(begins_as).encode()).hexdigest()[:_NAME]
    return Prepared(name, stated, lines, lambda: _cache(stage, mount, name, tree, held))


def _tree(stage: StageBuild, mount: Mount, files_of: FilesOf, stack: ExitStack) -> Bound | None:
    if mount.kind not in (BIND, CACHE) or (mount.kind == CACHE and not mount.origin):
        return None
    found = bound(stage.s.store, files_of(mount.origin), mount.source, stack)
    if mount.kind == CACHE and not found.is_dir:
        raise ConflictError(f"--mount=type=cache: {escaped(mount.source)!r} is no directory to begin with")
    return found


@contextmanager
def _given(what: Shown) -> Iterator[Shown]:
    yield what


@contextmanager
def _bound(stage: StageBuild, mount: Mount, tree: Bound) -> Iterator[Shown]:
    """What is read alone is shared by all who bind it; what is written goes with a copy.

    Both lie among the directories that containers run on: disposable, and kept from gc while they are in use.
    """
    name = os.urandom(_NAME // 2).hex() if mount.writable else tree.name
    kept = Held(stage.s.store.cache.path(LOWER))
    path = os.path.join(kept.folder, name)
    try:
        kept.add(name, tree.write)
        yield Shown([bundle.Mount(tree.place(path), mount.target, read_only=not mount.writable)])
    finally:
        kept.close()
        if mount.writable:
            remove_unless_held(f"{path}.lock")


# -- cache mounts


@contextmanager
def _cache(stage: StageBuild, mount: Mount, name: str, tree: Bound | None, held: dict[str, str]) -> Iterator[Shown]:
    """*held* are those that the same step has already, which would wait for itself."""
    with ExitStack() as stack:
        if name not in held:
            make, wait = partial(_make, mount, tree), partial(_wait, mount)
            held[name] = stack.enter_context(cache_mounts.opened(stage.s.store.path, name, mount.sharing, make, wait))
            stack.callback(held.pop, name)
        yield Shown([bundle.Mount(held[name], mount.target, read_only=not mount.writable)])


def _wait(mount: Mount) -> None:
    print(f"layerlog: another build uses the cache mount {escaped(mount.id)}; waiting for it", file=sys.stderr)


def _make(mount: Mount, tree: Bound | None, folder: str) -> None:
    try:
        if tree is None:
            os.mkdir(folder)
        else:
            tree.write(folder)
        if tree is None or mount.uid or mount.gid:
            os.chown(folder, mount.uid, mount.gid)
        if tree is None or mount.mode is not None:
            os.chmod(folder, 0o755 if mount.mode is None else mount.mode)
    except OSError as error:
        raise LayerlogError(f"the cache mount {escaped(mount.id)} cannot be made: {error.strerror}") from error


# -- secrets


@contextmanager
def _secret(stage: StageBuild, mount: Mount) -> Iterator[Shown]:
    data = stage.request.secret(mount.id)
    if data is None:
        if mount.required:
            raise NotFoundError(f"secret {escaped(mount.id)} is required: give it by --secret id={escaped(mount.id)},src=FILE")
        yield Shown()
        return
    variables = [f"{mount.env}={data.decode(errors='surrogateescape')}"] if mount.env else []
    mode = 0o400 if mount.mode is None else mount.mode
    files = [Secret(mount.target, data, mode, mount.uid, mount.gid)] if mount.target else []
    yield Shown((), files, variables)
