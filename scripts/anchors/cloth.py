"""Paint clothes as layers with thickness: rounded edges, folds, weave, and shadows below."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from gan import Array
from scipy.ndimage import distance_transform_edt, gaussian_filter

Point = tuple[float, float]
# Direction to the soft key light: up, a little from the left of the picture, towards the viewer.
LIGHT = np.array([-0.16, -0.50, 0.85])


def curve(points: list[Point], steps: int = 24) -> Array:
    """Catmull-Rom curve through `points`, float64 [n, 2]."""
    p = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    out = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        out.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.vstack([*out, p[-1:]])


@dataclass(frozen=True, slots=True)
class Cloth:
    """What a piece is made of.

    Attributes:
        colour: RGB 0…255 in even light.
        weave: Strength of the thread pattern.
        gloss: Strength of the broad sheen.
        contrast: How far light and shade go from the even colour.
        stripe: Width in pixels of diagonal stripes, 0 for none.
        stripe_colour: Their RGB.
        slub: Strength of the uneven threads of linen, along and across.
        hollow: How much darker the valleys between folds are.
    """

    colour: tuple[float, float, float]
    weave: float = 0.05
    gloss: float = 0.0
    contrast: float = 1.0
    stripe: float = 0.0
    stripe_colour: tuple[float, float, float] = (0, 0, 0)
    slub: float = 0.0
    hollow: float = 0.0


@dataclass(frozen=True, slots=True)
class Drape:
    """Irregular folds that run one way, as cloth hangs.

    Attributes:
        angle: Of the folds in degrees, 0 straight down, positive to the right of the picture.
        width: Standard deviation across a fold in pixels.
        length: Standard deviation along it.
        height: Standard deviation of the height in pixels.
        seed: Fixes where they are.
        where: (x, y, reach) in canvas pixels around which they are strongest; everywhere when None.
    """

    angle: float
    width: float
    length: float
    height: float
    seed: int
    where: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One layer of clothing.

    Attributes:
        outline: Polygon [n, 2] in canvas pixels.
        cloth: Its material.
        round: Radius in pixels over which the edge rounds off.
        height: Height of the rounded edge in pixels.
        folds: (start, end, width, height) soft ridges; negative height is a crease.
        shadow: Strength of the shadow on what is below.
        reach: Blur of that shadow in pixels.
        drapes: Irregular folds.
    """

    outline: Array
    cloth: Cloth
    round: float = 6.0
    height: float = 3.0
    folds: list[tuple[Point, Point, float, float]] = field(default_factory=list)
    shadow: float = 0.5
    reach: float = 10.0
    drapes: list[Drape] = field(default_factory=list)


