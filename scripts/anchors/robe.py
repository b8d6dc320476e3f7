"""A scholar's dress of the Song: crossed collar, left lapel over right, and the Dongpo cap.

The cap (东坡巾) is two tubes of stiff black cloth with square corners, one before the brow: an
inner one, tall, and round it a lower wall that is open at the front.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from bust import LOBES, Tailor, Wardrobe
from cloth import Cloth, Drape, Piece, Point, curve
from gan import SIZE, Array, Image
from scipy.ndimage import gaussian_filter

# Below, as in `bust`: pixels of the GAN frame, x from the middle of the neck; the right half.
OUTLINE: list[Point] = [
    (212, 890), (262, 926), (345, 966), (452, 1008), (566, 1060), (664, 1134), (734, 1240),
    (784, 1400), (820, 1600), (848, 1800), (866, 1990),
]  # fmt: skip
# Inner edge of a lapel from the neck downwards; width of the band by how far along it is.
LAPEL: list[Point] = [
    (213, 866), (205, 920), (174, 990), (106, 1072), (0, 1166), (-134, 1284), (-296, 1450),
    (-430, 1650), (-530, 1990),
]  # fmt: skip
BAND = ((0.0, 10.0), (0.035, 62.0), (0.12, 104.0), (0.32, 140.0))
LINING = 34.0
# How much the cap's upper edges fall from the corner before the brow to the sides.
FALL = 0.20
ARMS = 930.0
# Standard deviation of the low-pass against the ripple that far edits leave on the skin, pixels.
RIPPLE = 0.8


@dataclass(frozen=True, slots=True)
class Robes(Wardrobe):
    """What a scholar wears: `jacket` is the robe, `shirt` the garment below, `tie` the collar band.

    Attributes:
        cap: Cloth of the cap.
        rim: Its lower edge on the brow, from the middle to above the ear, right half.
        top: Height of the inner and of the outer wall above the rim's middle.
        heal: Blemishes to take out of the GAN's picture: x, y, radius.
    """

    cap: Cloth = Cloth((56, 54, 58))
    rim: tuple[Point, ...] = ()
    top: tuple[float, float] = (430.0, 270.0)
    heal: tuple[tuple[float, float, float], ...] = ()


def strip(path: Array, width: tuple[tuple[float, float], ...], side: float) -> Array:
    """Outline [n, 2] of a band on one side of `path`; `width` is given at shares of its length."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = np.stack([-along[:, 1], along[:, 0]], 1) * side
    gone = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    wide = np.interp(gone / gone[-1], *zip(*width, strict=True))
    wide = np.convolve(np.pad(wide, 8, "edge"), np.ones(17) / 17, "valid")
    return np.vstack([path, (path + out * wide[:, None])[::-1]])


def mirrored(points: tuple[Point, ...] | list[Point]) -> list[Point]:
    """The left half of a right one."""
    return [(-x, y) for x, y in points]


