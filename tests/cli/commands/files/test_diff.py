import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventstore.model.changes import Change, put
from eventstore.store import commands
from projections.diff import tree_diff
from projections.diff.patches import hunks
from projections.refs.containers import live_view
from tests.cli.invoking import Layerlog, with_base, with_loaded
from tests.cli.running import on_terminal
from tests.peers import peer

LINES = ["C /etc/group", "C /etc/motd", "A /srv/new", "C /usr/bin/sh", "D /usr/lib"]


def test_diff_shows_what_is_not_sealed(changed: Layerlog) -> None:
    assert changed.lines("diff", "web") == LINES
    changed("commit", "web", "app:1")
    assert changed("diff", "web") == ""
    changed("delete", "web:/srv/new")
    assert changed.lines("diff", "web") == ["D /srv/new"]


@pytest.mark.parametrize(("few", "many"), [(0, 0), (1, 1), (3, 3), (6, 6), (8, 8), (0, 100)])
def test_diff_is_the_same_path_by_path_and_by_a_walk(
    changed: Layerlog, monkeypatch: pytest.MonkeyPatch, few: int, many: int
) -> None:
    monkeypatch.setattr(tree_diff, "FEW", few)
    monkeypatch.setattr(tree_diff, "MANY", many)
    changed("move", "web:/etc", "web:/srv/etc")
    assert changed.lines("diff", "web") == [
        "D /etc", "A /srv/etc", "A /srv/etc/group", "A /srv/etc/motd", "A /srv/etc/os-release", "A /srv/etc/passwd",
        "A /srv/new", "C /usr/bin/sh", "D /usr/lib",
    ]  # fmt: skip


def test_diff_knows_of_attributes_changed_by_another_name(ll: Layerlog) -> None:
    ll("link", "web:/etc/motd", "web:/srv/motd")
    ll("commit", "web")
    ll("chmod", "600", "web:/srv/motd")
    assert ll.lines("diff", "web") == ["C /etc/motd", "C /srv/motd"]


def test_diff_base_shows_what_docker_shows(changed: Layerlog) -> None:
    changed("commit", "web")
    assert changed.lines("diff", "--base", "web") == LINES
    changed("write", "--text", "2", "web:/srv/new")
    assert changed.lines("diff", "--base", "web") == LINES


def test_diff_of_a_point_is_what_was_not_sealed_then(changed: Layerlog) -> None:
    assert changed.lines("diff", "web@3") == ["C /etc/motd", "A /srv/new"]
    changed("commit", "web")
    assert changed.lines("diff", "web@3") == ["C /etc/motd", "A /srv/new"]


def test_diff_of_any_two(changed: Layerlog) -> None:
    changed("commit", "web", "app:1")
    assert changed.lines("diff", "base:1", "app:1") == LINES
    assert changed.lines("diff", "web@2", "web@3") == ["A /srv/new"]
    assert changed.lines("diff", "web@3", "web@2") == ["D /srv/new"]
    assert changed("diff", "app:1", "web") == ""
    with_loaded(changed, "other:1")
    done = changed.run("diff", "base:1", "other:1")
    lines = done.stdout.splitlines()
    assert "A /bin" not in lines
    assert "C /bin" in lines
    assert "D /usr" in lines
    assert lines[0] == "+ ENV PATH=/bin"
    assert done.stderr == ""
    assert changed.run("diff", "--name-only", "base:1", "other:1").stderr == "layerlog: the config differs too (ENV PATH)\n"


def test_diff_tells_of_the_config_field_by_field(ll: Layerlog) -> None:
    """Not sealed, since the base, and of two views; each variable, label and port for itself; no path, no config."""
    ll("config", "web", "-e", "A=1", "-e", "B=two words", "-l", "x=1", "--cmd", '["a", "b"]', "--expose", "80")
    first = ['+ CMD ["a", "b"]', "+ ENV A=1", "+ ENV B='two words'", "+ EXPOSE 80/tcp", "+ LABEL x=1"]
    assert ll.lines("diff", "web") == sorted(first, key=lambda line: line.split()[1] == "LABEL")
    ll("commit", "-m", "set", "web", "app:1")
    assert ll("diff", "web") == ""
    ll("config", "web", "-e", "A=\x1b[2J\n2", "-l", "x-", "--user", "web")
    changed = ["- ENV A=1", "+ ENV A='\\x1b[2J\\n2'", "- LABEL x=1", "+ USER web"]
    assert ll.lines("diff", "web") == changed
    assert ll.lines("diff", "app:1", "web") == changed
    assert ll.lines("diff", "-p", "web") == changed
    assert len(ll.lines("diff", "--base", "web")) == 5
    assert ll("diff", "web:/etc") == ""
    assert ll.run("diff", "--exit-code", "web").exit_code == 1
    rows = ll.json("diff", "web")
    assert rows[1] == {"change": "D", "path": None, "field": "Labels", "name": "x", "before": "1", "after": None}
    assert [(row["change"], row["field"], row["name"]) for row in rows] == [("C", "Env", "A"), ("D", "Labels", "x"), ("A", "User", None)]


