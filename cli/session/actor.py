"""The two names for "who": what the machine saw, and what the user says."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any] | click.Command)
UNSET_LOGIN = 4294967295  # (uid_t) -1: no login session stands behind the process


@cache
def observed_actor() -> dict[str, str | int | None]:
    """Return who runs this process; `login` is None where the uid has no name.

    Once asked, it stays the same whoever the process becomes in a user namespace.
    `login_uid` is the kernel's, which survives su and sudo; None outside a login session or off Linux.
    """
    import pwd

    uid = os.getuid()
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = None
    return {"login": login, "uid": uid, "login_uid": _login_uid(), "host": os.uname().nodename}


def author_option(*short: str) -> Callable[[F], F]:
    """Return --author, and what is *short* for it: whoever it names is the author of all that the command records."""
    said = 'Who did it: "Ada <ada@example.org>".  [env: LAYERLOG_AUTHOR; default: as git has it]'
    return click.option(*short, "--author", expose_value=False, callback=_claim, help=said)


def claimed_author(option: str | None) -> str | None:
    """Return the first of *option* (--author), LAYERLOG_AUTHOR and git's identity, exactly as written; None if there is none.

    May run `git config` once (about 3 ms): only git knows its includes and the current folder's own settings.
    """
    return option or os.environ.get("LAYERLOG_AUTHOR") or _git_identity()


def _claim(ctx: click.Context, _param: click.Parameter, author: str | None) -> None:
    """Tell the command, and whatever is done on the way to it."""
    for each in (ctx, ctx.find_root()) if author and ctx.obj else ():
        each.obj = each.obj._replace(author=author)


def _login_uid() -> int | None:
    try:
        with open("/proc/self/loginuid", encoding="ascii") as file:
            uid = int(file.read())
    except (OSError, ValueError):
        return None
    return None if uid == UNSET_LOGIN else uid


def _git_identity() -> str | None:
    name, email = os.environ.get("GIT_AUTHOR_NAME"), os.environ.get("GIT_AUTHOR_EMAIL")
    if not (name and email):
        configured = _git_config()
        name = name or configured.get("author.name") or configured.get("user.name")
        email = email or configured.get("author.email") or configured.get("user.email")
    return f"{name} <{email}>" if name and email else name or email


def _git_config() -> dict[str, str]:
    """Return what git is told of the user; never the name and address that git would make up."""
    import subprocess

    command = ["git", "config", "--null", "--get-regexp", r"^(user|author)\.(name|email)$"]
    try:
        output = subprocess.run(command, capture_output=True, check=False).stdout
    except OSError:
        return {}
    pairs = (os.fsdecode(item).partition("\n") for item in output.split(b"\0") if item)
    return {key: value for key, _, value in pairs}
