"""Guards name what they object to, and say nothing of what they were not asked about."""

import stat

import pytest

from cli.commands.containers.guards import guards
from eventstore.errors import InvalidError
from eventstore.model.entries import Entry
from projections.edits.guards import OF_FILE, objections
from tests.cli.invoking import Layerlog

FILES = {
    b"key": (0o644, b"\n" * 10 + b"-----BEGIN" + b" OPENSSH PRIVATE KEY-----\nabc"),
    b"token": (0o644, b"export T=gh" + b"p_" + b"a1" * 18),
    b"su": (0o4755, b"#!"),
    b"big": (0o644, b"y" * 5000),
    b"fine": (0o644, b"-----BEGIN PUBLIC KEY-----"),
    b"etc/app.env": (0o600, b"A=1\nDB_PASS" + b"WORD=hunter2\nTOKEN=gh" + b"p_" + b"b2" * 18 + b"  # layerlog:" + b"allow-secret\n"),
}
ENTRIES = [Entry(p, stat.S_IFREG | mode, 0, 0, 0, len(data), p, None, None, 1, 1) for p, (mode, data) in FILES.items()]


def found(*rules: str, author: str | None = None, message: str | None = None, allowed: tuple[str, ...] = ()) -> dict[str, str]:
    """What is objected to, and by what it is let through."""
    def read(entry: Entry) -> list[bytes]:
        data = FILES[entry.path][1]
        return [data[at : at + 7] for at in range(0, len(data), 7)]

    return {str(one): one.by for one in objections(guards(rules), author, message, ENTRIES, read, allowed)}


def test_nothing_is_guarded_by_default() -> None:
    assert found() == {}


SECRETS = {
    "/key holds a private key (line 11)": "",
    "/token holds a GitHub token (line 1)": "",
    "/etc/app.env holds a password (line 2)": "",
    "/etc/app.env holds a GitHub token (line 3)": "layerlog:allow-secret",
}


def test_each_guard_names_path_and_flaw() -> None:
    assert found("secrets") == SECRETS
    assert found("setuid") == {"/su is setuid or setgid": ""}
    assert found("size=4k") == {"/big has 5000 bytes, over 4096": ""}
    assert list(found("author", "message")) == ["it names no author (-a, or LAYERLOG_AUTHOR)", "it has no message (-m)"]
    assert found("author", "message", author="a", message="m") == {}


@pytest.mark.parametrize(
    ("pathspec", "paths"),
    [
        ("key", ["key"]), ("/key", ["key"]), ("etc", ["etc/app.env"]), ("etc/", ["etc/app.env"]), ("*.env", ["etc/app.env"]),
        ("/etc/*", ["etc/app.env"]), ("?o*n", ["token"]), ("ke", []), ("app.env", []), ("[k]ey", ["key"]),
    ],
)  # fmt: skip
def test_what_a_path_lets_through(pathspec: str, paths: list[str]) -> None:
    through = {text: pathspec if text[1:].split()[0] in paths else by for text, by in SECRETS.items()}
    assert found("secrets", allowed=(pathspec,)) == through


def test_a_path_lets_through_whatever_its_files_are() -> None:
    assert found("setuid", "size=4k", allowed=("x", "big", "s*")) == {"/big has 5000 bytes, over 4096": "big", "/su is setuid or setgid": "s*"}


def test_many_that_are_marked_hide_none_that_is_not() -> None:
    token = b"gh" + b"p_" + b"c3" * 18
    data = (token + b" layerlog:" + b"allow-secret\n") * 200 + (token + b"\n") * 100
    entry = ENTRIES[0]._replace(size=len(data))
    told = list(objections(guards(["secrets"]), None, None, [entry], lambda _: [data]))
    assert [one.line for one in told if not one.by] == list(range(201, 201 + OF_FILE))


