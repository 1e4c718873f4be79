"""`events`: every event, as it comes."""

import sys
import time
from collections.abc import Iterator

import click

from cli.commands.history.audit import between
from cli.display.formats import short_id
from cli.display.history import event_line
from cli.display.output import json_line
from cli.options import completion
from cli.options.regexes import matcher
from cli.options.sizes_and_times import date_option, period_options
from cli.session.named_paths import say_meant
from cli.session.session import session
from eventstore.disk.folder import identity
from eventstore.errors import StoreError
from eventstore.log.log import Log
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.audit import event_filter
from projections.events.records import Record
from projections.events.rows import event_row
from projections.refs import tags
from projections.refs.points import Points

PAUSE = 0.1


@click.command(context_settings={"max_content_width": 110})
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="POSITION", help="Begin with this event.")
@click.option("--to", "last", type=click.IntRange(1), metavar="POSITION", help="End with this event.")
@period_options
@click.option("-f", "--follow", is_flag=True, help="Go on with those that come.")
@click.option(
    "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="Only these events; see above.",
    shell_complete=completion.filters("projections.audit.event_filter"),
)  # fmt: skip
@date_option()
@click.option("--format", "shape", type=click.Choice(["json", "table"]), default="json", help="table: a line for people.")
def events(
    first: int, last: int | None, since: int | None, until: int | None, filters: tuple[str, ...], shape: str, *, follow: bool
) -> None:
    r"""List the events of the whole store in the order in which they happened, one JSON object a line.

    Each has a position, and positions never change: who has read up to position N goes on with --from N+1, misses
    nothing and sees nothing twice. Filters of one key are alternatives, those of different keys must all hold:

    \b
      stream=web, stream=tomcat:latest, stream=3f2a9c, stream=container (or layer, image, tag, store)
      kind=FileWritten        path=/etc or path='*.conf'
      mode=4755, mode=-4000 (all of these bits), mode=/6000 (any): what made a file setuid or setgid, by write or chmod
      author=PATTERN          actor=PATTERN (login@host (uid N, login uid N))

    The keys of an object are always the same, null where an event has no such thing:

    \b
      position time changeset   where in the log; time is RFC 3339, UTC
      stream name version       container + id, layer + diff_id, image + id, tag + name; its number there
      event                     FileWritten, LinkMade, AttributesChanged, PathMoved, PathDeleted, DirectoryCleared,
                                DirectoryImplied, Committed, TagMoved, ImageLoaded, ...
      path target               with a leading slash; not UTF-8: approximate, and path_b64 beside it is exact
      mode uid gid mtime size   mode in octal with type bits, mtime in ns since 1970, size in bytes
      content                   "sha256:..."
      detail id                 what else the event says; a commit's id
      known                     recorded, observed or imported
      author actor command      claimed; seen: {login, uid, login_uid, host}; the command line

    \b
      layerlog events --filter stream=web --filter path=/etc
      layerlog events --since '1 day ago' --filter actor=^ada@ --format table
      layerlog events --from 1042 --follow | while read -r event; do ...; done
    """
    if follow and until is not None:
        raise click.UsageError("--follow goes on for ever and --until ends at a time; give one of them.")
    with session() as s:
        since_first, until_last = between(s, since, until)
        first = max(first, since_first)
        if until is not None:
            last = until_last if last is None else min(last, until_last)
        wanted = event_filter.wanted(s.log, filters, matcher)
        say_meant(s.log, wanted.patterns)
        for head in heads(s.store, last, keep_on=follow):
            points = Points(s.log)  # anew, as others may have renamed a container meanwhile
            for record in event_filter.select(s.log, wanted, first, head):
                print(json_line(event_row(record)) if shape == "json" else _line(s.log, record, points))
            sys.stdout.flush()
            first = max(first, head + 1)


def _line(log: Log, record: Record, points: Points) -> str:
    """Return an event on one line: its position, whose it is, when, by whom, and what it did."""
    return event_line(record, f"{record.event.position:>8}  {_subject(log, record, points):<12}")


def _subject(log: Log, record: Record, points: Points) -> str:
    """Return the point that brings a container's event back, and an image or a layer by its name or id."""
    match record.kind:
        case "container":
            return shown(points.spelled(record.name, record.event.version))
        case "image":
            named = tags.shown_names(tags.now(log, record.name))
            return shown(named[0]) if named else short_id(record.name)
        case "layer":
            return short_id(record.name)
    return ""


def heads(store: Store, last: int | None, *, keep_on: bool) -> Iterator[int]:
    """Yield the position up to which there are events: now, and with *keep_on* each time that others appended.

    Ends once *last*, where given, is there; raise StoreError once the store is no longer where it was.
    """
    log, opened = store.log, identity(store.path)
    while True:
        seen = log.others_commits()
        head = log.head().position
        yield head if last is None else min(head, last)
        if not keep_on or (last is not None and head >= last):
            return
        while log.others_commits() == seen:
            time.sleep(PAUSE)
            if identity(store.path) != opened:
                raise StoreError(
                    f"the store {shown(store.path)} was moved away or replaced, as by a backup: its events were followed up to "
                    f"{head}; `layerlog events -f --from {head + 1}` follows what is there now, see first where that ends"
                )
