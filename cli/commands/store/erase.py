"""`erase` and `prune`: contents go, for ever or to make room."""

import os
import sys
from collections.abc import Callable
from hashlib import sha256

import click

from cli.display import integrity
from cli.display.formats import counted, human_size
from cli.maintenance import erasure
from cli.options import completion
from cli.options.sizes_and_times import begins
from cli.session.session import Session, whole_session
from cli.session.writing import alone, writing
from eventstore.disk import cache_mounts
from eventstore.errors import ConflictError, InvalidError, NotFoundError
from eventstore.log.log import Log
from eventstore.model.digests import named, parsed
from eventstore.retention import compaction
from eventstore.store import commands

EMPTY = sha256().digest()
_DRY_RUN = click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")


@click.command()
@click.option("--contents-before", metavar="TIME", callback=begins, help="Only of what was removed before then (local time).")
@click.option("--build-cache", is_flag=True, help="Instead what builds keep for the next: steps, cache mounts.")
@_DRY_RUN
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def prune(contents_before: int | None, *, build_cache: bool, dry_run: bool, yes: bool) -> None:
    r"""Erase the contents that only removed containers and images hold.

    What happened stays in the log; the bytes do not. undelete brings such a thing back without them, until they come again:
    with the image that is loaded or pulled anew.
    --build-cache erases what only steps of builds hold that lie under no name and no container, and removes what
    `RUN --mount=type=cache` has gathered, but for what a build uses now. The next build does those steps again.

    \b
      layerlog prune --dry-run
      layerlog prune --contents-before '30 days ago'
      layerlog prune --build-cache
    """
    from projections.audit.prunable import NEVER, of_build_cache, prunable

    if build_cache:
        if contents_before is not None:
            raise click.UsageError("--contents-before is of what was removed; give it or --build-cache.")
        _prune_contents(of_build_cache, "steps of builds", dry_run=dry_run, yes=yes)
        _prune_mounts(dry_run=dry_run, yes=yes)
        return
    before = NEVER if contents_before is None else contents_before
    _prune_contents(lambda log: prunable(log, before), "removed things", dry_run=dry_run, yes=yes)


def _prune_contents(found: Callable[[Log], set[bytes]], holders: str, *, dry_run: bool, yes: bool) -> None:
    """Erase what is *found*, once it is confirmed."""
    with whole_session() as s:
        planned = erasure.plan_pruning(s.store, found(s.log))
        if dry_run or not yes or not planned.extent.sizes:
            print(f"would erase {_contents(planned)} that only {holders} hold")
        if dry_run or not planned.extent.sizes:
            return
        _confirm(yes, "Erase them?")
        with alone(s) as writer:
            planned = erasure.plan_pruning(s.store, found(s.log))
            erasure.prune(s.store, writer, planned)
        print(f"erased {_contents(planned)} that only {holders} held")


def _prune_mounts(*, dry_run: bool, yes: bool) -> None:
    with whole_session() as s:
        found, size = _mounts(s)
        if dry_run or not yes or not found:
            print(f"would remove {counted(found, 'cache mount')} ({human_size(size)})")
        if dry_run or not found:
            return
        _confirm(yes, "Remove them?")
        with alone(s):
            cache_mounts.clear(s.store.path)
        left, still = _mounts(s)
        print(f"removed {counted(found - left, 'cache mount')} ({human_size(size - still)})")
        if left:
            print(f"in use, and left to the next prune: {counted(left, 'cache mount')}")


def _mounts(s: Session) -> tuple[int, int]:
    folder = os.path.join(s.store.path, cache_mounts.FOLDER)
    return len(cache_mounts.names(s.store.path)), compaction.folder_size(folder)


def _contents(planned: erasure.Pruning) -> str:
    sizes = planned.extent.sizes
    return f"{counted(len(sizes), 'content')} ({human_size(sum(sizes.values()))})"


@click.command()
@click.option("--content", "digests", metavar="DIGEST", multiple=True, help="sha256:... of a file; may be repeated.")
@click.option(
    "--path", "paths", metavar="REF:PATH", multiple=True, help="What this file holds; may be repeated.",
    shell_complete=completion.paths,
)  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="Why; the log keeps it.")
@click.option("--let-return", is_flag=True, help="Let a content that was erased come back; erase nothing.")
@click.option("--derive", is_flag=True, help="Make every named image that held it anew, without it; print old and new ids.")
@_DRY_RUN
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def erase(
    digests: tuple[str, ...], paths: tuple[str, ...], reason: str, *, let_return: bool, derive: bool, dry_run: bool, yes: bool
) -> None:
    r"""Erase contents for ever: really remove their bytes, and record that, why and by whom.

    The log keeps that the file was there, its size and digest, and still verifies. Compressed blobs that hold it are
    dropped, and its digest is refused from now on. Copies that were made elsewhere are listed and not reached: tags,
    saves, pushes, and backups of this store. Images that held it can no longer be saved; --derive makes new ones without
    the file and gives them the old ones' names. They stand on the same layers below the first that held it; from there on
    each commit is made anew, with its author, message and date, under a new id. Whose signatures do not hold for that is
    said.

    \b
      layerlog erase --path web:/root/.netrc --reason "a password"
      layerlog erase --content sha256:3a1f... --reason "a customer's data" --dry-run
    """
    from cli.maintenance import derivation

    if not digests and not paths:
        raise click.UsageError("Name what to erase: --content DIGEST or --path REF:PATH.")
    if not reason.strip():
        raise click.UsageError("--reason is empty, and it is all that will say why.")
    with whole_session() as s:
        wanted = {*map(parsed, digests), *map(s.content, paths)}
        if let_return:
            _let_return(s, wanted, reason)
            return
        if EMPTY in wanted:
            raise InvalidError(f"content {named(EMPTY)} has no bytes to erase; `layerlog delete` deletes a file")
        planned = erasure.plan(s.store, wanted)
        if not planned.extent.sizes:
            _require_erased(s, wanted)
        print(*integrity.plan_lines(s.log, planned, derive=derive), sep="\n")
        if mounts := cache_mounts.names(s.store.path):
            found = counted(len(mounts), "cache mount")
            print(f"not looked into: {found} of builds; `layerlog prune --build-cache` removes them")
        if not dry_run:
            _confirm(yes, "Erase this for ever?")
            with alone(s) as writer:
                erasure.carry_out(s.store, writer, erasure.plan(s.store, wanted), reason)
        if derive and not dry_run:
            with writing(s) as writer:
                made = derivation.derive(s.store, writer, planned.held.images, wanted)
                writer.moved.clear()  # stdout says it
            for one in made:
                print(f"sha256:{one.old} -> sha256:{one.new}")
            for line in integrity.unsigned_lines(made):
                print(line, file=sys.stderr)


def _confirm(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _require_erased(s: Session, digests: set[bytes]) -> None:
    for digest in digests:
        if s.store.content.erased(digest) is None:
            raise NotFoundError(f"content {named(digest)} is not here; `layerlog find` tells where one ever was")


def _let_return(s: Session, digests: set[bytes], reason: str) -> None:
    for digest in sorted(digests):
        if s.store.content.erased(digest) is None:
            raise ConflictError(f"content {named(digest)} was not erased, so nothing keeps it out")
    with writing(s) as writer, writer.transaction():
        for digest in sorted(digests):
            commands.let_return(writer, digest, reason)