class TestCommit:
    def test_a_finding_names_file_line_and_kind_and_never_the_secret(self, ll: Layerlog) -> None:
        secret = "xK9" + "mQ2hunter"
        ll("write", "web:/app.env", "--text", f"A=1\nDB_PASS" f"WORD={secret}\n")
        said = ll.refused("commit", "--guard", "secrets", "web")
        assert "/app.env holds a password (line 2)" in said
        assert "--guard-allow" in said
        assert secret not in said

    def test_what_is_let_through_is_on_the_record(self, ll: Layerlog) -> None:
        token = "gh" + "p_" + "d4" * 18
        ll("write", "web:/a", "--text", f"{token} # layerlog:" "allow-secret")
        ll("mkdir", "web:/test")
        ll("write", "web:/test/b", "--text", token)
        assert "/test/b" in ll.refused("commit", "--guard", "secrets", "web")
        said = ll.run("commit", "--guard", "secrets", "--guard-allow", "/test/*", "web", "app:1").stderr
        assert said.startswith("layerlog: a guard lets through: /a holds a GitHub token (line 1); /test/b holds")
        through = [
            {"path": "/a", "line": 1, "flaw": "holds a GitHub token", "by": "layerlog:allow-secret"},
            {"path": "/test/b", "line": 1, "flaw": "holds a GitHub token", "by": "/test/*"},
        ]
        stated = {"rules": ["secrets"], "allow": ["/test/*"], "let_through": through}
        assert ll.json("show", "app:1")[0]["guards"] == stated
        assert ll.json("log", "app:1")[0]["guards"] == stated
        assert "Guard:  let through /test/b holds a GitHub token (line 1), by /test/*" in ll("show", "app:1")
        assert token not in ll("show", "app:1") + ll("events")
        ll("verify")

    def test_no_guard_is_on_no_record(self, ll: Layerlog) -> None:
        ll("write", "web:/a", "--text", "x")
        ll("commit", "web", "app:1")
        assert ll.json("show", "app:1")[0]["guards"] is None
        with ll.writer() as writer:
            stated = [row[0] for row in writer.log.db.execute("SELECT detail FROM event WHERE kind = 24")]
        assert stated
        assert not any("guards" in detail for detail in stated)

    def test_nothing_is_let_through_where_no_guard_stands(self, ll: Layerlog) -> None:
        assert "no guard stands" in ll.refused("commit", "--guard-allow", "x", "web")


@pytest.mark.parametrize("rule", ["", "Secrets", "size=", "all", "secrets=1"])
def test_an_unknown_guard_is_refused(rule: str) -> None:
    with pytest.raises(InvalidError, match="no guard"):
        guards([rule])


TOKEN = "gh" + "p_" + "d4" * 18


@pytest.mark.parametrize(
    ("instruction", "label", "kind"),
    [
        ("ENV GH=" + TOKEN, "ENV GH", "a GitHub token"), ("LABEL build.key=" + TOKEN, "LABEL build.key", "a GitHub token"),
        ("ENV DB_PASS" + "WORD=xK9mQ2hunter", "ENV DB_PASS" + "WORD", "a password"),
        ('CMD ["run", "--token=' + TOKEN + '"]', "CMD", "a GitHub token"),
        ("ENTRYPOINT run https://joe:xK9" + "mQ2hunter@example.com/", "ENTRYPOINT", "a password in a URL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_the_config_is_looked_at_too(ll: Layerlog, instruction: str, label: str, kind: str, at_once: bool) -> None:
    """Whether it was set before or comes with the commit; what let it through says so by name."""
    if not at_once:
        word, _, value = instruction.partition(" ")
        ll("config", "web", {"ENV": "-e", "LABEL": "-l"}.get(word, f"--{word.lower()}"), value)
    sealing = ["commit", "--guard", "secrets", *(["-c", instruction] if at_once else [])]
    said = ll.refused(*sealing, "web")
    assert f"{label} holds {kind}" in said
    assert "hunter" not in said
    assert "d4d4" not in said
    for other in ("*", "/" + label, "ENV NO", label.lower()):
        assert "a guard refuses" in ll.refused(*sealing, "--guard-allow", other, "web")
    done = ll.run(*sealing, "--guard-allow", label, "--guard-allow", f"{label.partition(' ')[0]} (history)", "web", "app:1")
    assert done.exit_code == 0, done.stderr
    (row,) = ll.json("log", "-n", "1", "app:1")
    assert {(one["field"], one["by"], one["path"]) for one in row["guards"]["let_through"]} == {(label, label, None)}
    assert label in ll("show", "app:1")
    ll("config", "web", "-e", "FINE=1")
    ll("commit", "--guard", "secrets", "web")


def test_what_was_set_and_unset_again_stays_in_the_history(ll: Layerlog) -> None:
    ll("config", "web", "-e", "GH=" + TOKEN)
    ll("config", "web", "-e", "GH=none")
    assert "ENV (history) holds a GitHub token" in ll.refused("commit", "--guard", "secrets", "web")
