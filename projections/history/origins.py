"""Origins: the commit that sealed an event of a view, or the imported layer that it came with."""

from functools import cached_property

from eventstore.content.reader import Content
from eventstore.index import seals
from eventstore.log.log import Log
from eventstore.model.facts import FolderBase
from projections.events.records import Record, Records
from projections.history import commits
from projections.history.commits import Commit, ImageLayer
from projections.refs import references
from projections.refs.references import Target
from projections.tree import lineage


class Origins:
    """Answers for the events of one target's view; what they share is looked up once."""

    def __init__(self, log: Log, content: Content, target: Target) -> None:
        self.log = log
        self.records = Records(log)
        self._content = content
        self._target = target

    def commit(self, record: Record) -> Commit | None:
        """Return the commit over a container's event, or over the folder that an import made a layer of; else None."""
        if record.kind == "container":
            seal = seals.over(self.log, record.event.stream, record.event.version)
        elif self._folder is not None and self._folder[0] == record.name:
            seal = seals.over(self.log, self._folder[1], 1)
        else:
            return None
        return None if seal is None else commits.of_seal(self.records, seal)

    def layer(self, record: Record) -> ImageLayer | None:
        """Return the layer of an image taken from elsewhere that brought an event, None where none did."""
        return self._layers.get(record.name) if record.kind == "layer" else None

    @cached_property
    def _layers(self) -> dict[str, ImageLayer]:
        return {layer.diff_id: layer for layer in commits.image_layers_under(self.log, self._content, self._target)}

    @cached_property
    def _folder(self) -> tuple[str, int] | None:
        """The folder's layer at the bottom of the view, and the stream of the container that its commit sealed."""
        under = references.containers_under(self.log, self._target)
        base = lineage.base_of(self.log, under[-1][0]) if under else None
        return (base.layer, under[-1][0]) if isinstance(base, FolderBase) else None
