"""What was measured, and what it says: figures of one thing, cases that compare figures, targets that judge cases."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

OURS = "layerlog"


class Sample(NamedTuple):
    """One run: `value` is in the unit of its case; `peak` (bytes) is the whole process's and its children's, 0 if not
    known; `others` is how many cores' worth of work other processes did meanwhile.
    """

    value: float
    peak: int = 0
    others: float = 0.0


class Figure(NamedTuple):
    """One contender: its samples in the order of the rounds; `disk` is the bytes that it left, 0 if nothing is kept.

    `error` says why there is nothing to see; `durability` what is on disk when the work returns.
    """

    name: str
    samples: tuple[Sample, ...] = ()
    disk: int = 0
    durability: str = ""
    error: str = ""

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def peak(self) -> int:
        return max((sample.peak for sample in self.samples), default=0)

    @property
    def others(self) -> float:
        return median(sample.others for sample in self.samples) if self.samples else 0.0


Rule = Callable[[Sequence[float]], float]
"""What a target looks at, from one value of each figure, layerlog's first."""


def to_best(values: Sequence[float]) -> float:
    """Return our value over the smallest of the peers'."""
    return values[0] / min(values[1:])


def to_largest(values: Sequence[float]) -> float:
    """Return our value over the largest of the peers': rates."""
    return values[0] / max(values[1:])


def flatness(values: Sequence[float]) -> float:
    """The worst of the values over the first: layerlog with itself at its smallest."""
    return max(values) / values[0]


def slowdown(values: Sequence[float]) -> float:
    """The first of the rates over the worst."""
    return values[0] / min(values)


def worst(values: Sequence[float]) -> float:
    return max(values)


def above_last(values: Sequence[float]) -> float:
    """How far layerlog's value is above the last figure's."""
    return values[0] - values[-1]


class Target(NamedTuple):
    """`limit` is what *rule* must not exceed, or (*at_least*) must reach."""

    rule: Rule
    limit: float
    unit: str = "x"
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {shown(self.limit, self.unit)}"

    def met(self, found: float) -> bool:
        return found >= self.limit if self.at_least else found <= self.limit


class Case(NamedTuple):
    """One row of the report.  `figures` has layerlog's first and then those that it is judged by; `beside` is shown only."""

    item: str
    title: str
    corpus: str
    unit: str
    figures: tuple[Figure, ...]
    target: Target
    beside: tuple[Figure, ...] = ()
    note: str = ""

    @property
    def judged(self) -> list[Figure]:
        """The figures that there are: peers without a result are left out."""
        return [figure for figure in self.figures if figure.samples]

    @property
    def missing(self) -> str:
        """Why there is no verdict, "" if there is one: a figure of layerlog's own is missing, or every peer's."""
        without = [figure for figure in self.figures if not figure.samples]
        ours = [figure for figure in without if figure.name.startswith(OURS) or figure is self.figures[0]]
        if ours or len(self.judged) < 2 <= len(self.figures):
            return "; ".join(f"{figure.name}: {figure.error or 'not run'}" for figure in ours or without)
        return ""

    @property
    def found(self) -> float:
        """What the target looks at, of the medians."""
        return self.target.rule([figure.median for figure in self.judged])

    @property
    def rounds(self) -> list[float]:
        """The same, round by round."""
        return [self.target.rule(values) for values in zip(*(figure.values for figure in self.judged), strict=False)]

    @property
    def verdict(self) -> str:
        if self.missing:
            return "not run"
        return "met" if self.target.met(self.found) else "missed"


SCALES = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "us")),
    "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
    "MiB": ((1024 * 1024, "MiB"),),
}


def shown(value: float, unit: str) -> str:
    """Return *value* with three digits and its unit: 0.00123 s -> 1.23 ms."""
    scales = SCALES.get(unit, ((1, unit),))
    factor, name = next(((f, n) for f, n in scales if abs(value) >= f), scales[-1])
    scaled = value / factor
    digits = f"{scaled:,.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"
    return f"{digits}{'' if name == 'x' else ' ' + name}"