def test_diff_below_a_path(changed: Layerlog) -> None:
    assert changed.lines("diff", "web:/etc") == LINES[:2]
    assert changed.lines("diff", "base:1", "web:/etc/motd") == ["C /etc/motd"]
    assert changed.lines("diff", "base:1:/usr/lib", "web") == ["D /usr/lib"]
    assert "name the same in both" in changed.refused("diff", "base:1:/etc", "web:/usr")


def test_diff_needs_two_of_images(ll: Layerlog) -> None:
    assert ll.refused("diff", "base:1").endswith("name two to compare: `layerlog diff base:1 OTHER`")
    assert "name one alone" in ll.refused("diff", "--base", "web", "base:1")


def test_diff_exit_code(changed: Layerlog) -> None:
    assert changed.run("diff", "web").exit_code == 0
    assert changed.run("diff", "--exit-code", "web").exit_code == 1
    assert changed.run("diff", "--exit-code", "web", "web").exit_code == 0


def test_diff_names_and_json_say_every_path(changed: Layerlog) -> None:
    assert changed.lines("diff", "--name-only", "web") == [*(line[2:] for line in LINES), "/usr/lib/os-release"]
    assert changed.lines("diff", "--name-status", "web") == [*LINES, "D /usr/lib/os-release"]
    rows = {row["path"]: row for row in changed.json("diff", "web")}
    assert (rows["/etc/group"]["change"], rows["/etc/group"]["before"]["mode"], rows["/etc/group"]["after"]["mode"]) == ("C", "0644", "0600")
    assert rows["/srv/new"]["before"] is rows["/usr/lib"]["after"] is None


def test_diff_stat(changed: Layerlog) -> None:
    assert changed.lines("diff", "--stat", "web") == [
        " /etc/group          | attributes",
        " /etc/motd           | 1 +",
        " /srv/new            | 1 +",
        " /usr/bin/sh         | attributes",
        " /usr/lib            | deleted",
        " /usr/lib/os-release | 1 -",
        " 6 paths changed, 2 insertions(+), 1 deletion(-)",
    ]


def test_diff_patch(changed: Layerlog) -> None:
    changed("write", "--text", "\0", "web:/usr/bin/su")
    changed("link", "-sf", "sh", "web:/usr/bin/zsh")
    assert changed("diff", "-p", "web").splitlines() == """\
diff --git a/etc/group b/etc/group
old mode 100644
new mode 100600
diff --git a/etc/motd b/etc/motd
--- a/etc/motd
+++ b/etc/motd
@@ -1 +1,2 @@
 hello
+world
diff --git a/srv/new b/srv/new
new file mode 100644
--- /dev/null
+++ b/srv/new
@@ -0,0 +1 @@
+new
\\ No newline at end of file
diff --layerlog a/usr/bin/sh b/usr/bin/sh
old owner 0:0
new owner 7:0
diff --git a/usr/bin/su b/usr/bin/su
Binary files a/usr/bin/su and b/usr/bin/su differ
diff --git a/usr/bin/zsh b/usr/bin/zsh
new file mode 120777
--- /dev/null
+++ b/usr/bin/zsh
@@ -0,0 +1 @@
+sh
\\ No newline at end of file
diff --layerlog a/usr/lib b/usr/lib
deleted file mode 40755
diff --git a/usr/lib/os-release b/usr/lib/os-release
deleted file mode 100644
--- a/usr/lib/os-release
+++ /dev/null
@@ -1 +0,0 @@
-ID=base
""".splitlines()


