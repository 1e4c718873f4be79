import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from cli.catalog import COMMANDS, GROUPS
from cli.options.completion import DIGITS, MOST
from eventstore.store import commands
from tests.cli.invoking import Layerlog, with_loaded, write_and_commit
from tests.cli.running import layerlog


@pytest.fixture
def ll(ll: Layerlog) -> Layerlog:
    with_loaded(ll, "app:2", "localhost/site")
    return ll


def described(store: str, line: str) -> dict[str, str]:
    """What the program offers for the last word of a line, and how it describes that."""
    asked = {"_LAYERLOG_COMPLETE": "fish_complete", "COMP_WORDS": f"layerlog {line}", "LAYERLOG_STORE": store}
    done = layerlog(env=asked)
    assert (done.returncode, done.stderr) == (0, ""), line
    rows = [row.partition("\t") for row in done.stdout.split("\n") if row]
    return {value: what for value, _, what in rows}


def completed(store: str, line: str) -> list[str]:
    return [*described(store, line)]


ROOT = ["/bin", "/etc/", "/srv/", "/usr/"]
NAMES = ["app:2", "base:1", "localhost/app:2", "localhost/site", "site"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("create ", ["web", *NAMES]),
        ("create a", ["app:2"]),
        ("create loc", ["localhost/app:2", "localhost/site"]),
        ("create site:l", ["site:latest"]),
        ("create docker.io/library/a", []),
        ("rm ", ["web"]),
        ("commit web ", NAMES),
        ("tag base:1 s", ["site"]),
        ("ls w", ["web:/"]),
        ("ls web:/", [f"web:{path}" for path in ROOT]),
        ("ls base:1:/etc/m", ["base:1:/etc/motd"]),
        ("cat web:/bin/s", ["web:/bin/sh", "web:/bin/su"]),
        ("cat web@1:/etc/os", ["web@1:/etc/os-release"]),
        ("cat base:1:/etc/motd web:/etc/m", ["web:/etc/motd"]),
        ("write a", []),
        ("chmod 600 web:/etc/g", ["web:/etc/group"]),
        ("ls nope:/e", []),
        ("ls web:/nope/x", []),
        ("ls web:/etc/motd/x", []),
        ("diff web b", ["base:1:/"]),
        ("diff web ", ["web:/", *(f"{name}:/" for name in NAMES)]),
        ("diff web base:1 ", []),
        # paths of the view that stands before
        ("log web -- ", ROOT),
        ("log web -- /etc/m", ["/etc/motd"]),
        ("log web -- etc/m", ["etc/motd"]),
        ("log web -- /etc/motd /us", ["/usr/"]),
        ("log web@1..web -p -- /us", ["/usr/"]),
        ("log nope -- /", []),
        ("log --all -- /", []),
        ("diff web -- /etc/m", ["/etc/motd"]),
        ("diff web base:1 -- /etc/motd /b", ["/bin"]),
        ("diff --stat web@1..web -- /etc/m", ["/etc/motd"]),
        ("diff app:2 web:/etc -- /us", ["/usr/"]),
        ("audit web --path /us", ["/usr/"]),
        # ranges
        ("log web@1..b", ["web@1..base:1"]),
        ("diff web@1..w", ["web@1..web:/"]),
        ("diff web@1..web:/us", ["web@1..web:/usr/"]),
        ("log ..w", ["..web"]),
        # filters
        ("ps --filter ", ["name=", "ancestor=", "status="]),
        ("ps -f status=un", ["status=unsealed", "status=unchanged"]),
        ("ps --filter=status=r", ["--filter=status=running", "--filter=status=removed"]),
        ("ps -f ancestor=b", ["ancestor=base:1"]),
        ("ps -f name=w", ["name=web"]),
        ("ps -f nope=", []),
        ("container ls --filter st", ["status="]),
        ("images -f d", ["dangling="]),
        ("images -f dangling=", ["dangling=true", "dangling=false"]),
        ("images -f label=", []),
        ("image ls -f since=b", ["since=base:1"]),
        ("events --filter ", ["stream=", "kind=", "path=", "mode=", "author=", "actor="]),
        ("events --filter kind=Tag", ["kind=TagMoved", "kind=TagDeleted"]),
        ("events --filter stream=t", ["stream=tag"]),
        ("events --filter stream=w", ["stream=web"]),
        # words
        ("ps --format j", []),
        ("save --format o", ["oci-dir"]),
        ("save --format=o", ["--format=oci-dir"]),
        ("rm --fo", ["--force"]),
        ("version", ["version"]),
        ("help", ["help"]),
        ("help rmi", ["rmi"]),
        ("help rm ", []),
        ("help image l", ["load", "ls", "list"]),
        ("ima", ["images"]),
        ("cont", ["container"]),
        ("container rena", ["rename"]),
        ("container rm ", ["web"]),
        ("image rm b", ["base:1"]),
        ("nonesuch ", []),
        ("nonesuch --x ", []),
    ],
)
def test_what_completes(ll: Layerlog, line: str, expected: list[str]) -> None:
    assert completed(ll.store, line) == expected


