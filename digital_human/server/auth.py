"""Who may call: a bearer token, or on loopback the right Host and Origin; and how big a call is.

Plain ASGI, so that nothing of a request is read before it is let in and streams are not buffered.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digital_human.config import LiveSettings
from digital_human.errors import InputError
from digital_human.server.faults import fault, internal

BODY_LIMIT = 256 * 1024
BODY_SECONDS = 10.0
UPLOAD_LIMIT = 25 * 1024 * 1024
UPLOAD_SECONDS = 60.0
UPLOADS_AT_ONCE = 4
CAMERA_LIMIT = 300 * 1000
CONTENT_LIMIT = 64 * 1024 * 1024
CONTENT_SECONDS = 900.0
HEADER_LIMIT = 16 * 1024
PATH_LIMIT = 2048

_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_PUBLIC = re.compile(r"/|/kiosk(/health)?|/api/health|/[A-Za-z0-9_-]+\.[a-z0-9]{2,12}")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# What a visitor's page calls; the rest is for the operator. Session names cannot be guessed.
_VISITORS = re.compile(
    r"GET /api/personas(/[^/]+/(poster|pictures/[^/]+))?"
    r"|POST /api/sessions|DELETE /api/sessions/[^/]+"
    r"|POST /api/sessions/[^/]+/(offer|ask|interrupt|act|talk|language|background|report)"
    r"|GET /api/kiosk(/page)?|POST /api/kiosk/(camera|touch|reset)"
    r"|(OPTIONS|POST|DELETE) /whep/[^/]+(/[^/]+)?"
)
_UPLOAD = "/v1/audio/transcriptions"
_CAMERA = "/api/kiosk/camera"
_CONTENT = "/api/kiosk/content"
_LIMITS = {_UPLOAD: UPLOAD_LIMIT, _CAMERA: CAMERA_LIMIT, _CONTENT: CONTENT_LIMIT}
_SECONDS = {_UPLOAD: UPLOAD_SECONDS, _CONTENT: CONTENT_SECONDS}
_TYPES = {_UPLOAD: "multipart/form-data", _CAMERA: "image/jpeg", _CONTENT: "application/zip"}
_KINDS = {_UPLOAD: "recording", _CAMERA: "picture", _CONTENT: "bundle"}
_UNREAD = "/humanaudio"  # answers without looking at the body, however long it is


def is_loopback(host: str) -> bool:
    """Whether ``host`` is reached from this machine only."""
    return host == "::1" or _LOOPBACK.fullmatch(host) is not None


class Shield:
    """Outermost: bounds the head of a request, adds security headers, hides what goes wrong.

    Args:
        app: The next application.
        live: Settings; ``origins`` may show the page in a frame.
        camera: Whether pages may use the camera.
    """

    def __init__(self, app: ASGIApp, live: LiveSettings, *, camera: bool = False) -> None:
        self._app = app
        frames = " ".join(live.origins) or "'none'"
        self._headers = {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: "
                "blob:; media-src 'self' blob: mediastream:; connect-src 'self'; font-src 'self'; "
                "manifest-src 'self'; base-uri 'none'; form-action 'none'; "
                f"frame-ancestors {frames}"
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": (
                f"microphone=(self), camera={'(self)' if camera else '()'}, geolocation=()"
            ),
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        if not live.origins:
            self._headers["X-Frame-Options"] = "DENY"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_shielded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        path = scope["path"]
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > HEADER_LIMIT:
            refusal = fault(431, f"headers of {size} bytes: at most {HEADER_LIMIT}", path=path)
            await refusal(scope, receive, send_shielded)
            return
        if len(path) + len(scope["query_string"]) > PATH_LIMIT:
            refusal = fault(414, f"the address is longer than {PATH_LIMIT} bytes")
            await refusal(scope, receive, send_shielded)
            return
        try:
            await self._app(scope, receive, send_shielded)
        except Exception as error:
            answer = internal(error, scope["method"], path)
            if not started:
                await answer(scope, receive, send_shielded)


class Gate:
    """Lets in who has the token; without a token, only this machine's own pages and programs.

    Args:
        app: The next application.
        live: Settings with host, token and origins.

    Raises:
        InputError: Others can reach the host and there is no token.
    """

    def __init__(self, app: ASGIApp, live: LiveSettings) -> None:
        self._app = app
        self._token = live.token.get_secret_value().encode() if live.token else b""
        visitor = live.visitor_token
        self._visitor_token = visitor.get_secret_value().encode() if visitor else b""
        self._origins = frozenset(origin.rstrip("/").lower() for origin in live.origins)
        if not self._token and not is_loopback(live.host):
            raise InputError(
                f"live.host {live.host!r}: others can reach it and there is no token",
                fix="set live.token (DH_LIVE__TOKEN), or listen on 127.0.0.1",
            )
        if self._visitor_token and not self._token:
            raise InputError(
                "live.visitor_token: there is no live.token beside it",
                fix="set live.token for the operator too",
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        if self._token:
            if method in ("GET", "HEAD") and _PUBLIC.fullmatch(path):
                return None
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._token)
            if scheme.lower() == "bearer" and right:
                return None
            if self._visitor_token and hmac.compare_digest(
                given.strip().encode(), self._visitor_token
            ):
                if scheme.lower() == "bearer" and _VISITORS.fullmatch(f"{method} {path}"):
                    return None
                return fault(
                    403, "a visitor's token may not do this", path=path,
                    fix="use the operator's token (live.token)",
                )  # fmt: skip
            return fault(
                401, "the token is missing or wrong",
                fix="send the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"}, path=path,
            )  # fmt: skip
        if not is_loopback(headers.get("host", "")):
            return fault(
                403, "the Host of the request is not this machine's own", path=path,
                fix="open http://127.0.0.1, or set live.token to be reachable by other names",
            )  # fmt: skip
        origin = headers.get("origin")
        if origin is not None and method not in _SAFE_METHODS:
            own = urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
            if not own and origin.lower() not in self._origins:
                return fault(
                    403, "a page of another origin may not call this", path=path,
                    fix="add its origin to live.origins",
                )  # fmt: skip
        return None


class Intact:
    """Reads the body of a request: not too long, not too slowly, of a known type.

    Args:
        app: The next application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = scope["type"] != "http" or scope["path"] == _UNREAD
        if unread or scope["method"] in _SAFE_METHODS:
            await self._app(scope, receive, send)
        elif scope["path"] != _UPLOAD:
            await self._checked(scope, receive, send)
        elif self._uploads >= UPLOADS_AT_ONCE:
            busy = fault(
                503, f"{UPLOADS_AT_ONCE} recordings are being taken already", fix="try again",
                headers={"Retry-After": "5", "Connection": "close"},
            )  # fmt: skip
            await busy(scope, receive, send)
        else:
            self._uploads += 1
            try:
                await self._checked(scope, receive, send)
            finally:
                self._uploads -= 1

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        limit = _LIMITS.get(path, BODY_LIMIT)
        announced = headers.get("content-length", "0")
        body: bytes | ASGIApp
        if not (announced.isascii() and announced.isdigit()) or int(announced[:12]) > limit:
            body = _too_large(path, limit)
        else:
            body = await _read(receive, path, limit)
        if isinstance(body, bytes) and body:
            wanted = _wanted_type(path)
            given = headers.get("content-type", "").partition(";")[0].strip().lower()
            if given != wanted:
                body = fault(
                    415, f"Content-Type {given[:60]!r}: {wanted} is wanted here", path=path,
                    fix=f"send Content-Type: {wanted}",
                )  # fmt: skip
        if not isinstance(body, bytes):
            await body(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _wanted_type(path: str) -> str:
    if path.startswith("/whep/"):
        return "application/sdp"
    return _TYPES.get(path, "application/json")


async def _read(receive: Receive, path: str, limit: int) -> bytes | ASGIApp:
    body = bytearray()
    seconds = _SECONDS.get(path, BODY_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return fault(400, "the client went away", path=path)
                body += message.get("body", b"")
                if len(body) > limit:
                    return _too_large(path, limit)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return fault(
            408, f"the body did not arrive within {seconds:.0f} s", path=path,
            headers={"Connection": "close"},
        )  # fmt: skip


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _too_large(path: str, limit: int) -> ASGIApp:
    return fault(
        413, f"the body is longer than {limit // 1024} KB", path=path,
        fix=f"send a shorter {_KINDS.get(path, 'text')}", headers={"Connection": "close"},
    )  # fmt: skip
