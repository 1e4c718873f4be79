"""Taking back, all as new events: the last changes of a container, one commit, or one path."""

import itertools
import stat
import sys
from collections.abc import Callable

import click

from cli.display import history
from cli.display.diff_lines import Compared, print_changes, print_config
from cli.display.formats import counted, listed
from cli.options import completion
from cli.session.named_paths import led
from cli.session.session import Session, session
from cli.session.writing import append, change, repeated
from cli.streams.tee import tee
from eventstore.errors import ConflictError, InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import plain, shown
from projections.diff.between import Around, differences
from projections.edits import revert as reverting
from projections.edits import undo
from projections.events.records import Records
from projections.events.rows import place
from projections.history import logbook, undo_stack
from projections.history.commits import Commit, of_seal
from projections.history.undo_stack import Step
from projections.images import run_config
from projections.oci import config_diff
from projections.oci.config_diff import ConfigDifference, Reverted
from projections.refs import containers, references, targets
from projections.refs.containers import Container
from projections.refs.points import Points
from projections.refs.targets import Target
from projections.tree.symlinks import follow
from projections.tree.view import View

MOST_CONFLICTS = 10


@click.command("undo")
@click.argument("container", shell_complete=completion.containers)
@click.argument("count", metavar="[N]", type=click.IntRange(1), default=1)
def undo_(container: str, count: int) -> None:
    r"""Take back the last N (1) changes of a container's files and config, sealed or not, and print what was taken back.

    A change is what one command did. Again, the change before it is taken back, and so on, as in an editor; `redo` goes
    forward again, until another change begins a new line. All of it stays in the history, the undoing too.

    \b
      layerlog undo web
      layerlog undo web 3
    """
    with session() as s:
        found, step = _stepped(s, container, lambda now: undo_stack.undone(s.store, now, count))
        _print_step(s, found, step, f"`layerlog redo {{}}{f' {count}' if count > 1 else ''}` goes forward again")


@click.command()
@click.argument("container", shell_complete=completion.containers)
@click.argument("count", metavar="[N]", type=click.IntRange(1), default=1)
def redo(container: str, count: int) -> None:
    r"""Bring back the last N (1) changes that `undo` took back, and print what was brought back.

    \b
      layerlog redo web
      layerlog redo web 3
    """
    with session() as s:
        found, step = _stepped(s, container, lambda now: undo_stack.redone(s.store, now, count))
        _print_step(s, found, step, f"`layerlog undo {{}}{f' {count}' if count > 1 else ''}` goes back again")


def _stepped(s: Session, container: str, plan: Callable[[Container], Step]) -> tuple[Container, Step]:
    """Record what *plan* says of the container; return the container as it was, and that."""

    def act() -> tuple[Container, Step]:
        found = containers.get(s.log, s.container(container))
        step = plan(found)
        now = containers.view_at(s.store, found.id, found.version)
        append(s, found.id, now, step.changes, step.configs, s.context(undoes=step.undoes, redoes=step.redoes))
        return found, step

    return repeated(act)


def _print_step(s: Session, found: Container, step: Step, back: str) -> None:
    records, points = Records(s.log), Points(s.log)
    for run in step.undoes or step.redoes:
        first = records.of(s.log.event(found.stream, run.first))
        more = f" and {run.last - run.first} more" if run.last > run.first else ""
        print(f"{history.event_line(first, place(first, points))}{more}")
    point, name = points.spelled(found.id, step.version), points.container(found.id)
    print(f"It is as it was at {shown(point)}; {back.format(shown(name))}")


@click.command()
@click.argument("commit", shell_complete=completion.references)
@click.argument("container", required=False, shell_complete=completion.containers)
def revert(commit: str, container: str | None) -> None:
    r"""Take back what one commit changed, keeping what came later, and print it as `diff` does.

    It is taken back in CONTAINER, by default the one that made the commit. Where a path is no longer what the commit
    made it, nothing is done, and every such path is named. What the commit changed of the config is taken back too,
    variable by variable, but for what something newer changed: that stays, and is named.

    \b
      layerlog revert 3f2a9c
      layerlog commit -m "Revert" web
    """
    with session() as s:
        sealed = _commit(s, commit)
        found = s.container(container) if container is not None else sealed.container
        tag_back = _tag_back(s, commit, sealed)
        before, planned, version = repeated(lambda: _reverted(s, sealed, found, tag_back and f"; {tag_back}"))
        configs = run_config.around(s.log, s.store.content, found, before.version + 1, version)
        print_config(["topmost"], config_diff.differences(*configs))
        _print_changes(s, found, before, version)
        if planned.kept:
            _say(_kept_text(planned.kept))
        name = shown(containers.get(s.log, found).name)
        _say(f"{name} goes on without commit {sealed.id[:12]}; `layerlog commit {name}` seals that")
        if tag_back:
            _say(tag_back)


def _say(text: str) -> None:
    print(f"layerlog: {text}", file=sys.stderr)


