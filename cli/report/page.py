"""The audit as one HTML page: no scripts, nothing from elsewhere, every text escaped."""

import html
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import sqrt

from cli.display.formats import counted, human_size, shown_minute
from cli.display.output import Column, Row, Shape
from cli.report.rows import shown_before
from cli.report.style import STYLE
from eventstore.model.paths import shown
from projections.audit.actions import Action, Group, Sealed
from projections.events.records import actor_text
from projections.refs.tags import shown_names

MOST_TEXT = 400
LANES, STEPS = 12, 100
WIDTH, LABEL, LANE, AXIS = 1000, 210, 30, 34
NO_COMMIT = "tags, loads, ..."
COLOURS = ("#2f6fb5", "#c2571a", "#3d8b4a", "#8a55b0", "#b3435c", "#6b7280", "#0f8b8d", "#a07a1a")


def page(
    actions: Sequence[Action], authors: Sequence[Group], store_id: str, head: int,
    files: Callable[[Action], Iterable[str]] | None = None, about: str = "",
) -> Iterator[str]:  # fmt: skip
    """Yield the page in pieces; *actions* are the oldest first, *head* is the log's last position.

    What it is *about*, if not all of the store, its title says.  Where *files* says what a commit changed, that is there too,
    and the commit leads to it.
    """
    subject = about or f"store {store_id[:12]}"
    heading = f"Who did what: {text(about)}" if about else "Who did what"
    yield (
        f"{_head(f'Audit of {subject}')}<h1>{heading}</h1>\n"
        f'<p class="about">Store <code>{text(store_id[:12])}</code>, {_period(actions)}, '
        f"up to event {head}. Authors are claimed; actors, below them, were seen by the machine.</p>\n"
        f"{_sums(actions, authors)}"
    )
    if actions:
        yield f"<h2>Timeline</h2>\n{timeline(actions)}\n"
    yield from _authors(authors)
    yield from _actions(actions, linked=files is not None)
    if files is not None:
        yield "<h2>What each commit changed</h2>\n"
        for action in reversed(actions):
            if action.sealed is not None:
                title = f"{text(action.object[:12])} {text(action.said[:MOST_TEXT])}"
                yield f'<h3 id="commit-{text(action.object)}">{title}</h3>\n'
                yield from files(action)
    yield "</body></html>\n"


def of_rows(title: str, rows: Iterable[Row], columns: Sequence[Column]) -> Iterator[str]:
    """Yield a page that lists *rows*, as a table on a terminal does."""
    yield f"{_head(title)}<h1>{text(title)}</h1>\n<table><thead><tr>"
    yield "".join(f"<th>{text(column.header.capitalize())}</th>" for column in columns)
    yield "</tr></thead><tbody>\n"
    for row in rows:
        cells = (html.escape(column.cell(row, Shape())) for column in columns)
        yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
    yield "</tbody></table>\n</body></html>\n"


def _head(title: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body>\n"
    )


def text(value: str | bytes) -> str:
    """Return *value* on one line, its control and bidi characters visible, safe within HTML."""
    return html.escape(shown(value))


def lines(value: str) -> str:
    """As `text`, line by line; what is longer than `MOST_TEXT` is cut, and says so."""
    cut = "\n".join(map(text, value[:MOST_TEXT].rstrip("\n").split("\n")))
    return cut if len(value) <= MOST_TEXT else f'{cut}<span class="soft"> ... ({len(value)} characters in all)</span>'


def _period(actions: Sequence[Action]) -> str:
    if not actions:
        return "nothing happened yet"
    times = [action.record.time for action in actions]
    return f"{shown_minute(min(times))} to {shown_minute(max(times))}"


def _sums(actions: Sequence[Action], authors: Sequence[Group]) -> str:
    commits = [action for action in actions if action.what == "commit"]
    sealed = [action.sealed for action in actions if action.sealed is not None]
    sums = {
        "commits": str(len(commits)),
        "signed": str(sum(action.signer is not None for action in commits)),
        "authors": str(len(authors)),
        "changes sealed": str(sum(held.events for held in sealed)),
        "written": human_size(sum(held.bytes for held in sealed), " "),
        "sent out": str(len(_departures(actions))),
        "erasures": str(sum(action.what == "erase" for action in actions)),
    }
    return '<dl class="sums">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in sums.items()) + "</dl>\n"


def _departures(actions: Sequence[Action]) -> set[int]:
    """Return the positions of the saves and pushes among *actions* and of those that commits tell of."""
    listed = {action.record.event.position for action in actions if action.what in ("save", "push")}
    return listed | {sent.record.event.position for action in actions for sent in action.sent}


# -- the timeline


def timeline(actions: Sequence[Action]) -> str:
    """Return an SVG: a lane for each author with the most commits, one for the others, one for all that is no commit."""
    times = [action.record.time for action in actions]
    first, last = min(times), max(*times, min(times) + 1)
    lanes = _lanes(actions, first, last)
    height = LANE * len(lanes) + AXIS
    svg = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Commits and other actions over time">'
    parts = (_lane(name, counts, number, first, last) for number, (name, counts) in enumerate(lanes.items()))
    return "".join([svg, *parts, _axis(first, last, height), "</svg>"])