def test_diff_patch_is_raw_to_a_program_and_escaped_on_a_terminal(ll: Layerlog) -> None:
    ll("write", "web:/f", stdin=b"\xff\x1b[31m\t.\n")
    assert b"+\xff\x1b[31m\t.\n" in ll.raw("diff", "-p", "web")
    program = "from cli.main import main; main()"
    shown = on_terminal([sys.executable, "-c", program, "--store", ll.store, "diff", "-p", "web"], env={"TERM": "xterm"})
    assert b"\x1b[32m+\\xff\\x1b[31m\t.\x1b[0m" in shown
    assert b"--- /dev/null\x1b[0m\r\n\x1b[32m+++ b/f\x1b[0m\r\n" in shown


def test_a_patch_goes_on_past_what_was_erased(ll: Layerlog, tmp_path: Path) -> None:
    for text in ("password", "none", "still none"):
        ll("write", "--text", text, "web:/f")
        ll("commit", "web")
    first, second = (row["version"] for row in ll.json("log", "web")[2:0:-1])
    ll("erase", "--path", f"web@{first}:/f", "--reason", "a password", "-y")
    said = ll("log", "-p", "web", "--", "/f")
    assert "+still none\n" in said
    assert said.count("differ: content sha256:") == 2
    assert ll("diff", "--stat", f"web@{first}", f"web@{second}").startswith(" /f | Bin 8 -> 4 bytes\n")
    assert re.search(r"^Erased:    2\d{3}-\S+ \S+ \S+ by event \d+, .*@.*: a password$", ll("stat", f"web@{first}:/f"), re.MULTILINE)
    assert ll.json("stat", f"web@{first}:/f")[0]["erased"]["detail"] == {"reason": "a password", "size": 8}
    assert "Erased" not in ll("stat", f"web@{second}:/f")
    refused = ll.refused("checkout", f"web@{first}", str(tmp_path / "out"))
    assert f": a password; {tmp_path}/out is incomplete: remove it; to go on without it, delete the path" in refused


LINE = st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\r\n", b"\r\n", b"\n"])
TEXT = st.builds(lambda lines, last: b"".join(lines) + last, st.lists(LINE, max_size=25), st.sampled_from([b"", b"end"]))


@settings(max_examples=40, deadline=None)
@given(TEXT, TEXT)
def test_a_patch_turns_the_old_text_into_the_new(tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes) -> None:
    """patch(1) applies what diff prints."""
    patch = peer("patch")
    folder = tmp_path_factory.mktemp("patch")
    ll = with_base(folder / "store")
    ll("write", "web:/f", stdin=old)
    ll("write", "web:/f", stdin=new)
    (folder / "f").write_bytes(old)
    text = ll.raw("diff", "-p", "web@2", "web@3")
    if old == new:
        assert text.startswith(b"diff --layerlog a/f b/f\nmodified time ")
        return
    subprocess.run([patch, "-s", "-p1", "--binary"], input=text, cwd=folder, check=True, capture_output=True)
    assert ((folder / "f").read_bytes() if (folder / "f").exists() else b"") == new


_TEXTS = st.lists(st.sampled_from([b"x", b"y", b"z"]), max_size=30)


@given(_TEXTS, _TEXTS, st.integers(0, 9))
def test_hunks_are_in_order_and_keep_so_many_lines_around(old: list[bytes], new: list[bytes], context: int) -> None:
    end = -1
    for hunk in hunks(old, new, context):
        signs = b"".join(sign for sign, _ in hunk.lines)
        assert hunk.old > end
        assert len(signs) - len(signs.lstrip(b" ")) <= context
        assert len(signs) - len(signs.rstrip(b" ")) <= context
        end = hunk.old + sum(sign != b"+" for sign, _ in hunk.lines)


