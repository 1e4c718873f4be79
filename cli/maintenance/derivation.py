"""Images made anew without what was erased: on the same layers below the first one that held it, the others told again."""

import json
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from itertools import groupby
from typing import NamedTuple

from cli.distribution import receive, send
from cli.streams.threads import Measured
from eventstore.model.changes import Change, delete, link
from eventstore.model.digests import named
from eventstore.model.entries import node_of
from eventstore.model.events import ENCODER, Event, Kind, Node
from eventstore.model.facts import Base, ContainerBase, FolderBase, ImageBase, Seal
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import Writer
from projections.edits.copying import merged
from projections.events.records import Records
from projections.history import commits
from projections.history.derivation import SOURCE
from projections.images import images, oci_form, referrers
from projections.images.images import Image
from projections.layers.layers import FolderLayer, ImportedLayer, SealedLayer
from projections.oci.oci_image import LAYER_TYPES, Descriptor, LayerBlob, OciImage
from projections.refs import containers, tags, targets
from projections.refs.targets import Target
from projections.tree import lineage
from projections.tree.view import View


class Derived(NamedTuple):
    """An image (hex) and what was made of it; `unsigned` are the signed commits that it stood on (hex) and those made of them,
    `referrers` how many are kept about its old manifests.
    """

    old: str
    new: str
    unsigned: dict[str, str]
    referrers: int


def derive(store: Store, writer: Writer, held: Collection[str], gone: Collection[bytes]) -> list[Derived]:
    """Make every image of *held* that has a name, and a layer with one of the contents *gone*, anew without them, and give its
    names to the new one; all or none.
    """
    remaking, made = _Remaking(store, writer, frozenset(gone)), list[Derived]()
    with writer.transaction():
        for image in sorted((images.get(store.log, image) for image in held), key=lambda image: image.position):
            names = tags.now(store.log, image.id)
            new = remaking.image(image) if names else image.id
            if new != image.id:
                for name in names:
                    commands.move_tag(writer, name, new)
                made.append(Derived(image.id, new, remaking.unsigned(image), len(referrers.kept(store.log, image.id))))
    return made


class _Remaking:
    """Makes images anew; what several of them stand on is made once."""

    def __init__(self, store: Store, writer: Writer, gone: frozenset[bytes]) -> None:
        self._store, self._log, self._writer = store, store.log, writer
        self._gone = gone
        self._commits: dict[str, str] = {}
        self._arrived: dict[str, str] = {}
        self._lowest: dict[Base, Base] = {}
        self._points: dict[tuple[str, int], ContainerBase] = {}
        """(container, version) -> the point that was made of it."""

    def image(self, image: Image) -> str:
        """Return the image that is made of one: itself where no layer of it holds what is gone."""
        if image.seal is None:
            return self._of_arrived(image.id)
        below = self._of_lowest(images.bottom(self._log, image))
        sealed = (layer for layer in oci_form.layers_of(self._log, image) if isinstance(layer, SealedLayer))
        for _, own in groupby(sealed, key=lambda layer: layer.container):
            below = self._of_container(list(own), below)
        return self._commits.get(image.id, image.id)

    def unsigned(self, image: Image) -> dict[str, str]:
        """Return the signed commits that *image* stands on of which others were made, and those."""
        under = [layer.commit for layer in oci_form.layers_of(self._log, image) if isinstance(layer, SealedLayer)]
        signed = commits.signatures(Records(self._log), [commit for commit in under if commit in self._commits])
        return {commit: self._commits[commit] for commit in under if commit in signed}

    def _of_container(self, own: list[SealedLayer], below: Base) -> Base:
        """Return what is made of the layers of a container: on *below*, where what lies below them was made anew (else None);
        None where nothing has to be.
        """
        first = next((number for number in reversed(range(len(own))) if self._point(own[number])), -1) + 1
        if first:
            below = self._point(own[first - 1])
        elif below is None:
            first = next((number for number, layer in enumerate(own) if self._holds(layer)), len(own))
        if first == len(own):
            return below
        base = self._before(own[first]) if below is None else below
        container = commands.create_container(self._writer, f"erase-{own[0].container[:12]}", base)
        for layer in own[first:]:
            self._tell_again(layer, container)
        commands.remove_container(self._writer, container)
        return self._point(own[-1])

    def _point(self, layer: SealedLayer) -> ContainerBase | None:
        return self._points.get((layer.container, layer.last))

    def _before(self, layer: SealedLayer) -> Base:
        if layer.first > 1:
            return ContainerBase(layer.container, layer.first - 1)
        return lineage.base_of(self._log, self._log.existing("container", layer.container).id)

    def _holds(self, layer: FolderLayer | SealedLayer) -> bool:
        return any(change.content in self._gone for change in send.changes_of(self._store, layer))

    def _tell_again(self, layer: SealedLayer, container: str) -> None:
        """Append what a layer changes, but for what is gone, to a container, and seal it as it was sealed."""
        now = self._log.existing("container", container).version
        live = containers.view_at(self._store, container, now)
        configs = images.config_changes(
            self._log, self._log.existing("container", layer.container).id, layer.first, layer.last
        )
        with closing(Staged(self._store, _edits(self._kept(layer), live))) as edits:
            if layer.commit:
                seal = self._seal(layer.commit, targets.last_commit(self._log, Target("", None, container, now)))
                made = commands.record_and_seal(self._writer, container, edits, live, seal=seal, configs=configs, expected=now)
                self._commits[layer.commit] = made.hex()
            else:
                commands.record(self._writer, container, edits, live, configs=configs, expected=now)
        version = self._log.existing("container", container).version
        self._points[layer.container, layer.last] = ContainerBase(container, version)

    def _kept(self, layer: FolderLayer | SealedLayer) -> Iterator[Change]:
        """Yield what a layer changes but for files that hold what is gone: of several names the first brings the content."""
        going = set()
        for change in send.changes_of(self._store, layer):
            if change.content in self._gone:
                going.add(change.path)
            elif change.kind != Kind.LINK_MADE or change.target not in going:
                yield change

    def _seal(self, commit: str, parent: str | None) -> Seal:
        event = self._log.seal(commit)
        assert event is not None
        old, changeset = Seal.of(event), self._log.changeset(event.position)
        created = (changeset.time if old.encoder < 3 else changeset.wall) if old.created is None else old.created
        history = old.history and (old.history[0], [(self._commits.get(one, one), text) for one, text in old.history[1]])
        return Seal(
            0, 0, parent, old.author, old.message, old.encoder, old.guards, created=created, created_by=old.created_by,
            history=history, made_of=commit,
        )  # fmt: skip

    # -- what lies below all containers

    def _of_lowest(self, base: Base) -> Base:
        """Return what is made of what lies below all containers, None where nothing has to be."""
        if base not in self._lowest:
            self._lowest[base] = self._of_folder(base) if isinstance(base, FolderBase) else self._of_layers(base)
        return self._lowest[base]

    def _of_folder(self, base: FolderBase) -> Base:
        layer = FolderLayer(base.layer, ENCODER)
        if not self._holds(layer):
            return None
        with closing(Staged(self._store, self._kept(layer))) as changes:
            return FolderBase(commands.folder_layer(self._writer, changes), base.platform)

    def _of_layers(self, base: Base) -> Base:
        if not isinstance(base, ImageBase):
            return None
        made = ImageBase(self._of_arrived(base.image), base.layers)
        return None if lineage.layers_in(self._log, made) == lineage.layers_in(self._log, base) else made

    def _of_arrived(self, image: str) -> str:
        """Return what is made of an image taken from elsewhere, itself where no layer of it holds what is gone."""
        if image not in self._arrived:
            found, made = _without(self._store, images.get(self._log, image), self._gone), image
            if found is not None:
                (arrived,) = receive.receive(self._writer, [found], Kind.IMAGE_LOADED, SOURCE.format(image), lambda _: None)
                made = arrived.id
                if image in images.removed(self._log):
                    commands.remove_image(self._writer, made, ())
            self._arrived[image] = made
        return self._arrived[image]


