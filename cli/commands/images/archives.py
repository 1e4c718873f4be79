"""Images brought in from archives, layouts, folders and tars, and written out."""

import os
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from typing import BinaryIO

import click

from cli.display.formats import listed
from cli.display.output import progress
from cli.options import completion
from cli.options.sizes import parse_size
from cli.session import logs
from cli.session.session import Session, first_session, session
from cli.session.writing import writing
from eventstore.disk.lock import shared
from eventstore.model.digests import named
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from projections.images import images
from projections.images.images import Image
from projections.oci.oci_image import LayerBlob, OciImage, as_oci_image, blobs_of
from projections.refs import references, tags

STREAM = "-"
PLATFORM = "OS/ARCH[/VARIANT]"
_max_layer_size = click.option(
    "--max-layer-size", metavar="SIZE", default="64GiB", show_default=True,
    callback=lambda _ctx, _param, text: parse_size(text),
    help="Refuse a layer that unpacks to more, however small it came.",
)  # fmt: skip


@click.command()
@click.option(
    "-i", "--input", "source", metavar="FILE|DIR|-", default=STREAM, help="The archive or layout, not stdin.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
@click.option("--platform", metavar=PLATFORM, help="Which image of several; default: this machine's.")
@click.option("--ref", metavar="NAME", help="Only the image of this name in the archive.")
@_max_layer_size
def load(source: str, platform: str | None, ref: str | None, *, quiet: bool, max_layer_size: int) -> None:
    r"""Bring in images from what docker, podman, skopeo or layerlog saved: an archive, an OCI layout, or standard input.

    Layers that are here already are not read. All of it comes in, or nothing.

    \b
      layerlog load -i tomcat.tar
      docker save tomcat | layerlog load
    """
    from cli.distribution import archive, receive, send

    with first_session() as s:
        found = archive.read(_input(source), send.spool_folder(s.store), platform, ref=ref)
        total = sum(layer.descriptor.size for layer in receive.unread(s.log, found))
        with progress(total, "Loading", "bytes", quiet=quiet) as advance, writing(s, known="imported") as writer:
            received = receive.receive(
                writer, found, Kind.IMAGE_LOADED, _where(source), advance, max_layer=max_layer_size, came=_tell_layer
            )
    for image in received:
        for why in image.left_out:
            print(f"layerlog: loaded without a name: {why}", file=sys.stderr)
        for name in tags.shown_names(image.names):
            print(f"Loaded image: {shown(name)}")
        if not image.names:
            print(f"Loaded image ID: sha256:{image.id}")


def _tell_layer(layer: LayerBlob, seconds: float, kept: bool) -> None:
    logs.event(
        "layer received", layer=named(layer.diff_id), bytes=layer.descriptor.size, seconds=round(seconds, 3),
        blob="kept" if kept else "made again from its events",
    )  # fmt: skip


def _input(source: str) -> str | BinaryIO:
    if source != STREAM:
        return source
    if sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal; name a file with -i, or pipe one in.")
    return sys.stdin.buffer


def _where(path: str) -> str:
    """Return how an event names a file or a folder of this host."""
    return path if path == STREAM else os.path.abspath(path)


@click.command("import")
@click.argument("source", metavar="DIR|TAR|-", shell_complete=completion.host_paths)
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.images)
@click.option("-m", "--message", help="What it is.  [default: where it came from]")
@click.option("-c", "--change", multiple=True, metavar="INSTRUCTION", help="Set config as a Dockerfile does: 'CMD [\"run\"]'.")
@click.option("--platform", metavar=PLATFORM, help="What it runs on; default: this machine's.")
@_max_layer_size
def import_(
    source: str, name: str | None, message: str | None, change: tuple[str, ...], platform: str | None, max_layer_size: int
) -> None:
    r"""Make an image of one layer from a folder or from a tar (plain, gzip or zstd), and print its id.

    \b
      layerlog import ./rootfs base:1
      layerlog import -c 'CMD ["sh"]' rootfs.tar.gz base:1
    """
    from cli.distribution import root_import
    from projections.oci.config import change_of, wanted_platform

    config = change_of({}, change) if change else None
    full_name, where, folder = tags.new_name(name) if name else None, _where(source), os.path.isdir(source)
    skipped: Counter[str] = Counter()
    with first_session() as s, progress(None, "Importing", "items" if folder else "bytes") as advance:
        author, runs_on = s.context().author, wanted_platform(platform, os.uname().machine)
        making = root_import.Making(where, full_name, message or f"Imported from {where}", author, config, runs_on)
        stream = None if folder else _stream(source)
        with writing(s, known="recorded" if folder else "imported") as writer:
            if stream is None:
                image = root_import.folder(writer, source, making, skipped, advance)
            else:
                image = root_import.tar(writer, stream, making, advance, max_size=max_layer_size)
    for what, count in skipped.items():
        print(f"layerlog: left out: {count} {what}", file=sys.stderr)
    print(f"sha256:{image}")


