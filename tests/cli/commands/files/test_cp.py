"""cp by Docker's table (docs.docker.com, "docker container cp"): the same rules from every source to every target."""

import io
import os
import random
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from tests import trees
from tests.cli.hosttrees import Link, Node, Special, Symlink, as_root, build, scanned
from tests.cli.invoking import Layerlog

TREE = {b"f": b"file", b"d": {b"x": b"inner", b"sub": {}}, b"l": Symlink(b"f"), b"ld": Symlink(b"d")}
PLACES = {b"old": b"old", b"dir": {b"kept": b"kept"}, b"to": Symlink(b"dir"), b"to_old": Symlink(b"old")}
D = {"x": b"inner", "sub": {}}

# (source, target, what the target's folder holds then, besides what stands in it anyway)
TABLE = [
    ("f", "new", {"new": b"file"}),
    ("f", "new/", None),
    ("f", "old", {"old": b"file"}),
    ("f", "old/", None),
    ("f", "dir", {"dir": {"kept": b"kept", "f": b"file"}}),
    ("f", "dir/", {"dir": {"kept": b"kept", "f": b"file"}}),
    ("f", "to", {"dir": {"kept": b"kept", "f": b"file"}}),
    ("f", "to_old", {"old": b"file"}),
    ("f", "none/new", None),
    ("d", "new", {"new": D}),
    ("d", "new/", {"new": D}),
    ("d/.", "new", {"new": D}),
    ("d", "old", None),
    ("d", "dir", {"dir": {"kept": b"kept", "d": D}}),
    ("d/", "dir", {"dir": {"kept": b"kept", "d": D}}),
    ("d/.", "dir", {"dir": {"kept": b"kept", **D}}),
    ("d/.", "to", {"dir": {"kept": b"kept", **D}}),
    ("d", "none/new", None),
    ("ld/", "new", {"new": D}),
    ("ld/.", "dir", {"dir": {"kept": b"kept", **D}}),
    ("nope", "new", None),
]


@pytest.fixture
def ll(ll: Layerlog, tmp_path: Path) -> Layerlog:
    ll("create", "--name", "c", "scratch")
    build(tmp_path / "from", TREE)
    build(tmp_path / "into", PLACES)
    ll("cp", f"{tmp_path}/from", "c:/from")
    ll("cp", f"{tmp_path}/into", "c:/into")
    return ll


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    return {"host": f"{tmp_path}/from", "container": "c:/from"}


def literal(folder: Path) -> dict[str, object]:
    """What a host folder holds, symlinks left out."""
    found: dict[str, object] = {}
    for path in folder.iterdir():
        if not path.is_symlink():
            found[path.name] = literal(path) if path.is_dir() else path.read_bytes()
    return found


EXPECTED = {"old": b"old", "dir": {"kept": b"kept"}}


@pytest.mark.parametrize("origin", ["host", "container"])
@pytest.mark.parametrize(("source", "target", "changed"), TABLE)
def test_into_a_container(
    ll: Layerlog, sources: dict[str, str], origin: str, source: str, target: str, changed: dict[str, Any] | None
) -> None:
    if changed is None:
        done = ll.run("cp", f"{sources[origin]}/{source}", f"c:/into/{target}")
        assert done.exit_code == 1
        assert done.stderr.count("\n") == 1
    else:
        ll("cp", f"{sources[origin]}/{source}", f"c:/into/{target}")
    found = {name: node for name, node in ll.tree("c")["into"].items() if not name.startswith("to")}
    assert found == EXPECTED | (changed or {})


@pytest.mark.parametrize(("source", "target", "changed"), TABLE)
def test_out_to_the_host(ll: Layerlog, tmp_path: Path, source: str, target: str, changed: dict[str, Any] | None) -> None:
    done = ll.run("cp", f"c:/from/{source}", f"{tmp_path}/into/{target}")
    assert (done.exit_code, done.stderr.count("\n")) == ((1, 1) if changed is None else (0, 0)), done.stderr
    assert literal(tmp_path / "into") == EXPECTED | (changed or {})


# -- what is copied of a node