@pytest.mark.parametrize("group", GROUPS)
def test_dockers_words_complete_to_the_commands_behind_them(ll: Layerlog, group: str) -> None:
    found = described(ll.store, f"{group} ")
    assert found == {word: COMMANDS[command].help for word, command in GROUPS[group].items()}
    assert completed(ll.store, f"help {group} ") == [*found]


def test_two_digits_complete_to_ids(ll: Layerlog) -> None:
    """Commits by what was said of them, images from elsewhere by their names, containers by theirs."""
    commit = write_and_commit(ll, "x", "-m", "\n The \x1b[1mfirst\x1b[m: 100%\nand more", "web")
    loaded = with_loaded(ll, "app:2")
    container = ll.json("ps")[0]["id"]
    ids = {commit: r"The \x1b[1mfirst\x1b[m: 100%", loaded: "localhost/app:2, localhost/site:latest", container: "container web"}
    for whole, what in ids.items():
        short = whole[:DIGITS]
        assert described(ll.store, f"show {whole[:2]}")[short] == what
        assert described(ll.store, f"log {whole[:5]}") == {short: what}
        assert described(ll.store, f"log sha256:{whole[:5]}") == {f"sha256:{short}": what}
        assert completed(ll.store, f"cat {whole[:5]}") == [f"{short}:/"]
        assert completed(ll.store, f"log {whole[:20]}") == [whole]
        assert short not in completed(ll.store, f"log {whole[0]}")
        assert completed(ll.store, f"rm {whole[:5]}") == [short][: whole == container]
        assert completed(ll.store, f"rmi {whole[:5]}") == [short][: whole != container]


def test_points_complete_behind_an_at(ll: Layerlog) -> None:
    commits = [write_and_commit(ll, text, "-m", f"of {text}", "web", "app:2") for text in "ab"]
    assert described(ll.store, "log web@") == {"web@5": "of b", "web@3": "of a"}
    ll("write", "--text", "c", "web:/f")
    assert described(ll.store, "cat web@") == {"web@6:/": "now", "web@5:/": "of b", "web@3:/": "of a"}
    assert completed(ll.store, "cat web@3") == ["web@3:/"]
    steps = described(ll.store, "tag app:2@")
    assert steps == {f"app:2@{{{step}}}": commit[:DIGITS] for step, commit in enumerate(reversed(commits))}
    assert completed(ll.store, "tag app:2@{1") == ["app:2@{1}"]
    assert completed(ll.store, "log web@{") == []
    assert completed(ll.store, "log nope@") == []


def test_authors_complete_as_patterns_that_mean_them(ll: Layerlog) -> None:
    author = "Bo (they) [x] <b+o@example.org>"
    commit = write_and_commit(ll, "x", "-a", author, "web")
    (_, found) = completed(ll.store, "log --author ")
    assert completed(ll.store, "audit --author B") == [found]
    assert completed(ll.store, "events --filter author=B") == [f"author={found}"]
    assert [row["commit"] for row in ll.json("log", "--author", found)] == [commit]


def test_what_was_removed_completes_where_that_is_meant(ll: Layerlog) -> None:
    commit = write_and_commit(ll, "x", "-m", "gone", "web", "old:1")
    container = ll.json("ps")[0]["id"]
    ll("rm", "web")
    ll("rmi", "old:1")
    assert described(ll.store, "undelete w") == {"web": f"removed container {container[:DIGITS]}"}
    assert described(ll.store, "undelete o") == {"old:1": "deleted tag"}
    assert completed(ll.store, f"undelete {container[:4]}") == [container[:DIGITS]]
    assert completed(ll.store, f"undelete {commit[:4]}") == [commit[:DIGITS]]
    assert completed(ll.store, "rm ") == []
    assert "web" not in completed(ll.store, "create ")
    assert "old:1" not in completed(ll.store, "create ")
    assert described(ll.store, f"fork {container[:4]}") == {container[:DIGITS]: "removed container web"}
    assert completed(ll.store, f"fork {container[:DIGITS]}@") == [f"{container[:DIGITS]}@{version}" for version in (4, 3)]
    assert completed(ll.store, f"fork {commit[:4]}") == []
    ll("undelete", "web")
    ll("undelete", "old:1")
    assert completed(ll.store, "undelete ") == ["made"]
    assert completed(ll.store, "rm ") == ["web"]