def _stream(source: str) -> BinaryIO:
    found = _input(source)
    return open(found, "rb") if isinstance(found, str) else found


@click.command()
@click.argument("refs", metavar="IMAGE...", nargs=-1, required=True, shell_complete=completion.images)
@click.option(
    "-o", "--output", metavar="FILE", default=STREAM, help="Where to, not stdout; whole or not at all.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["archive", "oci-dir"]), default="archive", help="One file, or a folder.")
@click.option("--compress", is_flag=True, help="gzip the layers that did not come compressed.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def save(refs: tuple[str, ...], output: str, form: str, *, compress: bool, quiet: bool) -> None:
    r"""Write images to an archive that docker, podman and skopeo load, or to an OCI layout folder for umoci.

    The archive is docker's and OCI's in one. What came from elsewhere goes out as it came; saving again gives the same
    bytes. A layer that several images share is written once. A name without a tag means all of its tags.

    \b
      layerlog save -o site.tar site:1.0
      layerlog save site:1.0 | ssh host docker load
    """
    from cli.distribution import departures, layout, send

    if form == "oci-dir" and output == STREAM:
        raise click.UsageError("An OCI layout is a folder; name it with -o.")
    left_out: list[bytes] = []
    with session() as s:
        chosen = _chosen(s, refs)
        with shared(s.store.path):  # no collection takes originals away meanwhile; others write and read as they like
            found = {
                image: send.oci_image(s.store, image, names, compress=compress, left_out=left_out.append)
                for image, names in chosen.items()
            }
            for image, sent in found.items():
                _tell_choice(image, sent)
            with logs.step("saved", images=len(found), to=output):
                if form == "oci-dir":
                    layout.write(output, [as_oci_image(image) for image in found.values()])
                else:
                    _write_archive(output, list(found.values()), quiet=quiet)
        with writing(s) as writer:
            departures.record_saved(writer, found, _where(output))
    if left_out:
        paths = listed([b"/" + path for path in dict.fromkeys(left_out)])
        print(f"layerlog: left out, as a layer cannot hold names that begin with '.wh.': {paths}", file=sys.stderr)


def _tell_choice(image: Image, sent: OciImage) -> None:
    manifest = "made anew" if sent.manifest is None else "as it came"
    logs.detail("chosen", image=image.id, manifest=manifest, blobs=[layer.descriptor.digest for layer in sent.layers])


def _chosen(s: Session, refs: tuple[str, ...]) -> dict[Image, list[str]]:
    """Return the images that *refs* mean, each once, and the full names that were given for it; of a repository, all."""
    found: dict[Image, list[str]] = {}
    for ref in refs:
        for name, image in _named(s, ref):
            names = found.setdefault(images.require_there(s.log, image), [])
            if name and name not in names:
                names.append(name)
    return found


def _named(s: Session, ref: str) -> Iterable[tuple[str | None, str]]:
    """Return (full name, image id) of what *ref* means: one, under the name None where it is an id or a point; or several."""
    several = tags.of_repository(s.log, ref)
    return several.items() if several else [(references.tag_name(s.log, ref), s.image(ref))]


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
