"""References: REF[@POINT], the same everywhere a view is accepted."""

import re
from collections.abc import Callable, Iterator

from eventstore.errors import AmbiguousError, ConflictError, InvalidError, NotFoundError
from eventstore.index import seals
from eventstore.index.moments import position_at, version_at
from eventstore.index.names import container_named, tag_target
from eventstore.index.streams import last_event
from eventstore.log.log import Log
from eventstore.model.events import ARRIVALS, DEPARTURES, Event, Kind
from eventstore.model.facts import Arrival, Departure, TagMove
from eventstore.model.paths import shown
from projections.refs import containers, suggestions
from projections.refs.tags import ImageName, image_name, local, now, shown_names, spellings
from projections.refs.targets import Target, back, of_image
from projections.tree import lineage

_POINT = re.compile(r"(?P<ref>.+?)@(?:(?P<version>\d+)|\{(?P<step>\d+)\}|\{(?P<time>[^}]*)\})", re.DOTALL)
_BACK = re.compile(r"(?P<ref>.+)(?:~(?P<count>\d{0,9})|\^)", re.DOTALL)
SHOWN = 12
"""Digits of an id that listings show, here and elsewhere."""
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{2,64})")

Clock = Callable[[str], int]
"""Reads a user's time: text -> ns since 1970, InvalidError if it is none."""


def resolve(log: Log, text: str, clock: Clock) -> Target:
    """Return what REF[@POINT][~N] stands for: a container's name or id first, then an image's name, then any id's prefix.

    Raise NotFoundError, AmbiguousError, InvalidError or ConflictError (a point that it does not have).
    """
    steps = _BACK.fullmatch(text)
    if steps:
        return back(log, text, resolve(log, steps["ref"], clock), int(steps["count"] or 1))
    match = _POINT.fullmatch(text)
    if match is None:
        return _resolve(log, text, clock)
    if match["version"]:
        return _at_version(log, _resolve(log, match["ref"], clock), int(match["version"]))
    if match["step"]:
        return _at_step(log, match["ref"], int(match["step"]))
    return _at_time(log, match["ref"], clock(match["time"]))


def resolve_container(log: Log, text: str) -> str:
    """Return the id of a live container by name, id or prefix: what every command that changes something takes.

    Raise NotFoundError or AmbiguousError; ConflictError for a point of history, an image or a removed container, which
    all stay as they are.
    """
    if _is_point(text):
        point = shown(text)
        raise ConflictError(f"{point} is a point of history and stays as it is; `layerlog fork {point}` goes on from it")
    named = container_named(log, text)
    if named is not None:
        return named
    found = _one(text, _containers(log, text), "containers")
    if found is None:
        _refuse_image(log, text)
        found = containers.removed_named(log, text)
    if found is None:
        like = suggestions.instead(log, text, images=False)
        raise NotFoundError(f"no container {shown(text)}; {like or '`layerlog ps` lists those there are'}")
    if containers.get(log, found).removed:
        raise ConflictError(f"container {shown(text)} was removed; `layerlog undelete {found[:12]}` brings it back")
    return found


def _refuse_image(log: Log, text: str) -> None:
    if tagged(log, text) or _images(log, text):
        name = shown(text)
        raise ConflictError(f"{name} is an image and stays as it is; `layerlog create {name}` puts a container on top of it")


def resolve_image(log: Log, text: str, clock: Clock) -> str:
    """As `resolve`, but images alone, by their id: what `tag`, `rmi` and `save` take."""
    if _is_point(text):
        found = resolve(log, text, clock).image
        if found is None:
            step = f"`layerlog fork {shown(text)}`, then commit that"
            raise ConflictError(f"{shown(text)} is a point, not an image; {step}")
        return found
    image = _image(log, text)
    if image is None:
        _refuse_container(log, text)
        if _point_left(log, text):
            point = shown(text)
            raise ConflictError(f"{point} is a point that left, not an image; `layerlog fork {point}`, then commit that")
        there = "`layerlog images` lists those there are, `pull` or `load` brings one in"
        like = _elsewhere(text) or suggestions.instead(log, text, containers=False)
        raise NotFoundError(f"no image {shown(text)}; {like or there}")
    return image


