"""How it is shown what is wrong, what is proved, and what was erased."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cli.display.formats import counted, human_size, listed, shown_time
from cli.display.output import json_line
from cli.maintenance.erasure import Plan
from cli.maintenance.verification import Report
from eventstore.errors import ErasedError
from eventstore.log.log import Log
from eventstore.model.digests import named
from eventstore.model.events import Kind
from eventstore.model.paths import shown as escape
from eventstore.retention.reachability import occurrences
from projections.audit.impact import Held, shown_containers, shown_images
from projections.audit.proofs import Growth, Proved
from projections.refs import containers
from projections.refs.tags import shown_names

if TYPE_CHECKING:
    from cli.maintenance.derivation import Derived

MOST_NOTES = 20


def show(log: Log, reports: Sequence[Report], form: str) -> None:
    """Print every report: what is wrong first; then erasures and other notes, as text the first of them."""
    wrong, notes = ([report for report in reports if report.finding.note is note] for note in (False, True))
    more = len(notes) - MOST_NOTES if form != "json" else 0
    for report in [*wrong, *(notes[:MOST_NOTES] if more > 0 else notes)]:
        row = finding_row(log, report)
        print(json_line(row) if form == "json" else _text(row))
    if more > 0:
        print(f"and {counted(more, 'more note')} of such; `layerlog verify --format json` prints them all")


def finding_row(log: Log, report: Report) -> dict[str, Any]:
    finding, held = report
    return {
        "check": finding.check, "object": finding.object, "problem": finding.problem, "note": finding.note,
        "events": [list(span) for span in finding.events], **held_row(log, held),
    }  # fmt: skip


def held_row(log: Log, held: Held) -> dict[str, Any]:
    return {
        "images": shown_images(log, held.images), "containers": shown_containers(log, held.containers),
        "paths": [b"/" + path for path in held.paths],
    }  # fmt: skip


def _text(row: dict[str, Any]) -> str:
    touched = touched_line(row)
    return f"{escape(row['object'])}: {escape(row['problem'])}" + (f"\n    {touched}" if touched else "")


def touched_line(row: dict[str, Any]) -> str:
    """Return "images a, b; containers c; paths /d and 3 more", without what there is none of."""
    return "; ".join(f"{name} {listed(row[name])}" for name in ("images", "containers", "paths") if row[name])


def proved(found: Proved | Growth) -> Iterator[str]:
    """Yield the lines; all text in them is escaped."""
    if isinstance(found, Growth):
        yield f"holds: the head of {found.new['changesets']} changesets continues that of {found.old['changesets']}"
        return
    event, context = found.event, found.context
    yield f"holds: event {found.position} is in the log whose head is {escape(str(found.checkpoint['hash']))}"
    yield f"event     {_title(event['kind'])} {escape(event['stream'])} version {event['version']}"
    if event["path"]:
        yield f"path      /{escape(event['path'])}"
    if event["content"]:
        yield f"content   sha256:{event['content'].hex()} ({event['size']} bytes)"
    if event["detail"]:
        yield f"detail    {escape(event['detail'])}"
    yield f"changeset {found.changeset}, {shown_time(found.time, exact=True)}"
    yield f"actor     {escape(json.dumps(context.get('actor')))}"
    yield f"author    {escape(str(context.get('author')))} (claimed)"
    yield f"command   {escape(json.dumps(context.get('command')))}"


def _title(kind: int) -> str:
    try:
        return Kind(kind).title
    except ValueError:
        return f"kind {kind}"


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
    going_on = [one.name for one in map(partial(containers.get, log), planned.held.containers) if not one.removed]
    if derive and going_on:
        names = listed(sorted(going_on))
        yield f"what is committed later in {names} may stand on it still: go on in a container of an image made anew"
    if planned.extent.sharing:
        yield f"chunks that stay, since other contents share them: {listed([d.hex() for d in planned.extent.sharing])}"
    if planned.blobs:
        cost = "the manifests that name them can no longer be given out as they came"
        yield f"{len(planned.blobs)} compressed blobs are dropped; {cost}"
    if planned.told:
        events = listed([str(position) for position in planned.told])
        yield f"stays in the log, where nothing is changed: a line of it in the command line or message of event {events}"
    if planned.tags:
        yield f"tags that ever named such an image: {listed(shown_names(planned.tags), 20)}"
    for sent in planned.sent:
        yield f"{sent.how} to {escape(sent.where)} at {shown_time(sent.record.time)}: that copy still holds it"


def unsigned_lines(made: Iterable["Derived"]) -> Iterator[str]:
    """Yield a line for each signature that does not hold for what was made anew."""
    pairs = {pair for one in made for pair in one.unsigned.items()}
    for old, new in sorted(pairs):
        again = f"`layerlog sign {new[:12]}` signs that one"
        yield f"layerlog: commit {old[:12]} is signed, and {new[:12]}, made anew of it, is not; {again}"
    for one in made:
        if one.referrers:
            kept = counted(one.referrers, "referrer")
            yield f"layerlog: {kept} (signatures, SBOMs) of {one.old[:12]} stay with it; {one.new[:12]} has another manifest"


def met(log: Log, error: ErasedError) -> ErasedError:
    """Return *error*, of a command that met what was erased, with the paths that it was at, and the next step.

    One pass over the log.
    """
    found = {one.path for one in occurrences(log, [error.content]) if one.path is not None}
    paths = listed(sorted(b"/" + log.path_text(path) for path in found), 3)
    return ErasedError(f"{paths or 'an image'}: {error}; {_NEXT}", error.content)
