"""bash's side of completion: click's own takes `web:/etc` for three words, because bash breaks words at a colon."""

import os
import re

from click.shell_completion import BashComplete, CompletionItem, split_arg_string

_SOURCE = r"""
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
_SPECIAL = re.compile(r"""([\s"'\\$&;()<>|*?`!#\[\]{}~])""")


class Bash(BashComplete):
    """Takes the whole line, and answers with what bash takes for the last word."""

    name = "bash"
    source_template = _SOURCE

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

    def format_completion(self, item: CompletionItem) -> str:
        return str(item.value)

    @staticmethod
    def _check_version() -> None:
        """What is used of bash is there since 4.4; older ones offer nothing."""
