"""One of several processes that write to one store at once: python -m tests.eventstore.writers STORE NUMBER ROUNDS."""

import stat
import sys

from cli.distribution.receive import receive
from eventstore.errors import ConcurrencyError, ConflictError
from eventstore.index.names import container_named, tag_target
from eventstore.model.changes import put
from eventstore.model.events import Kind
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import Writer, writing
from projections.refs.containers import live_view
from tests import images
from tests.conftest import ADA

FILE = stat.S_IFREG | 0o644
TAG = "docker.io/library/raced:1"


def main(path: str, number: int, rounds: int) -> None:
    """Append to one container of its own and to one of all, load images, commit, and move one tag; print what was done."""
    with Store.open_or_create(path) as store, writing(store, ADA) as writer:
        own = commands.create_container(writer, f"own{number}", None)
        shared = container_named(store.log, "shared") or ""
        for turn in range(rounds):
            data = b"writer %d, turn %d" % (number, turn)
            change = put(b"f%d-%d" % (number, turn), FILE, size=len(data), content=writer.content.put(data))
            for container in (own, shared):
                print("wrote", container, commands.record(writer, container, [change], live_view(store, container)))
            commit = commands.commit(writer, own, parent=None, message=f"{turn}").hex()
            print("committed", commit)
            print("moved", *move(writer, commit))
            if turn % 3 == 0:
                tars = (images.layer_tar({f"turn{turn}": b"same for all"}), images.layer_tar({f"{number}-{turn}": data}))
                print("loaded", receive(writer, [images.image(tars=tars)], Kind.IMAGE_LOADED, "test", lambda _: None)[0].id)


def move(writer: Writer, commit: str) -> tuple[str, str]:
    """Move the tag that all move, only if nobody else did since it was looked at; return (from, to)."""
    while True:
        old = tag_target(writer.log, TAG)
        try:
            commands.move_tag(writer, TAG, commit, expected=old)
        except (ConflictError, ConcurrencyError):
            continue
        return str(old), commit


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
