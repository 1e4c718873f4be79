"""Proofs that strangers check: with layerlog, with the exported checker and no layerlog, and with ssh-keygen."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.maintenance import signing
from eventstore.model.events import Kind
from eventstore.model.facts import Signature
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.audit import proofs
from tests.cli.invoking import Layerlog
from tests.conftest import ADA
from tests.mangling import Damage, copied
from tests.peers import peer


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = str(tmp_path / "key")
    subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", path], check=True)
    (tmp_path / "signers").write_text("ada@example.org " + (tmp_path / "key.pub").read_text())
    return path


@pytest.fixture
def checker(ll: Layerlog, tmp_path: Path) -> str:
    assert ll("verify", "--export-checker", str(tmp_path / "check.py")) == ""
    return str(tmp_path / "check.py")


def check(checker: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the checker with a Python that has no layerlog: no site-packages, no current folder, no environment."""
    command = [sys.executable, "-I", "-S", checker, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_the_checker_needs_nothing(checker: str) -> None:
    assert check(checker, "log", "/nowhere/log.db").stdout == "WrongError: /nowhere/log.db: no such file\n"
    program = "import ast, sys; print(*sorted({(n.module or '').split('.')[0] if isinstance(n, ast.ImportFrom) else a.name.split('.')[0] "
    program += "for n in ast.walk(ast.parse(open(sys.argv[1]).read())) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}))"
    used = subprocess.run([sys.executable, "-c", program, checker], capture_output=True, text=True, check=True).stdout.split()
    assert set(used) <= sys.stdlib_module_names


def test_a_checkpoint_says_where_the_log_ends(ll: Layerlog) -> None:
    stated = json.loads(ll("checkpoint"))
    assert (stated["changesets"], stated["position"]) == (19, 40)
    assert ll("checkpoint") == ll("checkpoint")
    with Store.open_or_create(ll.store) as store:
        assert stated["tree"] == store.log.tree_head(19).hex()
        assert stated["store"] == proofs.store_id(store.log)


def test_a_signed_checkpoint(ll: Layerlog, key: str, checker: str, tmp_path: Path) -> None:
    """verify, ssh-keygen and the checker agree on it, and on who signed it."""
    ll("checkpoint", "--sign", key, "-o", str(tmp_path / "head.json"))
    signers, head = str(tmp_path / "signers"), str(tmp_path / "head.json")
    assert "is signed by ada@example.org\n" in ll("verify", "--quick", "--checkpoint", head, "--allowed-signers", signers)
    command = ["ssh-keygen", "-Y", "verify", "-n", "layerlog", "-f", signers, "-I", "ada@example.org", "-s", f"{head}.sig"]
    verified = subprocess.run(command, input=Path(head).read_bytes(), capture_output=True, check=True)
    assert b'Good "layerlog" signature for ada@example.org' in verified.stdout
    done = check(checker, "log", os.path.join(ll.store, "log.db"), "--checkpoint", head, "--allowed-signers", signers)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "signed by ada@example.org")
    (tmp_path / "one.json").write_text(ll("checkpoint", "--sign", key))
    assert "is signed by the key SHA256:" in ll("verify", "--quick", "--checkpoint", str(tmp_path / "one.json"))


