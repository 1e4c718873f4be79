"""The family of images and containers as a tree of lines."""

from collections.abc import Iterator

from cli.display.history_text import names_text, subject
from cli.formats import counted, short_id
from cli.output import paint
from eventstore.log import Log
from eventstore.paths import shown
from projections import commits
from projections.family import Family, Key, Member
from projections.records import Records
from projections.references import Target


def family_lines(log: Log, target: Target | None) -> Iterator[str]:
    """Yield the tree of all, or of the root that *target* descends from."""
    family, records = Family(log), Records(log)
    if target is None:
        for way, member in family.lines():
            yield _branch(way[1:]) + member_text(log, records, member)
        return
    key: Key = ("container", target.container) if target.container is not None else ("image", target.image or "")
    root = family.root_of(key)
    yield member_text(log, records, family.member(root))
    for way, member in family.lines(root):
        yield _branch(way) + member_text(log, records, member)


def _branch(way: list[bool]) -> str:
    """Return the lines that lead to a member, given for each level whether it is the last there."""
    if not way:
        return ""
    return "".join("   " if last else "|  " for last in way[:-1]) + ("`- " if way[-1] else "|- ")


def member_text(log: Log, records: Records, member: Member) -> str:
    removed = ", removed" if member.removed else ""
    if member.kind == "image":
        return f"{paint('image', 'yellow')} {short_id(member.id)}{names_text(member.names)}{removed}"
    if member.kind == "container":
        count = counted(member.commits, "commit")
        where = f", from version {member.version}" if member.version else ""
        return f"{paint('container', 'cyan')} {shown(member.names[0])} ({short_id(member.id)}), {count}{where}{removed}"
    seal = log.seal(member.id)
    said = subject(commits.of_seal(records, seal).message) if seal is not None else ""
    return f"{paint('commit', 'yellow')} {short_id(member.id)}{names_text(member.names)} {said}".rstrip()
