"""Names of images: given, moved, and taken away with the image that loses its last."""

import click

from cli.options import completion
from cli.session.failures import for_each
from cli.session.session import session
from cli.session.writing import tell_lacking, writing
from eventstore.errors import ConflictError
from eventstore.index.names import container_named
from eventstore.model.paths import shown
from eventstore.store import commands
from eventstore.store.writer import Writer
from projections.images import images, removal
from projections.refs import references, tags, targets


@click.command()
@click.argument("source", metavar="[IMAGE|NAME@{N}", required=False, shell_complete=completion.images)
@click.argument("name", metavar="NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@click.option("-q", "--quiet", is_flag=True, help="Do not say what moved.")
@click.option(
    "--expect", metavar="IMAGE|none", help="Refuse where the name is another image's now, or anybody's.",
    shell_complete=completion.images,
)  # fmt: skip
def tag(source: str | None, name: str | None, expect: str | None, *, quiet: bool) -> None:
    r"""Give an image one more name; a name that another image had moves to this one. Alone it lists all names.

    Where a name pointed before stays known, and is said on stderr: app:1.0@{1} is the image that app:1.0 named one move ago.

    \b
      layerlog tag mytomcat:1.0 registry.example.org/mytomcat:1.0
      layerlog tag app:1.0@{1} app:1.0        back to the image before
    """
    if source and not name:
        raise click.UsageError("Missing argument 'NAME[:TAG]'.")
    with session() as s:
        if source is None or name is None:
            named = sorted(name for found in tags.current(s.log).values() for name in found)
            print(*map(shown, tags.shown_names(named)), sep="\n")
            return
        image, full_name = images.require_there(s.log, s.image(source)), tags.new_name(name)
        tell_lacking(s, targets.of_image(s.log, source, image.id))
        expected = expect and ("" if expect == "none" else s.image(expect))
        with writing(s) as writer:
            commands.move_tag(writer, full_name, image.id, expected=expected)
            if quiet:
                writer.moved.clear()


@click.command()
@click.argument("refs", metavar="IMAGE...", nargs=-1, required=True, shell_complete=completion.images)
@click.option("-f", "--force", is_flag=True, help="Even where a container stands on it, or an id has several names.")
@click.pass_context
def rmi(ctx: click.Context, refs: tuple[str, ...], *, force: bool) -> None:
    """Remove images from the list: of several names the one that is given, the last one with the image.

    One that is refused does not keep the others. Nothing is lost: `layerlog undelete` brings them back.
    """
    with session() as s:

        def planned(ref: str) -> removal.Removal:
            if container_named(s.log, ref) and not references.tagged(s.log, ref):
                raise ConflictError(f"{shown(ref)} is a container, not an image; `layerlog rm {shown(ref)}` removes it")
            return removal.plan(s.log, s.image(ref), references.tag_name(s.log, ref), force=force)

        def remove(ref: str) -> None:
            planned(ref)
            with writing(s) as writer, writer.transaction():
                lines = _remove(writer, planned(ref))  # as it is now that nobody else can change it
            print(*lines, sep="\n")

        code = for_each(refs, remove)
    ctx.exit(code)


def _remove(writer: Writer, plan: removal.Removal) -> list[str]:
    """Append what the plan says; return what Docker prints of it."""
    lines = [f"Untagged: {shown(text)}" for text in tags.shown_names(plan.names)]
    if plan.whole:
        commands.remove_image(writer, plan.image, plan.names)
        return [*lines, f"Deleted: sha256:{plan.image}"]
    for name in plan.names:
        commands.delete_tag(writer, name)
    return lines
