"""Proof for strangers: the head of the log, signed, and an event's place under it."""

import sys

import click

from cli.maintenance import checkpoints
from cli.options import completion
from cli.session.session import Session, session
from eventstore.model.events import Event
from projections.audit import proofs

_SIGN = "Sign it, with this SSH or Ed25519 key; without one, git's signing key or your own (~/.ssh/id_*)."


@click.command()
@click.option("--sign", "key", metavar="KEY", shell_complete=completion.host_paths, is_flag=False, flag_value="", help=_SIGN)
@click.option(
    "-o", "--output", metavar="FILE", help="Write it there, and its signature to FILE.sig.",
    shell_complete=completion.host_paths,
)  # fmt: skip
def checkpoint(key: str | None, output: str | None) -> None:
    r"""Print the head of the log: how many changesets and events, the last hash, the head of the tree over all of them.

    Kept elsewhere, it proves later that nothing before it was changed, removed or reordered.

    \b
      layerlog checkpoint --sign -o monday.json
      layerlog verify --checkpoint monday.json --allowed-signers allowed_signers
      ssh-keygen -Y verify -n layerlog -f allowed_signers -I ada@example.org -s monday.json.sig < monday.json
    """
    with session() as s:
        document = proofs.checkpoint(s.log)
    sys.stdout.buffer.write(checkpoints.write(document, output, key or None, sign=key is not None))


@click.command()
@click.argument("event", required=False, metavar="[EVENT|COMMIT]", shell_complete=completion.references)
@click.option("-o", "--output", metavar="FILE", shell_complete=completion.host_paths, help="Write the proof there.")
@click.option(
    "--since", metavar="CHECKPOINT", help="Prove, instead, that the log continues this checkpoint.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--check", "proof", metavar="FILE", shell_complete=completion.host_paths, help="Check a proof; needs no store.")
@click.option(
    "--checkpoint", "kept", metavar="FILE", help="With --check: the head that was kept elsewhere.",
    shell_complete=completion.host_paths,
)  # fmt: skip
def prove(event: str | None, output: str | None, since: str | None, proof: str | None, kept: str | None) -> None:
    r"""Prove that an event (web@42, a position, or a commit) is in the log, to somebody who has a checkpoint and not the log.

    The proof holds the event's bytes, its changeset's header (who, when, why), and a logarithmic number of hashes. The
    checker of `verify --export-checker` checks it too, without layerlog.

    \b
      layerlog prove web@42 -o proof.json
      layerlog prove --check proof.json --checkpoint monday.json
      layerlog prove --since monday.json -o growth.json
    """
    from cli.display.integrity import proved

    if sum(given is not None for given in (event, since, proof)) != 1:
        raise click.UsageError("Name one: an EVENT or commit, --since CHECKPOINT, or --check FILE.")
    if proof is not None:
        print(*proved(checkpoints.checked(proof, kept)), sep="\n")
        return
    with session() as s:
        found = (
            proofs.prove(s.log, _position(s, event or "")) if since is None
            else proofs.prove_growth(s.log, checkpoints.document(since))
        )  # fmt: skip
    data = proofs.written(found)
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        checkpoints.save(output, data)


def _position(s: Session, event: str) -> int:
    """Return the position that EVENT means: a number, a point of a container (web@42), or a commit by any of its names."""
    from projections.refs import targets

    found = s.event_or_target(event)
    return (found if isinstance(found, Event) else targets.event_of(s.log, found)).position
