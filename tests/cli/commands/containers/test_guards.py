"""Guards name what they object to, and say nothing of what they were not asked about."""

import stat

import pytest

from cli.commands.containers.guards import guards
from eventstore.errors import InvalidError
from eventstore.model.entries import Entry
from projections.edits.guards import objections

FILES = {
    b"key": (0o644, b"x" * 10 + b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc"),
    b"token": (0o644, b"export T=ghp_" + b"a1" * 18),
    b"su": (0o4755, b"#!"),
    b"big": (0o644, b"y" * 5000),
    b"fine": (0o644, b"-----BEGIN PUBLIC KEY-----"),
}
ENTRIES = [Entry(p, stat.S_IFREG | mode, 0, 0, 0, len(data), p, None, None, 1, 1) for p, (mode, data) in FILES.items()]


def found(*rules: str, author: str | None = None, message: str | None = None, step: int = 7) -> list[str]:
    def read(entry: Entry) -> list[bytes]:
        data = FILES[entry.path][1]
        return [data[at : at + step] for at in range(0, len(data), step)]

    return list(objections(guards(rules), author, message, ENTRIES, read))


def test_nothing_is_guarded_by_default() -> None:
    assert found() == []


def test_each_guard_names_path_and_flaw() -> None:
    """Secrets are found wherever the chunks are cut."""
    assert found("secrets") == ["/key holds a private key", "/token holds a GitHub token"]
    assert found("setuid") == ["/su is setuid or setgid"]
    assert found("size=4k") == ["/big has 5000 bytes, over 4096"]
    assert found("author", "message") == ["it names no author (-a, or LAYERLOG_AUTHOR)", "it has no message (-m)"]
    assert found("author", "message", author="a", message="m") == []


@pytest.mark.parametrize("rule", ["", "Secrets", "size=", "all", "secrets=1"])
def test_an_unknown_guard_is_refused(rule: str) -> None:
    with pytest.raises(InvalidError, match="no guard"):
        guards([rule])