def test_a_checkpoint_that_somebody_changed(ll: Layerlog, key: str, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    ll("checkpoint", "--sign", key, "-o", str(head))
    head.write_text(head.read_text().replace('"position": 40', '"position": 41'))
    done = ll.run("verify", "--quick", "--checkpoint", str(head), "--allowed-signers", str(tmp_path / "signers"))
    assert done.exit_code == 1
    assert "the signature is not over these bytes, or is damaged" in done.stdout
    assert "changeset 19: is not the one that the checkpoint names: the past was changed" in done.stdout


def test_an_unknown_signer_and_no_signer(ll: Layerlog, key: str, tmp_path: Path) -> None:
    ll("checkpoint", "--sign", key, "-o", str(tmp_path / "head.json"))
    ll("checkpoint", "-o", str(tmp_path / "bare.json"))
    (tmp_path / "nobody").write_text("")
    done = ll.run("verify", "--quick", "--checkpoint", str(tmp_path / "head.json"), "--allowed-signers", str(tmp_path / "nobody"))
    assert f"is nobody's in {tmp_path}/nobody" in done.stdout
    done = ll.run("verify", "--quick", "--checkpoint", str(tmp_path / "bare.json"), "--allowed-signers", str(tmp_path / "nobody"))
    assert "is not signed" in done.stdout


def test_a_pem_key_signs_too(ll: Layerlog, tmp_path: Path) -> None:
    subprocess.run([peer("openssl"), "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key.pem"], check=True)
    assert "BEGIN SSH SIGNATURE" in ll("checkpoint", "--sign", str(tmp_path / "key.pem"))
    subprocess.run([peer("openssl"), "genpkey", "-algorithm", "x25519", "-out", tmp_path / "other.pem"], check=True)
    assert "not an Ed25519 key" in ll.run("checkpoint", "--sign", str(tmp_path / "other.pem")).stderr


def test_a_checkpoint_of_another_store(ll: Layerlog, tmp_path: Path) -> None:
    other = Layerlog(tmp_path / "other")
    with other.writer():
        pass
    (tmp_path / "head.json").write_text(other("checkpoint"))
    assert "checkpoint: is of another store" in ll.run("verify", "--quick", "--checkpoint", str(tmp_path / "head.json")).stdout


def test_a_rewritten_past_is_seen_only_against_the_checkpoint(told: Layerlog, tmp_path: Path) -> None:
    """Somebody who owns the disk can make a new chain; not one that continues the old head."""
    ll = copied(told, tmp_path / "rewritten")
    head = str(tmp_path / "head.json")
    ll("checkpoint", "-o", head)
    damage = Damage(ll)
    damage.sql("DELETE FROM event WHERE position > 30", "DELETE FROM changeset WHERE number > 11", "DELETE FROM tree_node WHERE (number + 1) << level > 11")
    damage.sql("DELETE FROM stream WHERE id NOT IN (SELECT stream FROM event)", "DELETE FROM context WHERE id NOT IN (SELECT context FROM changeset)")
    for number in range(12):
        ll("write", "web:/etc/motd", "--text", f"another past {number}")
    rows = damage.findings("--quick", "--checkpoint", head)
    assert {row["check"] for row in rows} == {"checkpoint"}
    assert any("the past was changed" in row["problem"] for row in rows)


@pytest.mark.parametrize("event", ["1", "5", "30", "40", "web@2", "site:2", "app:2"])
def test_an_event_is_proved_to_a_stranger(ll: Layerlog, checker: str, tmp_path: Path, event: str) -> None:
    proof, head = str(tmp_path / "proof.json"), str(tmp_path / "head.json")
    ll("prove", event, "-o", proof)
    ll("checkpoint", "-o", head)
    with Store.open_or_create(ll.store) as store:
        before = store.log.head()
    assert f"holds: event {json.loads(Path(proof).read_text())['position']} is in the log" in ll("prove", "--check", proof, "--checkpoint", head)
    done = check(checker, "proof", proof, "--checkpoint", head)
    assert (done.returncode, json.loads(done.stdout)["position"] <= before.position) == (0, True)
    assert json.loads(done.stdout)["holds"] is True
    assert os.path.getsize(proof) < 4000


def test_a_proof_is_checked_without_a_store(ll: Layerlog, tmp_path: Path) -> None:
    ll("prove", "30", "-o", str(tmp_path / "proof.json"))
    ll("prove", "--check", str(tmp_path / "proof.json"))
    Layerlog(tmp_path / "nowhere")("prove", "--check", str(tmp_path / "proof.json"))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(event=d["event"][:-8] + "AAAAAAA="), "not under its changeset's root"),
        (lambda d: d.update(position=d["position"] + 1), "not under its changeset's root"),
        (lambda d: d.update(header=d["header"].replace("ada", "eve").replace("layerlog", "otherlog", 1)), "not complete"),
        (lambda d: d.update(header=d["header"].replace("--text", "--TEXT")), "not under the head"),
        (lambda d: d["changeset_proof"].pop(), "not under the head"),
        (lambda d: d["checkpoint"].update(tree="00" * 32), "not under the head"),
        (lambda d: d.pop("header"), "not complete"),
        (lambda d: d.update(event="?"), "not complete"),
        (lambda d: d.update(header=d["header"].replace("\ntime ", f"\ntime {10**20}")), "not complete"),
        (lambda d: d.update(header=d["header"].replace("context {", "context ")), "not complete"),
        (lambda d: d.update(format="other"), "where a layerlog proof 1 or layerlog consistency 1 is needed"),
    ],
)
def test_a_proof_that_was_changed(ll: Layerlog, checker: str, tmp_path: Path, change: Callable[..., Any], says: str) -> None:
    proof: dict[str, Any] = json.loads(ll("prove", "30"))
    change(proof)
    (tmp_path / "proof.json").write_text(json.dumps(proof))
    assert says in ll.refused("prove", "--check", str(tmp_path / "proof.json"))
    assert check(checker, "proof", str(tmp_path / "proof.json")).returncode == 1


