"""find as whoever asks "which images still hold this?" reads it: its STATUS, and one row for each image that is asked for."""

import re
from pathlib import Path

import pytest

from tests.cli.invoking import Layerlog, write_and_commit

STATUS = [
    ([], {
        "web": [("in these images; gone from web since", "app:1"), ("hidden in a lower layer of these images", "app:2")],
        "alone": [("until", "")], "old (removed)": [("in these images; there when old was removed", "old:1")],
        "left": [("in removed images; gone from left since", "(removed)")], "base:jar": [("there now", "base:jar")],
    }),
    (["--in", "app:1"], {"app:1": [("there now", "app:1")]}),
    (["--in", "app:2", "--in", "old:1"], {"app:2": [("hidden in a lower layer", "app:2")], "old:1": [("there now", "old:1")]}),
    (["--in", "base:jar"], {"base:jar": [("there now", "base:jar")]}),
    (["--tag", "app*"], {"app:1": [("there now", "app:1")], "app:2": [("hidden in a lower layer", "app:2")]}),
    (["--in", "web", "--tag", "2"], {"app:2": [("hidden in a lower layer", "app:2")]}),
    (["--in", "web"], {"web": [("in these images; gone from web since", "app:1"), ("hidden in a lower layer of these images", "app:2")]}),
]  # fmt: skip
"""What is asked, and of each place what its STATUS and its IMAGES say."""


@pytest.mark.parametrize(("limits", "told"), STATUS)
def test_which_images_still_hold_it_is_seen_at_a_glance(
    ll: Layerlog, tmp_path: Path, limits: list[str], told: dict[str, list[tuple[str, str]]]
) -> None:
    (tmp_path / "old.jar").write_text("jar")
    ll("import", str(tmp_path), "base:jar")
    for name in ("old", "left"):
        ll("create", "--name", name, "base:1")
        ll("write", "--text", "jar", f"{name}:/old.jar")
        ll("commit", "-m", "x", name, f"{name}:1")
    ll("rm", "old")
    ll("rmi", "left:1")
    ll("create", "--name", "alone", "base:1")
    write_and_commit(ll, "else", "web", "app:0")
    for name in ("alone", "web"):
        ll("write", "--text", "jar", f"{name}:/old.jar")
    ll("commit", "-m", "with", "web", "app:1")
    for name in ("alone", "web", "left"):
        ll("delete", f"{name}:/old.jar")
    ll("commit", "-m", "without", "web", "app:2")
    found: dict[str, list[tuple[str, str]]] = {}
    rows = ll.json("find", "old.jar", *limits)
    for row, line in zip(rows, ll.lines("find", "old.jar", *limits)[1:], strict=True):
        assert re.sub(r" since .*", " since", row["summary"]).split("until")[0].strip() in line
        found.setdefault(row["where"], []).append((row["summary"], line))
    assert {where: len(lines) for where, lines in found.items()} == {where: len(lines) for where, lines in told.items()}
    for where, lines in told.items():
        for (summary, line), (status, images) in zip(found[where], lines, strict=True):
            assert summary.startswith(status), (where, line)
            assert images in line
    ll.nothing_found("find", "old.jar", "--in", "app:0")


def test_the_container_of_a_build_is_no_place_but_for_what_no_image_has(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base:1\nCOPY jar /srv/jar\nCOPY other /srv/other\n")
    for name in ("jar", "other"):
        (tmp_path / name).write_text(name)
    assert ll.run("build", "-t", "built:1", str(tmp_path)).exit_code == 0
    rows = ll.json("find", "jar")
    assert [(row["kind"], row["where"], row["status"], len(row["images"])) for row in rows] == [("image", "built:1", "there now", 2)]
    assert [row["where"] for row in ll.json("find", "other", "--in", "built:1")] == ["built:1"]
    ll("create", "--name", "build-mine", "base:1")
    ll("write", "--text", "x", "build-mine:/srv/mine")
    ll("rm", "build-mine")
    assert [row["where"] for row in ll.json("find", "mine")] == ["build-mine (removed)"]


def test_an_image_alone_has_the_mode_that_it_has(ll: Layerlog) -> None:
    write_and_commit(ll, "x", "web", "app:1")
    ll("chmod", "4750", "web:/f")
    ll("commit", "-m", "setuid", "web", "app:2")
    ll("chmod", "2755", "web:/f")
    ll("commit", "-m", "setgid", "web", "app:3")
    ll("chmod", "0600", "web:/f")
    told = {row["where"]: (row["mode"], row["status"]) for row in ll.json("find", "f", "--perm", "/6000", "--tag", "app")}
    assert told == {"app:2": ("4750", "there now"), "app:3": ("2755", "there now")}
    assert {row["where"]: row["mode"] for row in ll.json("find", "/f", "--tag", "app:1")} == {"app:1": "0644"}


def test_what_an_import_configured_is_its_images(ll: Layerlog, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    ll("import", "--change", "ENV TOKEN=s3cr3t", str(tmp_path), "base:2")
    ll("create", "--name", "over", "base:2")
    ll("commit", "--allow-empty", "-m", "x", "over", "over:1")
    row = ll.json("find", "--bytes", "s3cr3t")[0]
    assert (row["kind"], row["where"], [one["tags"] for one in row["images"]]) == ("image", "base:2", [["base:2"], ["over:1"]])
    assert [row["where"] for row in ll.json("find", "--bytes", "s3cr3t", "--in", "over:1")] == ["over:1"]
