"""`commit` and `sign`: the seal, and the signature over it."""

import sys
from typing import Any, NamedTuple

import click

from cli.options import completion
from cli.options.signing import Signing, signing_options
from cli.session import logs
from cli.session.session import Session, session
from cli.session.writing import repeated, writing
from eventstore.errors import ConflictError, InvalidError, LayerlogError
from eventstore.model.paths import shown
from eventstore.store import commands, visits
from projections.refs import containers, targets
from projections.refs.containers import Container
from projections.refs.tags import new_name


class Wanted(NamedTuple):
    """What the commit is to say of itself: `tag` a full name, `rules` the guards, `allowed` what those let through, `changes`
    those of the config.
    """

    message: str | None
    tag: str | None
    rules: tuple[str, ...]
    allowed: tuple[str, ...]
    changes: tuple[str, ...]
    allow_empty: bool
    allow_erased: bool


@click.command(cls=Signing)
@click.argument("container", shell_complete=completion.containers)
@click.argument("name", metavar="[NAME[:TAG]]", required=False, shell_complete=completion.image_names)
@click.option("-m", "--message", multiple=True, help="What was done and why; each one more is a paragraph.")
@click.option("-c", "--change", multiple=True, metavar="INSTRUCTION", help="Set config as a Dockerfile does: 'CMD [\"run\"]'.")
@click.option("--allow-empty", is_flag=True, help="Seal even where nothing changed.")
@click.option("--allow-erased", is_flag=True, help="Seal even what holds erased contents, and so can never be saved.")
@click.option(
    "--guard", "rules", multiple=True, metavar="RULE", envvar="LAYERLOG_GUARDS",
    help="Refuse secrets, setuid, size=BYTES, a missing author or message.  [env: LAYERLOG_GUARDS, several by spaces]",
)
@click.option(
    "--guard-allow", "allowed", multiple=True, metavar="PATH", help="Let files of a path or glob through; the commit says so."
)
@click.option("--dry-run", is_flag=True, help="Show what would be sealed, with digests, and seal nothing.")
@signing_options
def commit(
    container: str, name: str | None, message: tuple[str, ...], change: tuple[str, ...], rules: tuple[str, ...],
    allowed: tuple[str, ...], *, allow_empty: bool, allow_erased: bool, dry_run: bool, sign: bool, signing_key: str | None,
) -> None:  # fmt: skip
    r"""Seal a container's changes as a new image, and print the image's id.

    The container goes on: its next commit seals only what comes later. However much changed, this takes no time; what a
    process that runs in it has changed by now is recorded first. Docker and podman show another id, its config's digest, which
    is one here, too, once the image was saved, pushed or served.

    \b
      layerlog commit -m "default apps" -a "Ada <ada@example.org>" web mytomcat:1.0
      layerlog commit -c 'ENV PORT=8080' -c 'CMD ["catalina.sh", "run"]' web
      layerlog commit --guard secrets --guard size=10M --guard author web site:2

    --guard secrets looks for private keys; for the tokens of AWS, GitHub, GitLab, Google, npm, OpenAI, PyPI, Slack, Stripe and
    thirty more; for logins in .netrc, .pgpass, .npmrc, .aws/credentials, kubeconfigs and Docker's config.json; for passwords
    in URLs and their hashes; and for values of DB_PASSWORD=, api_key: and the like that look random; in files, in the config,
    and in the instructions that set it. The line's own layerlog:allow-secret lets one through, and the commit says so; one of
    the config, --guard-allow 'ENV NAME' or 'ENV (history)'.
    """
    tag = new_name(name) if name else None
    wanted = Wanted("\n\n".join(message) or None, tag, rules, allowed, change, allow_empty, allow_erased)
    with session() as s:
        if dry_run:
            from cli.commands.containers.preview import preview

            print(*preview(s.store, _guarded(s, container, wanted)[0]), sep="\n")
            return
        if sign or signing_key is not None:
            from cli.maintenance import signing

            signing.try_key(signing_key)
        made = repeated(lambda: _seal(s, container, wanted)).hex()
        logs.event("committed", commit=made, tag=wanted.tag)
        print(f"sha256:{made}")
        if sign or signing_key is not None:
            _sign_made(s, made, signing_key)


