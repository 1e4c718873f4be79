"""Places: REF:PATH, the same everywhere a path in a view is accepted."""

import re

from eventstore.errors import InvalidError
from eventstore.log.log import Log
from eventstore.model.paths import as_bytes, shown, spelled
from projections.refs.references import id_prefix, is_container, tagged, without_points

_RELATIVE = r"(?P<ref>(?:[^:{}]|\{[^}]*\})+):(?P<path>.+)"  # compiled where there may be one: most texts have no such colon


def split_path(text: str) -> tuple[str, bytes | None]:
    """Return (REF, PATH) of REF:PATH, split at the first ":/"; PATH is None without one, and as `paths.spelled` has it:
    `follow` says what it leads to.
    """
    ref, mark, path = text.partition(":/")
    if not mark:
        return text, None
    if not ref:
        raise InvalidError(f"{shown(text)!r}: the container or image before ':/' is missing")
    return ref, spelled(as_bytes(path))


def split_place(log: Log, text: str) -> tuple[str, bytes | None]:
    """As `split_path`, and CONTAINER:PATH without the first slash too, which `docker cp` takes for the same.

    What names an image, or can be the beginning of an id, is no path.
    """
    ref, path = split_path(text)
    match = re.fullmatch(_RELATIVE, text, re.DOTALL) if path is None and ":" in text else None
    if match is None or id_prefix(text) or tagged(log, without_points(text)) or not is_container(log, match["ref"]):
        return ref, path
    return match["ref"], spelled(as_bytes(match["path"]))
