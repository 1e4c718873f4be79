"""Hard links whose file lies in a lower layer: only the whole image can tell whether it is there."""

from collections.abc import Sequence

from eventstore.content.reader import Content
from eventstore.index.nodes import links_to_lower
from eventstore.log.log import Log
from eventstore.model.paths import shown
from projections.tar.reader import refusal
from projections.tree import lineage
from projections.tree.view import View


def check(log: Log, content: Content, diff_ids: Sequence[str]) -> None:
    """Raise InvalidError, naming the link, where one of the layers (lowest first) links to what none below it has as a file.

    Cost: one look-up for each such link.
    """
    for index, diff_id in enumerate(diff_ids):
        layer = log.existing("layer", diff_id)
        links = links_to_lower(log, layer.id, layer.version)
        if not links:
            continue
        lower = View(log, content, lineage.of_layers(log, list(diff_ids[:index])))
        for path, target in links:
            found = lower.lookup(target)
            if found is None or found.is_dir:
                name = shown(target)
                what = f"the directory '{name}' of a lower layer" if found else f"'{name}', which no lower layer has"
                raise refusal(log.path_text(path), f"it is a hard link to {what}")
