"""Audit: who did what to the store, every event as it comes, and where something is or ever was."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import click

from cli.commands.history.follow import heads
from cli.display import audit_rows
from cli.display.formats import listed, parse_time
from cli.display.history_text import event_line
from cli.display.output import Column, Shape, json_line, listing, note, or_say_nothing_found, progress
from cli.options.regexes import matcher, optional_matcher
from cli.session.session import Session, session
from eventstore.index.moments import position_at
from eventstore.model.digests import parsed
from eventstore.model.paths import as_bytes
from projections.audit import actions, event_filter, occurrences
from projections.audit.actions import Deed
from projections.audit.proofs import store_id
from projections.audit.search import Needle, search, total
from projections.events.actors import Who
from projections.events.pathspecs import pattern
from projections.events.rows import event_row


@click.command()
@click.option("--by", type=click.Choice(["author", "day", "prefix"]), help="Add up the commits by this.")
@click.option("--depth", type=click.IntRange(1), default=1, help="How many parts of a path a prefix has.", show_default=True)
@click.option("--since", metavar="TIME", help="2026-11-24, 2026-11-24T10:00, '2 days ago', 10m, ...")
@click.option("--until", metavar="TIME", help="Not later than this.")
@click.option("--author", metavar="PATTERN", help="The claimed author matches this regular expression.")
@click.option("--actor", metavar="PATTERN", help="The observed actor matches it: login@host (uid N, login uid N).")
@click.option("--commits", "only_commits", is_flag=True, help="Commits alone.")
@click.option("--no-trunc", is_flag=True, help="Show ids and texts in full.")
@click.option(
    "--format", "shape", type=click.Choice(["table", "json", "csv", "html"]), default="table",
    help="json: one object a line; html: one page with a timeline, to read or print.",
)  # fmt: skip
def audit(shape: str, *, no_trunc: bool, by: str | None, depth: int, **options: Any) -> None:
    r"""Show who did what to the whole store, the oldest first: commits, tags, loads, saves, removals, erasures.

    For each commit: the author that was claimed and the actor that the machine saw, the key that signed it, how much it
    sealed (events, files, bytes written), every tag it ever got, and where it was saved or pushed to. Of a tag that was
    moved, the image that it names from then on and the one that it named before; of an untag, the one that it named.
    Single changes of files are in `layerlog log` and `events`. Whether the record itself can be trusted, `layerlog
    verify` says.

    \b
      layerlog audit --since 2026-11-01
      layerlog audit --actor ^ada@ --since '1 day ago'
      layerlog audit --by author
      layerlog audit --by prefix --depth 2 --format json
      layerlog audit --format html > audit.html
    """
    with session() as s:
        found = _actions(s, **options)
        if shape == "html":
            _write_page(s, list(found))
        elif by is None:
            _write(shape, no_trunc, map(audit_rows.action_row, found), audit_rows.ACTIONS)
        else:
            rows = [audit_rows.group_row(group, by) for group in _groups(s, found, by, depth)]
            _write(shape, no_trunc, rows, audit_rows.group_columns(by))


def _actions(
    s: Session, since: str | None, until: str | None, author: str | None, actor: str | None, *, only_commits: bool
) -> Iterator[Deed]:
    wanted = Who(optional_matcher(author, "--author"), optional_matcher(actor, "--actor"))
    found = actions.deeds(s.log, *_between(s, since, until), only_commits=only_commits)
    return (action for action in found if wanted.did(action.record, action.author))


def _between(s: Session, since: str | None, until: str | None) -> tuple[int, int]:
    """Return the first and the last position of the time."""
    first = position_at(s.log, parse_time(since), after=True) if since is not None else 1
    last = position_at(s.log, parse_time(until)) if until is not None else s.log.head().position
    return first, last


def _groups(s: Session, found: Iterable[Deed], by: str, depth: int) -> list[actions.Group]:
    if by == "prefix":
        return actions.by_prefix(s.log, found, depth)
    return actions.by(found, actions.day if by == "day" else actions.author)


def _write(shape: str, no_trunc: bool, rows: Iterable[dict[str, Any]], columns: Sequence[Column]) -> None:
    if shape == "csv":
        audit_rows.write_csv(sys.stdout, rows, columns)
    else:
        listing(Shape(shape, no_trunc=no_trunc), rows, columns, columns[0].key)


def _write_page(s: Session, found: list[Deed]) -> None:
    from cli.display.audit_page import page

    for piece in page(found, actions.by(found, actions.author), store_id(s.log), s.log.head().position):
        sys.stdout.write(piece)


# -- events


@click.command(context_settings={"max_content_width": 110})
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="POSITION", help="Begin with this event.")
@click.option("--to", "last", type=click.IntRange(1), metavar="POSITION", help="End with this event.")
@click.option("--since", metavar="TIME", help="2026-11-24, 2026-11-24T10:00, '2 days ago', ...")
@click.option("--until", metavar="TIME", help="Not later than this.")
@click.option("-f", "--follow", is_flag=True, help="Go on with those that come.")
@click.option("--filter", "filters", multiple=True, metavar="KEY=VALUE", help="Only these events; see above.")
@click.option("--format", "shape", type=click.Choice(["json", "table"]), default="json", help="table: a line for people.")
def events(
    first: int, last: int | None, since: str | None, until: str | None, filters: tuple[str, ...], shape: str, *, follow: bool
) -> None:
    r"""List the events of the whole store in the order in which they happened, one JSON object a line.

    Each has a position, and positions never change: who has read up to position N goes on with --from N+1, misses
    nothing and sees nothing twice. Filters of one key are alternatives, those of different keys must all hold:

    \b
      stream=web, stream=tomcat:latest, stream=3f2a9c, stream=container (or layer, image, tag, store)
      kind=FileWritten        path=/etc or path='*.conf'
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
        since_first, until_last = _between(s, since, until)
        first = max(first, since_first)
        if until is not None:
            last = until_last if last is None else min(last, until_last)
        wanted = event_filter.wanted(s.log, filters, matcher)
        for head in heads(s.log, last, keep_on=follow):
            for record in event_filter.select(s.log, wanted, first, head):
                print(json_line(event_row(record)) if shape == "json" else event_line(record))
            sys.stdout.flush()
            first = max(first, head + 1)


