"""python -m tests.bench [ITEM...]: measure layerlog beside its peers, print, and write the report.

Without items: all of them.  LAYERLOG_CORPORA names the folder with the real corpora; without it some are made.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence

from tests.bench import corpora, dockerfiles, history, images, read, report, running, scale, served, startup, transfers, write
from tests.bench.bench import Bench, Item
from tests.bench.figures import Case, Figure, Target, shown, worst
from tests.bench.runner import ROOT, FailedError, Runner, unmount

ITEMS: dict[str, Item] = {
    "W1": write.w1, "W1i": images.w1i, "W2": write.w2, "W2d": write.w2d, "W2g": write.w2g, "W3": write.w3, "W3c": write.w3c,
    "W4": read.w4, "W5": history.w5, "W6": history.w6, "W7": images.w7, "W8": history.w8, "W8m": write.w8m, "W8i": images.w8i,
    "W9": read.w9, "W10": scale.w10, "W11": scale.w11, "W12": startup.w12,
    "W13": transfers.w13, "W13t": transfers.w13t, "W14": transfers.w14, "W15": running.w15, "W15l": running.w15l, "W16": running.w16,
    "W17": dockerfiles.w17, "W17c": dockerfiles.w17c, "W17r": dockerfiles.w17r, "W17m": dockerfiles.w17m,
    "S1": served.s1, "S2": served.s2,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if every target was met, 1 otherwise."""
    options = _options().parse_args(argv)
    scratch = tempfile.mkdtemp(prefix="layerlog-bench-", dir=options.scratch)
    runner = Runner(scratch, rounds=1 if options.quick else options.rounds, warmups=0 if options.quick else 1, say=_say)
    try:
        cases = measure(Bench(runner, corpora.find(scratch, full=options.full)), options.item or list(ITEMS), options.out)
    finally:
        unmount(scratch)
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    return 0 if all(case.verdict == "met" for case in cases) else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure layerlog beside its peers.")
    parser.add_argument("item", nargs="*", choices=[*ITEMS, []], metavar="ITEM", help=f"of {' '.join(ITEMS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="one round, no warm-up")
    parser.add_argument("--rounds", type=int, default=3, help="rounds after the warm-up (3)")
    parser.add_argument("--full", action="store_true", help="make the stand-in as large as the real corpora")
    parser.add_argument("--scratch", metavar="DIR", help="where to work: a filesystem with 60 GB free for all items (the temporary folder)")
    parser.add_argument("--out", metavar="DIR", default=str(ROOT / "tests/bench/report"), help="where the report goes (tests/bench/report)")
    parser.add_argument("--keep", action="store_true", help="do not delete what was made in the scratch folder")
    return parser


def measure(bench: Bench, items: Sequence[str], out: str) -> list[Case]:
    """Run *items*, write the report after each, and return all cases."""
    cases: list[Case] = []
    for name in items:
        bench.runner.say(f"{name}")
        try:
            for case in ITEMS[name](bench):
                cases.append(case)
                bench.runner.say(f"  {case.item} {case.title}: {_verdict(case)}")
        except (FailedError, OSError) as error:
            bench.runner.say(f"  {name}: {error}")
            cases.append(failed(name, str(error)))
        report.write(out, cases, bench.corpora, bench.runner.rounds, bench.runner.warmups)
    bench.runner.say(f"report: {os.path.join(out, 'report.md')}")
    return cases


def failed(item: str, error: str) -> Case:
    """Return the row of an item that could not be prepared."""
    return Case(item, "could not be prepared", "", "s", (Figure("layerlog", error=error),), Target(worst, 0, "s"))


def _verdict(case: Case) -> str:
    return f"not run: {case.missing}" if case.missing else f"{shown(case.found, case.target.unit)}, target {case.target}: {case.verdict}"


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
