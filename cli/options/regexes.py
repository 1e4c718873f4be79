"""Patterns that users write: regular expressions, whose search may not take for ever."""

from collections.abc import Callable

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

SECONDS = 2.0


def optional_matcher(pattern: str | None, option: str) -> Callable[[str], bool] | None:
    return None if pattern is None else matcher(pattern, option)


def matcher(pattern: str, option: str) -> Callable[[str], bool]:
    """Return what says whether a line of a text matches *pattern*; raise InvalidError for what is no regular expression.

    A search that takes over `SECONDS` raises InvalidError: some patterns need longer than anybody lives.
    """
    import regex

    try:
        search = regex.compile(pattern, regex.MULTILINE).search
    except (regex.error, RecursionError) as error:
        raise InvalidError(f"{option} {shown(pattern)!r} is no regular expression ({error}); escape what is special") from None

    def matches(text: str) -> bool:
        try:
            return search(text, timeout=SECONDS) is not None
        except TimeoutError:
            said = f"{option} {shown(pattern)!r} takes over {SECONDS:g} s on one text; write it without nested repeats"
            raise InvalidError(said) from None

    return matches