def _refuse_container(log: Log, text: str) -> None:
    container = container_named(log, text) or _one(text, _containers(log, text), "containers")
    if container is not None:
        commit = log.latest(Kind.COMMITTED, log.existing("container", container).id)
        made = f"its last commit is {commit.commit[:12]}" if commit else f"`layerlog commit {shown(text)}` makes one of it"
        raise ConflictError(f"{shown(text)} is a container, not an image; {made}")


def resolve_exported(log: Log, text: str, clock: Clock) -> Target:
    """Return what can leave the store: an image as `resolve_image` finds it, or any point of a container."""
    if _is_point(text):
        return resolve(log, text, clock)
    if tagged(log, text) is None and container_named(log, text) is not None:
        point = f"{text}@{log.existing('container', container_named(log, text) or '').version}"
        raise ConflictError(f"{shown(text)} is a container: name a point of it, as {shown(point)} which is now, or commit it")
    image = _image(log, text)
    if image is None and (left := _point_left(log, text)):
        return resolve(log, left, clock)._replace(text=text)
    return of_image(log, text, image or resolve_image(log, text, clock))


def resolve_base(log: Log, text: str, clock: Clock) -> Target:
    """Return what a new container can stand on: an image before a container of the same name, else as `resolve`."""
    image = None if _is_point(text) else tagged(log, text)
    return resolve(log, text, clock) if image is None else of_image(log, text, image)


def tagged(log: Log, text: str) -> str | None:
    """Return the id of the image that the name *text* has now, or None."""
    try:
        name = image_name(text)
    except InvalidError:
        return None
    stream = _tag_stream(log, name)
    if stream is None:
        return None
    image = _tag_value(last_event(log, stream, 2**62))
    if image is not None and name.digest is not None and name.digest.removeprefix("sha256:") not in _digests(log, image):
        raise NotFoundError(f"{shown(text)}: the tag names another image now ({image[:12]}); leave the digest out, or the tag")
    return image


def tag_name(log: Log, text: str) -> str | None:
    """Return the full name that *text* means where it is that of a tag, None for ids and points."""
    if _is_point(text) or tagged(log, text) is None:
        return None
    return next(full for full in spellings(text) if tag_target(log, full))


def asked(log: Log, target: Target) -> str:
    """Return how *target* was asked for: the tag's full name where it was a tag, else what was written."""
    return (tag_name(log, target.text) if target.image else None) or target.text


def _digests(log: Log, image: str) -> set[str]:
    """Return the ids under which an image is known: its own, and manifest digests that events recorded."""
    return {image}.union(*map(_digests_in, lineage.travels(log, image)))


def _digests_in(event: Event) -> set[str]:
    digests = (Arrival.of(event).config, event.content and event.content.hex())
    return {digest for digest in digests if digest}


def _resolve(log: Log, text: str, clock: Clock) -> Target:
    container = container_named(log, text)
    if container is not None:
        return _container_target(log, text, container)
    image = tagged(log, text)
    if image is not None:
        return of_image(log, text, image)
    containers, images = _containers(log, text), _images(log, text)
    _one(text, containers | images, "things")
    if containers:
        return _container_target(log, text, containers.pop())
    if images:
        return of_image(log, text, images.pop())
    if point := _point_left(log, text):
        return resolve(log, point, clock)._replace(text=text)
    _refuse_layer(log, text)
    step = _elsewhere(text) or suggestions.instead(log, text) or "`layerlog ps -a` and `layerlog images` list those there are"
    raise NotFoundError(f"no container or image {shown(text) or repr(text)}; {step}")


