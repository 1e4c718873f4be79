"""Erasures: when, by whom and why a content was erased, for whoever meets what is left of it."""

import json
import sqlite3
import time

from eventstore.model.paths import shown


def said(db: sqlite3.Connection, position: int) -> str:
    """Return, on one line, what the event at *position* that erased a content says of itself."""
    when, body = db.execute(
        "SELECT c.time, x.body FROM changeset c JOIN context x ON x.id = c.context WHERE c.first <= ? "
        "ORDER BY c.first DESC LIMIT 1",
        (position,),
    ).fetchone()
    (detail,) = db.execute("SELECT detail FROM event WHERE position = ?", (position,)).fetchone()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when // 10**9))
    return f"was erased on request by event {position} ({moment}, {_who(json.loads(body))}): {shown(_reason(detail))}"


def _who(context: dict[str, object]) -> str:
    actor = context.get("actor")
    seen = f"{actor.get('login')}@{actor.get('host')}" if isinstance(actor, dict) else "nobody known"
    return shown(f"{context['author']}, seen as {seen}" if context.get("author") else seen)


def _reason(detail: str | None) -> str:
    return str(json.loads(detail or "{}").get("reason"))