@as_root
def test_there_and_back_with_owners_is_the_identity(ll: Layerlog, tmp_path: Path) -> None:
    tree = {
        b"setuid": Node(b"x", mode=0o4755, uid=7, gid=8, xattrs={"user.a": b"\xff\0"}),
        b"hard": b"linked",
        b"dir": Node({b"link": Link(b"hard"), b"sym": Node(Symlink(b"../hard"), uid=5, gid=6)}, mode=0o1777),
        b"fifo": Special(stat.S_IFIFO | 0o600),
        b"null": Special(stat.S_IFCHR | 0o666, os.makedev(1, 3)),
        b"big": os.urandom(300_000),
        b"\xff": b"",
    }
    source = build(tmp_path / "tree", tree)
    ll("cp", "-a", source, "c:/tree")
    ll("cp", "-a", "c:/tree", str(tmp_path / "out"))
    assert scanned(str(tmp_path / "out")) == scanned(source)
    ll("cp", "c:/tree", "web:/tree")
    ll("cp", "-a", "web:/tree", str(tmp_path / "again"))
    assert scanned(str(tmp_path / "again")) == scanned(source)


@as_root
def test_without_archive_it_becomes_roots_and_then_yours(ll: Layerlog, tmp_path: Path) -> None:
    source = build(tmp_path / "tree", {b"f": Node(b"x", mode=0o4640, uid=7, gid=8), b"null": Special(stat.S_IFCHR, 259)})
    ll("cp", source, "c:/tree")
    assert [ll.entry("c:/tree/f")[key] for key in ("uid", "gid", "mode")] == [0, 0, "4640"]
    ll("chown", "7:8", "c:/tree/f")
    ll("chmod", "4640", "c:/tree/f")
    done = ll.run("cp", "c:/tree", str(tmp_path / "out"))
    assert (done.exit_code, done.stderr) == (0, "layerlog: left out: devices (1), setuid (1)\n")
    found = os.stat(tmp_path / "out/f")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), os.getegid(), 0o640)


def test_symbolic_links_are_copied_unless_followed(ll: Layerlog, tmp_path: Path, sources: dict[str, str]) -> None:
    for place in sources.values():
        ll("cp", f"{place}/l", "c:/link")
        assert ll.entry("c:/link")["target"] == "f"
        ll("cp", "-L", f"{place}/l", "c:/followed")
        assert ll("cat", "c:/followed") == "file"
        ll("delete", "c:/link", "c:/followed")
    ll("cp", "-L", "c:/from/ld", "c:/into/dir")
    assert ll.tree("c")["into"]["dir"]["ld"] == D
    ll("cp", "-L", "c:/from/l", f"{tmp_path}/into/dir")
    assert (tmp_path / "into/dir/l").read_bytes() == b"file"


def test_a_copy_is_one_changeset(ll: Layerlog, sources: dict[str, str]) -> None:
    for place in sources.values():
        changesets, events = ll.head()
        ll("cp", f"{place}/.", "c:/into/dir")
        assert (ll.head()[0], ll.head()[1] > events + 3) == (changesets + 1, True)


def test_directories_are_merged_and_get_the_sources_attributes(ll: Layerlog, tmp_path: Path) -> None:
    tree = build(tmp_path / "tree", {b"dir": Node({b"more": b"more"}, mode=0o700)}, mode=0o711)
    ll("cp", f"{tree}/.", "c:/into")
    assert ll.tree("c")["into"]["dir"] == {"kept": b"kept", "more": b"more"}
    assert (ll.entry("c:/into/dir")["mode"], ll.entry("c:/into")["mode"]) == ("0700", "0755")
    ll("cp", tree, "c:/tree")
    ll("cp", "c:/tree/.", f"{tmp_path}/into")
    assert sorted(os.listdir(tmp_path / "into/dir")) == ["kept", "more"]
    assert [stat.S_IMODE(os.stat(tmp_path / path).st_mode) for path in ("into/dir", "into")] == [0o700, 0o755]


@pytest.mark.parametrize(("here", "there"), [(b"x", {}), ({}, b"x")])
def test_no_directory_replaces_a_file_nor_the_reverse(
    ll: Layerlog, tmp_path: Path, here: bytes | dict[str, Any], there: bytes | dict[str, Any]
) -> None:
    build(tmp_path / "one", {b"a": b"first", b"n": here})
    build(tmp_path / "two", {b"n": there})
    ll("cp", f"{tmp_path}/two", "c:/two")
    assert "delete it first" in ll.refused("cp", f"{tmp_path}/one/.", "c:/two")
    assert "delete it first" in ll.refused("cp", f"{tmp_path}/one/.", "c:/two/")
    done = ll.run("cp", "c:/two/.", f"{tmp_path}/one")
    assert "remove it first" in done.stderr


