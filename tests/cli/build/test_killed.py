"""Kill -9 of any process of a build at random moments: nothing is half sealed, what was sealed is reused, nothing goes on."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from tests.cli.build.building import Builder, Files
from tests.cli.sandbox.test_killed import PATIENCE, processes

COPIED: Files = {f"d{n}": {f"f{m}": f"{n} {m}\n" * 50 for m in range(20)} for n in range(10)}
TEXT = """\
FROM base:1 AS made
ENV A=1
COPY . /srv/all
RUN echo one > /srv/one; sleep 0.1
LABEL l=1
RUN n=0; while [ $n -lt 200 ]; do n=$((n+1)); echo $n > /srv/$n; done
FROM base:1
COPY --from=made /srv /srv
RUN mv /data /data2; rm /srv/one
"""


def settled(builder: Builder) -> None:
    """Wait until nothing of a build runs any more."""
    until = time.monotonic() + PATIENCE
    while processes(builder.ll) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes(builder.ll) == []


@pytest.mark.parametrize("number", [*range(4), *(pytest.param(n, marks=pytest.mark.slow) for n in range(4, 40))])
def test_a_build_that_was_killed_is_built_all_the_same(builder: Builder, number: int) -> None:
    chance = random.Random(f"{builder.ll.who} {number}")
    builder.write({"Dockerfile": TEXT, **COPIED})
    process = builder.ll.start("build", "-t", "site", str(builder.folder))
    time.sleep(chance.random() * 1.5)
    victims = processes(builder.ll)
    if victims:
        victim, _ = chance.choice(victims)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    settled(builder)
    assert "sound" in builder.ll("verify")
    sealed = {row["message"] for row in builder.ll.json("log", "--all") if row["build"]}
    reused = builder.reused(TEXT)
    assert len(reused) == len(sealed), "what was sealed before the kill is found again, and nothing else is"
    assert {*builder.ll("ls", "site:/srv").split()} == {"all", "page", *map(str, range(1, 201))}
    assert builder.ll("ls", "site:/data2").split() == ["f"]
    assert builder.ll("cat", "site:/srv/all/d3/f7") == "3 7\n" * 50
    for row in builder.ll.json("ps"):
        builder.ll("rm", row["id"])
    mounts = subprocess.run(["grep", "-c", builder.ll.store, "/proc/self/mountinfo"], capture_output=True, text=True, check=False)
    assert mounts.stdout.strip() == "0"
