"""Secrets are found wherever they stand and however their bytes arrive, and no input makes it slow."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.edits.secret_kinds import ASSIGNED, EVERYWHERE, NAMED, TOKENS
from projections.edits.secret_scan import WINDOW, Secret, secrets

TOKEN = b"gh" + b"p_" + b"a1B2c3D4e5F6" * 3
KEY = b"-----BEGIN" + b" RSA PRIVATE KEY-----\nMIIE\n"
PASSWORD = b"DB_PASS" + b"WORD=hunter2"
TOKEN_KIND, KEY_KIND, PASSWORD_KIND = "a GitHub token", "a private key", "a password"


def scan(data: bytes, path: bytes = b"srv/notes", step: int = 1 << 16) -> list[Secret]:
    return list(secrets((data[at : at + step] for at in range(0, len(data), step)), path))


def test_each_line_is_named_once_by_what_says_most() -> None:
    data = b"one\n%b\n\nx %b %b\n%b" % (PASSWORD, TOKEN, PASSWORD, KEY)
    assert scan(data) == [Secret(2, PASSWORD_KIND, False), Secret(4, TOKEN_KIND, False), Secret(5, KEY_KIND, False)]
    assert scan(b'PASS' b'WORD="%b"' % TOKEN) == [Secret(1, TOKEN_KIND, False)]


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 10, b"harmless\n" * 10**5])
def test_nothing_is_found_in_nothing(data: bytes) -> None:
    assert scan(data) == []


@given(st.integers(1, 40), st.lists(st.sampled_from([TOKEN, KEY, PASSWORD, b"", b"harmless"]), max_size=6))
def test_how_the_bytes_arrive_does_not_matter(step: int, lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    assert scan(data, step=step) == scan(data)


@pytest.mark.parametrize("secret", [TOKEN, KEY, PASSWORD + b"\n"])
@pytest.mark.parametrize("filler", [b"a few words\n", b"\0\n", b"x" * 99 + b"\n"])
def test_the_cuts_between_windows_hide_nothing(secret: bytes, filler: bytes) -> None:
    for place in range(WINDOW - 100, WINDOW + 1700, 149):
        before = (filler * (place // len(filler) + 1))[: place - 1] + b"\n"
        data = before + secret + filler * (WINDOW // len(filler))
        expected = [] if b"\0" in filler and secret.startswith(PASSWORD) else [before.count(b"\n") + 1]
        assert [found.line for found in scan(data)] == expected


def test_lines_are_counted_over_many_windows() -> None:
    block = b"some text that fills a line\n" * 40_000
    found = scan((block + TOKEN + b"\n") * 4)
    assert [secret.line for secret in found] == [40_001, 80_002, 120_003, 160_004]


def test_a_marker_lets_its_line_through_and_no_other() -> None:
    marker = b"  # layerlog:" + b"allow-secret"
    data = b"%b%b\n%b\n%b" % (TOKEN, marker, TOKEN, marker)
    assert scan(data) == [Secret(1, TOKEN_KIND, True), Secret(2, TOKEN_KIND, False)]
    long = b"x" * 10_000
    assert [found.marked for found in scan(b"%b %b%b" % (long, TOKEN, marker))] == [True]
    assert [found.marked for found in scan(b"%b %b %b%b" % (long, TOKEN, long, marker))] == [False]


def test_memory_is_flat() -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"pass" b"word = 'xK9#mQ2!' and some words around it\n" * 1500  # 64 MB without a cut

    tracemalloc.start()
    count = sum(1 for _ in secrets(iter([b"y" * 65536] * 100), b"f"))
    count += sum(1 for _, secret in zip(range(1000), secrets(stream(), b"f"), strict=False) if secret)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1000
    assert peak < 8 << 20


SIZE = 1 << 17
HOSTILE = (
    *(literal for kinds in (TOKENS, EVERYWHERE, NAMED, ASSIGNED) for kind in kinds for literal in kind.literals.split()),
    "-", "a", "A", "0", " ", "\n", "=", ":", "\\", '"', "'", "_", "x" * 19 + " ", "x" * 20 + "\n",
    "password =", "password\t\t\t\t\t\t\t\t=\t\t\t\t\t\t\t\t'", "password='a", 'PASSWORD="aaaaaa";', "; PASSWORD=", "password" + "_" * 30 + "=",
    "secret" * 5 + ":", "://a:", "://" + "a" * 64 + ":", "a://b:c@", "-----BEGIN A A A ", "-----BEGIN AAAAAAAAAAAA AAAAAAAAAAAA ",
    "eyJ" + "a" * 30 + ".", "eyJaaaaaaaaaaa.eyJaaaaaaaaaa.", '"auth":"' + "A" * 399, "a:$6$", "authorization: basic ", "authorization:basic        ",
    "api_key" * 4, "secret_access_key=" + "A" * 39, "1" * 8 + ":AA" + "a" * 32, "sk-" + "a" * 20 + "T3BlbkFJ", "AKIA" * 4,
    "a:b:c:d\\", ":" * 5, "password        ", "token = ", "_auth=", "  " * 8 + "token", "aws_secret_access_key", "machine\npassword\n",
)  # fmt: skip
PATHS = (b"srv/page.txt", b"root/.netrc", b"root/.pgpass", b"root/.npmrc", b"root/.docker/config.json", b"root/.kube/config", b"root/.my.cnf")


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_input_makes_it_slow(unit: str) -> None:
    """Seconds for a megabyte of the worst; what backtracks would take hours."""
    data = unit.encode() * (SIZE // len(unit) + 1)
    began = time.process_time()
    for _ in secrets([data], b"srv/page.txt"):
        pass
    assert time.process_time() - began < 2


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("units", [HOSTILE[-30::3], HOSTILE[-29::3], HOSTILE[-28::3]])
def test_no_file_of_a_name_makes_it_slow(path: bytes, units: tuple[str, ...]) -> None:
    began = time.process_time()
    for unit in units:
        for _ in secrets([unit.encode() * (100_000 // len(unit))], path):
            pass
    assert time.process_time() - began < 8