def test_small_edits_are_stored_as_differences(ll: Layerlog, tmp_path: Path) -> None:
    text = b"".join(b"line %d of %d\n" % (n, n * n) for n in range(2000))
    (tmp_path / "text").write_bytes(text)
    ll("cp", f"{tmp_path}/text", "c:/text")
    (tmp_path / "text").write_bytes(text.replace(b"line 1000 ", b"line one thousand "))
    ll("cp", f"{tmp_path}/text", "c:/text")
    ll("write", "c:/text", stdin=text + b"more\n")
    with ll.writer() as writer:
        sizes = dict(writer.log.db.execute("SELECT stored, base IS NOT NULL FROM content WHERE size > 20000"))
    assert sum(sizes.values()) == 2
    assert all(stored < 1000 for stored, differs in sizes.items() if differs)


# -- tars


def tarred(fill: Callable[[tarfile.TarFile], object], mode: Literal["w", "w:gz"] = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.PAX_FORMAT) as tar:
        fill(tar)
    return out.getvalue()


def member(tar: tarfile.TarFile, name: str, data: bytes | None = None, **fields: object) -> None:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    info.size = len(data or b"")
    tar.addfile(info, io.BytesIO(data or b""))


@pytest.mark.parametrize("how", ["w", "w:gz"])
def test_a_tar_is_unpacked_as_it_is(ll: Layerlog, how: Literal["w", "w:gz"]) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        member(tar, "./", type=tarfile.DIRTYPE, mode=0o700)
        member(tar, "./a/b/.who", b"ordinary", uid=5, gid=6, mode=0o600)
        member(tar, "link", type=tarfile.LNKTYPE, linkname="a/b/.who")
        member(tar, "a/b/.who", b"again", uid=5, gid=6, mode=0o600)

    mode = ll.entry("c:/into/dir")["mode"]
    ll("cp", "-", "c:/into/dir", stdin=tarred(fill, how))
    assert ll.tree("c")["into"]["dir"] == {"kept": b"kept", "a": {"b": {".who": b"again"}}, "link": b"ordinary"}
    assert (ll.entry("c:/into/dir/link")["uid"], ll.entry("c:/into/dir")["mode"]) == (5, mode)


def test_a_tar_that_breaks_off_leaves_nothing(ll: Layerlog) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        for number in range(5):
            member(tar, str(number), b"x" * 600)

    whole = tarred(fill)
    assert "the archive ends in the middle" in ll.refused("cp", "-", "c:/into", stdin=whole[:2300])
    assert "leads out through '..'" in ll.refused("cp", "-", "c:/into", stdin=tarred(lambda tar: member(tar, "../x")))
    assert "is not a directory" in ll.refused("cp", "-", "c:/into/old", stdin=whole)
    assert "is not a directory" in ll.refused("cp", "-", "c:/into/none", stdin=whole)


def test_a_tar_goes_where_the_symlinks_of_the_container_lead(ll: Layerlog) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        member(tar, "bin/tool", b"tool")
        member(tar, "bin/more/deep", b"deep")
        member(tar, "bin/same", type=tarfile.LNKTYPE, linkname="bin/tool")
        member(tar, "lib", type=tarfile.SYMTYPE, linkname="/usr/lib")
        member(tar, "lib/own", b"own")
        member(tar, "opt", type=tarfile.SYMTYPE, linkname="../../var/./opt/")
        member(tar, "opt/app/f", b"app")

    before = ll.tree()
    ll("cp", "-", "web:/", stdin=tarred(fill))
    tools = {**before["usr"]["bin"], "tool": b"tool", "same": b"tool", "more": {"deep": b"deep"}}
    assert ll.tree() == before | {
        "usr": {"bin": tools, "lib": {**before["usr"]["lib"], "own": b"own"}},
        "lib": trees.Symlink("/usr/lib"), "opt": trees.Symlink("../../var/./opt/"), "var": {"opt": {"app": {"f": b"app"}}},
    }  # fmt: skip
    assert ll.entry("web:/usr/bin/same")["node"] == ll.entry("web:/usr/bin/tool")["node"]


