"""The stack of an image's layers: what each of them adds, changes and hides."""

from collections.abc import Iterator
from typing import NamedTuple

from eventstore.content.reader import Content
from eventstore.index.stream_paths import has_tree_events
from eventstore.log.log import Log
from eventstore.model.events import Kind
from projections.diff.tree_diff import between
from projections.images import images, oci_form, waste
from projections.layers.layers import FolderLayer, Layer, SealedLayer
from projections.refs import references
from projections.refs.points import Points
from projections.refs.targets import Target, containers_under
from projections.tree import lineage
from projections.tree.lineage import Span
from projections.tree.view import View


class Amount(NamedTuple):
    """How many paths, and the bytes of the regular files among them; a file with several names counts under each.

    Of what changed, as it is after that.
    """

    paths: int = 0
    bytes: int = 0


class Stacked(NamedTuple):
    """A layer over those below it: `point` is the reference of the tree that ends with it; `size` as `oci_form.layer_size`
    counts; `wasted` and `efficiency` as `waste.weighed` does.
    """

    point: str
    layer: Layer
    size: int
    added: Amount
    changed: Amount
    hidden: Amount
    wasted: int
    efficiency: float


class Held(NamedTuple):
    """A file that a layer holds, and the tree that ends with that layer, as of `Stacked`."""

    point: str
    layer: Layer
    file: waste.File


def stacked(log: Log, content: Content, target: Target) -> Iterator[Stacked]:
    """Yield the layers of *target*, the lowest first.

    O(paths that its events touched) for a layer made here, O(the tree) for one that came.
    """
    found = _layers(log, target)
    names, weights = points(log, target, found), waste.weighed(log, content, found)
    for number, (layer, point) in enumerate(zip(found, names, strict=True)):
        before, after = (View(log, content, spans) for spans in _around(log, found, number))
        amounts = dict.fromkeys("ACD", Amount())
        for difference in between(before, after):
            entry = difference.after or difference.before
            letter = difference.letter if number else "A"  # there is a root before the first layer, too
            paths, size = amounts[letter]
            amounts[letter] = Amount(paths + 1, size + (entry.size if entry is not None and entry.is_file else 0))
        size = oci_form.layer_size(log, content, layer)
        wasted, efficiency = weights.wasted[number], weights.efficiency[number]
        yield Stacked(point, layer, size, amounts["A"], amounts["C"], amounts["D"], wasted, efficiency)


def largest(log: Log, content: Content, target: Target, count: int) -> Iterator[Held]:
    """Yield the *count* largest files that the layers of *target* hold, the largest first: O(what they hold)."""
    found = _layers(log, target)
    names = points(log, target, found)
    for file in waste.weighed(log, content, found).largest(count):
        yield Held(names[file.layer], found[file.layer], file)


def _layers(log: Log, target: Target) -> list[Layer]:
    """Return the layers of *target*, lowest first: a folder's and the seal that `import` put over it are one."""
    found = oci_form.layers_of(log, images.of_target(log, target))
    if len(found) > 1 and isinstance(found[0], FolderLayer) and _is_bare_seal(log, found[1]):
        del found[1]
    return found


def _is_bare_seal(log: Log, layer: Layer) -> bool:
    return isinstance(layer, SealedLayer) and layer.commit != "" and not has_tree_events(log, *oci_form.events_of(log, layer))


def points(log: Log, target: Target, found: list[Layer]) -> list[str]:
    """Return the reference of the tree that ends with each layer, lowest first."""
    ref, steps = references.without_steps(target.text)
    names, spell = list[str](), Points(log).spelled
    for layer in reversed(found):
        unsealed = _unsealed(log, target, layer)
        names.append(spell(*unsealed) if unsealed else f"{ref}~{steps}")
        steps += not unsealed
    return names[::-1]


def _unsealed(log: Log, target: Target, layer: Layer) -> tuple[str, int] | None:
    """Return the container, and the version of it, that shows a layer which no commit ends with; None of other layers."""
    if isinstance(layer, FolderLayer):
        stream, version = containers_under(log, target)[-1]
        return None if log.latest(Kind.COMMITTED, stream, version) else (log.stream_of(stream).name, version)
    return (layer.container, layer.last) if isinstance(layer, SealedLayer) and not layer.commit else None


def _around(log: Log, found: list[Layer], number: int) -> tuple[list[Span], list[Span]]:
    """Return the spans below a layer, and those with it."""
    layer = found[number]
    if isinstance(layer, SealedLayer):
        container = layer.container
        return lineage.of_container(log, container, layer.first - 1), lineage.of_container(log, container, layer.last)
    below = [one[0] for one in found[: number + 1]]
    return lineage.of_layers(log, below[:-1]), lineage.of_layers(log, below)
