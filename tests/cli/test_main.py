import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.command_line import cli
from cli.session.settings import Settings
from cli.version import VERSION
from tests.cli.running import ROOT, clean, layerlog, python, started

FRAME = """
import sys, os, errno, sqlite3, click
from cli.command_line import cli, run
from cli.session.settings import Settings
from eventstore.errors import *
@click.command()
@click.argument("verbosity", type=int)
@click.pass_context
def broken(ctx, verbosity):
    ctx.obj = Settings("/the/store", verbosity)
    BODY
sys.exit(run(broken, sys.argv[1:]))
"""


def failing(body: str, verbosity: int = 0) -> tuple[int, str, str]:
    """Return (exit code, stdout, stderr) of a command whose body is *body*."""
    done = python(FRAME.replace("BODY", body.replace("\n", "\n    ")), str(verbosity))
    return done.returncode, done.stdout, done.stderr


def test_version_is_that_of_the_project() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert setuptools["dynamic"]["version"] == {"attr": "cli.version.VERSION"}
    assert CliRunner().invoke(cli, ["--version"]).output == f"layerlog version {VERSION}\n"


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["nonesuch"], ["completion", "zsh"]])
def test_start_imports_nothing_heavy(args: list[str]) -> None:
    """The start of every command is paid for by every command."""
    watch = (
        "import atexit, sys; from cli.main import main\n"
        "heavy = ('structlog', 'sqlite_utils', 'sqlite3', 'tabulate', 'isal', 'zstandard', 'lz4', 'fastcdc', 'regex',\n"
        "         'importlib.metadata', 'subprocess', 'email')\n"
        "found = lambda: [m for m in sys.modules if m in heavy or m.startswith('cli.commands.') and m.count('.') > 2]\n"
        "atexit.register(lambda: print(found(), file=sys.stderr)); main()"
    )
    loaded = python(watch, *args).stderr.splitlines()[-1]
    assert loaded == ("['cli.commands.store.completion']" if args[0] == "completion" else "[]")


