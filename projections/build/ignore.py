"""Which files of a context a build does not see: `.dockerignore`, by Docker's rules (moby/patternmatcher)."""

from collections.abc import Iterable
from warnings import catch_warnings, simplefilter

from eventstore.errors import InvalidError
from eventstore.model.paths import shown


class Ignored:
    """Answers for paths relative to the context; parts that aren't UTF-8 are taken as they are."""

    def __init__(self, lines: Iterable[str], what: str) -> None:
        from e2b_dockerfile_utils import PatternMatcher  # noqa: PLC0415

        patterns = [line for line in lines if line.strip() and not line.startswith("#")]
        try:
            with catch_warnings():
                simplefilter("ignore", FutureWarning)  # of brackets that a later Python may read otherwise
                self._matcher = PatternMatcher(patterns) if patterns else None
        except ValueError as error:
            raise InvalidError(f"{what}: {shown(str(error)[:200])}") from None

    def __call__(self, path: bytes) -> bool:
        """Whether *path* is left out."""
        return self._matcher is not None and self._matcher.matches(_text(path))

    def passes(self, path: bytes) -> bool:
        """Whether something below *path*, a directory that is left out, may be seen all the same."""
        return self._matcher is not None and self._matcher.may_match_under(_text(path))


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape")
