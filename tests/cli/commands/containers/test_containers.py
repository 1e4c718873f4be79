import json
import re

import pytest

from tests.cli.invoking import Layerlog, with_loaded

HEX = re.compile(r"[0-9a-f]{64}")


# -- create and fork


def test_create_prints_the_id_and_makes_up_a_name(ll: Layerlog) -> None:
    made = ll("create", "base:1").strip()
    assert HEX.fullmatch(made)
    row = next(row for row in ll.json("ps") if row["id"] == made)
    assert re.fullmatch(r"[a-z]+_[a-z]+", row["name"])


def test_create_over_an_image_born_here_stands_on_its_seal(ll: Layerlog) -> None:
    seal = ll.json("ps")[0]["base"]
    assert seal.keys() == {"container", "version"}
    assert ll.lines("ls", "web:/etc") == ["group", "motd", "os-release", "passwd"]


def test_create_over_an_image_from_elsewhere(ll: Layerlog) -> None:
    image = with_loaded(ll, "app:2")
    for name, ref in {"one": "app:2", "two": image[:12], "three": f"sha256:{image}"}.items():
        ll("create", "--name", name, ref)
        assert next(row for row in ll.json("ps") if row["name"] == name)["base"] == {"image": image}
    assert ll("cat", "one:/etc/motd") == "bye\n"


def test_create_from_scratch_is_empty(ll: Layerlog) -> None:
    ll("create", "--name", "empty", "scratch")
    assert ll.tree("empty") == {}
    assert ll("ls", "empty") == ""


def test_create_prefers_an_image_to_a_container_of_that_name(ll: Layerlog) -> None:
    ll("create", "--name", "app", "base:1")
    ll("write", "--text", "x", "app:/new")
    with_loaded(ll, "app")
    ll("create", "--name", "over", "app")
    assert "new" not in ll.tree("over")


def test_create_and_fork_from_any_point(ll: Layerlog) -> None:
    for text in ("one", "two", "three"):
        ll("write", "--text", text, "web:/f")
    ll("fork", "web@3", "--name", "then")
    ll("create", "web@2", "--name", "before")
    ll("fork", "web", "--name", "now")
    assert [ll("cat", f"{name}:/f") for name in ("before", "then", "now")] == ["one", "two", "three"]
    ll("write", "--text", "elsewhere", "then:/f")
    assert ll("cat", "web:/f") == "three"


def test_fork_of_a_tag_step(ll: Layerlog) -> None:
    for text in ("one", "two"):
        ll("write", "--text", text, "web:/f")
        ll("commit", "web", "app:1")
    ll("fork", "app:1@{1}", "--name", "old")
    assert ll("cat", "old:/f") == "one"


def test_create_says_what_is_wrong(ll: Layerlog) -> None:
    assert "no container or image nope" in ll.refused("create", "nope")
    assert ll.refused("create", "--name", "web", "base:1").startswith("the name 'web' is in use by container ")
    assert "is not a container name" in ll.refused("create", "--name", "a b", "base:1")
    assert ll.refused("create", "--name", "a" * 256, "base:1").endswith("is not a container name: over 255 characters")
    assert "has no version 99" in ll.refused("fork", "web@99")


# -- ps, rename, rm


def test_ps_says_what_is_not_sealed(ll: Layerlog) -> None:
    def status() -> str:
        return str(ll.json("ps")[0]["status"])

    assert status() == "no changes"
    ll("write", "--text", "x", "web:/a")
    assert status() == "1 event not sealed"
    ll("config", "web", "--env", "A=b")
    assert status() == "2 events not sealed"
    ll("commit", "web")
    assert status() == "sealed"


def test_ps_is_dockers_table(ll: Layerlog) -> None:
    header, row = ll.lines("ps")
    assert header.split("  ")[0] == "CONTAINER ID"
    assert re.split(r"\s{2,}", header) == ["CONTAINER ID", "IMAGE", "CREATED", "STATUS", "NAMES"]
    assert re.split(r"\s{2,}", row)[1:] == ["base:1", "Less than a second ago", "no changes", "web"]
    assert len(row.split()[0]) == 12
    assert HEX.fullmatch(ll.lines("ps", "--no-trunc")[1].split()[0])


