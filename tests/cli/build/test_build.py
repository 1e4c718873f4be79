"""build: steps run, copy and configure; those that were built of the same before are found again."""

from tests.cli.build.building import Builder, touch

SITE = """\
FROM base:1 AS made
ARG VERSION=1
ENV GREETING=hello
WORKDIR /work
COPY . src
RUN echo $GREETING $VERSION > out && cat src/a >> out
FROM scratch
COPY --from=made /work/out /srv/out
LABEL of=site
CMD ["/srv/out"]
"""


def test_stages_run_copy_and_configure(builder: Builder) -> None:
    builder.write({"a": "text\n", "sub": {"b": "b\n"}})
    builder(SITE)
    assert builder.ll("cat", "site:/srv/out") == "hello 1\ntext\n"
    assert builder.ll("ls", "site:/").split() == ["srv"]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert builder.config() == {"Cmd": ["/srv/out"], "Env": [path], "Labels": {"of": "site"}, "WorkingDir": "/"}
    assert builder.history() == ["COPY --from=made /work/out /srv/out", "LABEL of=site", 'CMD ["/srv/out"]']
    assert builder.ll.json("ps") == []


def test_a_second_build_finds_every_step_and_is_the_same_image(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    builder(SITE)
    first = builder.ll("images", "-q", "--no-trunc", "site")
    assert "8 steps, 8 reused" in builder(SITE)
    touch(builder.folder / "a", 1)
    assert "8 steps, 8 reused" in builder(SITE)
    assert builder.ll("images", "-q", "--no-trunc", "site") == first
    assert "8 steps, 0 reused" in builder(SITE, "--no-cache")


def test_what_changes_is_built_anew_and_explained(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    builder(SITE)
    builder.write({"a": "other\n"})
    said = builder(SITE, "--explain")
    assert "  not reused: work/src/a changed: its content\n" in said
    assert builder.ll("cat", "site:/srv/out") == "hello 1\nother\n"
    assert "  not reused: arguments VERSION: 1 became 2\n" in builder(SITE, "--explain", "--build-arg", "VERSION=2")
    assert builder.ll("cat", "site:/srv/out") == "hello 2\nother\n"


def test_a_label_above_a_process_does_not_run_it_again(builder: Builder) -> None:
    before = "FROM base:1\nLABEL a=1\nRUN echo x > /srv/x\nENV B=2\n"
    builder(before)
    assert builder.reused(before.replace("a=1", "a=2")) == ["RUN echo x > /srv/x"]
    assert builder.config()["Labels"] == {"a": "2"}
    assert "B=2" in builder.config()["Env"]
    assert builder.history()[-3:] == ["LABEL a=2", "RUN /bin/sh -c echo x > /srv/x", "ENV B=2"]
    assert builder.ll("cat", "site:/srv/x") == "x\n"
    assert len(builder.reused(before.replace("a=1", "a=2"))) == 1


def test_a_failed_step_leaves_a_container_to_look_into(builder: Builder) -> None:
    done = builder.run("FROM base:1\nENV A=b\nRUN echo half > /srv/half; exit 7\n", code=1)
    assert "Dockerfile:3: RUN: its process ended with exit code 7" in done.stderr
    [row] = builder.ll.json("ps")
    assert builder.ll("run", row["id"], "sh", "-c", "echo $A; cat /srv/half") == "b\nhalf\n"
    assert builder.ll.run("inspect", "site").returncode == 1


def test_secrets_are_nowhere_but_in_the_process(builder: Builder) -> None:
    builder.write({"token": "hunter2-of-the-build"})
    text = "FROM base:1\nRUN --mount=type=secret,id=t cat /run/secrets/t | wc -c > /srv/n\n"
    builder(text, "--secret", f"id=t,src={builder.folder}/token")
    assert builder.ll("cat", "site:/srv/n").strip() == "20"
    assert builder.ll.json("find", "--bytes", "hunter2-of-the-build") == []
    assert "secret t is required" in builder.refused(text.replace("id=t", "id=t,required=true"), "--no-cache")


def test_check_builds_nothing_and_tells_file_line_and_rule(builder: Builder) -> None:
    doubtful = "FROM base:1\nENV A $PAHT\nCMD run\n"
    done = builder.run(doubtful, "--check", code=1)
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()] == [
        ["Dockerfile:2", "LegacyKeyValueFormat"], ["Dockerfile:2", "UndefinedVar"], ["Dockerfile:3", "JSONArgsRecommended"],
    ]  # fmt: skip
    assert builder.ll.run("inspect", "site").returncode == 1
    assert "3 doubts about the Dockerfile" in builder(doubtful)
    assert "Dockerfile:3: LegacyKeyValueFormat" in builder.refused(f"# check=error=true\n{doubtful}")
    assert builder.run('FROM base:1\nCMD ["run"]\n', "--check", code=0).stdout == "Dockerfile: nothing found\n"


def test_blame_names_the_line_that_wrote_a_file(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    builder(SITE, "--target", "made")
    told = {"/work/out": "line 6 of the Dockerfile, stage made: RUN echo $GREETING $VERSION > out && cat src/a >> out",
            "/work/src/a": "line 5 of the Dockerfile, stage made: COPY . src", "/work": "line 4 of the Dockerfile, stage made: WORKDIR /work"}  # fmt: skip
    for path, step in told.items():
        assert f"  step     {step}\n" in builder.ll("blame", f"site:{path}")
    [line] = builder.ll.json("blame", "--lines", "site:/work/src/a")
    assert (line["build"]["line"], line["build"]["instruction"]) == (5, "COPY . src")


def test_log_tells_the_build(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    builder(SITE, "--target", "made")
    rows = builder.ll.json("log", "site")
    assert [(row["build"]["line"], row["message"]) for row in rows if row["build"]] == [
        (6, "RUN |1 VERSION=1 /bin/sh -c echo $GREETING $VERSION > out && cat src/a >> out"), (5, "COPY . src"),
        (4, "WORKDIR /work"), (3, "ENV GREETING=hello"), (2, "ARG VERSION=1"),
    ]  # fmt: skip
    assert "Built:  line 5 of the Dockerfile, stage made\n" in builder.ll("log", "site")
    assert len({row["build"]["id"] for row in rows if row["build"]}) == 1


def test_listings_show_the_result_of_a_build_alone(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    before = len(builder.ll.json("images"))
    done = builder.ll.run("build", "-q", "-f", "-", str(builder.folder), stdin=SITE, code=0)
    rows = builder.ll.json("images")
    assert len(rows) == before + 1
    assert [row["id"] for row in rows if row["repository"] is None] == [done.stdout.strip()]
    assert len(builder.ll.json("images", "-a")) == before + 8


def test_prune_takes_the_steps_that_nothing_needs(builder: Builder) -> None:
    """Of a stage that is no result the contents go, of the image nothing; the next build does those steps again."""
    text = "FROM base:1 AS made\nRUN echo only here > /srv/aside; echo kept > /srv/kept\nFROM base:1\nCOPY --from=made /srv/kept /srv/\n"
    builder(text)
    builder.ll("create", "--name", "other", "base:1")
    builder.ll("write", "--text", "removed", "other:/f")
    builder.ll("rm", "other")
    assert "would erase 2 contents" in builder.ll("prune", "--build-cache", "-n"), "the file, and what its step was made from"
    assert "erased 2 contents" in builder.ll("prune", "--build-cache", "-y")
    assert builder.ll("cat", "site:/srv/kept") == "kept\n"
    builder.ll("save", "-q", "-o", "/dev/null", "site")
    assert "sound" in builder.ll("verify")
    builder.ll("undelete", "other")
    assert builder.ll("cat", "other:/f") == "removed"
    assert builder.reused(text) == ["COPY --from=made /srv/kept /srv/"]
