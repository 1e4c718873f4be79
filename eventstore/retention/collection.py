"""Garbage collection: contents that no event names go, segments give their room back, the cache is emptied."""

from typing import NamedTuple

from eventstore.retention import compaction, reachability
from eventstore.retention.compaction import Freed
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer

_BLOCKS_FREED = """
    SELECT coalesce(sum(stored) FILTER (WHERE segment > 0), 0), coalesce(sum(stored) FILTER (WHERE segment < 0), 0) FROM (
        SELECT segment, stored FROM content LEFT JOIN live USING (digest) WHERE parts IS NULL
        GROUP BY segment, offset HAVING count(live.digest) = 0)"""
_DEAD = "SELECT count(*) FROM content WHERE digest NOT IN (SELECT digest FROM live) AND segment > 0"


class Garbage(NamedTuple):
    """What a collection would free, in numbers and bytes.

    `content_bytes` are those of blocks that only dead contents lie in, and of what no content names in their segments;
    `original_bytes` the same of the blobs that images came in, of which `originals` would be dropped.
    """

    contents: int
    content_bytes: int
    originals: int
    original_bytes: int
    cache_bytes: int


def survey(store: Store, *, originals: bool = False) -> Garbage:
    """Return what `collect` would free: O(events + contents).  Nothing is changed."""
    reachability.mark_live(store.log, originals=not originals)
    dead = store.db.execute(_DEAD).fetchone()[0]
    content_bytes, original_bytes = store.db.execute(_BLOCKS_FREED).fetchone()
    for usage in compaction.usages(store):
        if usage.segment < 0:
            original_bytes += usage.size - usage.live
        else:
            content_bytes += usage.size - usage.live
    return Garbage(dead, content_bytes, len(dropped(store)), original_bytes, compaction.folder_size(store.cache.path()))


def collect(store: Store, writer: Writer, *, originals: bool = False) -> tuple[Garbage, Freed]:
    """Free what `survey` says, in the exclusive lock that *writer* holds (`writer.alone`); return that and what went.

    With *originals*, the compressed blobs that images came in go too, and an event says so.
    """
    found = survey(store, originals=originals)
    with writer.transaction():
        blobs = dropped(store)
        if blobs:
            commands.drop_originals(writer, blobs, "gc --originals")
        store.db.execute("DELETE FROM content WHERE digest NOT IN (SELECT digest FROM live)")
    freed = compaction.compact(store)
    if compaction.must_wipe(store):
        compaction.wipe(store)
    compaction.clear_cache(store)
    return found, freed


def dropped(store: Store) -> list[bytes]:
    """Return the kept blobs that temp.live, as `reachability.mark_live` left it, does not hold."""
    alive = "SELECT EXISTS (SELECT 1 FROM live WHERE digest = ?)"
    kept = (blob for blob in reachability.originals(store.log) if store.content.has(blob))
    return [blob for blob in kept if not store.db.execute(alive, (blob,)).fetchone()[0]]
