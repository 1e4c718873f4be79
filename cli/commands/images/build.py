"""`build`: an image from a Dockerfile."""

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import click

from cli.build import context as contexts
from cli.build.build import Build, StepError
from cli.build.context import Context
from cli.build.request import Progress, Request
from cli.commands.images.missing import pull_option, pulled_base
from cli.display.formats import counted
from cli.options import completion
from cli.session.session import Session, become_root, first_session, session
from eventstore.disk.atomic import replacing
from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import shown
from projections.build.scope import EPOCH, PROXIES, of_platforms
from projections.images import run_config
from projections.oci.config import Platform, wanted_platform
from projections.oci.config_values import environment
from projections.oci.dockerfile import DockerfileError
from projections.refs.tags import new_name

MAX_SECRET = 500 << 10


@click.command()
@click.argument("place", metavar="CONTEXT|-|TAR", shell_complete=completion.host_paths)
@click.option("-f", "--file", metavar="FILE", shell_complete=completion.host_paths,
              help="The Dockerfile, - for standard input.  [default: CONTEXT/Dockerfile]")  # fmt: skip
@click.option("-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", shell_complete=completion.image_names,
              help="What the image is called; can be given again.")  # fmt: skip
@click.option("--target", metavar="STAGE", shell_complete=completion.stages,
              help="Build this stage and what it needs.  [default: the last]")  # fmt: skip
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME[=VALUE]", help="The value of an ARG.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="One more label.")
@click.option("--secret", "secrets", multiple=True, metavar="id=ID,src=FILE|env=NAME", help="For RUN --mount=type=secret.")
@click.option("--network", type=click.Choice(["host", "none"]), default="host", show_default=True, help="For RUN and ADD.")
@click.option("--no-cache", is_flag=True, help="Reuse no step that was built before.")
@pull_option
@click.option("--platform", metavar="OS/ARCH", help="What the image is for; default: this machine's.")
@click.option("--progress", type=click.Choice(["auto", "plain"]), default="auto",
              help="plain: all that steps print; auto: on a terminal only their last line, while they run.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print the image's id alone.")
@click.option("--iidfile", metavar="FILE", shell_complete=completion.host_paths, help="Write the image's id to a file, too.")
@click.option("--check", is_flag=True, help="Build nothing; say what is doubtful in the Dockerfile, with exit code 1.")
@click.option("--explain", is_flag=True, help="Say of each step why it was not reused.")
@click.pass_context
def build(
    ctx: click.Context, /, place: str, tags: tuple[str, ...], iidfile: str | None, file: str | None, *, check: bool,
    **options: Any,
) -> None:  # fmt: skip
    r"""Build an image from a Dockerfile, each step recorded and sealed, and print the image's id.

    A step that was built before of the same is found in the log and used as it is. `blame` names the line that wrote a file.
    The values of --build-arg stand in the image's history, as with Docker; secrets belong into --secret.

    \b
      layerlog build -t site:1.0 .
      layerlog build -t site --build-arg VERSION=2 --explain .
      layerlog build -f Dockerfile.dev --target test .
    """
    named = [new_name(tag) for tag in tags]
    progress = Progress(quiet=options["quiet"], explain=options["explain"], live=_is_live(options["progress"]))
    with contexts.opened(place, file) as context:
        own, wanted = (wanted_platform(asked, os.uname().machine) for asked in (None, options["platform"]))
        flaws = _flaws(ctx, context, of_platforms(own, wanted, ""))
        if check:
            print(*flaws or [f"{shown(context.name)}: nothing found"], sep="\n")
            ctx.exit(1 if flaws else 0)
        become_root()
        with first_session() as s:
            image = _built(Build(s, context, _request(s, named, own, wanted, options), progress))
    progress.end()
    if flaws and not options["quiet"]:
        print(f"layerlog: {counted(len(flaws), 'doubt')} about the Dockerfile: `layerlog build --check` tells", file=sys.stderr)
    if iidfile:
        with replacing(os.path.abspath(iidfile)) as fd, open(fd, "w", encoding="ascii", closefd=False) as output:
            output.write(f"sha256:{image}")
    print(f"sha256:{image}")


