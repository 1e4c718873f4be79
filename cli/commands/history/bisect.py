"""Bisect: which write broke it."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence

import click

from cli.commands.history import bisect_state
from cli.commands.history.bisect_state import Kept
from cli.display import blame, events
from cli.display.formats import counted, short_id, subject
from cli.options import completion
from cli.session.actor import author_option
from cli.session.session import Session, become_root, session
from cli.session.writing import writing
from eventstore.errors import ConflictError, ErasedError, InvalidError
from eventstore.model.paths import shown
from eventstore.store import commands
from projections.events.records import Records
from projections.history import bisect as halving
from projections.history import commits
from projections.history.bisect import Point, State, Step
from projections.history.blame import Causes
from projections.refs.points import Points
from projections.refs.targets import Target, as_base, event_of

SKIP = 125
CANNOT_RUN = (126, 127)
"""What a shell ends with where a program may not be executed, or is not there."""


@click.group()
def bisect() -> None:
    r"""Find the write that broke something: mark a bad point and a good one before it, then check those in between.

    Commits are halved first, then the single events of the guilty commit. Each point is named so that other commands
    take it: check it with `layerlog checkout web@42 DIR`, or let `bisect run` try a command in a checkout of each.

    \b
      layerlog bisect start web web@3
      layerlog bisect run sh -c 'grep -q 8080 etc/app.conf'
      layerlog bisect reset
    """


@bisect.command()
@click.argument("bad", shell_complete=completion.references)
@click.argument("good", required=False, shell_complete=completion.references)
def start(bad: str, good: str | None) -> None:
    """Begin: BAD is a container or image made here, at a point where it is broken; GOOD is one before it."""
    with session() as s:
        line = halving.line_to(s.log, s.resolve(bad))
        known = None if good is None else halving.point_of(s.log, line, s.resolve(good))
        state = State(line, known, halving.end(line))
        said = shlex.join(["start", bad, *([good] if good else [])])
        _go_on(s, Kept(halving.require_order(s.log, state), (said,)))


@bisect.command()
@click.argument("point", required=False, shell_complete=completion.references)
def good(point: str | None) -> None:
    """Say that POINT, or the one that is being checked, is good."""
    _mark("good", point)


@bisect.command()
@click.argument("point", required=False, shell_complete=completion.references)
def bad(point: str | None) -> None:
    """Say that POINT, or the one that is being checked, is bad."""
    _mark("bad", point)


@bisect.command()
@click.argument("point", required=False, shell_complete=completion.references)
def skip(point: str | None) -> None:
    """Say that POINT, or the one that is being checked, cannot be told."""
    _mark("skip", point)


@bisect.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, metavar="COMMAND [ARG]...")
@author_option("-a")
@click.option("--in-container", is_flag=True, help="Run it inside, on a fork of each point, and not in a checkout.")
@click.pass_context
def run(ctx: click.Context, /, command: tuple[str, ...], *, in_container: bool) -> None:
    """Try COMMAND in a checkout of each point: exit code 0 is good, 125 cannot be told, another up to 127 is bad.

    It runs in the checkout's root; LAYERLOG_POINT names the point. A higher code, or a signal, stops the bisection. Where a
    shell says by 126 or 127 that it could not run something, the good point is tried first: if that says so, too, nobody is
    accused. A point whose contents were erased is skipped; below an image that `erase --derive` made anew they are left out.
    """
    from cli.sandbox.trial import attempt, program

    argv = [*command] if in_container else program(command)

    def code_at(s: Session, state: State, point: Point) -> int:
        target = halving.target_of(state.line, point)
        if in_container:
            return _inside(s, target, argv, ctx.obj.argv)
        erased = s.store.content.erased if state.line[point.segment].erased else None
        return attempt(s.view(target), argv, halving.point_text(s.log, state.line, point), erased)

    if in_container:
        become_root()
    with session() as s:
        kept = bisect_state.load(s.store.path)
        step, runs = _step(s, kept.state), False
        while step is not None and step.point is not None:
            name = halving.point_text(s.log, kept.state.line, step.point)
            try:
                code = code_at(s, kept.state, step.point)
            except ErasedError as error:
                print(f"layerlog: {name} cannot be checked out: {error}", file=sys.stderr)
                code = SKIP
            if code in CANNOT_RUN and not runs:
                _require_runs(s, kept.state, code_at, command[0])
            runs = True
            verdict = _verdict(code, command[0])
            kept = _marked(s, kept, verdict, step.point)
            bisect_state.save(s.store.path, kept)
            step = _step(s, kept.state)
            left = f", {_left(step)}" if step is not None and step.point is not None else ""
            print(f"layerlog: {name}: {verdict} (exit code {code}){left}", file=sys.stderr)
        if step is None:
            raise ConflictError("mark a good point first: `layerlog bisect good POINT`")
        _say(s, kept.state, step)


def _require_runs(s: Session, state: State, code_at: Callable[[Session, State, Point], int], name: str) -> None:
    """Raise ConflictError where what is tried cannot be run at the good point either: git calls that a bogus exit code."""
    assert state.good is not None
    code = code_at(s, state, state.good)
    if code in CANNOT_RUN:
        good = halving.point_text(s.log, state.line, state.good)
        raise ConflictError(
            f"{shown(name)} ends with {code} at {good}, too, which is known to be good: what it calls is not there, or may not "
            "be executed; mend the command and run it again, the bisection stands where it was"
        )


def _inside(s: Session, target: Target, command: list[str], recorded: Sequence[str]) -> int:
    """Return the exit code of *command* run in a fork of a point, which is forgotten then."""
    from cli.sandbox.bundle import Wishes
    from cli.session import visiting

    with writing(s) as writer:
        fork = commands.create_container(writer, f"bisect-{os.urandom(4).hex()}", as_base(target))
    try:
        return visiting.run(s, fork, Wishes((*command,), entrypoint=""), recorded, None)
    finally:
        with writing(s) as writer:
            commands.remove_container(writer, fork)


@bisect.command()
def reset() -> None:
    """Forget the bisection that is under way."""
    with session() as s:
        bisect_state.remove(s.store.path)


@bisect.command("log")
def log_() -> None:
    """Print what was said so far, one command a line, and what to check next."""
    with session() as s:
        kept = bisect_state.load(s.store.path)
        print(*(shown(f"layerlog bisect {said}") for said in kept.said), sep="\n")
        _say(s, kept.state, _step(s, kept.state))


def _verdict(code: int, name: str) -> str:
    if code in (0, SKIP):
        return "good" if code == 0 else "skip"
    if 0 < code < 128:
        return "bad"
    raise ConflictError(f"{shown(name)} ended with {code}, which says neither good nor bad; the bisection stands where it was")


def _mark(verdict: str, text: str | None) -> None:
    with session() as s:
        kept = bisect_state.load(s.store.path)
        if text is not None:
            point = halving.point_of(s.log, kept.state.line, s.resolve(text))
        else:
            step = _step(s, kept.state)
            if step is None or step.point is None:
                raise InvalidError(f"nothing is being checked; say which point is {verdict}: `layerlog bisect {verdict} POINT`")
            point = step.point
        _go_on(s, _marked(s, kept, verdict, point))


def _marked(s: Session, kept: Kept, verdict: str, point: Point) -> Kept:
    state = kept.state.marked(verdict, point)
    said = f"{verdict} {halving.point_text(s.log, state.line, point)}"
    return Kept(halving.require_order(s.log, state), (*kept.said, said))


def _go_on(s: Session, kept: Kept) -> None:
    step = _step(s, kept.state)
    bisect_state.save(s.store.path, kept)
    _say(s, kept.state, step)


def _step(s: Session, state: State) -> Step | None:
    """Return what comes next, or None where one end is not known yet."""
    return None if state.good is None or state.bad is None else halving.next_step(s.log, state)


def _say(s: Session, state: State, step: Step | None) -> None:
    if step is None:
        missing = "good" if state.good is None else "bad"
        print(f"now say what is {missing}: `layerlog bisect {missing} POINT`")
    elif step.point is not None:
        name = halving.point_text(s.log, state.line, step.point)
        rounds = halving.steps_left(step.left)
        print(f"check {shown(name)}{_commit_text(s, state, step.point)}: {_left(step)}, about {counted(rounds, 'step')}")
    else:
        _say_guilty(s, state, step)


def _left(step: Step) -> str:
    return f"{counted(step.left, step.over.removesuffix('s'))} left"


def _say_guilty(s: Session, state: State, step: Step) -> None:
    assert step.guilty is not None
    line = state.line
    target = halving.target_of(line, step.guilty)
    if step.skipped:
        skipped = ", ".join(shown(halving.point_text(s.log, line, point)) for point in step.skipped[:10])
        print(f"only skipped events are left before {shown(halving.point_text(s.log, line, step.guilty))}: {skipped}")
    else:
        print(f"{shown(halving.point_text(s.log, line, step.guilty))} is the first bad event")
    cause = Causes(s.log, s.store.content, target).of(event_of(s.log, target).position)
    print(*blame.cause_lines("event", cause, Points(s.log)), sep="\n")


def _commit_text(s: Session, state: State, point: Point) -> str:
    event = event_of(s.log, halving.target_of(state.line, point))
    if event.id is None:
        return f" ({events.what(Records(s.log).of(event))})"
    commit = commits.of_seal(Records(s.log), event)
    return f" (commit {short_id(commit.id)}: {subject(commit.message, 60)})"
