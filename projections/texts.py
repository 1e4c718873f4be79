"""Texts: which contents are lines, to compare and to search, and which are bytes."""

PROBE = 8_000  # bytes in which git looks for a NUL
MAX_TEXT = 4 << 20


def is_binary(data: bytes) -> bool:
    return b"\0" in data[:PROBE]
