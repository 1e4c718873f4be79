"""The shape of the code: who may import, append and write what; how long things may get.  Each rule gives its reason."""

import ast
import fnmatch
import os
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.cli.running import ROOT, python

PACKAGES = ("cli", "projections", "eventstore")
"""Each may import itself and those to its right."""

ADAPTERS = ("streams", "hostfs", "registry", "sandbox", "distribution", "serve", "maintenance")

TOP_LEVEL = {"pyproject.toml", "eventstore", "projections", "cli", "tests", "README.md", "CHANGELOG.md", "LICENSE"}
APPENDERS = {"eventstore.store.commands", "eventstore.store.writer"}
IMPURE = {
    "asyncio", "click", "fcntl", "fileinput", "glob", "http", "mmap", "multiprocessing", "pathlib", "pty", "shelve", "shutil",
    "socket", "socketserver", "ssl", "subprocess", "tempfile", "threading", "urllib",
}  # fmt: skip
HEAVY = ("sqlite_utils", "structlog", "tabulate", "isal", "zstandard", "fastcdc", "lz4", "regex", "sqlite3", "e2b_dockerfile_utils")
VAGUE = ("common", "helper", "manager", "misc", "util")
SQL_WRITE = re.compile(
    r"\s*(insert\s+(or|into)|replace\s+into|update\s+\S+\s+set|delete\s+from|create\s|drop\s|alter\s|vacuum|begin|commit$|rollback)",
    re.IGNORECASE,
)
MAX_FILE, MAX_FUNCTION, MAX_MEDIAN, OBVIOUS = 400, 50, 10, 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def calls(self) -> Iterator[tuple[int, str]]:
        """Yield (line, what is called) as it is written: `os.open`, `print`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, module) of every import, those inside functions too; of ours, the very module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield node.lineno, whole if whole in names() else node.module or "."


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    files = sorted(path for folder in folders or PACKAGES for path in (ROOT / folder).rglob("*.py"))
    return tuple(module(str(file.relative_to(ROOT))) for file in files)


@cache
def module(path: str) -> Module:
    text = (ROOT / path).read_text()
    return Module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."), path, text, ast.parse(text))


@cache
def names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def held(reason: str, offences: Iterable[str]) -> None:
    found = sorted(offences)
    assert not found, "\n".join(["", *found, "", reason])


# -- who imports whom


def test_imports_run_from_cli_to_projections_to_eventstore() -> None:
    def offences() -> Iterator[str]:
        for module in modules():
            allowed = PACKAGES[PACKAGES.index(module.package) :]
            for line, name in module.imports():
                if name.partition(".")[0] in {*PACKAGES, "tests"} - set(allowed):
                    yield f"{module.path}:{line}: imports {name}"

    held("cli connects, projections reads, eventstore records: what is below must work, and be read, without what is above.", offences())


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module.name: {name for _, name in module.imports() if name in names()} - {module.name} for module in modules()}
    held("A circle of modules (imports inside functions count) can only be understood, tested and replaced as one.", circles(graph))


def circles(graph: dict[str, set[str]]) -> Iterator[str]:
    """Yield one line for each circle found by a walk in depth."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[str]:
        if name in way:
            yield " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for following in sorted(graph[name]):
                yield from walk(following, [*way, name])
            done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def test_a_circle_would_be_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == ["b -> c -> b"]


def test_projections_import_nothing_that_reaches_outside() -> None:
    offences = (
        f"{module.path}:{line}: imports {name}"
        for module in modules("projections")
        for line, name in module.imports()
        if name.partition(".")[0] in IMPURE
    )
    held("A projection is a pure function of the log: the same answer on every machine, and nothing to clean up.", offences)


def test_projections_open_no_files() -> None:
    touches = re.compile(r"open|print|os\.(?!path\.|fs(en|de)code$)\w+|sqlite3\.connect")
    offences = (
        f"{module.path}:{line}: calls {what}"
        for module in modules("projections")
        for line, what in module.calls()
        if touches.fullmatch(what)
    )
    held("Files and terminals are cli's business; a projection is handed bytes.", offences)


def test_adapters_know_no_command_line() -> None:
    def offences() -> Iterator[str]:
        for module in modules(*(f"cli/{name}" for name in ADAPTERS)):
            yield from (f"{module.path}:{line}: imports {name}" for line, name in module.imports() if name.partition(".")[0] == "click")
            yield from (f"{module.path}:{line}: {what}()" for line, what in module.calls() if what in ("print", "sys.stdout.write", "sys.exit", "SystemExit"))

    held("A library user calls the adapters too, and wants values and errors, not text on a terminal.", offences())


def test_starting_imports_nothing_heavy() -> None:
    watch = f"import sys, cli.command_line; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = python(watch)
    assert done.returncode == 0, done.stderr
    offences = (f"importing cli.command_line loads {name}" for name in done.stdout.split())
    held("Every command pays for what cli.command_line imports; import it where it is used.", offences)


def test_importing_changes_nothing_in_the_process() -> None:
    watch = (
        "import atexit, gc, importlib, logging, multiprocessing.util, signal, sys\n"  # these register ways out of their own
        "state = lambda: (gc.get_threshold(), atexit._ncallbacks(), [*map(signal.getsignal, signal.valid_signals())])\n"
        "before = state()\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "assert state() == before, (before, state())"
    )
    done = python(watch, *sorted(names()))
    held("A program that imports us as a library keeps its own garbage collector, signals and way out.", done.stderr.splitlines()[-1:])


