"""Images that a command stands on and that are not here (--pull: what is done about it), or not all of whose contents are."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from cli.session.session import Session, first_session, session
from eventstore.disk.folder import require_readable
from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.digests import named
from eventstore.model.paths import shown
from projections.refs.tags import ImageName, image_name
from projections.refs.targets import Target

F = TypeVar("F", bound=Callable[..., Any])
MOST_TOLD = 10

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


def tell_lacking(s: Session, target: Target) -> None:
    """Say which files of an image, or a point, have no bytes, as they were erased here, and how to go on: one look-up where
    nothing ever was.
    """
    if not s.store.content.has_erasures():
        return
    from cli.display.formats import listed
    from projections.history.derivation import latest_of
    from projections.images import images, oci_form
    from projections.images.lacking import lacking

    gone = list(lacking(s.log, s.store.content, oci_form.exported_layers(s.log, images.of_target(s.log, target))))
    if not gone:
        return
    paths = listed(sorted({b"/" + path for _, path, _ in gone if path is not None}), MOST_TOLD) or "a layer's framing"
    back = f"`layerlog erase --let-return --content {named(gone[0][2])} --reason TEXT`, then `layerlog repair --from FILE`"
    anew = latest_of(s.log, target.image) if target.image else None
    step = f"{anew[:12]} was made of it without that" if anew else f"{back} brings that back"
    print(f"layerlog: {shown(target.text)} lacks what was erased here: {paths}; {step}", file=sys.stderr)
