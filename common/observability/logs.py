"""Structured logs: one JSON object a line, or coloured lines for people.

Event names are snake_case and past tense (``user_created``), values are fields. Request id, tenant and user are bound
per request and appear in every line of it.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import structlog
from pydantic_core import to_json

from common.config import Config
from common.observability.context import bound_values, merge_bound

# Filled by ``configure_logging``. One list for ever: loggers that were used before keep the list they found.
_PROCESSORS: Final[list[Any]] = []


def configure_logging(config: Config) -> None:
    """Send our own logs and those of every library, in one form, to standard output.

    Ours go there straight. The detour over the standard library's records, which those of libraries take, made one line
    the dearest part of a cheap request.
    """
    shared: list[Any] = [
        merge_bound,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending, stream = _ending(config), sys.stdout
    _PROCESSORS[:] = [_drop_below(config.log_level), *shared, *ending, _write_to(stream)]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=_Name,
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=True,
    )
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[drop_meta, *ending])
    _configure_libraries(logging.StreamHandler(stream), formatter, config.log_level.upper())


def _configure_libraries(handler: logging.Handler, formatter: logging.Formatter, level: str) -> None:
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # `request_handled` says more
    logging.getLogger("alembic").setLevel("WARNING")


class AccessLog:
    """The one line every request has, ``request_handled``: written past structlog's chain, in the same form.

    The chain would be a fifth of a cheap request; of this line it is known what it holds.
    """

    def __init__(self, config: Config) -> None:
        self._is_wanted = config.log_level in {"debug", "info"}
        self._write = self._write_json if config.log_format == "json" else self._write_plain
        self._stream = sys.stdout
        self._log = structlog.get_logger("request")

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """Write it. ``seconds`` is how long the request took."""
        if self._is_wanted:
            self._write(method, route, status, round(seconds * 1000, 2))

    def _write_plain(self, method: str, route: str, status: int, milliseconds: float) -> None:
        self._log.info("request_handled", method=method, route=route, status=status, duration_ms=milliseconds)

    def _write_json(self, method: str, route: str, status: int, milliseconds: float) -> None:
        line = {
            **bound_values(),
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": milliseconds,
            "event": "request_handled",
            "logger": "request",
            "level": "info",
            "timestamp": datetime.now(UTC).isoformat()[:-6] + "Z",  # without its +00:00
        }
        try:
            self._stream.write(to_json(line).decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more: no reason to fail a request
            pass


class _Name:
    """All that is left of a logger when every line is written by its last processor."""

    def __init__(self, name: str) -> None:
        self.name = name


def _drop_below(level: str) -> Any:
    names, least = logging.getLevelNamesMapping(), logging.getLevelNamesMapping()[level.upper()]
    quiet = {name.lower() for name, number in names.items() if number < least}

    def drop(_logger: Any, method: str, event: Any) -> Any:
        if method in quiet:
            raise structlog.DropEvent
        return event

    return drop


def _write_to(stream: TextIO) -> Any:
    def write(_logger: Any, _method: str, line: str) -> Any:
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):  # nobody reads any more: no reason to fail a request
            pass
        raise structlog.DropEvent  # written: nothing is left to do

    return write


def _ending(config: Config) -> list[Any]:
    if config.log_format == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
    # Without local variables: they would carry passwords and tokens into the log.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    # One encoder for all lines; json.dumps would make one for each.
    return [tracebacks, lambda _logger, _method, event: _ENCODER.encode(event)]


_ENCODER: Final = json.JSONEncoder(default=repr, separators=(",", ":"))
