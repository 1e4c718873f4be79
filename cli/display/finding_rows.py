"""How findings are shown: a line for each and what it touches, or JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from cli.adapters.verification import Report
from cli.formats import listed
from cli.output import json_line
from eventstore.log import Log
from eventstore.paths import shown as escape
from projections.holders import Held, shown_containers, shown_images


def show(log: Log, reports: Sequence[Report], form: str) -> None:
    """Print every report: what is wrong first, erasures last."""
    for report in sorted(reports, key=lambda report: report.finding.note):
        row = finding_row(log, report)
        print(json_line(row) if form == "json" else "\n".join(_lines(row)))


def finding_row(log: Log, report: Report) -> dict[str, Any]:
    finding, held = report
    return {
        "check": finding.check, "object": finding.object, "problem": finding.problem, "note": finding.note,
        "events": [list(span) for span in finding.events], **held_row(log, held),
    }  # fmt: skip


def held_row(log: Log, held: Held) -> dict[str, Any]:
    return {
        "images": shown_images(log, held.images), "containers": shown_containers(log, held.containers),
        "paths": [b"/" + path for path in held.paths],
    }  # fmt: skip


def _lines(row: dict[str, Any]) -> Iterable[str]:
    yield f"{escape(row['object'])}: {escape(row['problem'])}"
    touched = touched_line(row)
    if touched:
        yield f"    {touched}"


def touched_line(row: dict[str, Any]) -> str:
    """Return "images a, b; containers c; paths /d and 3 more", without what there is none of."""
    parts = ((name, row[name]) for name in ("images", "containers", "paths"))
    return "; ".join(f"{name} {listed(values)}" for name, values in parts if values)