def _tag_back(s: Session, ref: str, sealed: Commit) -> str:
    """Return what is to be said where a commit is named by a tag that has moved: who means the tag has another command."""
    if references.tag_name(s.log, ref) is None or s.image(ref) != sealed.id:  # or it was made anew
        return ""
    try:
        s.resolve(step := f"{ref}@{{1}}")
    except NotFoundError:
        return ""
    return f"{shown(ref)} still names that commit: `layerlog tag {shown(step)} {shown(ref)}` takes the tag back"


def _reverted(s: Session, sealed: Commit, container: str, hint: str) -> tuple[View, Reverted, int]:
    """Record what takes a commit back; return the container as it was, what became of its config, and its new version.

    A refusal ends with *hint*.
    """
    now, said = s.now(container), f"commit {sealed.id[:12]}"
    planned = reverting.revert(logbook.around_commit(now, sealed), now)
    if planned.conflicts:
        raise ConflictError(f"{said} cannot be taken back: {_conflicts_text(planned.conflicts)}; nothing was changed{hint}")
    config = run_config.run_config(s.log, s.store.content, Target("", None, container, now.version))
    changed = run_config.around(s.log, s.store.content, sealed.container, sealed.first, sealed.last)
    without = config_diff.reverted(*changed, config)
    change = config_diff.change_to(config, without.config)
    if not planned.changes and change is None:
        stays = f"; {_kept_text(without.kept)}" if without.kept else ""
        raise ConflictError(f"nothing is left of what {said} changed{stays}{hint}")
    return now, without, append(s, container, now, planned.changes, [change] if change is not None else [])


def _kept_text(kept: list[ConfigDifference]) -> str:
    return f"the config stays as something newer set it: {listed([found.label for found in kept], MOST_CONFLICTS)}"


def _conflicts_text(conflicts: list[reverting.Conflict]) -> str:
    some = [f"/{shown(conflict.path)} {conflict.reason}" for conflict in conflicts[:MOST_CONFLICTS]]
    more = len(conflicts) - len(some)
    return "; ".join(some) + (f"; and {more} more paths" if more else "")


def _print_changes(s: Session, container: str, before: View, version: int) -> int:
    """Print what became of a container since *before*; return of how many paths."""
    after = containers.view_at(s.store, container, version)
    span = before.spans[-1]
    made = Around(before, after, (span.stream, span.upto + 1, version))
    paths = itertools.count()
    print_changes(["topmost"], lambda: Compared(before, after, tee(differences(made), lambda _: next(paths))))
    return next(paths)


def _commit(s: Session, text: str) -> Commit:
    from projections.history import derivation  # `undo` needs none of it

    seal = derivation.sealed(s.log, s.image(text))
    if seal is None:
        raise ConflictError(
            f"{shown(text)} was made elsewhere, so its writes are not known; only a commit made here can be reverted"
        )
    return of_seal(Records(s.log), seal)


@click.command()
@click.argument("source", metavar="REF[@POINT]:PATH", shell_complete=completion.paths)
@click.argument("place", metavar="[CONTAINER:PATH]", required=False, shell_complete=completion.container_paths)
def restore(source: str, place: str | None) -> None:
    r"""Bring a path, with all below it, back as it was at a point of history, and print what that changed.

    What came since is deleted where it was not there then. Without CONTAINER:PATH it comes back where it was. A directory
    above it that is gone comes back too, with the mode and owner that it had then.

    \b
      layerlog restore web@42:/etc
      layerlog restore web@{2026-11-24T10:00}:/etc/motd
      layerlog restore tomcat:/usr/local/tomcat/conf web:/usr/local/tomcat/conf
    """
    with session() as s:
        ref, top = s.split_named(source)
        target = s.resolve(ref)
        if place is None and target.container is None:
            raise InvalidError(f"{shown(source)} is no container's; say where to bring it back: CONTAINER:PATH")
        view = s.view(target)
        top = led(view, top)
        found, path = s.place(place) if place is not None else (target.container or "", top)
        view.get(top)
        before, version = change(s, found, lambda now: undo.restored(now, follow(now, path, last=False), view, top))
        _say_restored(s, found, path, _print_changes(s, found, before, version), shown(ref))
        for entry in undo.gone_above(before, follow(before, path, last=False), view, top):
            whose = f"{stat.filemode(entry.mode)} {entry.uid}:{entry.gid}"
            _say(f"/{shown(entry.path)} was gone: it is back, {whose} as it was then")
        if not top and not plain(path):
            _say_config(s, target, found)


def _say_restored(s: Session, container: str, path: bytes, paths: int, source: str) -> None:
    name = shown(containers.get(s.log, container).name)
    if paths:
        _say(f"{name}: {counted(paths, 'path')} brought back as in {source}")
    else:
        _say(f"nothing to bring back: {name}:/{shown(plain(path))} is as it is in {source}")


def _say_config(s: Session, source: Target, container: str) -> None:
    """Say that the config is not restored, where all files are and it differs; one that cannot be read is left aside."""
    found = containers.get(s.log, container)
    try:
        now, then = (run_config.run_config(s.log, s.store.content, one) for one in (targets.of_container(found), source))
    except LayerlogError:
        return
    differing = [one.label for one in config_diff.differences(now, then)]
    if differing:
        name, ref = shown(found.name), shown(source.text)
        _say(f"{name}'s config stays as it is, and differs in {listed(differing)}: `layerlog diff {ref} {name}` shows how")
