"""A real session of a real person's avatar: it lives while the consent does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import av
import numpy as np
import pytest

from digital_human.apps.live.posters import Posters
from digital_human.apps.live.session import SIZE, LiveSession
from digital_human.config import settings
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


def test_a_session_ends_when_the_voice_is_taken_back(house: House) -> None:
    """The avatar is nobody; the voice imitates a person, who then does not agree any more."""
    file = ConsentFile(
        subject="Lin", granted_by="Lin", uses=["live"], scope=["voice"], statement="Yes.",
        until=(datetime.now(UTC) + timedelta(days=2)).date(),
    )  # fmt: skip
    consent = Consents().grant(file, {"lin.wav": SOURCE}).id
    folder = settings().home / "voices" / "lin"
    folder.mkdir(parents=True)
    text = (settings().voices_dir / "xiaoyi.toml").read_text("utf-8")
    text = text.replace('name = "xiaoyi"', 'name = "lin"').replace('"synthetic"', f'"{consent}"')
    real = f'person = "real"\nsources = ["{SOURCE}"]\n'
    (folder / "voice.toml").write_text(real + text, "utf-8")

    async def story() -> None:
        cast = await house.engine.cast(PERSONA)

        def another(id: str) -> LiveSession:
            return LiveSession(id, house.engine, cast, voice="lin", reports=house.reports)

        session = another("3123456789abcdef01234567")
        await session.start()
        await asyncio.sleep(1.2)
        assert session.over == ""
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(Consents().revoke, consent, "changed my mind")
        while not session.over:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 1.0
        assert session.over == "consent_revoked"
        await session.close(session.over)
        with pytest.raises(ConsentError, match="revoked"):
            await another("4123456789abcdef01234567").start()

    try:
        house.run(story())
    finally:
        shutil.rmtree(folder)


def test_a_mixer_sees_the_person_beside_the_matte(house: House) -> None:
    async def story() -> Any:
        session = await house.session("2123456789abcdef01234567", matte=True)
        try:
            outlet = session.broadcast.open("vp8", name="mixer")
            outlet.request_key_frame()
            decoder = av.CodecContext.create("vp8", "r")
            async with asyncio.timeout(20):
                while True:
                    for frame in decoder.decode(await outlet.video()):  # type: ignore[attr-defined]
                        return frame.to_ndarray(format="rgb24").astype(int)
        finally:
            await session.close("done")

    picture = house.run(story())
    height, width, _ = picture.shape
    assert (width, height) == (2 * SIZE[0], SIZE[1])
    colour, matte = picture[:, : width // 2], picture[:, width // 2 :]
    assert np.ptp(matte, axis=2).max() < 12 < np.ptp(colour, axis=2).max()
    # The person's chest is there, and beside the head there is nothing.
    assert matte[-100:, width // 4].min() > 235 and matte[height // 3, :20].max() < 20


def test_the_portrait_is_drawn_once(house: House) -> None:
    async def story() -> None:
        posters = Posters(house.engine)
        first, second = await asyncio.gather(posters.get(PERSONA), posters.get(PERSONA))
        assert first is second and first.data.startswith(b"\xff\xd8")
        assert 10_000 < len(first.data) < 300_000

    house.run(story())
