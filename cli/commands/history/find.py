"""`find`: where a path or a content is, or ever was."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import click

from cli.display.formats import listed
from cli.display.output import Shape, listing, note, or_say_nothing_found, progress
from cli.options.sizes_and_times import date_option
from cli.report.occurrences import COLUMNS, Rows
from cli.session.session import Session, session
from eventstore.model.digests import parsed
from eventstore.model.paths import as_bytes
from eventstore.retention.reachability import total_stored
from projections.audit import occurrences
from projections.audit.search import Needle, search
from projections.events.pathspecs import pattern


@click.command()
@click.option("--path", "patterns", multiple=True, metavar="PATH|GLOB", help="This path and all below it, or a glob.")
@click.option("--content", "digests", multiple=True, metavar="DIGEST|REF:PATH", help="Files with this content, or that one's.")
@click.option("--bytes", "data", metavar="STRING", help="Files that hold these bytes, anywhere; configs and manifests too.")
@click.option("--text", metavar="STRING", help="Text files that hold this, capitals or not.")
@date_option()
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
            listing(Shape(shape, no_trunc=no_trunc), chain([first], rows), COLUMNS, "where")


def _found(s: Session, patterns: Sequence[str], digests: Sequence[str], needle: Needle) -> Iterator[dict[str, Any]]:
    log, content, rows = s.log, s.store.content, Rows(s.log)
    if patterns:
        sought = occurrences.of_paths(log, content, [pattern(as_bytes(text)) for text in patterns])
    else:
        contents = [s.content(text) if ":/" in text else parsed(text) for text in digests] or _searched(s, needle)
        sought = occurrences.of_contents(log, content, contents)
        yield from map(rows.of_document, occurrences.in_documents(log, contents))
        if needle.data:
            yield from map(rows.of_document, occurrences.in_instructions(log, needle))
    yield from map(rows.of_occurrence, occurrences.path_occurrences(log, content, sought))


def _searched(s: Session, needle: Needle) -> list[bytes]:
    found, unread = [], 0
    with progress(total_stored(s.log), "searching", "bytes") as advance:
        for one in search(s.log, s.store.content, needle):
            advance(one.size)
            unread += one.holds is None
            if one.holds:
                found.append(one.digest)
    note({"contents that cannot be read": unread}, "not searched")
    return found
