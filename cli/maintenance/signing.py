"""SSH signatures, made and checked by ssh-keygen as git does: over commits (namespace git) and checkpoints (layerlog)."""

import json
import os
import re
import struct
import subprocess
import tempfile
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

from eventstore.errors import InvalidError, NotFoundError
from eventstore.integrity.findings import Finding, of_event
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import Seal, Signature
from eventstore.model.paths import shown

COMMIT, CHECKPOINT = "git", "layerlog"
BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PEM = b"-----BEGIN PRIVATE KEY-----"


class Verdict(NamedTuple):
    """What a signature is worth: `signer` is the name that the allowed signers file gives the key, `problem` "" if good."""

    key: str
    signer: str | None
    problem: str


def sign(data: bytes, key: str | None, namespace: str) -> str:
    """Return an armoured signature of *data* by *key*: an SSH key (also one in the agent, by its .pub), or Ed25519 as PEM.

    Raise NotFoundError without a key, InvalidError where ssh-keygen cannot sign with it.
    """
    with _usable(key or default_key()) as path:
        done = _ssh_keygen(["-Y", "sign", "-n", namespace, "-f", path], data)
        if done.returncode != 0 or BEGIN not in done.stdout:
            said = shown(done.stderr.strip().rpartition(b"\n")[2]) or "ssh-keygen says no more"
            raise InvalidError(f"cannot sign with {shown(key or path)}: {said}")
        return done.stdout[done.stdout.index(BEGIN) :].decode()


def verify(data: bytes, signature: str, namespace: str, allowed_signers: str | None) -> Verdict:
    """Return what *signature* is worth; without an allowed signers file nobody is known, and that is no problem."""
    with _temporary(signature.encode()) as file:
        checked = _ssh_keygen(["-Y", "check-novalidate", "-n", namespace, "-s", file], data)
        match = _FINGERPRINT.search(checked.stdout.decode("utf-8", "replace"))
        key = match[0] if match else "unknown"
        if checked.returncode != 0:
            return Verdict(key, None, "the signature is not over these bytes, or is damaged")
        if allowed_signers is None:
            return Verdict(key, None, "")
        known = _ssh_keygen(["-Y", "find-principals", "-s", file, "-f", allowed_signers], b"")
        for name in known.stdout.decode("utf-8", "replace").replace(",", "\n").splitlines():
            command = ["-Y", "verify", "-f", allowed_signers, "-I", name, "-n", namespace, "-s", file]
            if _ssh_keygen(command, data).returncode == 0:
                return Verdict(key, name, "")
        return Verdict(key, None, f"the key {key} is nobody's in {shown(allowed_signers)}")


def default_key() -> str:
    """Return git's `user.signingkey` where git signs with SSH, else the user's own key; raise NotFoundError."""
    gits = _git("user.signingkey") if _git("gpg.format") == "ssh" else ""
    for candidate in (gits, "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"):
        path = os.path.expanduser(candidate)
        if candidate.startswith("key::") or (candidate and os.path.exists(path)):
            return path
    raise NotFoundError("no key to sign with; name one (--sign=FILE), or make one with `ssh-keygen -t ed25519`")


# -- commits


def signed(log: Log, commit_id: str, key: str | None = None) -> Signature:
    """Return a signature over the commit (64 hex digits); may wait for a passphrase, and locks nothing meanwhile."""
    data = payload(log, commit_id)
    signature = sign(data, key, COMMIT)
    return Signature(commit_id, signature, verify(data, signature, COMMIT, None).key)


def try_key(key: str | None) -> None:
    """Sign something that nobody needs: a key that is not there, or is not opened, shows before anything is done."""
    sign(b"layerlog tries the key\n", key, COMMIT)


def payload(log: Log, commit_id: str) -> bytes:
    """Return the text that a commit's signature is over: through its changeset's hash, all of the log up to it."""
    seal = log.seal(commit_id)
    if seal is None:
        raise NotFoundError(f"no commit {commit_id[:12]}")
    changeset = log.changeset(seal.position)
    container = log.stream_of(seal.stream).name
    said = {key: json.dumps(getattr(Seal.of(seal), key)) for key in ("author", "message")}
    return (
        f"layerlog commit 1\ncommit {commit_id}\ncontainer {container}\nversion {seal.version}\n"
        f"changeset {changeset.number}\nhash {changeset.hash.hex()}\nauthor {said['author']}\nmessage {said['message']}\n"
    ).encode()


def check(log: Log, allowed_signers: str | None, good: Counter[str]) -> Iterator[Finding]:
    """Yield what is wrong with the signatures of commits; with *allowed_signers*, also whose key nobody knows.

    Count those that hold in *good*, by the signer's name, or without allowed signers by key.
    """
    for event in log.of_kind(Kind.COMMIT_SIGNED):
        found = Signature.of(event)
        verdict = verify(payload(log, found.commit), found.signature, COMMIT, allowed_signers)
        if verdict.problem:
            yield of_event(event.position, f"commit {found.commit[:12]}: {verdict.problem}", "signature")
        else:
            good[verdict.signer or verdict.key] += 1


# -- ssh-keygen


def _ssh_keygen(arguments: Sequence[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["ssh-keygen", *arguments], input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise NotFoundError("ssh-keygen is not installed, and signatures need it; install OpenSSH's client") from None


def _git(name: str) -> str:
    try:
        done = subprocess.run(["git", "config", "--get", name], capture_output=True, check=False)
    except OSError:
        return ""
    return os.fsdecode(done.stdout.strip())


def _usable(key: str) -> AbstractContextManager[str]:
    """Give the path of a key that ssh-keygen can read: git's literal `key::`, and PEM, stand in files of their own."""
    if key.startswith("key::"):
        return _temporary(key.removeprefix("key::").encode() + b"\n")
    try:
        with open(key, "rb") as file:
            data = file.read(1 << 16)
    except FileNotFoundError:
        raise NotFoundError(f"no key file {shown(key)}; check the spelling") from None
    return _temporary(_openssh(key, data)) if data.startswith(_PEM) else nullcontext(key)


def _openssh(path: str, pem: bytes) -> bytes:
    """Return an Ed25519 private key in OpenSSH's own form (PROTOCOL.key), since ssh-keygen before 9.6 reads no other."""
    private, public = (
        subprocess.run(["openssl", "pkey", *how, "-outform", "DER"], input=pem, capture_output=True, check=False).stdout
        for how in ([], ["-pubout"])
    )
    if len(private) != 48 or len(public) != 44 or not public.startswith(bytes.fromhex("302a300506032b6570")):
        raise InvalidError(f"{shown(path)}: not an Ed25519 key without a passphrase; use an SSH key (`ssh-keygen -t ed25519`)")
    seed, point = private[16:], public[12:]
    named = _text(b"ssh-ed25519") + _text(point)
    body = bytes(8) + named + _text(seed + point) + _text(b"")
    body += bytes(range(1, 1 + -len(body) % 8))
    whole = b"openssh-key-v1\0" + _text(b"none") * 2 + _text(b"") + struct.pack(">I", 1) + _text(named) + _text(body)
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b64encode(whole) + b"\n-----END OPENSSH PRIVATE KEY-----\n"


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@contextmanager
def _temporary(data: bytes) -> Iterator[str]:
    """Give the path of a file that only this user can read, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="layerlog-") as folder:
        path = os.path.join(folder, "file")
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
        yield path
