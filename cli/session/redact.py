"""What of a command line may be recorded: names stay, secret values do not."""

import re
from collections.abc import Iterator, Sequence

HIDDEN = "***"

_PAIRS = ("-e", "--env", "--build-arg")
_CREDENTIALS = ("-u", "--creds")
_CHANGES = ("-c", "--change")
_PROSE = ("-m", "--message", "-a", "--author")
_ALSO_FLAGS = (*_CREDENTIALS, *_CHANGES, *_PROSE)  # of some command: the option behind one is not its value
_SECRET = re.compile(r"--([\w-]*(password|passphrase|token)|text)")
_SHORT_PAIR = re.compile(r"(-[A-Za-z]{0,20}e)(?:[A-Za-z_]\w*=.*)?", re.DOTALL)
_URL_PASSWORD = re.compile(r"(\b\w++://[^/\s:@]*:)[^/\s]*@")


def redacted(argv: Sequence[str]) -> list[str]:
    """Return *argv* with secret values shown as ***; whole where there is none, and one item for each of its items.

    Hidden: values of NAME=VALUE after -e, --env, --build-arg and in --change "ENV ..."; all of --*password,
    --*passphrase and --*token, and of --text, which is a file's content; what follows the colon in -u and --creds;
    passwords in URLs.  Messages and authors stay.
    """
    return list(_redacted(argv))


def _redacted(argv: Sequence[str]) -> Iterator[str]:
    option = ""
    for item in argv:
        name, glue, value = _parted(item)
        if option and not (name and option in _ALSO_FLAGS):
            yield _hidden(option, item)
            option = ""
            continue
        if value is None:
            option = name
            yield item if name else _hidden("", item)
        else:
            yield name + glue + _hidden(name, value)


def _parted(item: str) -> tuple[str, str, str | None]:
    """Return (option, "=" or "", value): no value where the next item is it, no option where it is none of ours."""
    name, glue, value = item.partition("=")
    if name.startswith("--") and (name in (*_PAIRS, *_ALSO_FLAGS) or _SECRET.fullmatch(name)):
        return name, glue, value if glue else None
    for short in (*_ALSO_FLAGS, *_PAIRS):
        if item.startswith(short) and not short.startswith("--"):
            return short, "", item[2:] or None
    cluster = _SHORT_PAIR.fullmatch(item)
    return (cluster[1], "", item[cluster.end(1) :] or None) if cluster else ("", "", None)


def _hidden(option: str, value: str) -> str:
    if option in _PROSE:
        return value
    if _SECRET.fullmatch(option):
        return HIDDEN
    if option in _CREDENTIALS:
        return _after(":", value)
    if option in _CHANGES:
        return _hidden_instruction(value)
    if option:
        return _after("=", value)
    return _URL_PASSWORD.sub(rf"\g<1>{HIDDEN}@", value)


def _after(mark: str, value: str) -> str:
    name, found, _ = value.partition(mark)
    return name + found + HIDDEN if found else value


def _hidden_instruction(text: str) -> str:
    """ENV A=b C="d e" and the older ENV A b; other instructions hold no values that are secret by trade."""
    word, *rest = text.split(None, 1)[:2] or [""]
    if word.upper() not in ("ENV", "ARG") or not rest:
        return text
    return f"{word} {' '.join(_hidden_pairs(rest[0]))}"


def _hidden_pairs(rest: str) -> Iterator[str]:
    import shlex

    try:
        words = shlex.split(rest)
    except ValueError:
        words = [""]
    for place, word in enumerate(words):
        name, pair, _ = word.partition("=")
        bare_name = place == 0 and word.isidentifier()
        yield f"{name}={HIDDEN}" if pair else word if bare_name else HIDDEN