@pytest.mark.parametrize("given", [["--store="], ["--store", ""]])
def test_a_store_without_a_name_is_none(given: list[str]) -> None:
    """An empty variable in a script does not mean the store of whoever runs it; an empty LAYERLOG_STORE is an unset one."""
    done = CliRunner().invoke(cli, [*given, "ps"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "names no folder; leave the option out for the default store" in done.stderr


def test_help_lists_every_command_under_its_heading() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Images:", "Containers:", "Files:", "History:", "Store:"]
    assert "\n  commit      Seal a container's changes as a new image\n" in text


def test_no_command_at_all_shows_the_help_and_is_wrong_usage() -> None:
    done = layerlog()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Containers:" in done.stderr


@pytest.mark.parametrize(("word", "meant"), [("comit", "'commit'"), ("histroy", "'history'"), ("histori", "'history'")])
def test_an_unknown_command_is_answered_with_the_nearest(word: str, meant: str) -> None:
    done = layerlog(word)
    assert done.returncode == 2
    assert done.stderr.endswith(f"Error: No such command '{word}'. Did you mean {meant}?\n")


def test_an_unknown_command_that_is_near_to_none() -> None:
    assert layerlog("xyzzy").stderr.endswith("Error: No such command 'xyzzy'.\n")


@pytest.mark.parametrize(
    "args", [["--nonesuch"], ["-x"], ["completion"], ["completion", "tcsh"], ["--log-format", "xml"]]
)
def test_wrong_usage_is_2_and_on_stderr(args: list[str]) -> None:
    done = layerlog(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_a_common_option_behind_the_command_is_told_where_it_stands() -> None:
    done = layerlog("completion", "--store", "/x", "bash")
    assert done.returncode == 2
    assert "'--store' here; it stands before the command: layerlog --store ... completion" in done.stderr


def test_arguments_never_reach_the_terminal_raw() -> None:
    done = layerlog("completion", "bash", "\x1b]0;title\x07\x9b31m\u202e")
    assert r"\x9b31m\u202e" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()


def test_settings_hold_what_stands_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--store", "/x", "--log-format", "json", "-vv", "completion", "zsh"]
    before = Settings("/default", argv=("layerlog", *args))
    with cli.make_context("layerlog", args.copy(), obj=before) as ctx:
        cli.invoke(ctx)
    assert ctx.obj == Settings("/x", 2, "json", before.argv)


@pytest.mark.parametrize(
    ("env", "store"),
    [
        ({"LAYERLOG_STORE": "/a", "XDG_DATA_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"LAYERLOG_STORE": "", "XDG_DATA_HOME": "/b", "HOME": "/c"}, "/b/layerlog"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/c"}, "/c/.local/share/layerlog"),
        ({"HOME": "/c"}, "/c/.local/share/layerlog"),
    ],
)
def test_where_the_store_is(env: dict[str, str], store: str) -> None:
    assert f"store={store}" in layerlog("-v", "completion", "zsh", env=env).stderr
    assert "store=/d" in layerlog("-v", "--store", "/d", "completion", "zsh", env=env).stderr


@pytest.mark.parametrize(
    "args", [["ps"], ["images"], ["log"], ["ls", "web"], ["verify"], ["gc"], ["rm", "web"], ["cp", "/etc/passwd", "web:/f"],
             ["create", "tomcat"], ["backup", "/nonesuch/backup"]],
)  # fmt: skip
def test_a_store_that_is_named_and_not_there_is_not_made(tmp_path: Path, args: list[str]) -> None:
    """A slip of the pen must neither look like an empty store nor leave one behind."""
    for name in ("typo", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = CliRunner().invoke(cli, ["--store", str(tmp_path / name), *args])
        said = f"layerlog: no store at {tmp_path / name}; check the spelling (`load`, `import` and `create scratch` make one)\n"
        assert (done.exit_code, done.stdout, done.stderr) == (1, "", said)
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


@pytest.mark.parametrize("args", [["ps", "-q"], ["images"], ["log"], ["verify"], ["tag", "a", "b"], ["completion", "bash"]])
def test_reading_makes_no_store(tmp_path: Path, args: list[str]) -> None:
    """Whoever asks before there is anything is told what makes a store, and finds none afterwards."""
    done = layerlog(*args, env={"XDG_DATA_HOME": str(tmp_path)})
    if args[0] != "completion":
        assert (done.returncode, done.stdout) == (1, "")
        assert "no store at" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("args", [["create", "scratch"], ["import", "."], ["load", "-i", "none.tar"]])
def test_commands_that_begin_a_store_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    CliRunner().invoke(cli, args, env={"LAYERLOG_STORE": str(tmp_path / "store")})
    assert (tmp_path / "store/log.db").exists()


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise ConflictError('web: exists; choose another name')", 1, "layerlog: web: exists; choose another name"),
        ("raise NotFoundError('no \\x1b[2J\\nhere')", 1, r"layerlog: no \x1b[2J\nhere"),
        ("open('/nonesuch')", 1, "layerlog: /nonesuch: no such file or directory; check the spelling"),
        ("open(b'/nonesuch-\\xff', 'w').x", 70, None),
        ("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), '/a')", 1,
         "layerlog: /a: no space left on device; free some space, then run the command again"),
        ("raise OSError(errno.EROFS, os.strerror(errno.EROFS), '/a', None, '/b')", 1,
         "layerlog: /a -> /b: read-only file system; choose a place that can be written (--store DIR for the store)"),
        ("raise OSError(errno.EACCES, os.strerror(errno.EACCES))", 1,
         "layerlog: the output or the store /the/store: permission denied; check its owner and mode, or run as a user who may"),
        ("raise TimeoutError('timed out')", 1,
         "layerlog: the output or the store /the/store: timed out; run with -v for details"),
        ("raise MemoryError", 1,
         "layerlog: out of memory; close other programs or give it more, then run the command again"),
        ("def deeper(): deeper()\ndeeper()", 1,
         "layerlog: the input is nested too deeply to be read; check where it comes from"),
        ("raise ValueError('odd\\nvery odd')", 70,
         "layerlog: ValueError: odd; this is a bug; run with -v for details"),
        ("raise KeyboardInterrupt", 130, ""),
        ("error = KeyboardInterrupt(); error.add_note('/d is incomplete'); raise error", 130, "layerlog: /d is incomplete"),
        ("raise BrokenPipeError(errno.EPIPE, 'Broken pipe')", 141, ""),
        ("click.confirm('sure?', abort=True)", 1, "layerlog: stopped: not confirmed"),
        ("ctx.exit(3)", 3, ""),
        ("sys.exit(4)", 4, ""),
        ("ctx.fail('no')", 2, "Error: no"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_an_exit_code(body: str, code: int, line: str | None) -> None:
    got, out, err = failing(body)
    assert got == code
    assert "Traceback" not in err
    assert out in ("", "sure? [y/N]: ")
    if line is not None:
        assert (err.splitlines() or [""])[-1] == line


DAMAGED = """import tempfile; name = tempfile.mktemp(); db = sqlite3.connect(name)
db.execute('create table a (b)'); db.commit(); db.close()
file = open(name, 'r+b'); file.seek(4096); file.write(bytes(4096)); file.close()
db = sqlite3.connect(name); os.unlink(name); db.execute('select * from a')"""

READ_ONLY = """db = sqlite3.connect(''); db.execute('create table a (b)'); db.execute('pragma query_only = 1')
db.execute('insert into a values (1)')"""

FULL = """db = sqlite3.connect(''); db.execute('create table a (b)'); db.execute('pragma max_page_count = 3')
db.execute('insert into a values (zeroblob(100000))')"""

LOCKED = """where = dict(database='file:m?mode=memory&cache=shared', uri=True, isolation_level=None, timeout=0)
one, two = sqlite3.connect(**where), sqlite3.connect(**where)
one.execute('begin exclusive'); two.execute('begin exclusive')"""


@pytest.mark.parametrize(
    ("trouble", "reason", "step"),
    [
        ("db = sqlite3.connect('file:/nonesuch/log.db?mode=ro', uri=True)", "unable to open database file", "folder"),
        ("sqlite3.connect('/dev/full').execute('create table a (b)')", "database or disk is full", "free some space"),
        (DAMAGED, "database disk image is malformed", "layerlog verify"),
        ("sqlite3.connect('cli/main.py').execute('select * from sqlite_schema')", "file is not a database", "backup"),
        (READ_ONLY, "attempt to write a readonly database", "owner and mode"),
        (FULL, "database or disk is full", "free some space"),
        (LOCKED, "locked", "run the command again"),
    ],
)  # fmt: skip
def test_sqlite_trouble_names_the_store_and_the_next_step(trouble: str, reason: str, step: str) -> None:
    code, _, err = failing(trouble)
    assert code == 1, err
    assert err.startswith("layerlog: store /the/store: ")
    assert err.count("\n") == 1
    assert reason in err
    assert step in err


def test_wrong_sql_is_a_bug() -> None:
    code, _, err = failing("sqlite3.connect('').execute('select nonsense')")
    assert (code, err) == (
        70,
        "layerlog: OperationalError: no such column: nonsense; this is a bug; run with -v for details\n",
    )


def test_a_traceback_is_for_verbose_alone() -> None:
    code, _, err = failing("raise ValueError('odd')", verbosity=1)
    assert code == 70
    assert err.startswith("Traceback")
    assert err.endswith("layerlog: ValueError: odd; this is a bug; run with -v for details\n")
    assert failing("raise ConflictError('no')", verbosity=2)[2] == "layerlog: no\n"


def test_output_that_cannot_be_written_is_an_error() -> None:
    """A full disk behind stdout must not look like success, whether noticed at once or at the last flush."""
    for body in ("print('a')", "click.echo('a')", "ctx.exit(print('a') or 0)"):
        program = FRAME.replace("BODY", body)
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-c", program, "0"],
                cwd=ROOT,
                env=clean({}),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert done.stderr.startswith("layerlog: standard output: no space left on device; free some space")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["completion", "bash"]])
@pytest.mark.parametrize("stderr_too", [False, True])
def test_a_reader_that_left_is_no_news(args: list[str], stderr_too: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *args],
        cwd=ROOT, env=clean({}), stdout=writer, stderr=writer if stderr_too else subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writer)
    assert done.returncode == 141
    assert not done.stderr


def test_a_closed_stdout_is_no_trouble() -> None:
    program = f"{sys.executable} -c 'from cli.main import main; main()' --version >&-"
    done = subprocess.run(
        ["sh", "-c", program], cwd=ROOT, env=clean({}), stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_interrupt_from_the_keyboard() -> None:
    program = FRAME.replace("BODY", "import time; print('here', flush=True); time.sleep(60)")
    process = started(program, "0")
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert (process.communicate()[1], process.returncode) == ("", 130)


def test_names_that_the_encoding_lacks_are_escaped() -> None:
    program = FRAME.replace("BODY", "print('na\\u00efve \\u65e5')")
    assert python(program, "0", env={"PYTHONIOENCODING": "ascii"}).stdout == "na\\xefve \\u65e5\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("layerlog com", ["commit", "completion"]),
        ("layerlog completion ", ["bash", "zsh", "fish"]),
        ("layerlog --st", ["--store"]),
    ],
)
def test_completion_needs_no_command_it_does_not_complete(line: str, expected: list[str]) -> None:
    asked = {"_LAYERLOG_COMPLETE": "bash_complete", "COMP_WORDS": line, "LAYERLOG_WORD": line.rpartition(" ")[2]}
    assert layerlog(env=asked).stdout.split() == expected


@pytest.mark.parametrize(
    ("args", "closed", "said"),
    [
        (["write", "c:/f"], "<&-", "layerlog: standard input: bad file descriptor; it is closed, so open it or name a file\n"),
        (["cat", "c:/etc"], ">&-", ""),
        (["export", "c"], ">&-", ""),
        (["nonesuch"], "2>&-", ""),
    ],
)
def test_closed_streams(tmp_path: Path, args: list[str], closed: str, said: str) -> None:
    store = str(tmp_path / "store")
    layerlog("--store", store, "create", "--name", "c", "scratch")
    layerlog("--store", store, "write", "--text", "x", "c:/etc")
    program = "from cli.main import main; main()"
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", program, "--store", store, *args]
    done = subprocess.run(command, cwd=ROOT, env=clean({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1 if said else 2 * (args == ["nonesuch"]), "", said)


def test_a_usage_error_shows_no_escaped_tabs() -> None:
    assert layerlog("completion").stderr.endswith("Choose from:\n    bash,\n    zsh,\n    fish\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_the_shell(shell: str) -> None:
    done = layerlog("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_LAYERLOG_COMPLETE={shell}_complete" in done.stdout


def test_bash_takes_the_completion_script() -> None:
    script = layerlog("completion", "bash").stdout
    done = subprocess.run(
        ["bash", "--norc", "-c", script + "\ncomplete -p layerlog"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "complete -o nosort -F _layerlog_completion layerlog\n"


def test_the_installed_command() -> None:
    command = os.path.join(os.path.dirname(sys.executable), "layerlog")
    if not os.path.exists(command):
        pytest.skip("layerlog is not installed in this environment (pip install -e .)")
    done = subprocess.run([command, "--version"], env=clean({}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"layerlog version {VERSION}\n", "")
