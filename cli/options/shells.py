"""The shells' side of completion, where click's own is not enough: colons in a word, and directories that go on."""

import os
import re

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = r"""
%(complete_func)s() {
    local IFS=$'\n' item
    COMPREPLY=()
    for item in $(env LAYERLOG_LINE="${COMP_LINE:0:COMP_POINT}" LAYERLOG_BREAKS="$COMP_WORDBREAKS" \
            %(complete_var)s=bash_complete "$1"); do
        COMPREPLY+=("$item")
        [[ $item == */ ]] && compopt -o nospace
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local item
    local -a open closed
    for item in "${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \
            %(complete_var)s=zsh_complete %(prog_name)s)}"; do
        case $item in
            '+'*) open+=("${item#?}") ;;
            '='*) closed+=("${item#?}") ;;
        esac
    done
    _describe -V unsorted open -U -S ''
    _describe -V unsorted closed -U
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = r"""
function %(complete_func)s
    env COMP_WORDS=(commandline -cp | string collect) COMP_CWORD=(commandline -ct) %(complete_var)s=fish_complete %(prog_name)s
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
_SPECIAL = re.compile(r"""(?!^~/)([\s"'\\$&;()<>|*?`!#\[\]{}~])""")


class Bash(BashComplete):
    """Takes the whole line, and answers with what bash takes for the last word: bash breaks words at a colon."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["LAYERLOG_LINE"]
        words = split_arg_string(line)
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        breaks = os.environ.get("LAYERLOG_BREAKS", "").strip()
        start = max((incomplete.rfind(mark) for mark in breaks), default=-1) + 1
        return "\n".join(_SPECIAL.sub(r"\\\1", item.value[start:]) for item in self.get_completions(args, incomplete))

    @staticmethod
    def _check_version() -> None:
        """What is used of bash is there since 4.4; older ones offer nothing."""


class Zsh(ZshComplete):
    """Answers with what `_describe` reads, behind a sign: + for what goes on (no space after it), = for what is whole."""

    source_template = _ZSH

    def format_completion(self, item: CompletionItem) -> str:
        value = os.path.expanduser(item.value)  # zsh would quote a ~
        described = f":{item.help}" if item.help else ""
        return ("+" if value.endswith("/") else "=") + re.sub(r"([\\:])", r"\\\1", value) + described


class Fish(FishComplete):
    """Answers with what fish reads; it knows by itself that a slash goes on."""

    source_template = _FISH

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


def register() -> None:
    """Have click take these shells for those of their names."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
