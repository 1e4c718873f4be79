"""What of a command line may be recorded: names stay, secret values do not."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eventstore.errors import InvalidError

if TYPE_CHECKING:
    from projections.oci.dockerfile import Instruction

HIDDEN = "***"

_PAIRS = ("-e", "--env", "--build-arg")
_CREDENTIALS = ("-u", "--creds")
_CHANGES = ("-c", "--change")
_PROSE = ("-m", "--message", "-a", "--author")
_ALSO_FLAGS = (*_CREDENTIALS, *_CHANGES, *_PROSE)  # of some command: the option behind one is not its value
_HIDING = r"--([\w-]*(password|passphrase|token)|text)"
_SHORT_PAIR = r"(?s)(-[A-Za-z]{0,20}e)(?:[A-Za-z_]\w*=.*)?"
_URL = r"(\b\w++://[^/\s:@]*:)[^/\s]*@"


def redacted(argv: Sequence[str]) -> list[str]:
    """Return *argv* with secret values shown as ***; whole where there is none, and one item for each of its items.

    Hidden: values of NAME=VALUE after -e, --env, --build-arg and in --change "ENV ..."; all of --*password,
    --*passphrase and --*token, and of --text, which is a file's content; what follows the colon in -u and --creds;
    passwords in URLs.  Messages and authors stay.
    """
    return list(_redacted(argv))


def without_secrets(words: Sequence[str]) -> list[str]:
    """Return the words of a program's command line, what `commit --guard secrets` would object to as ***: a log cannot forget.

    The smallest part that is hidden is what stands between blanks, the largest a line.
    """
    from projections.edits.secret_scan import secrets

    def is_secret(text: str) -> bool:
        return any(secrets([text.encode(errors="surrogateescape")], b""))

    def line_without(line: str) -> str:
        if not is_secret(line):
            return line
        parts = [HIDDEN if part.strip() and is_secret(part) else part for part in re.split(r"(\s+)", line)]
        return "".join(parts) if HIDDEN in parts else HIDDEN

    return ["".join(map(line_without, word.splitlines(keepends=True))) for word in words]


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
    if name.startswith("--") and (name in (*_PAIRS, *_ALSO_FLAGS) or re.fullmatch(_HIDING, name)):
        return name, glue, value if glue else None
    for short in (*_ALSO_FLAGS, *_PAIRS):
        if item.startswith(short) and not short.startswith("--"):
            return short, "", item[2:] or None
    cluster = re.fullmatch(_SHORT_PAIR, item) if item.startswith("-") else None
    return (cluster[1], "", item[cluster.end(1) :] or None) if cluster else ("", "", None)


def _hidden(option: str, value: str) -> str:
    if option in _PROSE:
        return value
    if re.fullmatch(_HIDING, option):
        return HIDDEN
    if option in _CREDENTIALS:
        return _after(":", value)
    if option in _CHANGES:
        return _hidden_instruction(value)
    if option:
        return _after("=", value)
    return re.sub(_URL, rf"\g<1>{HIDDEN}@", value) if "://" in value else value


def _after(mark: str, value: str) -> str:
    name, found, _ = value.partition(mark)
    return name + found + HIDDEN if found else value


def _hidden_instruction(text: str) -> str:
    """ENV A=b C="d e" and the older ENV A b; other instructions hold no values that are secret by trade.

    Of what cannot be read the first word stays, so that no value is shown for its strange spelling.
    """
    word, *rest = text.split(None, 1) or [""]
    if not re.search(r"\b(env|arg)\b", text, re.IGNORECASE) or (not rest and "=" not in word):
        return text
    from projections.oci import config_changes

    try:
        return "\n".join(map(_hidden_values, config_changes.read([text])))
    except InvalidError:
        return f"{word.partition('=')[0]} {HIDDEN}"


def _hidden_values(instruction: "Instruction") -> str:
    from projections.oci import dockerfile

    name, arguments = instruction.name, instruction.arguments
    if name == "ONBUILD":
        return f"{name} {_hidden_values(dockerfile.trigger(instruction))}"
    if name == "ARG":
        return " ".join([name, *(_after("=", argument) for argument in arguments)])
    if name != "ENV":
        return instruction.text
    return " ".join([name, *(f"{key}{sign or ' '}{HIDDEN}" for key, sign in zip(arguments[::3], arguments[2::3], strict=True))])
