"""Globs: what git itself finds by the same pathspec."""

import random
import subprocess
from pathlib import Path

import pytest

from eventstore.errors import InvalidError
from projections.events.globs import longest_literal
from projections.events.pathspecs import matcher, parsed

NAMES = (
    *("[id].tsx", "i.tsx", "d.tsx", "a*b", "ab", "a\\b", "axb", "a?b", "[", "]", "a-c", "b", "B", "7", "{x}", "é", "a b", "[[x]]", "x"),
    *("d1/[slug]/p", "d1/s/p", "d1/i.tsx", "d1/e/f/ab", "d1/*", "d2/**/q", "d2/r/q", "d2/q", ".hid", "d1/.hid"),
)
PATTERNS = (
    *("[id].tsx*", r"\[id\].tsx*", r"*\[*", r"a\*?", r"a[*]b*", "a[^x]b*", "a[!x]b*", "[a-b]*", "[b-a]*", "[]x]", "[]-a]", "[^]x]*", "??"),
    *("[[:digit:]]", "[[:alpha:]]?", "[[:upper:][:digit:]]", r"[\]]", r"*\\*", "d1/*", "*/p", "d1/*p", "d?/*q", "*.tsx", "d2/**/q*"),
    *(":(glob)*", ":(glob)*.tsx", ":(glob)**/*.tsx", ":(glob)d1/*", ":(glob)d1/**", ":(glob)**/q", ":(glob)d2/**/q", ":(glob)d?[/]*"),
    *(":(glob)**/.hid", ":(glob)**/[!a]b", ":(literal)d1/*", ":(literal)[id].tsx", ":(literal)a*b"),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    return folder


def by_git(repository: Path, spec: bytes) -> set[bytes]:
    found = subprocess.run([b"git", b"ls-files", b"-z", b"--", spec], cwd=repository, check=True, capture_output=True)
    return {*found.stdout.split(b"\0")} - {b""}


def by_us(spec: bytes) -> set[bytes]:
    return {*filter(matcher([parsed(spec, lambda _: False)]).match, (name.encode() for name in NAMES))}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_glob_matches_what_git_matches(repository: Path, pattern: str) -> None:
    assert by_us(pattern.encode()) == by_git(repository, pattern.encode())


@pytest.mark.parametrize("seed", range(60))
def test_so_does_any_pattern(repository: Path, seed: int) -> None:
    """But for a set that is never closed, which is a name here and matches nothing there."""
    chance = random.Random(seed)
    parts = ("a", "b", "*", "?", r"\*", r"\[", "[a-z]", "[!b]", "[*]", "[^[]", ".", "d1/", "d2/", "x", "[[:alnum:]]", r"\b")
    text = chance.choice(("", ":(glob)")) + "".join(chance.choices(parts, k=chance.randint(1, 5)))
    assert by_us(text.encode()) == by_git(repository, text.encode()) or text.removeprefix(":(glob)") in NAMES, text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_known_is_meant_as_it_stands(name: str) -> None:
    spec = parsed(name.encode(), lambda path: path.decode() in NAMES)
    assert (spec.path.decode(), spec.is_glob) == (name, False)


def test_magic_that_is_none_is_refused() -> None:
    for text in (b":(exclude)x", b":(literal,glob)x", b":()x"):
        with pytest.raises(InvalidError, match="literal"):
            parsed(text, lambda _: False)
    assert parsed(b":x", lambda _: False).path == b":x"


def test_many_stars_take_no_time() -> None:
    assert not matcher([parsed(b"*a" * 60 + b"b", lambda _: False)]).match(b"a" * 4000)


def test_the_longest_run_of_plain_bytes() -> None:
    assert longest_literal(rb"a*bcd\*e[xyzxyz]f") == b"bcd*e"
