"""RUN: a process in the stage's container, found among the steps that were built before by what it was made from, or run."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from cli.build import mounts
from cli.build.request import Progress
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
NONE = "none"


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
        secrets=tuple(taken.secrets), private=tuple(taken.variables), output=output, latest=stage.latest,
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
        with open(reading, encoding="utf-8", errors="replace") as file:
            for line in file:
                told(line.rstrip("\n"))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield writing_end
    finally:
        os.close(writing_end)
        thread.join()


def _failure(code: int, progress: Progress) -> str:
    last = "".join(f"\n  | {line}" for line in progress.last) if progress.quiet else ""
    return f"its process ended with exit code {code}{last}"
