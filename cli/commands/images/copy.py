"""`copy`: an image between this store and a registry, a layout folder or an archive."""

from dataclasses import replace

import click

from cli.commands.images.load import PLATFORM
from cli.distribution import transports
from cli.distribution.transports import Place, parse_place
from cli.options import completion, registries
from cli.session.session import Session, first_session, session
from eventstore.disk.folder import require_writable
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.paths import shown
from projections.oci.oci_image import config_digest
from projections.refs import references
from projections.refs.tags import image_name, new_name


@click.command()
@click.argument("source", metavar="SRC", shell_complete=completion.references)
@click.argument("destination", metavar="DST", shell_complete=completion.host_paths)
@click.option("--platform", metavar=PLATFORM, help="Which image of several; default: this machine's.")
@registries.quiet
@registries.plain_http
@registries.referrers
def copy(
    source: str, destination: str, *, platform: str | None, quiet: bool, plain_http: bool, referrers: bool
) -> None:  # fmt: skip
    r"""Copy an image, or any point of a container's history, between this store and another place.

    Places are docker://NAME[:TAG], oci:FOLDER[:TAG], oci-archive:FILE[:TAG] and docker-archive:FILE[:NAME], as skopeo has them;
    what has no such prefix is of this store.

    \b
      layerlog copy docker://tomcat:10 base:1
      layerlog copy base:1 oci:layout:base
      layerlog copy web@42 docker://registry.example.org/shop/web:before
    """
    there, here = parse_place(source), parse_place(destination)
    if bool(there.transport) == bool(here.transport):
        raise InvalidError(f"{shown(source)} and {shown(destination)}: one of the two is of this store, the other is not")
    if referrers and here.transport in transports.FILES:
        raise click.UsageError("--referrers is for a registry, and for what is read; archives are written without them.")
    if there.transport:
        with first_session() as s:
            _bring(s, there, new_name(here.rest), platform, quiet=quiet, plain_http=plain_http, referrers=referrers)
    else:
        with session() as s:
            _give(s, there.rest, here, quiet=quiet, plain_http=plain_http, referrers=referrers)


def _bring(
    s: Session, place: Place, known_as: str, platform: str | None, *, quiet: bool, plain_http: bool, referrers: bool
) -> None:
    if place.transport == transports.REGISTRY:
        from cli.commands.images.pull import keep_referrers, pulled, told

        name = image_name(place.rest)
        with registries.asked(name.repository, plain_http=plain_http) as repository:
            done = pulled(s, repository, name, platform, known_as=known_as, quiet=quiet)
            if referrers:
                keep_referrers(s, repository, done, quiet=quiet)
        print(*told(done, quiet=quiet), sep="\n")
        return
    from cli.commands.images.load import load_images, tell_aside
    from cli.distribution import archive, send

    holdings = archive.survey(place.rest, send.spool_folder(s.store), platform, ref=place.name or None)
    found = holdings.images
    if len(found) != 1:
        names = ", ".join(shown(name) for image in found for name in image.names or [f"@{config_digest(image)}"])
        raise ConflictError(f"{shown(place.rest)} holds {len(found)} images ({names}); say which, behind one more colon")
    load_images(s, [replace(found[0], names=(known_as,))], place.rest, quiet=quiet)
    tell_aside(s, holdings, place.rest, keep=referrers)


def _give(s: Session, ref: str, place: Place, *, quiet: bool, plain_http: bool, referrers: bool) -> None:
    if place.transport == transports.REGISTRY:
        from cli.commands.images.push import Way, push_image, told

        way = Way(referrers=referrers, plain_http=plain_http)
        done = push_image(s, s.exported(ref), [new_name(place.rest)], way, quiet=quiet)
        print(*told(done, quiet=quiet), sep="\n")
        return
    from cli.commands.images.save import record_saved, write_images

    require_writable(s.store.path)
    name = place.name or references.tag_name(s.log, ref)
    form = "oci-dir" if place.transport == transports.LAYOUT else "archive"
    found = write_images(s, {s.exported(ref): [name] if name else []}, place.rest, form, quiet=quiet)
    record_saved(s, found, place.rest)
