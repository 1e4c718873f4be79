"""What an entry of the logbook changed, path by path."""

from collections.abc import Iterable, Iterator

from eventstore.errors import DamagedError
from eventstore.log.log import Log
from eventstore.model.paths import order
from projections.diff.between import Around
from projections.diff.tree_diff import Difference, differ
from projections.history.commits import Commit
from projections.history.logbook import Item
from projections.layers import layers
from projections.tree import lineage
from projections.tree.view import View


def around_commit(view: View, commit: Commit) -> Around:
    return _around_events(view, commit.container, commit.first, commit.last)


def around(view: View, item: Item) -> Around:
    """Return the views around an item that *view* holds."""
    if item.commit is not None:
        return around_commit(view, item.commit)
    if item.container is not None:
        span = view.spans[_rank(view, "container", item.container)]
        unsealed = layers.first_unsealed(view.log, span.stream, span.upto)
        return _around_events(view, item.container, unsealed, span.upto)
    name = item.layer.diff_id if item.layer is not None else item.touched[0].name
    rank = _rank(view, "layer", name)
    return Around(_view(view, view.spans[:rank]), _view(view, view.spans[: rank + 1]), None)


def _around_events(view: View, container: str, first: int, last: int) -> Around:
    spans = lineage.of_container(view.log, container, last)
    before = _view(view, [*spans[:-1], spans[-1]._replace(upto=first - 1)])
    return Around(before, _view(view, spans), (spans[-1].stream, first, last))


def _rank(view: View, kind: str, name: str) -> int:
    stream = view.log.stream(kind, name)
    for rank, span in enumerate(view.spans):
        if stream is not None and span.stream == stream.id:
            return rank
    raise DamagedError(f"the log lacks the {kind} {name[:12]}; `layerlog verify` says more")


def _view(view: View, spans: Iterable[lineage.Span]) -> View:
    return View(view.log, view.content, list(spans))


def differences_at(found: Around, item: Item, log: Log) -> Iterator[Difference]:
    """Yield what changed of the paths that the item's events are about, in tree order: look-ups for those alone."""
    paths = {record.path for record in item.touched if record.path is not None}
    paths |= {log.path_text(record.event.source) for record in item.touched if record.event.source is not None}
    for path in sorted(paths, key=order):
        before, after = found.before.lookup(path), found.after.lookup(path)
        if differ(before, after):
            yield Difference(path, before, after)
