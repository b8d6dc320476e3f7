"""The portrait of a persona: what a visitor sees before the conversation begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256

import cv2
import numpy as np

from digital_human.apps.live.backgrounds import DEFAULT, find_background
from digital_human.apps.live.engine import Engine
from digital_human.apps.live.session import SIZE, require_consent
from digital_human.errors import ResourceError
from digital_human.face.motion import MotionFrame
from digital_human.media.live_picture import LivePicture
from digital_human.safety.labels import label_text

_QUALITY = 86


@dataclass(frozen=True, slots=True)
class Poster:
    """A JPEG.

    Attributes:
        data: The file.
        etag: Its digest, as in the header of that name.
    """

    data: bytes
    etag: str


class Posters:
    """Draws each persona's portrait once, as the first picture of a session shows it.

    Args:
        engine: Shared models.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: dict[str, Poster] = {}
        self._drawing = asyncio.Lock()

    async def get(self, folder: str) -> Poster:
        """The portrait of the persona that `Engine.cast` knows as ``folder``.

        Raises:
            ConsentError: It shows a real person who does not agree to live sessions.
        """
        engine = self._engine
        persona = (await engine.cast(folder)).persona
        avatar = await engine.avatar(persona.avatar)
        await engine.recalling.call(require_consent, avatar.manifest)

        def draw() -> Poster:
            picture = LivePicture(
                avatar, SIZE, label=label_text(persona.languages[0]),
                background=find_background(persona, DEFAULT),
            )  # fmt: skip
            image = cv2.cvtColor(picture.draw(MotionFrame.rest()), cv2.COLOR_RGB2BGR)
            done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if not done:
                raise ResourceError(f"the portrait of {persona.name} cannot be encoded")
            data = np.asarray(jpeg).tobytes()
            return Poster(data, f'"{sha256(data).hexdigest()[:32]}"')

        async with self._drawing:
            if folder not in self._made:
                self._made[folder] = await engine.judging.call(draw)
        return self._made[folder]
