"""Where log lines go and how they look: standard error, one event a line, ours and libraries'."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog

from jackfield.settings import LogFormat, LogLevel


def configure(level: LogLevel, form: LogFormat) -> None:
    """Send every event of `level` or above to standard error; libraries' only from warnings.

    Tracebacks are plain: the pretty ones print local variables, and with them secrets.
    """
    lowest = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        handlers=[_Bridge()],
        level=max(lowest, logging.WARNING),
        force=True,
    )


class _Bridge(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            record.getMessage(),
            logger=record.name,
            exc_info=record.exc_info,
        )


def _renderers(form: LogFormat) -> list[structlog.typing.Processor]:
    if form is LogFormat.AUTO:
        form = LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    if form is LogFormat.CONSOLE:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def _json(event: Any, **_: Any) -> str:  # noqa: ANN401 - what structlog hands over
    return msgspec.json.encode(event, enc_hook=repr).decode()
