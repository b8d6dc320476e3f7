"""Our own OpenAI-compatible audio interface with the official client, and a server as the voice."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
import schemathesis
import soxr
import uvicorn
from av.audio.resampler import AudioResampler
from fastapi import FastAPI, Request, Response
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from digital_human.apps.live.admission import Refused
from digital_human.config import SpeechApiSettings
from digital_human.core.stage import ModelThread
from digital_human.errors import Cancelled, ConsentError, InputError, ResourceError
from digital_human.safety.audit import AuditLog
from digital_human.safety.consent import Consents
from digital_human.safety.labels import audio_label
from digital_human.safety.moderation import Moderator
from digital_human.safety.provenance import aigc_metadata, new_label, parse_label
from digital_human.server import sound as sound_room
from digital_human.server import speech as speech_calls
from digital_human.server.app import create_app, server_config
from digital_human.server.sound import FORMATS, Encoder, Format, decode, stretches
from digital_human.server.speech import SpeechDesk
from digital_human.server.speech_models import SpeechRequest
from digital_human.speech import speaker as speaker_room
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.speaker import Speaker, shared_synthesizer
from digital_human.speech.synthesizers.speech_api import SpeechApiSynthesizer
from digital_human.speech.types import Clause, Speech
from digital_human.speech.voices import Voice, load_voice
from tests.contract.test_api import described
from tests.contract.test_synthesizers import check
from tests.fakes.serving import HOST, Served, on_loopback
from tests.unit.test_own_voice import granted, real

TOKEN = "operator-5f2d"
TEXT = "今天的天气很好。"


@dataclass
class Models:
    """What the audio calls use of the live engine, with real models."""

    folder: Path
    busy: bool = False
    voicing: ModelThread = field(default_factory=lambda: ModelThread("voice"))
    ears: ModelThread = field(default_factory=lambda: ModelThread("ears"))
    moderator: Moderator = field(default_factory=Moderator.default)
    recognizer: Recognizer = field(init=False)
    audit: AuditLog = field(init=False)

    def __post_init__(self) -> None:
        self.audit = AuditLog(self.folder)

    def occupied(self) -> bool:
        return self.busy

    def close(self) -> None:
        self.voicing.close()
        self.ears.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    made = Models(tmp_path_factory.mktemp("audit"))
    made.recognizer = RECOGNIZERS["whisper"].create(threads=1)
    yield made
    made.close()


@pytest.fixture
async def address(models: Models, tmp_path: Path) -> AsyncIterator[str]:
    served = Served(tmp_path, token=SecretStr(TOKEN))
    desk = SpeechDesk(models, wait=1.0)
    app = create_app(served.sessions, served.settings, desk)
    config = server_config(app, served.settings)
    config.lifespan = "on"
    async with on_loopback(config) as found:
        yield found
    desk.close()


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0) as found:
        yield found


def sound_of(data: bytes) -> np.ndarray:
    return decode(data, 60)


def wav(pcm: np.ndarray, rate: int = 16_000) -> bytes:
    with io.BytesIO() as target:
        with wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())
        return target.getvalue()


def correlation(sound: np.ndarray, label: np.ndarray) -> float:
    """How alike the label and the beginning of the sound are, at the best of 0.1 s of shifts."""
    start = round(0.3 * 16_000)
    best = 0.0
    for shift in range(-800, 801, 4):
        part = sound[start + shift : start + shift + len(label)]
        scale = np.linalg.norm(part) * np.linalg.norm(label)
        best = max(best, float(part @ label / scale)) if scale > 0 else best
    return best


@pytest.mark.weights
async def test_what_is_spoken_is_heard_again(client: openai.AsyncOpenAI, models: Models) -> None:
    answer = await client.audio.speech.with_raw_response.create(
        model="any", voice="xiaoyi", input=f"[slow 0.5]{TEXT}", response_format="wav"
    )
    label = parse_label(answer.headers["AIGC"])
    assert answer.headers["content-type"] == "audio/wav" and label.produce_id
    data = answer.content
    sound = sound_of(data)
    assert correlation(sound, audio_label(16_000)) > 0.9
    heard = await client.audio.transcriptions.create(
        model="any", file=("a.wav", data), language="zh", response_format="verbose_json",
        timestamp_granularities=["word"],
    )  # fmt: skip
    # Neither the label nor the tag is heard as words.
    assert heard.text.startswith("今天的天气很好") and len(heard.text) <= len(TEXT)
    usual = await client.audio.speech.create(
        model="any", voice="xiaoyi", input=TEXT, response_format="wav"
    )
    longer = (len(sound) - len(sound_of(usual.content))) / 16_000
    assert 0.08 < longer < 0.4  # the pause behind it is longer by 0.05 s
    assert heard.language == "chinese" and abs(heard.duration - len(sound) / 16_000) < 0.1
    assert heard.segments and heard.segments[0].start < heard.segments[0].end
    assert heard.words and "".join(word.word for word in heard.words) == heard.text
    ends = [time for word in heard.words for time in (word.start, word.end)]
    assert ends == sorted(ends) and ends[0] > 0.88
    for kind, start in (("text", "今"), ("vtt", "WEBVTT\n\n")):
        text: Any = await client.audio.transcriptions.create(
            model="any", file=("a.wav", data), language="zh", response_format=kind
        )
        assert text.startswith(start) and "天气" in text


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_plays_and_carries_its_label(kind: Format, whole: bool) -> None:
    label = new_label(producer="tests")
    sound = np.sin(np.arange(48_000) * 2 * np.pi * 300 / 24_000).astype(np.float32) / 2
    encoder = Encoder(kind, 24_000, aigc_metadata(label), whole=whole)
    pieces = [encoder.encode(sound[:20_001]), encoder.encode(sound[20_001:]), encoder.close()]
    assert whole is not bool(pieces[0] or pieces[1])
    data = b"".join(pieces)
    if kind == "pcm":
        assert len(data) == 2 * len(sound)
        data = wav(np.frombuffer(data, "<i2") / 32767, 24_000)
    heard = sound_of(data)
    assert abs(len(heard) / 16_000 - 2) < 0.08
    spectrum = np.abs(np.fft.rfft(heard[4000:20_000]))
    assert abs(float(spectrum.argmax()) - 300) < 3
    assert 0.4 < np.abs(heard[4000:20_000]).max() < 0.6  # encoders overshoot at the onset
    if kind in ("mp3", "opus", "flac"):
        with av.open(io.BytesIO(data)) as file:
            tags = {**file.metadata, **file.streams[0].metadata}
        assert parse_label(tags["AIGC"]) == label


@pytest.mark.weights
async def test_clauses_are_streamed_and_the_label_may_be_elsewhere(
    client: openai.AsyncOpenAI, models: Models
) -> None:
    pieces: list[bytes] = []
    async with client.audio.speech.with_streaming_response.create(
        model="any", voice="xiaoyi", input="好。是的。", response_format="pcm",
        extra_body={"stream": True, "label": "elsewhere"},
    ) as answer:  # fmt: skip
        assert "content-length" not in answer.headers
        async for piece in answer.iter_bytes():
            pieces.append(piece)
    assert len(pieces) >= 2
    sound = np.frombuffer(b"".join(pieces), "<i2").astype(np.float32) / 32767
    assert 0.5 < len(sound) / 24_000 < 3
    assert correlation(soxr.resample(sound, 24_000, 16_000), audio_label(16_000)) < 0.5
    decisions = [record for record in models.audit.records() if record.action == "audible-label"]
    assert decisions and decisions[-1].detail["decision"] == "elsewhere"


@pytest.mark.weights
async def test_what_is_wrong_is_told_in_openai_s_terms(
    client: openai.AsyncOpenAI, address: str, models: Models
) -> None:
    with pytest.raises(openai.BadRequestError, match="does not exist"):
        await client.audio.speech.create(model="m", voice="xiaoyii", input="你好")
    with pytest.raises(openai.BadRequestError, match="spoken"):
        await client.audio.speech.create(model="m", voice="xiaoyi", input="……")
    with pytest.raises(openai.UnprocessableEntityError, match="input"):
        await client.audio.speech.create(model="m", voice="xiaoyi", input="好" * 4097)
    with pytest.raises(openai.PermissionDeniedError, match="word lists"):
        await client.audio.speech.create(model="m", voice="xiaoyi", input="网络赌场，注册送礼金")
    with pytest.raises(openai.BadRequestError, match="as sound"):
        await client.audio.transcriptions.create(model="m", file=("a.wav", b"#EXTM3U\nx.ts\n"))
    # It is refused by its announced length, and the connection closed before it is sent.
    with pytest.raises((openai.APIConnectionError, openai.APIStatusError)) as long:
        await client.audio.transcriptions.create(model="m", file=("a.wav", bytes(26 * 2**20)))
    assert getattr(long.value, "status_code", 413) == 413
    stranger = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        await stranger.audio.speech.create(model="m", voice="xiaoyi", input="你好")
    await stranger.close()


@pytest.mark.weights
async def test_live_sessions_come_first(models: Models) -> None:
    desk = SpeechDesk(models, wait=0.4)
    wish = SpeechRequest(model="m", voice="xiaoyi", input=TEXT, response_format="pcm")
    models.busy = True
    try:
        with pytest.raises(Refused, match="live sessions"):
            await anext(desk.encoded(wish, {}))
        patient = asyncio.ensure_future(anext(SpeechDesk(models, wait=30).encoded(wish, {})))
        await asyncio.sleep(0.3)
        assert not patient.done()
        models.busy = False
        assert len(await patient) > 2 * 24_000
    finally:
        models.busy = False
        desk.close()
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(desk.admitted())
        with pytest.raises(Refused, match="being worked on"):
            stack.enter_context(desk.admitted())
    with desk.admitted():
        pass


# ----- what goes wrong on the way


class Tone:
    """An engine that hums, and remembers in which threads it was asked.

    Args:
        after: Called with the number of the clause when it was made.
    """

    rate = 24_000
    fingerprint = "tone"

    def __init__(self, after: Callable[[int], None] = lambda index: None) -> None:
        self.after = after
        self.threads: set[str] = set()

    def synthesize(self, clause: Clause, voice: Voice, **options: Any) -> Speech:
        self.threads.add(threading.current_thread().name)
        pcm = np.sin(np.arange(self.rate // 2) / 9).astype(np.float32) / 3
        self.after(clause.index)
        return Speech(
            clause=clause,
            spoken=clause.text,
            pcm=pcm,
            rate=self.rate,
            phones=(),
            words=(),
            epoch=0,
        )


@pytest.fixture
def humming(monkeypatch: pytest.MonkeyPatch) -> Tone:
    tone = Tone()

    def made(engine: str) -> Tone:
        tone.threads.add(threading.current_thread().name)
        return tone

    monkeypatch.setattr(speaker_room, "shared_synthesizer", made)
    return tone


@pytest.fixture
def plain(home: Path) -> Iterator[Models]:
    """What is used of the engine when nothing is heard; without weights."""
    made = Models(home / "audit")
    yield made
    made.close()


@contextlib.asynccontextmanager
async def on_desk(models: Models, wait: float = 0.4) -> AsyncIterator[tuple[str, SpeechDesk]]:
    served = Served(models.folder)
    desk = SpeechDesk(models, wait=wait)
    config = server_config(create_app(served.sessions, served.settings, desk), served.settings)
    config.lifespan = "on"
    async with on_loopback(config) as found:
        yield f"{found}/v1/audio/speech", desk
    desk.close()


def wish_of(**fields: Any) -> dict[str, Any]:
    usual = {"model": "m", "voice": "xiaoyi", "input": "好。是的。", "response_format": "pcm"}
    return usual | fields


async def test_the_engine_is_made_in_its_own_thread(plain: Models, humming: Tone) -> None:
    async with on_desk(plain) as (address, _), httpx.AsyncClient() as http:
        answer = await http.post(address, json=wish_of(label="elsewhere"))
    assert answer.status_code == 200 and len(answer.content) == 2 * humming.rate
    assert humming.threads == {"voice"}


def test_two_threads_make_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Tone] = []

    class Slow:
        def create(self) -> Tone:
            time.sleep(0.1)
            made.append(Tone())
            return made[-1]

    monkeypatch.setattr(speaker_room, "SYNTHESIZERS", {"slow-to-make": Slow()})
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(shared_synthesizer, ["slow-to-make"] * 2))
    assert len(made) == 1 and found[0] is found[1]


async def test_a_stream_that_cannot_begin_says_why(plain: Models, humming: Tone) -> None:
    def fail(index: int) -> None:
        if index == failing:
            raise ResourceError("the engine is out of breath", fix="wait")

    wish = wish_of(stream=True)
    async with on_desk(plain) as (address, _), httpx.AsyncClient() as http:
        plain.busy = True
        answer = await http.post(address, json=wish)
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "busy"
        assert answer.headers["retry-after"]
        plain.busy = False
        failing, humming.after = 0, fail
        answer = await http.post(address, json=wish)
        assert answer.status_code == 503 and "breath" in answer.json()["error"]["message"]
        failing = 1
        with pytest.raises(httpx.RemoteProtocolError):  # never taken for the whole
            await http.post(address, json=wish)
        failing = 2
        answer = await http.post(address, json=wish)
        assert answer.status_code == 200 and "content-length" not in answer.headers
        sound = np.frombuffer(answer.content, "<i2").astype(np.float32) / 32767
        ears = soxr.resample(sound, humming.rate, 16_000)
        assert correlation(ears, audio_label(16_000)) > 0.9


async def test_a_voice_taken_back_is_not_spoken_with(
    plain: Models, humming: Tone, home: Path
) -> None:
    consent = granted(uses=("live",))
    real(home, consent)
    spoken: list[int] = []

    def revoke(index: int) -> None:
        spoken.append(index)
        Consents().revoke(consent, "asked")

    humming.after = revoke
    async with on_desk(plain) as (address, _), httpx.AsyncClient() as http:
        for _ in range(2):  # between two clauses, and before the first
            answer = await http.post(address, json=wish_of(voice="lin"))
            assert answer.status_code == 403 and answer.json()["error"]["code"] == "no_consent"
            assert "was revoked" in answer.json()["error"]["message"]
            assert spoken == [0]


async def test_a_stream_ends_when_the_voice_is_taken_back(
    plain: Models, humming: Tone, home: Path
) -> None:
    consent = granted(uses=("live",))
    real(home, consent)
    desk = SpeechDesk(plain)
    pieces = desk.encoded(SpeechRequest(**wish_of(voice="lin", stream=True)), {})
    assert len(await anext(pieces)) > humming.rate
    Consents().revoke(consent, "asked")
    with pytest.raises(ConsentError, match="was revoked"):
        await anext(pieces)
    desk.close()


async def test_a_voice_for_the_news_is_not_spoken_with_here(
    plain: Models, humming: Tone, home: Path
) -> None:
    real(home, granted(uses=("news",)))
    async with on_desk(plain) as (address, _), httpx.AsyncClient() as http:
        answer = await http.post(address, json=wish_of(voice="lin"))
    assert answer.status_code == 403 and "'live' is not among" in answer.text
    assert not humming.threads


def places(desk: SpeechDesk) -> int:
    with contextlib.ExitStack() as stack:
        for number in range(4):
            try:
                stack.enter_context(desk.admitted())
            except Refused:
                return number
    return 4


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_gives_its_place_back(plain: Models, stream: bool) -> None:
    plain.busy = True
    async with on_desk(plain, wait=60) as (address, desk), asyncio.timeout(10):
        async with httpx.AsyncClient() as http:
            calling = asyncio.ensure_future(http.post(address, json=wish_of(stream=stream)))
            while places(desk) == 4:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            calling.cancel()
            await asyncio.wait([calling])
        while places(desk) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_pauses_are_bounded_in_all(plain: Models, humming: Tone) -> None:
    async with on_desk(plain) as (address, _), httpx.AsyncClient() as http:
        answer = await http.post(address, json=wish_of(input="[pause 10]好。" * 7))
        assert answer.status_code == 400
        assert "pauses are 70 s in all, over 60 s" in answer.json()["error"]["message"]
        assert not humming.threads
        wish = wish_of(input="[pause 10]好。" * 6, label="elsewhere")
        answer = await http.post(address, json=wish)
    assert len(answer.content) == 2 * round(63 * humming.rate)


def flac(rate: int, frames: int) -> bytes:
    """Silence in frames of 65,535 samples, 14 bytes each."""

    def remainder(data: bytes, bits: int, polynomial: int) -> bytes:
        value = 0
        for byte in data:
            value ^= byte << (bits - 8)
            for _ in range(8):
                value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
                value &= (1 << bits) - 1
        return value.to_bytes(bits // 8, "big")

    info = b"\xff\xff\xff\xff" + bytes(6)  # lengths of blocks, of frames
    info += (rate << 44 | 15 << 36).to_bytes(8, "big") + bytes(16)
    data = b"fLaC\x80\x00\x00\x22" + info
    for number in range(frames):
        head = b"\xff\xf8\x70\x08" + chr(number).encode() + b"\xff\xfe"
        frame = head + remainder(head, 8, 0x07) + bytes(3)
        data += frame + remainder(frame, 16, 0x8005)
    return data


def test_a_small_file_takes_no_large_memory() -> None:
    sound = decode(flac(16_000, 2), 60)
    assert len(sound) == 2 * 65_535 and not sound.any()
    small = flac(10, 500)
    assert len(small) < 8192
    with pytest.raises(InputError, match="sample rate is 10 Hz"):
        decode(small, 600)
    with pytest.raises(InputError, match="sample rate is 384000 Hz"):
        decode(flac(384_000, 1), 600)
    resampled: list[int] = []

    class Counting:
        def __init__(self, *given: Any) -> None:
            self._real = AudioResampler(*given)

        def resample(self, frame: Any) -> Any:
            resampled.append(frame.samples if frame is not None else 0)
            return self._real.resample(frame)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match="longer"):
        patch.setattr(sound_room, "AudioResampler", Counting)
        decode(flac(4000, 500), 20)  # 16.4 s a frame
    assert resampled == [65_535]
    exact = decode(wav(np.zeros(16_000)), 1.0)
    assert len(exact) == 16_000


def test_long_speech_is_cut_where_it_is_least_likely(data_dir: Path) -> None:
    pcm = decode((data_dir / "speech" / "jfk.wav").read_bytes(), 60)
    found = list(stretches(np.tile(pcm, 4)))
    assert len(found) >= 4 and all(0 < b - a <= 25.2 * 16_000 for a, b in found)
    covered = sum(b - a for a, b in found) / 16_000
    assert 25 < covered < 44
    assert list(stretches(np.zeros(32_000, np.float32))) == []


# ----- generated requests

_GENERATED = Models(Path("no-audit"))
_GENERATED_APP = Served(Path("no-recordings"))
_GENERATED_APP.app = create_app(
    _GENERATED_APP.sessions, _GENERATED_APP.settings, SpeechDesk(_GENERATED)
)
API = described(_GENERATED_APP)
_SPOKEN: dict[str, Speech] = {}


@pytest.mark.weights
@API.include(path_regex="^/v1/audio/").parametrize()
@hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_as_described(
    case: schemathesis.Case, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_GENERATED, "recognizer", models.recognizer, raising=False)
    monkeypatch.setattr(_GENERATED, "audit", models.audit)
    real = speech_calls._speak

    def once(speaker: Speaker, clause: Clause, cancelled: Callable[[], bool]) -> Speech:
        """Speak every text once: the requests are about the interface."""
        if clause.text not in _SPOKEN:
            _SPOKEN[clause.text] = real(speaker, clause, cancelled)
        return _SPOKEN[clause.text]

    monkeypatch.setattr(speech_calls, "_speak", once)
    good = case.meta is None or case.meta.generation.mode.is_positive
    if good and isinstance(case.body, dict):
        if case.operation.label.endswith("/speech"):
            case.body |= {"voice": "xiaoyi", "input": "好。", "language": "zh"}
        else:
            case.body["file"] = wav(np.zeros(8000))
    case.call_and_validate(base_url=HOST, timeout=120)


# ----- a server as the voice


def voice_of(remote: str) -> Voice:
    return Voice(
        name="served", display={"zh": "服务"}, gender="female", languages=("zh", "en"),
        engine="speech-api", remote=remote, licence="Apache-2.0", source="a test",
        consent="synthetic",
    )  # fmt: skip


def synthesizer_of(address: str, **api: Any) -> SpeechApiSynthesizer:
    given = {"base_url": f"{address}/v1", "api_key": SecretStr(TOKEN), "timeout": 20.0}
    return SpeechApiSynthesizer(SpeechApiSettings(**(given | api)))


@pytest.mark.weights
async def test_our_own_server_is_a_voice_with_exact_times(address: str) -> None:
    clause = Clause("今天的天气很好。", "zh", epoch=4, pause=300)
    engine = synthesizer_of(address, format="pcm", extra={"label": "elsewhere"})
    speech = await asyncio.to_thread(engine.synthesize, clause, voice_of("xiaoyi"))
    check(speech)
    assert speech.clause is clause and speech.epoch == 4 and speech.spoken == clause.text
    assert not speech.pcm[-round(0.3 * speech.rate) :].any() and speech.phones[-1].symbol == "_"
    exact = shared_synthesizer("kokoro").synthesize(clause, load_voice("xiaoyi"))
    ours, theirs = (np.array([w.end for w in s.words]) / s.rate for s in (speech, exact))
    sounds = speech.pcm[::8], exact.pcm[::8]
    together = np.correlate(sounds[0], sounds[1], "full").argmax() - (len(sounds[1]) - 1)
    apart = np.abs(ours - theirs - together * 8 / speech.rate)
    assert np.median(apart) < 0.015 and apart.max() < 0.06
    nothing = await asyncio.to_thread(
        engine.synthesize, Clause("……", "zh", pause=200), voice_of("x")
    )
    assert len(nothing.pcm) == round(0.2 * nothing.rate) and not nothing.pcm.any()


class Broken:
    """A server on which the model's name chooses what goes wrong."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.calls = 0

        @self.app.post("/v1/audio/speech")
        async def speech(request: Request) -> Response:
            self.calls += 1
            match (await request.json())["model"]:
                case "busy":
                    return Response(b"no", 429, {"retry-after-ms": "1"})
                case "broken":
                    return Response(b"no", 500, {"retry-after-ms": "1"})
                case "chat":
                    return Response(b"I am a language model", media_type="text/plain")
                case "silent":
                    return Response(wav(np.zeros(16_000)), media_type="audio/wav")
                case "endless":
                    return Response(bytes(33 * 2**20), media_type="audio/wav")
                case "slow":
                    await asyncio.sleep(20)
            return Response(b"no", 404)


