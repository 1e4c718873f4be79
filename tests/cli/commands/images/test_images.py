"""images, inspect, history, tag and rmi: what they print, record and refuse."""

import json
from pathlib import Path

import pytest

from eventstore.model.digests import digest_of
from projections.oci.oci_image import config_digest, manifest_of
from tests.cli.archived import ONE, archived, committed, complete, id_of, inspected
from tests.cli.invoking import Layerlog, with_loaded
from tests.images import TARS, image

# -- images


def test_images_lists_as_docker_does(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/one:1", "docker.io/ada/app:2")
    head, *rows = ll.lines("images")
    assert head.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert [row.split()[:2] for row in rows] == [["ada/app", "2"], ["localhost/one", "1"], ["base", "1"]]
    assert rows[0].split()[2] == config_digest(image("gzip")).removeprefix("sha256:")[:12]


def test_images_with_digests_has_the_manifest_s(ll: Layerlog, tmp_path: Path) -> None:
    packed = complete(ONE)
    ll("load", "-i", archived(tmp_path, packed))
    row = ll.lines("images", "--digests", "one")[1]
    assert row.split()[2] == digest_of(manifest_of(packed))
    assert inspected(ll, "one:1")["RepoDigests"] == [f"localhost/one@{digest_of(manifest_of(packed))}"]


def test_rows_in_json_hold_all(ll: Layerlog) -> None:
    found = with_loaded(ll, "localhost/one:1")
    row = ll.json("images", "one")[0]
    assert row["id"] == f"sha256:{found}"
    assert (row["created"], row["size"], row["digest"]) == ("", sum(map(len, TARS)), None)


def test_untagged_images_are_listed_unless_another_was_made_from_them(ll: Layerlog) -> None:
    first = committed(ll, "one")
    assert [row["id"] for row in ll.json("images", "--filter", "dangling=true")] == [first]
    second = committed(ll, "two")
    assert [row["id"] for row in ll.json("images", "--filter", "dangling=true")] == [second]
    assert ll.lines("images", "-q", "--no-trunc") == [second, id_of(ll, "base:1")]
    assert [row["id"] for row in ll.json("images", "-a")] == [second, first, id_of(ll, "base:1")]
    ll("tag", first, "first:1")
    assert [row["id"] for row in ll.json("images")] == [second, first, id_of(ll, "base:1")]


def test_quiet_gives_each_image_once(ll: Layerlog) -> None:
    ll("tag", "base:1", "again:1")
    assert len(ll.lines("images")) == 3
    assert ll.lines("images", "-q") == [id_of(ll, "base:1").removeprefix("sha256:")[:12]]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["one"], ["localhost/one:1"]),
        (["one:2"], []),
        (["localhost/*"], ["localhost/one:1"]),
        (["base:[12]"], ["base:1"]),
        (["base:[^2]"], ["base:1"]),
        (["b?se"], ["base:1"]),
        (["*"], ["ada/app:2", "localhost/one:1", "base:1"][1:]),
        (["--filter", "reference=ada/*"], ["ada/app:2"]),
        (["--filter", "reference=base", "--filter", "reference=one"], ["localhost/one:1", "base:1"]),
        (["--filter", "before=one:1"], ["base:1"]),
        (["--filter", "since=base:1"], ["ada/app:2", "localhost/one:1"]),
        (["--filter", "dangling=false", "ada/app"], ["ada/app:2"]),
        (["--filter", "dangling=true"], []),
        (["--filter", "label=team"], ["ada/app:2", "localhost/one:1"]),
        (["--filter", "label=team=a=b", "one"], ["localhost/one:1"]),
        (["--filter", "label=team=a"], []),
        (["--filter", "label=team", "--filter", "label=other"], []),
    ],
)
def test_filters(ll: Layerlog, args: list[str], names: list[str]) -> None:
    with_loaded(ll, "localhost/one:1", "docker.io/ada/app:2", config={"Labels": {"team": "a=b"}})
    assert [f"{row['repository']}:{row['tag']}" for row in ll.json("images", *args)] == names


def test_ancestor_lists_what_stands_on_an_image_not_what_is_only_later(ll: Layerlog) -> None:
    with_loaded(ll, "far:1")
    ll("create", "--name", "a", "far:1")
    for tag in ("on:1", "on:2"):
        ll("commit", "--allow-empty", "a", tag)
    ll("create", "--name", "b", "on:1")
    ll("commit", "--allow-empty", "b", "fork:1")
    ll("commit", "--allow-empty", "web", "other:1")

    def on(image: str) -> set[str]:
        return {f"{row['repository']}:{row['tag']}" for row in ll.json("images", "--filter", f"ancestor={image}")}

    assert on("far:1") == {"on:1", "on:2", "fork:1"}
    assert on("on:1") == {"on:2", "fork:1"}
    assert on("on:2") == on("other:1") == set()


