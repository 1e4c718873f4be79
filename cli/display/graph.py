"""The family tree of images, containers and commits: as lines for people, and as JSON rows."""

from typing import Any

from cli.display.formats import counted, short_id, shown_time, subject
from cli.display.history import ITEM, item_row, names_text, oneline, person
from cli.display.output import paint
from eventstore.model.paths import shown
from projections.events.records import Records
from projections.history import commits, logbook
from projections.images.ancestry import ROOT, Member, Place
from projections.refs.points import Points
from projections.refs.tags import shown_names


def place_line(records: Records, points: Points, place: Place, *, brief: bool) -> str:
    """Return a member behind the lines that lead to it, of a commit with *brief* what `log --oneline` says of it."""
    way, member = place.way, place.member
    branches = "".join("   " if last else "|  " for last in way[:-1]) + ("`- " if way[-1] else "|- ") if way else ""
    if member.seal is None:
        return branches + _made_line(points, member)
    commit = commits.of_seal(records, member.seal)
    if brief:
        return branches + oneline(logbook.of_commit(commit), member.names)
    head = f"{paint('commit', 'yellow')} {short_id(commit.id)}{names_text(member.names)} {shown_time(commit.time)}"
    return f"{branches}{head} {person(commit.author) if commit.author else 'nobody named'}: {subject(commit.message)}".rstrip()


def _made_line(points: Points, member: Member) -> str:
    removed = ", removed" if member.removed else ""
    if member.kind == "image":
        return f"{paint('image', 'yellow')} {short_id(member.id)}{names_text(member.names)}{removed}"
    base = f", from {points.spelled(*member.base)}" if member.base else ""
    name = f"{paint('container', 'cyan')} {shown(member.names[0])} ({short_id(member.id)})"
    return f"{name}, {counted(member.commits, 'commit')}{base}{removed}"


def place_row(records: Records, place: Place) -> dict[str, Any]:
    """Return a member, what it hangs on (`below`: a kind and an id, or null), and of a commit all that `log` says of it."""
    member, below = place.member, place.below
    row = {
        "kind": member.kind,
        "id": member.id,
        "names": shown_names(member.names) if member.kind != "container" else member.names,
        "below": None if below == ROOT else {"kind": below[0], "id": below[1]},
        "removed": member.removed,
    }
    if member.seal is None:
        return dict.fromkeys(ITEM) | row
    signed = commits.signatures(records, [member.id]).get(member.id, [])
    return row | item_row(logbook.of_commit(commits.of_seal(records, member.seal)), member.names, signed, touched=False)