def test_a_directory_in_the_place_of_a_symlink_is_refused_with_what_to_do(ll: Layerlog) -> None:
    """As docker cp, cp(1) and tar(1) refuse it or, worse, replace the link; nothing is to be deleted on a usrmerged base."""
    said = ll.refused("cp", "-", "web:/", stdin=tarred(lambda tar: member(tar, "bin", type=tarfile.DIRTYPE)))
    assert said == (
        "/bin is a symbolic link to usr/bin, but a directory in the copy; "
        "copy what is in it to /bin/, or delete the link first"
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_tar_is_unpacked_as_the_kernel_would(ll: Layerlog, tmp_path: Path, seed: int) -> None:
    """Random tars that name no directories, over random directories and links between them: files end where open(2) makes them."""
    chance = random.Random(seed)
    root, names = tmp_path / "root", "abc"
    for name in names:
        (root / name / "d").mkdir(parents=True)
    for _ in range(4):
        link = root / chance.choice(names) / chance.choice("lmn")
        if not link.is_symlink():
            link.symlink_to(f"../{chance.choice(names)}{chance.choice(('', '/d', '/l'))}")
    ll("cp", str(root), "c:/root")
    paths = {"/".join((chance.choice(names), *chance.choices("dlmn", k=chance.randint(0, 3)), f"f{n}")) for n in range(20)}
    written = [path for path in sorted(paths) if made(root / path)]
    ll("cp", "-", "c:/root", stdin=tarred(lambda tar: files(tar, written)))
    ll("cp", "c:/root", str(tmp_path / "ours"))
    listed = [subprocess.run(["find", place, "-printf", "%P %y %l\\n"], capture_output=True, check=True).stdout for place in (root, tmp_path / "ours")]
    assert sorted(listed[0].splitlines()) == sorted(listed[1].splitlines())
    assert len(written) > 3


def files(tar: tarfile.TarFile, names: list[str]) -> None:
    for name in names:
        member(tar, name, name.encode())


def made(path: Path) -> bool:
    """Whether the kernel lets a file be made there, with the directories above it."""
    try:
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(str(path))
    except OSError:  # a circle of links
        return False
    return True


def test_out_as_a_tar(ll: Layerlog) -> None:
    data = ll.raw("cp", "c:/from", "-")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["from", "from/d", "from/d/sub", "from/d/x", "from/f", "from/l", "from/ld"]
        assert (tar.extractfile("from/f") or io.BytesIO()).read() == b"file"
    with tarfile.open(fileobj=io.BytesIO(ll.raw("cp", "c:/from/d/.", "-"))) as tar:
        assert tar.getnames() == [".", "sub", "x"]
    ll("cp", "-", "c:/into/dir", stdin=data)
    assert ll.tree("c")["into"]["dir"]["from"] == ll.tree("c")["from"]


# -- what is no way to copy


def test_what_is_no_container(ll: Layerlog, tmp_path: Path) -> None:
    assert "write CONTAINER:/PATH" in ll.refused("cp", str(tmp_path), "c")
    assert "stays as it is" in ll.refused("cp", f"{tmp_path}/from", "base:1:/x")
    assert "no container or image nope" in ll.refused("cp", "nope:/x", "c:/")
    assert "no container nope" in ll.refused("cp", str(tmp_path), "nope:/x")


def test_a_path_of_this_machine_may_hold_a_colon(ll: Layerlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(tmp_path / "web:", {b"f": b"here"})
    ll("cp", "./web:/f", "c:/from-here")
    assert ll("cat", "c:/from-here") == "here"


def test_from_any_point_of_history(ll: Layerlog) -> None:
    ll("write", "--text", "1", "web:/f")
    ll("write", "--text", "2", "web:/f")
    ll("cp", "web@2:/f", "web:/f")
    ll("cp", "base:1:/etc/motd", "web:/motd")
    assert (ll("cat", "web:/f"), ll("cat", "web:/motd")) == ("1", "hello\n")


def test_what_the_host_refuses(ll: Layerlog, tmp_path: Path) -> None:
    assert ll.refused("cp", "c:/from/f", f"{tmp_path}/none/f") == f"no such folder: {tmp_path}/none; make it first"


def test_what_is_there_is_replaced_in_one_step(ll: Layerlog, tmp_path: Path) -> None:
    """Another name of the file that is replaced keeps the old content."""
    os.link(tmp_path / "into/old", tmp_path / "other")
    ll("cp", "c:/from/f", f"{tmp_path}/into/old")
    assert ((tmp_path / "into/old").read_bytes(), (tmp_path / "other").read_bytes()) == (b"file", b"old")
    assert sorted(os.listdir(tmp_path / "into")) == ["dir", "old", "to", "to_old"]