@pytest.mark.parametrize("text", ["x=1", "dangling=maybe", "reference=", "label=", "before", ""])
def test_an_unknown_filter_is_refused(ll: Layerlog, text: str) -> None:
    assert "dangling=true|false, reference=IMAGE|PATTERN" in ll.refused("images", "--filter", text)


def test_labels_that_are_none_are_no_trouble(ll: Layerlog) -> None:
    with_loaded(ll, "odd:1", config={"Labels": ["team"]})
    assert ll.json("images", "--filter", "label=team") == []


def test_sizes_count_base_and_what_was_written(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    for text in ("12345", "123"):
        ll("write", "--text", text, "two:/f")
        ll("commit", "two", f"two:{text}")
    tars = sum(map(len, TARS))
    assert {row["tag"]: row["size"] for row in ll.json("images", "two")} == {"12345": tars + 5, "123": tars + 8}


def test_sizes_leave_out_what_the_seal_did_not_find(ll: Layerlog) -> None:
    """What was overwritten or deleted before the commit is in no layer; what a chmod restates is."""
    ll("create", "--name", "bare", "scratch")
    held = 0
    for step, (kept, gone) in enumerate([(7, 1000), (0, 50), (300, 0)]):
        for size in (gone, kept):
            ll("write", "bare:/f", stdin=bytes(size))
        ll("write", "bare:/gone", stdin=bytes(gone))
        ll("delete", "bare:/gone")
        held += kept
        ll("commit", "bare", f"bare:{step}")
        assert ll.json("history", f"bare:{step}")[0]["size"] == kept
        assert {row["tag"]: row["size"] for row in ll.json("images", "bare")}[str(step)] == held
        assert json.loads(ll("inspect", f"bare:{step}"))[0]["Size"] == held
    ll("chmod", "600", "bare:/f")
    ll("commit", "bare", "bare:3")
    assert [row["size"] for row in ll.json("history", "bare:3")] == [300, 300, 0, 7]
    before = {row["type"]: row["size"] for row in ll.json("df")}
    ll("write", "bare:/g", stdin=bytes(40))
    assert {row["type"]: row["size"] for row in ll.json("df")}["containers"] == before["containers"] + 40
    ll("delete", "bare:/g")
    assert {row["type"]: row["size"] for row in ll.json("df")}["containers"] == before["containers"]
    assert ll.lines("status", "bare")[-1] == "2 events not sealed, which together change nothing: `commit` would seal an empty layer"
    assert (ll.json("status", "bare")[0]["unsealed"], ll.json("status", "bare")[0]["changes"]) == (2, [])
    ll("commit", "bare", "bare:4")
    assert ll.lines("status", "bare")[-1] == "Nothing to commit"
    assert ll.json("history", "bare:4")[0]["size"] == 0


# -- inspect and history


def test_inspect_of_a_loaded_image_is_docker_s(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/one:1", author="Ada", variant="v8")
    found = inspected(ll, "one:1")
    assert found["RepoTags"] == ["localhost/one:1"]
    assert found["RootFS"] == {"Type": "layers", "Layers": [digest_of(tar) for tar in TARS]}
    assert found["Config"] == {"Env": ["PATH=/bin"]}
    assert [found[key] for key in ("Author", "Architecture", "Os", "Variant", "Parent")] == ["Ada", "amd64", "linux", "v8", ""]
    assert found["Size"] == sum(layer["Size"] for layer in found["Layerlog"]["Layers"]) == sum(map(len, TARS))


def test_inspect_of_a_commit(ll: Layerlog) -> None:
    made = committed(ll, "one", "-a", "Ada <ada@example.org>", "-c", "ENV A=b", "mine:1")
    found = inspected(ll, "mine:1")
    assert (found["Id"], found["Parent"]) == (made, id_of(ll, "base:1"))
    assert (found["Comment"], found["Author"], found["Config"]) == ("one", "Ada <ada@example.org>", {"Env": ["A=b"]})
    own = found["Layerlog"]
    assert (f"sha256:{own['Commit']}", own["Version"], own["Events"]) == (made, 4, 3)
    assert found["Metadata"]["LastTagTime"] > found["Created"][:4]


def test_the_config_digest_names_a_commit_once_it_has_left(ll: Layerlog, tmp_path: Path) -> None:
    made = committed(ll, "one", "mine:1")
    digest = inspected(ll, "mine:1")["Layerlog"]["ConfigDigest"]
    ll("save", "-o", str(tmp_path / "x.tar"), "mine:1")
    assert id_of(ll, digest) == made


def test_inspect_of_a_container(ll: Layerlog) -> None:
    committed(ll, "one")
    ll("write", "--text", "more", "web:/srv/more")
    found = inspected(ll, "web")
    assert (found["Name"], found["Image"]) == ("web", id_of(ll, "base:1"))
    assert found["State"] == {"Version": 4, "Sealed": 3, "Unsealed": 1, "Removed": False}
    assert [layer["To"] for layer in found["Lineage"]][-2:] == [3, 4]
    assert inspected(ll, "web@2")["State"]["Version"] == 2


def test_inspect_fills_in_docker_s_plain_templates(ll: Layerlog) -> None:
    labels = {"b": "2", "a": "\x1b[2J"}
    found = with_loaded(ll, "one:1", config={"Cmd": ["run", "it"], "Labels": labels, "Env": None, "Tty": True})

    def line(template: str) -> str:
        return ll("inspect", "-f", template, "one:1").removesuffix("\n")

    assert line("{{.Id}}") == line("{{ .Id }}") == f"sha256:{found}"
    assert line("{{.Config.Cmd}} of {{.RepoTags}}") == "[run it] of [localhost/one:1]"
    assert line("{{json .Config.Cmd}}") == '["run", "it"]'
    assert line("{{.Config.Labels}}") == r"map[a:\x1b[2J b:2]"
    assert json.loads(line("{{json .Config.Labels}}")) == labels
    assert line("{{.Config.Env}} {{.Config.No}} {{json .Config.No}} {{.Config.Tty}}") == "<no value> <no value> null true"
    assert json.loads(line("{{json .}}")) == inspected(ll, "one:1")
    assert ll.lines("inspect", "--format", "{{.Name}}", "web", "web@1") == ["web", "web"]
    assert json.loads(ll("inspect", "-f", "json", "web")) == json.loads(ll("inspect", "web"))


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{printf .Id}}", "printf is not known; there are if, range, and, eq, index, join, json, len,"),
        ("{{.Id", "an action is not closed with }}"),
        ("{{.Confg.Cmd}}", "there is no field .Confg; there are Id, "),
    ],
)
def test_inspect_says_which_templates_it_knows(ll: Layerlog, template: str, says: str) -> None:
    assert says in ll.refused("inspect", "-f", template, "web")