def test_a_renamed_container_has_its_new_name_alone(ll: Layerlog) -> None:
    ll("rename", "web", "shop")
    ll("create", "--name", "other", "base:1")
    ll("rename", "other", "web")
    ll("rename", "web", "other")
    assert completed(ll.store, "rm ") == ["other", "shop"]


def test_build_completes_dockerfiles_stages_and_tags(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base:1 AS made\n  from --platform=x made as Tested\nRUN echo FROM a AS b\nFROM made\n")
    file = str(tmp_path / "Dockerfile")
    assert completed(ll.store, f"build -f {tmp_path}/D") == [file]
    assert completed(ll.store, f"build -f {file} --target ") == ["made", "Tested"]
    assert completed(ll.store, f"build {tmp_path} --target m") == ["made"]
    assert completed(ll.store, f"build -f {tmp_path}/nothing --target ") == []
    assert completed(ll.store, "build -t a") == ["app:2"]


def test_this_machines_paths(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").touch()
    assert completed(ll.store, f"cp {tmp_path}/a") == [f"{tmp_path}/a file", f"{tmp_path}/a folder/"]
    assert completed(ll.store, "cp web:/etc/m") == ["web:/etc/motd"]
    assert completed(ll.store, f"--store={tmp_path}/a\\ fo") == [f"--store={tmp_path}/a folder/"]
    for line in ("load -i", "import", "save -o", "export -o", "checkout web", "backup", "repair --from", "--store", "run --env-file"):
        assert completed(ll.store, f"{line} {tmp_path}/a\\ fi") == [f"{tmp_path}/a file"], line


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    for name, entry in COMMANDS.items():
        command: click.Command = getattr(import_module(entry.module), entry.attribute)
        yield from ((name, param) for param in command.params)


NAMED = re.compile(r"(?<![\w/=-])(REF|IMAGE|CONTAINER|COMMIT|FILE|STORE|ARCHIVE|TAR|FOLDER|CHECKPOINT)(?![\w-])")


def test_every_parameter_that_names_something_completes() -> None:
    """What takes a file, a container, an image or a path in one says how it completes."""
    mute = [
        f"{name} {param.opts[0]}: {spelled}"
        for name, param in parameters()
        if NAMED.search(spelled := param.metavar or (param.human_readable_name if isinstance(param, click.Argument) else ""))
        and getattr(param, "_custom_shell_complete", None) is None
    ]
    assert mute == []


def test_the_store_of_the_line_counts(ll: Layerlog) -> None:
    assert completed("/nope", f"--store {ll.store} rm ") == ["web"]
    assert completed("/nope", f"--store={ll.store} rm ") == ["web"]


def test_completing_makes_no_store_and_never_fails(tmp_path: Path) -> None:
    assert completed(str(tmp_path / "none"), "rm ") == []
    assert not (tmp_path / "none").exists()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/log.db").write_bytes(b"x" * 5000)
    assert completed(str(tmp_path / "broken"), "rm ") == []


@pytest.mark.parametrize(
    "line",
    [
        "", " ", "'", '"', "\\", "ls \udcff", "ls web:/\udcff", "ls web:/\x01", "ls web:/etc/\n", "log \udcff -- /", "log web@{nope} -- /",
        "log ... -- /", "log a...b -- /", "diff -- /", "ls @", "ls @@", "ls :/", "ls web:/../", "ls web@99999999999999999999:/", "ls web~~~^:/",
        "ls sha256:", "show ffffffffff", "tag @{", "ps --filter =", "ps --filter ==", "--store= ", "--store", "help help help ", "-", "--",
        "cat -- ", "run web -- ", "load -i ~nobody/", "load -i \x7f", "cp ''/", "audit --path ", "completion x ", "build --target ",
    ],
)  # fmt: skip
def test_no_line_makes_it_say_anything_else(ll: Layerlog, line: str) -> None:
    assert "\x1b" not in "".join(completed(ll.store, line))


def test_names_that_a_line_cannot_hold_are_not_offered(ll: Layerlog) -> None:
    for name in ("a\nb", "a\tb", "a\x1b[1mb", "a b", "a\u202eb"):
        ll("write", "--text", "x", f"web:/srv/{name}")
    assert completed(ll.store, "ls web:/srv/") == ["web:/srv/a b"]


def test_no_more_is_offered_than_can_be_read(ll: Layerlog) -> None:
    with ll.writer() as writer, writer.transaction():
        for number in range(MOST + 50):
            commands.create_container(writer, f"c{number:03}", None)
    assert len(completed(ll.store, "rm ")) == MOST
    assert len(completed(ll.store, "create ")) == MOST
    assert len(completed(ll.store, "undelete ")) == 1
    assert completed(ll.store, "rm c24") == [f"c{number}" for number in range(240, 250)]
