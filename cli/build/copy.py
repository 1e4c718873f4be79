"""COPY and ADD: sources are read once, found among the steps that were built before by what they hold, or put in place."""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

from cli.build.context import HostFiles, is_tar
from cli.build.stage import StageBuild
from cli.session.writing import writing
from cli.streams.compression import decompressed
from eventstore.errors import ConflictError, InvalidError, NotFoundError
from eventstore.model.changes import Change, put
from eventstore.model.entries import Entry, Keeper
from eventstore.model.paths import join, shown
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer
from projections.build import copying, inputs, remote
from projections.build.copying import Files, Look, Top
from projections.build.ignore import Ignored
from projections.build.steps import Copying, MakeDirectory
from projections.edits import edits
from projections.edits.copying import Placing
from projections.edits.modes import Owner, parse_mode, parse_owner
from projections.layers import plain_tar
from projections.oci.documents import field
from projections.tree.subtree import as_changes, below
from projections.tree.symlinks import follow
from projections.tree.view import View

if TYPE_CHECKING:
    from cli.build.fetch import Fetched

MODE = 0o100644
REMOTE_MODE = 0o100600


class _Source(NamedTuple):
    """One source: `changes` are relative to it; of a directory, or a tar that is `unpacked`, the files go.

    The modes in a tar stay as they are, whatever --chmod says.
    """

    top: Top
    is_dir: bool
    changes: Callable[[Keeper], Iterator[Change]]
    unpacked: bool = False


class _Placed(NamedTuple):
    """A source that was read, and where its top goes."""

    top: bytes
    is_dir: bool
    changes: Staged


def copy(stage: StageBuild, step: Copying, files: HostFiles | View | None) -> None:
    """Do a COPY or an ADD; raise LayerlogError for what is not there, or cannot be put where it is to go."""
    look = _look(stage, step)
    promised = _promised(stage, step, look)
    if promised is None or not stage.find(promised):
        with ExitStack() as stack:
            _put(stage, step, files, look, promised, stack)
    stage.tell(step.created_by)


def _promised(stage: StageBuild, step: Copying, look: Look) -> bytes | None:
    """Return what a step is made from whose only source has a --checksum: known before anything is fetched."""
    if not step.checksum:
        return None
    remote.check_checksum(step.checksum, len(step.sources) + len(step.texts))
    if not (step.remote and step.sources and remote.is_url(step.sources[0])):
        raise InvalidError("--checksum is of what is fetched; local files need none")
    return inputs.text(stage.stated(
        "add", to=step.target, name=remote.name_of(step.sources[0]), checksum=step.checksum, unpack=step.unpack_remote,
        owner=look.owner, mode=step.chmod, exclude=list(step.exclude),
    ))  # fmt: skip


def _put(
    stage: StageBuild, step: Copying, files: HostFiles | View | None, look: Look, promised: bytes | None, stack: ExitStack
) -> None:  # fmt: skip
    sources = list(_sources(stage, step, files, stack))
    if len(sources) > 1 and not step.target.endswith("/"):
        raise InvalidError(f"several sources need a directory: write {shown(step.target)}/")
    writer = stack.enter_context(writing(stage.s))
    view = stage.view()
    staged = [stack.enter_context(closing(_staged(stage, writer, source, look, step))) for source in sources]
    tops = [copying.place(view, step.target, source.top, is_dir=source.is_dir) for source in sources]
    placed = [_Placed(top, source.is_dir, each) for top, source, each in zip(tops, sources, staged, strict=True)]
    text = promised or inputs.text(stage.stated("copy", to=step.target), _lines(placed))
    if promised is None and stage.find(text):
        return
    stage.explain(text)
    stage.settle(writer)
    placing = Placing(stage.view())
    stage.seal(writer, text, _changes(placing, placed, look), step.created_by)


def make_directory(stage: StageBuild, step: MakeDirectory) -> None:
    """Do a WORKDIR: where the directory is there it changes the config alone, else it makes that and what is above it.

    What is made is USER's, as BuildKit does it.
    """
    view = stage.view()
    path = follow(view, step.path.encode(errors="surrogateescape"))
    there = view.lookup(path)
    if there is not None and not there.is_dir:
        raise ConflictError(f"/{shown(path)} is no directory; choose another one")
    if there is not None:
        stage.configure(step.config, step.created_by, None)
        return
    user = field(step.config, "User", str, "config", "")
    owner = _owner(view, user) if user else (0, 0)
    text = inputs.text(stage.stated("workdir", path=step.path, owner=owner))
    stage.place = stage.place._replace(config=step.config)
    if not stage.find(text):
        stage.explain(text)
        made = edits.made(view, [path], mode=0o755, parents=True, now=_now(stage))
        with writing(stage.s) as writer:
            stage.settle(writer)
            stage.seal(writer, text, (change._replace(uid=owner[0], gid=owner[1]) for change in made), step.created_by)
    stage.tell(step.created_by)


def _now(stage: StageBuild) -> int:
    """Return the time of what the build itself makes, ns."""
    return time.time_ns() if stage.latest is None else stage.latest


