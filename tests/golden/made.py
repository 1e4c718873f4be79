"""Makes the golden store of the schema that this code writes: `python -m tests.golden.made`.

Run it once when a schema is released, never again for that schema: `test_golden.py` replays what was kept, for ever.
"""

import json
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from eventstore.log.log import Context
from eventstore.log.schema import SCHEMA
from eventstore.model.changes import attributes, clear, delete, link, move, put
from eventstore.model.facts import ContainerBase
from eventstore.store import commands
from eventstore.store.staging import Staged
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.oci.config import change_of
from projections.oci.config_changes import read
from projections.refs import tags
from projections.refs.containers import all_containers, live_view, view_at
from projections.tree.walk import walk

HERE = Path(__file__).parent
FILE, DIRECTORY, SYMLINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
WHO = Context(actor={"login": "ada", "uid": 1000, "login_uid": None, "host": "golden"}, command=("layerlog", "golden"))


def fill(store: Store) -> None:
    """Write at least one event of every kind that a tree knows, and a commit, tags, an image and its removal."""
    with writing(store, WHO) as writer:
        commands.create_store(writer)
        keep = writer.content.put
        big = writer.content.put_stream(bytes([n]) * 70_000 for n in range(20))
        folder = Staged(
            store,
            [
                put(b"", DIRECTORY | 0o755),
                put(b"etc", DIRECTORY | 0o755, mtime=1_700_000_000_123_456_789),
                put(b"etc/motd", FILE | 0o644, uid=1, gid=2, size=5, content=keep(b"hello"), xattrs={b"user.a": b"\0\xff"}),
                put(b"etc/\xff\n", FILE | 0o4755, size=20 * 70_000, content=big),
                link(b"etc/same", b"etc/motd"),
                put(b"dev", DIRECTORY | 0o755),
                put(b"dev/null", stat.S_IFCHR | 0o666, rdev=(1, 3)),
            ],
        )
        base = commands.import_folder(
            writer, folder, platform="linux/amd64", author="Ada", message="base", config=change_of({}, read(["ENV A=b"])),
            tag="docker.io/library/base:1",
        )  # fmt: skip
        folder.close()
        seal = store.db.execute("SELECT stream, version FROM event WHERE id = ?", (base,)).fetchone()
        under = ContainerBase(store.log.stream_of(seal[0]).name, seal[1])
        web = commands.create_container(writer, "web", under)
        for change in (
            put(b"srv", DIRECTORY | 0o755),
            put(b"srv/a", FILE | 0o600, size=3, content=keep(b"one")),
            put(b"srv/l", SYMLINK | 0o777, target=b"a"),
            link(b"srv/b", b"srv/a"),
            attributes(b"srv/b", FILE | 0o640, uid=7, gid=8, mtime=9),
            move(b"srv", b"opt"),
            delete(b"etc/motd"),
            clear(b"dev"),
        ):
            commands.record(writer, web, [change], live_view(store, web))
        commands.configure(writer, web, change_of({}, read(['CMD ["x"]'])))
        made = commands.commit(writer, web, parent=base.hex(), message="line\nline", author="Ada <a@b>", tag="docker.io/library/app:1")
        commands.move_tag(writer, "docker.io/library/app:2", made.hex())
        commands.delete_tag(writer, "docker.io/library/app:2")
        commands.record(writer, web, [put(b"opt/new", FILE | 0o644, size=3, content=keep(b"two"))], live_view(store, web))
        commands.rename_container(writer, web, "site")


def told(store: Store) -> dict[str, Any]:
    """Return what the store says, as JSON: its head, its tags, and every container's tree at every version."""
    head = store.log.head()
    tree = store.log.tree_head(head.changesets).hex()
    found: dict[str, Any] = {"head": head.hash.hex(), "tree": tree, "tags": tags.current(store.log)}
    for container in all_containers(store.log):
        for version in range(1, container.version + 1):
            view = view_at(store, container.id, version)
            found[f"{container.name}@{version}"] = [
                [e.path.hex(), e.mode, e.uid, e.gid, e.mtime, e.size, e.content.hex() if e.content else None, e.detail]
                for e in walk(view)
            ]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Store.open_or_create(f"{folder}/store") as store:
            fill(store)
            (HERE / f"schema-{SCHEMA}.json").write_text(json.dumps(told(store), indent=1, sort_keys=True) + "\n")
        with tarfile.open(HERE / f"schema-{SCHEMA}.tar.gz", "w:gz") as archive:
            archive.add(f"{folder}/store", "store")


if __name__ == "__main__":
    main()