def _flaws(ctx: click.Context, context: Context, given: dict[str, str]) -> list[str]:
    """Return what the rules find, a line each; raise LayerlogError where the Dockerfile says that nothing may be found."""
    from projections.build import checks

    try:
        found = checks.check(context.dockerfile, given, context.ignored, partial(_set_by, ctx.obj.store))
    except DockerfileError as error:
        raise error.within(context.name) from None
    lines = [f"{shown(context.name)}:{flaw.line}: {flaw.rule}: {flaw.text}" for flaw in found]
    if lines and checks.directed(context.dockerfile).get("error", "").lower() == "true":
        raise InvalidError(f"{lines[0]} (and `# check=error=true` stands above)")
    return lines


def _set_by(store: str, name: str) -> set[str] | None:
    """Return the variables that an image sets, None where it is not here."""
    if not os.path.exists(store):
        return None
    with suppress(LayerlogError), session() as s:
        return {*environment(run_config.run_config(s.log, s.store.content, s.base(name)))}
    return None


def _is_live(asked: str) -> bool:
    return asked == "auto" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _built(building: Build) -> str:
    with suppress(ValueError):  # not the main thread's matter
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return building.build()
    except StepError as error:
        building.progress.clear()
        if error.container is not None:
            name = error.container[:12]
            print(f"layerlog: look into it: `layerlog diff {name}`, `layerlog run {name} sh`", file=sys.stderr)
            print("          then mend the Dockerfile and build again: the steps before are reused", file=sys.stderr)
        raise


def _request(s: Session, tags: list[str], own: Platform, wanted: Platform, options: dict[str, Any]) -> Request:
    arguments = dict(_argument(text) for text in options["arguments"])
    for name in PROXIES:
        if name in os.environ:
            arguments.setdefault(name, os.environ[name])
    for label in options["labels"]:
        if not label.partition("=")[0]:
            raise InvalidError(f"--label {shown(label)}: not NAME=VALUE")
    secrets = dict(map(_secret, options["secrets"]))
    return Request(
        arguments, options["target"], tags, options["labels"], options["network"], not options["no_cache"],
        options["explain"], wanted, own, _epoch(arguments),
        lambda name, platform: pulled_base(s, name, options["pull"], str(platform)), partial(_read, secrets),
    )  # fmt: skip


def _argument(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name:
        raise InvalidError(f"--build-arg {shown(text)}: not NAME=VALUE")
    return name, value if equals else os.environ.get(name, "")


def _epoch(arguments: dict[str, str]) -> int | None:
    text = arguments.get(EPOCH, os.environ.get(EPOCH, ""))
    if not text:
        return None
    with suppress(ValueError):
        if 0 <= int(text) < 1 << 33:
            return int(text)
    raise InvalidError(f"{EPOCH}={shown(text)}: seconds since 1970 were expected")


# -- secrets


def _secret(text: str) -> tuple[str, tuple[str, str]]:
    """Return the id of a secret, and where it is: ("file" or "env", its name)."""
    said = dict(part.partition("=")[::2] for part in text.split(","))
    kind = said.get("type") or ("env" if "env" in said and "src" not in said and "source" not in said else "file")
    where = said.get("env") if kind == "env" else said.get("src") or said.get("source")
    if not said.get("id") or kind not in ("env", "file"):
        raise InvalidError(f"--secret {shown(text)}: id=ID,src=FILE or id=ID,env=NAME was expected")
    return said["id"], (kind, where or said["id"])


def _read(secrets: dict[str, tuple[str, str]], name: str) -> bytes | None:
    if name not in secrets:
        return None
    kind, where = secrets[name]
    if kind == "env":
        if where not in os.environ:
            raise NotFoundError(f"secret {shown(name)}: the environment has no {shown(where)}")
        return os.environb[os.fsencode(where)]
    try:
        with open(where, "rb") as file:
            data = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise NotFoundError(f"secret {shown(name)}: {shown(where)} cannot be read ({error.strerror})") from error
    if len(data) > MAX_SECRET:
        raise InvalidError(f"secret {shown(name)}: {shown(where)} has over {MAX_SECRET >> 10} KiB; use --mount=type=bind")
    return data
