"""Dockerfile syntax, as BuildKit reads it: the instructions of a text, and what the words of their arguments become.

The parser is the package e2b-dockerfile-utils, a port of BuildKit's; nothing else imports it, and this only to read a text.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from eventstore.errors import InvalidError
from eventstore.model.paths import shown

if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileHeredoc

MAX_WORK = 10**8
"""How many steps the pattern of one ${NAME#PATTERN} may cost at the most: it is matched by a regular expression."""
_PATTERN = r"\$\{\w+[#%/]"
_DIRECTIVE = r"(?i)#\s*(syntax|escape|check)\s*=\s*(.+)"
_BLAME = r"Dockerfile parse error on line \d+: "


class Heredoc(NamedTuple):
    """A text that an instruction has behind it; variables in it are expanded where it `expands`."""

    name: str
    text: str
    expands: bool


class Instruction(NamedTuple):
    """One instruction; `text` is it with its continued lines joined, `line` where it begins, counted from 1.

    `arguments` are parted as BuildKit does it (NAME, VALUE, "=" for each pair of ENV and LABEL), quotes and variables still in
    them; where it is `literal` they stand for themselves.
    """

    name: str
    arguments: tuple[str, ...]
    text: str
    line: int = 1
    json: bool = False
    flags: tuple[str, ...] = ()
    escape: str = "\\"
    literal: bool = False
    heredocs: tuple[Heredoc, ...] = ()


class DockerfileError(InvalidError):
    """What is wrong in a text, and in which `line` of it."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason, self.line = reason, line

    def within(self, file: str) -> InvalidError:
        """Return the same, said with the file's name."""
        return InvalidError(f"{shown(file)}:{self.line}: {self.reason}")


def read(text: str, escape: str = "\\") -> list[Instruction]:
    """Return the instructions of *text*; raise DockerfileError. *escape* continues lines where the text doesn't say another."""
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast  # noqa: PLC0415 - costs 10 ms

    above = "" if escape == "\\" else f"# escape={escape}\n"
    skipped = above.count("\n")
    try:
        found = parse_dockerfile_ast(above + text)
    except DockerfileSyntaxError as error:
        raise DockerfileError(shown(re.sub(_BLAME, "", str(error), count=1)[:200]), (error.line or 1) - skipped) from None
    except RecursionError:
        raise DockerfileError("a JSON array that is nested too deeply", 1) from None
    return [
        Instruction(
            step.name, tuple(step.args), step.original.strip(), step.start_line - skipped, step.json, tuple(step.flags),
            found.escape_token, heredocs=tuple(map(_heredoc, step.heredocs)),
        )
        for step in found.instructions
    ]  # fmt: skip


def _heredoc(found: "DockerfileHeredoc") -> Heredoc:
    from e2b_dockerfile_utils import chomp_heredoc_content  # noqa: PLC0415

    return Heredoc(found.name, chomp_heredoc_content(found.content) if found.chomp else found.content, found.expand)


def directives(text: str) -> dict[str, str]:
    """Return what the comments at the top of a text direct, by their names in small letters: `syntax`, `escape`, `check`."""
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").split("\n"):
        match = re.fullmatch(_DIRECTIVE, line.rstrip())
        if match is None or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def trigger(instruction: Instruction) -> Instruction:
    """Return the instruction that an ONBUILD holds; raise InvalidError where that is none, or one that cannot wait."""
    _, _, inner = re.sub(r"\s", " ", instruction.text, count=1).partition(" ")
    found = read(inner, instruction.escape)
    if len(found) != 1:
        raise InvalidError("the instruction that waits is missing")
    if found[0].name in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidError(f"{found[0].name} cannot wait for another build")
    return found[0]


def word(instruction: Instruction, argument: str, env: Mapping[str, str]) -> str:
    """Return an *argument* as one word: quotes removed, variables of *env* expanded; raise InvalidError."""
    return argument if instruction.literal else _expanded(instruction, argument, env)[0]


def expanded_text(heredoc: str, env: Mapping[str, str]) -> str:
    """Return a heredoc with its variables expanded; its quotes stay; raise InvalidError."""
    from e2b_dockerfile_utils import ShellLex  # noqa: PLC0415

    _check_work(heredoc, env)
    try:
        return ShellLex("\\", env=env, skip_unset_env=False, skip_process_quotes=True).process_word(heredoc)
    except ValueError as error:
        raise InvalidError(f"<<: {shown(str(error)[:120])}") from None


def words(instruction: Instruction, argument: str, env: Mapping[str, str]) -> list[str]:
    """Return the words that an *argument* becomes, split where what was expanded has spaces; raise InvalidError."""
    return [argument] if instruction.literal else _expanded(instruction, argument, env)[1]


def _expanded(instruction: Instruction, argument: str, env: Mapping[str, str]) -> tuple[str, list[str]]:
    from e2b_dockerfile_utils import ShellLex  # noqa: PLC0415

    _check_work(argument, env)
    lexer = ShellLex(instruction.escape, env=env, skip_unset_env=False)
    try:
        return lexer.process_word(argument), lexer.process_words(argument)
    except ValueError as error:
        reason = str(error).removeprefix(f"failed to process {argument!r}: ")
        raise InvalidError(f"{shown(argument[:60])!r}: {shown(reason[:120])}") from None


def _check_work(argument: str, env: Mapping[str, str]) -> None:
    if re.search(_PATTERN, argument):
        longest = max(map(len, env.values()), default=0) + 1
        if longest ** (argument.count("*") + 1) > MAX_WORK:
            raise InvalidError(f"{shown(argument[:60])!r}: the pattern has too many * for values of {longest} characters")
