"""Inputs that lead a fuzzer into every corner: the hostile cases, and what it found since (corpus/TARGET, base64 by line)."""

import gzip
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.hostile.hostile_layers import HOSTILE
from tests.hostile.legal_layers import LEGAL, zstd
from tests.hostile.making import Layout, docker_archive
from tests.hostile.test_texts import TEXTS

HERE = Path(__file__).with_name("corpus")
SMALL = 4096
TYPED = (
    "web", "web@42", "web@{1}", "web@{2026-11-24T10:00}", "web@{2 days ago}", "web:/etc/motd", "localhost:5000/a/b:1.0", "a@sha256:" + "0" * 64,
    "sha256:abcdef", "u+x,go-w", "0755", "1000:1000", "64GiB", 'ENV A="b c" D=${E:-f}', 'CMD ["x"]', "EXPOSE 80/tcp", "HEALTHCHECK --interval=1s CMD x",
    "LABEL a=b", "VOLUME /x", "@-1.5", "yesterday", "an hour ago",
)  # fmt: skip


def corpus(target: str) -> list[bytes]:
    """Return all inputs for *target*, each once."""
    kept = HERE / target
    found = [b64decode(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    return list(dict.fromkeys([*_SEEDS[target](), *found]))


def unpack(target: str, folder: Path) -> None:
    """Write the inputs for *target* as the files that libFuzzer wants."""
    for data in corpus(target):
        (folder / sha256(data).hexdigest()).write_bytes(data)


def keep(target: str, folder: Path) -> int:
    """Keep what a fuzzer left in *folder* (better: what `-merge=1` left of it); return how many inputs that are."""
    seeds = set(_SEEDS[target]())
    found = sorted({path.read_bytes() for path in folder.iterdir()} - seeds, key=lambda data: (len(data), data))
    HERE.mkdir(exist_ok=True)
    (HERE / target).write_text("".join(b64encode(data).decode() + "\n" for data in found if len(data) <= SMALL))
    return len(found)


def _tars() -> Iterable[bytes]:
    return [case.tar for case in (*LEGAL.values(), *HOSTILE.values()) if len(case.tar) <= SMALL]


def _packed() -> Iterable[bytes]:
    stored = [case.stored for case in (*LEGAL.values(), *HOSTILE.values())]
    return [data for data in stored if data and len(data) <= SMALL] + [zstd(LEGAL["an absolute name"].tar)]


def _documents() -> Iterable[bytes]:
    made = Layout().finish()
    return [*made.files.values(), made.manifest(), made.config]


def _texts() -> Iterable[bytes]:
    return [typed.encode("utf-8", "surrogateescape") for typed in (*TYPED, *TEXTS.values())]


def _images() -> Iterable[bytes]:
    one = docker_archive(LEGAL["an absolute name"].tar)
    return [gzip.compress(one, mtime=0), one.rstrip(b"\0")]


_SEEDS = {
    "layer": _tars,
    "entries": _tars,
    "packed": _packed,
    "document": _documents,
    "text": _texts,
    "image": _images,
    "block": lambda: [b"\1\0\0\0\5\0\0\0\5\0\0\0hello", b"\0\0\0\0\5\0\0\0\5\0\0\0hello"],
}
