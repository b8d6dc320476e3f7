"""The calls of a kiosk's operator: how it is, and what it shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from digital_human.apps.kiosk.content import View
from digital_human.apps.live.admission import Intake
from digital_human.core.stage import ModelThread
from digital_human.errors import InputError
from digital_human.server.api import ANY, WITH_BODY
from digital_human.server.faults import responses
from digital_human.server.upkeep_health import Care
from digital_human.server.upkeep_health_rows import HealthView, health
from digital_human.server.upkeep_health_texts import PageLanguage, preferred

_NICE = 15


class ContentView(View):
    """The versions of the content, and what this program shows."""

    running: str = Field(description="Version that is shown now; `own` is the persona's own.")
    restarts: bool = Field(description="Whether another one is shown as soon as nobody is there.")


def routes(care: Care) -> APIRouter:
    """The operator's calls.

    Args:
        care: The kiosk.
    """
    router = APIRouter(prefix="/api/kiosk", tags=["kiosk"])
    contents, thread = care.upkeep.contents, ModelThread("content", nice=_NICE)
    one = Intake(1, "updates of the content")

    async def view() -> ContentView:
        known = await thread.call(contents.view)
        upkeep = care.upkeep
        upkeep.want(known.shown)
        return ContentView(
            **known.model_dump(), running=upkeep.chosen.version, restarts=upkeep.switches
        )

    async def change(work: Callable[[], str]) -> ContentView:
        with one():
            await thread.call(work)
        return await view()

    @router.get("/health", responses=responses(*ANY, 503))
    async def how(
        response: Response,
        lang: Annotated[
            PageLanguage | None, Query(description="Language of the rows' words.")
        ] = None,
        accept_language: Annotated[
            str, Header(description="Counts without `lang`; English where it names neither.")
        ] = "",
    ) -> HealthView:
        """How the kiosk is: a line for each thing, with what mends it.

        Ids and levels are the same in every language.
        """
        language = lang or preferred(accept_language)
        response.headers["Content-Language"] = language
        return await health(care, language)

    @router.get("/content", responses=responses(*ANY, 503))
    async def content() -> ContentView:
        """The versions of the content and what happened to them."""
        return await view()

    @router.post(
        "/content", status_code=202, responses=responses(*WITH_BODY),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )  # fmt: skip
    async def install(request: Request) -> ContentView:
        """Take in a bundle of at most 64 MB and check it; it is shown as soon as nobody is there.

        Should it not come up, what was shown before comes back by itself.
        """
        body = await request.body()
        if not body:
            raise InputError("the bundle is empty", fix="send what digital-human kiosk pack made")
        return await change(lambda: contents.install(io.BytesIO(body)))

    @router.post("/content/rollback", status_code=202, responses=responses(*WITH_BODY))
    async def roll_back() -> ContentView:
        """Show what was shown before, as soon as nobody is there."""
        return await change(lambda: contents.roll_back("by the operator"))

    return router
