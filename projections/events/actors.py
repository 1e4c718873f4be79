"""Actors: the observed actor on one line, and whether somebody is whom a reader asks for."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from projections.events.records import Record

Matches = Callable[[str], bool]


class PeopleFilter(NamedTuple):
    """Whose doings are asked for, by the claimed author and by the observed actor; None: anybody's."""

    author: Matches | None = None
    actor: Matches | None = None

    def did(self, record: Record, author: str | None) -> bool:
        """Whether one of them did it; *author* is the one that it names, be it a commit, a layer or a single event."""
        return (self.author is None or self.author(author or "")) and (
            self.actor is None or self.actor(actor_text(record))
        )


def any_of(matchers: Sequence[Matches]) -> Matches | None:
    """Return what matches where one of *matchers* does; None where there is none."""
    return (lambda text: any(matches(text) for matches in matchers)) if matchers else None


def actor_text(record: Record) -> str:
    """Return the observed actor on one line: who, where, and the login uid where it says more."""
    actor = record.actor
    login, uid, login_uid = actor.get("login"), actor.get("uid"), actor.get("login_uid")
    more = f", login uid {login_uid}" if login_uid not in (None, uid) else ""
    return f"{login or uid}@{actor.get('host')} (uid {uid}{more})"
