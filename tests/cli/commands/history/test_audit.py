"""audit and events: right, complete, resumable, and safe to read."""

import csv
import html
import io
import re
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eventstore.model.events import Kind
from eventstore.model.facts import Departure
from eventstore.store import commands
from tests.cli.archived import ONE, archived
from tests.cli.invoking import Layerlog, with_loaded, write_and_commit

BASE_ETC = 5
"""How many paths the image of the store has at and below /etc."""
EVIL = "<script>alert(1)</script>\x1b[2J\u202e\n=cmd()"


# -- audit


def test_audit_says_who_sealed_what_and_where_it_went(ll: Layerlog) -> None:
    image = write_and_commit(ll, "12345", "-m", "title\nbody", "-a", "Bo <b@x>", "web", "app:1")
    ll("tag", "app:1", "app:2")
    ll("rmi", "app:2")
    ll("save", "-o", f"{ll.store}.tar", "app:1")
    row = ll.json("audit", "--commits")[-1]
    assert (row["what"], row["id"], row["author"], row["message"]) == ("commit", image, "Bo <b@x>", "title\nbody")
    assert (row["events"], row["files"], row["bytes"], row["signer"]) == (1, 1, 5, None)
    assert row["tags"] == ["app:1", "app:2"]
    assert [(sent["how"], sent["where"]) for sent in row["sent"]] == [("save", f"{ll.store}.tar")]
    assert row["actor"].keys() >= {"login", "uid", "login_uid", "host"}
    assert row["command"][-4:] == ["-a", "Bo <b@x>", "web", "app:1"]