def layer_alone(log: Log, text: str) -> str | None:
    """Return the layer (its whole id) that *text* is the id of, or begins it, where it is nothing else's; else None."""
    prefix = id_prefix(text)
    if prefix is None or container_named(log, text) or tagged(log, text) or _containers(log, text) or _images(log, text):
        return None
    return _one(text, set(log.beginning("layer", prefix)), "layers")


def _refuse_layer(log: Log, text: str) -> None:
    layer = layer_alone(log, text)
    if layer is not None:
        trees = trees_ending_with(log, layer)
        step = f"; name the tree that ends with it: {', '.join(trees)}" if trees else ""
        raise ConflictError(f"{shown(text)} is a layer alone, for `layerlog show`, `diff`, `ls` and `cat`{step}")


def trees_ending_with(log: Log, layer: str) -> list[str]:
    """Return IMAGE~N of each image taken from elsewhere that holds a layer (its whole id): O(images)."""
    return list(dict.fromkeys(spelled for event in _arrivals(log) for spelled in _ending_with(log, event, layer)))


def _arrivals(log: Log) -> Iterator[Event]:
    return (event for kind in ARRIVALS for event in log.of_kind(kind))


def _ending_with(log: Log, event: Event, layer: str) -> Iterator[str]:
    """Yield IMAGE~N for each place that a layer has in the image that arrived, by the image's first name."""
    image, layers = log.stream_of(event.stream).name, Arrival.of(event).layers
    name = next(iter(shown_names(now(log, image))), image[:12])
    yield from (f"{name}~{len(layers) - place}" for place, found in enumerate(layers, 1) if found == layer)


def _elsewhere(text: str) -> str:
    """Return what is to be said where *text* could be what docker and podman show as an image's id."""
    whole = len(id_prefix(text) or "") >= SHOWN
    return "an id that docker or podman shows is known here once its image was saved, pushed or served" if whole else ""


def _container_target(log: Log, text: str, container: str) -> Target:
    return Target(text, None, container, log.existing("container", container).version, live=True)


def _one(text: str, found: set[str], what: str) -> str | None:
    if len(found) > 1:
        some = ", ".join(sorted(found_id[:12] for found_id in found)[:4])
        raise AmbiguousError(f"{shown(text)} begins the ids of {len(found)} {what} ({some}, ...); give more digits")
    return next(iter(found), None)


def id_prefix(text: str) -> str | None:
    """Return the hex digits of what can be the beginning of an id, else None."""
    match = _ID.fullmatch(text)
    return match[1] if match else None


def _containers(log: Log, text: str) -> set[str]:
    prefix = id_prefix(text)
    return set() if prefix is None else set(log.beginning("container", prefix))


def _image(log: Log, text: str) -> str | None:
    return tagged(log, text) or _one(text, _images(log, text), "images")


def _images(log: Log, text: str) -> set[str]:
    """Return the images whose id, or one of whose recorded digests, begins so."""
    return {name for name in _travellers(log, text) if _is_image(log, name)}


def _is_image(log: Log, name: str) -> bool:
    return bool(log.seal(name) or lineage.travels(log, name, ARRIVALS))


def _point_left(log: Log, text: str) -> str | None:
    """Return how the point is spelled that left under a config digest, or a manifest's, which begins so; None of none."""
    found = _one(text, {name for name in _travellers(log, text) if not _is_image(log, name)}, "points")
    left = lineage.travels(log, found, DEPARTURES) if found else ()
    return next((point for event in left if (point := Departure.of(event).point)), None)


def _travellers(log: Log, text: str) -> set[str]:
    """Return the images, and by the digests of their configs the points that left, one of whose digests begins so."""
    prefix = id_prefix(text.rpartition("@")[2])
    if prefix is None:
        return set()
    travels = (event for kind in (*ARRIVALS, *DEPARTURES) for event in log.of_kind(kind))
    recorded = (event for event in travels if any(digest.startswith(prefix) for digest in _digests_in(event)))
    begun = {*log.beginning("image", prefix), *seals.beginning(log, prefix)}
    return begun or {log.stream_of(event.stream).name for event in recorded}