def test_a_proof_under_another_head(ll: Layerlog, checker: str, tmp_path: Path) -> None:
    ll("prove", "30", "-o", str(tmp_path / "proof.json"))
    ll("write", "web:/x", "--text", "x")
    ll("checkpoint", "-o", str(tmp_path / "head.json"))
    args = str(tmp_path / "proof.json"), "--checkpoint", str(tmp_path / "head.json")
    assert "another head than the checkpoint" in ll.refused("prove", "--check", *args)
    assert "another head than the checkpoint" in check(checker, "proof", *args).stdout


def test_growth(ll: Layerlog, checker: str, tmp_path: Path) -> None:
    """A consistency proof: the later head continues the earlier one, for somebody who has neither log."""
    old, grown = str(tmp_path / "old.json"), str(tmp_path / "growth.json")
    ll("checkpoint", "-o", old)
    for number in range(5):
        ll("write", "web:/x", "--text", str(number))
        ll("prove", "--since", old, "-o", grown)
        assert ll("prove", "--check", grown, "--checkpoint", old) == f"holds: the head of {20 + number} changesets continues that of 19\n"
        assert check(checker, "proof", grown, "--checkpoint", old).returncode == 0
    document = json.loads(Path(grown).read_text())
    document["new"]["tree"] = "00" * 32
    Path(grown).write_text(json.dumps(document))
    assert "does not continue" in ll.refused("prove", "--check", grown)
    assert check(checker, "proof", grown).stdout == "WrongError: the newer head does not continue the older one\n"


def test_prove_wants_one_thing(ll: Layerlog) -> None:
    assert "Name one" in ll.run("prove").stderr
    assert "Name one" in ll.run("prove", "1", "--check", "x").stderr
    assert "no container or image" in ll.refused("prove", "4711x")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("UPDATE event SET mtime = 1 WHERE position = 30", "changeset 11: its events 30 to 30 are not those that were sealed"),
        ("UPDATE event SET version = 9 WHERE position = 30", "event 30 has version 9 after version 1 of its stream"),
        ("UPDATE event SET id = zeroblob(32) WHERE position = 30", "event 30: its column id is not its hash"),
        ("DELETE FROM event WHERE position = 30", "event 31 comes after event 29"),
        ("DELETE FROM changeset WHERE number = 19", "event 39 and what follows it belong to no changeset"),
        ("UPDATE changeset SET wall = wall - 1 WHERE number = 11", "changeset 11: its header is not the one that was sealed"),
        ("UPDATE changeset SET time = time + 1 WHERE number = 11", "changeset 11: its time is not the later of its wall clock and the time before"),
        ("UPDATE context SET body = body || ' '", "changeset 11: its header is not the one that was sealed"),
        ("UPDATE path SET name = x'78' WHERE name = x'6d6f7464'", "changeset 11: its events 30 to 30 are not those that were sealed"),
        ("UPDATE tree_node SET hash = zeroblob(32) WHERE level = 2 AND number = 1", "tree node 1 at level 2 is missing or wrong"),
        ("DELETE FROM tree_node WHERE level = 1 AND number = 1", "there are 15 tree nodes, which is not what 19 changesets have"),
        ("UPDATE path SET parent = 99 WHERE name = x'6d6f7464'", "WrongError: path 4 is missing, or below itself"),
    ],
)
def test_the_checker_finds_what_was_mangled(told: Layerlog, checker: str, tmp_path: Path, edit: str, says: str) -> None:
    damage = Damage(copied(told, tmp_path / "copy"))
    damage.sql(edit)
    done = check(checker, "log", damage.log)
    assert (done.returncode, says in done.stdout.splitlines()) == (1, True), done.stdout


