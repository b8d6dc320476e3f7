"""Paints the skin's texture: the face unrolled round an upright axis, in outer-eye distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from body import Body
from lines import brow_line, lid_line, lip_lines
from mouth import UPPER_LIP_EDGE
from scipy.interpolate import CubicSpline
from source import Floats

SCALE = 620  # pixels per io while painting
STORED = 0.66  # of it in the texture
LEFT, TOP, RIGHT, BOTTOM = -1.28, 1.35, 1.28, -2.45
_AXIS, _REACH = -0.62, 0.72  # io: depth of the axis round which the picture is wrapped, its radius
LIP_OUTLINE = 466  # vertex of the base mesh in the middle of the upper lip's outline
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Colours (sRGB) and strengths of one face.

    Attributes:
        skin: Skin.
        blush: Cheeks, nose and ears.
        lips: Lips.
        inner_lips: Where they are wet.
        brow: Eyebrows.
        lash: Lashes and the line at their roots.
        shadow: Eye shadow.
        lip_strength: How much the lips' colour covers.
        brow_width: Half height of the brow at its middle, io.
        liner: Strength of the line at the lashes.
        beard: Strength of a shaven beard's shadow.
    """

    skin: Colour
    blush: Colour
    lips: Colour
    inner_lips: Colour
    brow: Colour
    lash: Colour
    shadow: Colour
    lip_strength: float
    brow_width: float
    liner: float
    beard: float = 0.0


@dataclass
class Lines:
    """Where features are, as polylines [n, 2] in io; right and left of the person.

    Attributes:
        lip_outline: Closed outline of the lips.
        lip_line: Where the lips meet, corner to corner.
        upper_lids: Edge of each upper lid, inner to outer corner.
        lower_lids: The same of the lower lids.
        brows: Middle of each brow, inner to outer end.
    """

    lip_outline: Floats
    lip_line: Floats
    upper_lids: list[Floats]
    lower_lids: list[Floats]
    brows: list[Floats]


def size() -> tuple[int, int]:
    """Width and height of the frontal picture."""
    return round((RIGHT - LEFT) * SCALE), round((TOP - BOTTOM) * SCALE)


def to_pixel(points: Floats) -> Floats:
    """Pixels of points [n, 2] in picture coordinates."""
    return np.stack([(points[..., 0] - LEFT) * SCALE, (TOP - points[..., 1]) * SCALE], -1)


def resample(line: Floats, count: int) -> Floats:
    """``count`` points evenly along a polyline, smoothed by a cubic spline."""
    step = np.linalg.norm(np.diff(line, axis=0), axis=1)
    keep = np.concatenate([[True], step > 1e-5])
    line = line[keep]
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return np.asarray(CubicSpline(at, line)(np.linspace(0, at[-1], count)))


