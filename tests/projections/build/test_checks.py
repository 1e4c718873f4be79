"""build --check: each rule finds its own flaw at its line, and nothing in the text that is right."""

import pytest

from projections.build import checks
from projections.build.ignore import Ignored
from projections.build.scope import of_platforms
from projections.oci.config import Platform

PLATFORM = of_platforms(Platform("linux", "amd64"), Platform("linux", "amd64"), "")
FLAWED = {
    "ConsistentInstructionCasing": ("FROM a\nRUN x\nrun y\n", 3, "FROM a\nRUN x\nRUN y\n"),
    "FromAsCasing": ("FROM a as b\n", 1, "FROM a AS b\n"),
    "StageNameCasing": ("FROM a AS Web\n", 1, "FROM a AS web\n"),
    "NoEmptyContinuation": ("FROM a\nRUN x \\\n\n  y\n", 3, "FROM a\nRUN x \\\n  # why\n  y\n"),
    "LegacyKeyValueFormat": ("FROM a\nENV k v w\n", 2, 'FROM a\nENV k="v w"\n'),
    "JSONArgsRecommended": ("FROM a\nENTRYPOINT run me\n", 2, 'FROM a\nENTRYPOINT ["run", "me"]\n'),
    "MaintainerDeprecated": ("FROM a\nMAINTAINER Ada\n", 2, "FROM a\nLABEL org.opencontainers.image.authors=Ada\n"),
    "DuplicateStageName": ("FROM a AS x\nFROM b AS x\n", 2, "FROM a AS x\nFROM b AS y\n"),
    "ReservedStageName": ("FROM a AS scratch\n", 1, "FROM a AS bare\n"),
    "MultipleInstructionsDisallowed": ('FROM a\nCMD ["a"]\nCMD ["b"]\n', 2, 'FROM a\nCMD ["a"]\nFROM b\nCMD ["b"]\n'),
    "RedundantTargetPlatform": ("FROM --platform=$TARGETPLATFORM a\n", 1, "FROM --platform=$BUILDPLATFORM a\n"),
    "FromPlatformFlagConstDisallowed": ("FROM --platform=linux/arm64 a\n", 1, "FROM --platform=linux/arm64 a AS a-arm64\n"),
    "UndefinedArgInFrom": ("FROM a:${TAG}\n", 1, "ARG TAG=1\nFROM a:${TAG}\n"),
    "InvalidDefaultArgInFrom": ("ARG TAG\nFROM a:$TAG\n", 2, "ARG TAG\nFROM a:${TAG:-1}\n"),
    "UndefinedVar": ("FROM scratch\nCOPY $what /\n", 2, "FROM scratch\nARG what\nCOPY $what /\n"),
    "SecretsUsedInArgOrEnv": ("FROM a\nARG API_KEY\n", 2, "FROM a\nARG PUBLIC_KEY\nENV KEYBOARD=de\n"),
    "WorkdirRelativePath": ("FROM a\nWORKDIR app\n", 2, "FROM a\nWORKDIR /srv\nWORKDIR app\n"),
    "CopyIgnoredFile": ("FROM a\nCOPY notes.tmp /\n", 2, "FROM a\nCOPY notes.txt /\n"),
    "ExposeInvalidFormat": ("FROM a\nEXPOSE 80:80\n", 2, "FROM a\nEXPOSE 80/tcp 8000-8010\n"),
    "ExposeProtoCasing": ("FROM a\nEXPOSE 53/UDP\n", 2, "FROM a\nEXPOSE 53/udp\n"),
}


def found(text: str, known: dict[str, set[str]] | None = None) -> list[checks.Flaw]:
    return checks.check(text, PLATFORM, Ignored(["*.tmp"], "ignore"), (known or {}).get)


def test_every_rule_is_in_the_table() -> None:
    assert FLAWED.keys() == checks._RULES.keys()


@pytest.mark.parametrize("rule", FLAWED)
def test_a_rule_finds_its_flaw_alone(rule: str) -> None:
    flawed, line, right = FLAWED[rule]
    assert [(flaw.line, flaw.rule) for flaw in found(flawed)] == [(line, rule)]
    assert found(right) == []


@pytest.mark.parametrize("rule", FLAWED)
def test_a_rule_can_be_skipped(rule: str) -> None:
    assert found(f"# check=skip={rule}\n{FLAWED[rule][0]}") == []
    assert found(f"# check=skip=all;error=true\n{FLAWED[rule][0]}") == []


@pytest.mark.parametrize(("text", "told"), [
    ("FROM alpine\nENV PATH=$PAHT:/bin\n", "$PAHT is set by no ARG or ENV above; is $PATH meant?"),
    ("FROM known\nLABEL v=$TOMCAT_VERSON\n", "$TOMCAT_VERSON is set by no ARG or ENV above; is $TOMCAT_VERSION meant?"),
    ("FROM known\nLABEL v=$OTHER\n", "$OTHER is set by no ARG or ENV above"),
    ("FROM scratch AS a\nENV X=1\nFROM a\nARG Y=$X$Z\nLABEL l=$Y\n", "$Z is set by no ARG or ENV above"),
])  # fmt: skip
def test_variables_that_nothing_sets(text: str, told: str) -> None:
    assert [flaw.text for flaw in found(text, {"known": {"TOMCAT_VERSION"}})] == [told]


@pytest.mark.parametrize("text", [
    "FROM alpine\nCOPY $WHATEVER_THE_IMAGE_SETS /\n",
    "FROM known\nLABEL v=$TOMCAT_VERSION\n",
    "FROM scratch\nCOPY ${a:-x} /\nLABEL b='\\$c' d=\\$e\n",
    "FROM scratch AS a\nENV X=1\nFROM a\nLABEL l=$X\n",
    'FROM alpine\nRUN echo $UNSET\nCMD ["$UNSET"]\n',
])  # fmt: skip
def test_variables_that_may_be_set(text: str) -> None:
    assert found(text, {"known": {"TOMCAT_VERSION"}}) == []
