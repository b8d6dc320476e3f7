"""A real session of a real person's avatar: it lives while the consent does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digital_human.apps.live.posters import Posters
from digital_human.core.events import Event
from digital_human.errors import ConsentError
from digital_human.safety.consent import ConsentFile, Consents
from tests.realtime.conftest import PERSONA, House

pytestmark = [pytest.mark.weights, pytest.mark.slow]

SOURCE = "ab" * 32


@dataclass
class RealPerson:
    """A shipped avatar that says it is of somebody."""

    avatar: Any
    manifest: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.avatar, name)


@pytest.fixture
def consent(house: House) -> Iterator[str]:
    """Id of the consent of whom the persona's avatar shows now."""
    file = ConsentFile(
        subject="Somebody", granted_by="Somebody", uses=["live"], statement="Yes.",
        until=(datetime.now(UTC) + timedelta(days=2)).date(),
    )  # fmt: skip
    id = Consents().grant(file, {"p.jpg": SOURCE}).id
    avatars = house.engine._avatars
    before = dict(avatars)
    for name, avatar in before.items():
        real = {"person": "real", "consent": id, "source": SOURCE}
        avatars[name] = RealPerson(avatar, avatar.manifest.model_copy(update=real))
    yield id
    avatars.update(before)


def test_a_session_ends_when_the_person_takes_the_consent_back(house: House, consent: str) -> None:
    async def story() -> None:
        session = await house.session()
        told: list[Event] = []
        session.events.listen(told.append)
        await asyncio.sleep(1.2)
        assert session.over == ""
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(Consents().revoke, consent, "changed my mind")
        while not session.over:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 1.0
        assert session.over == "consent_revoked"
        assert told[-1].kind == "consent.revoked"
        await session.close(session.over)
        with pytest.raises(ConsentError, match="revoked"):
            await house.session("1123456789abcdef01234567")
        with pytest.raises(ConsentError, match="revoked"):
            await Posters(house.engine).get(PERSONA)

    house.run(story())


def test_the_portrait_is_drawn_once(house: House) -> None:
    async def story() -> None:
        posters = Posters(house.engine)
        first, second = await asyncio.gather(posters.get(PERSONA), posters.get(PERSONA))
        assert first is second and first.data.startswith(b"\xff\xd8")
        assert 10_000 < len(first.data) < 300_000

    house.run(story())