# -- points


def is_container(log: Log, ref: str) -> bool:
    """Whether REF[@POINT] begins with a container's name, or with the beginning of one id."""
    name = without_points(ref)
    return container_named(log, name) is not None or len(_containers(log, name)) == 1


def without_steps(text: str) -> tuple[str, int]:
    """Return REF[@POINT] and N of REF[@POINT][~N]: where steps stand behind steps, as many as they are together."""
    count = 0
    while steps := _BACK.fullmatch(text):
        text, count = steps["ref"], count + int(steps["count"] or 1)
    return text, count


def without_points(text: str) -> str:
    """Return REF of REF[@POINT][~N]."""
    ref, before = text.rstrip("^"), ""
    while ref != before:
        before, (head, tilde, count) = ref, ref.rpartition("~")
        ref = head.rstrip("^") if tilde and (not count or count.isdigit()) else ref
    match = _POINT.fullmatch(ref)
    return match["ref"] if match else ref


def _is_point(text: str) -> bool:
    return bool(_POINT.fullmatch(text) or _BACK.fullmatch(text))


def _at_version(log: Log, target: Target, version: int) -> Target:
    if target.container is None:
        raise ConflictError(
            f"{shown(target.text)} was made elsewhere, so its writes are not known and it has no versions; "
            "`layerlog history` shows its layers"
        )
    stream = log.existing("container", target.container)
    if not 1 <= version <= stream.version:
        said = f"{shown(target.text)} has no version {version}; it has 1 to {stream.version}"
        event = log.at(version) if 0 < version <= log.head().position else None
        if event is not None and event.stream == stream.id:
            said += f"; event {version} of the store is {shown(target.text)}@{event.version}"
        raise NotFoundError(said)
    return Target(f"{target.text}@{version}", None, target.container, version)


def _at_step(log: Log, ref: str, step: int) -> Target:
    stream = _require_tag(log, ref)
    last = log.version(stream)
    image = _tag_value(last_event(log, stream, last - step)) if step < last else None
    if image is None:
        raise NotFoundError(f"{shown(ref)} names nothing at @{{{step}}}; its steps are @{{0}} to @{{{last - 1}}}")
    return of_image(log, f"{ref}@{{{step}}}", image)


def _at_time(log: Log, ref: str, when: int) -> Target:
    position = position_at(log, when)
    container = container_named(log, ref) or next(iter(_containers(log, ref)), None)
    if container is not None:
        version = version_at(log, log.existing("container", container).id, position)
        if version:
            return Target(ref, None, container, version)
    else:
        image = _tag_value(last_event(log, stream := _require_tag(log, ref), version_at(log, stream, position)))
        if image is not None:
            return of_image(log, ref, image)
    raise NotFoundError(f"{shown(ref)} was not there at that time; `layerlog log {shown(ref)}` shows its history")


def _require_tag(log: Log, ref: str) -> int:
    if container_named(log, ref) is not None:
        raise InvalidError(f"{shown(ref)} is a container: its points are versions ({shown(ref)}@42) and times")
    stream = _tag_stream(log, image_name(ref))
    if stream is None:
        raise NotFoundError(f"no tag {shown(ref)}; {suggestions.for_tag(log, ref)}")
    return stream


def _tag_stream(log: Log, name: ImageName) -> int | None:
    for full in (name, local(name)):
        stream = log.stream("tag", str(full))
        if stream is not None and (full != name or _tag_value(last_event(log, stream.id, stream.version)) is not None):
            return stream.id
    stream = log.stream("tag", str(name))
    return stream.id if stream else None


def _tag_value(event: Event | None) -> str | None:
    return None if event is None or event.kind != Kind.TAG_MOVED else TagMove.of(event).image
