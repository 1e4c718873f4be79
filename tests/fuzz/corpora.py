"""Inputs that lead a fuzzer into every corner: the hostile cases, and what it found since (corpus/TARGET, base64 by line)."""

import gzip
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import TARGETS
from tests.hostile.hostile_layers import HOSTILE, Hostile
from tests.hostile.legal_layers import LEGAL, Legal, zstd
from tests.hostile.making import Layout, docker_archive
from tests.hostile.test_texts import TEXTS

CASES: list[Legal | Hostile] = [*LEGAL.values(), *HOSTILE.values()]
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
    """Keep those inputs in *folder* that reach lines which no other one reaches; return how many that are."""
    seen = set().union(*(_steps(target, data) for data in corpus(target)))
    kept = corpus(target)[len(list(dict.fromkeys(_SEEDS[target]()))) :]
    for data in sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data)):
        steps = _steps(target, data) if len(data) <= SMALL else set()
        if steps - seen:
            seen |= steps
            kept.append(data)
    HERE.mkdir(exist_ok=True)
    (HERE / target).write_text("".join(b64encode(data).decode() + "\n" for data in kept))
    return len(kept)


def _steps(target: str, data: bytes) -> set[tuple[str, int, int]]:
    """Return every step from line to line that the product takes on *data*."""
    steps: set[tuple[str, int, int]] = set()
    last: dict[int, int] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if f"{os.sep}tests{os.sep}" in frame.f_code.co_filename or "site-packages" in frame.f_code.co_filename:
            return None if event == "call" else trace
        steps.add((frame.f_code.co_filename, last.get(id(frame), 0), frame.f_lineno))
        last[id(frame)] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        TARGETS[target](data)
    finally:
        sys.settrace(None)
    return steps


def _tars() -> Iterable[bytes]:
    return [case.tar for case in CASES if len(case.tar) <= SMALL]


def _packed() -> Iterable[bytes]:
    stored = [case.stored for case in CASES]
    return [data for data in stored if data and len(data) <= SMALL] + [zstd(LEGAL["an absolute name"].tar)]


def _documents() -> Iterable[bytes]:
    made = Layout().finish()
    return [*made.files.values(), made.manifest(), made.config]


def _texts() -> Iterable[bytes]:
    return [typed.encode("utf-8", "surrogateescape") for typed in (*TYPED, *TEXTS.values())]


def _images() -> Iterable[bytes]:
    one = docker_archive(LEGAL["an absolute name"].tar)
    return [gzip.compress(one, mtime=0), one.rstrip(b"\0")]


DOCKERFILES = (
    "# syntax=docker/dockerfile:1\n# escape=`\nARG A=1\nFROM base:${A} AS x\nRUN a `\n  b\nFROM x\nCOPY --from=x /a* /b/\n",
    "FROM scratch\nCOPY --chown=1:2 --chmod=u+x --exclude=*.o --parents a ./b/./c d/\nADD --checksum=sha256:00 https://h/x /\n",
    "FROM a\nRUN --mount=type=cache,target=/x,sharing=locked --mount=type=secret,id=s,env=E --network=none <<E\ntext\nE\n",
    'FROM a\nSHELL ["/bin/sh", "-c"]\nENV A=b C="$A ${D:-e}"\nWORKDIR $A\nCMD x\nENTRYPOINT ["y"]\nCMD ["z"]\n',
    'FROM a\nCOPY <<-"E" <<F /x/\n\ta$B\n\tE\n${C}\nF\nONBUILD COPY a b\nMAINTAINER m\nARG X=${Y#z*} Z\nEXPOSE $X 1-3/udp\n',
    "FROM a\nHEALTHCHECK --interval=1s CMD x\nVOLUME [\"/v\"]\nUSER u:g\nSTOPSIGNAL 9\nLABEL a=b c='d e'\nFROM --platform=$BUILDPLATFORM b\n",
    "*.tmp\n!keep.tmp\n**/x\n[a-c]?\n/top\n# no\n\\!odd\n",
)

_SEEDS: dict[str, Callable[[], Iterable[bytes]]] = {
    "layer": _tars,
    "entries": _tars,
    "packed": _packed,
    "document": _documents,
    "text": _texts,
    "image": _images,
    "dockerfile": lambda: [text.encode() for text in DOCKERFILES],
    "block": lambda: [b"\1\0\0\0\5\0\0\0\5\0\0\0hello", b"\0\0\0\0\5\0\0\0\5\0\0\0hello"],
}
