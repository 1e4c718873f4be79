"""Images from a registry: what it says of them, and of their layers those that the store lacks."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from cli.distribution.receive import Came, Received, receive, unread
from cli.registry.downloads import Advance, Downloads
from cli.registry.repository import Repository
from cli.streams.compression import MAX_SIZE
from eventstore.content.reader import Content
from eventstore.model.digests import raw
from eventstore.model.events import Kind
from eventstore.store.writer import Writer
from projections.oci.config import wanted_platform
from projections.oci.oci_image import Blobs, Descriptor, LayerBlob, OciImage, assemble, check, require_platform
from projections.refs.tags import ImageName

DOWNLOADS = "downloads"
"""The folder below cache/ where blobs lie while they come; the next try goes on with what a broken one left."""


def find(
    repository: Repository, name: ImageName, platform: str | None = None, content: Content | None = None
) -> OciImage:  # fmt: skip
    """Return the image that *name* has in *repository*; no document that *content* has is asked for, and no layer.

    A digest in the name beats its tag. *platform* ("os/arch[/variant]") chooses from an index, else this machine's does.
    Raise NotFoundError, InvalidError, MismatchError or RegistryError.
    """
    wanted = wanted_platform(platform, os.uname().machine)
    reference = name.digest or name.tag
    top = repository.head(reference) or repository.manifest(reference)[0]
    image = assemble(repository if content is None else _Known(content, repository), top, wanted)
    if platform:
        require_platform([image], wanted)
    return replace(image, names=() if name.digest else (str(name),))


def pull(
    writer: Writer, repository: Repository, image: OciImage, advance: Advance, unpacked: Callable[[int], None] = lambda _: None,
    *, max_layer: int = MAX_SIZE, came: Came = lambda *_: None,
) -> Received:  # fmt: skip
    """Bring in an image that `find` found, in one transaction; layers that are here are not asked for.

    *advance* is told of each blob's bytes as they come, *unpacked* of those that were read then, of all blobs together.
    Raise as `receive` does, and RegistryError; nothing is recorded then.
    """
    wanted = [layer.descriptor for layer in unread(writer.log, [image])]
    with Downloads(repository, wanted, writer.store.cache.path(DOWNLOADS), advance) as downloads:
        layers = tuple(_from(downloads.open, layer) for layer in image.layers)
        source = f"docker://{repository.registry.name}/{repository.name}"
        [received] = receive(
            writer, [replace(image, layers=layers)], Kind.IMAGE_PULLED, source, unpacked, max_layer=max_layer, came=came
        )
    return received


def _from(opened: Callable[[Descriptor], BinaryIO], layer: LayerBlob) -> LayerBlob:
    return replace(layer, open=partial(opened, layer.descriptor))


class _Known:
    """What a repository has, but for the documents that the store has too."""

    def __init__(self, content: Content, repository: Blobs) -> None:
        self._content, self._repository = content, repository
        self.open, self.at_hand = repository.open, repository.at_hand

    def fetch(self, descriptor: Descriptor) -> bytes:
        digest = raw(descriptor.digest)
        if self._content.has(digest) and self._content.erased(digest) is None:
            return check(self._content.read_all(digest), descriptor, f"blob {descriptor.digest}")
        return self._repository.fetch(descriptor)
