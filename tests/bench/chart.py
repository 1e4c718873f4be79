"""SVG: a bar chart of one item, a group of bars for each case and a mark where the target lies; and all ratios in one."""

from collections.abc import Sequence
from math import log10
from xml.sax.saxutils import escape

from tests.bench.figures import Case, Figure, shown, to_best, to_largest

WIDTH, LEFT, RIGHT = 860, 250, 120
BAR, GAP, GROUP, TOP = 18, 5, 34, 44
OURS, PEER, BAD, TEXT, MUTED = "#1f6f54", "#9aa5b1", "#b3412e", "#1b1f23", "#57606a"
STYLE = f"text{{font:12px system-ui,sans-serif;fill:{TEXT}}} .m{{fill:{MUTED}}} .t{{font-weight:600}} .h{{font-size:15px;font-weight:600}}"


def chart(cases: Sequence[Case]) -> str:
    """Return the SVG of one item's cases; shorter bars are better, unless the unit is a rate."""
    parts: list[str] = []
    y = TOP
    for case in cases:
        parts.append(_text(16, y + 14, f"{case.title} ({case.verdict}, {_found(case)}target {case.target})", "t"))
        y += 24
        for figure in (*case.figures, *case.beside):
            parts.append(_bar(case, figure, y))
            y += BAR + GAP
        parts.append(_mark(case, y))
        y += GROUP - BAR
    head = _text(16, 26, f"{cases[0].item}: layerlog and its peers", "h")
    return _svg(cases[0].item, WIDTH, y, head + "".join(parts))


WIDE, MIDDLE, DECADE, LOWEST, HIGHEST = 1060, 700, 100, 0.05, 20.0


def overview(cases: Sequence[Case]) -> str:
    """Return the SVG of all cases in which layerlog's value stands over the best peer's, on a logarithmic scale."""
    compared = [case for case in cases if case.target.rule is to_best and not case.missing]
    bottom = TOP + 28 * len(compared)
    rows = "".join(_ratio(case, TOP + 28 * row) for row, case in enumerate(compared))
    line = f'<line x1="{MIDDLE}" x2="{MIDDLE}" y1="{TOP - 8}" y2="{bottom}" stroke="{TEXT}"/>'
    sides = _text(MIDDLE - 8, 26, "layerlog needs less", "m", anchor="end") + _text(MIDDLE + 8, 26, "layerlog needs more", "m")
    return _svg("layerlog / best peer", WIDE, bottom + 8, _text(16, 26, "layerlog / best peer", "h") + sides + rows + line)


def _ratio(case: Case, y: int) -> str:
    end, target = _on_scale(case.found), _on_scale(case.target.limit)
    left, right = sorted((end, float(MIDDLE)))
    peer = min(case.judged[1:], key=lambda figure: figure.median)
    label = _text(16, y + 13, f"{case.item} {case.title}"[:78]) + _text(WIDE - 8, y + 13, peer.name, "m", anchor="end")
    bar = f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="{BAR}" fill="{OURS if case.found <= 1 else BAD}"/>'
    mark = f'<line x1="{target:.1f}" x2="{target:.1f}" y1="{y - 3}" y2="{y + BAR + 3}" stroke="{TEXT}" stroke-dasharray="3 3"/>'
    number = _text(left - 6, y + 13, shown(case.found, "x"), anchor="end") if end < MIDDLE else _text(right + 6, y + 13, shown(case.found, "x"))
    return label + bar + mark + number


def _on_scale(ratio: float) -> float:
    return MIDDLE + DECADE * log10(min(max(ratio, LOWEST), HIGHEST))


def _svg(title: str, width: int, height: int, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f'<title>{escape(title)}</title><style>{STYLE}</style><rect width="{width}" height="{height}" fill="#fff"/>{body}</svg>\n'
    )


def _found(case: Case) -> str:
    return "" if case.missing else f"{shown(case.found, case.target.unit)}, "


def _scale(case: Case) -> float:
    most = max((f.median for f in (*case.figures, *case.beside) if f.samples), default=1.0)
    return (WIDTH - LEFT - RIGHT) / (max(most, _limit(case) or 0) or 1)


def _limit(case: Case) -> float | None:
    """Return the value at which the target lies, where it can be shown as one."""
    if case.missing:
        return None
    rule, others = case.target.rule, [figure.median for figure in case.judged[1:]]
    if rule in (to_best, to_largest):
        return case.target.limit * (min(others) if rule is to_best else max(others))
    return case.target.limit if rule.__name__ == "worst" else None


def _bar(case: Case, figure: Figure, y: int) -> str:
    label = _text(LEFT - 8, y + 13, figure.name, "" if figure is case.figures[0] else "m", anchor="end")
    if not figure.samples:
        return label + _text(LEFT, y + 13, (figure.error or "not run")[:80], "m")
    width = max(1.0, figure.median * _scale(case))
    ours = figure.name.startswith("layerlog") or case.target.rule.__name__ in ("worst", "flatness", "slowdown")
    colour = (OURS if case.verdict == "met" else BAD) if ours else PEER
    rect = f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
    return label + rect + _text(LEFT + width + 6, y + 13, shown(figure.median, case.unit))


def _mark(case: Case, bottom: int) -> str:
    limit = _limit(case)
    if limit is None:
        return ""
    x = LEFT + limit * _scale(case)
    top = bottom - (BAR + GAP) * len((*case.figures, *case.beside))
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 2}" y2="{bottom}" stroke="{TEXT}" stroke-dasharray="3 3"/>'


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'
