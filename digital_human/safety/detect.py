"""Looks for the visible and the audible label in finished media, of this program or another.

The visible label is sought by normalised cross-correlation (Lewis 1995) of the words it must
contain, drawn in common fonts and all sizes, with the edge regions of a frame. The audible one is
sought by correlating the rhythm 短长 短短 with the loudness of every narrow band of the sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.safety.labels import MIN_HEIGHT, label_font, rhythm_marks

WORDS = ("AI生成", "AI合成", "人工智能生成", "人工智能合成", "AI-generated", "AI Generated")
_FONTS = ("NotoSansCJKsc-Regular.otf", "SimHei.ttf")
_WORK_SIDE = 360  # Frames are searched with their shortest side at this many pixels.
_EDGE = 0.28  # Share of the frame's height that counts as its top or bottom edge.
_INKS = (*range(10, 26), *range(27, 45, 2))  # Character heights in pixels that are tried.
_FOUND = 0.62
_CLEAR = 0.75  # A match this good ends the search.
_HELD = 0.55
_BLANK = 6.0  # Grey levels of deviation under which a region holds no text.

_HOP = 0.01
_EDGE_SILENCE = 0.35
_BAND = (300.0, 2500.0)
_RHYTHM_FOUND = 0.85
_UNITS = (0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.15)


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """A visible label found in a frame.

    Attributes:
        text: The words found.
        score: Correlation, up to 1.
        height: Height of the characters as a share of the frame's shortest side.
        x: Left edge as a share of the frame's width.
        y: Top edge as a share of the frame's height.
        font: Font it was matched with.
        ink: Height of the characters in pixels of the searched frame.
    """

    text: str
    score: float
    height: float
    x: float
    y: float
    font: str
    ink: int

    @property
    def large(self) -> bool:
        """Whether the rule's least height is met; sizes are told apart by 1/360 of the side."""
        return self.height >= MIN_HEIGHT - 1 / _WORK_SIDE


def find_label(image: ByteArray) -> LabelMatch | None:
    """Search the top and bottom edges of a frame for a label.

    Args:
        image: uint8 [h, w, 3] RGB.

    Returns:
        The best match, of those large enough for the rule if there are any, or None.
    """
    grey = _prepare(image)
    height = grey.shape[0]
    band = round(height * _EDGE)
    best: LabelMatch | None = None
    for font in _FONTS:
        for top in (0, height - band):
            region = np.ascontiguousarray(grey[top : top + band])
            for match in _scan(region, font, top, (grey.shape[1], height)):
                if best is None or _rank(match) > _rank(best):
                    best = match
                if best.large and best.score >= _CLEAR:
                    return best
        if best is not None and best.large:
            break
    return best


def holds_label(image: ByteArray, match: LabelMatch) -> bool:
    """Whether a later frame of the same film still shows ``match``.

    Args:
        image: uint8 [h, w, 3] RGB of the size of the frame it was found in.
        match: From `find_label`.
    """
    grey = _prepare(image)
    template = _template(match.text, match.ink, match.font)
    x, y = round(match.x * grey.shape[1]), round(match.y * grey.shape[0])
    h, w = template.shape
    region = grey[max(0, y - 4) : y + h + 4, max(0, x - 4) : x + w + 4]
    if region.shape[0] < h or region.shape[1] < w or float(region.std()) < _BLANK:
        return False
    scores = cv2.matchTemplate(np.ascontiguousarray(region), template, cv2.TM_CCOEFF_NORMED)
    return float(np.nanmax(np.abs(scores))) >= _HELD


def find_rhythm(pcm: FloatArray, rate: int) -> tuple[float, float] | None:
    """Search sound for beeps in the rhythm short-long short-short.

    Args:
        pcm: float32 [n] mono.
        rate: Samples per second.

    Returns:
        (start in seconds, correlation) of the best match, or None.
    """
    window, hop = round(0.04 * rate), round(_HOP * rate)
    if len(pcm) < window + hop:
        return None
    # The rhythm may stand at the very edge, where the pattern's own silence has no room.
    edge = round(_EDGE_SILENCE * rate)
    pcm = np.pad(pcm, edge)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, window)[::hop]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32), axis=1))
    frequency = np.fft.rfftfreq(window, 1 / rate)
    bands = spectrum[:, (frequency >= _BAND[0]) & (frequency <= _BAND[1])].T.astype(np.float32)
    best = (0.0, 0.0)
    for unit in _UNITS:
        pattern = _rhythm_pattern(unit)
        if pattern.shape[1] > bands.shape[1]:
            continue
        scores = cv2.matchTemplate(bands, pattern, cv2.TM_CCOEFF_NORMED)
        # A steady level correlates with nothing, but rounding can make it look perfect.
        level = cv2.blur(bands, (pattern.shape[1], 1), anchor=(0, 0))[:, : scores.shape[1]]
        scores[(level < 1e-3) | ~np.isfinite(scores)] = 0
        _, score, _, where = cv2.minMaxLoc(scores)
        if score > best[1]:
            best = (max(0.0, where[0] * _HOP - _EDGE_SILENCE), float(score))
    return best if best[1] >= _RHYTHM_FOUND else None


def _rhythm_pattern(unit: float) -> npt.NDArray[np.float32]:
    """float32 [1, m]: on where there is a beep, with silence of two units around."""
    marks = rhythm_marks(unit)
    pad = 2 * unit
    t = np.arange(0, marks[-1][1] + 2 * pad, _HOP) - pad + _HOP / 2
    on = np.zeros(len(t), np.float32)
    for start, end in marks:
        on[(t >= start) & (t < end)] = 1
    return np.convolve(on, np.hanning(5)[1:-1] / 2, "same").astype(np.float32)[None]


def _rank(match: LabelMatch) -> tuple[bool, float]:
    return match.large, match.score


def _prepare(image: ByteArray) -> ByteArray:
    scale = _WORK_SIDE / min(image.shape[:2])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=method), np.uint8)


def _scan(region: ByteArray, font: str, top: int, size: tuple[int, int]) -> Iterator[LabelMatch]:
    if float(region.std()) < _BLANK:
        return
    for ink in _INKS:
        for text in WORDS:
            template = _template(text, ink, font)
            if template.shape[0] > region.shape[0] or template.shape[1] > region.shape[1]:
                continue
            scores = np.abs(cv2.matchTemplate(region, template, cv2.TM_CCOEFF_NORMED))
            scores[~np.isfinite(scores)] = 0
            _, score, _, (x, y) = cv2.minMaxLoc(scores)
            if score >= _FOUND:
                yield LabelMatch(
                    text, score, ink / _WORK_SIDE, x / size[0], (y + top) / size[1], font, ink
                )


@lru_cache(maxsize=1024)
def _template(text: str, ink: int, font: str) -> ByteArray:
    """uint8 [h, w]: ``text`` in white on black, drawn large and reduced as a film's would be."""
    large = label_font(ink * 3, font)
    left, top, right, bottom = large.getbbox(text)
    image = Image.new("L", (int(right - left) + 6, int(bottom - top) + 6), 0)
    ImageDraw.Draw(image).text((3 - left, 3 - top), text, font=large, fill=255)
    size = (max(1, round(image.width / 3)), max(1, round(image.height / 3)))
    return np.asarray(image.resize(size, Image.Resampling.BOX))
