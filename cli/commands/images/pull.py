"""`pull`: an image from a registry."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import click

from cli.commands.images.load import PLATFORM, max_layer_size, tell_layer
from cli.display.bars import bars
from cli.display.formats import counted, human_size
from cli.display.output import json_line
from cli.distribution import pull as pulling
from cli.distribution import referrers as about
from cli.distribution.receive import unread
from cli.distribution.transports import registry_name
from cli.options import completion, registries
from cli.registry.repository import Repository
from cli.session.session import Session, first_session
from cli.session.writing import tell_lacking, writing
from cli.streams.compression import MAX_SIZE
from eventstore.errors import NotFoundError
from eventstore.index.names import tag_target
from eventstore.model.digests import digest_of
from eventstore.model.paths import shown
from projections.oci.oci_image import manifest_of
from projections.refs.tags import ImageName, familiar, image_name
from projections.refs.targets import of_image


class Pulled(NamedTuple):
    """What came under `name` (full, or with its digest); `received` of its `layers` had to be asked for, `bytes` compressed.

    `chosen_from` is the digest of the index where it was one of several, else None; `new` is whether the name had not been
    this image's before.
    """

    name: str
    id: str
    digest: str
    chosen_from: str | None
    layers: int
    received: int
    bytes: int
    new: bool


@click.command()
@click.argument("name", metavar="NAME[:TAG|@DIGEST]", shell_complete=completion.image_names)
@click.option("-a", "--all-tags", is_flag=True, help="All tags of the repository.")
@click.option("--platform", metavar=PLATFORM, help="Which image of several; default: this machine's.")
@registries.quiet
@registries.output_format
@registries.plain_http
@max_layer_size
@registries.referrers
def pull(
    name: str, platform: str | None, *, all_tags: bool, quiet: bool, output_format: str, plain_http: bool,
    max_layer_size: int, referrers: bool,
) -> None:  # fmt: skip
    r"""Get an image from a registry; layers that are here already are not asked for.

    A name without a registry is Docker Hub's. A digest beats a tag. Whoever must log in does that first, with `login`.

    \b
      layerlog pull tomcat:10
      layerlog pull registry.example.org/shop/web@sha256:...
    """
    asked = image_name(registry_name(name))
    if all_tags and (asked.digest or asked.tag != "latest"):
        raise click.UsageError("With -a all tags come; name the repository alone.")
    with first_session() as s, registries.asked(asked.repository, plain_http=plain_http) as repository:
        for one in _all_tags(repository, asked) if all_tags else [asked]:
            done = pulled(s, repository, one, platform, quiet=quiet or output_format == "json", max_layer=max_layer_size)
            print(*([json_line(done._asdict())] if output_format == "json" else told(done, quiet=quiet)), sep="\n")
            if referrers:
                keep_referrers(s, repository, done, quiet=quiet)


def _all_tags(repository: Repository, asked: ImageName) -> list[ImageName]:
    found = [asked._replace(tag=tag) for tag in repository.tags()]
    if not found:
        raise NotFoundError(f"{shown(asked.repository)} has no tags in its registry; name an image there by its digest")
    return found


def keep_referrers(s: Session, repository: Repository, done: Pulled, *, quiet: bool) -> None:
    """Keep what the registry has about the manifest that came, and about its index: multi-platform images are signed there.

    It is told of on stderr, as all that comes beside.
    """
    subjects = [done.digest, *([done.chosen_from] if done.chosen_from else [])]
    with writing(s, known="imported") as writer:
        kept = [about.keep(writer, repository, done.id, subject) for subject in subjects]
    if not quiet:
        came, here = (sum(counts) for counts in zip(*((each.came, each.here) for each in kept), strict=True))
        print(f"layerlog: {counted(came, 'referrer')} came, {here} kept before", file=sys.stderr)
    for reason in (reason for each in kept for reason in each.skipped):
        print(f"layerlog: {reason}", file=sys.stderr)


def pulled(
    s: Session, repository: Repository, name: ImageName, platform: str | None = None, *, known_as: str | None = None,
    quiet: bool, max_layer: int = MAX_SIZE,
) -> Pulled:  # fmt: skip
    """Bring in what *name* is in *repository*, with a bar for each blob unless *quiet*; here it is *known_as*, if given."""
    image = pulling.find(repository, name, platform, s.store.content)
    image = replace(image, names=(known_as,)) if known_as else image
    before = tag_target(s.log, image.names[0]) if image.names else None
    lacking = unread(s.log, [image])
    size = sum(layer.descriptor.size for layer in lacking)
    with bars(quiet=quiet) as shown_bars, writing(s, known="imported") as writer:
        advance, unpacked = registries.drawn(shown_bars), registries.drawn_together(shown_bars, "unpacked", size)
        found = pulling.pull(writer, repository, image, advance, unpacked, max_layer=max_layer, came=tell_layer)
    tell_lacking(s, of_image(s.log, name.repository if not image.names else ":".join(familiar(image.names[0])), found.id))
    full = image.names[0] if image.names else f"{name.repository}@{name.digest}"
    digest, index = digest_of(manifest_of(image)), None if image.index is None else digest_of(image.index)
    return Pulled(full, found.id, digest, index, len(image.layers), len(lacking), size, found.id != before)


def told(done: Pulled, *, quiet: bool) -> Sequence[str]:
    """Return Docker's lines, and how much of it was here."""
    if quiet:
        return [done.name]
    name = done.name if "@" in done.name else ":".join(familiar(done.name))
    came = f"{done.received} of {counted(done.layers, 'layer')} came, {human_size(done.bytes)}"
    status = f"Downloaded newer image for {name} ({came})" if done.new else f"Image is up to date for {name}"
    return [f"Digest: {done.digest}", f"Status: {status}", done.name]
