"""How many faults were made and how many of them the store stood: printed when the suite ends."""

from collections import Counter

import pytest

_TRIED: Counter[str] = Counter()
_STOOD: Counter[str] = Counter()


def count(what: str, stood: int, tried: int) -> None:
    _TRIED[what] += tried
    _STOOD[what] += stood


def show(reporter: pytest.TerminalReporter) -> None:
    """Print every total."""
    if _TRIED:
        reporter.section("faults, load and hostile input")
        for what in sorted(_TRIED):
            reporter.line(f"{what}: {_STOOD[what]} of {_TRIED[what]}")
