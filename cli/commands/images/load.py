"""`load` and `import`: images brought in from archives, layouts, folders and tars."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import click

from cli.display.bars import progress
from cli.display.formats import counted
from cli.options import completion
from cli.options.sizes_and_times import parse_size
from cli.session import logs
from cli.session.session import Session, first_session
from cli.session.writing import tell_lacking, writing
from cli.streams.compression import MAX_SIZE
from cli.streams.spool import at_hand
from eventstore.model.digests import named
from eventstore.model.events import Kind
from eventstore.model.paths import shown
from projections.oci.oci_image import LayerBlob, OciImage, config_digest
from projections.refs import tags
from projections.refs.tags import new_name
from projections.refs.targets import of_image

if TYPE_CHECKING:
    from cli.distribution.layout import Holdings

STREAM = "-"
MOST_TOLD = 10
PLATFORM = "OS/ARCH[/VARIANT]"
max_layer_size = click.option(
    "--max-layer-size", metavar="SIZE", default="64GiB", show_default=True,
    callback=lambda _ctx, _param, text: parse_size(text),
    help="Refuse a layer that unpacks to more, however small it came.",
)  # fmt: skip


@click.command()
@click.argument("file", metavar="[FILE|DIR|-]", required=False, shell_complete=completion.host_paths)
@click.option(
    "-i", "--input", "source", metavar="FILE|DIR|-", help="The same, as docker has it.  [default: standard input]",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
@click.option("--platform", metavar=PLATFORM, help="Which image of several; default: this machine's.")
@click.option("--ref", metavar="NAME|@DIGEST", help="Only this image: by its name there, or by how its digest begins.")
@max_layer_size
@click.option("--referrers", is_flag=True, help="Keep what is no image too: signatures, SBOMs and whatever else.")
def load(
    file: str | None, source: str | None, platform: str | None, ref: str | None, *, quiet: bool, max_layer_size: int,
    referrers: bool,
) -> None:  # fmt: skip
    r"""Bring in images from what docker, podman, skopeo or layerlog saved: an archive, an OCI layout, or standard input.

    Layers that are here already are not read, and need not be there. All of it comes in, or nothing; what is no image is
    left aside, unless --referrers keeps it.

    \b
      layerlog load tomcat.tar
      docker save tomcat | layerlog load
      layerlog load -i layout --ref @sha256:3f2a
    """
    from cli.distribution import archive, send

    if file and source:
        raise click.UsageError(f"{file} and -i {source}: one archive at a time.")
    source = file or source or STREAM
    with first_session() as s:
        found = archive.survey(_input(source), send.spool_folder(s.store), platform, ref=ref)
        load_images(s, found.images, _where(source), quiet=quiet, max_layer=max_layer_size)
        tell_aside(s, found, _where(source), keep=referrers)


def tell_aside(s: Session, found: "Holdings", where: str, *, keep: bool) -> None:
    """Say what was left aside and why, or *keep* of it what is no image, beside the first image that came."""
    from cli.distribution import referrers as about
    from projections.oci.listing import told

    if keep:
        with writing(s, known="imported") as writer:
            kept = about.keep_beside(writer, found, where)
        print(f"layerlog: {counted(kept.came, 'referrer')} came, {kept.here} kept before", file=sys.stderr)
    left = kept.skipped if keep else told(found.aside)
    for why in left[:MOST_TOLD]:
        print(f"layerlog: left aside: {why}", file=sys.stderr)
    if len(left) > MOST_TOLD:
        print(f"layerlog: left aside: {len(left) - MOST_TOLD} more", file=sys.stderr)


def load_images(s: Session, found: Sequence[OciImage], where: str, *, quiet: bool, max_layer: int = MAX_SIZE) -> None:
    """Bring in images that were read from *where*, and say under which names they are here now."""
    from cli.distribution import receive

    lacking = receive.unread(s.log, found)
    receive.require_complete(found, lacking)
    total = sum(layer.descriptor.size for layer in lacking)
    with progress(total, "Loading", "bytes", quiet=quiet) as advance, writing(s, known="imported") as writer:
        received = receive.receive(
            writer, found, Kind.IMAGE_LOADED, where, advance, max_layer=max_layer, came=tell_layer
        )
    for image in found:
        _tell_completed(image, receive.recompressed(s.store.content, image))
    for one in received:
        for why in one.left_out:
            print(f"layerlog: loaded without a name: {why}", file=sys.stderr)
        for name in tags.shown_names(one.names):
            print(f"Loaded image: {shown(name)}")
        if not one.names:
            print(f"Loaded image ID: sha256:{one.id}")
        tell_lacking(s, of_image(s.log, next(iter(tags.shown_names(one.names)), one.id[:12]), one.id))


def _tell_completed(image: OciImage, layers: Sequence[LayerBlob]) -> None:
    if layers:
        name = shown(next(iter(image.names), config_digest(image)))
        here = f"{counted(len(layers), 'layer')} came from this store, packed otherwise"
        print(f"layerlog: {name}: {here}; it leaves under a new manifest", file=sys.stderr)


def tell_layer(layer: LayerBlob, seconds: float, kept: bool) -> None:
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
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@click.option("-m", "--message", help="What it is.  [default: where it came from]")
@click.option("-c", "--change", multiple=True, metavar="INSTRUCTION", help="Set config as a Dockerfile does: 'CMD [\"run\"]'.")
@click.option("--platform", metavar=PLATFORM, help="What it runs on; default: this machine's.")
@max_layer_size
def import_(
    source: str, name: str | None, message: str | None, change: tuple[str, ...], platform: str | None, max_layer_size: int
) -> None:
    r"""Make an image of one layer from a folder or from a tar (.gz, .zst, .xz and .bz2 too), and print its id.

    \b
      layerlog import ./rootfs base:1
      layerlog import -c 'CMD ["sh"]' rootfs.tar.gz base:1
    """
    from cli.distribution import root_import
    from projections.oci.config import change_of, wanted_platform
    from projections.oci.config_changes import read

    config = change_of({}, read(change)) if change else None
    full_name, where, folder = new_name(name) if name else None, _where(source), os.path.isdir(source)
    skipped: Counter[str] = Counter()
    with first_session() as s, progress(None, "Importing", "items" if folder else "bytes") as advance:
        author, runs_on = s.context().author, wanted_platform(platform, os.uname().machine)
        making = root_import.Making(where, full_name, message or f"Imported from {where}", author, config, runs_on)
        stream = None if folder else at_hand(_stream(source), s.spool_folder)
        with writing(s, known="recorded" if folder else "imported") as writer:
            if stream is None:
                image = root_import.folder(writer, source, making, skipped, advance, max_size=max_layer_size)
            else:
                image = root_import.tar(writer, stream, making, advance, max_size=max_layer_size)
    for what, count in skipped.items():
        print(f"layerlog: left out: {count} {what}", file=sys.stderr)
    print(f"sha256:{image}")


def _stream(source: str) -> BinaryIO:
    found = _input(source)
    return open(found, "rb") if isinstance(found, str) else found