class Canvas:
    """RGB with straight alpha on which pieces are laid from back to front."""

    def __init__(self, height: int, width: int, seed: int) -> None:
        """An empty canvas; `seed` fixes the grain."""
        self.colour = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(height, width)).astype(np.float32)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self._x, self._y = x, y
        twill = np.sin((x + y) * 2.1) * 0.35
        self._weave = gaussian_filter(noise, 0.7) * 1.6 + twill
        broad = rng.normal(size=(height // 16 + 1, width // 16 + 1)).astype(np.float32)
        broad = cv2.resize(
            gaussian_filter(broad, 3.0), (width, height), interpolation=cv2.INTER_CUBIC
        )
        self._broad = broad / broad.std()
        self._slub = self._threads(seed + 1)

    def cover(self, outline: Array) -> Array:
        """Anti-aliased cover 0…1 [h, w] of a polygon."""
        mask = np.zeros(self.alpha.shape, np.uint8)
        cv2.fillPoly(
            mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4
        )
        return gaussian_filter(mask.astype(np.float32) / 255, 0.8)

    def over(self, colour: Array, alpha: Array) -> None:
        """Lay straight-alpha colour [h, w, 3] on top."""
        self._over(colour, alpha, (slice(None), slice(None)))

    def _over(self, colour: Array, alpha: Array, box: tuple[slice, slice]) -> None:
        below = self.alpha[box]
        total = alpha + below * (1 - alpha)
        mix = colour * alpha[..., None] + self.colour[box] * (below * (1 - alpha))[..., None]
        self.colour[box] = mix / np.maximum(total, 1e-4)[..., None]
        self.alpha[box] = total

    def darken(self, amount: Array) -> None:
        """Shade what is already there by `amount` 0…1 [h, w]."""
        self.colour = self.colour * (1 - amount)[..., None]

    def lay(self, piece: Piece, form: Array) -> None:
        """Shade a piece and lay it on top.

        Args:
            piece: The piece.
            form: Height of the body under the cloth in pixels [h, w].
        """
        box = self._around(piece)
        cover = self.cover(piece.outline)[box]
        if piece.shadow:
            soft = gaussian_filter(cover, piece.reach)
            down = int(0.6 * piece.reach)
            soft = np.pad(soft, ((down, 0), (0, 0)))[: len(soft)]
            amount = piece.shadow * np.clip(soft * (1 - cover), 0, 1)
            self.colour[box] *= (1 - amount)[..., None]
        height = self._height(piece, cover, box) + form[box]
        height = gaussian_filter(height, 1.5)
        dy, dx = np.gradient(height)
        n = np.stack([-dx, -dy, np.ones_like(dx)], -1)
        n /= np.linalg.norm(n, axis=-1, keepdims=True)
        lit = n @ LIGHT.astype(np.float32)
        cloth = piece.cloth
        light = 1 + cloth.contrast * 1.25 * (lit - LIGHT[2])
        light += cloth.gloss * np.clip(lit - 0.86, 0, 1) * 6
        if cloth.hollow:
            depth = cv2.GaussianBlur(height, (0, 0), 14.0) - height
            light *= 1 - cloth.hollow * np.clip(depth / 10.0, -0.3, 1)
        colour = np.broadcast_to(np.array(cloth.colour, np.float32), (*lit.shape, 3))
        if cloth.stripe:
            phase = (self._x[box] * 0.72 + self._y[box]) / cloth.stripe
            band = np.clip((np.sin(phase * 2 * np.pi) - 0.55) * 6 + 0.5, 0, 1)[..., None]
            colour = colour * (1 - band) + np.array(cloth.stripe_colour, np.float32) * band
        grain = 1 + cloth.weave * self._weave[box]
        if cloth.slub:
            grain += cloth.slub * self._slub[box]
        colour = colour * np.clip(light, 0.25, 2.2)[..., None] * grain[..., None]
        self._over(np.clip(colour, 0, 255), cover, box)

    def _around(self, piece: Piece) -> tuple[slice, slice]:
        """The part of the canvas that a piece and its shadow can change."""
        far = 5 * piece.reach + 8
        (x0, y0), (x1, y1) = piece.outline.min(0) - far, piece.outline.max(0) + far
        h, w = self.alpha.shape
        return slice(max(0, int(y0)), min(h, int(y1))), slice(max(0, int(x0)), min(w, int(x1)))

    def _height(self, piece: Piece, cover: Array, box: tuple[slice, slice]) -> Array:
        """Height of the cloth above the body in pixels, over `box`."""
        inside = distance_transform_edt(cover > 0.5).astype(np.float32)
        height = piece.height * (1 - np.exp(-inside / piece.round)) + 1.4 * self._broad[box]
        for (x0, y0), (x1, y1), width, rise in piece.folds:
            height = height + rise * self._ridge(x0, y0, x1, y1, width)[box]
        for drape in piece.drapes:
            height = height + self._drape(drape)[box]
        return np.asarray(height, np.float32)

    def _ridge(self, x0: float, y0: float, x1: float, y1: float, width: float) -> Array:
        length = float(np.hypot(x1 - x0, y1 - y0))
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        along = ((self._x - x0) * ux + (self._y - y0) * uy) / length
        across = (self._x - x0) * -uy + (self._y - y0) * ux
        fade = np.clip(np.sin(np.pi * np.clip(along, 0, 1)), 0, 1)
        return np.exp(-0.5 * (across / width) ** 2) * fade

    def _drape(self, drape: Drape) -> Array:
        """Height in pixels [h, w] of irregular folds: noise drawn out one way, its crests sharp."""
        h, w = self.alpha.shape
        side = int(np.hypot(h, w) / 4) + 1
        noise = np.random.default_rng(drape.seed).normal(size=(side, side)).astype(np.float32)
        long = gaussian_filter(noise, (drape.length / 4, drape.width / 4))
        long /= long.std()
        crest = long - 0.5 * np.sqrt(long**2 + 0.1)
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), drape.angle, 1.0)
        turn[:, 2] += np.array([w / 8 - side / 2, h / 8 - side / 2])
        turn *= 4
        out = cv2.warpAffine(crest, turn, (w, h), flags=cv2.INTER_CUBIC)
        if drape.where is not None:
            x, y, reach = drape.where
            away = ((self._x - x) ** 2 + (self._y - y) ** 2) / (2 * reach**2)
            out = out * np.exp(-away)
        return np.asarray(drape.height * out, np.float32)

    def _threads(self, seed: int) -> Array:
        """Threads of uneven thickness, along and across, of about unit strength [h, w]."""
        rng = np.random.default_rng(seed)
        out = np.zeros(self.alpha.shape, np.float32)
        for long, thin in ((26.0, 0.7), (0.7, 26.0)):
            noise = rng.normal(size=out.shape).astype(np.float32)
            thread = gaussian_filter(noise, (long, thin))
            out += thread / thread.std()
        return out / 2
