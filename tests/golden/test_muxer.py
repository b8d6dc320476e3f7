"""Parts joined without encoding again decode to the same pictures at the right times."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from digital_human.errors import ResourceError
from digital_human.media.encoder import PartEncoder
from digital_human.media.muxer import AUDIO_RATE, mux

SIZE, FPS = (320, 240), 25


def part(path: Path, first: int, count: int) -> Path:
    encoder = PartEncoder(path, SIZE, FPS)
    for number in range(first, first + count):
        # The frame's number is its grey level, so that its place can be read back.
        encoder.write(np.full((SIZE[1], SIZE[0], 3), 40 + 2 * number, np.uint8))
    encoder.close()
    return path


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    parts = [
        part(tmp_path / f"{i}.mp4", *span) for i, span in enumerate([(0, 30), (30, 7), (37, 63)])
    ]
    beep = np.zeros(AUDIO_RATE * 4, np.float32)
    beep[AUDIO_RATE * 2 : AUDIO_RATE * 2 + 4800] = 0.5
    mux(parts, beep, tmp_path / "out.mp4", fps=FPS, metadata={"title": "标题"})
    return tmp_path / "out.mp4"


def test_every_frame_is_there_in_order_at_its_time(joined: Path) -> None:
    with av.open(str(joined)) as file:
        frames = [
            (f.pts * f.time_base, f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)
        ]
    assert len(frames) == 100
    assert [float(time) for time, _ in frames] == pytest.approx([n / FPS for n in range(100)])
    levels = np.array([level for _, level in frames])
    assert np.all(np.diff(levels) > 0), "pictures are out of order"


def test_streams_are_what_players_want(joined: Path) -> None:
    with av.open(str(joined)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert video.average_rate == FPS
        assert (audio.codec_context.name, audio.rate) == ("aac", 48000)
        ends = [float((s.start_time + s.duration) * s.time_base) for s in (video, audio)]
        assert abs(ends[0] - ends[1]) <= 0.04
        assert file.metadata["title"] == "标题"
    data = joined.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "not fast start"


def test_sound_stays_where_it_was_put(joined: Path) -> None:
    with av.open(str(joined)) as file:
        pcm = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    onset = np.flatnonzero(np.abs(pcm) > 0.2)[0] / AUDIO_RATE
    assert onset == pytest.approx(2.0, abs=0.005)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is not here: a full disk cannot be tried")
    whole = part(tmp_path / "0.mp4", 0, 5)
    target = tmp_path / "out.mp4"
    target.with_suffix(".part.mp4").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="no space left"):
        mux([whole], np.zeros(9600, np.float32), target, fps=FPS, metadata={})
    assert {path.name for path in tmp_path.iterdir()} == {"0.mp4"}
