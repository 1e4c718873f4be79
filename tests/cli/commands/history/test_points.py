"""One number: wherever a container's event is listed, it is spelled as the point that brings it back."""

import re

import pytest

from eventstore.model.events import Kind
from eventstore.store.store import Store
from tests.cli.invoking import Layerlog, with_loaded

POINT = r"[A-Za-z0-9][A-Za-z0-9_.-]*@\d+"


@pytest.fixture
def cast(ll: Layerlog) -> dict[str, str]:
    """Containers by what became of their names: what they are referred to by in what follows, and their ids."""
    for name in ("plain", "7", "before", "gone", "robbed", "shadowed", "tagged"):
        ll("create", "--name", name, "base:1")
        ll("write", "--text", "one\n", f"{name}:/f")
        ll("commit", "-m", f"of {name}", name)
        ll("write", "--text", "one\ntwo\n", f"{name}:/f")
        ll("move", f"{name}:/f", f"{name}:/g")
        ll("delete", f"{name}:/etc/motd")
    ids = {row["name"]: str(row["id"]) for row in ll.json("ps", "-a")}
    ll("rename", "before", "after")
    for name in ("gone", "robbed", "shadowed", "tagged"):
        ll("rm", name)
    ll("create", "--name", "robbed", "base:1")  # the name is another's now
    ll("create", "--name", ids["shadowed"][:12], "base:1")  # the short id means another
    ll("tag", "base:1", ids["tagged"][:12])
    return ids


def spellings(ll: Layerlog, container: str) -> str:
    """Return the reference that the points of a container (its whole id) are expected to begin with."""
    (name,) = [row["name"] for row in ll.json("ps", "-a") if row["id"] == container]
    return {
        "plain": "plain", "7": "7", "after": "after", "web": "web", "gone": container[:12], "robbed": container[:12],
        "shadowed": container, "tagged": container, "made": container[:12],
    }[name]  # fmt: skip


def brings_back(ll: Layerlog, point: str, container: str, version: int) -> None:
    """The event and the state that *point* means are those of the container's event *version*."""
    assert point == f"{spellings(ll, container)}@{version}"
    (row,) = ll.json("show", point)
    assert (row["stream"], row["name"], row["version"]) == ("container", container, version)
    assert ll("prove", point) == ll("prove", str(row["position"]))
    assert ll("ls", "-l", point) == ll("ls", "-l", f"{container}@{version}")
    assert ll.raw("export", point) == ll.raw("export", f"{container}@{version}")


@pytest.mark.parametrize("name", ["plain", "7", "before", "gone", "robbed", "shadowed", "tagged"])
def test_points_of_log_blame_and_show(ll: Layerlog, cast: dict[str, str], name: str) -> None:
    container = cast[name]
    listed = [line.split()[0] for line in ll.lines("log", container, "--", "/f", "/g", "/etc/motd") if line.startswith("  ")]
    points = [point for point in listed if "@" in point]
    events = [e for row in ll.json("log", f"{container}:/") for e in row["events"] if e["stream"] == "container" and e["name"] == container]
    for point, version in zip(points[:4], (6, 5, 4, 2), strict=True):
        brings_back(ll, point, container, version)
    assert [e["version"] for e in events][:4] == [6, 5, 4, 2]
    for path, versions in {"/g": (4, 5), "/etc/motd": (6,)}.items():
        text = ll("blame", f"{container}:{path}")
        found = re.findall(rf"^  event +({POINT})", text, re.MULTILINE)
        assert len(found) == len(versions)
        for point, version in zip(found, versions, strict=True):
            brings_back(ll, point, container, version)
    (command,) = re.findall(r"`layerlog (cat \S+)`", ll("blame", f"{container}:/etc/motd"))
    assert ll(*command.split()) == "hello\n"
    lines = [re.findall(POINT, line)[0] for line in ll.lines("blame", "--lines", f"{container}:/g")]
    assert lines == [f"{spellings(ll, container)}@{version}" for version in (2, 4)]
    for version in (1, 2, 3, 6):
        (head, *_) = ll.lines("show", f"{container}@{version}")
        brings_back(ll, head.split()[1], container, version)


def test_points_of_undo(ll: Layerlog, cast: dict[str, str]) -> None:
    assert cast
    for name, container in {"plain": cast["plain"], "after": cast["before"]}.items():
        *lines, _ = ll.lines("undo", name, "3")  # the last says how to go forward again
        for line, version in zip(lines, (6, 5, 4), strict=True):
            brings_back(ll, line.split()[0], container, version)


def test_points_of_events(ll: Layerlog, cast: dict[str, str]) -> None:
    """Beside the position, of containers alone; with --follow by the names that they have by then."""
    for row, line in zip(ll.json("events"), ll.lines("events", "--format", "table"), strict=True):
        position, where = line.split()[:2]
        assert int(position) == row["position"]
        assert bool(re.fullmatch(POINT, where)) == (row["stream"] == "container")
        if row["name"] in cast.values() and row["version"] in (1, 3, 6):
            brings_back(ll, where, row["name"], row["version"])


def test_points_of_what_a_fork_stands_on(ll: Layerlog, cast: dict[str, str]) -> None:
    for name, container in cast.items():
        if name not in ("web", "made"):
            ll("fork", f"{container}@5", "--name", f"on-{name}")
            (row,) = [row for row in ll.json("ps") if row["name"] == f"on-{name}"]
            brings_back(ll, row["image"], container, 5)
            assert f"on {row['image']}, at version" in ll("status", f"on-{name}")


@pytest.mark.usefixtures("cast")
def test_points_of_the_audit_page(ll: Layerlog) -> None:
    """Of each commit, and of what removed a container."""
    page = ll("audit", "--format", "html")
    found = re.findall(r'title="([0-9a-f]{64})">[0-9a-f]{12}<br><span title="([0-9a-f]{64}@\d+)">', page)
    told = ("Committed", "ContainerRemoved", "ContainerRenamed", "ContainerRestored")
    events = {f"{row['name']}@{row['version']}": row for row in ll.json("events") if row["event"] in told}
    assert {point for _, point in found} == {*events}, "by id, as the name over it may be another container's now"
    for identity, point in found:
        row = events[point]
        assert identity == (row["id"] or row["name"])
        assert ll.json("show", point) == ll.json("show", str(row["position"]))


def test_what_is_no_container_s_is_shown_by_its_position(ll: Layerlog) -> None:
    """Nothing else brings such an event back: of a tag, a layer, an image."""
    with_loaded(ll, "far:1")
    ll("create", "--name", "on", "far:1")
    shown = re.findall(r"^ +(\d+)  \d{4}-", ll("log", "on:/etc/motd"), re.MULTILINE)
    for row, number in zip(ll.json("log", "on:/etc/motd"), shown, strict=True):
        assert ll.json("show", number)[0]["position"] == row["events"][0]["position"]
    place = ll.lines("blame", "on:/etc/motd")[2]
    assert place == f"  event    {ll.json('blame', 'on:/etc/motd')[0]['content']['event']['position']}, of layer {ll.json('log', 'on')[0]['layer'][:12]}"
    with Store.open(ll.store) as store:
        positions = [event.position for event in store.log.of_kind(Kind.TAG_MOVED)]
    for position in positions:
        assert ll.lines("show", str(position))[0] == f"event {position} TagMoved"
