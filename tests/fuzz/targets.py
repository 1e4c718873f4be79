"""What is fuzzed: every reader of bytes that come from elsewhere.

A target takes any bytes.  It may refuse them with a LayerlogError; any other exception, and any broken promise, is a bug.
"""

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import Any

from cli.distribution import archive
from cli.options.sizes_and_times import parse_size
from cli.streams.compression import decompressed
from cli.streams.reader import chunks_of
from eventstore.content.segments import MAGIC, Place, Segments
from eventstore.errors import LayerlogError
from eventstore.log.log import Context
from eventstore.model import spelling
from eventstore.model.paths import checked, shown
from eventstore.model.time_phrases import end_of
from eventstore.store import commands
from eventstore.store.store import Store
from eventstore.store.writer import writing
from projections.build import checks, stages, steps
from projections.build.ignore import Ignored
from projections.build.scope import Scope, of_platforms
from projections.edits import modes
from projections.layers.tar import decode, reassemble
from projections.oci import config_changes, docker_archive, documents, oci_image, oci_layout
from projections.oci.config import Platform, build_config, diff_ids, history, parse_config, platform_of
from projections.refs import places, references, tags
from projections.tar.reader import TarReader, members

LIMIT = 1 << 24
PLATFORM = of_platforms(Platform("linux", "amd64"), Platform("linux", "amd64"), "")


class _Contents:
    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def put(self, data: bytes, /) -> bytes:
        digest = sha256(data).digest()
        self.held[digest] = data
        return digest

    def put_stream(self, chunks: Iterable[bytes], /) -> bytes:
        return self.put(b"".join(chunks))


class _Dribble:
    def __init__(self, data: bytes, most: int) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._most))


def layer(data: bytes) -> None:
    """What the layer reader accepts comes back byte for byte, and does not depend on how the stream is cut."""
    framing, contents = bytearray(), _Contents()
    try:
        changes = list(decode(io.BytesIO(data), contents, framing.extend, limit=LIMIT))
    except LayerlogError as error:
        _check_harmless(error)
        return
    held = {change.path: contents.held[change.content] for change in changes if change.content is not None}
    assert b"".join(reassemble(io.BytesIO(bytes(framing)), lambda path: [held[path]])) == data
    assert list(decode(_Dribble(data, 7), _Contents(), limit=LIMIT)) == changes


def _check_harmless(error: LayerlogError) -> None:
    assert str(error).isprintable(), error


def entries(data: bytes) -> None:
    """Skipping an entry's data or reading it leads to the same next one; seeking finds the same members."""
    read = _entries(io.BytesIO(data), read=True)
    skipped = _entries(io.BytesIO(data), read=False)
    assert [name for name, _ in read] == [name for name, _ in skipped]
    with suppress(LayerlogError):
        for (entry, offset), (name, held) in zip(members(io.BytesIO(data)), read, strict=False):
            assert entry.raw_name == name
            if offset + entry.size <= len(data):
                assert data[offset : offset + entry.size] == held


def _entries(stream: io.BytesIO, *, read: bool) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    reader = TarReader(stream)
    with suppress(LayerlogError):
        for entry in reader:
            found.append((entry.raw_name, b""))
            if read and entry.size < LIMIT:
                found[-1] = (entry.raw_name, reader.read())
    return found


def document(data: bytes) -> None:
    """Every JSON document is read in one way, and what is read can be written and read again."""
    for read in (_object, _manifest, _index, _config, _docker):
        with suppress(LayerlogError):
            read(data)


def _object(data: bytes) -> None:
    found = documents.read_object(data, "fuzz")
    assert found == json.loads(data)
    again = documents.encode(found)
    assert documents.encode(documents.read_object(again, "fuzz", limit=LIMIT)) == again


def _manifest(data: bytes) -> None:
    config, layers = oci_image.parse_manifest(data, oci_image.OCI_MANIFEST, "fuzz")
    for descriptor in (config, *layers):
        assert len(descriptor.hex) == 64
        assert descriptor.size >= 0


def _index(data: bytes) -> None:
    for reference in oci_image.parse_index(data, oci_image.OCI_INDEX, "fuzz"):
        assert len(reference.descriptor.hex) == 64
    oci_layout.build_index((), data)


def _config(data: bytes) -> None:
    config = parse_config(data, "fuzz")
    history(config)
    platform_of(config)
    build_config(data, layers=diff_ids(config), platform=Platform("linux", "amd64", ""))


def _docker(data: bytes) -> None:
    for entry in docker_archive.parse(data):
        for path in (entry.config, *entry.layers):
            assert not path.startswith("/")
            assert ".." not in path.split("/")
            with suppress(LayerlogError):
                docker_archive.claimed(path)


