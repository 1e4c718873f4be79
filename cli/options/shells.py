"""The shells' side of completion, where click's own is not enough: words as they are quoted, parts of words, directories."""

import os
import re
from collections.abc import Mapping
from typing import ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from eventstore.model.paths import shown

_BASH = r"""
%(complete_func)s() {
    local item
    COMPREPLY=()
    while IFS= read -r item; do
        [[ $item ]] && COMPREPLY+=("$item")
        [[ $item == *[/=] ]] && compopt -o nospace
    done < <(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" LAYERLOG_WORD="$2" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local item line="${words[1,CURRENT-1]} ${words[CURRENT]%%$SUFFIX}"
    local -a open closed
    compset -P '*/'
    for item in "${(@f)$(env COMP_WORDS="$line" %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}"; do
        case $item in
            '+'*) open+=("${item#?}") ;;
            '='*) closed+=("${item#?}") ;;
        esac
    done
    _describe -V unsorted open -S ''
    _describe -V unsorted closed
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = r"""
function %(complete_func)s
    env COMP_WORDS=(commandline -cp | string collect) %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

_SPECIAL = {"": r"""[\s"'\\$&;()<>|*?`!#\[\]~]|\{(?=.*(?:,|\.\.))""", "'": "'", '"': r'["\\$`!]'}
"""What means something to bash outside of quotes and within each, and stands behind a \\ outside of them."""


def split(line: str, escapes: Mapping[str, str]) -> tuple[list[str], str]:
    r"""Return the words of a command line, the last of them the one that is being typed, and the quote that is open in it.

    *escapes* says which characters lose their meaning behind a \ within each quote; outside of them all do.
    """
    words, begun, quote, marks = [""], False, "", iter(line)
    for mark in marks:
        if not quote and mark in " \t\n":
            words += [""] if begun else []
            begun = False
            continue
        begun = True
        if mark == "\\" and escapes.get(quote, mark):
            following = next(marks, "")
            words[-1] += following if not quote or following in escapes[quote] else mark + following
        elif mark == quote or (not quote and mark in "'\""):
            quote = "" if quote else mark
        else:
            words[-1] += mark
    return words, quote


class _Shell(ShellComplete):
    """Takes the line up to the cursor as it is written, and offers whole words for its last one."""

    escapes: ClassVar[Mapping[str, str]] = {'"': '"\\$`\n', "'": ""}

    def complete(self) -> str:
        words, quote = split(os.environ["COMP_WORDS"], self.escapes)
        found = self.completions(words, quote) if words[-1] == shown(words[-1]) else []
        return "\n".join(self.offer(item, words, quote) for item in found if item.value == shown(item.value))

    def completions(self, words: list[str], quote: str) -> list[CompletionItem[str]]:  # noqa: ARG002
        return self.get_completions(words[1:-1], words[-1])

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return what completes the last word, with the --option= in it, of which click knows the value alone."""
        option = incomplete[: incomplete.find("=") + 1] if incomplete.startswith("--") else ""
        found = super().get_completions(args, incomplete)
        return [CompletionItem(option + item.value, item.type, shown(item.help or "")) for item in found]

    def offer(self, item: CompletionItem[str], words: list[str], quote: str) -> str:
        """Return the line by which the shell is offered what completes the last of *words*, in which *quote* is open."""
        raise NotImplementedError


class Bash(_Shell):
    """Answers with what bash takes for the last word, which begins at a quote or colon: as it was typed, and then the rest."""

    name = "bash"
    source_template = _BASH

    def completions(self, words: list[str], quote: str) -> list[CompletionItem[str]]:
        """Return what is in the only directory that there is, if quoted: bash takes a word alone for the end of the quote."""
        found = super().completions(words, quote)
        alone = found[0].value if quote and len(found) == 1 and found[0].value.endswith("/") else None
        return (alone and self.get_completions(words[1:-1], alone)) or found

    def offer(self, item: CompletionItem[str], words: list[str], quote: str) -> str:
        rest = re.sub(_SPECIAL[quote], lambda found: rf"{quote}\{found[0]}{quote}", item.value[len(words[-1]) :])
        closed = quote if quote and rest.endswith(quote) else ""  # bash takes the one that stands there for the end
        return os.environ["LAYERLOG_WORD"] + rest + closed


class Zsh(_Shell):
    """Answers, behind the last slash, with what `_describe` reads and zsh quotes; first a sign, + for what goes on
    (no space after it), = for what is whole.
    """

    name = "zsh"
    source_template = _ZSH

    def offer(self, item: CompletionItem[str], words: list[str], quote: str) -> str:
        typed, value = words[-1], item.value
        brace = typed.rfind("{") if not quote else -1
        if brace > typed.rfind("}"):  # zsh puts it back, and a comma where a space would stand
            value = value[:brace] + value[brace + 1 :]
        described = f":{item.help}" if item.help else ""
        goes_on = value.endswith(("/", "=")) or value != item.value
        return ("+" if goes_on else "=") + re.sub(r"([\\:])", r"\\\1", value[typed.rfind("/") + 1 :]) + described


class Fish(_Shell):
    """Answers with what fish reads; it quotes by itself, and knows that a slash goes on."""

    name = "fish"
    source_template = _FISH
    escapes: ClassVar[Mapping[str, str]] = {'"': '"\\$\n', "'": "'\\"}

    def offer(self, item: CompletionItem[str], words: list[str], quote: str) -> str:  # noqa: ARG002
        return f"{item.value}\t{item.help}" if item.help else item.value


def register() -> None:
    """Have click take these shells for those of their names."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
