"""The one appender: every event enters the log here, under the rules for changing a tree and for names.

Each function is one intent: all or nothing, durable when it returns.  Rules that need to know a tree ask a `Tree`.
"""

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from eventstore.errors import ConflictError, NotFoundError
from eventstore.index.names import container_named, tag_target
from eventstore.log.changeset_writer import Appending
from eventstore.log.log import Log, Stream
from eventstore.model.changes import Change
from eventstore.model.entries import Tree
from eventstore.model.events import ENCODER, Kind
from eventstore.model.facts import (
    Arrival,
    Base,
    ConfigChange,
    Departure,
    FolderBase,
    Referrer,
    Seal,
    Serving,
    Signature,
    TagMove,
    base_stated,
)
from eventstore.model.paths import shown
from eventstore.model.spelling import check_container_name, check_tag
from eventstore.store import visits
from eventstore.store.rules import Recording, check_name
from eventstore.store.staging import Staged
from eventstore.store.writer import Writer

if TYPE_CHECKING:
    from eventstore.model.process_facts import Built, Exit, Pass, Step

CONTAINER, LAYER, IMAGE, TAG, STORE = "container", "layer", "image", "tag", "store"


def _add_fact(
    appending: Appending, stream: Stream, kind: Kind, stated: Mapping[str, Any] | None = None, content: bytes | None = None
) -> bytes:
    text = json.dumps(stated, sort_keys=True, separators=(",", ":")) if stated else None
    return appending.add(stream, Change(kind, b"", content=content, detail=text), about_path=False)


def _append_fact(
    writer: Writer, of: str, name: str, kind: Kind, stated: Mapping[str, Any] | None = None, content: bytes | None = None, *,
    expected: int | None = None,
) -> None:  # fmt: skip
    """Append one fact to a stream, as a changeset of its own."""
    with writer.changeset() as appending:
        _add_fact(appending, appending.open(of, name, expected), kind, stated, content)


# -- the store


def create_store(writer: Writer) -> None:
    """Record the store's birth and random id as the first event; in a store that has events nothing is locked or done."""
    if writer.log.head().position:
        return
    with writer.transaction():
        if not writer.log.head().position:
            _append_fact(writer, STORE, "store", Kind.STORE_CREATED, {"id": os.urandom(16).hex()})


# -- containers


def create_container(writer: Writer, name: str, base: Base, asked: str | None = None) -> str:
    """Open a container over *base*, which was *asked* for; return its random id, 64 hex digits.

    *asked* is a tag in full, or another reference as it was written.  Raise ConflictError where *name* is in use.
    """
    container = os.urandom(32).hex()
    with writer.changeset() as appending:
        _require_free_name(appending, writer, name)
        stream = appending.open(CONTAINER, container)
        stated = {"name": name, "base": base_stated(base), **({"asked": asked} if asked else {})}
        _add_fact(appending, stream, Kind.CONTAINER_CREATED, stated)
    return container


def rename_container(writer: Writer, container: str, name: str, *, expected: int | None = None) -> None:
    with writer.changeset() as appending:
        _require_free_name(appending, writer, name)
        _add_fact(appending, appending.open(CONTAINER, container, expected), Kind.CONTAINER_RENAMED, {"name": name})


def remove_container(writer: Writer, container: str, *, expected: int | None = None) -> None:
    """Take the container out of listings; its events stay, and `restore_container` brings it back."""
    visits.require_none(writer.store.path, container)
    _append_fact(writer, CONTAINER, container, Kind.CONTAINER_REMOVED, expected=expected)


def restore_container(writer: Writer, container: str, name: str, *, expected: int | None = None) -> None:
    with writer.changeset() as appending:
        _require_free_name(appending, writer, name)
        stream = appending.open(CONTAINER, container, expected)
        _add_fact(appending, stream, Kind.CONTAINER_RENAMED, {"name": name})
        _add_fact(appending, stream, Kind.CONTAINER_RESTORED)


def configure(writer: Writer, container: str, change: ConfigChange, *, expected: int | None = None) -> None:
    """Record a change of what the container's images say about running them (`run_config.change` makes one of it)."""
    visits.require_none(writer.store.path, container)
    _append_fact(writer, CONTAINER, container, Kind.CONFIG_CHANGED, change.stated, expected=expected)


