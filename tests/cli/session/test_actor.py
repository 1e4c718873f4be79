import os
import pwd
from pathlib import Path

import pytest

from cli.session import actor
from cli.session.session import Session
from cli.session.settings import Settings
from eventstore.store.store import Store


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests is forgotten: their git, too, is told of nobody."""
    for name in [n for n in os.environ if n.startswith(("GIT_", "LAYERLOG_", "XDG_"))] + ["EMAIL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)


def test_observed_actor_is_what_the_machine_says() -> None:
    seen = actor.observed_actor()
    assert seen["uid"] == os.getuid()
    assert seen["login"] == pwd.getpwuid(os.getuid()).pw_name
    assert seen["host"] == os.uname().nodename
    kernels = Path("/proc/self/loginuid")
    uid = int(kernels.read_text()) if kernels.exists() else actor.UNSET_LOGIN
    assert seen["login_uid"] == (None if uid == actor.UNSET_LOGIN else uid)


def test_nobody_claims_anything() -> None:
    assert actor.claimed_author(None) is None
    assert actor.claimed_author("") is None


def test_the_nearer_claim_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nname = Cy\nemail = cy@x.org\n")
    assert actor.claimed_author(None) == "Cy <cy@x.org>"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Bo")
    assert actor.claimed_author(None) == "Bo <cy@x.org>"
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "bo@x.org")
    assert actor.claimed_author(None) == "Bo <bo@x.org>"
    monkeypatch.setenv("LAYERLOG_AUTHOR", "Al")
    assert actor.claimed_author(None) == "Al"
    assert actor.claimed_author("Zoe\n\x1b\udcff") == "Zoe\n\x1b\udcff"


def test_git_follows_its_own_rules(tmp_path: Path) -> None:
    """Includes and [author] count, as they do for git itself."""
    (tmp_path / ".gitconfig").write_text("[user]\nname = Cy\n[include]\npath = more\n")
    (tmp_path / "more").write_text('[user]\nname = "Cy \\"the\\" Late"\n[author]\nemail = late@x.org\n')
    assert actor.claimed_author(None) == 'Cy "the" Late <late@x.org>'


def test_half_an_identity_is_no_more_than_that(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nname = Cy\n")
    assert actor.claimed_author(None) == "Cy"


def test_without_git_nobody_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert actor.claimed_author(None) is None


def test_git_is_asked_once_in_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However often it writes: asking costs as much as a start of git."""
    git = tmp_path / "bin/git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\necho >> {tmp_path}/asked\nprintf 'user.name\\nCy\\0'\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    Store.open_or_create(str(tmp_path / "s")).close()
    s = Session(Settings(str(tmp_path / "s"), argv=("layerlog",)))
    assert [s.context().author, s.context(known="observed").author] == ["Cy", "Cy"]
    assert (tmp_path / "asked").read_text() == "\n"
    s.store.close()
