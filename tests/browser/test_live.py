"""A visitor speaks to the real server in a real browser and gets a spoken, moving answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, Visit
from tests.fakes.program import served

RATE = 48_000
GREETING_S = 12  # of room before the question: the greeting is over by then
PITCH_HZ = (80, 400)

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.data]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real server, started as its users do; all but the weights in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    command = ["serve", "--persona", "xihu", "--llm", "none"]
    with served(home, *command, DH_LIVE__MAX_SESSIONS="2") as url:
        yield url


@pytest.fixture(scope="module")
def visitor(
    launch: Callable[..., Browser], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Browser:
    """A browser whose microphone hears the room, a recorded question once, and the room again."""
    speech, rate = soundfile.read(
        data_dir / "speech" / "zh_synth" / "zf_xiaobei_2.wav", dtype="float32"
    )
    speech = soxr.resample(speech, rate, RATE)
    room = np.random.default_rng(1).normal(0, 3e-4, RATE * 60).astype(np.float32)
    room[RATE * GREETING_S :][: len(speech)] += speech
    wav = tmp_path_factory.mktemp("mic") / "question.wav"
    soundfile.write(wav, room, RATE, subtype="PCM_16")
    return launch(f"--use-file-for-fake-audio-capture={wav}%noloop")


# Changes of two regions of the picture from frame to frame, in grey levels, and the loudest sound.
OBSERVE = """async (seconds) => {
    const face = document.getElementById('face');
    const end = performance.now() + seconds * 1000;
    const regions = {mouth: [0.40, 0.46, 0.21, 0.13], brow: [0.40, 0.24, 0.21, 0.07]};
    const seen = {};
    for (const name in regions) {
        const canvas = new OffscreenCanvas(64, 40);
        seen[name] = {paint: canvas.getContext('2d', {willReadFrequently: true}), changes: []};
    }
    const look = async () => {
        while (performance.now() < end) {
            await new Promise((done) => face.requestVideoFrameCallback(done));
            const [w, h] = [face.videoWidth, face.videoHeight];
            for (const [name, [x, y, dx, dy]] of Object.entries(regions)) {
                const region = seen[name];
                region.paint.drawImage(face, w * x, h * y, w * dx, h * dy, 0, 0, 64, 40);
                const now = region.paint.getImageData(0, 0, 64, 40).data;
                if (region.before) {
                    let sum = 0;
                    for (let i = 1; i < now.length; i += 4) {
                        sum += Math.abs(now[i] - region.before[i]);
                    }
                    region.changes.push(sum / (now.length / 4));
                }
                region.before = now;
            }
        }
    };
    const context = new AudioContext({sampleRate: 48000});
    const source = context.createMediaStreamSource(face.srcObject);
    const analyser = new AnalyserNode(context, {fftSize: 2048});
    source.connect(analyser);
    let loudest = new Float32Array(2048);
    const power = (samples) => samples.reduce((a, x) => a + x * x, 0);
    const listen = async () => {
        while (performance.now() < end) {
            await new Promise((done) => setTimeout(done, 40));
            const samples = new Float32Array(2048);
            analyser.getFloatTimeDomainData(samples);
            if (power(samples) > power(loudest)) loudest = samples;
        }
    };
    await Promise.all([look(), listen()]);
    await context.close();
    return {
        mouth: seen.mouth.changes, brow: seen.brow.changes, sound: Array.from(loudest),
    };
}"""


@dataclass(frozen=True)
class Seen:
    """What a visitor sees and hears for some seconds.

    Attributes:
        mouth: Change of the mouth from frame to frame, grey levels: 75th percentile.
        brow: The same of the forehead, which moves with the head only.
        level: Root mean square of the loudest 43 ms; full scale is 1.
        voicing: Highest normalised autocorrelation of those at a pitch of speech, 0 to 1.
        frames: Pictures shown.
    """

    mouth: float
    brow: float
    level: float
    voicing: float
    frames: int


def observe(page: Page, seconds: float) -> Seen:
    """Look and listen."""
    seen = page.evaluate(OBSERVE, seconds)
    sound = np.array(seen["sound"])
    sound -= sound.mean()
    power = float(sound @ sound)
    lags = range(RATE // PITCH_HZ[1], RATE // PITCH_HZ[0])
    voicing = max(
        float(sound[lag:] @ sound[:-lag])
        / (float(np.linalg.norm(sound[lag:]) * np.linalg.norm(sound[:-lag])) + 1e-9)
        for lag in lags
    )
    return Seen(
        mouth=float(np.percentile(seen["mouth"], 75)),
        brow=float(np.percentile(seen["brow"], 75)),
        level=(power / len(sound)) ** 0.5,
        voicing=voicing,
        frames=len(seen["mouth"]),
    )


def test_a_spoken_question_is_answered_with_voice_and_moving_lips(
    visitor: Browser, address: str, tmp_path: Path
) -> None:
    visit = Visit(visitor)
    page = visit.open(address, size=DESKTOP)
    page.click("#go")
    expect(page.locator("body[data-phase=live]")).to_be_attached(timeout=20_000)
    expect(page.locator("#ai")).to_be_visible()
    expect(page.locator("#ai")).to_contain_text("AI")

    heard = page.locator("#log .visitor p")
    expect(heard).to_have_count(1, timeout=60_000)
    assert "雷峰塔" in heard.inner_text()
    assert "几点" in heard.inner_text()
    answer = page.locator("#log .visitor ~ .answer > p")
    expect(answer).to_contain_text("八点", timeout=30_000)  # written as it begins to be spoken
    expect(page.locator("#caption-live")).to_contain_text("八点")
    page.wait_for_timeout(200)  # of playout delay
    talking = observe(page, 1.6)
    page.screenshot(path=tmp_path / "speaking.png")

    expect(page.locator("body[data-state=idle]")).to_be_attached(timeout=60_000)
    page.wait_for_timeout(800)
    silent = observe(page, 3.0)
    print(f"talking {talking}\nsilent  {silent}")
    assert talking.mouth > 4 * silent.mouth
    assert talking.mouth > 4 * talking.brow
    assert talking.level > 0.02
    assert silent.level < 0.002
    assert talking.voicing > 0.6
    expect(page.locator("#log .visitor ~ .answer .sources")).to_be_visible()
    expect(page.locator("#latency")).to_be_visible()
    page.screenshot(path=tmp_path / "answered.png")
    page.click("#leave")
    visit.close()
    assert visit.complaints == []
