"""Load and save as one call each, for programs; the command line takes the same steps and shows how far they are."""

import os
from collections.abc import Iterable

from cli.distribution import archive, departures, send
from cli.distribution.receive import Advance, Received, receive, require_complete, unread
from cli.hostfs.whole_file import whole_file
from cli.streams.reader import Readable
from eventstore.model.events import Kind
from eventstore.store.writer import Writer
from projections.images import images
from projections.layers.layers import LeftOut, ignored
from projections.refs import tags


def load(
    writer: Writer, source: str | Readable, *, platform: str | None = None, ref: str | None = None,
    advance: Advance = lambda _: None,
) -> list[Received]:  # fmt: skip
    """Bring in the images of an archive or a layout folder (a path), or of a stream, all in one transaction.

    *ref* and *platform* ("os/arch[/variant]") choose of several; *advance* is told of the bytes read. Layers that are here
    are not read. Raise InvalidError, MismatchError or NotFoundError where it is not what it says, OSError where it cannot be
    read; nothing is kept then.
    """
    found = archive.read(source, send.spool_folder(writer.store), platform, ref=ref)
    require_complete(found, unread(writer.log, found))
    where = os.path.abspath(source) if isinstance(source, str) else "-"
    return receive(writer, found, Kind.IMAGE_LOADED, where, advance)


def save(writer: Writer, ids: Iterable[str], path: str, *, compress: str = "", left_out: LeftOut = ignored) -> None:
    """Write images, under all names that they have now, as the archive *path*, whole or not at all; record that they left.

    Layers that did not come compressed are packed as *compress* says ("gzip", "zstd"); *left_out* is told of paths that
    no layer can hold. Raise NotFoundError for an id that is no image's, OSError where *path* cannot be written.
    """
    log, found = writer.log, {}
    for identity in dict.fromkeys(ids):
        image = images.require_there(log, identity)
        found[image] = send.oci_image(writer.store, image, tags.now(log, identity), compress=compress, left_out=left_out)
    with whole_file(path, durable=True) as file:
        archive.write(file, list(found.values()))
    departures.record_saved(writer, found, os.path.abspath(path))
