"""Structured logs: a line per thing that happened, with session and turn; no secrets, no words."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from digital_human.core.events import Event

_SECRETS = ("token", "authorization", "credential", "password", "api_key", "secret")
_QUIET = frozenset({"heard.partial", "caption", "act"})
# What people said stays out of the logs; numbers, names and states go in.
_WORDS = frozenset({"text", "words", "items", "note", "raw", "question"})


def configure(*, json: bool, level: int = logging.INFO) -> None:
    """Set up logging of the whole process to stderr; tracebacks are plain, without variables.

    Args:
        json: One JSON object a line, for machines; otherwise text for people.
        level: Lowest level that is written.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    if json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setLevel(level)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("aioice").setLevel(logging.WARNING)


def hide_secrets(
    logger: Any, method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace values whose key names a secret."""
    for key in entry:
        if any(word in key.lower() for word in _SECRETS):
            entry[key] = "***"
    return entry


def log_event(event: Event) -> None:
    """Write an event of a session, without the words that were said."""
    if event.kind in _QUIET:
        return
    data = {key: value for key, value in event.data.items() if key not in _WORDS}
    write = structlog.get_logger(__name__)
    tell = write.warning if event.kind == "stage.failed" else write.info
    tell(event.kind, session=event.session, turn=event.turn, at=round(event.at, 3), **data)