def test_the_checker_sees_a_cut_tail_against_a_checkpoint(told: Layerlog, checker: str, tmp_path: Path) -> None:
    damage = Damage(copied(told, tmp_path / "copy"))
    damage.ll("checkpoint", "-o", str(tmp_path / "head.json"))
    damage.sql("DELETE FROM event WHERE position >= 39", "DELETE FROM changeset WHERE number = 19")
    assert check(checker, "log", damage.log).returncode == 0
    done = check(checker, "log", damage.log, "--checkpoint", str(tmp_path / "head.json"))
    assert "the tail was cut: the checkpoint counts 19 changesets, the log has 18\n" in done.stdout


# -- signed commits


def sealed(ll: Layerlog, key: str) -> str:
    """Commit and sign; return the commit's id."""
    ll("write", "web:/srv/new", "--text", "x")
    said = ll("commit", f"--sign={key}", "-m", "signed\nforged: line", "-a", "Ada", "web", "signed:1")
    return said.strip().removeprefix("sha256:")


def test_a_signed_commit(ll: Layerlog, key: str, tmp_path: Path) -> None:
    """ssh-keygen agrees, in git's namespace and with git's allowed_signers file."""
    commit = sealed(ll, key)
    signers = str(tmp_path / "signers")
    assert ll("verify", "--allowed-signers", signers).endswith("all of it is sound\n")
    assert ll.json("images", "signed")[0]["id"].endswith(commit)
    with Store.open_or_create(ll.store) as store:
        payload = signing.payload(store.log, commit)
        [event] = store.log.of_kind(Kind.COMMIT_SIGNED)
        signature = Signature.of(event).signature
    assert signing.verify(payload, signature, signing.COMMIT, signers).signer == "ada@example.org"
    (tmp_path / "signature").write_text(signature)
    command = ["ssh-keygen", "-Y", "verify", "-n", "git", "-f", signers, "-I", "ada@example.org", "-s", str(tmp_path / "signature")]
    assert b'Good "git" signature for ada@example.org' in subprocess.run(command, input=payload, capture_output=True, check=True).stdout
    assert payload.decode().splitlines()[:2] == ["layerlog commit 1", f"commit {commit}"]
    (tmp_path / "nobody").write_text("")
    assert f"event {event.position}: commit {commit[:12]}: the key SHA256:" in ll.run("verify", "--allowed-signers", str(tmp_path / "nobody")).stdout


def test_signatures_show_wherever_a_commit_is_told(ll: Layerlog, key: str, tmp_path: Path) -> None:
    """Each of them, with who made it and when; of a commit without one that there is none."""
    commit = sealed(ll, key)
    ll("write", "web:/srv/new", "--text", "y")
    unsigned = ll("commit", "-m", "unsigned", "web").strip().removeprefix("sha256:")
    other = str(tmp_path / "other")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    for again in (other, other):
        ll("sign", "--key", again, commit)
    with Store.open_or_create(ll.store) as store:
        signed = [(e.position, Signature.of(e).signer) for e in store.log.of_kind(Kind.COMMIT_SIGNED)]
    assert len({signer for _, signer in signed}) == 2
    rows = {row["commit"]: row for row in ll.json("log", "web")}
    for row in (rows[commit], *ll.json("show", commit), *(row for row in ll.json("log", "--graph", "web") if row["commit"] == commit)):
        assert [(one["position"], one["signer"]) for one in row["signatures"]] == signed
        assert set(row["signatures"][0]) == {"signer", "time", "position", "author", "actor"}
    assert rows[unsigned]["signatures"] == ll.json("show", unsigned)[0]["signatures"] == []
    for lines in (ll.lines("log", "web"), ll.lines("show", commit)):
        assert [line.split()[1] for line in lines if line.startswith("Signed: ")] == [signer for _, signer in signed]
    assert "Signed" not in ll("show", unsigned)


