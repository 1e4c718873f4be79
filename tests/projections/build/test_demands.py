"""What a build demands is told with its line before anything runs; what may be had is let through."""

import pytest

from eventstore.errors import NotFoundError
from projections.build import demands, remote, stages
from projections.build.demands import Given
from projections.build.stages import Plan
from projections.oci.config import Platform
from projections.oci.dockerfile import DockerfileError

OWN, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
SUM = f"sha256:{'0' * 64}"


def secret(name: str) -> bytes | None:
    if name == "broken":
        raise NotFoundError("secret broken: /none cannot be read")
    return b"x" if name == "there" else None


def planned(text: str) -> Plan:
    return stages.read(text, {}, {"BUILDPLATFORM": str(OWN)})


def refusal(text: str, wanted: Platform = OWN, network: str = "host", target: str | None = None) -> str:
    """Return why a Dockerfile cannot be built, "" where it can."""
    plan = planned(text)
    try:
        demands.check(plan, stages.needed(plan, stages.target(plan, target)), Given(wanted, OWN, network, secret))
    except DockerfileError as error:
        return f"{error.line}: {error.reason}"
    return ""


REFUSED = {
    "FROM a\nRUN --mount=type=secret,id=none,required=true x": "2: RUN: secret none is required",
    "FROM a\nRUN --mount=type=secret,id=broken x": "2: RUN: secret broken: /none cannot be read",
    "FROM a\nENV A=b\nCOPY --from=1 a b": "3: COPY: from=1: there is no such stage; they are 0 to 0",
    "FROM a\nRUN --mount=from=07,target=/m x": "2: RUN: from=07: there is no such stage",
    "FROM a\nARG B=c\nCOPY --from=$B a b": "3: COPY: from=$B: no variable is expanded there",
    "FROM a\nADD https://host/x.git /x": "2: ADD: https://host/x.git: sources in git are not fetched",
    "FROM a\nADD a git@host:x/y /x": "2: ADD: git@host:x/y: sources in git are not fetched",
    "FROM a\nADD --checksum=sha256:12 http://h/x /x": "2: ADD: --checksum: 'sha256:12' is not a digest",
    "FROM a\nADD --checksum=md5:12 http://h/x /x": "2: ADD: --checksum: 'md5:12' is not a digest",
    f"FROM a\nADD --checksum={SUM} http://h/x http://h/y /x/": "2: ADD: --checksum is of one source",
    "FROM --platform=linux/arm64 a\nRUN x": "2: RUN: its stage is for linux/arm64, and this machine runs linux/amd64",
    "FROM --platform=windows/amd64 a\nRUN x": "2: RUN: its stage is for windows/amd64",
    "FROM --platform=linux/arm64 a AS b\nFROM b\nRUN x": "3: RUN: its stage is for linux/arm64",
    "FROM --platform=some a\nCOPY a b": "1: FROM: platform 'some': os/arch",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_had_is_told_with_its_line(text: str) -> None:
    assert refusal(text).startswith(REFUSED[text])


def test_what_the_target_does_not_need_demands_nothing() -> None:
    for text in REFUSED:
        if not text.startswith("FROM --platform=some"):
            assert refusal(f"{text}\nFROM scratch AS last\nCOPY a b\n") == ""


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN --mount=type=secret,id=none x", "FROM a\nRUN --mount=type=secret,id=there,required=true x",
        "FROM a\nCOPY --from=0a a b", "FROM a AS one\nFROM b\nCOPY --from=0 a b\nCOPY --from=ONE a b",
        "FROM a\nADD http://h/x.github /x", "FROM a\nADD https://github.com/o/r/archive.tar.gz /x", "FROM a\nADD github.com/o/r /x",
        f"FROM a\nADD --checksum={SUM} http://h/x /x", "FROM a\nARG S\nADD --checksum=$S http://h/x /x",
        "FROM --platform=linux/386 a\nRUN x", "FROM --platform=linux/amd64/v2 a\nRUN x", "FROM --platform=linux/arm64 a\nCOPY a b",
        "FROM --platform=$BUILDPLATFORM a\nRUN x",
    ],
)
def test_what_can_be_had_is_let_through(text: str) -> None:
    assert refusal(text) == ""


def test_a_build_for_another_platform_runs_only_what_is_of_this_one() -> None:
    assert "its stage is for linux/arm64" in refusal("FROM a\nRUN x", wanted=ARM)
    assert refusal("FROM --platform=$BUILDPLATFORM a AS b\nRUN x\nFROM scratch\nCOPY --from=b a b", wanted=ARM) == ""


@pytest.mark.parametrize("source", ["http://h/x", "HTTPS://h/x", "https://h/$X"])
def test_nothing_is_fetched_without_a_network(source: str) -> None:
    assert "nothing is fetched with --network none" in refusal(f"FROM a\nADD {source} /x", network="none")
    assert refusal("FROM a\nADD x /x\nCOPY http:/x /y\n", network="none") == ""


@pytest.mark.parametrize(
    "text",
    [
        "https://h/x.git", "https://h/x.git#main:dir", "http://h/x.git", "git@h:x", "ada@h.org:x/y.git", "git://h/x", "ssh://git@h/x",
        "git+ssh://h/x", "github.com/o/r#main", "github.com/o/r.git",
    ],
)
def test_git_is_known(text: str) -> None:
    assert "git are not fetched" in refusal(f"FROM a\nADD {text} /x")


@pytest.mark.parametrize("text", ["a", "./git@h", "http:/h", "dir/https://h/x.git", "x.git", "a@b", "github.com", "ftp://h/x"])
def test_files_of_the_context_are_no_urls(text: str) -> None:
    assert not remote.is_url(text)


def test_arguments_that_nobody_declares() -> None:
    plan = stages.read("ARG A\nARG B=1\nFROM a", {"A": "x"}, {})
    assert demands.undeclared(plan, {"C"}, ["A", "B", "C", "D"]) == ["D"]
