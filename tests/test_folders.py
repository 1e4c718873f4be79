"""The house: which folders there are, in which order they stand, and why."""

import ast
import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cli.running import ROOT
from tests.test_architecture import PACKAGES, Module, held, modules

ORDER: dict[str, dict[str, tuple[int, str]]] = {
    "eventstore": {
        "errors": (0, "everybody raises them"),
        "offers": (0, "how a package is a library"),
        "model": (1, "values: what all others speak in"),
        "disk": (2, "folders and files, whatever is in them"),
        "log": (3, "log.db: rows and their chain, and no content"),
        "content": (3, "segments: bytes and their names, and no events"),
        "index": (4, "asks the log, and changes nothing"),
        "store": (5, "brings log and content together, and appends"),
        "retention": (6, "takes away what an open store no longer needs"),
        "integrity": (7, "looks at all of it, and mends"),
    },
    "projections": {
        "tar": (0, "bytes alone: no log"),
        "oci": (0, "documents alone: no log"),
        "tree": (0, "the merged tree; who asks for it is not known here"),
        "refs": (1, "names of views, which tree makes"),
        "diff": (1, "two trees"),
        "events": (2, "events found by path, through trees and differences"),
        "layers": (3, "a layer is a difference, written as a tar"),
        "edits": (3, "a wish becomes Changes of a tree"),
        "images": (4, "layers and a config"),
        "build": (5, "what a Dockerfile makes of images and trees"),
        "history": (5, "commits of images and containers"),
        "audit": (6, "the whole store, seen from all of the above"),
    },
    "cli": {
        "version": (0, "a number"),
        "go_template": (0, "texts and values"),
        "catalog": (0, "names"),
        "streams": (1, "bytes on their way"),
        "hostfs": (2, "host files, by streams"),
        "registry": (2, "asks registries, by streams; no store"),
        "sandbox": (3, "processes on host files"),
        "distribution": (3, "archives and registries"),
        "serve": (4, "a registry over distribution's encoders"),
        "maintenance": (4, "work on the whole store, through distribution's encoders"),
        "display": (5, "what others found, as text"),
        "report": (6, "what an auditor takes away, by display's formats"),
        "session": (6, "opens the store, and tells of errors by display"),
        "options": (7, "what users type, completed from the open store"),
        "build": (7, "steps of Dockerfiles, in the open store and in its sandbox"),
        "command_line": (8, "argv; loads commands by their names in the catalog"),
        "commands": (9, "connect all of it"),
        "main": (10, "the process; begins before anything is imported"),
    },
}
"""The folders (and loose modules) of each package, and why each stands where it stands: one may import itself and what has a
lower number; two of one number do not know each other.
"""
MAX_MODULES = 12

SQL = re.compile(
    r"""\s*(select\s|insert\s+(or|into)\s|replace\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|values\s*\(|pragma\s|explain\s
    |with\s+(recursive\s+)?\w+\s*(\([\w\s,]*\)\s*)?as\s|(create|drop|alter)\s+(temp\s+|unique\s+)?(table|index|view|trigger)\s
    |(attach|detach|savepoint|release|reindex|analyze|vacuum)\s+\w+$)|.*\bindexed\s+by\s""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def folder(name: str) -> str:
    """The folder, or the loose module, of its package that a module of ours is (in); "" for the package itself."""
    return [*name.split("."), ""][1]


def test_folders_stand_in_one_order() -> None:
    def offences() -> Iterator[str]:
        for module in modules():
            places, here = ORDER[module.package], folder(module.name)
            for line, name in module.imports():
                there = folder(name) if name.partition(".")[0] == module.package else here
                if there not in (here, "") and here and places[there][0] >= places[here][0]:
                    yield f"{module.path}:{line}: {here} imports {name}"

    held("A flow goes down through the folders once and comes up once: what is lower can be read without what is above.", offences())


def test_every_folder_has_its_place_and_says_what_lives_there() -> None:
    def offences() -> Iterator[str]:
        for package in PACKAGES:
            found = {folder(module.name) for module in modules(package)} - {""}
            yield from (f"{package}/{name}: no place in the order" for name in found - ORDER[package].keys())
            yield from (f"{package}/{name}: is not there" for name in ORDER[package].keys() - found)
        for init in modules():
            if init.path.endswith("/__init__.py") and not ast.get_docstring(init.tree):
                yield f"{init.path}: does not say what lives here"

    held("A reader finds the room from its name, and its __init__ says what is in it.", offences())


def test_tests_mirror_the_folders() -> None:
    def offences() -> Iterator[str]:
        for module in modules(*(f"tests/{package}" for package in PACKAGES)):
            tested = os.path.dirname(module.path).removeprefix("tests/")
            if not (ROOT / tested).is_dir():
                yield f"{module.path}: there is no {tested}"

    held("The tests of a folder are found where the folder itself is, below tests.", offences())


def test_folders_are_small() -> None:
    counts = Counter(os.path.dirname(module.path) for module in modules() if not module.path.endswith("__init__.py"))
    offences = (f"{folder}: {count} modules" for folder, count in counts.items() if count > MAX_MODULES)
    held(f"A folder is seen at a glance: at most {MAX_MODULES} modules.", offences)


# -- who knows SQL


def test_only_eventstore_knows_sql() -> None:
    held(
        "Only eventstore knows its tables: others ask named questions of eventstore/index/, which says their order and cost.",
        (f"{module.path}:{line}: {what}" for module in modules("projections", "cli") for line, what in sql_in(module)),
    )


def test_kinds_and_effects_are_named_in_sql() -> None:
    offences = (
        f"{module.path}:{number}: {line.strip()}"
        for module in modules("eventstore/index")
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"\b(kind|effect)\s*(=|!=|<>|<|>|in\s*\(|between)\s*\d", line, re.IGNORECASE)
    )
    held("A number says nothing: {Kind.LINK_MADE:d} and {HIDES:d} do, and are found by who looks for their users.", offences)


def sql_in(module: Module) -> Iterator[tuple[int, str]]:
    """Yield (line, what it is) of each way to the database: an import, a connection, a cursor, a text that SQLite could run."""
    yield from ((line, "imports sqlite3") for line, name in module.imports() if name.partition(".")[0] == "sqlite3")
    spoken = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("db", "execute", "executemany", "executescript"):
            yield node.lineno, f"uses .{node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken and SQL.match(node.value):
            yield node.lineno, f"holds SQL: {node.value[:40]!r}"


@pytest.mark.parametrize(
    "line",
    [
        "import sqlite3",
        "from sqlite3 import Connection",
        "rows = log.db",
        "ask(view.log).execute(question)",
        "ask = 'SELECT 1'",
        "ask = f'  select {columns} from event'",
        "ask = 'WITH RECURSIVE hop (stream) AS (SELECT 1) SELECT stream FROM hop'",
        "ask = 'with t as (values (1)) select * from t'",
        "ask = 'pragma data_version'",
        "ask = 'DELETE FROM event'",
        "table = 'event INDEXED BY event_path'",
    ],
)
def test_sql_would_be_found(line: str) -> None:
    assert list(sql_in(Module("some", "some.py", line, ast.parse(line))))


@pytest.mark.parametrize("line", ["def f():\n    'Select one.'", "what = 'with one'", "kind = 'commit'", "path = b'SELECT 1'", "deleted = 'deleted from'"])
def test_words_are_no_sql(line: str) -> None:
    assert not list(sql_in(Module("some", "some.py", line, ast.parse(line))))
