"""What the layers of a stack add, change and hide is what a dict of files says."""

import io
import random
import tarfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import images
from tests.cli.invoking import Layerlog, with_loaded
from tests.tree_layers import OPAQUE, WHITEOUT, Layer, merged, merged_tree, random_layers


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_the_merged_layers(tmp_path: Path, seed: int) -> None:
    layers = random_layers(random.Random(seed))
    ll = Layerlog(tmp_path / "store")
    with_loaded(ll, "docker.io/library/app:1", tars=[images.layer_tar(layer) for layer in layers])
    ll("create", "--name", "web", "app:1")
    ll("write", "web:/new", stdin=bytes(9))
    ll("commit", "web")
    ll("write", "web:/new", stdin=bytes(5))
    rows = ll.json("layers", "web")
    assert [row["point"] for row in rows] == [*(f"web~{steps}" for steps in range(len(layers), -1, -1)), "web@4"]
    assert [(row["added_bytes"], row["changed_bytes"], row["hidden_bytes"]) for row in rows[-2:]] == [(9, 0, 0), (0, 5, 0)]
    for number, row in enumerate(rows[: len(layers)]):
        before, after = merged_tree(layers[:number]), merged_tree(layers[: number + 1])
        added, hidden = after.keys() - before.keys(), before.keys() - after.keys()
        changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
        for what, names, whole in (("added", added, after), ("changed", changed, after), ("hidden", hidden, before)):
            assert row[what] == len(names)
            assert row[f"{what}_bytes"] == sum(len(whole[name] or b"") for name in names)
        assert ll.lines("diff", row["point"], row["point"]) == []
    table = ll.lines("layers", "app:1")
    assert len(table) == len(layers) + 2
    assert max(map(len, table)) <= 80


def efficiency(layers: Sequence[Layer]) -> float:
    """As dive counts it, from the names that the layers have."""
    sizes = defaultdict[str, list[int]](list)
    for number, layer in enumerate(layers):
        below = merged(layers[:number])
        for name, data in layer.items():
            parent, _, last = name.rpartition("/")
            path = f"{parent}/{last.removeprefix(WHITEOUT)}".lstrip("/")
            if last.startswith(WHITEOUT) and last != OPAQUE:
                sizes[path].append(sum(len(held) for file, held in below.items() if file.startswith(f"{path}/")))
            elif last != OPAQUE:
                sizes[path].append(len(data))
            elif not any(other.startswith(f"{parent}/") for other in layer if other != name):
                sizes[parent].append(0)  # the marker is no leaf, and so the directory is one
    everything = sum(map(sum, sizes.values()))
    return sum(map(min, sizes.values())) / everything if everything else 1


def shows(layers: Sequence[Layer], number: int, name: str) -> bool:
    """Whether the file that a layer has by that name is what all layers show there."""
    marked = [{name: str(number).encode() for name in layer} for number, layer in enumerate(layers)]
    return merged(marked).get(name) == str(number).encode()


@pytest.mark.parametrize("seed", range(20))
def test_waste_and_efficiency_are_those_of_a_dict(tmp_path: Path, seed: int) -> None:
    layers = random_layers(random.Random(seed))
    ll = Layerlog(tmp_path / "store")
    with_loaded(ll, "docker.io/library/app:1", tars=[images.layer_tar(layer) for layer in layers])
    rows = ll.json("layers", "app:1")
    for number, row in enumerate(rows):
        assert row["wasted"] == sum(len(data) for name, data in layers[number].items() if not shows(layers, number, name))
        assert row["efficiency"] == pytest.approx(efficiency(layers[: number + 1]), abs=1e-12)
    held = [
        (len(data), f"/{name}", row["layer"], shows(layers, number, name))
        for number, row in enumerate(rows) for name, data in layers[number].items() if WHITEOUT not in name
    ]  # fmt: skip
    found = [(row["size"], row["path"], row["layer"], row["shows"]) for row in ll.json("layers", "--largest", "99", "app:1")]
    assert sorted(found) == sorted(held)
    assert [size for size, *_ in found] == sorted((size for size, *_ in held), reverse=True)
    if held:
        assert ll.json("layers", "--largest", "1", "app:1")[0]["size"] == max(held)[0]