def test_ps_names_every_kind_of_base(ll: Layerlog) -> None:
    image = with_loaded(ll)
    for name, ref in {"b": image, "c": "scratch", "d": "web@1"}.items():
        ll("create", "--name", name, ref)
    bases = {row["name"]: row["image"] for row in ll.json("ps")}
    assert bases == {"web": "base:1", "b": image[:12], "c": "scratch", "d": "web@1"}


def test_ps_filters(ll: Layerlog) -> None:
    """As docker ps: an image's descendants have it as an ancestor, and what a container committed is none of its own."""
    image = with_loaded(ll, "far:1")
    ll("create", "--name", "far", "far:1")
    ll("write", "--text", "x", "web:/f")
    ll("commit", "web", "web:1")
    ll("create", "--name", "webber", "web:1")
    ll("write", "--text", "x", "webber:/f")
    ll("create", "--name", "gone", "web:1")
    ll("rm", "gone")

    def names(*args: str) -> list[str]:
        return [row["name"] for row in ll.json("ps", *args)]

    assert names("-f", "name=web") == ["webber", "web"]
    assert names("--filter", "name=^web$", "--filter", "name=a") == ["far", "web"]
    assert names("-f", "ancestor=base:1") == ["webber", "web"]
    assert names("-f", "ancestor=web:1") == ["webber"]
    assert names("-a", "-f", "ancestor=web:1") == ["gone", "webber"]
    assert names("-f", f"ancestor={image[:12]}") == ["far"]
    assert {state: names("-f", f"status={state}") for state in ("unsealed", "sealed", "unchanged", "removed")} == {
        "unsealed": ["webber"], "sealed": ["web"], "unchanged": ["far"], "removed": ["gone", "made"],
    }  # fmt: skip
    assert names("-f", "name=web", "-f", "status=sealed") == ["web"]
    assert names("-n", "2") == names("--last", "2") == ["webber", "far"]
    assert names("-l") == names("--latest") == ["webber"]
    assert names("-al") == ["gone"]
    assert names("-n", "0") == []
    for wrong in ("status=exited", "name=", "x=y", ""):
        assert "status=unsealed|sealed|unchanged|running|removed are known" in ll.refused("ps", "-f", wrong)


def web_id(ll: Layerlog) -> str:
    return str(next(row["id"] for row in ll.json("ps", "-a") if row["name"] == "web"))


def test_rename_frees_the_old_name(ll: Layerlog) -> None:
    ll("rename", "web", "site")
    assert [row["name"] for row in ll.json("ps")] == ["site"]
    assert "no container or image web" in ll.refused("ls", "web")
    assert ll.refused("ls", "").startswith("no container or image ''; ")
    assert ll.refused("ls", "/etc") == "no container or image /etc; a path stands behind what it is in: REF:/etc"
    ll("create", "--name", "web", "base:1")
    assert "is in use" in ll.refused("rename", "web", "site")


def test_rm_takes_several_and_loses_nothing(ll: Layerlog) -> None:
    ll("create", "--name", "b", "base:1")
    container = web_id(ll)
    ll("write", "--text", "x", "web:/a")
    assert ll.lines("rm", container[:12], "b") == [container[:12], "b"]
    assert ll("ps", "-q") == ""
    assert {row["status"] for row in ll.json("ps", "-a")} == {"removed"}
    assert ll("cat", f"{container}:/a") == "x"


def test_rm_goes_on_after_a_refusal(ll: Layerlog) -> None:
    ll("create", "--name", "b", "base:1")
    before = ll.head()
    done = ll.run("rm", "web", "nope", "web", "b")
    assert (done.exit_code, done.stdout) == (1, "web\nb\n")
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        "layerlog: no container nope", "layerlog: container web was removed",
    ]  # fmt: skip
    assert ll("ps", "-q") == ""
    assert ll.head() == (before[0] + 2, before[1] + 2)


