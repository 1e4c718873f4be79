"""Images as rows of `images` and `history`."""

from collections.abc import Iterator, Sequence
from typing import Any

from cli.display.formats import human_size, short_id, shown_stated
from cli.display.output import Column
from eventstore.content.reader import Content
from eventstore.log.log import Log
from projections.images import image_list, inspection, oci_form
from projections.images.images import Image
from projections.images.inspection import HistoryRow
from projections.refs.tags import familiar

NONE, MISSING = "<none>", "<missing>"


COLUMNS = (
    Column("repository", "REPOSITORY", none=NONE),
    Column("tag", "TAG", none=NONE),
    Column("id", "IMAGE ID", short_id, str),
    Column("created", "CREATED", shown_stated),
    Column("size", "SIZE", human_size),
)
WITH_DIGESTS = (*COLUMNS[:2], Column("digest", "DIGEST", none=NONE), *COLUMNS[2:])
CREATED_BY = Column("created_by", "CREATED BY", lambda text: text if len(text) <= 45 else text[:44] + "…", str)
HISTORY = (
    Column("id", "IMAGE", short_id, str, MISSING),
    Column("created", "CREATED", shown_stated),
    CREATED_BY,
    Column("size", "SIZE", human_size),
    Column("comment", "COMMENT"),
)


def image_rows(log: Log, content: Content, rows: Sequence[tuple[Image, str | None]]) -> Iterator[dict[str, Any]]:
    sizes = image_list.sizes(log, content, [image for image, _ in rows])
    for image, name in rows:
        repository, tag = familiar(name) if name else (None, None)
        digests = inspection.manifest_digests(log, image.id)
        yield {
            "repository": repository,
            "tag": tag,
            "digest": f"sha256:{digests[0]}" if digests else None,
            "id": f"sha256:{image.id}",
            "created": oci_form.created(log, content, image),
            "size": sizes[image.id],
        }


def history_row(row: HistoryRow) -> dict[str, Any]:
    return {
        "id": f"sha256:{row.id}" if row.id else None,
        "created": row.step.created,
        "created_by": row.step.created_by,
        "size": row.size,
        "comment": row.step.comment,
        "author": row.step.author,
    }
