"""A visitor of a real kiosk: a filmed face for its camera, recorded questions in a noisy hall.

Take the pictures of the documentation: ``python -m tests.fakes.kiosk_visit docs/images``.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from playwright.sync_api import Page, expect, sync_playwright

from digital_human.core.frames import FloatArray
from tests.fakes import visitors
from tests.fakes.program import served

TESTS = Path(__file__).resolve().parents[1]
DEVICES = TESTS / "browser" / "devices.js"
QUESTIONS = TESTS / "browser" / "questions"
"""Spoken by voices of the project that are not the guide's."""

RATE = 48_000
FPS = 5
SPOKEN = -24.0  # dBFS of a voice at arm's length
NOISE = 10.0  # dB that the hall is below it
ANSWER_S = 60.0
NOTICED_S = 20.0
COMMAND = ("kiosk", "--persona", "dongpo", "--no-browser")


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a question.

    Attributes:
        heard: What was understood.
        text: What was said, as far as it was heard.
        origin: Where the answer came from.
        language: Of the question.
        interrupted: Whether it was broken off.
        sources: What it rests on.
        waited: Seconds from the end of the voice to the first caption.
        turn: Its number.
    """

    heard: str
    text: str
    origin: str
    language: str
    interrupted: bool
    sources: tuple[dict[str, Any], ...]
    waited: float
    turn: int


class Visitor:
    """Who stands before the kiosk of a page: comes, asks aloud, leaves.

    Args:
        page: Not opened yet: camera and microphone are put into it first.
        data: The folder of real clips and noises.
    """

    def __init__(self, page: Page, data: Path) -> None:
        self._page = page
        page.add_init_script(DEVICES.read_text(encoding="utf-8"))
        self._film = _film(data)
        self._sounds = _sounds(data)

    def prepare(self) -> None:
        """Hand the page its film and recordings; the hall is empty and noisy then."""
        width, height = visitors.SIZE
        for name, pictures in self._film.items():
            given = [name, [_base64(one) for one in pictures], width, height]
            self._page.evaluate("(film) => visitor.film(...film)", given)
        for name, wav in self._sounds.items():
            self._page.evaluate("(sound) => visitor.record(...sound)", [name, _base64(wav)])
        self._page.evaluate("visitor.show('empty', true)")
        self._page.evaluate("visitor.noise('hall')")

    def come(self) -> None:
        """Walk up to the kiosk and look at it."""
        self._page.evaluate("visitor.show('coming', false)")
        self._page.wait_for_timeout(1000 * len(self._film["coming"]) / FPS)
        self._page.evaluate("visitor.show('looking', true)")

    def leave(self) -> None:
        """Walk away."""
        self._page.evaluate("visitor.show('leaving', false)")
        self._page.wait_for_timeout(1000 * len(self._film["leaving"]) / FPS)
        self._page.evaluate("visitor.show('empty', true)")

    def say(self, name: str) -> float:
        """Say a recording; the page's time of its end."""
        return float(self._page.evaluate("(name) => visitor.say(name)", name))

    def ask(self, name: str) -> Answered:
        """Ask a recorded question and wait until it has been answered."""
        before = len(self.told("heard.final"))
        ended = self.say(name)
        if not self.noticed(before):  # people say it again then
            ended = self.say(name)
        return self.answer(before, ended)

    def noticed(self, number: int) -> bool:
        """Whether the guide shows within some seconds that it has heard this question."""
        end = time.monotonic() + NOTICED_S
        while len(self.told("heard.final")) <= number:
            if time.monotonic() > end:
                return False
            self._page.wait_for_timeout(50)
        return True

    def ask_for(self, name: str, answered: Answered | None = None) -> Answered:
        """Ask what the guide knows, as people do: again when it was misheard, three times at most.

        Args:
            name: Of the recording.
            answered: What came of asking it the first time, if that was done.
        """
        answered = answered or self.ask(name)
        for _ in range(2):
            if answered.origin == "knowledge":
                break
            answered = self.ask(name)
        return answered

    def answer(self, number: int, ended: float) -> Answered:
        """The answer to the question of this number, whose voice ended then."""
        asked = self.wait(lambda: self.told("heard.final")[number:], "a question")[0]
        turn = asked["turn"]
        over = self.wait(lambda: self.told("reply.finished", turn), f"an answer to {asked}")[0]
        captions = self.told("caption", turn)
        first = captions[0]["came"] if captions else over["came"]
        return Answered(
            asked["text"], over["text"], over["origin"], asked["language"], over["interrupted"],
            tuple(item for told in self.told("sources", turn) for item in told["items"]),
            first - ended, turn,
        )  # fmt: skip

    def told(self, kind: str, turn: int | None = None) -> list[dict[str, Any]]:
        """What the server told of this kind, of one turn or of all."""
        told = self._page.evaluate("(kind) => visitor.told.filter((e) => e.type === kind)", kind)
        return [event for event in told if turn is None or event["turn"] == turn]

    def wait(
        self, found: Callable[[], list[dict[str, Any]]], what: str, seconds: float = ANSWER_S
    ) -> list[dict[str, Any]]:
        """Wait until something was told."""
        end = time.monotonic() + seconds
        while not (events := found()):
            assert time.monotonic() < end, f"{what} did not come in {seconds:.0f} s"
            self._page.wait_for_timeout(50)
        return events