# -- find


@click.command()
@click.option("--path", "patterns", multiple=True, metavar="PATH|GLOB", help="This path and all below it, or a glob.")
@click.option("--content", "digests", multiple=True, metavar="DIGEST|REF:PATH", help="Files with this content, or that one's.")
@click.option("--bytes", "data", metavar="STRING", help="Files that hold these bytes, anywhere; configs and manifests too.")
@click.option("--text", metavar="STRING", help="Text files that hold this, capitals or not.")
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", help="json: one object a line.")
@click.option("--no-trunc", is_flag=True, help="Show ids in full.")
def find(
    patterns: tuple[str, ...], digests: tuple[str, ...], data: str | None, text: str | None, shape: str, *, no_trunc: bool
) -> None:
    r"""Find every container and image that holds a path or a content, or ever did, and where it went from there.

    For each container it says since when and until when it showed, and which commits hold it, by the tags that they have
    now, else by their ids, with their saves and pushes. An image whose upper layers hide it still carries it in a lower
    one: that is said too. --bytes reads every content in the store once. That nothing was found is said on stderr, and is
    no failure.

    \b
      layerlog find --path /etc/passwd
      layerlog find --path '*.pem'
      layerlog find --content web:/etc/passwd
      layerlog find --bytes 'BEGIN PRIVATE KEY'
    """
    if sum(map(bool, (patterns, digests, data, text))) != 1:
        raise click.UsageError("Give one of --path, --content, --bytes and --text.")
    with session() as s:
        found = _found(s, patterns, digests, Needle(as_bytes(data or text or ""), text=text is not None))
        sought = listed((*patterns, *digests, *filter(None, (data, text))))
        rows = or_say_nothing_found(found, f"no container and no image holds, or ever held, {sought}")
        first = next(rows, None)
        if first is not None:  # no header where there is nothing below it
            listing(Shape(shape, no_trunc=no_trunc), chain([first], rows), audit_rows.COLUMNS, "where")


def _found(s: Session, patterns: Sequence[str], digests: Sequence[str], needle: Needle) -> Iterator[dict[str, Any]]:
    log, content, rows = s.log, s.store.content, audit_rows.Rows(s.log)
    if patterns:
        sought = occurrences.of_paths(log, content, [pattern(as_bytes(text)) for text in patterns])
    else:
        contents = [_content(s, text) for text in digests] or _searched(s, needle)
        sought = occurrences.of_contents(log, content, contents)
        yield from map(rows.of_document, occurrences.in_documents(log, contents))
        if needle.data:
            yield from map(rows.of_document, occurrences.in_instructions(log, needle))
    yield from map(rows.of_occurrence, occurrences.holdings(log, content, sought))


def _content(s: Session, text: str) -> bytes:
    return s.content(text) if ":/" in text else parsed(text)


def _searched(s: Session, needle: Needle) -> list[bytes]:
    found, unread = [], 0
    with progress(total(s.log), "searching", "bytes") as advance:
        for one in search(s.log, s.store.content, needle):
            advance(one.size)
            unread += one.holds is None
            if one.holds:
                found.append(one.digest)
    if unread:
        note({"contents that cannot be read": unread}, "not searched")
    return found
