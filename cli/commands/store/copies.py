"""`repair` and `backup`: a store and its copies."""

import sys

import click

from cli.display import integrity
from cli.display.bars import progress
from cli.display.formats import counted, human_size, listed, shown_time
from cli.maintenance import verification
from cli.options import completion
from cli.session.session import Session, whole_session
from cli.session.settings import Settings
from cli.session.writing import alone
from eventstore.disk.folder import require_writable
from eventstore.model.paths import shown as escape
from eventstore.store.store import Store


@click.command()
@click.option(
    "--from", "source", metavar="STORE|ARCHIVE", help="A store, a backup, an image archive or an OCI layout.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.pass_context
def repair(ctx: click.Context, source: str | None) -> None:
    r"""Bring back damaged and missing contents from a copy; say what is left.

    Every content is read first. What is damaged is taken back from the compressed blobs that are kept, then from the copy.
    What nobody has is put aside in the store's quarantine/ folder, and verify goes on to name it. Indexes of the log are made
    anew from its rows; rows that are lost cannot be: bring back a backup.

    \b
      layerlog repair --from /mnt/backup/layerlog
      layerlog repair --from tomcat.tar
    """
    from cli.maintenance import repairs
    from eventstore.integrity import repair as mending

    repairs.require_source(source)
    with whole_session() as s:
        require_writable(s.store.path)
        if mending.mend_indexes(s.store):
            print("written anew: log.db, whose indexes did not hold what its rows say")
        _mend(ctx, s, source)


def _mend(ctx: click.Context, s: Session, source: str | None) -> None:
    from cli.maintenance import repairs
    from eventstore.integrity import repair as mending
    from eventstore.integrity import scrub

    with alone(s) as writer:
        for name in mending.mend_schema(s.store):
            print(f"made anew: {escape(name)}")
        with progress(scrub.total(s.store), "Reading", "bytes") as advance:
            findings = mending.find(s.store, advance)
        done = repairs.mend(s.store, writer, findings, source, lambda _: None)
        print(f"{counted(len(done.restored), 'content')} brought back, {counted(len(done.left), 'finding')} left")
        integrity.show(s.log, verification.touched(s.store, done.left), "text")
    if done.left:
        ctx.exit(1)


@click.command()
@click.argument("folder", metavar="DEST", shell_complete=completion.host_paths)
@click.option("--restore", is_flag=True, help="The other way: make the store, which must be new, from the backup DEST.")
@click.pass_obj
def backup(settings: Settings, folder: str, *, restore: bool) -> None:
    r"""Copy the store, while it is in use, to the folder DEST: a store itself. Repeated, it copies only what is new.

    What was copied is read back and verified. Whatever interrupts it or fails, DEST is the backup that it was before, or the
    new one. What is missing here and was not erased for good stays in DEST: repair --from DEST brings it back.

    \b
      layerlog backup /mnt/backup/layerlog
      layerlog --store /srv/layerlog backup --restore /mnt/backup/layerlog
    """
    from eventstore.integrity import backup as backups

    if restore:
        backups.require_new(settings.store)
    source, target = (folder, settings.store) if restore else (settings.store, folder)
    with Store.open(source) as store, progress(None, "Copying", "bytes") as advance:
        copied = backups.back_up(store, target, advance)
    head = f"{counted(copied.head.position, 'event')} in {counted(copied.head.changesets, 'changeset')}"
    print(f"{head}; {human_size(copied.bytes)} of contents copied and verified", flush=True)
    if copied.kept:
        here = f"{counted(copied.kept, 'content')} missing here"
        print(f"layerlog: {here} stayed in the backup; `layerlog repair --from` it brings back what was lost", file=sys.stderr)
    if copied.replaced:
        kinds = listed([f"{left.title} at {shown_time(left.time)}" for left in copied.replaced])
        print(f"layerlog: recorded in the backup alone, and replaced by this: {kinds}", file=sys.stderr)
