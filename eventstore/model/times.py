"""Times as every machine reads them: ns since 1970, written in UTC."""

from datetime import UTC, datetime


def rfc3339(when: int) -> str:
    """Return *when* (ns since 1970, 64 bits) in UTC, always with nine digits: so texts sort as times do."""
    moment = datetime.fromtimestamp(when // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{when % 10**9:09d}Z"
