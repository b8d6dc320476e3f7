"""The people alone with alpha: coded, joined with sound, and decoded again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.avatar import open_avatar
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.media.blend import bleed
from digital_human.media.cutout import Cutouts
from digital_human.media.encoder import WITH_ALPHA, AlphaName, PartEncoder
from digital_human.media.framing import frame_of
from digital_human.media.muxer import AUDIO_RATE, mux
from digital_human.media.shot import Look, Shot
from digital_human.safety.provenance import AIGC_KEY, new_label, parse_label, write_labels
from tests.fakes.opaque import OpaqueAvatar

SIZE, FRAMES = (640, 360), 16
LABEL = "AI生成 · 数字人"


def shot(*names: str, layout: str = "anchor_full") -> Shot:
    framings = {name: frame_of(open_avatar(name)) for name in names}
    return Shot(layout, FRAMES, anchors=names, framings=framings)  # type: ignore[arg-type]


def people(cutouts: Cutouts, what: Shot, motion: MotionFrame) -> dict[str, ByteArray]:
    out = {}
    for name in what.anchors:
        avatar = open_avatar(name)
        height, width = avatar.canvas.shape[:2]
        rows = cutouts.placement(what, name, (width, height)).height
        out[name] = avatar.renderer(rows).render(motion)
    return out


@pytest.fixture(scope="module")
def pictures() -> list[ByteArray]:
    cutouts = Cutouts(SIZE, Look(label=LABEL, label_large=8))
    what = shot("yun")
    rows = cutouts.placement(what, "yun", (1800, 2000)).height
    renderer = open_avatar("yun").renderer(rows)
    out = []
    for t in range(FRAMES):
        motion = MotionFrame.rest()
        motion.curves[INDEX["jawOpen"]] = 0.4 * abs(np.sin(t / 2))
        motion.head[0] = 5 * np.sin(t / 4)
        out.append(cutouts.compose(what, {"yun": renderer.render(motion)}, programme_t=t))
    return out


@pytest.fixture(scope="module", params=["webm", "prores"])
def written(
    request: pytest.FixtureRequest,
    pictures: list[ByteArray],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[AlphaName, Path]:
    """Two parts, joined with a tone and labelled."""
    coding = WITH_ALPHA[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    parts = []
    for number in range(2):
        parts.append(folder / f"{number}{coding.suffix}")
        encoder = PartEncoder(parts[-1], SIZE, 25, 1, coding)
        for picture in pictures[number * 8 : number * 8 + 8]:
            encoder.write(picture)
        encoder.close()
    n = FRAMES * AUDIO_RATE // 25
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n) / AUDIO_RATE).astype(np.float32)
    path = folder / f"joined{coding.suffix}"
    mux(parts, tone, path, fps=25, metadata={"title": "t"}, coding=coding)
    write_labels(path, path, new_label())
    return request.param, path


def decoded(path: Path) -> Iterator[ByteArray]:
    """uint8 [h, w, 4] RGBA; FFmpeg's own VP9 decoder leaves the alpha out."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in file.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                yield np.asarray(frame.to_ndarray(format="rgba"), np.uint8)


def test_alpha_and_edges_come_back(
    written: tuple[AlphaName, Path], pictures: list[ByteArray]
) -> None:
    kind, path = written
    frames = list(decoded(path))
    assert len(frames) == FRAMES
    for frame, picture in zip(frames, pictures, strict=True):
        alpha, want = frame[..., 3].astype(int), picture[..., 3].astype(int)
        assert alpha.min() == 0
        assert alpha.max() >= 254
        assert np.abs(alpha - want).mean() < (0.1 if kind == "prores" else 0.6)
        overlap = ((alpha > 127) & (want > 127)).sum() / ((alpha > 127) | (want > 127)).sum()
        assert overlap > 0.99
        for background in (0, 255):
            mixed, right = over(frame, background), over(picture, background)
            edge = cv2.morphologyEx(picture[..., 3], cv2.MORPH_GRADIENT, np.ones((5, 5))) > 40
            edge[:60, 320:] = False  # Letters are coded coarsely.
            assert np.abs(mixed - right)[edge].mean() < (3 if kind == "prores" else 6)


def over(rgba: ByteArray, background: int) -> np.ndarray:
    alpha = rgba[..., 3:].astype(float) / 255
    return np.asarray(rgba[..., :3] * alpha + background * (1 - alpha))


