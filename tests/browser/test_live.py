"""A visitor speaks to the real server in a real browser and gets a spoken, moving answer."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import soxr
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, Visit

QUESTION = "请问雷峰塔的开放时间是几点到几点？"
RATE = 48_000
START_S = 180.0

pytestmark = [pytest.mark.weights, pytest.mark.slow, pytest.mark.data]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real server, started as its users do."""
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "digital_human", "serve", "--persona", "xihu"]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "--port", str(port)], stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "DH_LIVE__MAX_SESSIONS": "2"},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(f"{url}/api/health", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    pytest.fail(f"no answer from the server in {START_S:.0f} s: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def visitor(
    launch: Callable[..., Browser], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Browser:
    """A browser whose microphone hears 12 s of room, the question once, and then room again."""
    speech, rate = soundfile.read(
        data_dir / "speech" / "zh_synth" / "zf_xiaobei_2.wav", dtype="float32"
    )
    speech = soxr.resample(speech, rate, RATE)
    room = np.random.default_rng(1).normal(0, 3e-4, RATE * 70).astype(np.float32)
    room[RATE * 12 : RATE * 12 + len(speech)] += speech
    wav = tmp_path_factory.mktemp("mic") / "question.wav"
    soundfile.write(wav, room, RATE, subtype="PCM_16")
    return launch(f"--use-file-for-fake-audio-capture={wav}%noloop")


WATCH = """async (seconds) => {
    const face = document.getElementById('face');
    const canvas = new OffscreenCanvas(72, 64);
    const paint = canvas.getContext('2d', {willReadFrequently: true});
    const look = () => {
        const [w, h] = [face.videoWidth, face.videoHeight];
        paint.drawImage(face, w * 0.35, h * 0.3, w * 0.3, h * 0.2, 0, 0, 72, 64);
        return paint.getImageData(0, 0, 72, 64).data;
    };
    const changes = [];
    let before = look();
    for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
        await new Promise((done) => face.requestVideoFrameCallback(done));
        const now = look();
        let sum = 0;
        for (let i = 1; i < now.length; i += 4) sum += Math.abs(now[i] - before[i]);
        changes.push(sum / (now.length / 4));
        before = now;
    }
    return changes;
}"""

LISTEN = """async (seconds) => {
    const context = new AudioContext();
    const source = context.createMediaStreamSource(document.getElementById('face').srcObject);
    const analyser = new AnalyserNode(context, {fftSize: 2048});
    source.connect(analyser);
    const samples = new Float32Array(2048);
    let loudest = 0;
    for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
        await new Promise((done) => setTimeout(done, 40));
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, Math.sqrt(samples.reduce((a, x) => a + x * x, 0) / 2048));
    }
    await context.close();
    return loudest;
}"""


def movement(page: Page, seconds: float) -> float:
    """Change of the mouth region from frame to frame, grey levels: 90th percentile."""
    return float(np.percentile(page.evaluate(WATCH, seconds), 90))


def test_a_spoken_question_is_answered_with_voice_and_moving_lips(
    visitor: Browser, address: str, tmp_path: Path
) -> None:
    visit = Visit(visitor)
    page = visit.open(address, size=DESKTOP)
    page.click("#go")
    expect(page.locator("body[data-phase=live]")).to_be_attached(timeout=20_000)

    heard = page.locator("#log .visitor p")
    expect(heard).to_have_count(1, timeout=60_000)
    expect(page.locator("body[data-state=speaking]")).to_be_attached(timeout=60_000)
    expect(page.locator("#caption span").first).to_be_attached()
    talking, loud = movement(page, 2.0), page.evaluate(LISTEN, 1.5)
    page.screenshot(path=tmp_path / "speaking.png")
    assert "雷峰塔" in heard.inner_text()
    assert re.search("开放时间|几点", heard.inner_text())

    expect(page.locator("body[data-state=idle]")).to_be_attached(timeout=60_000)
    page.wait_for_timeout(1000)
    silent, quiet = movement(page, 3.0), page.evaluate(LISTEN, 1.0)
    print(f"mouth {talking:.2f} talking, {silent:.2f} silent; sound {loud:.4f}, {quiet:.4f}")
    assert talking > 2 * silent
    assert loud > 0.02 > 10 * quiet
    answer = page.locator("#log .answer > p").last.inner_text()
    assert "雷峰塔" in answer
    assert re.search(r"[0-9一二三四五六七八九十]+\s*[:：点]", answer)
    expect(page.locator("#log .sources").last).to_be_attached()
    expect(page.locator("#latency")).to_be_visible()
    page.screenshot(path=tmp_path / "answered.png")
    page.click("#leave")
    visit.close()
    assert visit.complaints == []