def test_what_commits_overwrite_and_delete_is_wasted(tmp_path: Path) -> None:
    ll = Layerlog(tmp_path / "store")
    ll("create", "--name", "web", "scratch")
    for data in (9, 5):
        ll("write", "-p", "web:/d/x", stdin=bytes(data))
        ll("commit", "web")
    ll("delete", "-r", "web:/d")
    ll("commit", "web")
    assert [row["wasted"] for row in ll.json("layers", "web")] == [9, 5, 0]
    assert [row["efficiency"] for row in ll.json("layers", "web")] == [1, 5 / 14, 10 / 19]  # the deleted directory held 5
    assert ll.lines("layers", "web")[-1] == "efficiency 52.6 %, 14B wasted"
    assert [row["point"] for row in ll.json("layers", "web~1", "--largest", "1")] == ["web~2"]


def test_layers_over_a_folder_are_points(tmp_path: Path) -> None:
    """What `import` made of a folder is one layer, with the seal over it; before the seal and after, and below commits."""
    ll = Layerlog(tmp_path / "store")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "f").write_bytes(bytes(7))
    ll("import", "--change", "ENV A=1", str(tmp_path / "folder"), "base:1")
    ll("create", "--name", "web", "base:1")
    ll("write", "web:/g", stdin=bytes(2))
    ll("commit", "web", "app:1")
    ll("write", "web:/h", stdin=bytes(3))
    importing = next(row["name"] for row in ll.json("ps", "-a") if row["name"].startswith("import-"))
    ll("undelete", importing)
    for ref, points, added in (
        ("base:1", ["base:1~0"], [7]), ("app:1", ["app:1~1", "app:1~0"], [7, 2]), ("app:1^", ["app:1~1"], [7]),
        ("web", ["web~1", "web~0", "web@4"], [7, 2, 3]), ("web~0", ["web~1", "web~0"], [7, 2]), (f"{importing}@1", [f"{importing}@1"], [7]),
    ):
        rows = ll.json("layers", ref)
        assert [row["point"] for row in rows] == points, ref
        assert [(row["added_bytes"], row["changed"], row["hidden"]) for row in rows] == [(size, 0, 0) for size in added]
        for row in rows:
            held = {line.rpartition("/")[2] for line in ll.lines("ls", f"{row['point']}:/")}
            assert held == set("fgh"[: rows.index(row) + 1])
    assert [row["point"] for row in ll.json("layers", "--largest", "1", "web")] == ["web~1"]


@pytest.mark.parametrize(("asked", "first"), [("far:1", 0), ("far:1~0", 0), ("far:1~1", 1), ("far:1^", 1), ("far:1~1~1", 2), ("far:1^^", 2), ("far:1~", 1)])
def test_points_count_from_the_name(tmp_path: Path, asked: str, first: int) -> None:
    ll = Layerlog(tmp_path / "store")
    with_loaded(ll, "docker.io/library/far:1", tars=[images.layer_tar({f"f{number}": bytes(number)}) for number in range(4)])
    rows = ll.json("layers", asked)
    assert [row["point"] for row in rows] == [f"far:1~{steps}" for steps in range(3, first - 1, -1)]
    assert rows == ll.json("layers", rows[-1]["point"])
    assert [(row["added"], row["changed"]) for row in rows][1:] == [(1, 0)] * (3 - first)
    assert rows[0]["changed"] == 0


def test_a_file_is_no_waste_while_one_of_its_names_shows(tmp_path: Path) -> None:
    ll = Layerlog(tmp_path / "store")
    tars = [images.layer_tar({"a": bytes(10)}), linked(), images.layer_tar({".wh.a": b""}), images.layer_tar({".wh.b": b""})]
    for count, wasted in ((3, [0, 0, 0]), (4, [10, 0, 0, 0])):
        with_loaded(ll, f"docker.io/library/app:{count}", tars=tars[:count])
        assert [row["wasted"] for row in ll.json("layers", f"app:{count}")] == wasted
    assert ll.json("layers", "app:3", "--largest", "5")[0]["shows"]
    assert not ll.json("layers", "app:4", "--largest", "5")[0]["shows"]


def linked() -> bytes:
    """A layer's tar that gives /a of a lower layer one more name, /b."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("b")
        info.type, info.linkname = tarfile.LNKTYPE, "a"
        tar.addfile(info)
    return out.getvalue()


def test_very_deep_trees_are_weighed(tmp_path: Path) -> None:
    deep = "d/" * 1200 + "f"
    ll = Layerlog(tmp_path / "store")
    with_loaded(ll, "docker.io/library/app:1", tars=[images.layer_tar({deep: bytes(7)}), images.layer_tar({".wh.d": b""})])
    assert [row["wasted"] for row in ll.json("layers", "app:1")] == [7, 0]


def test_the_largest_of_a_registry_s_layers_are_refused(tmp_path: Path) -> None:
    assert "layerlog pull" in Layerlog(tmp_path / "store").refused("layers", "--largest", "3", "docker://tomcat")