class Painting:
    """The frontal picture: colour and gloss.

    Args:
        look: Colours.
        seed: Of pores and hairs.
    """

    def __init__(self, look: Look, seed: int) -> None:
        self.look = look
        self.rng = np.random.default_rng(seed)
        width, height = size()
        self.colour = np.tile(np.array(look.skin, np.float32) / 255, (height, width, 1))
        self.gloss = np.full((height, width), 0.30, np.float32)

    def noise(self, sigma: float) -> np.ndarray:
        """Smooth noise of mean 0 and deviation 1."""
        width, height = size()
        shrink = max(1, int(sigma / 4))
        small = self.rng.standard_normal((height // shrink + 1, width // shrink + 1))
        blurred = cv2.GaussianBlur(small.astype(np.float32), (0, 0), sigma / shrink)
        out = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)
        return (out - out.mean()) / out.std()

    def texture(self) -> np.ndarray:
        """The picture as RGBA uint8 in stored size; alpha is gloss."""
        both = np.clip(np.dstack([self.colour, self.gloss]) * 255, 0, 255)
        size_ = tuple(round(side * STORED) for side in size())
        return cv2.resize(both, size_, interpolation=cv2.INTER_AREA).astype(np.uint8)

    def lay(self, mask: np.ndarray, colour: Colour, strength: float) -> None:
        """Glaze ``colour`` where ``mask`` is 1."""
        m = (np.clip(mask, 0, 1) * strength)[..., None].astype(np.float32)
        self.colour = self.colour * (1 - m) + (np.array(colour, np.float32) / 255) * m

    def blob(self, x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
        """A soft ellipse, 1 in its middle."""
        width, height = size()
        gx = np.linspace(LEFT, RIGHT, width, dtype=np.float32)[None] - x
        gy = np.linspace(TOP, BOTTOM, height, dtype=np.float32)[:, None] - y
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        u, v = (gx * c + gy * s) / rx, (-gx * s + gy * c) / ry
        return np.exp(-(u * u + v * v))

    def fill(self, outline: Floats, soft: float) -> np.ndarray:
        """Inside of a closed outline with an edge ``soft`` io wide."""
        width, height = size()
        mask = np.zeros((height, width), np.uint8)
        points = np.round(to_pixel(outline) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
        blurred = cv2.GaussianBlur(mask, (0, 0), max(0.6, soft * SCALE))
        return blurred.astype(np.float32) / 255

    def stroke(
        self, lines: Sequence[Floats], widths: Sequence[float], soft: float = 0.0
    ) -> np.ndarray:
        """Polylines of the given widths in io."""
        width, height = size()
        mask = np.zeros((height, width), np.uint8)
        for line, w in zip(lines, widths, strict=True):
            points = np.round(to_pixel(line) * 16).astype(np.int32)
            cv2.polylines(mask, [points], False, 255, max(1, round(w * SCALE)), cv2.LINE_AA, 4)
        out = mask.astype(np.float32) / 255
        return cv2.GaussianBlur(out, (0, 0), soft * SCALE) if soft > 0 else out


def find_lines(body: Body) -> Lines:
    """Lips, lids and brows of a shaped mesh in picture coordinates."""
    outline, line = lip_lines(body, UPPER_LIP_EDGE, LIP_OUTLINE)
    return Lines(
        unroll(outline),
        unroll(line),
        [unroll(lid_line(body, side, 2)) for side in ("r", "l")],
        [unroll(lid_line(body, side, 1)) for side in ("r", "l")],
        [unroll(brow_line(body, sign)) for sign in (-1, 1)],
    )


def paint_face(painting: Painting, lines: Lines) -> None:
    """Everything but hair: complexion, lips, lids, brows, pores."""
    p, look = painting, painting.look
    _complexion(p)
    _lips(p, lines)
    for upper, lower in zip(lines.upper_lids, lines.lower_lids, strict=True):
        _lids(p, upper, lower)
    for brow in lines.brows:
        _brow(p, brow)
    if look.beard:
        shape = p.blob(0, -1.02, 0.62, 0.30) + p.blob(0, -0.60, 0.30, 0.07)
        p.lay(shape, (128, 118, 112), look.beard)
    pores = 0.55 * p.noise(1.0) + 0.6 * p.noise(2.2)
    p.colour *= 1 + 0.012 * pores[..., None]
    p.gloss *= np.clip(1 + 0.22 * pores, 0.3, 1.8)


def _complexion(p: Painting) -> None:
    look = p.look
    for side in (-1, 1):
        p.lay(p.blob(side * 0.45, -0.42, 0.26, 0.20, side * 22), look.blush, 0.30)
        p.lay(p.blob(side * 0.98, -0.25, 0.12, 0.30), look.blush, 0.30)
        # Thin skin below the eyes.
        p.lay(p.blob(side * 0.31, -0.17, 0.17, 0.06, side * -8), (196, 146, 136), 0.22)
        p.gloss += 0.12 * p.blob(side * 0.42, -0.27, 0.16, 0.09, side * 25)
        p.lay(p.blob(side * 0.15, -0.50, 0.06, 0.07), look.blush, 0.25)
    p.lay(p.blob(0, -0.44, 0.14, 0.13), look.blush, 0.32)
    p.lay(p.blob(0, -1.20, 0.22, 0.12), look.blush, 0.16)
    p.lay(p.blob(0, 0.55, 0.62, 0.30), (246, 214, 184), 0.22)
    p.gloss += 0.20 * p.blob(0, -0.40, 0.07, 0.10) + 0.10 * p.blob(0, -0.05, 0.05, 0.25)
    p.gloss += 0.08 * p.blob(0, 0.55, 0.40, 0.18)
    tone = 0.011 * p.noise(60) + 0.008 * p.noise(20)
    p.colour *= 1 + tone[..., None] * np.array([0.5, 1.0, 1.1], np.float32)


def _lips(p: Painting, lines: Lines) -> None:
    look = p.look
    mask = p.fill(lines.lip_outline, 0.010)
    p.lay(p.fill(lines.lip_outline, 0.035), look.lips, 0.22)
    p.lay(mask, look.lips, look.lip_strength)
    middle = lines.lip_line.mean(0)
    inner = p.stroke([lines.lip_line], [0.05], 0.022)
    p.lay(inner * mask, look.inner_lips, 0.55)
    # Fine creases across the lips.
    creases = []
    for x in np.linspace(lines.lip_outline[:, 0].min(), lines.lip_outline[:, 0].max(), 60):
        lean = (x - middle[0]) * 0.25
        y = np.linspace(-0.16, 0.14, 8)
        wave = p.rng.normal(0, 0.002, 8)
        creases.append(np.stack([x + lean * y / 0.1 * np.sign(y) + wave, middle[1] + y], 1))
    cracks = p.stroke(creases, [0.002] * len(creases), 0.002) * mask
    p.lay(cracks, look.inner_lips, 0.20)
    p.gloss = p.gloss * (1 - mask) + (0.75 - 0.35 * cracks) * mask
    p.gloss += 0.35 * p.blob(float(middle[0]), float(middle[1]) - 0.085, 0.13, 0.03)
    # The line where they meet and the corners.
    p.lay(p.stroke([lines.lip_line], [0.007], 0.004), (110, 46, 48), 0.5)
    for end in (lines.lip_line[0], lines.lip_line[-1]):
        p.lay(p.blob(float(end[0]), float(end[1]), 0.022, 0.016), (128, 62, 56), 0.55)


def _lids(p: Painting, upper: Floats, lower: Floats) -> None:
    look = p.look
    side = np.sign(upper[:, 0].mean())
    middle = upper.mean(0)
    # A veil of shadow over the lid, strongest at the lashes.
    p.lay(
        p.blob(float(middle[0]), float(middle[1]) + 0.05, 0.24, 0.085, side * -6), look.shadow, 0.42
    )
    p.lay(p.stroke([upper + (0, 0.02)], [0.05], 0.024), look.shadow, 0.40)
    for line, strength, width in ((upper, look.liner, 0.016), (lower, look.liner * 0.38, 0.008)):
        p.lay(p.stroke([line], [width], 0.005), look.lash, strength)
    # Wet rim and pink inner corner.
    inner = (upper[0] + lower[0]) / 2
    p.lay(p.blob(float(inner[0]), float(inner[1]), 0.035, 0.025), (206, 118, 110), 0.7)
    p.gloss += 0.8 * p.stroke([lower], [0.008], 0.003)


def _brow(p: Painting, brow: Floats) -> None:
    look, rng = p.look, p.rng
    line = resample(brow, 100)
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    up *= np.sign(up[:, 1:2])
    t = np.linspace(0, 1, 100)
    half = (
        look.brow_width
        * (0.82 + 0.25 * np.sin(np.pi * t * 0.9))
        * np.clip((1.03 - t) / 0.5, 0.1, 1)
    )
    half *= np.clip(0.62 + t * 1.6, 0, 1)
    outline = np.concatenate([line + up * half[:, None], (line - up * half[:, None])[::-1]])
    fade = p.fill(outline, 0.018)
    inner = line[0]
    fade = fade * (1 - 0.8 * p.blob(float(inner[0]), float(inner[1]), 0.07, 0.09))
    p.lay(fade, look.brow, 0.46)
    width, height = size()
    ink = np.zeros((height, width), np.float32)
    for _ in range(420):
        i = int(np.clip(rng.beta(1.05, 1.1) * 99, 0, 99))
        offset = rng.uniform(-1, 0.75)
        root = line[i] + up[i] * half[i] * offset
        # Hairs stand up at the inner end and lie down along the brow to the tail.
        lie = np.clip(t[i] * 1.5 + 0.12 + 0.25 * max(0, offset), 0, 1)
        lean = -0.35 if (t[i] > 0.45 and offset > 0) else 0.12
        direction = up[i] * (1 - lie) + tangent[i] * lie + up[i] * lean * t[i]
        direction /= np.linalg.norm(direction)
        length = rng.uniform(0.045, 0.085) * (1.0 if t[i] < 0.7 else 0.75)
        s = np.linspace(0, 1, 7)[:, None]
        hair = root + direction * s * length + tangent[i] * s**2 * length * 0.35
        _hair(ink, hair, rng.uniform(0.45, 0.9) * min(1.0, 0.5 + 3.5 * t[i]))
    p.lay(ink, look.brow, 0.80)
    p.gloss *= 1 - 0.6 * np.clip(ink, 0, 1)


def _hair(ink: np.ndarray, points: Floats, strength: float) -> None:
    """Draw one hair, thick at its root and fading to the tip."""
    pixels = to_pixel(points)
    low = np.maximum(0, np.floor(pixels.min(0)).astype(int) - 4)
    high = np.ceil(pixels.max(0)).astype(int) + 5
    region = ink[low[1] : high[1], low[0] : high[0]]
    local = np.round((pixels - low) * 16).astype(np.int32)
    for k in range(len(local) - 1):
        fade = 1 - 0.75 * k / (len(local) - 1)
        piece = np.zeros(region.shape, np.uint8)
        cv2.line(
            piece, tuple(local[k]), tuple(local[k + 1]), 255, 2 if k < 3 else 1, cv2.LINE_AA, 4
        )
        np.maximum(region, piece.astype(np.float32) / 255 * strength * fade, out=region)


def unroll(points: Floats) -> Floats:
    """Picture coordinates [n, 2] in io of points [n, 3]: wrapped round an upright axis."""
    # The neck stands farther back than the face.
    neck = np.clip((-1.20 - points[:, 1]) / 0.5, 0, 1)
    axis = _AXIS - 0.75 * neck * neck * (3 - 2 * neck)
    angle = np.arctan2(points[:, 0], points[:, 2] - axis)
    return np.stack([angle * _REACH, points[:, 1]], 1)


def texture_coordinates(points: Floats) -> Floats:
    """uv [n, 2] of points [n, 3] in the painted texture."""
    return np.clip(to_pixel(unroll(points)) / size(), 0, 1)
