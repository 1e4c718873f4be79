"""--pull: what is done about an image that a command stands on and that is not here."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from cli.session.session import Session, first_session, session
from eventstore.disk.folder import require_readable
from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import shown
from projections.refs.tags import ImageName, image_name
from projections.refs.targets import Target

F = TypeVar("F", bound=Callable[..., Any])

pull_option: Callable[[F], F] = click.option(
    "--pull", type=click.Choice(["missing", "always", "never"]), default="missing", envvar="LAYERLOG_PULL",
    show_default=True, help="Whether an image is got from its registry first.  [env: LAYERLOG_PULL]",
)  # fmt: skip


@contextmanager
def pulling_session(ref: str, pull: str) -> Iterator[Session]:
    """As `session`; a store that is not there is made where *ref* can be pulled, once its registry has said that it can."""
    store = click.get_current_context().obj.store
    require_readable(os.path.abspath(store))
    name = None if pull == "never" or os.path.exists(store) else _pullable(ref)
    if name is None:
        with session() as s:
            yield s
        return
    from cli.commands.images.remote import looked_at

    looked_at(name)
    with first_session() as s:
        yield s


def pulled_base(s: Session, ref: str, pull: str, platform: str | None = None) -> Target:
    """Return what *ref* is, as `Session.base`, pulled as *pull* says: where it is "missing", "always" or "never".

    *platform* says which of several images is pulled, None for this machine's.
    """
    if pull == "always" and (name := _pullable(ref)) is not None:
        _pull(s, name, platform)
    try:
        return s.base(ref)
    except NotFoundError as missing:
        name = _pullable(ref) if pull == "missing" else None
        if name is None:
            raise
        registry = shown(name.repository.partition("/")[0])
        print(f"layerlog: {shown(ref)} is not here; getting it from {registry}", file=sys.stderr)
        try:
            _pull(s, name, platform)
        except LayerlogError as error:
            raise type(missing)(f"{missing}; nor could it be pulled: {error}") from None
    return s.base(ref)


def _pull(s: Session, name: ImageName, platform: str | None) -> None:
    from cli.commands.images.pull import pulled
    from cli.options import registries

    with registries.asked(name.repository) as repository:
        pulled(s, repository, name, platform, quiet=False)


def _pullable(ref: str) -> ImageName | None:
    """Return the name that a registry could have *ref* under; None for points and ids."""
    try:
        return image_name(ref)
    except InvalidError:
        return None
