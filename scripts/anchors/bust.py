"""Head and shoulders on a transparent canvas: the matted head of the GAN in painted clothes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from cloth import Canvas, Cloth, Piece, Point, curve
from gan import SIZE, Array, Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d

WIDTH, HEIGHT = 1800, 2000
OFFSET = (388, 60)
# Face outline beside the ear lobes.
LOBES = [132, 361]
# Everything below is in pixels of the GAN frame, x from the middle of the neck.
SHOULDER: list[Point] = [
    (226, 892), (262, 930), (340, 958), (450, 985), (560, 1012), (648, 1048), (704, 1108),
    (738, 1215), (757, 1400), (769, 1640), (778, 1960),
]  # fmt: skip
ARM: list[Point] = [
    (668, 1040), (628, 1150), (596, 1330), (586, 1480), (590, 1700), (602, 1990), (900, 1990),
    (900, 1040),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """What a person wears.

    Attributes:
        style: "shirt" (collar and tie) or "blouse" (open neckline).
        jacket: Cloth of the jacket.
        shirt: Cloth of the shirt or blouse.
        tie: Cloth of the tie.
        narrow: Shoulder width factor.
        neck: x of the neck edges in the GAN frame where the collar meets them.
        room: Rows added above the head for what stands on it.
    """

    style: str
    jacket: Cloth
    shirt: Cloth
    tie: Cloth
    narrow: float
    neck: tuple[float, float]
    room: int = 0


class Tailor:
    """Puts a matted head into clothes."""

    def __init__(self, wardrobe: Wardrobe, points: Array, seed: int) -> None:
        """`points`: landmarks [478, 2+] in the GAN frame; `seed` fixes the grain of the cloth."""
        self.wardrobe = wardrobe
        self.points = points
        self.offset = (OFFSET[0], OFFSET[1] + wardrobe.room)
        self.canvas = Canvas(HEIGHT + wardrobe.room, WIDTH, seed)
        self.middle = sum(wardrobe.neck) / 2
        y, x = np.mgrid[0 : HEIGHT + wardrobe.room, 0:WIDTH].astype(np.float32)
        u = np.clip((x - self.middle - self.offset[0]) / (760 * wardrobe.narrow), -1.0, 1.0)
        chest = 300 * np.sqrt(np.clip(1 - u**2 * 0.94, 0, 1))
        slope = np.clip((y - self.offset[1] - 900) / 420, 0, 1)
        self.form = (chest * 0.9 + 190 * np.sin(slope * np.pi / 2)).astype(np.float32)

    def place(self, points: list[Point], side: int = 1) -> list[Point]:
        """GAN frame points, x from the neck's middle, to canvas pixels; `side` -1 mirrors."""
        k = self.wardrobe.narrow
        return [
            (
                side * x * (1 + (k - 1) * min(1, max(0, (abs(x) - 200) / 250)))
                + self.middle
                + self.offset[0],
                y + self.offset[1],
            )
            for x, y in points
        ]

    def both(self, points: list[Point]) -> Array:
        """Closed outline from a right half running downwards, mirrored."""
        right = curve(self.place(points))
        left = curve(self.place(points, -1))
        return np.vstack([right, left[::-1]])

    def dress(self, head: Image) -> Image:
        """The bust, RGBA uint8 [h, w, 4], from the matted head, RGBA [1024, 1024, 4]."""
        c = self.canvas
        self.behind()
        skin, cover = _neck_down(head, len(c.alpha), self.offset)
        c.over(skin, cover)
        self._head(head)
        self.clothe()
        out = np.dstack([bled(c.colour, c.alpha), 255 * c.alpha])
        return out.round().clip(0, 255).astype(np.uint8)

    def behind(self) -> None:
        """Lay what the head and neck hide in part; nothing here."""

    def clothe(self) -> None:
        """Lay the clothes over the head and neck."""
        if self.wardrobe.style == "shirt":
            self._shirt()
            self._collar()
        else:
            self._blouse()
        self._jacket()

    def _head(self, head: Image) -> None:
        """Lay down the head and neck without the clothes that the GAN drew."""
        x0, y0 = self.offset
        left, right = self.wardrobe.neck
        keep = np.zeros((SIZE, SIZE), np.uint8)
        keep[: int(self.points[LOBES, 1].max())] = 255
        hull = cv2.convexHull(self.points[:, :2].astype(np.int32))
        face = np.zeros_like(keep)
        cv2.fillConvexPoly(face, hull, 255)
        keep |= cv2.dilate(face, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (61, 61)))
        side = [(26, 795), (6, 828), (0, 850), (0, 900), (8, 950), (8, SIZE)]
        keep[840:] = 0
        neck = [(left - g, y) for g, y in side] + [(right + g, y) for g, y in reversed(side)]
        cv2.fillPoly(keep, [np.array(neck, np.int32)], 255)
        fade = np.clip((SIZE - np.arange(SIZE)) / 26.0, 0, 1)[:, None]
        rgb = np.zeros((*self.canvas.alpha.shape, 3), np.float32)
        cover = np.zeros(self.canvas.alpha.shape, np.float32)
        whole = crown(head, y0)
        cut = np.ones((SIZE + y0, SIZE))
        cut[y0:] = gaussian_filter(keep / 255.0, 1.5) * fade
        rgb[: SIZE + y0, x0 : x0 + SIZE] = whole[..., :3]
        cover[: SIZE + y0, x0 : x0 + SIZE] = whole[..., 3] / 255 * cut
        self.canvas.over(rgb, cover)

    def _shirt(self) -> None:
        front = [
            (0, 1072),
            (70, 1058),
            (150, 1030),
            (222, 960),
            (320, 1000),
            (330, 1300),
            (120, 1990),
        ]
        folds = [((self._x(-120), 1250.0), (self._x(-20), 1700.0), 26.0, 7.0)]
        self.canvas.lay(
            Piece(self.both(front), self.wardrobe.shirt, folds=folds, shadow=0), self.form
        )

    def _x(self, x: float) -> float:
        return x + self.middle + self.offset[0]

    def _blouse(self) -> None:
        w = self.wardrobe
        left, right = (self.place(p, s) for p, s in ((NECKLINE, -1), (NECKLINE, 1)))
        outline = np.vstack(
            [
                curve(left),
                curve(right)[::-1],
                self.place([(340, 1000), (330, 1990), (-330, 1990), (-340, 1000)]),
            ]
        )
        folds = [
            ((self._x(-150), 1150.0 + 60), (self._x(-30), 1600.0), 30.0, 9.0),
            ((self._x(140), 1160.0 + 60), (self._x(60), 1560.0), 34.0, 8.0),
            ((self._x(10), 1250.0), (self._x(-10), 1900.0), 22.0, 6.0),
        ]
        self.canvas.lay(
            Piece(outline, w.shirt, round=5, height=4, folds=folds, shadow=0.34, reach=9), self.form
        )

    def _jacket(self) -> None:
        w = self.wardrobe
        c = self.canvas
        deep = 1760.0 if w.style == "shirt" else 1700.0
        inner: list[Point] = [(226, 896), (222, 960), (190, 1120), (120, 1400), (0, deep)]
        for side in (-1, 1):
            outer = curve(self.place(SHOULDER, side))
            edge = curve(self.place([*inner, (-30, 1990)], side))
            body = np.vstack([outer, edge[::-1]])
            x = self._side(side)
            folds = [
                (x(545, 1500), x(150, 1800), 20.0, 5.0), (x(556, 1430), x(330, 1560), 14.0, 4.0),
                (x(560, 1560), x(260, 1830), 15.0, -3.0), (x(470, 1060), x(560, 1420), 40.0, 5.0),
                (x(330, 1900), x(30, 1790), 18.0, 5.0), (x(300, 1960), x(40, 1850), 14.0, 3.0),
            ]  # fmt: skip
            c.lay(
                Piece(body, w.jacket, round=34, height=46, folds=folds, shadow=0.5, reach=14),
                self.form,
            )
            arm = np.array(self.place(ARM, side))
            inside = np.vstack([curve(self.place(ARM[:6], side)), arm[6:]])
            folds = [
                (x(585, 1520), x(760, 1470), 11.0, 4.0), (x(588, 1600), x(765, 1640), 13.0, 5.0),
                (x(586, 1690), x(770, 1660), 10.0, 3.5), (x(640, 1180), x(668, 1480), 26.0, 5.0),
                (x(590, 1810), x(770, 1850), 14.0, 4.0),
            ]  # fmt: skip
            self._sleeve(inside, outer, folds)
        for side in (1, -1):
            self._lapel(side, deep)

    def _side(self, side: int) -> Callable[[float, float], Point]:
        def at(x: float, y: float) -> Point:
            return self.place([(x, y)], side)[0]

        return at

    def _sleeve(
        self, arm: Array, outer: Array, folds: list[tuple[Point, Point, float, float]]
    ) -> None:
        c = self.canvas
        shoulder = c.cover(
            np.vstack([outer, [(self._x(0), len(c.alpha)), (self._x(0), outer[0][1])]])
        )
        cover = c.cover(arm) * shoulder
        contours, _ = cv2.findContours(
            (cover > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        outline = max(contours, key=len)[:, 0].astype(float)
        c.lay(
            Piece(
                outline,
                self.wardrobe.jacket,
                round=34,
                height=15,
                folds=folds,
                shadow=0.3,
                reach=9,
            ),
            self.form * 0.9,
        )

    def _lapel(self, side: int, deep: float) -> None:
        w = self.wardrobe
        c = self.canvas
        collar: list[Point] = [
            (200, 862), (246, 900), (318, 985), (345, 1090), (330, 1172), (205, 1150), (205, 1060),
            (212, 960),
        ]  # fmt: skip
        low = 0 if side > 0 else 8
        lapel_in: list[Point] = [
            (219, 985),
            (200, 1100),
            (160, 1280),
            (90, 1500),
            (-12 - low, deep),
        ]
        lapel_out: list[Point] = [
            (330, 1188),
            (398, 1205),
            (372, 1330),
            (250, 1560),
            (-12 - low, deep + 4),
        ]
        inner = curve(self.place(lapel_in, side))
        tip = self.place(lapel_out, side)
        outer = np.vstack([np.array(tip[:1]), curve(tip[1:])])
        outline = np.vstack([inner, outer[::-1]])
        c.lay(Piece(outline, w.jacket, round=5, height=7, shadow=0.55, reach=9), self.form)
        p = self.place(collar, side)
        outline = np.vstack([curve(p[:4]), np.array(p[4:5]), np.array(p[5:6]), curve(p[5:])])
        c.lay(Piece(outline, w.jacket, round=7, height=9, shadow=0.5, reach=8), self.form)

    def _collar(self) -> None:
        """Tie and shirt collar, over the neck."""
        w = self.wardrobe
        c = self.canvas
        tie = [(34, 1140), (46, 1200), (66, 1400), (84, 1640), (92, 1990)]
        knot = [(58, 1050), (60, 1075), (44, 1120), (33, 1152)]
        c.lay(Piece(self.both(tie), w.tie, round=16, height=14, shadow=0.4, reach=9), self.form)
        c.lay(Piece(self.both(knot), w.tie, round=18, height=20, shadow=0.45, reach=7), self.form)
        for side in (-1, 1):
            edge = w.neck[0 if side < 0 else 1] - self.middle
            out = abs(edge)
            wing: list[Point] = [
                (out - 10, 890),
                (out - 14, 935),
                (out - 50, 990),
                (48, 1052),
                (10, 1062),
            ]
            under: list[Point] = [(96, 1190), (178, 1120), (226, 1010), (out - 4, 905)]
            p, q = curve(self.place(wing, side)), curve(self.place(under[1:], side))
            outline = np.vstack([p, np.array(self.place(under[:1], side)), q])
            c.lay(Piece(outline, w.shirt, round=5, height=6, shadow=0.42, reach=10), self.form)


NECKLINE: list[Point] = [(236, 900), (226, 960), (186, 1040), (108, 1098), (0, 1116)]


def bled(colour: Array, alpha: Array, reach: float = 4.0) -> Array:
    """Colour carried some pixels past the outline, so that resampling straight alpha is clean."""
    weight = gaussian_filter(alpha, reach)
    soft = gaussian_filter(colour * alpha[..., None], (reach, reach, 0))
    soft = soft / np.maximum(weight, 1e-3)[..., None] * (weight > 1e-3)[..., None]
    return np.where((alpha > 0.05)[..., None], colour, soft)


def crown(head: Image, rise: int = 60) -> Image:
    """Complete hair that the top of the picture cuts.

    An ellipse is fitted to the outline of the hair near the top; above the picture it is filled
    with the hair below, mirrored.

    Args:
        head: RGBA uint8 [1024, 1024, 4], matted.
        rise: Rows to add on top.

    Returns:
        RGBA uint8 [1024 + rise, 1024, 4].
    """
    tall = np.zeros((SIZE + rise, SIZE, 4), np.uint8)
    tall[rise:] = head
    cut = np.flatnonzero(head[0, :, 3] > 128)
    if not len(cut):
        return tall
    points = []
    for y in range(3, 150, 3):
        row = np.flatnonzero(head[y, :, 3] > 128)
        points += [(row[0], y), (row[-1], y)]
    p = np.array(points, float)
    p[:, 1] -= 2
    x, y = (p[:, 0] - p[:, 0].mean()) / 300, p[:, 1] / 300
    a, b, c, d = np.linalg.lstsq(np.stack([x * x, y * y, x, y], 1), np.ones(len(p)), rcond=None)[0]
    rng = np.random.default_rng(2)
    gx = (np.arange(SIZE) - p[:, 0].mean()) / 300
    inside = np.clip(d * d - 4 * b * (a * gx * gx + c * gx - 1), 0, None)
    edge = (-d - np.sqrt(inside)) / (2 * b) * 300
    edge = np.where(inside > 0, edge, np.inf)
    ragged = gaussian_filter1d(rng.normal(size=SIZE), 3.0) * 2.0
    rows = np.arange(-rise, 0)[:, None]
    alpha = np.clip((rows - np.minimum(edge + 4, edge + 4 + ragged)[None]) / 8.0 + 0.5, 0, 1)
    alpha *= gaussian_filter1d((head[0, :, 3] > 128).astype(float), 5.0)[None]
    mirror = head[1 : rise + 1][::-1].astype(np.float64)
    tall[:rise, :, :3] = mirror[..., :3]
    tall[:rise, :, 3] = np.round(255 * alpha)
    return tall


def _neck_down(head: Image, height: int, offset: tuple[int, int]) -> tuple[Array, Array]:
    """Skin below the GAN frame: the last rows of the neck carried on downwards."""
    colour = np.zeros((height, WIDTH, 3), np.float32)
    alpha = np.zeros((height, WIDTH), np.float32)
    last = head[SIZE - 16 : SIZE, :, :3].astype(np.float64).mean(0)
    rows = gaussian_filter1d(last, 6.0, axis=0)
    wide = gaussian_filter1d(last, 40.0, axis=0)
    neck = last[300:730]
    luma = neck @ [0.299, 0.587, 0.114]
    tone = neck[luma > np.percentile(luma, 60)].mean(0)
    top = offset[1] + SIZE - 30
    x0 = offset[0]
    depth = np.arange(height - top)[:, None, None]
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(height - top, SIZE)), 1.0)[
        ..., None
    ]
    first = np.clip(depth / 60, 0, 1)
    later = np.clip((depth - 20) / 150, 0, 1)
    skin = rows * (1 - first) + wide * first
    skin = skin * (1 - later) + tone * later
    colour[top:, x0 : x0 + SIZE] = skin + 3 * noise
    alpha[top:, x0 + 280 : x0 + 750] = 1
    return colour, alpha
