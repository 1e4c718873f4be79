"""Images: listed and looked at."""

from contextlib import ExitStack

import click

from cli.display.formats import listed
from cli.display.images import COLUMNS, HISTORY, WITH_DIGESTS, history_row, image_rows
from cli.display.output import Shape, listing, listing_options, say_nothing_found
from cli.options import completion
from cli.options.image_filters import named, wanted
from cli.options.sizes_and_times import date_option
from cli.session.failures import for_each
from cli.session.session import Session, session
from projections.images import image_list, inspection
from projections.images import images as all_of
from projections.oci.documents import Json
from projections.refs import suggestions


@click.command()
@click.argument("pattern", metavar="[REPOSITORY[:TAG]]", required=False, shell_complete=completion.image_names)
@click.option("-a", "--all", "all_", is_flag=True, help="Those too that have no name and that others were made from.")
@click.option("--digests", is_flag=True, help="Show manifest digests.")
@click.option(
    "-f", "--filter", "filters", multiple=True, metavar="KEY=VALUE",
    help="ancestor (an image), dangling, reference, label, before, since.",
    shell_complete=completion.filters("cli.options.image_filters"),
)  # fmt: skip
@date_option("relative")
@listing_options(trunc=True)
def images(shape: Shape, pattern: str | None, *, all_: bool, digests: bool, filters: tuple[str, ...]) -> None:
    r"""List images, the latest first: those with a name, and those without one that nothing was made from.

    An image that was made here has its commit's id. Docker and podman show its config's digest, which is an id of it here, too,
    once it was saved, pushed or served.

    \b
      layerlog images 'localhost/*'
      layerlog images --filter dangling=true -q
      layerlog images --filter ancestor=tomcat    built on it, not only later
    """
    with session() as s:
        found = (i for i in all_of.all_images(s.log) if not i.removed) if all_ else image_list.listed(s.log)
        rows = named(s, found, wanted(s, filters, pattern))
        if not rows and pattern is not None and (ending := suggestions.tags_ending(s.log, pattern)):
            say_nothing_found(f"no repository {pattern}; tags that end so: {listed(ending)}")
        if shape.quiet:
            ids = dict.fromkeys(row.image.id for row in rows)
            listing(shape, ({"id": f"sha256:{i}"} for i in ids), COLUMNS, "id")
        else:
            listing(shape, image_rows(s.log, s.store.content, rows), WITH_DIGESTS if digests else COLUMNS, "id")


@click.command()
@click.argument("refs", metavar="REF...", nargs=-1, required=True, shell_complete=completion.references)
@click.option("-f", "--format", "template", metavar="json|TEMPLATE", default="json", help="A line for each: '{{.Config.Cmd}}'.")
@click.option("--plain-http", is_flag=True, help="Ask the registry without TLS (this machine's own always may be).")
@click.pass_context
def inspect(ctx: click.Context, refs: tuple[str, ...], template: str, *, plain_http: bool) -> None:
    r"""Show all that is known of images or containers, as one JSON array; of docker://NAME what its registry says.

    One that is refused does not keep the others. The fields are Docker's; what only layerlog knows stands under "Layerlog".
    Of an image that was made here Id is its commit's, and Layerlog.ConfigDigest what Docker and podman show as its id.
    Of Go's templates there are fields, if, range, and the functions json, index, len, join, split, eq, ne, and, or, not, lower,
    upper, title.

    \b
      layerlog inspect tomcat
      layerlog inspect -f '{{.Id}} {{json .Config.Env}}' web
    """
    import json

    from cli.go_template import Template

    with ExitStack() as opened:
        s = None if all(map(_is_remote, refs)) else opened.enter_context(session())
        found = list[str | Json]()

        filler = None if template == "json" else Template(template)

        def look(ref: str) -> None:
            one = _remote(ref, plain_http=plain_http) if s is None or _is_remote(ref) else _inspected(s, ref)
            found.append(one if filler is None else filler.filled(one))

        code = for_each(refs, look)
    if found:
        print(json.dumps(found, indent=4)) if template == "json" else print(*found, sep="\n")
    ctx.exit(code)


def _is_remote(ref: str) -> bool:
    from cli.distribution.transports import has_scheme

    return has_scheme(ref)


def _remote(ref: str, *, plain_http: bool) -> Json:
    from cli.commands.images.remote import document
    from cli.distribution.transports import registry_name
    from projections.refs.tags import image_name

    return document(image_name(registry_name(ref)), plain_http=plain_http)


def _inspected(s: Session, ref: str) -> Json:
    from cli.distribution.send import plain_form

    target = s.resolve(ref)
    if target.image is None and target.cut is None:
        return inspection.container_document(s.log, s.store.content, target)
    image = all_of.of_target(s.log, target)
    return inspection.image_document(s.log, s.store.content, image, lambda layer: plain_form(s.store, layer).diff_id)


@click.command()
@click.argument("image", metavar="IMAGE|REF@POINT", shell_complete=completion.references)
@date_option("relative")
@listing_options(trunc=True)
def history(shape: Shape, image: str) -> None:
    """List the steps that made an image, or a point, the latest first, as `docker history` does."""
    with session() as s:
        found = s.exported(image)
        rows = inspection.history_rows(s.log, s.store.content, found)
        listing(shape, map(history_row, rows), HISTORY, "id")
