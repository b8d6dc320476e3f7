"""Every error leaves as ``{"error": {"code", "message", "fix"}}`` with a fitting status."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from digital_human.apps.live.admission import Refused
from digital_human.apps.live.guests import NoSession
from digital_human.errors import (
    Cancelled,
    ConsentError,
    DigitalHumanError,
    InputError,
    ModerationError,
    ResourceError,
    WeightsError,
)

_log = structlog.get_logger(__name__)

# The LiveTalking calls answer in an envelope of their own, errors too.
ENVELOPED = frozenset(
    {"/offer", "/human", "/humanaudio", "/interrupt_talk", "/is_speaking", "/record"}
)

_PAGE = re.compile(r"/(kiosk(/health)?)?|/[^/]+\.[a-z0-9]+")

_STATUS: tuple[tuple[type[DigitalHumanError], int, str], ...] = (
    (NoSession, 404, "not_found"),
    (Refused, 503, "busy"),
    (InputError, 400, "bad_input"),
    (ModerationError, 403, "refused_content"),
    (ConsentError, 403, "no_consent"),
    (WeightsError, 503, "unavailable"),
    (ResourceError, 503, "unavailable"),
    (Cancelled, 409, "cancelled"),
)
_CODES = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found",
    405: "method_not_allowed", 408: "timeout", 413: "too_large", 414: "too_large",
    415: "unsupported_media_type", 422: "invalid", 431: "too_large", 500: "internal",
    501: "not_implemented", 503: "unavailable",
}  # fmt: skip
_FIXES = {
    404: "see /api/openapi.json for what there is",
    405: "see /api/openapi.json for the methods of this path",
}


class ErrorDetail(BaseModel):
    """What is wrong and what mends it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "not_found",
                    "message": "there is no such session",
                    "fix": "make one with POST /api/sessions",
                }
            ]
        }
    )

    code: str = Field(description="Stable name of the kind of error.")
    message: str = Field(description="What is wrong, for people.")
    fix: str = Field(description="What to do about it; may be empty.")


class ErrorBody(BaseModel):
    """Body of every error response."""

    error: ErrorDetail


def fault(
    status: int,
    message: str,
    *,
    fix: str = "",
    code: str = "",
    headers: Mapping[str, str] | None = None,
    path: str = "",
) -> JSONResponse:
    """An error response.

    Args:
        status: HTTP status.
        message: What is wrong.
        fix: What mends it.
        code: Name of the kind; by default that of the status.
        headers: Further headers.
        path: Path of the request, for calls with an envelope of their own.
    """
    error = {"code": code or _CODES.get(status, "error"), "message": message, "fix": fix}
    body: dict[str, Any] = {"error": error}
    if path in ENVELOPED or path.startswith("/record/"):
        body |= {"code": -1, "msg": f"{message}; {fix}" if fix else message, "data": None}
    return JSONResponse(body, status, dict(headers or {}))


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the error statuses a call may answer with."""
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every exception with an error body."""

    @app.exception_handler(DigitalHumanError)
    async def known(request: Request, error: DigitalHumanError) -> Response:
        status, code = next(
            ((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "internal")
        )
        headers = {"Retry-After": "5"} if status == 503 else {}
        if isinstance(error, Refused):
            headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        return fault(
            status, error.message, fix=error.fix, code=code, headers=headers,
            path=request.url.path,
        )  # fmt: skip

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(app, request.url.path))
        return fault(
            error.status_code, str(error.detail), fix=_FIXES.get(error.status_code, ""),
            headers=headers, path=request.url.path,
        )  # fmt: skip

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [
            f"{'.'.join(str(part) for part in e['loc'])[:100]}: {e['msg']}"
            for e in error.errors()[:5]
        ]
        return fault(
            422, "; ".join(problems)[:1000], path=request.url.path,
            fix="correct the request; /api/openapi.json describes it",
        )  # fmt: skip


def _methods(app: FastAPI, path: str) -> list[str]:
    """The methods of a path, over all its calls; the router knows those of the first only."""
    methods = {"GET"} if _PAGE.fullmatch(path) else set()
    for template, calls in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            methods |= {method.upper() for method in calls}
    return sorted(methods)


def internal(error: Exception, method: str, path: str) -> JSONResponse:
    """The answer to an unforeseen error: an id to find its cause in the log, nothing else."""
    number = secrets.token_hex(4)
    _log.error("request.failed", error_id=number, method=method, path=path, exc_info=error)
    return fault(
        500, f"something went wrong inside (error {number})",
        fix=f"look for {number} in the server's log", path=path,
    )  # fmt: skip
