"""The HTTP interface against its own OpenAPI description: generated requests, good and bad."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings as hypothesis_settings
from schemathesis.checks import CHECKS

from digital_human.apps.live.admission import Admission
from digital_human.apps.live.sessions import Sessions, Wish
from digital_human.config import LiveSettings, Settings
from digital_human.server.app import create_app
from tests.fakes.live import FakePeer, FakePersona, FakeSession

TOKEN = "0123456789abcdef"
BASE = "http://127.0.0.1:8080"


@schemathesis.serializer("application/sdp")
def plain_text(context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


async def make(id: str, wish: Wish) -> FakeSession:
    return FakeSession(id, wish)


def app(folder: Path, *, token: str | None) -> FastAPI:
    sessions = Sessions(
        make, admission=Admission(2, limit=100_000), new_peer=FakePeer,
        personas=lambda: [FakePersona()],
    )  # fmt: skip
    live = LiveSettings(token=token, recordings=folder)
    return create_app(sessions, Settings(home=folder, live=live))


def description(app: FastAPI) -> Any:
    """The application's own description, with the errors a wrong value may lead to."""
    config = schemathesis.Config.from_dict(
        {
            "checks": {
                # A well-formed offer may still be no SDP, a name may still not exist.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "400", "404", "501"]
                },
                "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501"]},
            },
        }
    )
    host = {"Host": "127.0.0.1"}
    return schemathesis.openapi.from_asgi(
        "/api/openapi.json", app, config=config, headers=host
    )


OPEN = description(app(Path("no-recordings"), token=None))


@OPEN.parametrize()
@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_as_described(case: schemathesis.Case) -> None:
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if positive and "id" in case.path_parameters and not case.path.endswith("/events"):
        made = OPEN["/api/sessions"]["POST"].Case(body={}, media_type="application/json").call(base_url=BASE)
        case.path_parameters["id"] = made.json()["id"]
    case.call_and_validate(base_url=BASE)