def record(
    writer: Writer, container: str, changes: Iterable[Change], tree: Tree, *, configs: Iterable[ConfigChange] = (),
    expected: int | None = None, key: str | None = None,
) -> int:  # fmt: skip
    """Append *changes* to the container under the tree rules, then *configs*, as one changeset; return its new version.

    *tree* is the container as it is now, at *expected* where that is given.  Raise ConflictError or NotFoundError naming
    the path that breaks a rule, ConcurrencyError where the container is not at *expected*.
    Cost: O(changes x log events).
    """
    visits.require_none(writer.store.path, container)
    with writer.changeset(key) as appending:
        stream = appending.open(CONTAINER, container, expected)
        _record(appending, writer, stream, changes, tree)
        for config in configs:
            _add_fact(appending, stream, Kind.CONFIG_CHANGED, config.stated)
    return stream.version


def record_visit(
    writer: Writer, container: str, changes: Iterable[Change], tree: Tree, *, expected: int, passed: "Pass",
    exited: "Exit | None" = None,
) -> int:  # fmt: skip
    """As `record`, of what a process in the container changed since the last pass, and that it has *exited*, where it has.

    A pass that found nothing is no event.
    """
    with writer.changeset() as appending:
        stream = appending.open(CONTAINER, container, expected)
        _record(appending, writer, stream, changes, tree)
        if stream.version > expected or passed.refused:
            stated = passed._replace(first=expected + 1, events=stream.version - expected)
            _add_fact(appending, stream, Kind.CHANGES_RECORDED, stated.stated)
        if exited:
            _add_fact(appending, stream, Kind.PROCESS_EXITED, exited.stated)
    return stream.version


def record_exit(writer: Writer, container: str, exited: "Exit") -> None:
    """Record the end of a process that ran beside the container's writer: what it changed is in that one's passes."""
    _append_fact(writer, CONTAINER, container, Kind.PROCESS_EXITED, exited.stated)


def _record(appending: Appending, writer: Writer, stream: Stream, changes: Iterable[Change], tree: Tree) -> None:
    recording = Recording(appending, writer, stream, tree)
    for change in changes:
        recording.add(change)


def commit(
    writer: Writer, container: str, *, parent: str | None, message: str | None = None, author: str | None = None,
    config: ConfigChange | None = None, tag: str | None = None, allow_empty: bool = False, expected: int | None = None,
    guards: dict[str, Any] | None = None,
) -> bytes:  # fmt: skip
    """Seal what the container's stream holds since its last seal, move *tag* to it; return the commit's id (32 bytes).

    O(1) whatever the layer's size.  Raise ConflictError where there is nothing to seal.
    """
    with writer.changeset() as appending:
        stream = appending.open(CONTAINER, container, expected)
        sealed = _last_seal(writer.log, stream)
        if config is not None:
            _add_fact(appending, stream, Kind.CONFIG_CHANGED, config.stated)
        elif not allow_empty:
            require_unsealed(writer.log, container)
        seal = Seal(sealed + 1, stream.version - sealed, parent, author, message, ENCODER, guards)
        found = _add_fact(appending, stream, Kind.COMMITTED, seal.stated)
        if tag is not None:
            _move_tag(appending, writer, tag, found.hex())
    return found


def record_and_seal(
    writer: Writer, container: str, changes: Iterable[Change], tree: Tree, *, seal: Seal, configs: Iterable[ConfigChange],
    step: "Step | None" = None, expected: int,
) -> bytes:  # fmt: skip
    """Append what a step of a build, or a commit that is made anew, changes, that it was built, and its *seal* over all that
    came since the last one (whatever *seal* says of which those are), as one changeset; return the commit's id.

    Where the step was a process, its changes are recorded already, and *changes* are none.  Raise as `record` does.
    """
    with writer.changeset() as appending:
        stream = appending.open(CONTAINER, container, expected)
        sealed = _last_seal(writer.log, stream)
        _record(appending, writer, stream, changes, tree)
        for config in configs:
            _add_fact(appending, stream, Kind.CONFIG_CHANGED, config.stated)
        if step is not None:
            _add_fact(appending, stream, Kind.STEP_BUILT, step._asdict(), bytes.fromhex(step.key))
        stated = {**seal.stated, "from": sealed + 1, "events": stream.version - sealed}
        return _add_fact(appending, stream, Kind.COMMITTED, stated)


