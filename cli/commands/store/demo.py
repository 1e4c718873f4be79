"""The well-known exercise, played for a newcomer: every line shown is a real command, every output its own."""

import os
import shlex
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from tempfile import TemporaryDirectory

import click

from cli.command_line import cli, run
from cli.commands.store.demo_root import write_root
from cli.display.formats import human_size
from cli.options import completion
from eventstore.errors import ConflictError
from eventstore.model.paths import shown

STORY = r"""
# An image is a list of read-only layers. This one has one:
layerlog import -m "a library and a tomcat" rootfs.tar tomcat:10

# A container adds one writable layer on top. Its webapps are empty; there are
# some in webapps.dist:
layerlog create --name web tomcat:10
layerlog ls web:/usr/local/tomcat/webapps
layerlog ls web:/usr/local/tomcat/webapps.dist
layerlog cp web:/usr/local/tomcat/webapps.dist/. web:/usr/local/tomcat/webapps
layerlog diff web

# A commit seals the changes as one more layer. That is a new image, and what
# save writes of it is loaded by Docker, podman and skopeo:
layerlog commit -m "default apps" -a "Ada <ada@example.org>" web mytomcat:1.0
layerlog history mytomcat:1.0
layerlog save -o mytomcat.tar mytomcat:1.0

# Every write stays known: who, when, by what command, in which commit:
layerlog log web
layerlog blame mytomcat:1.0:/usr/local/tomcat/webapps/ROOT/index.html

# And any point of history comes back. At its version 1 the container had just
# been made, so this is before the copy and before the commit:
layerlog ls web@1:/usr/local/tomcat/webapps
layerlog diff mytomcat:1.0 web@1
layerlog checkout web@1 before

# Nothing of this has to be believed:
layerlog verify
"""


@click.command()
@click.option(
    "--keep", metavar="DIR", help="Play in DIR, which must be new or empty, and keep the store to go on with.",
    shell_complete=completion.host_paths,
)  # fmt: skip
@click.pass_context
def demo(ctx: click.Context, keep: str | None) -> None:
    """Play a small story in a store of its own, in a few seconds and without network.

    The running Python's library becomes an image, a container's webapps are filled and committed, who did what is
    asked, and the time before the commit comes back. Every line shown after a $ is a real command, and what follows
    it is what that command printed.
    """
    with _folder(keep) as folder, chdir(folder), _store(os.path.join(folder, "store")):
        made = write_root("rootfs.tar")
        print(f"# rootfs.tar: this Python's own library ({made.files} files, {human_size(made.size)}) and a tomcat's folder.\n")
        code = _play(STORY.strip())
    if code:
        ctx.exit(code)
    print(_farewell(keep))


def _play(story: str) -> int:
    """Run and show each command up to the first that fails; return its exit code, 0 if there is none."""
    for line in story.splitlines():
        print(f"$ {line}" if line.startswith("layerlog ") else line, flush=True)
        if line.startswith("layerlog ") and (code := run(cli, shlex.split(line)[1:])):
            return code
    return 0


@contextmanager
def _folder(keep: str | None) -> Iterator[str]:
    """Give the folder to play in, removed afterwards unless it is the user's."""
    if keep is None:
        with TemporaryDirectory(prefix="layerlog-demo-") as folder:
            yield folder
        return
    os.makedirs(keep, exist_ok=True)
    if os.listdir(keep):
        raise ConflictError(f"{shown(keep)} is not empty; name a new folder for the demo")
    yield os.path.abspath(keep)


@contextmanager
def _store(path: str) -> Iterator[None]:
    """Let every command use the store at *path*, so that its command line is the user's own, without --store."""
    before = os.environ.get("LAYERLOG_STORE")
    os.environ["LAYERLOG_STORE"] = path
    try:
        yield
    finally:
        del os.environ["LAYERLOG_STORE"]
        if before is not None:
            os.environ["LAYERLOG_STORE"] = before


def _farewell(keep: str | None) -> str:
    if keep is None:
        return "\n# The store is removed now. To keep one and go on from there:\n$ layerlog demo --keep DIR"
    folder = shown(shlex.quote(keep))
    return f"\n# The store is kept. Go on from here:\n$ cd {folder} && export LAYERLOG_STORE=$PWD/store\n$ layerlog log web"