@pytest.fixture
async def broken() -> AsyncIterator[tuple[str, Broken]]:
    served = Broken()
    config = uvicorn.Config(served.app, log_config=None, timeout_graceful_shutdown=1)
    async with on_loopback(config) as found:
        yield found, served


FAILURES = [
    ("busy", ResourceError, "429"), ("broken", ResourceError, "500"),
    ("chat", ResourceError, "no wav"), ("silent", ResourceError, "silent"),
    ("endless", ResourceError, "32 MB"), ("nowhere", InputError, "404"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "kind", "message"), FAILURES)
async def test_failures_of_a_server_are_told_apart(
    broken: tuple[str, Broken], model: str, kind: type[Exception], message: str
) -> None:
    engine = synthesizer_of(broken[0], model=model)
    with pytest.raises(kind, match=message) as told:
        await asyncio.to_thread(engine.synthesize, Clause("你好。", "zh"), voice_of("a"))
    assert TOKEN not in str(told.value) and "你好" not in str(told.value) or model == "silent"
    assert broken[1].calls == (3 if model in ("busy", "broken") else 1)


async def test_a_slow_server_is_cancelled_or_given_up(broken: tuple[str, Broken]) -> None:
    engine = synthesizer_of(broken[0], model="slow")
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        await asyncio.to_thread(
            engine.synthesize, Clause("你好。", "zh"), voice_of("a"),
            cancelled=lambda: time.monotonic() - begun > 0.3,
        )  # fmt: skip
    assert time.monotonic() - begun < 5
    with pytest.raises(InputError, match="does not read"):
        engine.synthesize(Clause("はい。", "ja"), voice_of("a"))


def test_a_wrong_address_is_refused_and_a_clear_one_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InputError, match="base_url"):
        synthesizer_of("ftp://x")
    with pytest.raises(ResourceError, match="cannot be reached"):
        synthesizer_of("http://127.0.0.1:9", timeout=1.0).synthesize(
            Clause("你好。", "zh"), voice_of("a")
        )
    assert "unencrypted" not in capsys.readouterr().out
    one = synthesizer_of("http://voices.example")
    two = synthesizer_of("https://voices.example")
    told = capsys.readouterr().out
    assert told.count("unencrypted") == 1 and TOKEN not in told
    assert one.fingerprint != two.fingerprint
