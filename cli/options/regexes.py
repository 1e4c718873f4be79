"""Patterns that users write: regular expressions, whose search may not take for ever."""

import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

SECONDS = 2.0


def optional_matcher(pattern: str | None, option: str) -> Callable[[str], bool] | None:
    return None if pattern is None else matcher(pattern, option)


def matcher(pattern: str, option: str) -> Callable[[str], bool]:
    """Return what says whether a line of a text matches *pattern*; raise InvalidError for what is no regular expression.

    A search that takes over `SECONDS` raises InvalidError: some patterns need longer than anybody lives.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of what other Pythons may read otherwise
            search = re.compile(pattern, re.MULTILINE).search
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidError(f"{option} {shown(pattern)!r} is no regular expression ({error}); escape what is special") from None

    def matches(text: str) -> bool:
        with _at_most(SECONDS, pattern, option):
            return search(text) is not None

    return matches


@contextmanager
def _at_most(seconds: float, pattern: str, option: str) -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        raise InvalidError(f"{option} {shown(pattern)!r} takes over {seconds:g} s on one text; write it without nested repeats")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
