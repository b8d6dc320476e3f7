"""The whole road once: a script becomes a labelled, signed MP4 that is read, seen and checked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
from rich.console import Console

from digital_human.apps.news import segment as parts
from digital_human.apps.news.load import load_script
from digital_human.apps.news.plan import FPS, cache_key, plan_programme
from digital_human.apps.news.render import RenderOptions, render_script
from digital_human.config import settings
from digital_human.errors import InputError, VerifyError
from digital_human.safety.audit import AuditLog
from digital_human.safety.verify import verify
from digital_human.speech.loudness import true_peak
from tests.eval.readback import compare, transcribe

pytestmark = [pytest.mark.weights, pytest.mark.slow]

SCRIPT = """\
version: 1
title: 测试播报
ticker: [测试节目]
clock: "19:00"
anchors:
  yun: {avatar: yun, voice: xiaoyi, name: 云舒, title: 主播}
  chen: {avatar: chen, voice: yunxi, name: 陈朗, title: 主播}
opening: {title: 测试播报, seconds: 2.4}
segments:
  - layout: full
    headline: 今日天气
    anchor: yun
    say: 各位观众，晚上好。今天是11月22日，有80%的地区晴朗，气温在10到15℃之间。
  - layout: full
    anchor: chen
    say: 今天的节目就到这里，我们明天再见。
"""


@dataclass(frozen=True)
class Rendered:
    """The rendered programme."""

    script: Path
    video: Path
    home: Path
    pcm: np.ndarray
    rate: int


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rendered]:
    """Rendered once for all tests; weights from the user's store, everything else in a new home."""
    folder = tmp_path_factory.mktemp("news")
    models = settings().models_dir
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DH_HOME", str(home))
        settings.cache_clear()
        script = folder / "script.yaml"
        script.write_text(SCRIPT, encoding="utf-8")
        video = folder / "news.mp4"
        render_script(load_script(script), video, RenderOptions(), Console(quiet=True))
        with av.open(str(video)) as file:
            rate = file.streams.audio[0].rate
            pcm = np.concatenate([f.to_ndarray() for f in file.decode(audio=0)], axis=1)
        yield Rendered(script, video, home, pcm, rate)
    settings.cache_clear()


def test_the_file_is_what_broadcasters_take(rendered: Rendered) -> None:
    with av.open(str(rendered.video)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.average_rate) == (1280, 720, FPS)
        assert (audio.codec_context.name, audio.rate) == ("aac", 48000)
        ends = [float((s.start_time + s.duration) * s.time_base) for s in (video, audio)]
        assert abs(ends[0] - ends[1]) <= 0.04


def test_loudness_is_minus_16(rendered: Rendered) -> None:
    meter = pyloudnorm.Meter(rendered.rate)
    assert meter.integrated_loudness(rendered.pcm.T) == pytest.approx(-16, abs=1)
    assert max(true_peak(channel, rendered.rate) for channel in rendered.pcm) <= -1.0


def test_it_is_heard_as_written(rendered: Rendered) -> None:
    speech = rendered.pcm[0, int(2.4 * rendered.rate) :]
    script = load_script(rendered.script).script
    written = "".join(str(turn.say) for s in script.segments for turn in s.turns)
    result = compare(written, transcribe(speech, rendered.rate, "zh"), "zh")
    assert result.pinyin is not None
    assert result.pinyin <= 0.03, result.confusions


def test_captions_say_what_is_said(rendered: Rendered) -> None:
    text = rendered.video.with_suffix(".srt").read_text(encoding="utf-8")
    said = "".join(line for line in text.splitlines() if line and not line[0].isdigit())
    for words in ("各位观众", "11月22日", "80%", "我们明天再见"):
        assert words in said


def test_labels_signature_and_record_are_right(rendered: Rendered) -> None:
    report = verify(rendered.video)
    report.check()
    by_name = {finding.item: finding.status for finding in report.findings}
    assert by_name["audible label"] == "ok"
    assert by_name["sound mark"] == "ok"
    assert by_name["audit record"] == "ok"


