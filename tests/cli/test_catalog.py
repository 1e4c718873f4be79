from importlib import import_module

import click

from cli.catalog import COMMANDS, HEADINGS


def test_every_command_can_be_imported():
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


def test_a_command_stands_under_one_heading():
    assert sum(map(len, HEADINGS.values())) == len(COMMANDS)


def test_help_lines_fit_a_terminal_of_80_columns():
    width = max(map(len, COMMANDS))
    assert not [name for name, entry in COMMANDS.items() if 2 + width + 2 + len(entry.help) > 78]
