"""The visitor's token opens conversations and nothing else."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from digital_human.config import LiveSettings
from digital_human.errors import InputError
from digital_human.server.auth import Gate

LIVE = LiveSettings(host="0.0.0.0", token=SecretStr("operator"), visitor_token=SecretStr("visitor"))
ID = "0123456789abcdef01234567"


def served() -> FastAPI:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE", "OPTIONS"])
    def any_call(path: str) -> str:
        return path

    app.add_middleware(Gate, live=LIVE)
    return app


async def status(method: str, path: str, token: str) -> int:
    transport = httpx.ASGITransport(app=served())
    async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
        headers = {"Authorization": f"Bearer {token}"}
        return (await client.request(method, path, headers=headers)).status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/personas"), ("POST", "/api/sessions"), ("DELETE", f"/api/sessions/{ID}"),
        ("POST", f"/api/sessions/{ID}/offer"), ("POST", f"/api/sessions/{ID}/report"),
        ("POST", f"/whep/{ID}"),
    ],
)  # fmt: skip
async def test_a_visitor_may_talk(method: str, path: str) -> None:
    assert await status(method, path, "visitor") == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/sessions"), ("GET", f"/api/sessions/{ID}/history"),
        ("GET", f"/api/sessions/{ID}/events"), ("POST", f"/api/sessions/{ID}/say"),
        ("POST", f"/api/sessions/{ID}/publish"), ("POST", f"/api/sessions/{ID}/record"),
        ("GET", "/api/recordings/a.mp4"), ("GET", "/metrics"), ("POST", "/human"),
        ("POST", f"/api/sessions/{ID}/offer/../publish"),
    ],
)  # fmt: skip
async def test_and_nothing_else(method: str, path: str) -> None:
    assert await status(method, path, "visitor") == 403
    assert await status(method, path, "operator") == 200
    assert await status(method, path, "neither") == 401


def test_it_needs_the_operators_token_beside_it() -> None:
    with pytest.raises(InputError, match="visitor_token"):
        Gate(served(), LiveSettings(visitor_token=SecretStr("visitor")))
