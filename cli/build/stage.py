"""A stage while it is built: each step is found among those built before, or done in the stage's container and sealed."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from cli.build.request import Progress, Request
from cli.session.session import Session
from cli.session.writing import writing
from eventstore.index.stream_paths import has_tree_events
from eventstore.model.changes import Change
from eventstore.model.events import ENCODER, Event
from eventstore.model.facts import Base, ConfigChange, ContainerBase, EmptyBase, Seal
from eventstore.model.process_facts import Step
from eventstore.store import commands
from eventstore.store.writer import Writer
from projections.build import inputs
from projections.build.scope import Scope
from projections.build.stages import Stage
from projections.images import images, oci_form, run_config
from projections.oci.config import difference
from projections.oci.documents import Json
from projections.refs import containers, targets
from projections.refs.targets import Target
from projections.tree import lineage
from projections.tree.view import View

SECOND = 10**9


class Place(NamedTuple):
    """What a stage begins on, or ended as: a base for containers, its image ("": none), and its run config.

    `tree` stands for its files and `chain` for all that led to it: equal ones, equal files.
    """

    base: Base
    image: str
    tree: str
    chain: str
    config: Json


class Doing(NamedTuple):
    """The instruction that is being done: its number in the stage, its line and its text."""

    number: int
    line: int
    text: str


class _Waiting(NamedTuple):
    """A change of the config that is not sealed yet."""

    doing: Doing
    config: Json
    created_by: str
    author: str | None
    inputs: bytes


class StageBuild:
    """`place` moves on with every step; `container` is where steps are done, None as long as all of them were found."""

    def __init__(self, s: Session, build: str, request: Request, progress: Progress, stage: Stage, place: Place) -> None:
        self.s, self.build, self.request, self.progress = s, build, request, progress
        self.stage, self.place, self.start = stage, place, place
        self.scope = Scope(request.arguments, {}, {})
        self.own_command = False
        self.container: str | None = None
        self.made: list[str] = []
        """Every container of the stage, also those that a step which was found made idle."""
        self.doing = Doing(0, stage.line, "")
        self._waiting: list[_Waiting] = []
        self._told: list[tuple[str, str]] = []
        self._anew = 0
        """The line of the last step that was not found."""
        self._is_natural = True
        """Whether the commits under `place` are just the steps that were told, each one."""
        self._has_files = False
        """Whether the last commit has files of its own."""

    # -- where it stands

    def begin(self, doing: Doing) -> None:
        """Go on to an instruction."""
        self.doing = doing
        self._tell_log(doing)

    def view(self) -> View:
        """Return the tree as it is now."""
        return View(self.s.log, self.s.store.content, lineage.of_base(self.s.log, self.place.base))

    def stated(self, kind: str, **more: Any) -> dict[str, Any]:
        """Return what every step that depends on the tree alone states of what it is made from."""
        return {"step": kind, "base": self.place.tree, "epoch": self.request.epoch, **more}

    def _actual_config(self) -> Json:
        point = self.place.base
        if not isinstance(point, ContainerBase):
            return self.start.config
        target = Target("", None, point.container, point.version)
        return run_config.run_config(self.s.log, self.s.store.content, target)

    # -- steps of the config

    def configure(self, config: Json, created_by: str, author: str | None) -> None:
        """Go on with another run config: as a commit built before, or with one that is sealed before the next step is done."""
        stated = {"step": "config", "base": self.place.chain, "instruction": created_by, "config": config,
                  "author": author, "epoch": self.request.epoch}  # fmt: skip
        text = inputs.text(stated)
        self._told.append(("", created_by))
        found = self._find(text) if self._is_natural and not self._waiting else None
        if found is None:
            self._waiting.append(_Waiting(self.doing, config, created_by, author, text))
        else:
            self._stand_on(found)
            self.progress.found()
        self.place = self.place._replace(config=config, chain=inputs.key(text).hex())

    def settle(self, writer: Writer) -> None:
        """Seal what waits, so that a step can be done: in the stage's container, which is made where there is none yet."""
        actual = self._actual_config()
        with writer.transaction():
            self._settle(writer, actual)

    def _settle(self, writer: Writer, actual: Json) -> None:
        self._require_container(writer)
        for waiting in self._waiting:
            change = _difference(actual, waiting.config, waiting.doing.text)
            self._seal(writer, waiting.doing, waiting.inputs, (), change, waiting.created_by, waiting.author)
            actual = waiting.config
        self._waiting = []
        last = _difference(actual, self.place.config, "")
        if last is not None:
            commands.configure(writer, self._require_container(writer), last)
            self.move_on()

    def _require_container(self, writer: Writer) -> str:
        if self.container is None:
            name = f"build-{self.build[:8]}-{self.stage.called}" + (f"-{len(self.made)}" if self.made else "")
            self.container = commands.create_container(writer, name, self.place.base, None)
            self.made.append(self.container)
            self.move_on()
        return self.container

    def move_on(self) -> None:
        """Stand on the container as it is now, after what was recorded in it."""
        assert self.container is not None
        self.place = self.place._replace(base=ContainerBase(self.container, containers.get(self.s.log, self.container).version))

    # -- steps of the tree

    def find(self, text: bytes) -> bool:
        """Go on from a step that was built of the same, where there is one; what is told of it is the caller's last word."""
        found = self._find(text)
        if found is None:
            return False
        natural = self._is_natural and not self._waiting and Seal.of(found).parent == (self.place.image or None)
        self._waiting = []
        self._is_natural = natural
        self._stand_on(found)
        self.progress.found()
        return True

    def tell(self, created_by: str) -> None:
        """Let the history tell of the step that was just found or sealed."""
        commit = self.place.image if self._has_files else ""
        self._told.append((commit, created_by))

    def seal(self, writer: Writer, text: bytes, changes: Iterable[Change], created_by: str) -> None:
        """Record what the step changes, that it was built of *text*, and seal it, in one changeset."""
        self._require_container(writer)
        self._seal(writer, self.doing, text, changes, None, created_by, None)

    def explain(self, text: bytes) -> None:
        if self.request.explain:
            place = (self.stage.called, self.doing.number, self.doing.text)
            self.progress.missed(inputs.changed(self.s.log, self.s.store.content, *place, text, self._moved()))
        self._anew = self.doing.line

    def _moved(self) -> str:
        if self._anew:
            return f"the step in line {self._anew} was built anew"
        if self.place.tree == self.start.tree:
            return f"what FROM names in line {self.stage.line} is another image now"
        return "what it stands on changed"

    # -- the end

    def finish(self) -> Place:
        """Seal what is left, and return what the stage has become: the same commit where it was built before."""
        if self._waiting or not self._is_natural:
            self._finish()
        return self.place

    def _finish(self) -> None:
        if self._is_natural:
            with writing(self.s) as writer:
                self.settle(writer)
            return
        config = self.place.config
        stated = {"step": "image", "base": self.place.image, "config": config, "history": self._told}
        text = inputs.text({**stated, "epoch": self.request.epoch})
        found = self._find(text)
        if found is not None:
            self._stand_on(found)
        else:
            target = Target("", self.start.image or None, *_point(self.start.base))
            kept = len(list(oci_form.build_steps(self.s.log, images.of_target(self.s.log, target)))) if self.start.image else 0
            actual = self._actual_config()
            self._waiting = []
            with writing(self.s) as writer, writer.transaction():
                self._require_container(writer)
                self._seal(writer, self.doing, text, (), _difference(actual, config, ""), None, None, (kept, self._told))
        self.place = self.place._replace(config=config)

    # -- inside

    def _find(self, text: bytes) -> Event | None:
        """Return the seal of a step that was built of the same, and can be used."""
        found = inputs.find(self.s.log, inputs.key(text)) if self.request.reuse else None
        return found if found is not None and self._is_whole(found) else None

    def _is_whole(self, seal: Event) -> bool:
        """Whether nothing of a commit was erased."""
        log, first = self.s.log, Seal.of(seal).first
        if not self.s.store.content.has_erasures():
            return True
        return all(map(self.s.store.content.has, log.contents(seal.stream, first, seal.version)))

    def _stand_on(self, seal: Event) -> None:
        self.container = None
        self._sealed(seal)

    def _sealed(self, seal: Event) -> None:
        container, commit = self.s.log.stream_of(seal.stream).name, seal.commit
        self._has_files = has_tree_events(self.s.log, seal.stream, Seal.of(seal).first, seal.version)
        tree = sha256(f"{self.place.tree} {commit}".encode()).hexdigest() if self._has_files else self.place.tree
        self.place = self.place._replace(base=ContainerBase(container, seal.version), image=commit, tree=tree, chain=commit)

    def _seal(
        self, writer: Writer, doing: Doing, text: bytes, changes: Iterable[Change], config: ConfigChange | None,
        created_by: str | None, author: str | None, history: tuple[int, Sequence[tuple[str, str]]] | None = None,
    ) -> None:  # fmt: skip
        assert self.container is not None
        writer.content.put_stream([text])
        now = containers.get(self.s.log, self.container)
        self._tell_log(doing)
        writer.context = self.s.context()
        step = Step(self.build, self.stage.called, doing.line, doing.text, inputs.key(text).hex(), doing.number)
        seals = Seal(
            0, 0, self.place.image or None, author or writer.context.author, None, ENCODER, created=self.latest,
            created_by=created_by, history=history,
        )  # fmt: skip
        commit = commands.record_and_seal(
            writer, self.container, changes, self.view(), seal=seals, configs=[config] if config is not None else [],
            step=step, expected=now.version,
        )  # fmt: skip
        seal = self.s.log.seal(commit.hex())
        assert seal is not None
        self._sealed(seal)

    @property
    def latest(self) -> int | None:
        """The time (ns) that the image is made at, and that nothing made in it is later than; None for any."""
        return None if self.request.epoch is None else self.request.epoch * SECOND

    def _tell_log(self, doing: Doing) -> None:
        """Let the events that come say of which step they are."""
        self.s.build = {"id": self.build, "stage": self.stage.called, "line": doing.line, "instruction": doing.text}


def begun(s: Session, found: Target | None, platform: str) -> Place:
    """Return what a stage begins on: an image or a point, or nothing (scratch)."""
    if found is None:
        return Place(EmptyBase(platform), "", f"scratch {platform}", "scratch", {})
    config = run_config.run_config(s.log, s.store.content, found)
    base = targets.as_base(found)
    name = found.image or " ".join(map(str, base or ()))
    return Place(base, found.image or "", name, name, config)


def _point(base: Base) -> tuple[str | None, int]:
    return (base.container, base.version) if isinstance(base, ContainerBase) else (None, 0)


def _difference(old: Json, new: Json, instruction: str) -> ConfigChange | None:
    found = difference(old, new, [instruction] if instruction else [])
    return found if found.set or found.unset else None
