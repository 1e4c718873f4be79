"""ADD from elsewhere: what a server says is what comes, and what it lies about is refused in one line."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from cli.build import fetch
from eventstore.errors import LayerlogError
from tests.cli.build.building import Builder
from tests.cli.build.serving import Page, Server, serving
from tests.cli.sandbox.running import base_tar

DATE = {"Last-Modified": "Tue, 24 Nov 2026 10:00:00 GMT"}
WHEN = 1795514400
FROM = "FROM base:1\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0)
    monkeypatch.setattr(fetch, "MOST", 1 << 20)


def got(url: str, checksum: str = "") -> tuple[bytes, str, int]:
    with fetch.fetched(url, checksum) as found:
        return Path(found.path).read_bytes(), found.name, found.modified


def refusal(url: str, checksum: str = "") -> str:
    with pytest.raises(LayerlogError) as caught:
        got(url, checksum)
    return str(caught.value)


def digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


# -- what comes


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/a/file.txt", {}, "file.txt"), ("/file.txt?x=/y", {}, "file.txt"), ("/a%20b", {}, "a b"), ("/dir/", {}, "dir"),
        ("/file", {"Content-Disposition": 'attachment; filename="other"'}, "file"),
        ("/", {"Content-Disposition": 'attachment; filename="other.bin"'}, "other.bin"),
        ("/", {"Content-Disposition": 'attachment; filename="../../etc/passwd"'}, "passwd"),
        ("/", {"Content-Disposition": "attachment; filename*=UTF-8''n%C3%A4me"}, "näme"),
    ],
)  # fmt: skip
def test_a_file_is_called_as_its_url_says_else_as_the_server_does(server: Server, path: str, headers: dict[str, str], name: str) -> None:
    server.pages[path] = [Page(b"text\n", headers={**headers, **DATE})]
    assert got(server.url + path) == (b"text\n", name, WHEN * 10**9)


@pytest.mark.parametrize("said", [{}, {"Last-Modified": "yesterday"}, {"Last-Modified": ""}, {"Last-Modified": "Tue, 99 Nov 2026 10:00:00 GMT"}])
def test_a_file_of_no_known_time_is_of_1970(server: Server, said: dict[str, str]) -> None:
    server.pages["/f"] = [Page(b"x", headers=said)]
    assert got(server.url + "/f")[2] == 0


def test_redirects_are_followed_and_the_first_name_stays(server: Server) -> None:
    server.pages["/a"] = [Page(status=302, headers={"Location": "/sub/b"})]
    server.pages["/sub/b"] = [Page(status=307, headers={"Location": "c?x#y"})]
    server.pages["/sub/c?x"] = [Page(b"found")]
    assert got(f"{server.url}/a#fragment")[:2] == (b"found", "a")
    assert [path for path, _ in server.asked] == ["/a", "/sub/b", "/sub/c?x"]


def test_who_one_is_is_told_to_the_first_host_alone(server: Server) -> None:
    with serving() as other:
        server.pages["/a"] = [Page(status=302, headers={"Location": f"{other.url}/b"})]
        other.pages["/b"] = [Page(b"found")]
        assert got(server.url.replace("//", "//ada:a%2Fb@") + "/a")[0] == b"found"
        assert server.asked == [("/a", "Basic YWRhOmEvYg==")]
        assert other.asked == [("/b", None)]


@pytest.mark.parametrize("lie", [Page(b"half", length=9), Page(b"", 503), Page(b"", 429)])
def test_what_breaks_is_tried_again_and_replaces_what_had_come(server: Server, lie: Page) -> None:
    server.pages["/f"] = [lie, lie, Page(b"end")]
    assert got(server.url + "/f")[0] == b"end"
    assert len(server.asked) == 3


def test_nothing_of_a_fetched_file_lies_anywhere_afterwards(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.pages["/f"] = [Page(b"x")]
    with fetch.fetched(server.url + "/f", "") as found:
        assert os.listdir(tmp_path) == []
        assert Path(found.path).read_bytes() == b"x"


# -- what is refused


LIES = {
    "a body that ends too early": ([Page(b"half", length=9)], "the connection broke"),
    "more than is fetched, as it says": ([Page(b"x", length=2 << 20)], "over 1048576 bytes"),
    "an endless body": ([Page(bytes(1 << 16), endless=True)], "over 1048576 bytes"),
    "a length that is none": ([Page(b"x", headers={"Content-Length": "-5"}, length=-1)], ""),
    "a circle": ([Page(status=302, headers={"Location": "/f"})], "over 10 of them"),
    "a redirect to nowhere": ([Page(status=302)], "over 10 of them"),
    "a redirect to a file": ([Page(status=302, headers={"Location": "file:///etc/passwd"})], "by file, which is not asked"),
    "a redirect to no address": ([Page(status=302, headers={"Location": "http://[::1"})], "no address"),
    "a redirect to a port that is none": ([Page(status=302, headers={"Location": "http://h:99999999/"})], "no address"),
    "nothing": ([Page(b"no", 404)], "answers 404"),
    "a part": ([Page(b"x", 206)], "answers 206"),
    "an error that stays": ([Page(b"", 500)], "answers 500"),
}


@pytest.mark.parametrize("what", LIES)
def test_lies_are_refused_in_one_line(server: Server, what: str) -> None:
    pages, reason = LIES[what]
    server.pages["/f"] = pages
    if reason:
        said = refusal(server.url + "/f")
        assert reason in said
        assert "\n" not in said
    else:
        assert got(server.url + "/f")[0] == b"x"


def test_a_name_that_nobody_says_is_asked_for(server: Server) -> None:
    server.pages["/"] = [Page(b"x")]
    assert "end the destination with a name" in refusal(f"{server.url}/")


def test_another_file_than_its_checksum_says_is_told_with_both(server: Server) -> None:
    server.pages["/f"] = [Page(b"x")]
    said = refusal(f"{server.url}/f", digest(b"y"))
    assert digest(b"x") in said
    assert digest(b"y") in said
    assert got(f"{server.url}/f", digest(b"x"))[0] == b"x"
    assert len(server.asked) == 2, "a lie is no broken connection"


@pytest.mark.parametrize("url", ["http://", "https:///f", "http://[::1/f", "http://h:p/f", "http://h:99999999/f"])
def test_what_is_no_address_is_refused(url: str) -> None:
    assert "address" in refusal(url)


# -- in a build


def test_what_is_added_is_roots_alone_and_of_its_own_time(builder: Builder, server: Server) -> None:
    server.pages |= {"/f.txt": [Page(b"text\n", headers=DATE)], "/t.tar": [Page(base_tar(), headers=DATE)]}
    url = f"{server.url}/f.txt"
    builder(f"{FROM}ADD {url} /srv/\nADD --chmod=0644 --chown=web {url} /srv/g\nADD {server.url}/t.tar /tars/\nADD --unpack {server.url}/t.tar /root-of/\n")
    [row] = builder.ll.json("stat", "site:/srv/f.txt")
    assert (row["mode"], row["uid"], row["mtime"]) == ("0600", 0, "2026-11-24T10:00:00.000000000Z")
    [row] = builder.ll.json("stat", "site:/srv/g")
    assert (row["mode"], row["uid"], row["gid"]) == ("0644", 33, 44)
    assert builder.ll("cat", "site:/srv/g") == "text\n"
    assert builder.ll("ls", "site:/tars").split() == ["t.tar"]
    assert "bin" in builder.ll("ls", "site:/root-of").split()


def test_a_file_with_a_checksum_is_not_fetched_again(builder: Builder, server: Server) -> None:
    server.pages |= {"/f": [Page(b"text\n")], "/t.tar": [Page(base_tar())]}
    text = f"{FROM}ADD --checksum={digest(b'text' + bytes([10]))} {server.url}/f /srv/\nADD --unpack --checksum={digest(base_tar())} {server.url}/t.tar /t/\n"
    builder(text)
    assert len(server.asked) == 2
    assert len(builder.reused(text)) == 2
    assert len(server.asked) == 2
    said = builder.refused(text.replace(digest(b"text\n"), digest(b"other")))
    assert said.startswith("Dockerfile:2: ADD: ")
    assert digest(b"text\n") in said
    assert digest(b"other") in said


def test_a_file_without_a_checksum_is_looked_at_each_time(builder: Builder, server: Server) -> None:
    server.pages["/f"] = [Page(b"one"), Page(b"one"), Page(b"two")]
    text = f"{FROM}ADD {server.url}/f /srv/\n"
    builder(text)
    assert builder.reused(text)
    assert "  not reused: srv/f changed: its content\n" in builder(text, "--explain")
    assert builder.ll("cat", "site:/srv/f") == "two"