class Scholar(Tailor):
    """Puts a matted head into a scholar's dress."""

    def __init__(self, wardrobe: Robes, points: Array, seed: int) -> None:
        """As `Tailor`."""
        super().__init__(wardrobe, points, seed)
        self.robes = wardrobe
        h, w = self.canvas.alpha.shape
        self._rows, self._columns = np.mgrid[0:h, 0:w].astype(np.float32)
        u = np.clip((self._columns - self._x(0)) / ARMS, -1, 1)
        slope = np.clip((self._rows - self.offset[1] - 860) / 620, 0, 1)
        chest = 270 * np.sqrt(np.clip(1 - 0.94 * u**2, 0, 1))
        self.form = (chest + 240 * slope * slope * (3 - 2 * slope)).astype(np.float32)

    def dress(self, head: Image) -> Image:
        """The bust, RGBA uint8 [h, w, 4], from the matted head, RGBA [1024, 1024, 4]."""
        return super().dress(self._bare(head))

    def behind(self) -> None:
        """Lay the collar where it goes round the back of the neck."""
        nape: list[Point] = [(-258, 916), (-216, 874), (0, 850), (216, 874), (258, 916)]
        outline = strip(curve(self.place(nape)), ((0, 60), (1, 60)), 1)
        self.canvas.lay(Piece(outline, self.wardrobe.tie, 9, 10), self.form)

    def clothe(self) -> None:
        """Lay robe and cap over the head and neck."""
        self._under()
        self._robe()
        self._cap()

    def _bare(self, head: Image) -> Image:
        """The head without the hair that goes under the cap and the clothes beside the jaw."""
        rim = curve([*reversed(mirrored(self.robes.rim[1:])), *self.robes.rim])
        line = rim + [self.middle, -12]
        line = np.vstack([[(-9, line[0, 1])], line, [(SIZE + 9, line[-1, 1])]])
        away = np.zeros((SIZE, SIZE), np.uint8)
        area = np.vstack([line, [(SIZE + 9, -9), (-9, -9)]])
        cv2.fillPoly(away, [np.round(area).astype(np.int32)], 255)
        face = np.zeros_like(away)
        cv2.fillPoly(face, [cv2.convexHull(self.points[:, :2].astype(np.int32))], 255)
        left, right = (round(edge) for edge in self.wardrobe.neck)
        face[:, left:right] = 255
        below = int(self.points[LOBES, 1].max()) + 20
        away[below:][face[below:] == 0] = 255
        out = head.copy()
        # The rim of the matte is a little light: it is taken in by a pixel.
        alpha = cv2.erode(head[..., 3], np.ones((3, 3), np.uint8))
        out[..., 3] = np.round(alpha * (1 - gaussian_filter(away / 255.0, 2.0)))
        out[..., :3] = self._healed(head[..., :3])
        return out

    def _healed(self, image: Image) -> Image:
        """Blemishes taken out, and the network's fine ripple made softer."""
        out = image
        if self.robes.heal:
            spots = np.zeros(image.shape[:2], np.uint8)
            for x, y, r in self.robes.heal:
                cv2.circle(spots, (round(x), round(y)), round(r), 255, -1)
            clean = cv2.inpaint(np.ascontiguousarray(image), spots, 7, cv2.INPAINT_TELEA)
            rng = np.random.default_rng(4)
            grain = gaussian_filter(rng.normal(size=image.shape[:2]), 0.9)[..., None] * 7
            share = gaussian_filter(spots / 255.0, 3.0)[..., None]
            out = np.round(np.clip(image * (1 - share) + (clean + grain) * share, 0, 255))
        smooth = cv2.bilateralFilter(np.ascontiguousarray(out.astype(np.uint8)), 5, 22, 1.6)
        return np.asarray(cv2.GaussianBlur(smooth, (0, 0), RIPPLE), np.uint8)

    def _under(self) -> None:
        """The white garment below: its own crossed collar."""
        w, c = self.wardrobe, self.canvas
        inner = [(x - LINING * 0.9, y - 6) for x, y in LAPEL[:6]]
        wide = ((0.0, 8.0), (0.08, LINING + 10), (0.5, LINING + 80))
        for side in (-1, 1):
            outline = strip(curve(self.place(inner, side)), wide, -side)
            c.lay(Piece(outline, w.shirt, round=7, height=7, shadow=0.5, reach=9), self.form)

    def _robe(self) -> None:
        """Both sides of the robe, the wearer's right first, then the left over it."""
        w, c = self.wardrobe, self.canvas
        for side in (-1, 1):
            edge = curve(self.place(LAPEL, side))
            outer = curve(self.place(OUTLINE, side))
            foot = self.place([(0, 2200)])[0][1]
            far = self.place([(-900, 0)], side)[0][0]
            body = np.vstack([outer, [(outer[-1][0], foot), (far, foot)], edge[::-1]])
            piece = Piece(body, w.jacket, 34, 24, self._folds(side), 0.5, 14, self._drapes(side))
            c.lay(piece, self.form)
            band = Piece(strip(edge, BAND, -side), w.tie, 9, 10, shadow=0.55, reach=11)
            c.lay(band, self.form)

    def _folds(self, side: int) -> list[tuple[Point, Point, float, float]]:
        x = self._side(side)
        return [
            # Between arm and body, and the roundness of both.
            (x(668, 1190), x(596, 2330), 15.0, -17.0), (x(720, 1160), x(716, 2330), 50.0, 16.0),
            (x(560, 1240), x(500, 2300), 46.0, 9.0),
            # From the shoulder, and from the armpit across the chest.
            (x(300, 960), x(430, 1330), 26.0, 5.0), (x(470, 1020), x(520, 1500), 30.0, 6.0),
            (x(640, 1330), x(300, 1540), 20.0, 7.0), (x(640, 1420), x(240, 1740), 26.0, 8.0),
            (x(625, 1540), x(330, 1960), 24.0, 7.0), (x(430, 1180), x(360, 1700), 34.0, 6.0),
            # Of the sleeve.
            (x(650, 1360), x(820, 1660), 18.0, 8.0), (x(640, 1470), x(800, 1900), 20.0, 8.0),
            (x(625, 1600), x(720, 2100), 20.0, 7.0),
        ]  # fmt: skip

    def _drapes(self, side: int) -> list[Drape]:
        x = self._side(side)
        return [
            Drape(10.0 * side, 34, 240, 5.0, 40 + side),
            Drape(-38.0 * side, 22, 110, 4.0, 50 + side, (*x(560, 1480), 260.0)),
        ]

    def _cap(self) -> None:
        """The inner tube, then the two flaps of the outer wall, open before the brow."""
        r, c = self.robes, self.canvas
        rim = curve(self.place([*reversed(mirrored(r.rim[1:])), *r.rim]))
        self._rim_shadow(rim)
        (side_x, side_y), (_, low) = r.rim[-1], r.rim[0]
        tall, wall = low - r.top[0], low - r.top[1]
        form = self._corner(low)
        fall = FALL * side_x
        inner: list[Point] = [
            (side_x - 6, side_y - 10), (side_x + 16, low), (side_x + 16, tall + fall),
        ]  # fmt: skip
        ridge: list[Point] = [(0, tall), (0.5 * side_x, tall + 0.5 * fall + 7), inner[-1]]
        over, back = curve(self.place(ridge)), curve(self.place(ridge, -1))
        outline = np.vstack([
            rim, curve(self.place(inner)), over[::-1], back, curve(self.place(inner, -1))[::-1],
        ])  # fmt: skip
        drapes = [Drape(4.0, 60, 150, 3.5, 71), Drape(-30.0, 34, 90, 1.6, 72)]
        c.lay(Piece(outline, r.cap, 5, 5, shadow=0.5, reach=9, drapes=drapes), form)
        self._hem(np.vstack([back[::-1], over[1:]]), 15.0, form, 1)
        for side in (-1, 1):
            self._flap(side, wall, form, rim)
        self._hem(rim, 24.0, form, -1)

    def _rim_shadow(self, rim: Array) -> None:
        """Soft shade of the cap on the brow and temples."""
        c = self.canvas
        head = c.cover(np.vstack([rim, self.place([(900, -900), (-900, -900)])]))
        h, w = head.shape
        line = np.interp(np.arange(w), rim[:, 0], rim[:, 1], left=h, right=h)
        below = self._rows >= line[None]
        low = gaussian_filter(np.pad(head, ((30, 0), (0, 0)))[:h], 22.0) * (1 - head)
        c.darken(0.42 * low * below)

    def _flap(self, side: int, wall: float, form: Array, rim: Array) -> None:
        """One half of the outer wall."""
        r = self.robes
        (side_x, side_y), (_, low) = r.rim[-1], r.rim[0]
        gap = 0.24 * side_x
        front: list[Point] = [(3, low + 2), (0.4 * gap, low - 0.45 * r.top[1]), (gap, wall - 10)]
        edge: list[Point] = [
            (gap, wall - 10), (0.55 * side_x, wall + 0.4 * FALL * side_x + 7),
            (side_x + 31, wall + FALL * side_x),
        ]  # fmt: skip
        down: list[Point] = [
            edge[-1], (side_x + 27, low), (side_x + 16, (low + side_y) / 2), (side_x + 2, side_y),
        ]  # fmt: skip
        half = rim[rim[:, 0] * side > self._x(0) * side]
        half = half if side < 0 else half[::-1]
        a, b = curve(self.place(front, side)), curve(self.place(edge, side))
        outline = np.vstack([a, b, curve(self.place(down, side)), half])
        drapes = [Drape(6.0 * side, 50, 120, 3.0, 80 + side), Drape(40, 30, 70, 1.4, 90 + side)]
        piece = Piece(outline, r.cap, 5, 7, shadow=0.62, reach=15, drapes=drapes)
        self.canvas.lay(piece, form)
        self._hem(a, 15.0, form, side)
        self._hem(b, 15.0, form, side)

    def _hem(self, path: Array, width: float, form: Array, side: float) -> None:
        outline = strip(path, ((0, width), (1, width)), side)
        self.canvas.lay(Piece(outline, self.robes.cap, 4, 4, shadow=0.3, reach=4), form)

    def _corner(self, low: float) -> Array:
        """Height of the cap's walls in pixels [h, w]: round at the rim, a corner before above."""
        x = self._columns - self._x(0)
        ball = 330 * np.sqrt(np.clip(1 - (x / 420) ** 2, 0, 1))
        edge = -0.85 * np.sqrt(x**2 + 14.0**2)
        t = np.clip((low + 40 + self.offset[1] - self._rows) / 260, 0, 1)
        square = t * t * (3 - 2 * t)
        return np.asarray(ball * (1 - square) + (edge + 300) * square, np.float32)