def test_rm_says_how_to_come_back_where_it_is_asked_to_talk(ll: Layerlog) -> None:
    container = web_id(ll)
    done = ll.run("-v", "rm", "web")
    assert f"layerlog undelete {container[:12]}" in done.stderr


# -- what commands that change something refuse


@pytest.mark.parametrize(
    "command",
    [("write", "--text", "x", "{}:/f"), ("commit", "{}"), ("rename", "{}", "x"), ("rm", "{}"), ("config", "{}", "--user", "x"),
     ("cp", "base:1:/etc/motd", "{}:/f"), ("delete", "{}:/etc/motd"), ("status", "{}")],
)  # fmt: skip
def test_images_points_and_removed_containers_stay_as_they_are(ll: Layerlog, command: tuple[str, ...]) -> None:
    def refused(ref: str) -> str:
        return ll.refused(*(word.format(ref) for word in command))

    step = "rmi base:1` removes it" if command[0] == "rm" else "create base:1` puts a container on top of it"
    assert refused("base:1").endswith(f"; `layerlog {step}")
    assert refused("web@1").endswith("; `layerlog fork web@1` goes on from it")
    container = web_id(ll)
    ll("rm", "web")
    for ref in ("web", container):
        assert refused(ref).endswith(f"; `layerlog undelete {container[:12]}` brings it back")
    assert refused("nope").startswith("no container nope")


# -- commit


