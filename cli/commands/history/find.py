"""`find`: where a path or a content is, or ever was."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import click

from cli.commands.history.attributes import attribute_options, node_test
from cli.display.bars import progress
from cli.display.formats import counted, listed
from cli.display.output import Shape, listing, note, say_nothing_found
from cli.options import completion
from cli.options.sizes_and_times import date_option
from cli.report.occurrences import COLUMNS, WITH_ATTRIBUTES, Rows
from cli.session.named_paths import specs_anywhere
from cli.session.session import Session, session
from eventstore.errors import InvalidError
from eventstore.model.digests import parsed
from eventstore.model.paths import as_bytes, shown
from eventstore.retention.reachability import lacked, total_stored
from projections.audit import occurrences, search, sought
from projections.audit.places import Scope, passing
from projections.audit.search import Needle
from projections.events.node_tests import NodeTest
from projections.events.pathspecs import Pathspec


@click.command(context_settings={"max_content_width": 110})
@click.argument("patterns", nargs=-1, metavar="[NAME|PATH|GLOB]...")
@click.option("--path", "paths", multiple=True, metavar="PATH|GLOB", help="This path and all below it, or a glob of such.")
@click.option(
    "--content", "files", multiple=True, metavar="DIGEST|REF:PATH|./FILE", help="Files with this content.",
    shell_complete=completion.any_paths,
)  # fmt: skip
@click.option("--bytes", "data", metavar="STRING", help="Files that hold these bytes, anywhere; configs and manifests too.")
@click.option("--text", metavar="STRING", help="Text files that hold this, capitals or not.")
@attribute_options
@click.option(
    "--in", "refs", multiple=True, metavar="REF", shell_complete=completion.references,
    help="In this container or image alone; may be repeated.",
)  # fmt: skip
@click.option("--tag", "tags", multiple=True, metavar="GLOB", help="In images with such a tag alone: 'prod*', '*:1.4'.")
@date_option()
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", help="json: one object a line.")
@click.option("--no-trunc", is_flag=True, help="Show ids in full.")
def find(
    patterns: tuple[str, ...], *, refs: tuple[str, ...], tags: tuple[str, ...], shape: str, no_trunc: bool, **asked: Any
) -> None:
    r"""Find every container and image that holds a file, or ever did, and where it went from there.

    A NAME (or a glob) without a slash is looked for in every directory; with a slash it is a whole path, and all below it.
    What `layerlog move` moved or a hard link names is found under its later names too; a `mv` inside `run` deletes and
    writes: find that by --content. For each container it says since when and until when it showed, and which images hold
    it to this day, by all tags that they have now, else by their ids, with their saves and pushes. An image whose upper
    layers hide it still carries it in a lower one: that is said too. With --in IMAGE, or --tag, each row is about one
    image. --bytes reads every content in the store once. --perm to --newer are find(1)'s, for a name or alone, and all must
    hold: a file is found since a write, chmod or chown made it so, and `blame` says whose that was. That nothing was found
    is said on stderr, and is no failure.

    \b
      layerlog find log4j-core-2.14.jar
      layerlog find '*.pem' --tag 'prod*'
      layerlog find /etc/passwd --in web --in mytomcat:1.0
      layerlog find --content ./local.jar            a file of this machine is spelled with a slash
      layerlog find --content web:/etc/passwd
      layerlog find --bytes 'BEGIN PRIVATE KEY'
      layerlog find --perm /6000 --type f            all that is, or was, setuid or setgid
      layerlog find /var --user www-data --size +1M --in web
    """
    with session() as s:
        wanted = Wanted.of(s, patterns, node_test(s, refs, asked), **asked)
        if not refs:
            s.tell_processes()
        unread: list[int] = []
        rows = _found(s, wanted, _scope(s, refs, tags), unread)
        first = next(rows, None)
        if first is None:  # no header where there is nothing below it
            say_nothing_found(_nothing(wanted, [*refs, *tags], sum(unread)))
        else:
            columns = WITH_ATTRIBUTES if wanted.test else COLUMNS
            listing(Shape(shape, no_trunc=no_trunc), chain([first], rows), columns, "where")


class Wanted(NamedTuple):
    """What is asked for, in one of these ways, by attributes alone (`test`), or both."""

    names: tuple[bytes, ...]
    paths: tuple[Pathspec, ...]
    files: tuple[str, ...]
    needle: Needle
    test: NodeTest | None

    @classmethod
    def of(
        cls, s: Session, patterns: Sequence[str], test: NodeTest | None, *, paths: Sequence[str], files: tuple[str, ...],
        data: str | None, text: str | None, **_attributes: Any,
    ) -> "Wanted":  # fmt: skip
        ways = sum(map(bool, ((*patterns, *paths), files, data, text)))
        if ways > 1 or not (ways or test):
            raise click.UsageError(
                "Give names and paths (as arguments or by --path), or one of --content, --bytes and --text; "
                "or attributes, with one of these or alone."
            )
        names = tuple(pattern for pattern in patterns if "/" not in pattern and pattern.strip("."))
        whole = (*paths, *(pattern for pattern in patterns if pattern not in names))
        needle = Needle(as_bytes(data or text or ""), text=text is not None)
        return cls(tuple(map(as_bytes, names)), specs_anywhere(s.log, whole), files, needle, test)

    def shown(self) -> str:
        paths = dict.fromkeys(b"/" + spec.written.lstrip(b"/") for spec in self.paths)
        found = listed([*self.names, *paths, *self.files, *filter(None, [self.needle.data])])
        return f"{found or 'anything'} with these attributes" if self.test else found


def _found(s: Session, wanted: Wanted, scope: Scope, unread: list[int]) -> Iterator[dict[str, Any]]:
    """Yield what is found in *scope*; put into *unread* how many contents could not be looked into."""
    log, content, rows = s.log, s.store.content, Rows(s.log)
    such = sought.of_nodes(log, content, wanted.test) if wanted.test else None
    if wanted.names or wanted.paths:
        files = sought.of_paths(log, content, wanted.paths, wanted.names)
    elif such is not None and not (wanted.files or wanted.needle.data):
        files = such
    else:
        contents = [_content(s, text) for text in wanted.files] or _searched(s, wanted.needle, unread)
        files = sought.of_contents(log, content, contents)
        if such is None:  # a config has no attributes
            yield from map(rows.of_document, search.told_within(search.in_documents(log, contents), scope))
        if such is None and wanted.needle.data:
            yield from map(rows.of_document, search.told_within(search.in_instructions(log, wanted.needle), scope))
    files = files if such is None else files.within(such)
    yield from map(rows.of_occurrence, occurrences.path_occurrences(log, content, files, scope))


def _content(s: Session, text: str) -> bytes:
    """Return the digest that *text* means: REF:PATH's, a file's of this machine (spelled with a slash), or itself."""
    if text.startswith(("/", ".")) or ("/" in text and ":/" not in text):
        with open(text, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    return s.content(text) if ":/" in text else parsed(text)


def _searched(s: Session, needle: Needle, unread: list[int]) -> list[bytes]:
    found = []
    with progress(total_stored(s.log), "searching", "bytes") as advance:
        for one in search.search(s.log, s.store.content, needle):
            advance(one.size)
            if one.holds is None:
                unread.append(1)
            elif one.holds:
                found.append(one.digest)
    gone = len(lacked(s.log))
    note({"contents that cannot be read": len(unread), "contents that were erased": gone}, "not searched")
    unread.append(gone)
    return found


def _scope(s: Session, refs: Sequence[str], globs: Sequence[str]) -> Scope:
    """Return where to look: in *refs*, and of that in the images that have a tag as *globs* say."""
    targets = [(ref, s.resolve(ref)) for ref in refs]
    for ref, target in targets:
        if target.image is None and "@" in ref:
            raise InvalidError(f"--in {shown(ref)}: a container is searched at all its points; give its name, or an image")
    images = frozenset(target.image for _, target in targets if target.image is not None)
    named = frozenset(target.container for _, target in targets if target.image is None and target.container is not None)
    tagged = None
    if globs:
        from cli.options import image_filters

        tagged = image_filters.tagged(s, globs)
    return Scope(images if refs else None, named, tagged, passing(s.log))


def _nothing(wanted: Wanted, limits: Sequence[str], unread: int) -> str:
    """Return what was not found, claiming no more than was looked at: all but *unread* contents."""
    nobody = f"nothing in {listed(limits)}" if limits else "no container and no image"
    found = f"{nobody} holds, or ever held, {wanted.shown()}"
    if wanted.paths:
        found += " (a name without a slash is looked for in every directory)"
    if wanted.needle.text:
        found += " in a text file (--bytes looks into others too)"
    unknown = f"{counted(unread, 'content')} erased or damaged: what was in there cannot be known"
    return f"{found}, as far as contents can be read; {unknown}" if unread else found
