"""Go's templates, as docker's users write them: fields, `if`, `range` and a dozen functions; the rest is refused by name.

Source of the rules: pkg.go.dev/text/template, and Docker's page on formatting.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

_ACTION = re.compile(r"\{\{(?:-\s)?\s*(/\*.*?\*/|(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|[^\"`])*?)\s*(?:\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:("(?:\\.|[^"\\])*"|`[^`]*`)|(-?\d+(?:\.\d+)?)|(\$(?:\.\w+)*|\.\w*(?:\.\w+)*)|([A-Za-z_]\w*)|([|()])|(\S))"""
)
MAX_DEPTH = 100
_WORDS = {"true": True, "false": False, "nil": None}


class TemplateError(InvalidError):
    """What is wrong in a template."""


class _Block(NamedTuple):
    """`if` or `range`: what it asks, what stands in it, and behind its `else`."""

    kind: str
    asked: "_Pipe"
    body: "list[_Part]"
    other: "list[_Part]"


_Call = list[Any]
"""A function or a value, and its arguments: tokens, and pipes in parentheses."""
_Pipe = list[_Call]
_Part = str | _Pipe | _Block


class Token(NamedTuple):
    kind: str
    """text, number, field, word or mark"""
    value: Any


class Template:
    """A template that was read; raise TemplateError for one that cannot be, or has what is not known here."""

    def __init__(self, text: str) -> None:
        self._source = text
        pieces = list(_pieces(text))
        self._parts, left = _parsed(pieces, 0, depth=0)
        if left != len(pieces):
            raise TemplateError(f"{shown(text)!r}: {{{{{pieces[left][1]}}}}} without an if or a range before it")

    def filled(self, document: Mapping[str, Any]) -> str:
        """Return the text with what *document* has, escaped for a terminal; TemplateError for a field that it has not."""
        return "".join(_evaluated(self._parts, document, document))

    def with_headers(self, headers: Mapping[str, str]) -> str:
        """Return the line above a table: what stands between the fields, and for each field its header."""
        return "".join(part if isinstance(part, str) else " ".join(_headers(part, headers)) for part in self._parts)


def _headers(part: "_Pipe | _Block", headers: Mapping[str, str]) -> Iterator[str]:
    for token in (token for call in part for token in call) if isinstance(part, list) else ():
        if isinstance(token, Token) and token.kind == "field":
            name = token.value.lstrip(".")
            yield headers.get(name, name.upper())


