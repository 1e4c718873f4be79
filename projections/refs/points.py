"""Points: the one spelling of a container's event, by which every command that takes a point brings it back."""

from functools import lru_cache, partial

from eventstore.index import seals
from eventstore.index.names import container_named, name_of
from eventstore.log.log import Log
from projections.refs.references import tagged

REMEMBERED = 5_000


class Points:
    """Spells containers and their events as of now; who goes on after others may have renamed some makes a new one."""

    def __init__(self, log: Log) -> None:
        self.container = lru_cache(REMEMBERED)(partial(_reference, log))
        """Returns what a container, given by its whole id, is referred to by: its name while that is its own, else its id."""

    def spelled(self, container: str, version: int) -> str:
        """Return how the event *version* of a container is shown to people, and taken by `show`, `prove`, `ls`, ...: web@42."""
        return f"{self.container(container)}@{version}"


def _reference(log: Log, container: str) -> str:
    name = name_of(log, log.existing("container", container).id)
    if container_named(log, name) == container:
        return name
    short = container[:12]
    return short if _is_its_own(log, short, container) else container


def _is_its_own(log: Log, prefix: str, container: str) -> bool:
    """Whether *prefix* means the container alone: nobody's name, and the beginning of no other id."""
    if container_named(log, prefix) or tagged(log, prefix):
        return False
    return {*log.beginning("container", prefix), *log.beginning("image", prefix), *seals.beginning(log, prefix)} == {container}