def text(data: bytes) -> None:
    """Whatever a user types is understood or refused; what is shown of it is one harmless line."""
    typed = os.fsdecode(data)
    assert shown(typed).isprintable()
    assert shown(data).isprintable()
    log = _store().log
    for read in _READERS:
        try:
            read(typed)
        except LayerlogError as error:
            _check_harmless(error)
    with suppress(LayerlogError):
        references.resolve(log, typed, end_of)
    with suppress(LayerlogError):
        references.resolve_image(log, typed, end_of)
    with suppress(LayerlogError):
        assert b".." not in checked(data).split(b"/")


def _instruction(typed: str) -> None:
    config_changes.applied({}, config_changes.read([typed]))


_READERS: tuple[Callable[[str], object], ...] = (
    places.split_path, tags.image_name, tags.new_name, spelling.check_tag, spelling.check_container_name, end_of, parse_size, modes.parse_mode, modes.octal,
    _instruction,
)  # fmt: skip


@cache
def _store() -> Store:
    folder = tempfile.mkdtemp(prefix="layerlog-fuzz-")
    store = Store.open_or_create(folder)
    with writing(store, Context({"login": "ada"}, ("fuzz",))) as writer:
        commands.create_store(writer)
        container = commands.create_container(writer, "web", None)
        commands.commit(writer, container, parent=None, tag="docker.io/library/a:latest", allow_empty=True)
    return store


def packed(data: bytes) -> None:
    """What unpacks stays within its limit."""
    total = 0
    with suppress(LayerlogError), decompressed(io.BytesIO(data), max_size=LIMIT) as plain:
        for piece in chunks_of(plain):
            total += len(piece)
            assert total <= LIMIT


def image(data: bytes) -> None:
    """An archive is read or refused; nothing is extracted, and its layers are opened lazily."""
    with tempfile.TemporaryDirectory(prefix="layerlog-fuzz-") as folder:
        path = os.path.join(folder, "image.tar")
        with open(path, "wb") as file:
            file.write(data)
        with suppress(LayerlogError):
            for found in archive.read(path, folder, max_size=LIMIT):
                for blob in found.layers:
                    with suppress(LayerlogError):
                        blob.open().close()
        assert os.listdir(folder) == ["image.tar"]


def block(data: bytes) -> None:
    """A damaged segment is said to be damaged."""
    with tempfile.TemporaryDirectory(prefix="layerlog-fuzz-") as folder:
        os.mkdir(os.path.join(folder, "segments"))
        stored = (MAGIC + data)[: 1 << 20]
        with open(os.path.join(folder, "segments/000001"), "wb") as file:
            file.write(stored)
        segments = Segments(folder)
        try:
            found = segments.read(Place(1, 0, len(stored)))
            found.decode(b"dictionary" if found.base else None)
        except LayerlogError:
            pass
        except Exception as error:
            if type(error).__name__ != "LZ4BlockError":
                raise
        finally:
            segments.forget()


def dockerfile(data: bytes) -> None:
    """A Dockerfile is planned, settled and checked, or refused in one line that says where; an ignore file likewise."""
    try:
        written = data.decode()
    except UnicodeDecodeError:
        return
    for act in (_plan, _check, _ignore):
        try:
            act(written)
        except LayerlogError as error:
            _check_harmless(error)


def _plan(text: str) -> None:
    plan = stages.read(text, {"GIVEN": "value"}, PLATFORM)
    for stage in stages.needed(plan, plan.stages[-1]):
        scope, config, own = Scope({"GIVEN": "value"}, plan.arguments, {}), dict[str, Any](), False
        for instruction in stage.instructions:
            step = steps.settled(instruction, scope, config, own_command=own)
            scope = scope.with_argument(instruction, config) if instruction.name == "ARG" else scope
            own |= instruction.name == "CMD"
            config = step.config if isinstance(step, steps.Configure | steps.MakeDirectory) else config
            json.dumps(config)


def _check(text: str) -> None:
    for flaw in checks.check(text, PLATFORM, Ignored([], "fuzz"), lambda _: None):
        assert flaw.text.isprintable()
        assert 0 < flaw.line <= text.count("\n") + 1


def _ignore(text: str) -> None:
    ignored = Ignored(text.split("\n"), "fuzz")
    for path in (b"a", b"a/b", b"\xff/c"):
        ignored(path)
        ignored.passes(path)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "layer": layer, "entries": entries, "document": document, "text": text, "packed": packed, "image": image, "block": block, "dockerfile": dockerfile,
}  # fmt: skip