# -- reading


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Yield (whether it is an action, it): `{{-` and `-}}` take the blanks beside them."""
    at, trims = 0, False
    for match in _ACTION.finditer(text):
        before = text[at : match.start()]
        before = before.lstrip() if trims else before
        yield False, before.rstrip() if match[0].startswith("{{- ") else before
        if not match[1].startswith("/*"):
            yield True, match[1]
        at, trims = match.end(), match[0].endswith(" -}}")
    rest = text[at:]
    if "{{" in rest:
        raise TemplateError(f"{shown(rest[:60])!r}: an action is not closed with }}}}")
    yield False, rest.lstrip() if trims else rest


def _parsed(pieces: Sequence[tuple[bool, str]], at: int, *, depth: int) -> tuple[list[_Part], int]:
    """Return the parts from *at* up to an `else` or an `end` that is not theirs, and where that is."""
    parts: list[_Part] = []
    if depth > MAX_DEPTH:
        raise TemplateError("the template's blocks are nested too deeply")
    while at < len(pieces):
        is_action, text = pieces[at]
        if not is_action:
            parts.append(text)
        elif re.match(r"(end|else)\b", text):
            return parts, at
        elif block := re.match(r"(if|range)\s+(.*)", text, re.DOTALL):
            made, at = _block(pieces, at, block[1], block[2], depth)
            parts.append(made)
        else:
            parts.append(_piped(text))
        at += 1
    return parts, at


def _block(pieces: Sequence[tuple[bool, str]], at: int, kind: str, asked: str, depth: int) -> tuple[_Block, int]:
    body, at = _parsed(pieces, at + 1, depth=depth + 1)
    other: list[_Part] = []
    if at < len(pieces) and (chained := re.fullmatch(r"else\s+if\s+(.*)", pieces[at][1], re.DOTALL)):
        made, at = _block(pieces, at, "if", chained[1], depth + 1)
        return _Block(kind, _piped(asked), body, [made]), at
    if at < len(pieces) and pieces[at][1] == "else":
        other, at = _parsed(pieces, at + 1, depth=depth + 1)
    if at >= len(pieces) or pieces[at][1] != "end":
        raise TemplateError(f"{{{{{kind} {shown(asked[:40])}}}}} has no {{{{end}}}}")
    return _Block(kind, _piped(asked), body, other), at


def _piped(text: str) -> _Pipe:
    tokens = list(_tokens(text))
    pipe, rest = _pipe(tokens, 0)
    if rest != len(tokens):
        raise TemplateError(f"{{{{{shown(text)}}}}}: a ) too many")
    return pipe


def _pipe(tokens: Sequence[Token], at: int, depth: int = 0) -> tuple[_Pipe, int]:
    if depth > MAX_DEPTH:
        raise TemplateError("the template's parentheses are nested too deeply")
    pipe: _Pipe = [[]]
    while at < len(tokens) and tokens[at] != Token("mark", ")"):
        token = tokens[at]
        if token == Token("mark", "("):
            inner, at = _pipe(tokens, at + 1, depth + 1)
            if at == len(tokens):
                raise TemplateError("a ( is not closed")
            pipe[-1].append(inner)
        elif token == Token("mark", "|"):
            pipe.append([])
        else:
            pipe[-1].append(token)
        at += 1
    if not all(pipe):
        raise TemplateError("an action is empty")
    for call in pipe:
        _check(call)
    return pipe, at


def _check(call: _Call) -> None:
    first = call[0]
    if isinstance(first, Token) and first.kind == "word" and first.value not in _FUNCTIONS and first.value not in _WORDS:
        known = ", ".join(sorted(_FUNCTIONS))
        raise TemplateError(f"{shown(first.value)} is not known; there are if, range, {known}; use --format json and jq")
    wrong = next((t for t in call[1:] if isinstance(t, Token) and t.kind == "word" and t.value not in _WORDS), None)
    if wrong is not None:
        raise TemplateError(f"{shown(wrong.value)}: a function among arguments needs parentheses")


def _tokens(text: str) -> Iterator[Token]:
    for quoted, number, field, word, mark, other in _TOKEN.findall(text):
        if quoted:
            yield Token("text", _unquoted(quoted))
        elif number:
            yield Token("number", float(number) if "." in number else int(number[:20]))
        elif field:
            yield Token("field", field)
        elif word:
            yield Token("word", word)
        elif mark:
            yield Token("mark", mark)
        else:
            raise TemplateError(f"{shown(other)} in {{{{{shown(text[:60])}}}}} is not known; use --format json and jq")


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:
        raise TemplateError(f"{shown(text)} is no text in quotes") from None


# -- evaluating


def _evaluated(parts: Sequence[_Part], root: Any, dot: Any) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            found = _value(part, root, dot)
            yield found if isinstance(found, _Shown) else shown(_as_go_prints(found))
        elif part.kind == "if":
            yield from _evaluated(part.body if _value(part.asked, root, dot) else part.other, root, dot)
        else:
            yield from _ranged(part, root, dot)


def _ranged(block: _Block, root: Any, dot: Any) -> Iterator[str]:
    found = _value(block.asked, root, dot)
    if isinstance(found, str | int | float):
        raise TemplateError("range goes over a list or a map")
    each = [found[key] for key in sorted(found)] if isinstance(found, Mapping) else list(found or ())
    for value in each:
        yield from _evaluated(block.body, root, value)
    if not each:
        yield from _evaluated(block.other, root, dot)


def _value(pipe: _Pipe, root: Any, dot: Any) -> Any:
    passed: list[Any] = []
    for call in pipe:
        first, *rest = call
        arguments = [_one(each, root, dot) for each in rest] + passed
        if isinstance(first, Token) and first.kind == "word" and first.value in _FUNCTIONS:
            passed = [_called(first.value, arguments)]
        elif arguments:
            raise TemplateError(f"{shown(str(first.value if isinstance(first, Token) else '(...)'))} takes no arguments")
        else:
            passed = [_one(first, root, dot)]
    return passed[0]


def _called(name: str, arguments: Sequence[Any]) -> Any:
    try:
        return _FUNCTIONS[name](*arguments)
    except (TypeError, ValueError, LookupError, AttributeError):
        raise TemplateError(f"{name}: not with {len(arguments)} such arguments; docker's page on formats shows how") from None


def _one(thing: Any, root: Any, dot: Any) -> Any:
    if isinstance(thing, list):
        return _value(thing, root, dot)
    if thing.kind == "word":
        return _WORDS[thing.value]
    if thing.kind != "field":
        return thing.value
    start = root if thing.value.startswith("$") else dot
    return _field(start, [name for name in thing.value.lstrip("$").split(".") if name], is_top=start is root)


def _field(found: Any, names: Sequence[str], *, is_top: bool) -> Any:
    """Return what stands there; None where something leaves it out, but what the whole has not is a slip: TemplateError."""
    if is_top and names and isinstance(found, Mapping) and names[0] not in found:
        raise TemplateError(f"there is no field .{names[0]}; there are {', '.join(found)}")
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


class _Shown(str):
    """Text that is safe as it stands."""

    __slots__ = ()


def _index(found: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif found is not None:
            found = found[key]
    return found


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "eq": lambda value, *others: any(value == other for other in [others[0], *others[1:]]),
    "index": _index,
    "join": lambda values, between: between.join(values or ()),
    "json": lambda value: _Shown(json.dumps(value)),
    "len": lambda value: len(value if value is not None else ()),
    "lower": str.lower,
    "ne": lambda value, other: value != other,
    "not": lambda value: not value,
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "split": lambda text, between: text.split(between),
    "title": str.capitalize,
    "upper": str.upper,
}


def _as_go_prints(value: Any) -> str:
    match value:
        case Mapping():
            return f"map[{' '.join(f'{key}:{_as_go_prints(value[key])}' for key in sorted(value))}]"
        case list() | tuple():
            return f"[{' '.join(map(_as_go_prints, value))}]"
        case None | bool():
            return {None: "<no value>", True: "true", False: "false"}[value]
    return str(value)