def test_commit_prints_dockers_id_and_moves_the_tag(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/f")
    made = ll("commit", "-m", "add f", "-a", "Eve <eve@x>", "web", "app:1").strip()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", made)
    assert ll("cat", "app:1:/f") == ll("cat", f"{made}:/f") == ll("cat", f"{made[7:19]}:/f") == "x"
    sealed = json.loads(ll("status", "web", "--format", "json"))["commit"]
    assert (sealed["id"], sealed["author"], sealed["message"]) == (made[7:], "Eve <eve@x>", "add f")


def test_commits_follow_one_another(ll: Layerlog) -> None:
    with ll.writer() as writer:
        base = writer.log.db.execute("SELECT id FROM commits").fetchone()[0]
    made = []
    for text in ("one", "two"):
        ll("write", "--text", text, "web:/f")
        made.append(ll("commit", "web").strip()[7:])
    ll("create", "--name", "next", made[0])
    made.append(ll("commit", "--allow-empty", "next").strip()[7:])
    with ll.writer() as writer:
        parents = dict(writer.log.db.execute("SELECT id, parent FROM commits"))
    assert [parents[commit] for commit in made] == [base, made[0], made[0]]


def test_commit_on_an_image_from_elsewhere_has_that_as_its_parent(ll: Layerlog) -> None:
    image = with_loaded(ll, "app:2")
    ll("create", "--name", "a", "app:2")
    made = ll("commit", "--allow-empty", "a").strip()[7:]
    with ll.writer() as writer:
        assert dict(writer.log.db.execute("SELECT id, parent FROM commits"))[made] == image


def test_commit_with_nothing_to_seal_suggests_tag(ll: Layerlog) -> None:
    assert "`layerlog tag`" in ll.refused("commit", "web")
    assert ll("commit", "-c", "ENV A=b", "web").startswith("sha256:")
    assert ll("commit", "--allow-empty", "web").startswith("sha256:")


def test_commit_messages_are_paragraphs(ll: Layerlog) -> None:
    ll("commit", "--allow-empty", "-m", "title", "-m", "body", "web")
    assert json.loads(ll("status", "web", "--format", "json"))["commit"]["message"] == "title\n\nbody"


def test_commit_checks_all_before_it_records_any(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/f")
    assert "allowed are" in ll.refused("commit", "-c", "RUN x", "web")
    assert "is not an image name" in ll.refused("commit", "web", "App:1")
    assert ll.json("ps")[0]["unsealed"] == 1


def test_commit_keeps_secrets_out_of_the_command_line_and_in_the_config(ll: Layerlog) -> None:
    ll("commit", "-c", "ENV TOKEN=s3cret", "web", "app:1")
    ll("config", "web", "-e", "OTHER=s3cret")
    with ll.writer() as writer:
        contexts = [row[0] for row in writer.log.db.execute("SELECT body FROM context")]
    assert not any("s3cret" in body for body in contexts)
    assert json.loads(ll("config", "web"))["Env"] == ["TOKEN=s3cret", "OTHER=s3cret"]


# -- status


def test_status_is_what_the_next_commit_would_seal(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/f")
    ll("write", "--text", "bye\n", "web:/etc/motd")
    ll("delete", "-r", "web:/usr")
    ll("config", "web", "--user", "web")
    text = ll("status", "web")
    assert "  D /usr\n" in text
    assert "  C /etc/motd\n" in text
    assert "  USER web\n" in text
    assert text.endswith("\n1 added, 1 changed, 1 deleted; 1 config change\n")
    row = json.loads(ll("status", "web", "--format", "json"))
    assert row["changes"] == [change for change in ll.json("diff", "web") if change["path"]]
    assert row["config"] == ["USER web"]


def test_status_of_what_is_sealed(ll: Layerlog) -> None:
    assert ll("status", "web").endswith("No commit yet\n\nNothing to commit\n")
    ll("config", "web", "--user", "web")
    ll("commit", "-m", "as web", "-a", "Eve", "web")
    assert re.search(r"Last commit: [0-9a-f]{12} 'as web' by Eve, ", ll("status", "web"))
    assert ll("status", "web").endswith("\nNothing to commit\n")


def test_a_change_and_its_undoing_leave_no_difference(ll: Layerlog) -> None:
    """A commit goes by events, so it would seal them."""
    ll("write", "--text", "x", "web:/f")
    ll("delete", "web:/f")
    nothing = "2 events not sealed, which together change nothing: `commit` would seal an empty layer\n"
    assert ll("status", "web").endswith(f"No commit yet\n\n{nothing}")
    ll("commit", "web")
    assert ll("status", "web").endswith("\nNothing to commit\n")


def test_names_are_shown_escaped(ll: Layerlog) -> None:
    ll("write", "--text", "x", "web:/a\x1b[31mb")
    assert "A /a\\x1b[31mb" in ll("status", "web")


def test_commit_guards_refuse_and_a_dry_run_seals_nothing(ll: Layerlog) -> None:
    """Guards are off by default, come from options or the environment, and leave no trace when they refuse."""
    ll("write", "--text", "-----BEGIN PRIVATE KEY-----", "web:/key")
    before = ll.json("ps")
    assert "/key holds a private key" in ll.refused("commit", "--guard", "secrets", "web")
    assert "no message" in ll.refused("commit", "--guard", "message", "web")
    assert "no guard 'x'" in ll.refused("commit", "--guard", "x", "web")
    shown = ll.lines("commit", "--dry-run", "web")
    assert shown[0].startswith("A /key  sha256:")
    assert shown[-1].startswith("layer  sha256:")
    assert ll.json("ps") == before
    ll("commit", "web", "app:9")


def test_status_of_all_containers_says_of_each_what_its_own_says(ll: Layerlog) -> None:
    """One line each where there is something to seal; JSON has the rows that each has by itself."""
    assert ll.lines("status") == ["Nothing to commit in any container"]
    ll("create", "--name", "other", "base:1")
    ll("create", "--name", "gone", "base:1")
    ll("write", "--text", "x", "web:/f")
    ll("delete", "web:/etc/motd")
    ll("config", "web", "-e", "A=1")
    ll("write", "--text", "x", "gone:/f")
    ll("rm", "gone")
    assert ll.lines("status") == ["web: 1 added, 0 changed, 1 deleted; 1 config change", "Nothing to commit in 1 other container"]
    ll("write", "--text", "x", "other:/f")
    ll("delete", "other:/f")
    for name, line in zip(("other", "web"), ll.lines("status"), strict=True):
        assert line.removeprefix(f"{name}: ") == ll.lines("status", name)[-1]
    rows = [json.loads(line) for line in ll.lines("status", "--format", "json")]
    assert rows == [json.loads(ll("status", name, "--format", "json")) for name in ("other", "web")]
