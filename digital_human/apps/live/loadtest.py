"""Talks to a running server as visitors would, and measures what they hear and see.

Everything is taken at the receiving end of real WebRTC connections: latency runs from the true end
of the recorded question to the first voiced sample and the first picture that shows an opened mouth
as they arrive.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError, ResourceError
from digital_human.transport.webrtc.client import Client, HeardSound, SeenPicture

VOICED_DBFS = -45.0
"""A 20 ms packet at or above this level is voice."""
_FRAME = 0.02
_KEPT_PICTURES = 200
_QUIET = 0.9  # s without voice after which a reply counts as over
_LONGEST_REPLY = 40.0
_NO_REPLY = 12.0


@dataclass(frozen=True, slots=True)
class Question:
    """A recording.

    Attributes:
        name: For the table.
        pcm: float32 [n] mono.
        rate: Samples per second.
        onset: Seconds of silence before the voice.
        end: Seconds from its start to the true end of the voice.
    """

    name: str
    pcm: FloatArray
    rate: int
    onset: float
    end: float

    @classmethod
    def load(cls, path: Path) -> Question:
        """Read a recording.

        Raises:
            InputError: The file cannot be read or holds no voice.
        """
        try:
            pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"question {path}: cannot be read", fix="give a WAV file") from error
        return cls.of(path.stem, np.asarray(pcm.mean(axis=1), np.float32), int(rate))

    @classmethod
    def of(cls, name: str, pcm: FloatArray, rate: int) -> Question:
        """A question from sound; the voice is what is within 40 dB of the loudest 20 ms."""
        size = round(rate * _FRAME)
        blocks = pcm[: len(pcm) // size * size].reshape(-1, size)
        power = (blocks**2).mean(axis=1)
        voiced = np.flatnonzero(power > max(power.max(initial=0.0) * 1e-4, 1e-7))
        if not len(voiced):
            raise InputError(f"question {name}: holds no voice", fix="give a recorded question")
        return cls(name, pcm, rate, voiced[0] * _FRAME, (voiced[-1] + 1) * _FRAME)


@dataclass(slots=True)
class TurnResult:
    """One question and what came back.

    Attributes:
        question: Its name.
        heard: What the server understood.
        origin: What the reply began with: ``knowledge``, ``llm``, …; "" without a reply.
        sound: Seconds from the true end of the question to the first voiced sample; None without.
        mouth: The same to the first picture with an opened mouth; None when not measured.
        reply: What was said.
        waterfall: The server's stages: name → (start, end) in seconds from the end of speech.
    """

    question: str
    heard: str = ""
    origin: str = ""
    sound: float | None = None
    mouth: float | None = None
    reply: str = ""
    waterfall: dict[str, tuple[float, float]] = field(default_factory=dict)


class Visitor:
    """One client with a session of its own.

    Args:
        url: Of the server, e.g. ``http://127.0.0.1:8080``.
        token: Bearer token, or empty.
        mouth_open: Tells whether a picture shows an opened mouth; None does not look.
    """

    def __init__(
        self, url: str, token: str = "", *, mouth_open: Callable[[ByteArray], bool] | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=30.0)
        self._mouth_open = mouth_open
        self._pictures: deque[SeenPicture] = deque(maxlen=_KEPT_PICTURES)
        self.client = Client(on_sound=self._hear, on_picture=self._pictures.append)
        self.sounds: deque[tuple[float, bool]] = deque(maxlen=6000)
        self.recording: list[HeardSound] = []
        self.session = ""

    async def start(self, persona: str | None = None) -> None:
        """Make a session and connect.

        Raises:
            ResourceError: The server cannot be reached or refuses.
        """
        body = {"persona": persona} if persona else {}
        answer = await self._post("/api/sessions", body)
        self.session = answer["id"]
        offer = await self.client.offer()
        reply = await self._post(
            f"/api/sessions/{self.session}/offer", {"sdp": offer, "type": "offer"}
        )
        await self.client.accept(reply["sdp"])

    async def ask(self, question: Question) -> TurnResult:
        """Speak a question and wait until the reply is over."""
        result = TurnResult(question.name)
        assert self.client.microphone is not None
        seen = len(self.client.messages)
        began = await self.client.microphone.play(question.pcm, question.rate)
        ended = began + question.end
        await asyncio.sleep(max(0.0, ended - time.monotonic()))
        first = await self._first_voice(ended)
        if first is not None:
            result.sound = first - ended
            await self._until_quiet(first)
        messages = [message for _, message in list(self.client.messages)[seen:]]
        _read(messages, result)
        if self._mouth_open is not None:
            result.mouth = self._first_open(ended)
        return result

    async def interrupt(self, after: float, question: Question) -> float | None:
        """Speak ``question`` over a reply that is being heard.

        Args:
            after: Seconds of the reply that are let pass.
            question: What is spoken.

        Returns:
            Seconds from the onset of the visitor's voice to the last voiced sample of the reply
            received; None when the reply did not stop.
        """
        assert self.client.microphone is not None
        await asyncio.sleep(after)
        began = await self.client.microphone.play(question.pcm, question.rate)
        onset = began + question.onset
        await asyncio.sleep(max(0.0, began + question.end - time.monotonic()) + 0.1)
        voiced = [when for when, loud in self.sounds if loud and when >= onset - 1.0]
        last = None
        for when in voiced:
            if last is not None and when - last > 0.35:
                break
            last = when
        if last is None or last > began + question.end:
            return None
        return last - onset

    async def history(self) -> list[dict[str, Any]]:
        """What the server remembers of the conversation."""
        reply = await self._http.get(f"/api/sessions/{self.session}/history")
        exchanges: list[dict[str, Any]] = reply.json()
        return exchanges

    async def close(self) -> None:
        """End the session."""
        await self.client.close()
        if self.session:
            await self._http.delete(f"/api/sessions/{self.session}")
        await self._http.aclose()

    async def first_voice(self, since: float) -> float | None:
        """`time.monotonic` of the first voiced packet after ``since``; None when none comes."""
        return await self._first_voice(since)

    def _hear(self, sound: HeardSound) -> None:
        level = 20 * np.log10(np.sqrt((sound.pcm**2).mean()) + 1e-9)
        self.sounds.append((sound.arrived, bool(level >= VOICED_DBFS)))
        self.recording.append(sound)
        del self.recording[:-6000]

    async def _first_voice(self, since: float) -> float | None:
        while time.monotonic() - since < _NO_REPLY:
            for when, loud in tuple(self.sounds):
                if loud and when > since:
                    return when
            await asyncio.sleep(0.02)
        return None

    async def _until_quiet(self, since: float) -> None:
        while time.monotonic() - since < _LONGEST_REPLY:
            voiced = [when for when, loud in tuple(self.sounds) if loud]
            last = voiced[-1] if voiced else since
            finished = any(
                m.get("type") == "reply.finished" and at > since for at, m in self.client.messages
            )
            if time.monotonic() - max(last, since) > (_QUIET if finished else 4 * _QUIET):
                return
            await asyncio.sleep(0.05)

    def _first_open(self, ended: float) -> float | None:
        assert self._mouth_open is not None
        for picture in tuple(self._pictures):
            if picture.arrived > ended and self._mouth_open(picture.image):
                return picture.arrived - ended
        return None

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = await self._http.post(path, json=body)
        except httpx.HTTPError as error:
            raise ResourceError(
                f"the server at {self._http.base_url} cannot be reached",
                fix="start it with `digital-human serve`",
            ) from error
        answer: dict[str, Any] = reply.json()
        if reply.is_error:
            fault = answer.get("error", {})
            raise ResourceError(
                f"{path}: {reply.status_code} {fault.get('message', '')}", fix=fault.get("fix", "")
            )
        return answer


def _read(messages: list[dict[str, Any]], result: TurnResult) -> None:
    """What the data channel told of the turn."""
    for message in messages:
        kind = message.get("type")
        if kind == "heard.final":
            result.heard = message.get("text", "")
        elif kind == "reply.started" and not result.origin:
            result.origin = message.get("origin", "")
        elif kind == "reply.finished":
            result.reply = message.get("text", "")
        elif kind == "latency" and not result.waterfall:
            result.waterfall = {
                stage["name"]: (stage["start"], stage["end"]) for stage in message["stages"]
            }


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile ``share`` of ``values``; NaN when there are none."""
    return float(np.quantile(values, share)) if len(values) else float("nan")
