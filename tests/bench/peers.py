"""The peers' fairest command lines.  Each is given a new folder for what it makes."""

import shlex
import shutil
from collections.abc import Callable

from tests.bench.runner import Command, Runner, Side

RAW = "* -text -filter -ident\n"  # git as it is fastest: no attribute asks for a conversion
GIT = "packs fsynced, loose objects not (git's default)"
OSTREE = "fsync (ostree's default)"
RESTIC = "fsync (restic's default)"
BORG = "fsync (borg's default)"
CONTAINERS = "no fsync"


def shell(script: str, *args: str) -> Command:
    """A command of several processes: *args* are $1, $2, ..."""
    return Command(["bash", "-c", "set -e\n" + script, "bash", *args])


def _before(runner: Runner, script: str) -> Callable[[str], object]:
    return lambda work: runner.run(shell(script, work))


def imports(runner: Runner, folder: str) -> list[Side]:
    """Ways to take *folder* into an empty store: git, ostree, restic, borg."""
    at = shlex.quote(folder)
    git = f"git --git-dir=$1/g/.git --work-tree={at}"
    begin_git = f"git init -q $1/g; printf '{RAW}' >$1/g/.git/info/attributes"
    return [
        Side(
            "git add + commit", lambda work: shell(f"{git} add -A -f; {git} commit -qm x", work),
            _before(runner, begin_git), "git", GIT, "g/.git", (folder,),
        ),
        Side(
            "ostree commit", lambda work: Command(["ostree", f"--repo={work}/r", "commit", "-b", "x", "-s", "x", f"--tree=dir={folder}"]),
            _before(runner, "ostree --repo=$1/r init --mode=bare-user"), "ostree", OSTREE, "r", (folder,),
        ),
        restic(runner, folder),
        Side(
            "borg create", lambda work: Command(["borg", "create", "-C", "lz4", f"{work}/b::a", "."], folder),
            _before(runner, "borg init -e none $1/b"), "borg", BORG, "b", (folder,),
        ),
    ]  # fmt: skip


def restic(runner: Runner, folder: str) -> Side:
    return Side(
        "restic backup", lambda work: Command(["restic", "-q", "-r", f"{work}/t", "backup", "."], folder),
        _before(runner, "restic -q -r $1/t init"), "restic", RESTIC, "t", (folder,),
    )  # fmt: skip


def podman(work: str, *args: str) -> list[str]:
    return ["podman", "--root", f"{work}/pr", "--runroot", f"{work}/prr", "--storage-driver", "overlay", *args]


def podman_load(archive: str) -> Side:
    return Side(
        "podman load", lambda work: Command(podman(work, "load", "-q", "-i", archive)), tool="podman",
        durability=CONTAINERS, kept="pr", reads=(archive,),
    )  # fmt: skip


def podman_pull(image: str) -> Side:
    return Side(
        "podman pull", lambda work: Command(podman(work, "pull", "-q", "--tls-verify=false", image)), tool="podman",
        durability=CONTAINERS, kept="pr",
    )  # fmt: skip


def podman_save(runner: Runner, archive: str, form: str) -> Side:
    def prepare(work: str) -> None:
        runner.run(Command(podman(work, "load", "-q", "-i", archive)))
        runner.run(shell('cat >$1/id <<<"$2"', work, str(runner.run(Command(podman(work, "images", "-q")))["output"]).strip()))

    def command(work: str) -> Command:
        with open(f"{work}/id", encoding="ascii") as file:
            image = file.read().split()[0]
        return Command(podman(work, "save", "-q", "--format", form, "-o", f"{work}/x.tar", image))

    return Side(f"podman save {form}", command, prepare, "podman", CONTAINERS, "x.tar")


def umoci_unpack(layout: str, tag: str) -> Side:
    return Side(
        "umoci unpack", lambda work: Command(["umoci", "unpack", "--image", f"{layout}:{tag}", f"{work}/b"]),
        tool="umoci", durability=CONTAINERS, reads=(layout,),
    )  # fmt: skip


def git_clone_checkout(runner: Runner, repository: str, workers: int) -> Side:
    begin = f"git clone -q -s -n {shlex.quote(repository)} $1/g; printf '{RAW}' >$1/g/.git/info/attributes"
    return Side(
        f"git checkout, {workers} worker{'s' * (workers > 1)}",
        lambda work: Command(["git", "-C", f"{work}/g", "-c", f"checkout.workers={workers}", "checkout", "-q"]),
        _before(runner, begin), "git", "no fsync", reads=(repository,),
    )  # fmt: skip


def git_checkouts(runner: Runner, repository: str, ref: str) -> list[Side]:
    """Two ways to write a version without a clone."""
    git = f"git --git-dir={shlex.quote(repository)}"
    index = "export GIT_INDEX_FILE=$1/index; mkdir $1/x; "
    return [
        Side(
            "git read-tree + checkout-index",
            lambda work: shell(f"{index}{git} read-tree {ref}; {git} --work-tree=$1/x checkout-index -a -q", work),
            tool="git", durability="no fsync", reads=(repository,),
        ),
        Side(
            "git checkout", lambda work: shell(f"{index}{git} --work-tree=$1/x checkout -q -f {ref} -- .", work),
            tool="git", durability="no fsync", reads=(repository,),
        ),
    ]  # fmt: skip


def git_says(repository: str, *args: str) -> Side:
    """One of git's whole commands on a packed repository, its output to a file as ours is."""
    return Side(f"git {args[0]}", lambda _: Command(["git", "-C", repository, *args]), tool="git", reads=(repository,))


def absent(tool: str, name: str) -> Side | None:
    """A contender that says that *tool* is missing, where it is."""
    return Side(name, lambda _: Command([]), tool=tool) if shutil.which(tool) is None else None