def _edits(changes: Iterator[Change], live: View) -> Iterator[Change]:
    """Yield, for a container that is *live*, what a layer changes; what it hides may not be there any more."""
    for change in changes:
        found = live.lookup(change.path)
        if change.kind == Kind.PATH_DELETED:
            yield from (change,) if found is not None else ()
        elif change.kind == Kind.LINK_MADE:
            yield from (delete(change.path),) if found is not None and found.is_dir else ()
            yield link(change.path, change.target or b"")
        elif found is not None and found.is_dir and stat.S_ISDIR(change.mode):
            yield from merged(found, change)
        else:
            yield change


# -- images taken from elsewhere


def _without(store: Store, image: Image, gone: frozenset[bytes]) -> OciImage | None:
    """Return an image taken from elsewhere without the contents *gone*, None where no layer holds one of them."""
    dropped: set[bytes] = set()
    spool, came = send.Spool(store), send.blobs_that_came(store, image)
    layers = [ImportedLayer(layer) for layer in lineage.layers_of(store.log, image.id)]
    blobs = [_layer(store, layer, gone, dropped, spool, came) for layer in layers]
    if [blob.diff_id.hex() for blob in blobs] == [layer.diff_id for layer in layers]:
        return None
    config = json.loads(images.original_config(store.log, store.content, image.id))
    config["rootfs"]["diff_ids"] = [named(blob.diff_id) for blob in blobs]
    return OciImage(json.dumps(config, separators=(",", ":")).encode(), tuple(blobs))


def _layer(
    store: Store, layer: ImportedLayer, gone: frozenset[bytes], dropped: set[bytes], spool: send.Spool,
    came: Mapping[str, Descriptor],
) -> LayerBlob:  # fmt: skip
    """Return the layer as it *came* where nothing of it goes, else encoded from what is kept of its changes.

    *dropped* are the paths that the layers so far lack for it.
    """
    going = set()
    for change in _changes(store, layer):
        if change.content in gone:
            going.add(change.path)
        elif change.kind == Kind.FILE_WRITTEN:
            dropped.discard(change.path)
    dropped |= going
    links = {change.path for change in _changes(store, layer) if change.kind == Kind.LINK_MADE and change.target in dropped}
    dropped |= links
    if not going | links:
        return send.layer_blob(store, layer, spool, came)
    kept = (change for change in _changes(store, layer) if change.path not in going | links)
    tar = Measured(send.tar_of(store, kept))
    opener = spool.put(tar)
    return LayerBlob(tar.digest.digest(), Descriptor(LAYER_TYPES[""], named(tar.digest.digest()), tar.size), opener)


def _changes(store: Store, layer: ImportedLayer) -> Iterator[Change]:
    path, events = Records(store.log).path, store.log.events(store.log.existing("layer", layer.diff_id).id)
    return (Change(Kind(event.kind), path(event.path), *_node(store, event)) for event in events if event.path is not None)


def _node(store: Store, event: Event) -> Node:
    """Return what an event of an imported layer states; of a hard link within it, with the attributes of the file, too."""
    node = node_of(event)
    if event.kind != Kind.LINK_MADE or event.node is None:
        return node
    file = store.log.at(event.node)
    return node._replace(mode=file.mode, uid=file.uid, gid=file.gid, mtime=file.mtime)