def test_diff_with_other_context_is_as_gnu_diff_has_it(ll: Layerlog, tmp_path: Path) -> None:
    """-U N says as many lines around a change, in diff, log and show, and is a patch by itself."""
    old = "".join(f"{number}\n" for number in range(30))
    new = old.replace("\n7\n", "\nseven\n").replace("\n13\n", "\n").replace("\n25\n", "\n25\nmore\n")
    ll("write", "--text", old, "web:/f")
    ll("commit", "web")
    ll("write", "--text", new, "web:/f")
    (tmp_path / "old").write_text(old)
    (tmp_path / "new").write_text(new)
    for context in (0, 1, 2, 3, 5, 40):
        theirs = subprocess.run(
            ["diff", f"-U{context}", "old", "new"], cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout.splitlines()[2:]
        for asked in (["-U", str(context)], [f"-U{context}"], [f"--unified={context}"], ["-p", "-U", str(context)]):
            assert ll.lines("diff", *asked, "web")[-len(theirs) :] == theirs
    ll("commit", "web", "app:1")
    assert ll.lines("show", "-U0", "app:1")[-2:] == ll.lines("log", "-1", "-U0", "web")[-3:-1] == ["@@ -26,0 +26 @@", "+more"]
    assert ll.run("diff", "-U", "-1", "web").exit_code == 2


NAMES = st.sampled_from([
    b"a", b"b", b"sub/c", b"sub/d", b"with blank", b"tab\there", b"new\nline", b'quo"te', b"back\\slash", "ü".encode(), b"\xff",
    b"--- a", b"sub",
])  # fmt: skip
NODES = st.one_of(
    st.builds(lambda text, mode: (mode, text), TEXT.filter(lambda text: b"\0" not in text), st.sampled_from([0o100644, 0o100755])),
    st.builds(lambda to: (0o120777, to), st.sampled_from([b"a", b"sub/c", b"nowhere\n+++ b/a"])),
)
TREES = st.dictionaries(NAMES, NODES, max_size=7)


def written(ll: Layerlog, name: str, nodes: dict[bytes, tuple[int, bytes]]) -> None:
    """Make a container that holds just these nodes."""
    ll("create", "--name", name, "scratch")
    with ll.writer() as writer:
        container = next(row["id"] for row in ll.json("ps") if row["name"] == name)
        changes = list(as_tree(nodes, writer.content.put))
        commands.record(writer, container, changes, live_view(writer.store, container))


def as_tree(nodes: dict[bytes, tuple[int, bytes]], keep: Callable[[bytes], bytes]) -> Iterator[Change]:
    for folder in sorted({path.rpartition(b"/")[0] for path in nodes} - {b""}):
        yield put(folder, 0o40755)
    for path, (mode, text) in nodes.items():
        is_link = stat.S_ISLNK(mode)
        yield put(path, mode, target=text) if is_link else put(path, mode, size=len(text), content=keep(text))


def on_disk(folder: Path, nodes: dict[bytes, tuple[int, bytes]]) -> None:
    for path, (mode, text) in nodes.items():
        place = os.path.join(os.fsencode(folder), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if stat.S_ISLNK(mode):
            os.symlink(text, place)
        else:
            Path(os.fsdecode(place)).write_bytes(text)
            os.chmod(place, mode & 0o777)


def held(folder: Path) -> dict[bytes, tuple[int, bytes]]:
    found = {}
    for top, _, names in os.walk(os.fsencode(folder)):
        folders = [entry.name for entry in os.scandir(top) if entry.is_symlink()]
        for name in {*names, *folders}:
            path = os.path.join(top, name)
            is_link = os.path.islink(path)
            text = os.readlink(path) if is_link else Path(os.fsdecode(path)).read_bytes()
            mode = 0o120777 if is_link else 0o100755 if os.stat(path).st_mode & 0o100 else 0o100644
            found[os.path.relpath(path, os.fsencode(folder))] = (mode, text)
    return found


@settings(max_examples=12, deadline=None)
@given(TREES, TREES)
@example({b"a": (0o120777, b"nowhere\n+++ b/a")}, {b"a": (0o100644, b"x\n"), b"new\nline": (0o100755, b"y")})
def test_git_applies_what_diff_prints(tmp_path_factory: pytest.TempPathFactory, old: dict[bytes, Any], new: dict[bytes, Any]) -> None:
    """Whatever names hold: files, links and folders become each other, and no name is taken for the text of a patch."""
    git, folder = peer("git"), tmp_path_factory.mktemp("apply")
    ll = with_base(folder / "store")
    for nodes in (old, new):
        if any(path.startswith(b"sub/") for path in nodes):
            nodes.pop(b"sub", None)
    if old.get(b"sub") == (0o120777, b"sub/c"):  # git follows a link that leads to itself for ever, in its own diffs, too
        del old[b"sub"]
    written(ll, "old", old)
    written(ll, "new", new)
    (folder / "tree").mkdir()
    on_disk(folder / "tree", old)
    text = ll.raw("diff", "-p", "old", "new")
    if b"diff --git" in text:
        subprocess.run([git, "apply", "--whitespace=nowarn", "-"], input=text, cwd=folder / "tree", check=True, capture_output=True)
    assert held(folder / "tree") == new