def end_build(
    writer: Writer, image: str, dockerfile: bytes, built: "Built", *, tags: Iterable[str], containers: Iterable[str]
) -> None:
    """Record that *image* was built from a Dockerfile (its digest), move *tags* to it and remove the stages' *containers*."""
    with writer.changeset() as appending:
        stated = {**built._asdict(), "arguments": list(built.arguments)}
        _add_fact(appending, appending.open(IMAGE, image), Kind.IMAGE_BUILT, stated, dockerfile)
        for tag in tags:
            _move_tag(appending, writer, tag, image)
        for container in containers:
            visits.require_none(writer.store.path, container)
            _add_fact(appending, appending.open(CONTAINER, container), Kind.CONTAINER_REMOVED)


def _last_seal(log: Log, stream: Stream) -> int:
    seal = log.latest(Kind.COMMITTED, stream.id)
    return seal.version if seal else 0


def require_unsealed(log: Log, container: str) -> None:
    """Raise ConflictError where the container has nothing that a commit could seal; `commit` asks it too."""
    stream = log.existing(CONTAINER, container)
    row = log.db.execute(
        "SELECT 1 FROM event WHERE stream = ? AND version > ? "
        f"AND (path IS NOT NULL OR kind = {Kind.CONFIG_CHANGED:d}) LIMIT 1",
        (stream.id, _last_seal(log, stream)),
    ).fetchone()
    if row is None:
        raise ConflictError(
            f"container {container[:12]} has nothing to seal since its last commit; "
            "to give the image one more name use `layerlog tag`, to commit all the same use --allow-empty"
        )


def _require_free_name(appending: Appending, writer: Writer, name: str) -> None:
    appending.flush()
    require_free_name(writer.log, name)


def require_free_name(log: Log, name: str) -> None:
    """Raise ConflictError where a live container bears *name*, InvalidError where none can; what gives one asks it too."""
    check_container_name(name)
    holder = container_named(log, name)
    if holder is not None:
        raise ConflictError(
            f"the name {shown(name)!r} is in use by container {holder[:12]}; "
            "remove or rename that one (`layerlog rm`, `layerlog rename`), or choose another name"
        )


# -- layers, images, tags


def import_layer(writer: Writer, diff_id: bytes, changes: Staged, framing: bytes, size: int) -> None:
    """Append a layer taken from elsewhere as one stream; does nothing where the store has it.

    *framing* is the content that re-encodes it to the very tar of *size* bytes that *diff_id* names.
    """
    with writer.changeset() as appending:
        stream = appending.open(LAYER, diff_id.hex())
        if not stream.version:
            _add_layer(appending, stream, changes, framing, {"size": size})


def import_folder(
    writer: Writer, changes: Staged, *, platform: str, author: str | None, message: str | None, config: ConfigChange | None,
    tag: str | None,
) -> bytes:  # fmt: skip
    """Make an image of one layer, *changes*, which no tar framed; return its id, that of the commit which seals it."""
    with writer.transaction():
        layer = folder_layer(writer, changes)
        container = create_container(writer, f"import-{layer[:12]}", FolderBase(layer, platform))
        found = commit(
            writer, container, parent=None, author=author, message=message, config=config, tag=tag, allow_empty=True
        )
        remove_container(writer, container)
    return found


def folder_layer(writer: Writer, changes: Staged) -> str:
    """Append *changes* as a layer that no tar framed; return its random name."""
    with writer.changeset() as appending:
        stream = appending.open(LAYER, os.urandom(32).hex())
        _add_layer(appending, stream, changes, None)
    return stream.name


def _add_layer(
    appending: Appending, stream: Stream, changes: Staged, framing: bytes | None, stated: Mapping[str, Any] | None = None
) -> None:
    targets = changes.link_targets()
    first = appending.position
    for change in changes.in_layer_order():
        check_name(change)
        target = targets.get(change.target or b"") if change.kind == Kind.LINK_MADE else None
        appending.add(stream, change, about_path=True, node=None if target is None else first + target)
    _add_fact(appending, stream, Kind.LAYER_IMPORTED, stated, framing)