def _film(data: Path) -> dict[str, list[bytes]]:
    clip = visitors.read_clip(data / "base_video" / "sit_musev.mp4")
    hall = visitors.hall(3)
    rng = np.random.default_rng(1)

    def shot(frames: Iterable[tuple[int, float, float]]) -> list[bytes]:
        return [
            visitors.jpeg(visitors.stand(hall, clip.at(index), clip, metres, across), rng)
            for index, metres, across in frames
        ]

    coming = np.linspace(0, 1, 3 * FPS)
    leaving = np.linspace(0, 1, 2 * FPS)
    return {
        "empty": [visitors.jpeg(hall, rng) for _ in range(2 * FPS)],
        "coming": shot((i, 4.0 - 3.1 * t, 0.35 + 0.15 * t) for i, t in enumerate(coming)),
        "looking": shot((i, 0.9, 0.5) for i in range(12 * FPS)),
        "leaving": shot((i, 0.9 + t, 0.5 + 1.2 * t) for i, t in enumerate(leaving)),
    }


def _sounds(data: Path) -> dict[str, bytes]:
    sounds = {}
    for path in sorted(QUESTIONS.glob("*.ogg")):
        pcm, rate = soundfile.read(path, dtype="float32")
        sounds[path.stem] = _wav(_levelled(pcm, SPOKEN), rate)
    noise, rate = soundfile.read(data / "speech" / "noise" / "noise1.wav", dtype="float32")
    sounds["hall"] = _wav(_levelled(noise, SPOKEN - NOISE), rate)
    return sounds


