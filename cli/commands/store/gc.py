"""`gc`: what nothing names goes."""

import click

from cli.display.formats import counted, human_size
from cli.session import logs
from cli.session.session import whole_session
from cli.session.writing import alone

_DROPPING = "the manifests that name them can no longer be given out as they came; layers are compressed anew instead"


@click.command()
@click.option("--originals", is_flag=True, help="Drop the compressed blobs that images came in, too.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")
def gc(*, originals: bool, dry_run: bool) -> None:
    """Free the space of contents that no event names, and of the cache. Waits for whoever is writing.

    No file of any image or container, at any point of its history, is among it. With --originals the compressed blobs
    that images were loaded or pulled with are dropped as well: layers can still be saved, but not in their old compression,
    so the digests of their manifests change.
    """
    from eventstore.retention import collection as collector

    with whole_session() as s:
        if dry_run:
            found, waiting = collector.survey(s.store, originals=originals), 0
        else:
            with alone(s) as writer, logs.step("collected") as told:
                found, freed = collector.collect(s.store, writer, originals=originals)
                told.update(contents=found.contents, segments=freed.segments, bytes=freed.bytes, waiting=freed.waiting)
            waiting = freed.waiting
    parts = {"contents": found.content_bytes, "cache": found.cache_bytes, "originals": found.original_bytes}
    room = f"{human_size(sum(parts.values()))}{_listed(parts)}"
    print(f"{'would remove' if dry_run else 'removed'} {counted(found.contents, 'content')}, freeing {room}")
    if found.originals:
        print(f"{counted(found.originals, 'blob')} ({human_size(found.original_bytes)}): {_DROPPING}")
    if waiting:
        print(f"still being read, and left to the next gc: {counted(waiting, 'segment')}")


def _listed(parts: dict[str, int]) -> str:
    """Return what is whose, as the end of a line: " (contents 1.1MB, cache 96B)"; nothing of no bytes."""
    listed = ", ".join(f"{what} {human_size(size)}" for what, size in parts.items() if size)
    return listed and f" ({listed})"
