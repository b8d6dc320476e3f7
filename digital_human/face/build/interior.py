"""The inside of a mouth that no photo shows: teeth, gums and tongue, painted in its light.

Sizes are those of an average adult, with the outer corners of the eyes 92 mm apart: widths and
heights of crowns after Wheeler's dental anatomy, the back teeth foreshortened as they turn away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_SKIN = np.array([1.24, 0.95, 0.80], np.float32)  # colour of skin in white light, luma 1
_SUPER = 3  # painted at this multiple of the final size
# From the middle outwards, in eye distances: width seen from the front, height of the crown.
_UPPER = ((0.089, 0.108), (0.070, 0.094), (0.066, 0.100), (0.050, 0.086), (0.040, 0.078))
_LOWER = ((0.056, 0.090), (0.060, 0.090), (0.060, 0.096), (0.052, 0.084), (0.042, 0.076))
_EDGE = 0.043  # the upper incisors' edge below the closed lip line
_OVERLAP = 0.026  # by how much the upper teeth cover the lower ones when the jaw is shut


@dataclass(frozen=True, slots=True)
class Light:
    """What the portrait tells of its light.

    Attributes:
        tooth: float32 [3], colour of a front tooth.
        lip: float32 [3], colour of the lips.
        moist: float32 [3], colour of their inner sides.
        gum: float32 [3].
        tongue: float32 [3].
        cavity: float32 [3], the open mouth.
        blur: Standard deviation in canvas pixels that makes an edge as soft as the portrait's.
    """

    tooth: FloatArray
    lip: FloatArray
    moist: FloatArray
    gum: FloatArray
    tongue: FloatArray
    cavity: FloatArray
    blur: float


def _masked(image: ByteArray, ring: FloatArray, holes: list[FloatArray]) -> FloatArray:
    """Pixels [n, 3] inside ``ring`` and outside of ``holes``."""
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 1)
    for hole in holes:
        cv2.fillPoly(mask, [np.round(hole).astype(np.int32)], 0)
    return image[mask > 0].astype(np.float32)


def read_light(image: ByteArray, points: FloatArray, enlarged: float) -> Light:
    """Measure the light of a portrait on the skin, the whites of the eyes and the lips.

    Args:
        image: uint8 [h, w, 3] RGB.
        points: float32 [478, 2], its landmarks.
        enlarged: Canvas pixels per pixel of the photo.
    """
    cheeks = [_masked(image, points[list(ring)], []) for ring in _CHEEKS]
    skin = np.concatenate(cheeks)
    skin_level = float(np.percentile(skin @ _LUMA, 70))
    whites = []
    for upper, lower, iris in (
        (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID, lm.RIGHT_IRIS),
        (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID, lm.LEFT_IRIS),
    ):
        ring = points[[*upper, *lower[-2:0:-1]]]
        centre = points[iris[0]]
        ball = centre + (points[list(iris[1:])] - centre) * np.float32(1.25)
        whites.append(_masked(image, ring, [cv2.convexHull(ball)[:, 0]]))
    white = np.concatenate(whites)
    tint = np.ones(3, np.float32)
    level = skin_level
    if len(white) > 30:
        luma = white @ _LUMA
        bright = white[luma >= np.percentile(luma, 75)].mean(0)
        level = float(bright @ _LUMA)
        tint = np.clip(bright / level, 0.96, 1.04).astype(np.float32)
    # The whites may be reddened or painted blue: what skin tells of the light counts as much.
    mean = np.median(skin, axis=0)
    warm = np.clip(mean / float(mean @ _LUMA) / _SKIN, 0.90, 1.10)
    tint = np.asarray(np.sqrt(tint * warm), np.float32)
    level = float(np.clip(level, 0.98 * skin_level, 1.15 * skin_level))
    level = min(max(level, 60.0), 232.0)
    lips = _masked(
        image, points[list(lm.OUTER_UPPER + lm.OUTER_LOWER[::-1])], [points[list(lm.INNER_LIPS)]]
    )
    lip = np.median(lips, axis=0).astype(np.float32)
    chroma = float(np.ptp(np.median(skin, axis=0)))
    colourful = float(np.clip(chroma / 30, 0, 1))

    def coloured(rgb: tuple[float, float, float], share: float, bright: float) -> FloatArray:
        """A tissue's colour at this exposure, mixed with the lips', as colourful as the skin."""
        own = np.array(rgb, np.float32) * np.float32(skin_level / 178)
        mixed = own * (1 - share) + lip * share
        gray = float(mixed @ _LUMA)
        return np.asarray((gray + (mixed - gray) * colourful) * bright, np.float32)

    ivory = np.array([1.06, 0.985, 0.85], np.float32)
    tooth = level * (1 + (tint * ivory - 1) * colourful)
    return Light(
        tooth=np.asarray(np.minimum(1.08 * tooth, 246), np.float32),
        lip=lip,
        moist=np.asarray(0.82 * lip + colourful * np.array([0.12, -0.08, -0.06]) * lip, np.float32),
        gum=coloured((190, 112, 110), 0.45, 0.92),
        tongue=coloured((200, 108, 108), 0.35, 0.95),
        cavity=coloured((96, 34, 34), 0.15, 0.42),
        blur=max(0.6, 0.55 * enlarged),
    )


_CHEEKS = (
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
)


def paint(
    points: FloatArray, light: Light, seed: int
) -> tuple[dict[str, ByteArray], dict[str, FloatArray]]:
    """Paint the layers of the mouth's inside.

    Args:
        points: float32 [478, 2], landmarks at rest with the lips shut, canvas pixels.
        light: Of the portrait.
        seed: Of the small differences between teeth.

    Returns:
        Layer name → uint8 [h, w, 4] RGBA, and → float32 [2], its left top in the canvas with the
        jaw shut.
    """
    io = lm.eye_distance(points)
    line = points[list(lm.LIP_CENTRES)].mean(0)
    middle = float(points[list(lm.MOUTH_CORNERS), 0].mean() * 0.5 + line[0] * 0.5)
    # Wide mouths have wider arches, but less so than their lips.
    wide = float(np.clip((lm.mouth_width(points) / 0.56) ** 0.5, 0.88, 1.12))
    rng = np.random.default_rng(seed)
    upper, up_edge = _teeth(_UPPER, io, wide, light, rng, upper=True)
    lower, low_edge = _teeth(_LOWER, io, wide * 0.97, light, rng, upper=False)
    tongue = _tongue(io, wide, light, rng)
    at = float(line[1])
    corners = {
        "upper": (middle - upper.shape[1] / 2, at + _EDGE * io - up_edge),
        "lower": (middle - lower.shape[1] / 2, at + (_EDGE - _OVERLAP) * io - low_edge),
        "tongue": (middle - tongue.shape[1] / 2, at - 0.055 * io),
    }
    layers = {"upper": upper, "lower": lower, "tongue": tongue}
    return layers, {name: np.array(xy, np.float32) for name, xy in corners.items()}


def _teeth(
    sizes: tuple[tuple[float, float], ...],
    io: float,
    wide: float,
    light: Light,
    rng: np.random.Generator,
    *,
    upper: bool,
) -> tuple[ByteArray, float]:
    """A row of teeth with its gum, RGBA, and the row of the front teeth's edge in it.

    Painted with the edge down; the lower row is turned over at the end.
    """
    unit = io * _SUPER
    half = sum(w for w, _ in sizes) * wide + 0.02
    gum_height, below = 0.075, 0.02
    tall = max(h for _, h in sizes)
    height, width = round((gum_height + tall + below) * unit), 2 * round(half * unit)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x = (x + 0.5 - width / 2) / unit
    y = (y + 0.5) / unit - gum_height  # 0 at the neck of the longest tooth
    px = 1.2 / unit
    colour = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.float32)
    gum_line = np.full((height, width), -1.0, np.float32)
    for side in (-1, 1):
        inner = 0.0
        for k, (w, h) in enumerate(sizes):
            w, h = w * wide * float(rng.normal(1, 0.015)), h * float(rng.normal(1, 0.012))
            centre = inner + w / 2
            inner += w
            lift = 0.10 * centre**2 + (0.006 if k == 1 and upper else 0.0)
            edge = tall - lift + float(rng.normal(0, 0.0012))
            u = (x * side - centre) / (w / 2 * 0.985)
            neck = edge - h
            v = np.clip((y - neck) / h, 0, 1)  # 0 at the neck, 1 at the edge
            taper = 1 - (0.10 if upper else 0.07) * (1 - v) ** 1.6
            u = u / taper
            pointed = k == 2
            round_off = (0.17 * np.abs(u) ** 2.4 if pointed else 0.11 * np.abs(u) ** 4) * h
            inside = np.clip((1 - np.abs(u)) * (w / 2) / px + 0.5, 0, 1)
            inside *= np.clip((edge - round_off - y) / px + 0.5, 0, 1)
            near = np.abs(u) < 1.25
            arch = neck + h * (0.02 + 0.24 * np.clip(np.abs(u), 0, 1.25) ** 2.2)
            gum_line = np.where(near & (x * side > 0), np.maximum(gum_line, arch), gum_line)
            colour_k = _enamel(u, v, light, float(rng.normal(1, 0.012)), upper)
            colour = colour * (1 - inside[..., None]) + colour_k * inside[..., None]
            cover = np.maximum(cover, inside)
    colour, cover = _behind(colour, cover, y, tall, light)
    gum = np.clip((gum_line - y) / (3 * px) + 0.5, 0, 1)
    gum *= np.clip((half - 0.03 - np.abs(x)) / 0.03, 0, 1)
    swell = np.clip((gum_line - y) / 0.05, 0, 1)
    flesh = light.gum * (0.80 + 0.24 * np.sin(np.pi * swell))[..., None]
    colour = colour * (1 - gum[..., None]) + flesh * gum[..., None]
    alpha = np.maximum(cover, gum)
    away = np.clip((np.abs(x) - 0.07) / (half - 0.07), 0, 1)
    shade = 1 - 0.70 * away**1.25
    colour = colour * shade[..., None] + light.cavity * (1 - shade[..., None])
    alpha *= np.clip((half - 0.004 - np.abs(x)) / 0.035, 0, 1)
    rgba = np.dstack([colour * alpha[..., None], alpha * 255])
    if not upper:
        rgba = rgba[::-1]
    rgba = cv2.GaussianBlur(rgba, (0, 0), light.blur * _SUPER * 0.8)
    size = round(width / _SUPER), round(height / _SUPER)
    small = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-3)
    edge_row = (gum_height + tall) * io
    if not upper:
        edge_row = size[1] - edge_row
    return np.clip(np.round(small), 0, 255).astype(np.uint8), edge_row


def _behind(
    colour: FloatArray, cover: FloatArray, y: FloatArray, tall: float, light: Light
) -> tuple[FloatArray, FloatArray]:
    """Teeth touch: what shows between them is enamel in the shade, not the open mouth."""
    touching = np.clip((0.84 * tall - y) / (0.10 * tall), 0, 1)
    colour = colour * cover[..., None] + 0.62 * light.tooth * (1 - cover[..., None])
    return colour, np.maximum(cover, touching)


def _enamel(u: FloatArray, v: FloatArray, light: Light, level: float, upper: bool) -> FloatArray:
    """Colour [h, w, 3] of a tooth over its width ``u`` (−1…1) and height ``v`` (1 at the edge)."""
    round_side = 1 - 0.10 * u**2 - 0.20 * np.abs(np.clip(u, -1, 1)) ** 8
    body = 0.90 + 0.10 * np.sin(np.pi * np.clip(0.15 + 0.8 * v, 0, 1))
    shine = 0.055 * np.exp(-(((u + 0.15) / 0.35) ** 2) - ((v - 0.42) / 0.20) ** 2)
    value = (level * round_side * body + shine)[..., None]
    if not upper:
        value = value * 0.80
    # Yellower at the neck, where the enamel is thin; greyer and bluer at the translucent edge.
    neck = np.clip(1 - v / 0.45, 0, 1)[..., None] * np.array([0.00, -0.03, -0.09], np.float32)
    rim = np.clip((v - 0.82) / 0.18, 0, 1)[..., None] * np.array([-0.07, -0.05, -0.02], np.float32)
    return np.asarray(light.tooth * value * (1 + neck + rim), np.float32)


def _tongue(io: float, wide: float, light: Light, rng: np.random.Generator) -> ByteArray:
    """A tongue at rest behind the lower teeth."""
    width, height = round(0.50 * io * wide), round(0.30 * io)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u = (x + 0.5 - width / 2) / (width / 2)
    ridge = 0.10 * height + 0.55 * height * np.abs(u) ** 2.6
    alpha = np.clip((y - ridge) / (0.035 * io), 0, 1) * np.clip((1 - np.abs(u)) / 0.08, 0, 1)
    depth = np.clip((y - ridge) / (0.5 * height), 0, 1)
    noise = rng.normal(size=(height, width)).astype(np.float32)
    grain = 2.2 * cv2.GaussianBlur(noise, (0, 0), max(0.8, 0.004 * io))
    grain += 9 * cv2.GaussianBlur(noise, (0, 0), max(2.0, 0.014 * io))
    groove = -0.13 * np.exp(-((u / 0.10) ** 2)) * np.clip(1.2 - depth, 0, 1)
    value = 0.46 + 0.32 * np.sin(np.pi * np.clip(depth * 1.1, 0, 1)) + groove - 0.2 * u**2
    colour = light.tongue * value[..., None] + grain[..., None]
    wet = np.exp(-(((u - 0.18) / 0.22) ** 2) - ((depth - 0.35) / 0.18) ** 2)
    colour = colour + 16 * wet[..., None]
    rgba = np.dstack([colour, 255 * alpha]).astype(np.float32)
    soft = cv2.GaussianBlur(rgba, (0, 0), light.blur)
    return np.clip(np.round(soft), 0, 255).astype(np.uint8)
