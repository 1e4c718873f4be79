"""What events about processes and builds state, as `facts` has it of the others: few commands read these."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from eventstore.model.events import Event


class Pass(NamedTuple):
    """ChangesRecorded: what a pass over a running `process` recorded: `events` from version `first` on.

    `unstable` are paths that changed while they were read, `refused` those whose names no layer can hold, both as shown.
    """

    process: str
    first: int = 0
    events: int = 0
    unstable: Sequence[str] = ()
    refused: Sequence[str] = ()

    @classmethod
    def of(cls, event: Event) -> "Pass":
        said = event.stated
        lists = (said.get("unstable", ()), said.get("refused", ()))
        return cls(said.get("process", ""), said.get("from", 0), said.get("events", 0), *lists)

    @property
    def stated(self) -> dict[str, Any]:
        lists = {"unstable": self.unstable, "refused": self.refused}
        return {
            "process": self.process, "from": self.first, "events": self.events,
            **{key: list(paths) for key, paths in lists.items() if paths},
        }  # fmt: skip


def _values(event: Event, fields: Iterable[str]) -> Iterator[Any]:
    """Yield what an event states under each of *fields*, None where it states nothing."""
    said = event.stated
    return (said.get(field) for field in fields)


class Exit(NamedTuple):
    """ProcessExited: `process` is a visit's random id; `program` and `command` are what ran, with secrets hidden.

    `user` is UID:GID in the container, `started` and `ended` ns since 1970; `exit` is its code, None where nobody learned it
    (the machine or layerlog itself was killed); `runtime` is what ran it.
    """

    process: str
    program: str
    command: Sequence[str]
    user: str
    started: int
    ended: int
    exit: int | None
    runtime: str

    @classmethod
    def of(cls, event: Event) -> "Exit":
        return cls(*_values(event, cls._fields))

    @property
    def stated(self) -> dict[str, Any]:
        return {**self._asdict(), "command": list(self.command)}


class Step(NamedTuple):
    """StepBuilt: the instruction at `line` of a Dockerfile, in a `stage`, by the build of that random id.

    `key` (hex) names what it was made from; it is the digest of the event's content, which says that.  `number` counts the
    stage's instructions from 1.
    """

    build: str
    stage: str
    line: int
    instruction: str
    key: str
    number: int

    @classmethod
    def of(cls, event: Event) -> "Step":
        return cls(*_values(event, cls._fields))


class Built(NamedTuple):
    """ImageBuilt: by which build, of which stage, with which build arguments (their names), from how many steps, of which so
    many were `reused`.
    """

    build: str
    target: str
    arguments: Sequence[str]
    steps: int
    reused: int

    @classmethod
    def of(cls, event: Event) -> "Built":
        return cls(*_values(event, cls._fields))