def _levelled(pcm: FloatArray, decibels: float) -> FloatArray:
    """``pcm`` with this level, in dBFS, of its loud half: pauses do not count."""
    pcm = pcm.mean(axis=1) if pcm.ndim > 1 else pcm
    windows = np.square(pcm[: pcm.size // 512 * 512].reshape(-1, 512)).mean(axis=1)
    loud = np.sqrt(windows[windows >= np.median(windows)].mean())
    return np.asarray(pcm * (10 ** (decibels / 20) / loud), np.float32)


def _wav(pcm: FloatArray, rate: int) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, soxr.resample(pcm, rate, RATE), RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True)
class Walked:
    """A whole visit, from an empty hall to an empty hall.

    Attributes:
        greeting: The greeting as it was heard.
        waited: Seconds from the visitor's arrival at arm's length to the first caption.
        answers: By the recording.
    """

    greeting: str
    waited: float
    answers: dict[str, Answered]


def walk(page: Page, visitor: Visitor, shot: Callable[[str], object]) -> Walked:
    """Come, be greeted, ask, wish for a verse, interrupt a poem, leave.

    Args:
        page: Shows the kiosk.
        visitor: Prepared; nobody is there yet.
        shot: Called with the name of each state while it is shown.
    """
    _becomes(page, "[data-screen=attract][data-camera=on]", 60)
    page.wait_for_timeout(3000)
    assert not visitor.told("caption")  # an empty hall is not greeted
    shot("attract")
    visitor.come()
    arrived = page.evaluate("performance.now() / 1000")
    _becomes(page, "[data-screen=talk]", 20)
    waited = visitor.wait(lambda: visitor.told("caption"), "a greeting")[0]["came"] - arrived
    shot("greeting")
    greeting = visitor.wait(lambda: visitor.told("reply.finished"), "its end")[0]["text"]

    answers: dict[str, Answered] = {}
    answers["causeway_zh"] = visitor.ask_for("causeway_zh")
    shot("answer")
    answers["pagoda_zh"] = visitor.ask_for("pagoda_zh")
    answers["charging_zh"] = visitor.ask("charging_zh")

    def recite(name: str, title: str, seconds: float, state: str) -> tuple[int, float]:
        """Ask for verse, as often as `ask_for`, and hear it for so long; the question's number and
        its end."""
        shown = page.locator("#verse h2")
        for _ in range(3):
            before = len(visitor.told("heard.final"))
            ended = visitor.say(name)
            if not visitor.noticed(before):
                continue
            turn = visitor.told("heard.final")[before]["turn"]
            while title not in "".join(shown.all_text_contents()):  # there is none at first
                if visitor.told("reply.finished", turn):
                    break
                page.wait_for_timeout(100)
            else:
                break
        expect(shown).to_contain_text(title)
        expect(page.locator("#verse")).to_be_visible(timeout=20_000)  # when it begins to be said
        page.wait_for_timeout(1000 * seconds)
        shot(state)
        return before, ended

    answers["verse_zh"] = visitor.answer(*recite("verse_zh", "打油诗", 2, "improvised"))
    before, ended = recite("poem_zh", "水调歌头", 5, "verse")
    broke_in = visitor.say("toilet_zh")
    answers["poem_zh"] = visitor.answer(before, ended)
    answers["toilet_zh"] = visitor.ask_for("toilet_zh", visitor.answer(before + 1, broke_in))
    answers["pagoda_en"] = visitor.ask_for("pagoda_en")
    _becomes(page, "[data-lang=en]", 5)
    shot("english")

    visitor.leave()
    _becomes(page, "[data-screen=farewell]", 20)
    shot("farewell")
    _becomes(page, "[data-screen=attract][data-phase=live]", 20)
    return Walked(greeting, waited, answers)


def _becomes(page: Page, state: str, seconds: float) -> None:
    try:
        expect(page.locator(f"body{state}")).to_be_attached(timeout=1000 * seconds)
    except AssertionError:
        was = page.evaluate("({...document.body.dataset})")
        raise AssertionError(f"not {state} within {seconds:.0f} s: {was}") from None


def browse(page: Page, shot: Callable[[str], object]) -> None:
    """Touch the screen of a kiosk that waits: look at the map, and ask from a landscape screen."""
    page.click(".begin[data-lang=zh]")
    page.click("#map")
    expect(page.locator("#plan")).to_be_visible()
    page.wait_for_timeout(2000)
    shot("map")
    page.click("#plan-close")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.click("#tiles li:nth-child(2) button")
    expect(page.locator("#card")).to_be_visible()
    page.wait_for_timeout(3000)
    shot("landscape")


def main() -> None:
    """Take the pictures of the documentation."""
    data, out = TESTS.parents[1] / "shared" / "data", Path(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as home,
        served(Path(home), *COMMAND) as url,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        page = chromium.new_page(viewport={"width": 720, "height": 1280})
        page.set_default_timeout(15_000)
        visitor = Visitor(page, data)
        page.goto(f"{url}/kiosk", wait_until="domcontentloaded")
        visitor.prepare()

        def shot(name: str) -> None:
            page.screenshot(path=out / f"kiosk-{name}.jpg", type="jpeg", quality=80)

        walked = walk(page, visitor, shot)
        browse(page, shot)
        print(f"greeting after {walked.waited:.1f} s: {walked.greeting}")
        for name, answer in walked.answers.items():
            print(f"{name}: {answer.heard} → {answer.text}")
            print(f"    {answer.origin}, {answer.language}, {answer.waited:.1f} s, "
                  f"{'interrupted, ' if answer.interrupted else ''}"
                  f"{[(s['title'], s.get('picture')) for s in answer.sources]}")  # fmt: skip
        chromium.close()


if __name__ == "__main__":
    main()