def test_a_copy_without_metadata_fails_and_says_what_is_missing(
    rendered: Rendered, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.mp4"
    with av.open(str(rendered.video)) as source, av.open(str(bare), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    done = subprocess.run(
        [sys.executable, "-m", "digital_human", "verify", str(bare)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == VerifyError.exit_code
    assert "AIGC" in done.stderr
    assert "C2PA" in done.stderr


def made_at(cache: Path) -> dict[str, int]:
    """When each finished segment was made."""
    videos = cache.glob("*/video.mp4")
    return {video.parent.name: video.stat().st_mtime_ns for video in videos}


def test_a_one_word_edit_renders_only_its_segment(rendered: Rendered, tmp_path: Path) -> None:
    edited = tmp_path / "script.yaml"
    edited.write_text(SCRIPT.replace("明天再见", "下次再见"), encoding="utf-8")
    before = plan_programme(load_script(rendered.script), "zh")
    after = plan_programme(load_script(edited), "zh")
    changed = [cache_key(a) != cache_key(b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, False, True]
    cache = settings().cache_dir / "segments"
    kept = made_at(cache)
    render_script(load_script(edited), tmp_path / "n.mp4", RenderOptions(), Console(quiet=True))
    now = made_at(cache)
    assert {name: now[name] for name in kept} == kept, "a finished segment was rendered again"
    assert len(now) == len(kept) + 1


def test_a_second_render_takes_every_segment_from_the_cache(
    rendered: Rendered, tmp_path: Path
) -> None:
    out = tmp_path / "again.mp4"
    render_script(load_script(rendered.script), out, RenderOptions(), Console(quiet=True))
    with av.open(str(out)) as a, av.open(str(rendered.video)) as b:
        first = [bytes(p) for p in a.demux(video=0) if p.size]
        second = [bytes(p) for p in b.demux(video=0) if p.size]
    assert first == second
    verify(out).check()


def test_nothing_half_written_is_left(rendered: Rendered) -> None:
    names = {path.name for path in rendered.video.parent.iterdir()}
    sidecars = {f"news.{kind}" for kind in ("srt", "vtt", "spoken.txt", "marks.json")}
    assert names == {"home", "script.yaml", "news.mp4"} | sidecars
    assert not list((settings().cache_dir / "segments").glob("*.part"))


def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(
    rendered: Rendered, tmp_path: Path
) -> None:
    """The first segment is cached, the second is new: the render is stopped in the second."""
    script = tmp_path / "script.yaml"
    long = "这一段要说得长一些，好让程序有时间被停下来。" * 4
    script.write_text(SCRIPT.replace("今天的节目就到这里，我们明天再见。", long), encoding="utf-8")
    out = tmp_path / "n.mp4"
    command = [sys.executable, "-m", "digital_human", "news", "render", str(script), "-o", str(out)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # A shell in the background ignores Ctrl-C, and so would what the tests start there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    cache = settings().cache_dir / "segments"
    plans = plan_programme(load_script(script), "zh")

    def begun(name: str) -> list[Path]:
        """What is there of it; other tests render into the same cache meanwhile."""
        return [path for plan in plans for path in cache.glob(f"{cache_key(plan)}.*.part/{name}")]

    deadline = time.monotonic() + 120
    while not begun("video.mp4"):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, said = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "finished segments are kept" in " ".join(said.split())
    assert "Traceback" not in said
    assert not out.exists()
    assert not begun("")
    finished = [(cache / cache_key(plan) / parts.NOTES).exists() for plan in plans]
    assert finished == [True, True, False]


ALPHA = """\
version: 1
title: 抠像
size: 720p
anchors:
  yun: {avatar: yun, voice: xiaoyi, name: 云舒}
opening: {title: 片头}
segments:
  - {layout: full, background: '#204060', anchor: yun, say: "[微笑]您好。"}
"""


def test_the_people_alone_with_alpha(rendered: Rendered, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(ALPHA, encoding="utf-8")
    out = tmp_path / "n.webm"
    options = RenderOptions(alpha="webm", unlabelled="the editor adds it")
    assert render_script(load_script(script), out, options, Console(quiet=True)) == [out]
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(str(out)) as file:
        sound = file.streams.audio[0].codec_context.name
        frames = [f for packet in file.demux(video=0) for f in decoder.decode(packet)]
    assert sound == "opus"
    last = frames[-1].to_ndarray(format="rgba")
    assert last[..., 3].min() == 0
    assert last[-1, 640, 3] == 255
    assert last[:60, 900:, 3].max() == 0, "no label"
    mouth = last[300:330, 600:680, :3].astype(int)
    assert (mouth[..., 0] - mouth[..., 2]).mean() > 20, "skin and lips, not a title"
    found = {finding.item: finding.status for finding in verify(out).findings}
    assert found["AIGC metadata"] == found["AIGC digest"] == found["audible label"] == "ok"
    records = [record for record in AuditLog().records() if record.action == "unlabelled"]
    assert records[-1].detail["reason"] == "the editor adds it"


@pytest.mark.parametrize("options", [RenderOptions(unlabelled="x"),
                                     RenderOptions(alpha="webm", unlabelled=" ")])  # fmt: skip
def test_leaving_the_label_out_needs_alpha_and_a_reason(
    rendered: Rendered, tmp_path: Path, options: RenderOptions
) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(ALPHA, encoding="utf-8")
    with pytest.raises(InputError, match="--unlabelled: needs"):
        render_script(load_script(script), tmp_path / "n.mp4", options, Console(quiet=True))
    assert not list(tmp_path.glob("n.*"))