def _seal(s: Session, container: str, wanted: Wanted) -> bytes:
    """Look and guard without a lock, then seal what was looked at, in one short transaction; return the commit's id."""
    found, guards = _guarded(s, container, wanted)
    target, config = targets.of_container(found), None
    if wanted.changes:
        from projections.images import run_config
        from projections.oci import config_changes

        config = run_config.change(s.log, s.store.content, target, config_changes.read(wanted.changes))
    elif not wanted.allow_empty:
        commands.require_unsealed(s.log, found.id)
    if s.store.content.has_erasures():
        _look_for_erased(s, found, allowed=wanted.allow_erased)
    with writing(s) as writer:
        return commands.commit(
            writer, found.id, parent=targets.last_commit(s.log, target), message=wanted.message,
            author=writer.context.author, config=config, tag=wanted.tag, allow_empty=wanted.allow_empty, expected=found.version,
            guards=guards,
        )  # fmt: skip


def _look_for_erased(s: Session, found: Container, *, allowed: bool) -> None:
    """Raise ConflictError where what is to be sealed, or is under it, holds what was erased; say so where that is *allowed*."""
    from cli.display.formats import listed
    from projections.images import images, oci_form
    from projections.images.lacking import lacking
    from projections.layers.layers import SealedLayer

    layers = oci_form.exported_layers(s.log, images.at(s.log, found.id, found.version))
    gone = list(lacking(s.log, s.store.content, layers))
    if not gone:
        return
    own = [path for layer, path, _ in gone if layer == layers[-1] and isinstance(layer, SealedLayer) and not layer.commit]
    paths = sorted({b"/" + path for _, path, _ in gone if path is not None})
    what = f"{listed(paths, 3) or 'something in a layer'} of {shown(found.name)}"
    said = f"{what} was erased, so that its image can never be saved"
    if allowed:
        print(f"layerlog: {said}", file=sys.stderr)
        return
    anew = "go on in a container of an image that `layerlog erase --derive` makes anew"
    step = "delete it" if len(own) == len(gone) else anew
    raise ConflictError(f"{said}; {step}, or seal it all the same with --allow-erased")


def _guarded(s: Session, container: str, wanted: Wanted) -> tuple[Container, dict[str, Any] | None]:
    """Return the container as it is now, and what the seal is to say of the guards."""
    found = containers.get(s.log, s.container(container))
    if visits.state(s.store.path, found.id) == visits.RUNNING:
        from cli.session import visiting

        visiting.pass_over(s, found.id)
        found = containers.get(s.log, found.id)
    if not wanted.rules and wanted.allowed:
        raise InvalidError("--guard-allow: no guard stands; name one, as in --guard secrets")
    if not wanted.rules:
        return found, None
    from cli.commands.containers.guards import guard

    return found, guard(s.store, found, wanted.rules, wanted.allowed, s.context().author, wanted.message, wanted.changes)


def _sign_made(s: Session, made: str, key: str | None) -> None:
    try:
        _sign(s, made, key)
    except LayerlogError as error:
        raise ConflictError(f"the commit stands, and is not signed: {error}; `layerlog sign {made[:12]}` goes on") from None


def _sign(s: Session, commit_id: str, key: str | None) -> None:
    """Sign first, since that may wait for a passphrase, and then record it."""
    from cli.maintenance import signing

    signature = signing.signed(s.log, commit_id, key)
    with writing(s) as writer:
        commands.sign_commit(writer, commit_id, signature.signature, signature.signer)


@click.command()
@click.argument("image", metavar="COMMIT", shell_complete=completion.images)
@click.option(
    "--key", metavar="KEY", help="The key's file.  [default: git's signing key, or your own]",
    shell_complete=completion.host_paths,
)  # fmt: skip
def sign(image: str, key: str | None) -> None:
    r"""Sign a commit that was made here with SSH, as git does. `verify --allowed-signers` checks it.

    \b
      layerlog sign mytomcat:1.0
    """
    with session() as s:
        _sign(s, s.image(image), key)