def _lines(placed: Iterable[_Placed]) -> Iterator[str]:
    for top, is_dir, changes in placed:
        yield from inputs.lines([put(top, stat.S_IFDIR)] if is_dir else [])
        yield from inputs.lines(change._replace(path=join(top, change.path) if change.path else top) for change in changes)


def _changes(placing: Placing, placed: Iterable[_Placed], look: Look) -> Iterator[Change]:
    for top, is_dir, changes in placed:
        yield from copying.placed(placing, top, changes, look, is_dir=is_dir)


def _staged(stage: StageBuild, writer: Writer, source: _Source, look: Look, step: Copying) -> Staged:
    found = source.changes(writer.content)
    if step.exclude:
        left_out = Ignored(step.exclude, "--exclude")
        found = (change for change in found if not left_out(change.path or source.top.name))
    become = look._replace(remode=None) if source.unpacked else look
    return Staged(stage.s.store, copying.become(found, become))


def _look(stage: StageBuild, step: Copying) -> Look:
    now = _now(stage)
    remode = parse_mode(step.chmod) if step.chmod else None
    owner = _owner(stage.view(), step.chown) if step.chown else None
    return Look(owner, remode, stage.latest, now)


def _owner(view: View, text: str) -> tuple[int, int]:
    """Return uid and gid by Docker's rule: without a group the user's own, and of a number the same number."""
    user, colon, group = text.partition(":")
    if colon and group:
        found = parse_owner(view, text)
    elif user.isascii() and user.isdigit():
        found = Owner(int(user), int(user))
    else:
        found = parse_owner(view, f"{user}:")
    return found.uid or 0, found.gid or 0


# -- where sources come from


def _sources(stage: StageBuild, step: Copying, files: HostFiles | View | None, stack: ExitStack) -> Iterator[_Source]:
    for name, text in step.texts:
        yield _of_text(name, text)
    local = [source for source in step.sources if not (step.remote and remote.is_url(source))]
    for url in step.sources:
        if url not in local:
            remote.require_network(url, stage.request.network)
            yield _of_download(_fetched(stage, url, step, stack), step)
    if local:
        assert files is not None
        known: Files = files
        for top in copying.found(known, local, parents=step.parents):
            entry = known.lookup(top.path)
            if entry is None:
                raise NotFoundError(f"{shown(top.path)} is not there any more; build again")
            found = _of_host(files, top, entry, step) if isinstance(files, HostFiles) else _of_view(files, top, entry, step)
            yield _with_parents(known, found) if step.parents else found


def _with_parents(files: Files, source: _Source) -> _Source:
    return source._replace(is_dir=True, changes=lambda keeper: copying.kept(files, source.top, source.changes(keeper)))


def _of_text(name: str, text: str) -> _Source:
    data = text.encode(errors="surrogateescape")

    def changes(keeper: Keeper) -> Iterator[Change]:
        yield put(b"", MODE, size=len(data), content=keeper.put(data, None), mtime=time.time_ns())

    return _Source(Top(b"", name.encode()), is_dir=False, changes=changes)


def _fetched(stage: StageBuild, url: str, step: Copying, stack: ExitStack) -> "Fetched":
    from cli.build import fetch  # TLS takes longer to import than a build that is found

    return stack.enter_context(fetch.fetched(url, step.checksum, quiet=stage.progress.quiet))


def _of_download(found: "Fetched", step: Copying) -> _Source:
    if step.unpack_remote and _holds_tar(found.path):
        return _Source(Top(b"", b""), is_dir=True, changes=lambda keeper: _unpacked(found.path, keeper), unpacked=True)

    def changes(keeper: Keeper) -> Iterator[Change]:
        with open(found.path, "rb") as file:
            content = keeper.put_stream(iter(lambda: file.read(1 << 20), b""))
        yield put(b"", REMOTE_MODE, size=os.path.getsize(found.path), content=content, mtime=found.modified)

    return _Source(Top(b"", found.name.encode()), is_dir=False, changes=changes)


def _of_host(files: HostFiles, top: Top, entry: Entry, step: Copying) -> _Source:
    place = os.fsdecode(join(files.root, top.path) if top.path else files.root)
    if step.unpack and entry.is_file and _holds_tar(place):
        return _Source(top, is_dir=True, changes=lambda keeper: _unpacked(place, keeper), unpacked=True)
    return _Source(top, entry.is_dir, lambda keeper: _as_source(entry, step, files.changes(top.path, keeper)))


def _of_view(view: View, top: Top, entry: Entry, step: Copying) -> _Source:
    return _Source(top, entry.is_dir, lambda _: _as_source(entry, step, as_changes(view, below(view, top.path))))


def _as_source(entry: Entry, step: Copying, changes: Iterator[Change]) -> Iterator[Change]:
    """Leave a directory itself out: what is in it is copied, but for --parents."""
    return (change for change in changes if change.path) if entry.is_dir and not step.parents else changes


def _holds_tar(place: str) -> bool:
    with open(place, "rb") as file:
        try:
            return is_tar(decompressed(file, what=shown(place)).read(512))
        except InvalidError:
            return False


def _unpacked(place: str, keeper: Keeper) -> Iterator[Change]:
    with open(place, "rb") as file:
        yield from plain_tar.decoded(decompressed(file, what=shown(place)), keeper, lambda _: None)
