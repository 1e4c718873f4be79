"""layerlog as root and as an ordinary user who has a range of ids, with a small image whose programs are busybox's."""

import io
import json
import os
import pwd
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.running import ROOT, clean
from tests.peers import lacking, peer

PROGRAMS = ["sh", "cat", "echo", "rm", "mkdir", "mv", "ln", "chown", "chmod", "id", "env", "pwd", "ls", "sleep", "kill", "stat", "mknod", "mount", "touch", "test", "true", "false", "ps", "cp", "dd", "wc", "sync"]
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/srv:/bin/false\n"
GROUP = b"root:x:0:\nweb:x:44:\nstaff:x:50:web\n"
PROGRAM = "from cli.main import main; main()"


class Runner(NamedTuple):
    """`runner("run", ...)` is what a command prints; `who` is root, or a user's name."""

    who: str
    command: list[str]
    store: str
    environment: dict[str, str]

    def argv(self, *args: str) -> list[str]:
        return [*self.command, "--store", self.store, *args]

    def run(self, *args: str, stdin: str | None = None, code: int | None = None) -> subprocess.CompletedProcess[str]:
        """Return what ended, with the exit *code* where one is given."""
        done = subprocess.run(
            self.argv(*args), input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, env=self.environment,
            capture_output=True, text=True, check=False, timeout=120, cwd="/",
        )  # fmt: skip
        assert code is None or done.returncode == code, (args, done)
        return done

    def __call__(self, *args: str, stdin: str | None = None) -> str:
        return self.run(*args, stdin=stdin, code=0).stdout

    def json(self, *args: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*args, "--format", "json").splitlines()]

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*args), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd="/", start_new_session=True,
        )  # fmt: skip


def as_root(folder: Path) -> Iterator[Runner]:
    if os.geteuid():
        lacking("root alone runs containers without a user namespace")
    yield _with_image(Runner("root", [sys.executable, "-c", PROGRAM], str(folder / "store"), clean({})))


def as_user(public: Path) -> Iterator[Runner]:
    """The user is the one who runs the tests, or, for root, one of those with a range of ids; *public* holds the packages."""
    if os.geteuid():
        found, command, path = pwd.getpwuid(os.getuid()), [sys.executable], str(ROOT)
    else:
        found = _user_with_ids()
        command, path = [*_becoming(found), "/usr/bin/python3"], str(public)
    folder = tempfile.mkdtemp(prefix="layerlog-user-")
    os.chown(folder, found.pw_uid, found.pw_gid)
    environment = clean({"PYTHONPATH": path, "HOME": folder})
    runner = Runner(found.pw_name, [*command, "-c", PROGRAM], f"{folder}/store", environment)
    try:
        yield _with_image(runner)
        assert "sound" in runner("verify")
        runner("gc")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _becoming(user: pwd.struct_passwd) -> list[str]:
    return [peer("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--"]


def _user_with_ids() -> pwd.struct_passwd:
    with open("/etc/subuid", encoding="utf-8") as file:
        names = {line.split(":")[0] for line in file}
    found = [user for user in pwd.getpwall() if user.pw_name in names and user.pw_uid]
    return found[0] if found else lacking("no user has a range of ids in /etc/subuid")


def copy_packages(folder: Path) -> Path:
    """Copy what layerlog consists of and needs to where every user may read it, for Debian's own Python."""
    asked = [peer("/usr/bin/python3"), "-c", "import sys; print(*sys.version_info[:2])"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True)
    if version.stdout.split() != [str(part) for part in sys.version_info[:2]]:
        lacking("Debian's Python is of another version than the one that runs the tests")
    for name in ("cli", "projections", "eventstore"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in {file for name in _needed("layerlog", set()) for file in metadata.distribution(name).files or ()}:
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / file)
    return folder


def _needed(name: str, seen: set[str]) -> set[str]:
    for requirement in metadata.requires(name) or ():
        needed = requirement.partition(";")[0].split("[")[0].strip()
        for mark in "<>=!~ ":
            needed = needed.partition(mark)[0]
        if "extra ==" not in requirement and needed not in seen and _is_installed(needed):
            seen.add(needed)
            _needed(needed, seen)
    return seen


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _with_image(runner: Runner) -> Runner:
    peer("runc")
    done = subprocess.run(
        runner.argv("import", "--change", 'CMD ["sh"]', "--change", "ENV GREETING=hello", "-", "base:1"),
        input=base_tar(), env=runner.environment, capture_output=True, check=False, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return runner


def base_tar() -> bytes:
    """The layer of base:1."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("srv", 0o755), ("data", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            tar.addfile(_entry(name, mode, tarfile.DIRTYPE))
        _add(tar, "bin/busybox", Path(peer("busybox")).read_bytes(), 0o755)
        for name in PROGRAMS:
            link = _entry(f"bin/{name}", 0o777, tarfile.SYMTYPE)
            link.linkname = "busybox"
            tar.addfile(link)
        for name, data in (("etc/passwd", PASSWD), ("etc/group", GROUP), ("etc/motd", b"hello\n"), ("srv/page", b"one\n"), ("data/f", b"f")):
            _add(tar, name, data, 0o644)
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = _entry(name, mode, tarfile.REGTYPE)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.mode, found.type, found.mtime = mode, kind, 1_700_000_000
    return found