def test_history_lists_the_latest_step_first(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    ll("write", "--text", "12345", "two:/f")
    made = ll("commit", "-m", "five bytes", "two", "two:1").strip()
    rows = ll.json("history", "two:1")
    assert [row["id"] for row in rows] == [made, id_of(ll, "one:1"), None]
    assert [(row["created_by"], row["size"], row["comment"]) for row in rows] == [
        ("layerlog commit", 5, "five bytes"), ("step 2", len(TARS[1]), ""), ("step 1", len(TARS[0]), ""),
    ]  # fmt: skip
    assert ll.lines("history", "two:1")[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert ll.lines("history", "-q", "two:1")[2] == "<missing>"


def test_history_cuts_long_commands_unless_told_otherwise(ll: Layerlog) -> None:
    steps = [{"created_by": "RUN " + "x" * 60}, {"created_by": "two", "created": "nonsense"}]
    with_loaded(ll, "localhost/one:1", history=steps)
    assert ll.lines("history", "one:1")[2].split() == ["<missing>", "N/A", "RUN", "x" * 40 + "…", f"{len(TARS[0]) / 1000:.3g}kB"]
    assert "x" * 60 in ll("history", "--no-trunc", "one:1")


def test_control_characters_of_an_image_are_shown_escaped(ll: Layerlog) -> None:
    with_loaded(ll, "localhost/one:1", history=[{"created_by": "\x1b[31mred"}, {"comment": "a\nb"}])
    text = ll("history", "one:1")
    assert r"\x1b[31mred" in text
    assert r"a\nb" in text


# -- tag and rmi


def test_tag_gives_names_and_moves_them(ll: Layerlog) -> None:
    first = committed(ll, "one", "app:1")
    second = committed(ll, "two", "app:1")
    assert id_of(ll, "app:1") == second
    ll("tag", "-q", "app:1@{1}", "app:1")
    assert id_of(ll, "app:1") == first
    ll("tag", second[7:20], "quay.io/x/y")
    assert inspected(ll, second)["RepoTags"] == ["quay.io/x/y:latest"]


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("nosuch", "x", "no image nosuch"),
        ("base:1", "X", "repository names are lower case"),
        ("base:1", "x@sha256:" + "0" * 64, "holds a digest, which nobody chooses"),
        ("web@1", "x", "is a point, not an image"),
    ],
)
def test_tag_refuses(ll: Layerlog, source: str, name: str, says: str) -> None:
    assert says in ll.refused("tag", source, name)


