"""Containers as rows of `ps`, and `status` as text."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from cli.display.diff_lines import WORDS, difference_row, letter_line
from cli.display.formats import ago, counted, short_id, shown_stated
from cli.display.output import Column
from eventstore.log.log import Log
from eventstore.model.events import Kind
from eventstore.model.facts import base_stated
from eventstore.model.paths import shown
from eventstore.model.times import rfc3339
from eventstore.store import visits
from eventstore.store.store import Store
from projections.diff.tree_diff import Difference
from projections.events.records import Records
from projections.history import commits, status
from projections.history.commits import Commit
from projections.refs.containers import Container

COLUMNS = (
    Column("id", "CONTAINER ID", short_id, str),
    Column("image", "IMAGE"),
    Column("created", "CREATED", shown_stated),
    Column("status", "STATUS"),
    Column("name", "NAMES"),
)


def container_row(store: Store, container: Container) -> dict[str, Any]:
    """Return what `ps` knows of a container; all of it in JSON."""
    log, process = store.log, visits.state(store.path, container.id)
    count = status.count_unsealed(log, container)
    return {
        "id": container.id,
        "name": container.name,
        "image": status.base_name(log, container),
        "base": base_stated(container.base),
        "created": rfc3339(log.time_of(container.created)),
        "status": _state(container, count, process),
        "unsealed": count,
        "version": container.version,
        "sealed_version": container.sealed,
        "removed": container.removed,
        "process": process or None,
        "complete": not process,
    }


_PROCESS = {visits.RUNNING: "running", visits.UNRECORDED: "not recorded"}


def open_line(process: str, name: str) -> str:
    """Return what is to be known of a container before what the log has of it is taken for all: a process ran on meanwhile."""
    if process == visits.RUNNING:
        return f"a process runs in {shown(name)}: what it changes shows when it ends, or at `commit`"
    return f"a process that was killed left changes in {shown(name)} that do not show: `layerlog recover {shown(name)}`"


def _state(container: Container, count: int, process: str) -> str:
    """Return how a container stands: what of it is in the log, and, while more may come, what it waits for."""
    if container.removed:
        return "removed"
    unsealed = f"{counted(count, 'event')} not sealed" if count else ""
    if process:
        return ", ".join(filter(None, (_PROCESS[process], unsealed)))
    return unsealed or ("sealed" if container.sealed else "no changes")


def status_row(store: Store, container: Container) -> dict[str, Any]:
    found = status.unsealed(store, container.id, container.version)
    commit = _last_commit(store.log, container)
    return {
        **container_row(store, container),
        "commit": commit and {
            "id": commit.id, "author": commit.author, "message": commit.message, "time": rfc3339(commit.time),
        },
        "changes": list(map(difference_row, status.differences(found))),
        "config": status.unsealed_instructions(store.log, container),
    }  # fmt: skip


def print_status(store: Store, container: Container) -> None:
    base, commit = status.base_name(store.log, container), _last_commit(store.log, container)
    print(f"Container {shown(container.name)} ({container.id[:12]}) on {shown(base)}, at version {container.version}")
    print(f"Last commit: {_commit_text(commit)}" if commit else "No commit yet")
    print(*_process_lines(store, container), sep="", end="")
    counts = dict.fromkeys(WORDS, 0)
    for number, difference in enumerate(_differences(store, container)):
        if not number:
            print("\nNot sealed yet:")
        counts[difference.letter] += 1
        print(f"  {letter_line(difference)}")
    instructions = status.unsealed_instructions(store.log, container)
    if instructions:
        print("\nConfig not sealed yet:", *(f"  {shown(text)}" for text in instructions), sep="\n")
    process = visits.state(store.path, container.id)
    print(f"\n{_summary(counts, len(instructions), status.count_unsealed(store.log, container), process)}")


def print_overview(store: Store, containers: Iterable[Container]) -> None:
    """Print a line for each container that has something to seal or a process, and how many others there are."""
    others = shown_ones = 0
    for container in containers:
        events, process = status.count_unsealed(store.log, container), visits.state(store.path, container.id)
        if not events and not process:
            others += 1
            continue
        counts = dict.fromkeys(WORDS, 0) | Counter(row.letter for row in _differences(store, container))
        said = [_summary(counts, len(status.unsealed_instructions(store.log, container)), events, process)]
        said += [_OVERVIEW[process]] if process else []
        print(f"{shown(container.name)}: {'; '.join(said)}")
        shown_ones += 1
    if not shown_ones:
        print("Nothing to commit in any container" if others else "No containers")
    elif others:
        print(f"Nothing to commit in {counted(others, 'other container')}")


_OVERVIEW = {
    visits.RUNNING: "a process runs in it, whose changes come at its end or at `commit`",
    visits.UNRECORDED: "what a killed process left is not recorded (`layerlog recover`)",
}


def _differences(store: Store, container: Container) -> Iterator[Difference]:
    return status.topmost(status.differences(status.unsealed(store, container.id, container.version)))


def _process_lines(store: Store, container: Container) -> list[str]:
    process = visits.state(store.path, container.id)
    if process == visits.RUNNING:
        return ["A process runs in it: what it changes is recorded by the next commit, or when it ends\n"]
    name = shown(container.name)
    left = f"A process that was killed left changes that are not recorded: `layerlog recover {name}` records them\n"
    return [left] if process else []


def _summary(counts: dict[str, int], instructions: int, events: int, process: str) -> str:
    if not any(counts.values()) and not instructions:
        if events:
            seals = "" if process else ": `commit` would seal an empty layer"
            return f"{counted(events, 'event')} not sealed, which together change nothing{seals}"
        return "Nothing recorded yet" if process else "Nothing to commit"
    parts = [f"{count} {WORDS[letter]}" for letter, count in counts.items()]
    return ", ".join(parts) + (f"; {counted(instructions, 'config change')}" if instructions else "")


def _last_commit(log: Log, container: Container) -> Commit | None:
    seal = log.latest(Kind.COMMITTED, container.stream, container.version)
    return commits.of_seal(Records(log), seal) if seal else None


def _commit_text(commit: Commit) -> str:
    title = shown(commit.message.partition("\n")[0])
    by = f" by {shown(commit.author)}" if commit.author else ""
    return f"{commit.id[:12]}{f' {title!r}' if title else ''}{by}, {ago(commit.time)}"
