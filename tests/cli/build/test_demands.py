"""What a build demands that cannot be had is told before anything runs; platforms; arguments that nobody declares."""

import json

from tests.cli.build.building import Builder

MARK = "FROM base:1 AS first\nRUN echo ran > /srv/ran\n"


def test_nothing_runs_before_all_that_is_demanded_is_there(builder: Builder) -> None:
    rest = "FROM base:1\nCOPY --from=first /srv/ran /ran\n"
    table = {
        "RUN --mount=type=secret,id=s,required=true x": ("Dockerfile:5: RUN: secret s is required", ()),
        "RUN --mount=type=secret,id=s x": ("Dockerfile:5: RUN: secret s: /none cannot be read", ("--secret", "id=s,src=/none")),
        "COPY --from=9 a b": ("Dockerfile:5: COPY: from=9: there is no such stage", ()),
        "COPY --from=no-such-image a b": ("Dockerfile:5: COPY: ", ()),
        "RUN --mount=from=no-such-image,target=/m x": ("Dockerfile:5: RUN: ", ()),
        "ADD https://h/x /x": ("Dockerfile:5: ADD: https://h/x: nothing is fetched", ("--network", "none")),
        "FROM no-such-image": ("Dockerfile:5: FROM: ", ()),
        "FROM --platform=linux/riscv64 base:1 AS other\nCOPY --from=1 /ran /ran\nRUN x": ("Dockerfile:7: RUN: its stage is for", ()),
    }  # fmt: skip
    for text, (reason, args) in table.items():
        last = f"{text}\nCOPY --from=1 /ran /ran\n" if text.startswith("FROM no") else text
        [line] = builder.run(f"{MARK}{rest}{last}\n", *args, code=1).stderr.splitlines()
        assert line.startswith(f"layerlog: {reason}"), text
    assert len(builder.ll.json("images")) == 1


def test_a_network_that_is_none_shows_in_expanded_sources_too(builder: Builder) -> None:
    text = "FROM base:1\nARG AT=https://h/x\nADD $AT /x\n"
    assert builder.refused(text, "--network", "none").startswith("Dockerfile:3: ADD: https://h/x: nothing is fetched")


def test_copies_are_built_for_another_platform(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    text = "FROM --platform=$BUILDPLATFORM base:1 AS made\nRUN echo built > /srv/b\nFROM scratch\nCOPY --from=made /srv/b /b\nCOPY a /a\n"
    builder(text, "--platform", "linux/arm/v7")
    [found] = json.loads(builder.ll("inspect", "site"))
    assert (found["Os"], found["Architecture"], found["Variant"]) == ("linux", "arm", "v7")
    assert builder.ll("cat", "site:/b", "site:/a") == "built\ntext\n"
    builder.ll("tag", "site", "arm:1")
    said = builder("FROM arm:1\nCOPY a /c\n")
    assert "Dockerfile:1: FROM: arm:1 is for linux/arm/v7, and linux/amd64" in said.replace("arm64/v8", "amd64")
    assert "is for" not in builder("FROM arm:1\nCOPY a /c\n", "--platform", "linux/arm/v7")
    said = builder.run("FROM arm:1\nCOPY a /c\nRUN x\n", code=1).stderr.splitlines()[-1]
    assert said.startswith("layerlog: Dockerfile:3: RUN: its stage is for linux/arm/v7")


def test_arguments_that_nothing_declares_are_told_of(builder: Builder) -> None:
    text = "ARG A\nFROM base:1 AS first\nARG B\nFROM base:1\nARG C=1\nARG D\nENV E=f\n"
    given = [part for name in ("A", "B", "C", "D", "E", "http_proxy", "SOURCE_DATE_EPOCH") for part in ("--build-arg", f"{name}=1")]
    said = builder(text, *given)
    assert [line.split(":")[1] for line in said.splitlines() if "declares it" in line] == [" --build-arg B", " --build-arg E"]
