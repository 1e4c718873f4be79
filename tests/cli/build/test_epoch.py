"""SOURCE_DATE_EPOCH: builds in two stores are the same to the byte, and what Docker's history says, theirs says."""

import json
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cli.build.building import Builder, touch
from tests.peers import peer

EPOCH = 1_750_000_000
OLD = 1_600_000_000
TEXT = """\
FROM base:1 AS made
ARG VERSION=1
WORKDIR /work/sub
COPY old new ./
RUN mkdir -p out && echo $VERSION > out/fresh && cat old > out/copied && touch -d @1500000000 out/ancient && rm /srv/page
RUN chmod 600 old && mv new moved && ln -s moved link && ln moved hard && mkdir /data/d
FROM base:1
LABEL of=it
COPY --from=made /work /work
ADD --chmod=640 old /srv/
WORKDIR /made
ENV A=b
RUN echo x >> /etc/motd
EXPOSE 80
USER web
ENTRYPOINT ["sh"]
CMD ["-c", "id"]
"""
HISTORY = [
    ("LABEL of=it", True), ("COPY --from=made /work /work", False), ("ADD --chmod=640 old /srv/", False),
    ("WORKDIR /made", False), ("ENV A=b", True), ("RUN /bin/sh -c echo x >> /etc/motd", False), ("EXPOSE [80]", True),
    ("USER web", True), ('ENTRYPOINT ["sh"]', True), ('CMD ["-c" "id"]', True),
]  # fmt: skip


def written(builder: Builder) -> None:
    builder.write({"old": "old\n", "new": "new\n"})
    touch(builder.folder / "old", OLD)


def saved(builder: Builder, name: str, folder: Path) -> dict[str, Any]:
    """Return the config of an image as skopeo reads it from an archive."""
    archive = folder / name
    with archive.open("wb") as file:
        subprocess.run(builder.ll.argv("save", "site"), env=builder.ll.environment, stdout=file, check=True, cwd="/")
    said = subprocess.run([peer("skopeo"), "inspect", "--config", f"docker-archive:{archive}"], capture_output=True, check=True)
    config: dict[str, Any] = json.loads(said.stdout)
    return config


def test_two_stores_build_the_same_image_of_the_same_epoch(builder: Builder, tmp_path: Path) -> None:
    written(builder)
    argument = f"SOURCE_DATE_EPOCH={EPOCH}"
    builder(TEXT, "--build-arg", argument)
    first = saved(builder, "first.tar", tmp_path)
    time.sleep(1.1)
    os.utime(builder.folder / "new")
    archive = subprocess.run(builder.ll.argv("save", "base:1"), env=builder.ll.environment, capture_output=True, check=True, cwd="/")
    other = builder._replace(ll=builder.ll._replace(store=f"{builder.ll.store}-2"))
    subprocess.run(other.ll.argv("load"), input=archive.stdout, env=other.ll.environment, capture_output=True, check=True, cwd="/")
    again = other._replace(ll=other.ll._replace(environment={**other.ll.environment, "SOURCE_DATE_EPOCH": str(EPOCH)}))
    assert "0 reused" in again(TEXT)
    assert saved(other, "second.tar", tmp_path) == first
    assert first["created"].startswith("2025-06-15T15:06:40")


def test_what_is_older_than_the_epoch_keeps_its_time_and_nothing_is_younger(builder: Builder) -> None:
    written(builder)
    builder(TEXT.partition("FROM base:1\n")[0], "--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}")
    times = {path: _seconds(builder, path) for path in ("old", "out/ancient", "out/fresh", "out/copied", "moved", "hard", "link", "out")}
    assert times == {"old": OLD, "out/ancient": 1_500_000_000, **dict.fromkeys(
        ("out/fresh", "out/copied", "moved", "hard", "link", "out"), EPOCH)}  # fmt: skip
    assert _seconds(builder, "/data") == _seconds(builder, "/srv") == EPOCH
    assert _seconds(builder, "/data/f") == _seconds(builder, "/etc/motd") == 1_700_000_000


def test_what_the_base_has_that_is_younger_stays_and_without_an_epoch_nothing_is_clamped(builder: Builder) -> None:
    builder("FROM base:1\nRUN echo x > /srv/x\n", "--build-arg", "SOURCE_DATE_EPOCH=1600000000")
    assert _seconds(builder, "/srv/x") == 1_600_000_000
    assert _seconds(builder, "/srv/page") == _seconds(builder, "/data") == 1_700_000_000
    builder("FROM base:1\nRUN echo x > /srv/x\n")
    assert _seconds(builder, "/srv/x") > EPOCH


def test_the_history_of_a_saved_build_is_what_docker_writes(builder: Builder, tmp_path: Path) -> None:
    written(builder)
    builder(TEXT)
    history = saved(builder, "site.tar", tmp_path)["history"][1:]
    assert [(row["created_by"], row.get("empty_layer", False)) for row in history] == HISTORY
    assert {key for row in history for key in row} <= {"created", "created_by", "empty_layer", "author"}


def _seconds(builder: Builder, path: str) -> int:
    [row] = builder.ll.json("stat", f"site:{path if path.startswith('/') else f'/work/sub/{path}'}")
    return int(datetime.fromisoformat(row["mtime"][:19] + "+00:00").timestamp())
