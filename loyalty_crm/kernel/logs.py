"""Logs as one JSON object a line, with a request id and without anybody's secrets."""

from __future__ import annotations

import logging.config
import re
from typing import TYPE_CHECKING, Any

import structlog
from django_structlog.middlewares import RequestMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest

HIDDEN = "[hidden]"
SECRET_NAMES = re.compile(
    r"passw|secret|token|authorization|cookie|pin$|card|phone|email|otp", re.IGNORECASE
)
# What may not stand in any text: bearer keys, cards, phone numbers, passwords in addresses.
SECRET_TEXTS = re.compile(
    r"(?<=bearer )\S+|\blcrm_\w+|(?<=://)[^/\s@]+:[^/\s@]+(?=@)"
    r"|(?<![\w.-])\+?\d(?:[ -]?\d){9,}(?![\w-])",  # not inside a UUID, nor a fraction
    re.IGNORECASE,
)
# They say at length, every few seconds, that nothing happened.
CHATTY = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "axes")
STEPS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]


def hide_secrets(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """The last step before a line is written, so that a traceback is seen too."""
    return {name: hidden(name, value) for name, value in event.items()}


def hidden(name: str, value: Any) -> Any:
    if SECRET_NAMES.search(name):
        return HIDDEN
    if isinstance(value, str) and name not in {"timestamp", "request_id", "correlation_id"}:
        return SECRET_TEXTS.sub(HIDDEN, value)
    if isinstance(value, dict):
        return {str(key): hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden("", inner) for inner in value]
    return value


def configure(level: str) -> None:
    """Send structlog's and the standard library's records through the same steps."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *STEPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(as_json(level))


def as_json(level: str) -> dict[str, Any]:
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": STEPS,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["out"], "level": level.upper()},
        # Says again what the request's own line says.
        "loggers": {
            "django.request": {"level": "CRITICAL"},
            **{name: {"level": "WARNING"} for name in CHATTY},
        },
    }


class RequestLog(RequestMiddleware):
    """A line for each request: method and path. The query may hold a phone number and stays out."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"