def test_the_file_says_that_it_has_alpha_and_is_generated(
    written: tuple[AlphaName, Path],
) -> None:
    kind, path = written
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        if kind == "webm":
            assert video.codec_context.name == "vp9"
            assert video.metadata["ALPHA_MODE"] == "1"
        else:
            assert (video.codec_context.name, video.pix_fmt) == ("prores", "yuva444p10le")
        assert (video.width, video.height) == SIZE
        assert parse_label(file.metadata[AIGC_KEY]).label == "1"


def test_the_sound_is_there_and_as_long_as_the_picture(written: tuple[AlphaName, Path]) -> None:
    _, path = written
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE)
    with av.open(str(path)) as file:
        pieces = [
            piece.to_ndarray()[0]
            for frame in file.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    pcm = np.concatenate(pieces)
    assert len(pcm) == pytest.approx(FRAMES * AUDIO_RATE / 25, abs=1500)
    middle = pcm[8000:24000]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    crossings = np.flatnonzero(np.diff(np.signbit(middle)))
    assert len(crossings) / 2 * AUDIO_RATE / 16000 == pytest.approx(440, rel=0.02)


def test_the_bust_reaches_the_bottom_and_nothing_else_is_there(pictures: list[ByteArray]) -> None:
    last = pictures[-1]
    assert last[-1, :, 3].max() == 255
    assert last[:, :60, 3].max() == 0
    assert pictures[0][:40, 400:, 3].max() > 100, "the label"
    bare = Cutouts(SIZE, Look(label=""))
    what = shot("yun")
    drawn = bare.compose(what, people(bare, what, MotionFrame.rest()), programme_t=0)
    assert drawn[:60, 400:, 3].max() == 0


def test_the_label_becomes_smaller(pictures: list[ByteArray]) -> None:
    large, small = ((picture[:60, 400:, 3] > 90).sum() for picture in (pictures[0], pictures[-1]))
    assert 0 < small < 0.6 * large


def test_colours_go_on_smoothly_beyond_the_edge(pictures: list[ByteArray]) -> None:
    picture = pictures[-1]
    alpha = picture[..., 3]
    ring = (cv2.dilate(alpha, np.ones((3, 3))) > 0) & (alpha == 0)
    rim = (cv2.erode(alpha, np.ones((3, 3))) < 255) & (alpha > 200)
    assert ring.sum() > 200
    blurred = [cv2.blur((picture[..., :3] * mask[..., None]).astype(np.float32), (9, 9)) /
               np.maximum(cv2.blur(mask.astype(np.float32), (9, 9)), 1e-3)[..., None]
               for mask in (ring, rim)]  # fmt: skip
    both = (cv2.blur(ring.astype(np.float32), (9, 9)) > 0.05) & (
        cv2.blur(rim.astype(np.float32), (9, 9)) > 0.05
    )
    both[:60, 400:] = False  # White letters on a dark plate.
    difference = np.abs(blurred[0] - blurred[1])[both].mean()
    black = np.abs(blurred[1])[both].mean()
    assert difference < 0.3 * black


def test_bleeding_leaves_the_person_alone() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    out = bleed(picture)
    seen = picture[..., 3] > 0
    np.testing.assert_array_equal(out[seen], picture[..., :3][seen])
    assert not bleed(np.zeros((16, 16, 4), np.uint8)).any()


def test_two_people_are_both_there_in_every_layout() -> None:
    cutouts = Cutouts(SIZE, Look(label=""))
    what = shot("yun", "chen", layout="two_anchors")
    drawn = cutouts.compose(what, people(cutouts, what, MotionFrame.rest()), programme_t=0)
    alone = [replace(what, anchors=(name,), layout="anchor_full") for name in what.anchors]
    assert drawn[-1, :, 3].min() == 0
    for one in alone:
        single = cutouts.compose(one, people(cutouts, one, MotionFrame.rest()), programme_t=0)
        assert single[..., 3].any()
    left, right = drawn[:, :320, 3], drawn[:, 320:, 3]
    assert min((left > 200).mean(), (right > 200).mean()) > 0.2


def test_an_opaque_avatar_has_nothing_to_cut_out() -> None:
    cutouts = Cutouts(SIZE, Look())
    framings = {"op": frame_of(OpaqueAvatar(size=(640, 360)))}
    with pytest.raises(InputError, match="nothing to cut out"):
        cutouts.placement(Shot("anchor_full", 2, ("op",), framings), "op", (640, 360))