@pytest.mark.parametrize("form", ["text", "json"])
def test_verify_counts_signatures_by_signer(ll: Layerlog, key: str, tmp_path: Path, form: str) -> None:
    commit, signers = sealed(ll, key), tmp_path / "signers"
    keys = {name: str(tmp_path / f"{name}-key") for name in ("bo", "cy", "nobody")}
    for path in keys.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    with signers.open("a") as file:
        file.writelines(f"{name}@x {Path(keys[name] + '.pub').read_text()}" for name in ("bo", "cy"))
    for name in ("bo", "bo", "bo", "cy"):
        ll("sign", "--key", keys[name], commit)
    counts = {"bo@x": 3, "ada@example.org": 1, "cy@x": 1}

    def summary(*args: str) -> Any:
        last = ll.run("verify", "--format", form, *args).stdout.splitlines()[-1]
        return json.loads(last).get("signatures") if form == "json" else last

    assert summary("--allowed-signers", str(signers)) == counts if form == "json" else "5 signatures (3 by bo@x, 1 by ada" in summary("--allowed-signers", str(signers))
    assert sum(summary().values()) == 5 if form == "json" else "5 signatures (3 by SHA256:" in summary()
    quick = summary("--quick", "--allowed-signers", str(signers))
    assert quick == counts if form == "json" else "5 signatures (3 by bo@x, 1 by ada" in quick
    ll("sign", "--key", keys["nobody"], commit)
    assert summary("--allowed-signers", str(signers)) == counts if form == "json" else ": 1 finding" in summary("--allowed-signers", str(signers))
    assert "no allowed signers file" in ll.refused("verify", "--allowed-signers", str(tmp_path / "none"))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_quick_verify_says_which_signatures_it_did_not_check(ll: Layerlog, key: str, tmp_path: Path, count: int) -> None:
    """With allowed signers it does check them: who names that file asks about nothing else."""
    commit = sealed(ll, key) if count else ""
    for _ in range(count - 1):
        ll("sign", "--key", key, commit)
    left = f"; not checked: {count} signature{'s' * (count > 1)} (--allowed-signers, or without --quick)"
    assert ll("verify", "--quick").endswith(f": all of it is sound{left if count else ''}\n")
    assert ll.json("verify", "--quick")[-1].get("signatures not checked", 0) == count
    (tmp_path / "nobody").write_text("")
    assert ll.run("verify", "--quick", "--allowed-signers", str(tmp_path / "nobody")).exit_code == (count > 0)
    for words in ((), ("--quick", "--allowed-signers", str(tmp_path / "signers"))):
        assert "not checked" not in ll("verify", *words)


def test_a_signature_of_something_else(ll: Layerlog, key: str, tmp_path: Path) -> None:
    commit = sealed(ll, key)
    with Store.open_or_create(ll.store) as store, writing(store, ADA) as writer:
        commands.sign_commit(writer, commit, signing.sign(b"something else", key, signing.COMMIT), "SHA256:?")
        bad = store.log.head().position
    done = ll.run("verify")
    assert done.exit_code == 1
    assert f"event {bad}: commit {commit[:12]}: the signature is not over these bytes, or is damaged\n" in done.stdout


def test_no_key_no_signature(ll: Layerlog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And no commit either: it is made signed, or not at all."""
    monkeypatch.setenv("HOME", str(tmp_path))
    ll("write", "web:/srv/new", "--text", "x")
    assert "no key to sign with" in ll.refused("commit", "--sign", "web", "signed:1")
    assert "no key file" in ll.refused("commit", f"--sign={tmp_path}/none", "web")
    assert "no key to sign with" in ll.refused("checkpoint", "--sign")
    assert "no key file" in ll.refused("checkpoint", "--sign", str(tmp_path / "none"))
