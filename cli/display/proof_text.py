"""What a proof that holds says, for people."""

import json
from collections.abc import Iterator

from eventstore.events import Kind
from eventstore.paths import shown as escape
from eventstore.times import rfc3339
from projections.proofs import Growth, Proved


def proved(found: Proved | Growth) -> Iterator[str]:
    """Yield the lines; all text in them is escaped."""
    if isinstance(found, Growth):
        yield f"holds: the head of {found.new['changesets']} changesets continues that of {found.old['changesets']}"
        return
    event, context = found.event, found.context
    yield f"holds: event {found.position} is in the log whose head is {escape(str(found.checkpoint['hash']))}"
    yield f"event     {_title(event['kind'])} {escape(event['stream'])} version {event['version']}"
    if event["path"]:
        yield f"path      /{escape(event['path'])}"
    if event["content"]:
        yield f"content   sha256:{event['content'].hex()} ({event['size']} bytes)"
    if event["detail"]:
        yield f"detail    {escape(event['detail'])}"
    yield f"changeset {found.changeset}, {rfc3339(found.time)}"
    yield f"actor     {escape(json.dumps(context.get('actor')))}"
    yield f"author    {escape(str(context.get('author')))} (claimed)"
    yield f"command   {escape(json.dumps(context.get('command')))}"


def _title(kind: int) -> str:
    try:
        return Kind(kind).title
    except ValueError:
        return f"kind {kind}"