def test_rmi_of_one_name_of_several_only_takes_that(ll: Layerlog) -> None:
    made = committed(ll, "one", "app:1")
    ll("tag", "app:1", "app:2")
    assert ll("rmi", "app:1") == "Untagged: app:1\n"
    assert ll("rmi", "app:2") == f"Untagged: app:2\nDeleted: {made}\n"
    assert "no image app:2" in ll.refused("rmi", "app:2")
    assert f"image {made[7:19]} was removed; `layerlog undelete {made[7:19]}` brings it back" == ll.refused("rmi", made)
    assert "was removed" in ll.refused("tag", made, "app:3")
    assert "was removed" in ll.refused("save", made)


def test_rmi_by_id_wants_to_be_told_twice_where_there_are_names(ll: Layerlog) -> None:
    made = committed(ll, "one", "app:1")
    ll("tag", "app:1", "app:2")
    assert "has 2 names (app:1, app:2); remove them by name, or all with -f" in ll.refused("rmi", made)
    assert ll("rmi", "-f", made) == f"Untagged: app:1\nUntagged: app:2\nDeleted: {made}\n"


def test_rmi_by_id_takes_the_only_name_along(ll: Layerlog) -> None:
    made = committed(ll, "one", "app:1")
    assert ll("rmi", made) == f"Untagged: app:1\nDeleted: {made}\n"


def test_rmi_refuses_what_a_container_stands_on(ll: Layerlog) -> None:
    found = with_loaded(ll, "localhost/one:1")
    ll("create", "--name", "two", "one:1")
    says = f"image {found[:12]} is what container two stands on; remove that one first (`layerlog rm two`), or use -f"
    assert ll.refused("rmi", "one:1") == says
    ll("rm", "two")
    assert ll("rmi", "one:1") == f"Untagged: localhost/one:1\nDeleted: sha256:{found}\n"


def test_rmi_by_force_leaves_the_container_alone(ll: Layerlog) -> None:
    base = id_of(ll, "base:1")
    assert "is what container web stands on" in ll.refused("rmi", "base:1")
    assert ll("rmi", "-f", "base:1") == f"Untagged: base:1\nDeleted: {base}\n"
    assert ll("cat", "web:/etc/motd") == "hello\n"


def test_rmi_keeps_what_others_were_made_from(ll: Layerlog) -> None:
    made = committed(ll, "one", "app:1")
    latest = committed(ll, "two")
    assert f"image {made[7:19]} is what {latest[7:19]} was made from" in ll.refused("rmi", "-f", made)
    assert ll("rmi", "app:1") == "Untagged: app:1\n"
    assert ll("rmi", latest) == f"Deleted: {latest}\n"
    assert made not in ll("images", "-q", "--no-trunc")


def test_rmi_goes_on_after_a_refusal(ll: Layerlog) -> None:
    made = committed(ll, "one", "app:1")
    done = ll.run("rmi", "base:1", "nosuch", "app:1")
    assert (done.exit_code, done.stdout) == (1, f"Untagged: app:1\nDeleted: {made}\n")
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        f"layerlog: image {id_of(ll, 'base:1')[7:19]} is what container web stands on", "layerlog: no image nosuch",
    ]  # fmt: skip


def test_tag_says_on_stderr_what_it_moved_and_else_nothing(ll: Layerlog) -> None:
    base = ll.lines("images", "-q", "--no-trunc")[0].removeprefix("sha256:")[:12]
    ll("write", "--text", "x", "web:/f")
    made = ll("commit", "web", "app:1").strip().removeprefix("sha256:")[:12]

    def said(*args: str) -> str:
        done = ll.run("tag", *args)
        assert (done.exit_code, done.stdout) == (0, "")
        return done.stderr

    assert said("base:1", "new:1") == said("base:1", "new:1") == ""
    assert said("app:1", "new:1") == f"layerlog: new:1 moved from {base} (now new:1@{{1}}) to {made}\n"
    assert said("new:1@{1}", "registry.example.org/x") == ""
    name = "registry.example.org/x:latest"
    assert said("app:1", name) == f"layerlog: {name} moved from {base} (now {name}@{{1}}) to {made}\n"
    assert said("-q", "base:1", "new:1") == said("--quiet", "app:1", "new:1") == ""
    ll("rmi", "new:1")
    assert said("base:1", "new:1") == ""
    assert said("--expect", "base:1", "app:1", "new:1").endswith(f" moved from {base} (now new:1@{{1}}) to {made}\n")
