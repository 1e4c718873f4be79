"""What `docker inspect --format` is mostly used for: {{.Field.Field}} and {{json .Field}}, not the rest of Go's templates."""

import json
import re
from typing import Any

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

_ACTION = re.compile(r"\{\{\s*(json\s)?\s*\.((?:\w+(?:\.\w+)*)?)\s*\}\}")


def filled(template: str, document: dict[str, Any]) -> str:
    """Return *template* with the fields of *document*, for a terminal; raise InvalidError for what is not understood."""
    if "{{" in _ACTION.sub("", template):
        raise InvalidError(f"{shown(template)!r}: only {{{{.Field.Field}}}} and {{{{json .Field}}}} are known; use jq")

    def text(action: re.Match[str]) -> str:
        found = _field(document, action[2].split(".") if action[2] else [])
        return json.dumps(found) if action[1] else shown(_as_go_prints(found))

    return _ACTION.sub(text, template)


def _field(document: dict[str, Any], names: list[str]) -> Any:
    """Return what stands there; None where a config leaves it out, but what no document has is a slip: InvalidError."""
    if names and names[0] not in document:
        raise InvalidError(f"there is no field .{names[0]}; there are {', '.join(document)}")
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _as_go_prints(value: Any) -> str:
    match value:
        case dict():
            return f"map[{' '.join(f'{key}:{_as_go_prints(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(_as_go_prints, value))}]"
        case None | bool():
            return {None: "<no value>", True: "true", False: "false"}[value]
    return str(value)
