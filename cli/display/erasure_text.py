"""What an erasure removes, who holds it, and where copies of it went."""

from collections.abc import Iterator

from cli.adapters.erasing import Plan
from cli.display.finding_rows import held_row, touched_line
from cli.formats import human_size, listed
from eventstore.digests import named
from eventstore.errors import ErasedError
from eventstore.log import Log
from eventstore.needed import occurrences
from eventstore.paths import shown as escape
from eventstore.times import rfc3339
from projections.tags import shown_names

_NEXT = "to go on without it, delete the path in the container, and make images anew with `layerlog erase --derive`"


def plan_lines(log: Log, planned: Plan, *, derive: bool) -> Iterator[str]:
    """Yield the lines; all text in them is escaped."""
    for digest, size in planned.extent.sizes.items():
        what = "framing of a layer that holds the same bytes" if digest in planned.copies else human_size(size)
        yield f"content {named(digest)} ({what})"
    if not planned.extent.sizes:
        yield "all of it was erased already; what an interrupted erasure left is removed now"
    touched = touched_line(held_row(log, planned.held))
    if touched:
        yield f"held by {touched}"
    if planned.held.images and not derive:
        yield "these images can then no longer be saved; with --derive those that have a name are made anew without it"
    if planned.extent.sharing:
        yield f"chunks that stay, since other contents share them: {listed([d.hex() for d in planned.extent.sharing])}"
    if planned.blobs:
        cost = "the manifests that name them can no longer be given out as they came"
        yield f"{len(planned.blobs)} compressed blobs are dropped; {cost}"
    if planned.tags:
        yield f"tags that ever named such an image: {listed(shown_names(planned.tags), 20)}"
    for sent in planned.sent:
        yield f"{sent.how} to {escape(sent.where)} at {rfc3339(sent.record.time)}: that copy still holds it"


def met(log: Log, error: ErasedError) -> ErasedError:
    """Return *error*, of a command that met what was erased, with the paths that it was at, and the next step.

    One pass over the log.
    """
    found = {one.path for one in occurrences(log.db, [error.content]) if one.path is not None}
    paths = listed(sorted(b"/" + log.path_text(path) for path in found), 3)
    return ErasedError(f"{paths or 'an image'}: {error}; {_NEXT}", error.content)
