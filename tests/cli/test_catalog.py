from importlib import import_module

import click
from click.testing import CliRunner

from cli.catalog import COMMANDS, HEADINGS
from cli.command_line import cli
from tests.cli.invoking import Layerlog


def test_every_command_can_be_imported() -> None:
    """The table is a promise; this names every row that nothing keeps."""
    missing = []
    for name, entry in COMMANDS.items():
        try:
            command = getattr(import_module(entry.module), entry.attribute)
        except (ImportError, AttributeError) as error:
            missing.append(f"{name}: {error}")
        else:
            if not isinstance(command, click.Command) or not command.help:
                missing.append(f"{name}: {entry.module}.{entry.attribute} is not a click command with a help text")
    assert not missing, f"{len(missing)} of {len(COMMANDS)} commands are missing:\n" + "\n".join(missing)


def test_a_command_stands_under_one_heading() -> None:
    assert sum(map(len, HEADINGS.values())) == len(COMMANDS)


def test_help_lines_fit_a_terminal_of_80_columns() -> None:
    width = max(map(len, COMMANDS))
    assert not [name for name, entry in COMMANDS.items() if 2 + width + 2 + len(entry.help) > 78]


def test_examples_in_a_help_stay_on_their_lines() -> None:
    """Docstrings are raw, so that click's sign for it comes as two characters."""
    helps = {name: CliRunner().invoke(cli, [name, "--help"]).output for name in COMMANDS}
    assert not [name for name, text in helps.items() if "\\b" in text]
    assert "\n    docker save tomcat | layerlog load\n" in helps["load"]


def test_whatever_takes_a_point_says_how_it_is_spelled(ll: Layerlog) -> None:
    """The spellings that the help shows are those that every reader takes."""
    helps = {name: CliRunner().invoke(cli, [name, "--help"], terminal_width=80).output for name in COMMANDS}
    pointed = {name for name, text in helps.items() if "these are points of its history" in text}
    assert pointed == {name for name, text in helps.items() if "REF" in text.partition("\n")[0]}
    assert pointed >= {"ls", "cat", "stat", "diff", "log", "show", "blame", "create", "fork", "run", "save", "restore", "checkout"}
    shown = [line for line in helps["ls"].partition("points of its history:\n")[2].splitlines() if line.startswith("    ")]
    assert max(map(len, shown)) <= 80
    for _ in range(2):
        ll("write", "--text", "x", "web:/f")
        ll("write", "--text", "y", "web:/f")
        ll("commit", "web", "app:1")
    for spelled in (line.split()[0] for line in shown if line.split()[0].startswith(("web", "app"))):
        point = spelled.replace("42", "4").replace("yesterday", "now")
        assert "motd" in ll("ls", f"{point}:/etc"), point


def test_h_is_short_for_help_wherever_it_means_nothing_else() -> None:
    """With chown it is --no-dereference, as everywhere."""
    for name in COMMANDS.keys() - {"chown"}:
        asked = [CliRunner().invoke(cli, [name, option]) for option in ("-h", "--help")]
        assert [(done.exit_code, done.output) for done in asked] == [(0, asked[1].output)] * 2, name
    assert CliRunner().invoke(cli, ["-h"]).output == CliRunner().invoke(cli, ["--help"]).output
    assert CliRunner().invoke(cli, ["bisect", "run", "-h"]).exit_code == 0