def _lanes(actions: Sequence[Action], first: int, last: int) -> dict[str, Counter[int]]:
    """Return the rows of the timeline from the top down, and how many actions fell into each step of each."""
    names = [action.author or "nobody named" if action.what == "commit" else "" for action in actions]
    totals = Counter(filter(None, names))
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    label = {name: name for name in ranked[:LANES]} | dict.fromkeys(ranked[LANES:], "others") | {"": NO_COMMIT}
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for action, name in zip(actions, names, strict=True):
        found[label[name]][min(STEPS - 1, (action.record.time - first) * STEPS // (last - first + 1))] += 1
    return {name: found[name] for name in label.values() if name in found}


def _lane(author: str, counts: Counter[int], number: int, first: int, last: int) -> str:
    y, colour = LANE * number + LANE / 2, COLOURS[number % len(COLOURS)]
    name = shown(author)
    name = name if len(name) <= 23 else name[:22] + "…"
    line = f'<line x1="{LABEL}" x2="{WIDTH}" y1="{y}" y2="{y}"/><text x="0" y="{y + 4}">{html.escape(name)}</text>'
    parts = [line, f'<text class="soft" x="{LABEL - 10}" y="{y + 4}" text-anchor="end">{counts.total()}</text>']
    most = max(counts.values())
    for step, count in sorted(counts.items()):
        x = LABEL + 14 + (WIDTH - LABEL - 28) * (step + 0.5) / STEPS
        when = shown_minute(first + (last - first) * step // STEPS)
        radius = 4 + (LANE / 2 - 5) * sqrt(count / most) if most > 1 else 5
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity=".72">'
            f"<title>{text(author)}: {count} from {when}</title></circle>"
        )
    return "".join(parts)


def _axis(first: int, last: int, height: int) -> str:
    parts = []
    for part, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        x = LABEL + 14 + (WIDTH - LABEL - 28) * part / 4
        when = shown_minute(first + (last - first) * part // 4)
        parts.append(
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="{height - AXIS + 6}" stroke-dasharray="2 4"/>'
            f'<text class="soft" x="{x:.0f}" y="{height - 10}" text-anchor="{anchor}">{when}</text>'
        )
    return "".join(parts)


# -- the tables


def _authors(groups: Sequence[Group]) -> Iterator[str]:
    yield (
        '<h2>By author</h2>\n<table><thead><tr><th>Author (claimed)</th><th class="n">Commits</th>'
        '<th class="n">Changes</th><th class="n">Files</th><th class="n">Written</th><th>First</th><th>Last</th></tr>'
        "</thead><tbody>\n"
    )
    for group in sorted(groups, key=lambda group: -group.commits):
        yield f"<tr><td>{text(group.key) or 'nobody named'}</td>"
        cells = (group.commits, group.events, group.files, human_size(group.bytes, " "))
        yield "".join(f'<td class="n">{cell}</td>' for cell in cells)
        yield f'<td class="t">{shown_minute(group.first)}</td><td class="t">{shown_minute(group.last)}</td></tr>\n'
    yield "</tbody></table>\n"


def _actions(actions: Sequence[Action], *, linked: bool) -> Iterator[str]:
    yield '<h2>Everything, newest first</h2>\n<table class="actions"><colgroup>'
    yield "".join(f'<col style="width:{width}%">' for width in (13, 8, 10, 19, 13, 15, 22))
    yield (
        "</colgroup><thead><tr><th>When</th><th>What</th><th>Id</th><th>Who</th>"
        '<th class="n">Sealed</th><th>Names it ever had, and where it went</th><th>Message</th></tr></thead><tbody>\n'
    )
    yield from (_action(action, linked=linked) for action in reversed(actions))
    yield "</tbody></table>\n"


def _action(action: Action, *, linked: bool) -> str:
    short = text(action.object.rpartition(":")[2][:12])
    if linked and action.sealed is not None:
        short = f'<a href="#commit-{text(action.object)}">{short}</a>'
    what = f'<span class="what {action.what}">{action.what}</span>'
    names = f"{text(action.author or 'nobody named')}<br><span class=\"soft\">{text(actor_text(action.record))}</span>"
    return (
        f'<tr><td class="t">{shown_minute(action.record.time)}</td><td>{what}</td><td class="id" title="{text(action.object)}">'
        f"{short}{_point(action)}{_signed(action)}</td><td>{names}</td>"
        f'<td class="n">{_held(action.sealed or action.came)}</td><td>{_went(action)}</td>'
        f'<td class="said">{lines(action.said)}</td></tr>\n'
    )


def _point(action: Action) -> str:
    """Return, on a line of its own, a container's event by the name that the container had then, and by its id over it."""
    if action.name is None:
        return ""
    version, container = action.record.event.version, action.record.name
    return f'<br><span title="{text(container)}@{version}">{text(action.name)}@{version}</span>'


def _signed(action: Action) -> str:
    if action.what != "commit":
        return ""
    if action.signer is None:
        return '<br><span class="soft">unsigned</span>'
    return f'<br><span class="soft signed" title="{text(action.signer)}">signed</span>'


def _held(held: Sealed | None) -> str:
    if held is None:
        return ""
    files, changes = counted(held.files, "file"), counted(held.events, "change")
    return f'{files}<br><span class="soft">{changes}, {human_size(held.bytes, " ")}</span>'


def _went(action: Action) -> str:
    names = [f"<code>{text(name)}</code>" for name in shown_names(action.tags)]
    sent = ((one.how, text(one.where), shown_minute(one.record.time)) for one in action.sent)
    went = [f'<span class="soft">{how} {where}, {when}</span>' for how, where, when in sent]
    return "<br>".join([*names, *_before(action), *went])


def _before(action: Action) -> Iterator[str]:
    if action.before is not None:
        yield f'<span class="soft" title="{text(action.before)}">before: {text(shown_before(action.before))}</span>'
