"""The report of a run: report.json for programs, report.md for people, a chart for each item, and one of all ratios."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.bench.chart import chart, overview
from tests.bench.corpora import Corpora
from tests.bench.figures import Case, Figure, shown

PEERS = {
    "git": ["--version"], "ostree": ["--version"], "restic": ["version"], "borg": ["--version"], "podman": ["--version"],
    "buildah": ["--version"], "umoci": ["--version"],
}  # fmt: skip
HEADER = (
    "| item | work | layerlog | peer | ratio | rounds | target | verdict | peak memory | on disk | others |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)
EXPLAINED = """
A value is the median of {rounds} alternating rounds after {warmups} to warm up, and in brackets the least and the most. *ratio* is
what the target looks at; *rounds* says in how many rounds it held. *peak memory* is the whole process's largest resident
set (wait4), *on disk* what the work left, both layerlog's / the peer's. *others* is how many cores' worth of work other
processes did meanwhile: above 0.3 compare ratios, not times. Before each timed run everything is
synced and what it reads is brought into the page cache; contenders take turns.
"""


def write(folder: str, cases: Sequence[Case], corpora: Corpora, rounds: int, warmups: int) -> None:
    """Write the report of *cases* into *folder*, made where it is missing."""
    os.makedirs(folder, exist_ok=True)
    about = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "corpora": corpora.title, **machine()}
    _save(folder, "report.json", json.dumps({"about": about, "cases": [_as_json(case) for case in cases]}, indent=1))
    _save(folder, "report.md", markdown(cases, about, rounds, warmups))
    _save(folder, "overview.svg", overview(cases))
    for item in dict.fromkeys(case.item for case in cases):
        _save(folder, f"{item}.svg", chart([case for case in cases if case.item == item]))


def _save(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, kernel, Python, and the peers' versions."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), platform.machine())
    return {
        "processor": f"{os.cpu_count()} x {model}", "kernel": platform.release(), "python": platform.python_version(),
        "peers": {name: version for name, args in PEERS.items() if (version := _version(name, args))},
    }  # fmt: skip


def _version(tool: str, args: list[str]) -> str:
    if shutil.which(tool) is None:
        return ""
    said = subprocess.run([tool, *args], capture_output=True, text=True, check=False).stdout
    return said.strip().splitlines()[0] if said.strip() else "?"


def _as_json(case: Case) -> dict[str, Any]:
    return {
        "item": case.item, "title": case.title, "corpus": case.corpus, "unit": case.unit, "target": str(case.target),
        "verdict": case.verdict, "missing": case.missing or None, "found": None if case.missing else case.found,
        "rounds": [] if case.missing else case.rounds, "figures": [_figure_as_json(f) for f in case.figures],
        "beside": [_figure_as_json(f) for f in case.beside], "note": case.note,
    }  # fmt: skip


def _figure_as_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name, "median": figure.median if figure.samples else None, "values": figure.values, "peak": figure.peak,
        "disk": figure.disk, "others": round(figure.others, 2), "durability": figure.durability, "error": figure.error or None,
    }  # fmt: skip


def markdown(cases: Sequence[Case], about: dict[str, Any], rounds: int, warmups: int) -> str:
    met = sum(case.verdict == "met" for case in cases)
    lines = [
        "# layerlog and its peers, side by side\n", f"{met} of {len(cases)} targets met, on {about['corpora']}, {about['made']}.",
        f"{about['processor']}, kernel {about['kernel']}, Python {about['python']}; {', '.join(about['peers'].values())}.\n",
        HEADER + "".join(map(_row, cases)), EXPLAINED.format(rounds=rounds, warmups=warmups), "## Durability\n", *_durability(cases), "",
    ]  # fmt: skip
    for case in cases:
        if case.missing or case.beside or len(case.figures) > 2:
            lines += [f"**{case.item}, {case.title}**", *_details(case), ""]
    return "\n".join(lines)


def _row(case: Case) -> str:
    if case.missing:
        cells = [case.item, case.title, "", "", "", "", str(case.target), "**not run**", "", "", ""]
    else:
        ours, peer = case.judged[0], compared(case)
        held = sum(map(case.target.met, case.rounds))
        cells = [
            case.item, case.title, _spread(ours, case.unit), f"{peer.name}: {_spread(peer, case.unit)}", shown(case.found, case.target.unit),
            f"{held}/{len(case.rounds)}", str(case.target), f"**{case.verdict}**", _both(ours.peak, peer.peak, "MiB"),
            _both(ours.disk, peer.disk, "B"), f"{max(ours.others, peer.others):.1f}",
        ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def compared(case: Case) -> Figure:
    """Return the figure beside layerlog's in the table: the one that the target looks at."""
    others = case.judged[1:] or case.judged
    return max(others, key=lambda f: f.median) if case.target.rule.__name__ in ("worst", "flatness") else min(others, key=lambda f: f.median)


def _spread(figure: Figure, unit: str) -> str:
    if len(figure.samples) == 1:
        return shown(figure.median, unit)
    return f"{shown(figure.median, unit)} ({shown(min(figure.values), unit)} .. {shown(max(figure.values), unit)})"


def _both(ours: int, peer: int, unit: str) -> str:
    return f"{shown(ours, unit)} / {shown(peer, unit)}" if ours and peer else shown(ours, unit) if ours else ""


def _details(case: Case) -> list[str]:
    lines = [f"- {case.missing}"] if case.missing else []
    for figure in (*case.figures, *case.beside):
        if figure.samples:
            more = [f"{shown(figure.peak, 'MiB')} peak" if figure.peak else "", f"{shown(figure.disk, 'B')} on disk" if figure.disk else ""]
            lines.append("- " + ", ".join([f"{figure.name}: {_spread(figure, case.unit)}", *filter(None, more)]))
        elif figure.error and not case.missing:
            lines.append(f"- {figure.name}: {figure.error}")
    return [*lines, f"- {case.note}"] if case.note else lines


def _durability(cases: Sequence[Case]) -> list[str]:
    said = {figure.name: figure.durability for case in cases for figure in case.figures if figure.durability}
    return [f"- {name}: {text}" for name, text in said.items()]
