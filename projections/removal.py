"""What `rmi` may take away, by Docker's rules."""

from typing import NamedTuple

from eventstore.errors import ConflictError
from eventstore.log import Log
from eventstore.paths import shown
from projections import commits, containers, image_list, images
from projections.images import Image


class Removal(NamedTuple):
    """The full names to take from an image, and whether it goes with them."""

    image: str
    names: list[str]
    whole: bool


def plan(log: Log, image: str, name: str | None, *, force: bool) -> Removal:
    """Return what removing *image* means: by *name*, one of its full names, or by its id (None).

    A name of several only goes; the last one takes the image along unless others were made from it.  Raise
    ConflictError where a container stands on the image, or an id has several names, unless *force*; and where images
    were made from what is removed by id.
    """
    found, names = images.require_there(log, image), commits.tags_now(log, image)
    if name is not None and len(names) > 1:
        return Removal(image, [name], whole=False)
    if name is None and len(names) > 1 and not force:
        listed = ", ".join(images.shown_names(names))
        raise ConflictError(f"image {image[:12]} has {len(names)} names ({listed}); remove them by name, or all with -f")
    if not force:
        _refuse_used(log, found)
    made = image_list.children(log, found)
    if made and name is None:
        raise ConflictError(f"image {image[:12]} is what {made[0][:12]} was made from; remove that one first")
    return Removal(image, names, whole=not made)


def _refuse_used(log: Log, image: Image) -> None:
    for user in image_list.users(log, image):
        name = shown(containers.get(log, user).name)
        raise ConflictError(
            f"image {image.id[:12]} is what container {name} stands on; remove that one first (`layerlog rm {name}`), or use -f"
        )
