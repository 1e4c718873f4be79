"""Undo and redo, against an editor's undo stack: whatever is written in between, the tree and the config are the model's."""

import copy
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from eventstore.errors import ConflictError, DamagedError
from eventstore.log.log import Context
from eventstore.model.changes import attributes
from eventstore.model.facts import ConfigChange
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.history import undo_stack
from projections.history.undo_stack import Step
from projections.images.run_config import run_config
from projections.oci.config import changed
from projections.oci.documents import Json
from projections.refs import containers, targets
from projections.refs.containers import Container, live_view, view_now
from tests.conftest import ADA
from tests.model import Model
from tests.projections.edits.test_undo import several_names
from tests.projections.tree.test_view import walked
from tests.stories import allowed


class State(NamedTuple):
    model: Model
    config: Json

    def linked(self) -> set[frozenset[bytes]]:
        """The groups of paths that are hard links of each other."""
        groups: dict[int, set[bytes]] = defaultdict(set)
        for path, node in self.model.names.items():
            groups[node].add(path)
        return {frozenset(group) for group in groups.values() if len(group) > 1}

    def says(self) -> object:
        return self.model.tree(), self.linked(), self.config


class Editor:
    """What an editor does: a change ends what could be redone; what changed nothing is no step."""

    def __init__(self, first: State) -> None:
        self.states, self.at = [first], 0

    @property
    def now(self) -> State:
        return self.states[self.at]

    def changed_to(self, state: State) -> None:
        del self.states[self.at + 1 :]
        if state.says() != self.now.says():
            self.states.append(state)
            self.at += 1

    def undo(self, count: int) -> bool:
        done = count <= self.at
        self.at -= count if done else 0
        return done

    def redo(self, count: int) -> bool:
        done = self.at + count < len(self.states)
        self.at += count if done else 0
        return done


class Play:
    """One container, and the editor that it must be like."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.drawn = store, random.Random(seed)
        with writing(store, ADA) as writer:
            commands.create_store(writer)
            self.container = commands.create_container(writer, "web", None)
            self.contents = [writer.content.put(b"content %d" % number) for number in range(4)]
            with writer.transaction():
                """Names the contents, which no event refers to yet."""
        self.editor = Editor(State(Model(), {}))

    def write(self) -> None:
        model = copy.deepcopy(self.editor.now.model)
        drawn = [allowed(model, self.drawn, self.contents) for _ in range(self.drawn.randrange(1, 4))]
        changes = [change for change in drawn if change]
        with writing(self.store, ADA) as writer:
            commands.record(writer, self.container, changes, live_view(self.store, self.container))
        if changes:
            self.editor.changed_to(State(model, self.editor.now.config))

    def touch_nothing(self) -> None:
        """An event that leaves everything as it was."""
        view = live_view(self.store, self.container)
        root = view.get(b"")
        same = attributes(b"", root.mode, uid=root.uid, gid=root.gid, mtime=root.mtime, xattrs=root.xattrs)
        with writing(self.store, ADA) as writer:
            commands.record(writer, self.container, [same], view)
        self.editor.changed_to(self.editor.now)

    def configure(self) -> None:
        name, value = self.drawn.choice("AB"), self.drawn.choice("12")
        change = ConfigChange((f"LABEL {name}={value}",), {"Labels": {**self.editor.now.config.get("Labels", {}), name: value}})
        if self.drawn.random() < 0.3:
            change = ConfigChange(("UNSET LABEL",), {}, ("Labels",))
        with writing(self.store, ADA) as writer:
            commands.configure(writer, self.container, change)
        self.editor.changed_to(State(self.editor.now.model, changed(self.editor.now.config, change)))

    def commit(self) -> None:
        with writing(self.store, ADA) as writer:
            commands.commit(writer, self.container, parent=None, allow_empty=True)

    def undo(self) -> None:
        count = self.drawn.choice((1, 1, 1, 2, 3))
        self.stepped(undo_stack.undone, count, allowed=self.editor.undo(count))

    def redo(self) -> None:
        count = self.drawn.choice((1, 1, 1, 2, 3))
        self.stepped(undo_stack.redone, count, allowed=self.editor.redo(count))

    def stepped(self, plan: Callable[[Store, Container, int], Step], count: int, *, allowed: bool) -> None:
        found = containers.get(self.store.log, self.container)
        if not allowed:
            with pytest.raises(ConflictError, match=r"container web has (no change|\d+ changes?) "):
                plan(self.store, found, count)
            return
        step = plan(self.store, found, count)
        with writing(self.store, Context(ADA.actor, ADA.command, undoes=step.undoes, redoes=step.redoes)) as writer:
            commands.record(writer, self.container, list(step.changes), view_now(self.store, self.container), configs=step.configs)

    def check(self) -> None:
        now = view_now(self.store, self.container)
        target = targets.of_container(containers.get(self.store.log, self.container))
        assert walked(now) == self.editor.now.model.tree()
        assert several_names(now) == self.editor.now.linked()
        assert run_config(self.store.log, self.store.content, target) == self.editor.now.config


@pytest.mark.parametrize("seed", range(30))
def test_undo_and_redo_are_an_editors(tmp_path: Path, seed: int) -> None:
    with Store.open_or_create(str(tmp_path / "store")) as store:
        play = Play(store, seed)
        acts = [play.write] * 5 + [play.configure] * 2 + [play.undo] * 5 + [play.redo] * 4 + [play.touch_nothing, play.commit]
        for _ in range(40):
            play.drawn.choice(acts)()
            play.check()


def test_what_undoes_its_own_future_is_damage(tmp_path: Path) -> None:
    with Store.open_or_create(str(tmp_path / "store")) as store:
        play = Play(store, 1)
        with writing(store, Context(ADA.actor, ADA.command, undoes=[(9, 9)])) as writer:
            commands.configure(writer, play.container, ConfigChange(("USER a",), {"User": "a"}))
        with pytest.raises(DamagedError, match="undoes what came after it"):
            play.stepped(undo_stack.undone, 1, allowed=True)
