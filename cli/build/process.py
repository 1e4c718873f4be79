"""RUN: a process in the stage's container, found among the steps that were built before by what it was made from, or run."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, BytesIO
from typing import Any, BinaryIO

from cli.build import mounts
from cli.build.request import LAST_LINES, Progress
from cli.build.stage import StageBuild
from cli.sandbox.bundle import Mount, Wishes
from cli.session import visiting
from cli.session.redact import without_secrets
from cli.session.writing import writing
from eventstore.errors import LayerlogError
from projections.build import inputs
from projections.build.steps import SCRIPTS, Process
from projections.oci.documents import Json, field, items

HOSTNAME = "build"
LONGEST = 4 << 10
"""Bytes of a line that are shown."""
MOST_SHOWN = 2 << 20
"""Bytes that are shown of what a process prints, as with BuildKit."""
TAIL = 64 << 10


def run(stage: StageBuild, step: Process, files_of: mounts.FilesOf) -> None:
    """Do a RUN; raise LayerlogError where its process fails: what it changed stands in the container, and is not sealed."""
    with ExitStack() as stack:
        taken = mounts.prepared(stage, step.mounts, files_of, stack)
        stated = stage.stated("run", **_stated(stage, step), mounts=[mounted.stated for mounted in taken])
        text = inputs.text(stated, (line for mounted in taken for line in mounted.lines))
        if not stage.find(text):
            stage.explain(text)
            with writing(stage.s) as writer:
                stage.settle(writer)
            code = _visited(stage, step, mounts.shown(taken, stack), stack)
            stage.move_on()
            if code:
                raise LayerlogError(_failure(code, stage.progress))
            with writing(stage.s) as writer:
                stage.seal(writer, text, (), step.created_by)
    stage.tell(step.created_by)


def _stated(stage: StageBuild, step: Process) -> dict[str, Any]:
    config: Json = stage.place.config
    return {
        "command": list(step.args), "script": step.script, "user": field(config, "User", str, "config", ""),
        "workdir": field(config, "WorkingDir", str, "config", ""), "network": _network(stage, step),
        "env": dict(item.partition("=")[::2] for item in items(config, "Env", str, "config")), "arguments": dict(step.counted),
    }  # fmt: skip


def _network(stage: StageBuild, step: Process) -> str:
    return stage.request.network if step.network == "default" else step.network


def _visited(stage: StageBuild, step: Process, taken: mounts.Shown, stack: ExitStack) -> int:
    assert stage.container is not None
    script = [stack.enter_context(_script(step))] if step.script else []
    output = stack.enter_context(_lines(stage.progress.printed))
    wishes = Wishes(
        step.args, "", tuple(f"{name}={value}" for name, value in step.variables.items()), hostname=HOSTNAME,
        mounts=(*script, *taken.mounts), network=_network(stage, step),
        secrets=tuple(taken.secrets), private=tuple(taken.variables), output=output, latest=stage.latest, stops=True,
    )  # fmt: skip
    try:
        return visiting.run(stage.s, stage.container, wishes, without_secrets(step.args), None)
    except LayerlogError as error:
        if str(error):
            raise
        raise LayerlogError("the runtime could not start its process; why, it says above") from error


@contextmanager
def _script(step: Process) -> Iterator[Mount]:
    from tempfile import TemporaryDirectory

    assert step.script is not None
    name, text = step.script
    with TemporaryDirectory(prefix="layerlog-") as folder:
        path = os.path.join(folder, "script")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            os.fchmod(file.fileno(), 0o755)
            file.write(text)
        yield Mount(path, SCRIPTS + name, read_only=True)


@contextmanager
def _lines(told: Callable[[str], None]) -> Iterator[int]:
    """Yield a file descriptor to print to; *told* gets each line."""
    reading, writing_end = os.pipe()

    def follow() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        with open(reading, "rb") as file:
            for line in _bounded(file):
                told(line)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield writing_end
    finally:
        os.close(writing_end)
        thread.join()


def _bounded(file: BufferedReader) -> Iterator[str]:
    """Yield lines, each cut where it is too long; of what floods, its beginning and its last lines.  Memory stays flat."""
    left = MOST_SHOWN
    for line in _cut(file):
        yield line
        left -= len(line) + 1
        if left <= 0:
            break
    else:
        return
    tail = b""
    while piece := file.read1(MOST_SHOWN):
        tail = (tail + piece)[-TAIL:]
    if tail:
        yield f"(it prints more than {MOST_SHOWN >> 20} MiB: the last lines follow when it has ended)"
        yield from deque(_cut(BytesIO(tail)), LAST_LINES)


def _cut(file: BinaryIO) -> Iterator[str]:
    while line := file.readline(LONGEST):
        is_cut = len(line) == LONGEST and not line.endswith(b"\n")
        yield line.removesuffix(b"\n").decode(errors="replace") + (" ..." if is_cut else "")
        while is_cut:
            line = file.readline(LONGEST)
            is_cut = len(line) == LONGEST and not line.endswith(b"\n")


def _failure(code: int, progress: Progress) -> str:
    last = "".join(f"\n  | {line}" for line in progress.last) if progress.hides else ""
    return f"its process ended with exit code {code}{last}"
