"""Strict JSON: one reader for every document that comes from elsewhere, one writer for those that layerlog makes.

Two readers of the same bytes must never see two things, so duplicate keys, keys that differ from a known one only in
case (Go's decoder takes them for the same), NaN and broken strings are refused.  Unknown fields are left in peace.
"""

import json
import re
from collections.abc import Collection, Iterable
from math import isfinite
from typing import Any, NoReturn, TypeVar

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

MAX_DEPTH = 64
MAX_DOCUMENT = 4 << 20
MAX_CONFIG = 8 << 20

Json = dict[str, Any]
T = TypeVar("T")

_SURROGATE = rb"\\u[dD][89a-fA-F]"
_LONE = "[\ud800-\udfff]"


def read_object(data: bytes, what: str, *, limit: int = MAX_DOCUMENT, known: Collection[str] = ()) -> Json:
    """Return the JSON object that *data* is; InvalidError, naming *what*, where readers could take it in two ways.

    *known* are fields that must not stand there in another case.
    """
    value = _read(data, what, limit, dict)
    check_spelling(value, known, what)
    return value


def read_array(data: bytes, what: str) -> list[Any]:
    """Return the JSON array that *data* is; InvalidError as `read_object`."""
    return _read(data, what, MAX_DOCUMENT, list)


def check_spelling(document: Json, known: Collection[str], what: str) -> None:
    """Refuse a field that differs from a *known* one in case alone: Go's decoders would take it for the known one."""
    folded = {name.casefold(): name for name in known}
    for key in document:
        meant = folded.get(key.casefold(), key)
        if meant != key:
            raise InvalidError(f"{what}: the field {shown(key)!r} must be spelled {meant!r}")


def encode(value: Any) -> bytes:
    """Return the one compact UTF-8 spelling of *value*: keys sorted, no spaces, one U+FFFD for each byte that is not text."""
    return re.sub(_LONE, "\N{REPLACEMENT CHARACTER}", _compact(value)).encode()


def encode_thrice(value: Any) -> bytes:
    """As `encode`, with three U+FFFD for each such byte: as configs are spelled by the encoders 1 and 2, for ever."""
    return _compact(value).encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def field(document: Json, key: str, kind: type[T], what: str, default: T | None = None) -> T:
    """Return document[key]; *default*, where one is given, for an absent or null one; InvalidError for another type."""
    value = document.get(key)
    if value is None and default is not None:
        return default
    if value is None:
        raise InvalidError(f"{what}: the field {key!r} is missing")
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise InvalidError(f"{what}: the field {key!r} is {_kind(value)}, {_NAMES[kind]} was expected")
    return value


def items(document: Json, key: str, kind: type[T], what: str) -> list[T]:
    """Return the array document[key], [] where it is absent or null, after a look at the type of every item."""
    found = field(document, key, list, what, [])
    for item in found:
        if not isinstance(item, kind):
            raise InvalidError(f"{what}: the field {key!r} holds {_kind(item)}, {_NAMES[kind]} was expected")
    return found


_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    dict: "an object",
    list: "an array",
    bool: "a boolean",
}


def _kind(value: object) -> str:
    return "null" if value is None else _NAMES.get(type(value), "a number")


def _read(data: bytes, what: str, limit: int, kind: type[T]) -> T:
    if len(data) > limit:
        raise InvalidError(f"{what}: {len(data)} bytes of JSON, at most {limit} are read")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        if re.search(_SURROGATE, data):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise InvalidError(f"{what}: not UTF-8 text") from None
    except RecursionError:
        raise InvalidError(f"{what}: nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise InvalidError(f"{what}: not valid JSON: {error}") from None
    _check_depth(value, what)
    if not isinstance(value, kind):
        article, noun = _NAMES[kind].split()
        raise InvalidError(f"{what}: {article[0]} JSON {noun} was expected, this is {_kind(value)}")
    return value


def _unique(pairs: Iterable[tuple[str, Any]]) -> Json:
    found: Json = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key[:80])!r} stands there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"the number {number[:40]} is too large")
    return value


def _check_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
    if level:
        raise InvalidError(f"{what}: nested more than {MAX_DEPTH} deep")


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
