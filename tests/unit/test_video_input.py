"""A user's video: its length is told before and bounded while it is read; a full disk is said."""

from __future__ import annotations

import errno
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from digital_human.errors import InputError, ResourceError
from digital_human.face.build import video_store
from digital_human.face.build.video_input import MAX_SECONDS, SourceVideo
from digital_human.face.build.video_store import VideoWriter
from digital_human.face.video_frames import FPS

SIZE = 320, 240


def film(path: Path, times: list[int], rate: int = FPS) -> Path:
    """A film whose header does not say how long it is, as browsers record; times in ms."""
    with av.open(str(path), "w", format="matroska", options={"live": "1"}) as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at in enumerate(times):
            grey = np.full((SIZE[1], SIZE[0], 3), number % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def test_a_film_that_does_not_say_its_length_is_measured(tmp_path: Path) -> None:
    path = film(tmp_path / "recorded.mkv", [40 * i for i in range(100)])
    with av.open(str(path)) as file:
        assert file.duration is None and file.streams.video[0].duration is None
    source = SourceVideo(path)
    assert source.facts.frames == 100
    assert sum(1 for _ in source.frames()) == 100


@pytest.mark.parametrize(("count", "seconds"), [(20, "0.8 s, at least"), (None, "400 s, at most")])
def test_a_film_that_does_not_say_its_length_is_refused_at_once(
    tmp_path: Path, count: int | None, seconds: str
) -> None:
    times = [40 * i for i in range(count)] if count else [0, 40, 80, 399_960]
    with pytest.raises(InputError, match=seconds):
        SourceVideo(film(tmp_path / "recorded.mkv", times))


def test_a_leaping_time_gives_no_endless_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "leap.mkv", [*(40 * i for i in range(75)), 2_000_000_000])
    monkeypatch.setattr(SourceVideo, "_measured", lambda *_: 3.0)  # a header can say anything
    source = SourceVideo(path)
    pictures = 0
    with pytest.raises(InputError, match=f"at most {MAX_SECONDS:.0f} s"):
        for _ in islice(source.frames(), int(2 * MAX_SECONDS * FPS)):
            pictures += 1
    assert pictures <= 75


@pytest.mark.parametrize("failing", ["mux", "close"])
def test_a_disk_that_is_full_at_the_end_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    class Full:
        """A file whose last step fails."""

        def __init__(self, file: av.container.OutputContainer) -> None:
            self.file, self.ended = file, False
            self.add_stream = file.add_stream

        def mux(self, packets: list[av.Packet]) -> None:
            if self.ended and failing == "mux":
                raise OSError(errno.ENOSPC, "No space left on device")
            self.file.mux(packets)

        def close(self) -> None:
            self.file.close()
            if failing == "close":
                raise OSError(errno.ENOSPC, "No space left on device")

    real = av.open
    monkeypatch.setattr(video_store.av, "open", lambda *a, **k: Full(real(*a, **k)))
    path = tmp_path / "base.mp4"
    with (
        pytest.raises(ResourceError, match="base.mp4: No space left on device") as caught,
        VideoWriter(path, SIZE, 3) as writer,
    ):
        for _ in range(3):
            writer.write(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        writer._file.ended = True  # type: ignore[attr-defined]
    assert "free space" in caught.value.fix
    with pytest.raises(KeyError), VideoWriter(path, SIZE, 3):
        raise KeyError("what went wrong first is what is told")