def test_dependencies_are_those_that_are_imported() -> None:
    """What pyproject.toml asks for is what the code uses, and the reverse."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = (lines for extra, lines in project["optional-dependencies"].items() if extra != "test")
    asked = {re.split(r"[<>=~! ;\[]", line)[0].replace("-", "_") for lines in (project["dependencies"], *optional) for line in lines}
    used = {name.partition(".")[0] for module in modules() for _, name in module.imports()}
    used -= {*PACKAGES, *sys.stdlib_module_names}
    held("A dependency costs every user an installation; a missing one breaks it.", (f"pyproject.toml: {name}" for name in asked ^ used))


# -- who records


def test_only_commands_append() -> None:
    def offences() -> Iterator[str]:
        for module in modules():
            if module.name in APPENDERS:
                continue
            for node in ast.walk(module.tree):
                if isinstance(node, ast.With | ast.AsyncWith):
                    yield from (
                        f"{module.path}:{node.lineno}: appends ({ast.unparse(item.context_expr)})"
                        for item in node.items
                        if re.search(r"\bchangeset\(", ast.unparse(item.context_expr))
                    )
            if module.package != "eventstore":
                yield from (f"{module.path}:{line}: imports {name}" for line, name in module.imports() if name == "eventstore.log.changeset_writer")

    held("The rules for changing a tree hold because eventstore/store/commands.py alone appends.", offences())


def test_only_eventstore_writes_to_the_database() -> None:
    def offences() -> Iterator[str]:
        for module in modules("cli", "projections"):
            yield from (f"{module.path}:{line}: {sql.split()[0]} ..." for line, sql in executed(module) if SQL_WRITE.match(sql))
            yield from (f"{module.path}:{line}: opens a database" for line, what in module.calls() if what == "sqlite3.connect")

    held("One place writes, so one place decides what is durable, and when.", offences())


def executed(module: Module) -> Iterator[tuple[int, str]]:
    """Yield (line, the text's beginning) of what is handed to execute, executemany or executescript."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("execute") and node.args:
            first = next((part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)), None)
            if first is not None and isinstance(first.value, str):
                yield node.lineno, first.value


def test_the_log_is_never_changed() -> None:
    tables = r"(event|changeset|stream|path|context|tree_node)\b"
    change = re.compile(rf"\s*(update\s+{tables}|delete\s+from\s+{tables}|drop\s+trigger|replace\s+into\s+{tables})", re.IGNORECASE)
    offences = (
        f"{module.path}:{line}: {sql[:60]}" for module in modules() for line, sql in executed(module) if change.match(sql)
    )
    held("Append-only: no event row is ever changed or removed.", offences)


# -- how long, and what it is called


def test_files_are_short() -> None:
    offences = (
        f"{module.path}: {lines} lines"
        for module in modules(*PACKAGES, "tests")
        if (lines := module.text.count("\n")) >= MAX_FILE
    )
    held(f"A file is read in one sitting: under {MAX_FILE} lines; split it by what its parts are about.", offences)


def test_functions_are_short() -> None:
    offences = (
        f"{module.path}:{function.lineno}: {function.name} has {length(function)} lines"
        for module in modules(*PACKAGES, "tests")
        for function in module.functions()
        if length(function) >= MAX_FUNCTION
    )
    held(f"A function does one thing that its name says: under {MAX_FUNCTION} lines.", offences)


def test_most_functions_are_very_short() -> None:
    median = statistics.median(length(function) for module in modules() for function in module.functions())
    held(f"The median function is under {MAX_MEDIAN} lines.", [f"it has {median}"] if median >= MAX_MEDIAN else [])


def length(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_modules_are_named_after_what_they_hold() -> None:
    def vague(name: str) -> bool:
        return any(part.strip("_").removesuffix("s") in VAGUE for part in re.split(r"[._]", name))

    held("A drawer for everything is found by nobody and grows for ever.", (m.path for m in modules(*PACKAGES, "tests") if vague(m.name)))


def test_the_top_level_holds_what_the_design_says() -> None:
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    found = {
        name
        for name in os.listdir(ROOT)
        if not name.startswith(".") and not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
    }
    held("Whoever opens the repository sees at once where everything is.", (f"{name}: unexpected or missing" for name in found ^ TOP_LEVEL))


# -- promises


def test_eventstore_promises_or_is_obvious() -> None:
    def offences() -> Iterator[str]:
        for module in modules("eventstore"):
            for owner, function in public(module.tree):
                if not ast.get_docstring(function) and body_lines(function) > OBVIOUS:
                    yield f"{module.path}:{function.lineno}: {owner}{function.name} has {body_lines(function)} lines and no docstring"

    held(f"A docstring promises (what is returned, raised, durable); only a body of {OBVIOUS} lines may speak for itself.", offences())


def public(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.", part) for part in node.body if isinstance(part, Function) and not part.name.startswith("_"))
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield "", node


def body_lines(function: Function) -> int:
    return (function.end_lineno or 0) - function.body[0].lineno + 1


def test_modules_say_what_they_are_about() -> None:
    offences = (m.path for m in modules() if m.text.count("\n") > 5 and not ast.get_docstring(m.tree))
    held("The first line of a module says what is found there.", offences)


def test_nothing_is_left_for_later() -> None:
    marks: Callable[[str], re.Match[str] | None] = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b").search
    offences = (
        f"{module.path}:{number}: {line.strip()}"
        for module in modules(*PACKAGES, "tests")
        if Path(module.path).name != Path(__file__).name
        for number, line in enumerate(module.text.splitlines(), 1)
        if marks(line)
    )
    held("What is to be done stands in an issue, where somebody will see it.", offences)