def record_image(
    writer: Writer, kind: Kind, image: str, manifest: bytes | None, travel: Arrival | Departure | Serving
) -> None:
    """Record that an image (by its config digest or commit id) was loaded, pulled, saved, pushed or served."""
    _append_fact(writer, IMAGE, image, kind, travel.stated, manifest)


def keep_referrer(writer: Writer, image: str, manifest: bytes, referrer: Referrer) -> None:
    """Record that a signature, an SBOM or the like of an image is kept; does nothing where it is recorded already."""
    with writer.changeset() as appending:
        stream = appending.open(IMAGE, image)
        if not any(kept.content == manifest for kept in writer.log.of_kind(Kind.REFERRER_KEPT, stream.id)):
            _add_fact(appending, stream, Kind.REFERRER_KEPT, referrer._asdict(), manifest)


def remove_image(writer: Writer, image: str, tags: Iterable[str]) -> None:
    """Take the image and *tags*, all its names, out of listings; nothing is erased, `restore_image` undoes it."""
    with writer.changeset() as appending:
        for tag in tags:
            _delete_tag(appending, writer, tag)
        _add_fact(appending, appending.open(IMAGE, image), Kind.IMAGE_REMOVED)


def restore_image(writer: Writer, image: str) -> None:
    _append_fact(writer, IMAGE, image, Kind.IMAGE_RESTORED)


def move_tag(writer: Writer, tag: str, image: str, *, expected: str | None = None) -> None:
    """Let *tag* (a full reference) name *image*; raise ConflictError if it does not name *expected* now, where given.

    "" is expected of a tag that names nothing.
    """
    with writer.changeset() as appending:
        if expected is not None and (current := tag_target(writer.log, tag) or "") != expected:
            now, wanted = (image[:12] or "nothing" for image in (current, expected))
            raise ConflictError(f"tag {tag} names {now} and not {wanted}; look again and repeat")
        _move_tag(appending, writer, tag, image)


def delete_tag(writer: Writer, tag: str) -> None:
    """Raise NotFoundError where *tag* names nothing."""
    with writer.changeset() as appending:
        _delete_tag(appending, writer, tag)


def _move_tag(appending: Appending, writer: Writer, tag: str, image: str) -> None:
    appending.flush()
    old = tag_target(writer.log, check_tag(tag))
    if old != image:
        _add_fact(appending, appending.open(TAG, tag), Kind.TAG_MOVED, TagMove(image, old).stated)
        if old is not None:
            writer.moved[tag] = (writer.moved.get(tag, (old,))[0], image)


def _delete_tag(appending: Appending, writer: Writer, tag: str) -> None:
    appending.flush()
    old = tag_target(writer.log, tag)
    if old is None:
        raise NotFoundError(f"no tag {shown(tag)}; `layerlog images` lists those there are")
    _add_fact(appending, appending.open(TAG, tag), Kind.TAG_DELETED, TagMove(None, old).stated)


# -- proof and upkeep


def sign_commit(writer: Writer, commit_id: str, signature: str, signer: str) -> None:
    """Record a signature (armoured) over a commit, made with the key of fingerprint *signer*."""
    _append_fact(writer, IMAGE, commit_id, Kind.COMMIT_SIGNED, vars(Signature(commit_id, signature, signer)))


def erase_contents(writer: Writer, sizes: Mapping[bytes, int], reason: str, *, returns: bool = False) -> None:
    """Record that the contents (digest -> bytes) are erased; `retention.erasure` removes the bytes.

    They may not come back, but where each *returns* with whoever puts it again.
    """
    with writer.changeset() as appending:
        stream = appending.open(STORE, "store")
        for digest, size in sizes.items():
            stated = {"reason": reason, "size": size} | ({"returns": True} if returns else {})
            _add_fact(appending, stream, Kind.CONTENT_ERASED, stated, digest)


def let_return(writer: Writer, digest: bytes, reason: str) -> None:
    """Record that a content which was erased may come back."""
    _append_fact(writer, STORE, "store", Kind.CONTENT_READMITTED, {"reason": reason}, digest)


def drop_originals(writer: Writer, blobs: Iterable[bytes], reason: str) -> None:
    """Record that compressed blobs are dropped: the manifests that name them can no longer be given out as they came."""
    stated = {"blobs": sorted(blob.hex() for blob in blobs), "reason": reason}
    _append_fact(writer, STORE, "store", Kind.ORIGINALS_DROPPED, stated)