def test_audit_shows_loads_removals_and_erasures_but_not_with_commits(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("rmi", "far:1")
    with ll.writer() as writer:
        commands.erase_contents(writer, {b"\1" * 32: 9}, "asked to")
    kinds = [(row["what"], row["id"]) for row in ll.json("audit")]
    here = [("load", image), ("tag", image)]
    assert kinds[-5:] == [*here, ("untag", image), ("remove", image), ("erase", f"sha256:{'01' * 32}")]
    assert ll.json("audit")[-1]["message"] == "asked to"
    assert {row["what"] for row in ll.json("audit", "--commits")} == {"commit"}


def deeds_of(ll: Layerlog, first: int) -> list[tuple[str, str, list[str], str | None]]:
    rows = ll.json("audit")[first:]
    return [(row["what"], row["id"], row["tags"], row["before"]) for row in rows]


def test_audit_says_who_moved_a_tag_and_what_it_was_before(ll: Layerlog) -> None:
    one = write_and_commit(ll, "1", "web", "app:1")
    seen = len(ll.json("audit"))
    ll.run("tag", "base:1", "app:1")
    base = ll.json("images", "base")[0]["id"].removeprefix("sha256:")
    ll("rmi", "app:1")
    ll("undelete", "app:1")
    assert deeds_of(ll, seen) == [("tag", base, ["app:1"], one), ("untag", base, ["app:1"], base), ("tag", base, ["app:1"], None)]
    assert [(row["message"], row["tags_now"]) for row in ll.json("audit")[seen:]] == [("", None)] * 3
    assert ll.json("audit")[seen]["command"][-3:] == ["tag", "base:1", "app:1"]
    assert re.search(rf"  tag +{base[:12]} .*  app:1 +{one[:12]}\n", ll("audit"))
    assert f'title="{one}">before: {one[:12]}<' in ll("audit", "--format", "html")


@pytest.mark.parametrize("moves", [1, 2, 3])
def test_audit_tells_the_tags_a_commit_has_from_those_it_had(ll: Layerlog, moves: int) -> None:
    made = [write_and_commit(ll, str(n), "web", "site:live") for n in range(moves)]
    ll("tag", made[0], "site:first")
    rows = ll.json("audit", "--commits")[-moves:]
    assert [row["id"] for row in rows] == made
    assert all("site:live" in row["tags"] for row in rows)
    assert [row["tags_now"] for row in rows] == [["site:first", "site:live"][: 2 if moves == 1 else 1], *[[]] * (moves - 2), *[["site:live"]] * (moves > 1)]
    assert "TAGS (EVER)" in ll.lines("audit")[0]


def test_audit_says_who_brought_something_back_and_who_saved_what_where(ll: Layerlog) -> None:
    image = with_loaded(ll, "far:1")
    ll("save", "-o", f"{ll.store}.tar", "far:1")
    ll("rm", "web")
    ll("rmi", "far:1")
    seen = len(ll.json("audit"))
    ll("undelete", "web")
    ll("undelete", image)
    web = ll.json("ps")[0]["id"]
    assert deeds_of(ll, seen) == [("undelete", web, [], None), ("undelete", image, [], None), ("tag", image, ["localhost/far:1"], None)]
    assert (ll.json("audit")[seen]["message"], ll.json("audit")[seen]["events"]) == ("web", None)
    saved = next(row for row in ll.json("audit") if row["what"] == "save")
    assert (saved["id"], saved["message"]) == (image, f"{ll.store}.tar")
    assert "<dt>sent out</dt><dd>1</dd>" in ll("audit", "--format", "html")


@pytest.mark.parametrize(
    ("key", "who", "count"),
    [("author", "^Bo <", 1), ("author", "^Cy|b@x>$", 2), ("author", "^$", 1), ("author", "", 3), ("author", "nobody", 0),
     ("actor", r"\)$", 3), ("actor", "^ada@test ", 0), ("actor", "^$", 0)],
)  # fmt: skip
def test_log_audit_and_events_mean_the_same_people(
    ll: Layerlog, monkeypatch: pytest.MonkeyPatch, key: str, who: str, count: int
) -> None:
    """Commits by Bo, by Cy and by nobody named."""
    monkeypatch.delenv("LAYERLOG_AUTHOR", raising=False)
    monkeypatch.setenv("HOME", ll.store)
    monkeypatch.chdir(ll.store)  # out of this repository, whose config may name somebody
    for number, author in enumerate(["Bo <b@x>", "Cy <c@x>", ""]):
        write_and_commit(ll, f"{number}", *(("-a", author) if author else ()), "web")
    base = ll.json("images", "base:1")[0]["id"].removeprefix("sha256:")
    found = [row["id"] for row in ll.json("events", "--filter", "kind=Committed", "--filter", f"{key}={who}", "--filter", "stream=web")]
    assert len(found) == count
    assert [row["id"] for row in ll.json("audit", "--commits", f"--{key}", who) if row["id"] != base] == found
    assert [row["commit"] for row in ll.found("log", f"--{key}", who) if row["commit"] != base] == found[::-1]


def test_audit_of_one_person(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> None:
    write_and_commit(ll, "1", "-a", "Bo <b@x>", "web")
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Cy <c@x>")
    ll("tag", "base:1", "other:1")
    assert [row["what"] for row in ll.json("audit", "--author", "^Cy")] == ["tag"]
    assert [row["author"] for row in ll.json("audit", "--author", "b@x")] == ["Bo <b@x>"]
    assert {row["actor"]["login"] for row in ll.json("audit", "--actor", "^ada@test ")} == {"ada"}
    assert ll.json("audit", "--actor", "^nobody@") == []


def test_audit_names_the_signer(ll: Layerlog) -> None:
    image = write_and_commit(ll, "1", "web")
    with ll.writer() as writer:
        commands.sign_commit(writer, image, "SIG", "SHA256:abc")
    assert ll.json("audit")[-1]["signer"] == "SHA256:abc"


def test_audit_groups(ll: Layerlog) -> None:
    write_and_commit(ll, "12345", "-a", "Bo", "web")
    ll("write", "-p", "--text", "1", "web:/usr/lib/x/y")
    write_and_commit(ll, "1", "-a", "Bo", "web")
    authors = {row["author"]: row for row in ll.json("audit", "--by", "author")}
    assert (authors["Bo"]["commits"], authors["Bo"]["events"], authors["Bo"]["bytes"]) == (2, 4, 7)
    day = ll.json("audit", "--by", "day")
    assert [(row["day"], row["commits"]) for row in day] == [(time.strftime("%Y-%m-%d", time.gmtime()), 3)] or len(day) == 2
    prefixes = {row["prefix"]: row for row in ll.json("audit", "--by", "prefix")}
    assert (prefixes["/f"]["commits"], prefixes["/f"]["bytes"]) == (2, 6)
    assert set(prefixes) == {"/bin", "/etc", "/f", "/srv", "/usr"}
    deeper = {row["prefix"]: row for row in ll.json("audit", "--by", "prefix", "--depth", "2")}
    assert deeper["/usr/lib"]["authors"] == ["Ada", "Bo"]
    assert "AUTHOR" in ll("audit", "--by", "author")


def test_audit_between_times(ll: Layerlog) -> None:
    write_and_commit(ll, "1", "-m", "later", "web")
    rows = ll.json("audit")
    assert ll.json("audit", "--since", rows[-1]["time"]) == rows[-1:]
    assert ll.json("audit", "--until", rows[0]["time"]) == rows[:2], "the commit, and its tag"
    assert ll.json("audit", "--since", "2030-01-01") == []


def test_audit_counts_what_came(ll: Layerlog, tmp_path: Path) -> None:
    """With an import of a folder or a tar, and with a load; what was here already did not come."""
    (tmp_path / "folder" / "etc").mkdir(parents=True)
    (tmp_path / "folder" / "etc" / "x").write_bytes(b"12345")
    subprocess.run(["tar", "cf", tmp_path / "f.tar", "-C", tmp_path / "folder", "."], check=True)
    for source, name in (("folder", "a:1"), ("f.tar", "b:1"), ("f.tar", "c:1")):
        ll("import", str(tmp_path / source), name)
    with_loaded(ll, "far:1")
    with_loaded(ll, "far:2")
    rows = [row for row in ll.json("audit") if row["files"] is not None][1:]
    counts = [(row["what"], row["events"], row["files"], row["bytes"]) for row in rows]
    came = ll.json("layers", "far:1")
    size = sum(row["added_bytes"] + row["changed_bytes"] for row in came)
    assert counts[:3] == [("commit", 3, 3, 5), ("load", 3, 3, 5), ("load", 0, 0, 0)]
    assert [(what, size) for what, _, _, size in counts[3:]] == [("load", size), ("load", 0)]
    assert [row["files"] for row in ll.json("audit", "--by", "prefix") if row["prefix"] == "/etc"] == [2 + BASE_ETC]
    assert [row["tags"] for row in ll.json("audit", "--path", "/etc/x")] == [["a:1"]]
    assert {"A /etc/x"} <= set(ll.lines("show", "a:1"))
    assert "3 files" in page_of(ll).said


def test_the_page_shows_what_changed_in_a_config(ll: Layerlog) -> None:
    """As `show` does, field by field; a path's page is about no config."""
    ll("commit", "--change", "ENV A=<b> B=2", "--change", "USER web", "-m", "x", "web", "app:1")
    ll("config", "web", "--env", "A=3")
    ll("commit", "-m", "y", "web", "app:2")
    page = ll("audit", "web", "--format", "html")
    told = [line for name in ("app:1", "app:2") for line in ll.lines("show", name) if line[:2] in ("+ ", "- ")]
    assert len(told) == 5
    assert [line for line in told if f"{html.escape(line)}\n" not in page] == []
    assert "ENV B" not in ll("audit", "--path", "/etc", "--format", "html")


def test_csv_has_one_line_for_each_and_no_formula(ll: Layerlog) -> None:
    write_and_commit(ll, "1", "-m", EVIL, "-a", "=HYPERLINK()", "web")
    text = ll.raw("audit", "--format", "csv").decode()
    assert len(text.splitlines()) == len(ll.json("audit")) + 1
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[-1]["author"] == "'=HYPERLINK()"
    assert rows[-1]["message"] == "<script>alert(1)</script>\\x1b[2J\\u202e\\n=cmd()"
    assert "PREFIX".lower() in ll("audit", "--by", "prefix", "--format", "csv")


def test_csv_has_a_dash_for_a_stream(ll: Layerlog, tmp_path: Path) -> None:
    """What came from standard input came from "-", which no spreadsheet computes; nothing is put in front of it."""
    ll("load", "-q", stdin=Path(archived(tmp_path, ONE)).read_bytes())
    rows = list(csv.DictReader(io.StringIO(ll.raw("audit", "--format", "csv").decode())))
    assert next(row["message"] for row in rows if row["what"] == "load") == "-"


class Page(HTMLParser):
    """Collects tags and text, and fails on a tag that closes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.urls: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.urls += [value for key, value in attrs if key in ("src", "href", "action") and value]
        if tag not in ("meta", "br", "col", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def page_of(ll: Layerlog) -> Page:
    page = Page()
    page.feed(ll("audit", "--format", "html"))
    assert page.open == []
    return page


def test_the_page_stands_alone_and_escapes_everything(ll: Layerlog) -> None:
    image = write_and_commit(ll, "1", "-m", EVIL + "\nsecond", "-a", EVIL, "web", "app:1")
    with ll.writer() as writer:
        commands.record_image(writer, Kind.IMAGE_SAVED, image, None, Departure("", 1, [], EVIL))
    page = page_of(ll)
    assert "script" not in page.tags
    assert page.urls == []
    assert "svg" in page.tags
    assert page.tags.count("circle") >= 2
    assert "<script>alert(1)</script>\\x1b[2J\\u202e" in page.said
    assert "\x1b" not in page.said
    assert "\u202e" not in page.said
    assert "app:1" in page.said
    assert "unsigned" in page.said


def test_the_page_of_an_empty_store_and_of_long_messages(ll: Layerlog, tmp_path: Path) -> None:
    empty = Layerlog(tmp_path / "empty")
    with empty.writer():
        pass
    assert "nothing happened yet" in page_of(empty).said
    write_and_commit(ll, "1", "-m", "x" * 100_000, "web")
    assert len(ll("audit", "--format", "html")) < 20_000
    assert "(100000 characters in all)" in page_of(ll).said


# -- every filter in every format


@pytest.fixture
def busy(ll: Layerlog, monkeypatch: pytest.MonkeyPatch) -> Layerlog:
    """Two containers, two people, an image from elsewhere, tags that moved, and a save."""
    with_loaded(ll, "far:1")
    ll("create", "--name", "other", "far:1")
    write_and_commit(ll, "1", "-a", "Bo <b@x>", "web", "app:1")
    ll("write", "--text", "2", "other:/g")
    ll("commit", "-a", EVIL, "-m", EVIL, "other", "app:2")
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Cy <c@x>")
    ll("tag", "-q", "app:2", "app:1")
    ll("save", "-o", f"{ll.store}.tar", "app:2")
    ll("rm", "other")
    return ll


def first_cells(text: str) -> list[str]:
    """The first cell of each row of a page's last table."""
    return re.findall(r"<tr><td[^>]*>(.*?)</td>", text.rpartition("<tbody>")[2])


def test_the_page_says_what_it_is_about(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/f")
    ll("commit", "-m", "one", "web")
    for asked, said in ((["web"], "web"), (["--path", "/f"], "/f"), (["web", "--path", "/f"], "web /f")):
        text = ll("audit", *asked, "--format", "html")
        assert f"<title>Audit of {said}</title>" in text
        assert f"<h1>Who did what: {said}</h1>" in text
    assert "<h1>Who did what</h1>" in ll("audit", "--format", "html")


def test_the_page_of_one_thing_leads_to_what_each_commit_changed(ll: Layerlog, tmp_path: Path) -> None:
    ll("write", "--text", EVIL + "\n" + "line\n" * 1000 + "x" * 5000, "web:/f")
    ll("write", "--text", "1", "web:/<b>&")
    image = write_and_commit(ll, EVIL + "\n" + "y" * 1000, "-m", EVIL, "web", "app:1")
    page = Page()
    page.feed(ll("audit", "web", "--format", "html"))
    assert page.open == []
    assert f"#commit-{image}" in page.urls
    assert not {"script", "b"} & set(page.tags)
    assert "+<script>alert(1)</script>\\x1b[2J\\u202e" in page.said
    assert "A /<b>&" in page.said
    assert "... (cut)" in page.said
    (tmp_path / "many").mkdir()
    for number in range(250):
        (tmp_path / "many" / f"{number}").write_text("line\n" * 150)
    ll("cp", str(tmp_path / "many"), "web:/srv")
    ll("commit", "-m", "many", "web")
    text = ll("audit", "--path", "/srv", "--format", "html")
    assert "Only the first 200 files are shown" in text
    assert "more lines)" in text
    assert "/f</code>" not in text


@pytest.mark.parametrize(
    "options",
    [(), ("--since", "2030-01-01"), ("--until", "2001-01-01"), ("--author", "^Bo"), ("--actor", "^ada@"), ("--actor", "^nobody"),
     ("--commits",), ("--commits", "--author", "script"), ("web",), ("app:2",), ("far:1",), ("web@1",), ("web", "--commits"), ("--path", "/etc"), ("--path", "f", "--by", "author"),
     ("--by", "author"), ("--by", "day"), ("--by", "prefix"), ("--by", "author", "app:2"), ("--by", "prefix", "--depth", "2"),
     ("--distribution", "app:2"), ("--distribution", "app:2", "--author", "^Bo")],
)  # fmt: skip
def test_every_filter_lists_the_same_in_every_format(busy: Layerlog, options: tuple[str, ...]) -> None:
    rows = busy.json("audit", *options)
    table = busy.lines("audit", *options)
    assert len(table) - 1 == len(rows)
    assert len(list(csv.DictReader(io.StringIO(busy.raw("audit", *options, "--format", "csv").decode())))) == len(rows)
    text = busy("audit", *options, "--format", "html")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(url.startswith("#") and f'id="{url[1:]}"' in text for url in page.urls)
    assert "script" not in page.tags
    assert len(first_cells(text)) == len(rows)
    for row in rows:
        for shown in (row["id"].rpartition(":")[2][:12], row["what"]) if "what" in row and "id" in row else ():
            assert shown in page.said
    assert len(re.findall(r"class=\"id\"", text)) in (0, len(rows))


def test_audit_of_one_thing_is_of_what_made_named_sent_and_removed_it(busy: Layerlog) -> None:
    deeds = [(row["what"], row["message"].split("\n")[0]) for row in busy.json("audit", "app:2")]
    assert [what for what, _ in deeds] == ["load", "tag", "commit", "tag", "tag", "save"]
    assert [row["what"] for row in busy.json("audit", "web")] == ["commit", "tag", "commit", "tag", "tag"]
    assert "nonesuch" in busy.refused("audit", "nonesuch")
    everything = {row["position"] for row in busy.json("audit")}
    for ref in ("web", "app:1", "app:2", "far:1", "base:1"):
        found = {row["position"] for row in busy.json("audit", ref)}
        assert found < everything
        assert found


def test_audit_of_a_path_is_of_what_changed_hid_or_moved_it(ll: Layerlog) -> None:
    def said(path: str) -> list[str]:
        return [row["message"] for row in ll.json("audit", "--path", path, "web")]

    acts = {"write": ("write", "-p", "--text", "1", "web:/d/sub/f"), "move": ("move", "web:/d/sub", "web:/e"),
            "mode": ("chmod", "700", "web:/d"), "gone": ("delete", "-r", "web:/e"), "other": ("write", "--text", "2", "web:/dd")}  # fmt: skip
    for message, act in acts.items():
        ll(*act)
        ll("commit", "-m", message, "web")
    assert said("/d/sub/f") == ["write", "move"]
    assert said("/d") == ["write", "move", "mode"]
    assert said("//e/f/") == ["move", "gone"]
    assert said("/") == ["base", *acts]
    assert said("/nonesuch") == []


# -- events
