"""RUN --mount: what is shown to a process is never part of the image; what is bound counts for what may be reused."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.build.building import Builder

FROM = "FROM base:1\n"


def run(options: str, command: str) -> str:
    return f"{FROM}RUN {options} {command}\n"


def printed(builder: Builder, text: str, *args: str) -> list[str]:
    """Return the lines that the processes of a build print."""
    lines = builder(text, *args).splitlines()
    return [line.removeprefix("  | ") for line in lines if line.startswith("  | ")]


def names(builder: Builder) -> list[str]:
    return builder.ll("ls", "site:/").split()


# -- bind


def test_the_context_is_bound_as_the_ignore_file_lets_it_be_seen(builder: Builder) -> None:
    builder.write({"a": "text\n", "secret": "x", "sub": {"b": "b\n", "secret": "y"}, ".dockerignore": "**/secret\n"})
    found = printed(builder, run("--mount=type=bind,target=/src", "ls /src /src/sub && cat /src/a && ls -ln /src/a"))
    assert found[:8] == ["/src:", "Dockerfile", "a", "sub", "", "/src/sub:", "b", "text"]
    assert found[8].split()[:4] == ["-rw-r--r--", "1", "0", "0"]
    assert "src" not in names(builder)


@pytest.mark.parametrize(
    ("options", "path"),
    [("source=sub", "/m/b"), ("source=/sub", "/m/b"), ("src=./sub/../sub", "/m/b"), ("source=link", "/m/b"), ("source=../../sub", "/m/b")],
)
def test_a_part_of_the_context_is_bound_and_nothing_beside_it(builder: Builder, options: str, path: str) -> None:
    builder.write({"sub": {"b": "b\n"}})
    (builder.folder / "link").symlink_to("sub")
    assert printed(builder, run(f"--mount={options},dst=/m", f"cat {path} && ls /m")) == ["b", "b"]


def test_a_file_is_bound_where_the_working_directory_says(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    assert printed(builder, f"{FROM}WORKDIR /w\nRUN --mount=source=a,target=b cat b && ! echo x 2>/dev/null > b\n")[0] == "text"
    assert builder.ll("ls", "site:/w") == ""


def test_what_is_bound_is_read_only_and_what_is_written_is_thrown_away(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    assert printed(builder, run("--mount=target=/m", "touch /m/new 2>/dev/null || echo refused")) == ["refused"]
    twice = f"{FROM}RUN --mount=target=/m,rw echo other > /m/a && cat /m/a\nRUN --mount=target=/m,rw cat /m/a\n"
    assert printed(builder, twice) == ["other", "text"]
    assert (builder.folder / "a").read_text() == "text\n"
    assert "m" not in names(builder)


def test_a_stage_and_an_image_are_bound(builder: Builder) -> None:
    text = (
        f"{FROM.strip()} AS one\nRUN mkdir -p /out/d && echo one > /out/d/f && ln /out/d/f /out/g && ln -s d/f /out/l\n"
        f"{FROM}RUN --mount=from=one,source=/out,target=/m cat /m/d/f /m/g /m/l && stat -c %h /m/g\n"
        "RUN --mount=from=base:1,target=/base ls /base/bin/sh && cat /base/etc/group | wc -l\n"
    )
    assert printed(builder, text) == ["one", "one", "one", "2", "/base/bin/sh", "3"]


def test_what_is_bound_counts_and_is_explained(builder: Builder) -> None:
    text = run("--mount=source=sub,target=/m", "cat /m/b > /srv/out")
    builder.write({"sub": {"b": "b\n"}, "beside": "1"})
    builder(text)
    builder.write({"beside": "2"})
    assert builder.reused(text)
    builder.write({"sub": {"b": "c\n"}})
    assert "  not reused: m/b changed: its content\n" in builder(text, "--explain")
    assert builder.ll("cat", "site:/srv/out") == "c\n"


def test_the_context_that_is_bound_is_not_kept_as_content(builder: Builder) -> None:
    builder.write({"sub": {"b": "a marker that is nowhere else\n"}})
    builder(run("--mount=source=sub,target=/m", "wc -c /m/b"))
    assert builder.ll.json("find", "--bytes", "marker that is nowhere") == []
    assert "sound" in builder.ll("verify")


def test_what_cannot_be_bound_is_refused_with_its_line(builder: Builder) -> None:
    builder.write({"a": "text\n", "gone": "x", ".dockerignore": "gone\n"})
    table = {
        "source=none,target=/m": "is not there", "source=gone,target=/m": "is not there", "target=/": "nothing can be mounted there",
        "type=tmpfs,target=/a/../proc/1": "nothing can be mounted there", "source=a,target=/m --mount=type=tmpfs,target=/m/c": "cannot be made",
        "target=/m --mount=type=cache,target=/m/c/d": "/m/c/d is not in what is bound at /m",
        "target=/m --mount=type=secret,id=s,target=/m/key": "/m/key is not in what is bound at /m",
        "type=cache,source=x,target=/m": "no source", "type=tmpfs,target=/m,size=much": "bytes were expected",
        "type=cache,from=base:1,source=/bin/sh,target=/m": "no directory", "type=tmpfs,target=/m,source=a": "has no source",
        "source=a,target=/etc": "would be a file",
    }  # fmt: skip
    for options, reason in table.items():
        said = builder.refused(run(f"--mount={options}", "true"))
        assert said.startswith("Dockerfile:2: RUN: "), options
        assert reason in said, options


def test_a_place_in_what_is_bound_is_mounted_on(builder: Builder) -> None:
    builder.write({"sub": {"b": "b\n"}})
    options = "--mount=type=cache,target=/m/sub --mount=target=/m --mount=type=tmpfs,target=/m/sub/t"
    assert printed(builder, run(options, "touch /m/sub/t/f && ls /m/sub /m/sub/t")) == ["/m/sub:", "t", "", "/m/sub/t:", "f"]


def test_a_build_that_is_killed_leaves_no_copy_behind_gc(builder: Builder) -> None:
    builder.write({"Dockerfile": run("--mount=target=/m,rw --mount=type=cache,target=/c,sharing=locked", "echo begun > /c/f && sleep 60")})
    building = builder.ll.start("build", str(builder.folder))
    lower = Path(builder.ll.store) / "cache" / "lower"
    while not list(Path(builder.ll.store).glob("mounts/*/f")):
        assert building.poll() is None
        time.sleep(0.05)
    os.killpg(building.pid, signal.SIGKILL)
    building.communicate()
    builder.ll("gc")
    assert list(lower.iterdir()) == []
    assert printed(builder, run("--mount=type=cache,target=/c,sharing=locked", "cat /c/f"), "--no-cache") == ["begun"]


def test_backup_takes_no_cache_mounts_along_and_erase_tells_of_them(builder: Builder) -> None:
    builder(run("--mount=type=cache,target=/c", "echo x > /c/f && echo secret > /srv/f"))
    builder.ll("backup", f"{builder.ll.store}-copy")
    assert "mounts" not in os.listdir(f"{builder.ll.store}-copy")
    assert "not looked into: 1 cache mount of builds" in builder.ll("erase", "-n", "--reason", "x", "--path", "site:/srv/f")


def test_gc_keeps_nothing_of_what_was_bound(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    builder(f"{FROM}RUN --mount=target=/m,rw touch /m/b\nRUN --mount=target=/m cat /m/a\n")
    lower = Path(builder.ll.store) / "cache" / "lower"
    builder.ll("gc")
    assert list(lower.iterdir()) == []


# -- cache


def test_a_cache_stays_from_build_to_build_and_is_never_in_an_image(builder: Builder) -> None:
    text = run("--mount=type=cache,target=/c", "echo x >> /c/f && wc -l < /c/f && stat -c '%a %u:%g' /c")
    assert printed(builder, text) == ["1", "755 0:0"]
    assert printed(builder, text, "--no-cache") == ["2", "755 0:0"]
    assert printed(builder, text.replace("target=/c", "target=/c,id=other"), "--no-cache") == ["1", "755 0:0"]
    assert "c" not in names(builder)


def test_caches_are_told_apart_by_their_ids_and_what_they_begin_as(builder: Builder) -> None:
    def lines(options: str) -> str:
        return printed(builder, run(f"--mount=type=cache,{options}", "cd /x && echo x >> f && wc -l < f"), "--no-cache")[-1]

    assert lines("target=/x,id=a") == "1"
    assert lines("target=/x,id=b") == "1"
    assert lines("target=/x,id=a,mode=0700") == "1"
    assert lines("target=/x,id=a,uid=33,gid=44") == "1"
    assert lines("target=/x,id=a") == "2"
    assert lines("target=/x/,id=a,sharing=locked") == "3"


def test_a_cache_has_the_mode_and_the_owner_that_are_asked_for(builder: Builder) -> None:
    options = "--mount=type=cache,target=/c,mode=0750,uid=33,gid=44"
    assert printed(builder, f"{FROM}USER web\nRUN {options} touch /c/f && stat -c '%a %u:%g' /c /c/f\n") == ["750 33:44", "644 33:44"]


def test_a_cache_begins_as_a_stage(builder: Builder) -> None:
    text = f"{FROM.strip()} AS one\nRUN mkdir /o && echo seed > /o/f\n{FROM}RUN --mount=type=cache,from=one,source=/o,target=/c cat /c/f && echo more >> /c/f\n"
    assert printed(builder, text) == ["seed"]
    assert printed(builder, text, "--no-cache") == ["seed", "more"]


def test_one_step_may_name_a_cache_twice(builder: Builder) -> None:
    options = "--mount=type=cache,id=a,target=/c,sharing=locked --mount=type=cache,id=a,target=/d,sharing=locked"
    assert printed(builder, run(options, "echo x > /c/f && cat /d/f")) == ["x"]


def test_a_cache_lies_in_what_is_bound(builder: Builder) -> None:
    builder.write({"a": "text\n"})
    options = "--mount=type=cache,target=/m/c --mount=target=/m,rw"
    assert printed(builder, run(options, "cat /m/a && touch /m/c/f && ls /m/c")) == ["text", "f"]


def started(builder: Builder, sharing: str, command: str) -> subprocess.Popen[str]:
    """Begin a build of its own context that holds a cache for a while."""
    folder = builder.folder / sharing
    builder.write({sharing: {"Dockerfile": run(f"--mount=type=cache,id=a,target=/c,sharing={sharing}", command)}})
    return builder.ll.start("build", "--no-cache", str(folder))


@pytest.mark.parametrize(("sharing", "seen"), [("shared", "first"), ("private", "nothing"), ("locked", "both")])
def test_two_builds_share_a_cache_as_is_said(builder: Builder, sharing: str, seen: str) -> None:
    """The first says that it begun, and that it ends; what the second one sees of that tells how they share."""
    first = started(builder, sharing, "echo first > /c/begun; sleep 2; echo end > /c/ended")
    time.sleep(1.2)
    command = "cat /c/begun; test -e /c/ended && echo both; true"
    lines = printed(builder, run(f"--mount=type=cache,id=a,target=/c,sharing={sharing}", command), "--no-cache")
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert lines[-1] == {"shared": "first", "locked": "both"}.get(seen, lines[-1])
    assert ("first" in lines) == (seen != "nothing")


def test_df_shows_cache_mounts_and_prune_removes_them(builder: Builder) -> None:
    builder(run("--mount=type=cache,target=/c,mode=0700,uid=33", "dd if=/dev/zero of=/c/f bs=1000 count=7 && chmod 0 /c/f"))
    [row] = [row for row in builder.ll.json("df") if row["type"] == "cache mounts"]
    assert (row["count"], row["reclaimable"], row["how"]) == (1, 7005, "prune --build-cache")
    builder.ll("gc")
    assert "would remove 1 cache mount (7kB)" in builder.ll("prune", "--build-cache", "-n")
    assert "removed 1 cache mount (7kB)" in builder.ll("prune", "--build-cache", "-y")
    assert "cache mounts" not in {row["type"] for row in builder.ll.json("df")}
    assert builder.ll("cat", "site:/etc/group")
    assert "sound" in builder.ll("verify")


def test_prune_leaves_a_cache_that_a_build_uses(builder: Builder) -> None:
    building = started(builder, "shared", "sleep 6; echo x > /c/f && cat /c/f")
    until = time.monotonic() + 30
    while not any(row["process"] == "running" for row in builder.ll.json("ps")) and time.monotonic() < until:
        time.sleep(0.1)
    assert "removed 0 cache mounts" in builder.ll("prune", "--build-cache", "-y")
    building.communicate(timeout=60)
    assert building.returncode == 0


# -- tmpfs and secrets


def test_a_tmpfs_is_as_large_as_is_said_and_may_hold_programs(builder: Builder) -> None:
    command = "cp /bin/sh /t/echo && /t/echo runs; dd if=/dev/zero of=/t/f bs=1M count=8 2>/dev/null || echo full"
    assert printed(builder, run("--mount=type=tmpfs,target=/t,size=4m", command)) == ["runs", "full"]
    assert "t" not in names(builder)


def test_a_secret_has_the_mode_and_the_owner_that_are_asked_for(builder: Builder) -> None:
    builder.write({"token": "hunter2-of-the-build"})
    given = ("--secret", f"id=t,src={builder.folder}/token")
    options = "--mount=type=secret,id=t,target=/k/key,mode=0440,uid=33,gid=44 --mount=type=secret,id=t,env=T --mount=type=secret,id=t"
    found = printed(builder, f"{FROM}RUN {options} stat -c '%a %u:%g' /k/key /run/secrets/t && cat /k/key && echo $T\n", *given)
    assert found == ["440 33:44", "400 0:0", "hunter2-of-the-buildhunter2-of-the-build"]
    assert builder.ll.json("find", "--bytes", "hunter2-of") == []


def test_a_secret_that_is_too_large_is_refused(builder: Builder) -> None:
    (builder.folder / "token").write_bytes(bytes(512_001))
    said = builder.refused(run("--mount=type=secret,id=t", "true"), "--secret", f"id=t,src={builder.folder}/token")
    assert "over 500 KiB" in said
