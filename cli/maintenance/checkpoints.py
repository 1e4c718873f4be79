"""Checkpoints in files: a document, and its signature behind it or beside it (FILE.sig)."""

import os
from collections.abc import Iterator
from typing import Any

from cli.maintenance import signing
from eventstore.errors import InvalidError, NotFoundError
from eventstore.integrity.findings import Finding
from eventstore.log.log import Log
from eventstore.model.paths import shown
from projections.audit import proofs
from projections.audit.proofs import Growth, Proved

MOST = 1 << 20


def read(path: str) -> bytes:
    """Return a small file; raise NotFoundError."""
    try:
        with open(path, "rb") as file:
            return file.read(MOST)
    except FileNotFoundError:
        raise NotFoundError(f"{shown(path)}: no such file") from None


def split(path: str) -> tuple[bytes, str | None]:
    """Return a checkpoint's bytes and its armoured signature, None where it has none."""
    body, mark, signature = read(path).partition(signing.BEGIN)
    if mark:
        return body, (mark + signature).decode("ascii", "replace")
    signature_file = path + ".sig"
    return body, read(signature_file).decode("ascii", "replace") if os.path.exists(signature_file) else None


def document(path: str) -> dict[str, Any]:
    """Return the checkpoint that the file holds; raise InvalidError where it holds none."""
    return proofs.read(split(path)[0], proofs.CHECKPOINT)


def check(log: Log, path: str, allowed_signers: str | None) -> Iterator[Finding]:
    """Yield how the log contradicts the checkpoint, and what is wrong with its signature."""
    body, signature = split(path)
    yield from proofs.check_checkpoint(log, proofs.read(body, proofs.CHECKPOINT))
    if signature is not None:
        verdict = signing.verify(body, signature, signing.CHECKPOINT, allowed_signers)
        signer = shown(verdict.signer) if verdict.signer else f"the key {verdict.key}, whoever that is"
        said = verdict.problem or f"is signed by {signer}"
        yield Finding("signature", f"checkpoint {shown(path)}", said, note=not verdict.problem)
    elif allowed_signers is not None:
        yield Finding("signature", f"checkpoint {shown(path)}", "is not signed")


def write(document: dict[str, Any], path: str | None, key: str | None, *, sign: bool) -> bytes:
    """Write a checkpoint to *path* and its signature to *path*.sig; return what stands for both where there is no path."""
    data = proofs.written(document)
    signature = signing.sign(data, key, signing.CHECKPOINT).encode() if sign else b""
    if path is None:
        return data + signature
    save(path, data)
    if signature:
        save(path + ".sig", signature)
    return b""


def checked(path: str, checkpoint: str | None) -> Proved | Growth:
    """Return what the proof in a file says; raise InvalidError where it does not hold, or under another head.

    *checkpoint* is the file of a head that was kept elsewhere: without it the proof holds under its own head alone.
    """
    found = proofs.read(read(path), proofs.PROOF, proofs.CONSISTENCY)
    kept = document(checkpoint) if checkpoint is not None else None
    if found["format"] == proofs.CONSISTENCY:
        growth = proofs.check_growth(found)
        if kept is not None and kept not in growth:
            raise InvalidError("neither head of the proof is the checkpoint")
        return growth
    proved = proofs.check_proof(found)
    if kept is not None and kept != proved.checkpoint:
        raise InvalidError("the proof stands under another head than the checkpoint; make it anew, or name its own checkpoint")
    return proved


def save(path: str, data: bytes) -> None:
    """Write a file, on disk when this returns."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
