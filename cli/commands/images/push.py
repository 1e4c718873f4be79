"""`push`: an image, or a point of a container, to a registry."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import click

from cli.commands.images.save import tell_left_out
from cli.display.bars import bars
from cli.display.formats import counted, human_size
from cli.display.output import json_line
from cli.distribution import departures
from cli.distribution import push as pushing
from cli.distribution import referrers as about
from cli.distribution.transports import registry_name
from cli.options import completion, registries
from cli.options.compressing import Compressing, compress_option
from cli.registry.repository import Repository
from cli.session import logs
from cli.session.session import Session, session
from cli.session.writing import writing
from cli.streams.compression import packed_by
from eventstore.disk.folder import require_writable
from eventstore.disk.lock import shared
from eventstore.log.log import Log
from eventstore.model.digests import digest_of
from eventstore.model.events import ARRIVALS
from projections.images import images, travels
from projections.images import referrers as kept_referrers
from projections.images.images import Image
from projections.oci.oci_image import OciImage, config_digest, manifest_of
from projections.refs import references, tags
from projections.refs.tags import familiar, new_name
from projections.tree import lineage

MAX_SCOPES = 20
"""Repositories that blobs may be mounted from; a token for more would not fit into a header."""


class Way(NamedTuple):
    """How an image is given away: packed as *compress* says, only where the tag names *expect*, with what is about it."""

    compress: str = "gzip"
    expect: str | None = None
    referrers: bool = False
    plain_http: bool = False


class Pushed(NamedTuple):
    """What a registry has now under `names`: `sent` of its `layers` had to be sent, of `bytes` compressed."""

    names: tuple[str, ...]
    id: str
    digest: str
    layers: int
    sent: int
    bytes: int


@click.command(cls=Compressing)
@click.argument("ref", metavar="IMAGE|REF@POINT", shell_complete=completion.references)
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@click.option("-a", "--all-tags", is_flag=True, help="All tags of the repository.")
@compress_option("gzip", "How layers made here are packed.")
@click.option(
    "--expect", metavar="DIGEST", help="Refuse where the tag names something else there.  (Asked before; that is not atomic.)"
)
@registries.quiet
@registries.output_format
@registries.plain_http
@registries.referrers
def push(
    ref: str, name: str | None, *, all_tags: bool, compress: str, expect: str | None, quiet: bool, output_format: str,
    plain_http: bool, referrers: bool,
) -> None:  # fmt: skip
    r"""Give an image, or any point of a container's history, to a registry; blobs that it has are not sent.

    Without a name it goes where its own name says. The tag there names the image once all of it has arrived.

    \b
      layerlog push registry.example.org/shop/web:2
      layerlog push web@42 registry.example.org/shop/web:before
    """
    with session() as s:
        name = name and registry_name(name)
        for image, full_names in _destinations(s, registry_name(ref), name, all_tags=all_tags).items():
            silent = quiet or output_format == "json"
            way = Way(compress, expect, referrers=referrers, plain_http=plain_http)
            done = push_image(s, image, full_names, way, quiet=silent)
            print(*([json_line(done._asdict())] if output_format == "json" else told(done, quiet=quiet)), sep="\n")


def _destinations(s: Session, ref: str, name: str | None, *, all_tags: bool) -> dict[Image, list[str]]:
    """Return the images that are to go, and the full names under which each goes."""
    if all_tags:
        found: dict[Image, list[str]] = {}
        for full, image in tags.of_repository(s.log, ref).items():
            found.setdefault(images.require_there(s.log, image), []).append(full)
        if not found or name:
            raise click.UsageError("With -a all tags of a repository go; name the repository alone.")
        return found
    one = s.exported(ref)
    own = new_name(name) if name else references.tag_name(s.log, ref)
    if own is None:
        raise click.UsageError(f"{ref} is no name that a registry could have; say under which one it is to be known there.")
    return {one: [own]}


def push_image(s: Session, image: Image, full_names: Sequence[str], way: Way, *, quiet: bool) -> Pushed:
    """Give an image to a registry under names of one repository, with a bar for each blob unless *quiet*, and record that."""
    require_writable(s.store.path)
    repository_name = full_names[0].rpartition(":")[0]
    held = travels.holders(s.log, repository_name.partition("/")[0])
    also = tuple(sorted({holder for holders in held.values() for holder in holders})[:MAX_SCOPES])
    left_out: list[bytes] = []
    with registries.asked(repository_name, actions="pull,push", plain_http=way.plain_http, also=also) as repository:
        registries.require(repository, full_names, way.expect)
        with bars(quiet=quiet) as shown_bars, shared(s.store.path), logs.step("pushed", to=repository_name):
            advance = shown_bars.advance if shown_bars else lambda *_: None
            there = pushing.Way(repository, held, way.compress, advance, left_out.append)
            short = [full.rpartition(":")[2] for full in full_names]
            done = pushing.push(s.store, image, there, short, travels.blobs_by_layer(s.log))
        sent = replace(done.image, names=tuple(full_names))
        referrers: list[str] = []
        try:
            if way.referrers:
                _push_referrers(s, image, repository, digest_of(manifest_of(sent)), referrers, quiet=quiet)
        finally:  # the image itself is there, whatever becomes of what is about it
            with writing(s) as writer:
                made = packed_by(way.compress) if done.sent and way.compress else ""
                departures.record_pushed(writer, image, sent, f"docker://{repository_name}", made, referrers)
    tell_left_out(left_out)
    _tell_new_manifest(s.log, image, sent)
    config, digest = (part.removeprefix("sha256:") for part in (config_digest(sent), digest_of(manifest_of(sent))))
    return Pushed(tuple(full_names), image.id or config, f"sha256:{digest}", len(sent.layers), done.sent, done.bytes)


def _push_referrers(
    s: Session, image: Image, repository: Repository, subject: str, went: list[str], *, quiet: bool
) -> None:
    """Give what is kept about the manifest *subject*, and tell of it; *went* has the digest of each that is there."""
    kept = kept_referrers.kept(s.log, image.id)
    going = about.pushable(s.store, kept, subject)
    with shared(s.store.path):
        went.extend(about.push(s.store, repository, going))
    if not quiet:
        print(f"layerlog: {counted(len(going), 'referrer')} pushed", file=sys.stderr)
    if behind := len(kept) - len(going):
        why = "about another manifest of the image, or about none"
        print(f"layerlog: {counted(behind, 'referrer')} not pushed: {why}", file=sys.stderr)


def _tell_new_manifest(log: Log, image: Image, sent: OciImage) -> None:
    came = lineage.travels(log, image.id, ARRIVALS) if image.came else ()
    if sent.manifest is None and any(arrival.content for arrival in came):
        why = "not all the blobs that it came in are kept here or known there"
        print(f"layerlog: the image goes under a new manifest: {why}", file=sys.stderr)


def told(done: Pushed, *, quiet: bool) -> Sequence[str]:
    if quiet:
        return done.names
    went = f"{done.sent} of {counted(done.layers, 'layer')} sent, {human_size(done.bytes)}"
    return [f"Digest: {done.digest}", *(f"Pushed: {':'.join(familiar(name))} ({went})" for name in done.names)]
