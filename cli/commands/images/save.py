"""`save` and `inventory`: images written to archives and layouts, and what need not be written for whom."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import BinaryIO

import click

from cli.display.bars import progress
from cli.display.formats import listed
from cli.options import completion
from cli.options.compressing import Compressing, compress_option
from cli.session import logs
from cli.session.session import Session, session
from cli.session.writing import writing
from eventstore.disk.folder import require_writable
from eventstore.disk.lock import undisturbed
from eventstore.errors import StoreError
from eventstore.model.paths import shown
from projections.images import images, oci_form
from projections.images.images import Image
from projections.oci.oci_image import OciImage, as_oci_image, blobs_of
from projections.refs import references, tags

STREAM = "-"
ROOM = 1 << 17
"""Bytes that recording a save may take."""


@click.command(cls=Compressing)
@click.argument("refs", metavar="IMAGE|REF@POINT...", nargs=-1, required=True, shell_complete=completion.references)
@click.option(
    "-o", "--output", metavar="FILE", default=STREAM, help="Where to, not stdout; whole or not at all.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["archive", "oci-dir"]), default="archive", help="One file, or a folder.")
@compress_option("none", "Pack the layers that did not come packed; --compress alone is gzip.")
@click.option(
    "--have", "inventory_file", type=click.File("rb"), metavar="FILE", help="Leave out the layers that this inventory lists.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--since", metavar="IMAGE", help="Leave out the layers of this image.", shell_complete=completion.images)
@click.option("--no-record", is_flag=True, help="Leave it out of the store's log, as where that cannot be written.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def save(
    refs: tuple[str, ...], output: str, form: str, *, compress: str, inventory_file: BinaryIO | None, since: str | None,
    no_record: bool, quiet: bool,
) -> None:  # fmt: skip
    r"""Write images, or points of a container's history, to an archive that docker, podman and skopeo load.

    With --format oci-dir they go to an OCI layout folder for umoci.

    The archive is docker's and OCI's in one. What came from elsewhere goes out as it came; saving again gives the same
    bytes. A layer that several images share is written once. A name without a tag means all of its tags.

    \b
      layerlog save -o site.tar site:1.0
      layerlog save site:1.0 | ssh host docker load
      layerlog save -o before.tar web@42
      layerlog save --have have.json -o thin.tar site:1.1     have.json: `layerlog inventory`, where it goes
    """
    if form == "oci-dir" and output == STREAM:
        raise click.UsageError("An OCI layout is a folder; name it with -o.")
    with session() as s:
        if not no_record:
            _require_recordable(s.store.path)
        without, chosen = _had(s, inventory_file, since), _chosen(s, refs)
        found = write_images(s, chosen, output, form, compress=compress, without=without, quiet=quiet)
        if not no_record:
            record_saved(s, found, output)
        _tell_nameless(s, chosen)
        if no_record:
            print("layerlog: saved, and not recorded: the log does not say that it left", file=sys.stderr)


def _require_recordable(store: str) -> None:
    """Raise StoreError before anything is written that could not be recorded then."""
    try:
        require_writable(store, ROOM)
    except StoreError as error:
        raise StoreError(f"{error}; `save --no-record` saves all the same") from None


def write_images(
    s: Session, chosen: Mapping[Image, Sequence[str]], output: str, form: str, *, compress: str = "",
    without: frozenset[bytes] = frozenset(), quiet: bool,
) -> dict[Image, OciImage]:  # fmt: skip
    """Write images under their full names to *output*, an "archive" or an "oci-dir"; return what each went out as."""
    from cli.distribution import layout, send
    from cli.distribution.thin import thin

    left_out: list[bytes] = []
    with undisturbed(s.store.path):  # no collection takes originals away meanwhile; others write and read as they like
        found = {
            image: thin(send.oci_image(s.store, image, names, compress=compress, left_out=left_out.append), without)
            for image, names in chosen.items()
        }
        for image, sent in found.items():
            _tell_choice(image, sent)
        with logs.step("saved", images=len(found), to=output):
            if form == "oci-dir":
                layout.write(output, [as_oci_image(image) for image in found.values()])
            else:
                _write_archive(output, list(found.values()), quiet=quiet)
    tell_left_out(left_out)
    return found


def record_saved(s: Session, found: Mapping[Image, OciImage], output: str) -> None:
    from cli.distribution import departures

    with writing(s) as writer:
        departures.record_saved(writer, found, output if output == STREAM else os.path.abspath(output))


def _tell_nameless(s: Session, chosen: Mapping[Image, Sequence[str]]) -> None:
    for image in (image for image, names in chosen.items() if image.id and not names):
        has = tags.shown_names(tags.now(s.log, image.id))
        if has:
            short = shown(has[0])
            print(f"layerlog: {image.id[:12]} went without its name; `save {short}` gives that along", file=sys.stderr)


def _had(s: Session, inventory_file: BinaryIO | None, since: str | None) -> frozenset[bytes]:
    """Return the diff_ids of the layers that whoever gets it has."""
    from cli.distribution import send
    from cli.distribution.thin import MAX_INVENTORY, parse_inventory

    had = parse_inventory(inventory_file.read(MAX_INVENTORY + 1), inventory_file.name) if inventory_file else frozenset[bytes]()
    if since is None:
        return had
    return had.union(send.plain_form(s.store, layer).diff_id for layer in oci_form.exported_layers(s.log, s.exported(since)))


@click.command()
def inventory() -> None:
    r"""Print which layers this store has, for whoever saves images for it: `save --have` leaves those out.

    \b
      layerlog inventory > have.json                           on the side that gets
      layerlog save --have have.json -o thin.tar site:1.1      on the side that gives
      layerlog load -i thin.tar                                on the side that gets
    """
    from cli.distribution.thin import inventory_of

    with session() as s:
        print(inventory_of(s.log).decode())


def tell_left_out(paths: Sequence[bytes]) -> None:
    """Say on stderr which paths no layer could hold, where there are any."""
    if paths:
        names = listed([b"/" + path for path in dict.fromkeys(paths)])
        print(f"layerlog: left out, as a layer cannot hold names that begin with '.wh.': {names}", file=sys.stderr)


def _tell_choice(image: Image, sent: OciImage) -> None:
    manifest = "made anew" if sent.manifest is None else "as it came"
    logs.detail("chosen", image=image.id, manifest=manifest, blobs=[layer.descriptor.digest for layer in sent.layers])


def _chosen(s: Session, refs: tuple[str, ...]) -> dict[Image, list[str]]:
    """Return the images that *refs* mean, each once, and the full names that were given for it; of a repository, all."""
    found: dict[Image, list[str]] = {}
    for ref in refs:
        for name, image in named_images(s, ref):
            names = found.setdefault(image, [])
            if name and name not in names:
                names.append(name)
    return found


def named_images(s: Session, ref: str) -> list[tuple[str | None, Image]]:
    """Return (full name, image) of what *ref* means: one, under the name None where it is an id or a point; or several."""
    several = tags.of_repository(s.log, ref)
    if several:
        return [(name, images.require_there(s.log, image)) for name, image in several.items()]
    return [(references.tag_name(s.log, ref), s.exported(ref))]


def _write_archive(output: str, found: list[OciImage], *, quiet: bool) -> None:
    from cli.distribution import archive
    from cli.hostfs.whole_file import whole_file
    from cli.streams.threads import writing_behind

    if output == STREAM and sys.stdout.isatty():
        raise click.UsageError("Standard output is a terminal; name a file with -o, or redirect it.")
    target = nullcontext(sys.stdout.buffer) if output == STREAM else whole_file(output, durable=True)
    total = sum(descriptor.size for descriptor, _ in blobs_of(found))
    with progress(total, "Saving", "bytes", quiet=quiet) as advance, target as file, writing_behind(file, advance) as out:
        archive.write(out, found)
