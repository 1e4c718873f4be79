"""Operational logs, for -v alone and on stderr alone; structlog is not even imported before that."""

import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

_logger: Any = None


def configure(verbosity: int, log_format: str = "text") -> None:
    """Verbosity 0 logs nothing, 1 logs events, 2 logs details too; *log_format* is "text" or "json"."""
    global _logger  # noqa: PLW0603
    _logger = _structlog(verbosity, log_format) if verbosity else None


def wanted() -> bool:
    """Whether -v asks for anything: what is asked for a log's sake alone is asked then."""
    return _logger is not None


def bind(**fields: object) -> None:
    """Add *fields* to all that is logged from now on."""
    global _logger  # noqa: PLW0603
    if _logger is not None:
        _logger = _logger.bind(**fields)


def event(name: str, **fields: object) -> None:
    """Shown by -v; costs nothing without."""
    if _logger is not None:
        _logger.info(name, **fields)


@contextmanager
def step(name: str, **fields: object) -> Iterator[dict[str, object]]:
    """Tell of what the block does, once it is done, and how many seconds it took; the block adds what it found out."""
    began = time.monotonic()
    yield fields
    event(name, seconds=round(time.monotonic() - began, 3), **fields)


def detail(name: str, **fields: object) -> None:
    """Shown by -vv; costs nothing without."""
    if _logger is not None:
        _logger.debug(name, **fields)


def _structlog(verbosity: int, log_format: str) -> Any:
    import logging

    import structlog

    from cli.display.output import colours

    json = log_format == "json"
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=colours(sys.stderr))
    return structlog.wrap_logger(
        _Screen(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _decoded if json else _escaped,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbosity == 1 else logging.DEBUG),
    )


class _Screen:
    """Where structlog's lines go: to stderr, above the bars that are shown."""

    def info(self, line: str) -> None:
        from cli.display.bars import say

        say(line)

    debug = info


def _escaped(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    from eventstore.model.paths import shown

    return {key: shown(value if isinstance(value, str | bytes) else str(value)) for key, value in fields.items()}


def _decoded(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    from cli.display.output import json_ready

    return json_ready(fields)
