"""`commit --guard`: what a user's rules ask for, and the refusal of what they object to."""

import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from cli.options.sizes_and_times import parse_size
from eventstore.errors import ConflictError, InvalidError
from eventstore.model.paths import shown
from eventstore.store.store import Store
from projections.edits.guards import Guards, Objection, config_objections, objections
from projections.edits.secret_scan import MARKER
from projections.history import status
from projections.oci.config_diff import ConfigDifference, differences
from projections.refs import targets
from projections.refs.containers import Container
from projections.tree.view import View

SHOWN, RECORDED = 5, 100
NAMES = ("secrets", "setuid", "author", "message")


def guards(rules: Iterable[str]) -> Guards:
    """Return what *rules* (secrets, setuid, author, message, size=10M) ask for; raise InvalidError for any other."""
    found = Guards()
    for rule in rules:
        name, _, value = rule.partition("=")
        if name == "size" and value:
            found = found._replace(size=parse_size(value))
        elif rule in NAMES:
            found = found._replace(**{rule: True})
        else:
            raise InvalidError(f"no guard {shown(rule)!r}; there are {', '.join(NAMES)} and size=BYTES (as in size=10M)")
    return found


def guard(
    store: Store, container: Container, rules: Sequence[str], allowed: Sequence[str], author: str | None, message: str | None,
    changes: Sequence[str] = (),
) -> dict[str, Any] | None:
    """Return what the seal is to say of the guards; raise ConflictError naming what *rules* object to; *changes* are those of
    the config that come with the seal.

    Costs reading what would be sealed only where contents count.
    """
    asked = guards(rules)
    if not asked.any:
        return None
    found = status.unsealed(store, container.id, container.version)
    entries = (difference.after for difference in status.differences(found) if difference.after is not None)
    refused, through = Some(SHOWN), Some(RECORDED)
    of_config = config_objections(asked, *_config(store, container, found.first, changes), allowed) if asked.secrets else ()
    of_files = objections(asked, author, message, entries, View(store.log, store.content, ()).read, allowed)
    for objection in chain(of_files, of_config):
        (through if objection.by else refused).add(objection)
    if refused.first:
        raise ConflictError(
            f"a guard refuses this commit: {refused}; mend that, drop the guard, "
            f"or let it through: --guard-allow PATH (or 'ENV NAME'), or {MARKER.decode()} on the secret's line"
        )
    if through.first:
        print(f"layerlog: a guard lets through: {through}", file=sys.stderr)
    stated = {"rules": list(rules), "allow": list(allowed), "let_through": [objection.stated for objection in through.first]}
    return stated | ({"more": through.more} if through.more else {})


def _config(
    store: Store, container: Container, first: int, changes: Sequence[str]
) -> tuple[list[ConfigDifference], list[str]]:
    """Return what a seal of the events from *first* on, and of *changes*, would say of the config, and the instructions."""
    from projections.images import run_config

    log, content, target = store.log, store.content, targets.of_container(container)
    before = run_config.run_config(log, content, target._replace(version=first - 1))
    after, instructions = run_config.run_config(log, content, target), status.unsealed_instructions(log, container)
    if changes:
        from projections.oci import config, config_changes

        change = run_config.change(log, content, target, config_changes.read(changes))
        if change is not None:
            after, instructions = config.changed(after, change), [*instructions, *change.instructions]
    return list(differences(before, after)), instructions


class Some:
    """The first `most` of what is added, and how many more there were."""

    def __init__(self, most: int) -> None:
        self.most, self.first, self.more = most, list[Objection](), 0

    def add(self, objection: Objection) -> None:
        if len(self.first) < self.most:
            self.first.append(objection)
        else:
            self.more += 1

    def __str__(self) -> str:
        return "; ".join(map(str, self.first)) + (f" and {self.more} more" if self.more else "")
