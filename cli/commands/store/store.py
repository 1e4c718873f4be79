"""The store as a whole: whether it is sound, where its room goes, and its caches."""

import os
from collections import Counter
from collections.abc import Iterable
from itertools import starmap
from typing import Any

import click

from cli.display.bars import progress
from cli.display.formats import counted, human_size
from cli.display.output import Column, Shape, json_line, listing, listing_options
from cli.options import completion
from cli.session import logs
from cli.session.session import Session, session, whole_session
from eventstore.disk.folder import require_writable
from eventstore.disk.lock import undisturbed
from eventstore.errors import InvalidError, NotFoundError
from eventstore.integrity.findings import Finding
from eventstore.model.paths import shown as escape

_SPACE = (
    Column("type", "TYPE"), Column("count", "COUNT"), Column("size", "SIZE", human_size),
    Column("reclaimable", "RECLAIMABLE", human_size), Column("how", "HOW"),
)  # fmt: skip


UNCHECKED = "signatures not checked"


def _share(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float:
    if text is None:
        return 1.0
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"{text!r} is no share; write 5% or 100%")
    return share


@click.command(context_settings={"max_content_width": 110})
@click.option("--quick", is_flag=True, help="The log alone, and that all it names is there.")
@click.option("--sample", "share", metavar="N%", callback=_share, help="Of contents, layers and views, a part drawn by chance.")
@click.option(
    "--checkpoint", metavar="FILE", help="That nothing before this checkpoint was changed, removed or reordered.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option(
    "--allowed-signers", metavar="FILE", help="Whose signatures count (as for git and ssh-keygen).",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option(
    "--export-checker", metavar="FILE", help="Write the checker that needs no layerlog, and check nothing.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
@click.pass_context
def verify(
    ctx: click.Context, *, quick: bool, share: float, checkpoint: str | None, allowed_signers: str | None,
    export_checker: str | None, form: str,
) -> None:  # fmt: skip
    r"""Check everything: the hash chain, every content, every imported layer, and every answer derived from them.

    Each finding names what is damaged and the images, containers and paths that it touches. Contents that were erased
    on request are told, and are no findings. Signatures that hold are counted: by the names that the allowed signers
    file gives their keys, without it by key; with --quick only where that file is given. The exit code is 1 if anything is
    wrong.

    \b
      layerlog verify --quick
      layerlog verify --checkpoint monday.json --allowed-signers allowed_signers
      layerlog verify --export-checker check.py && python3 check.py log copy-of-log.db
    """
    if export_checker is not None:
        _export_checker(export_checker)
        return
    if allowed_signers is not None and not os.path.exists(allowed_signers):
        raise NotFoundError(f"no allowed signers file {escape(allowed_signers)}; check the spelling")
    with session() as s:
        findings = _findings(s, checkpoint, allowed_signers, quick=quick, share=share)
        signed: Counter[str] = Counter()
        if checks_signatures := not quick or allowed_signers is not None:
            findings += _signature_findings(s, allowed_signers, signed)
        summary = _summary(s, signed, quick=quick) | ({} if checks_signatures else _unchecked(s))
        code = _report(s, findings, form, checkpoint, summary)
    ctx.exit(code)


def _signature_findings(s: Session, signers: str | None, good: "Counter[str]") -> Iterable[Finding]:
    from cli.maintenance import signing, verification

    return verification.to_the_end(lambda: signing.check(s.log, signers, good), "signatures")


def _summary(s: Session, good: "Counter[str]", *, quick: bool) -> dict[str, Any]:
    """Return how many of which things were checked, and the signatures that hold by signer where there are any."""
    from cli.maintenance import verification

    return verification.summary(s.store, quick=quick) | ({"signatures": dict(good.most_common())} if good else {})


def _unchecked(s: Session) -> dict[str, Any]:
    """Return how many signatures there are that nobody looked at; nothing where there are none, or the log cannot say it."""
    from cli.maintenance import verification

    count = verification.count_signatures(s.store)
    return {UNCHECKED: count} if count else {}


def _findings(s: Session, checkpoint: str | None, signers: str | None, *, quick: bool, share: float) -> list[Finding]:
    from cli.maintenance import checkpoints, verification

    found: list[Finding] = []
    if checkpoint is not None:
        found += checkpoints.check(s.log, checkpoint, signers)
    with undisturbed(s.store.path):
        for stage in verification.stages(s.store, quick=quick, share=share):
            with logs.step("verified", stage=stage.label, total=stage.total, unit=stage.unit) as told:
                with progress(stage.total, f"Verifying {stage.label}", stage.unit) as advance:
                    of_stage = list(stage.run(advance))
                told.update(findings=len(of_stage))
            found += of_stage
    return found


def _report(s: Session, findings: list[Finding], form: str, checkpoint: str | None, summary: dict[str, Any]) -> int:
    from cli.display import integrity
    from cli.maintenance import verification

    integrity.show(s.log, verification.touched(s.store, findings), form)
    wrong = sum(not finding.note for finding in findings)
    if form == "json":
        print(json_line({"check": "summary", "findings": wrong, **summary}))
    else:
        unchecked = summary.pop(UNCHECKED, 0)
        listed = ", ".join(starmap(_counted, summary.items()))
        sound = "all of it is sound" + (f" and goes on from {escape(checkpoint)}" if checkpoint is not None else "")
        left = f"; not checked: {counted(unchecked, 'signature')} (--allowed-signers, or without --quick)" if unchecked else ""
        print(f"{listed}: {counted(wrong, 'finding') if wrong else sound}{left}")
    return 1 if wrong else 0


def _counted(what: str, count: int | dict[str, int]) -> str:
    if isinstance(count, int):
        return counted(count, what.removesuffix("s"))
    by = ", ".join(f"{number} by {escape(signer)}" for signer, number in count.items())
    return f"{counted(sum(count.values()), what.removesuffix('s'))} ({by})"


def _export_checker(path: str) -> None:
    from importlib.resources import files

    if os.path.exists(path):
        raise InvalidError(f"{path} is there already; choose another name")
    with open(path, "xb") as file:
        file.write((files("eventstore.integrity") / "checker.py").read_bytes())


@click.command()
@listing_options()
def df(shape: Shape) -> None:
    """Show where the disk space goes, and what could be had back by which command.

    Images and containers count the bytes of their files as they were written; the rest is what lies on disk.
    """
    from cli.maintenance.disk_usage import rows

    with whole_session() as s:
        listing(shape, rows(s.store), _SPACE, "type")


@click.command()
@click.pass_context
def rebuild(ctx: click.Context) -> None:
    """Drop the cache, compute anew what it held, and say whether any answer changed (none may).

    What is too large to be worth computing before somebody asks is left out.
    """
    from cli.maintenance import layer_digests

    with whole_session() as s:
        require_writable(s.store.path)
        remembered = layer_digests.encoded(s.store)
        with progress(len(remembered), "Rebuilding") as advance:
            done: dict[str, Any] = layer_digests.rebuild(s.store, remembered, advance)
    anew = "1 entry" if done["entries"] == 1 else f"{done['entries']} entries"
    print(f"{anew} computed anew, {done['changed']} of them changed; {human_size(done['freed'])} freed")
    if done["changed"]:
        ctx.exit(1)
