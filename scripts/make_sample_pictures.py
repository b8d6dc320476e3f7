"""Paints the sample bulletin's pictures: misty hills over a lake, first snow, dumpling steam.

Everything is computed, so the pictures are the project's own.
usage: python scripts/make_sample_pictures.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 1600, 900
Image = npt.NDArray[np.float32]


def gradient(stops: list[tuple[float, tuple[int, int, int]]]) -> Image:
    """A vertical gradient; ``stops`` are (height 0…1, RGB)."""
    rows = np.linspace(0, 1, HEIGHT)
    positions = [stop for stop, _ in stops]
    columns = [np.interp(rows, positions, [c[k] for _, c in stops]) for k in range(3)]
    return np.repeat(np.stack(columns, -1)[:, None], WIDTH, 1).astype(np.float32)


def ridge(rng: np.random.Generator, base: float, height: float, rough: float) -> Image:
    """A skyline, one y per column: octaves of smooth noise."""
    x = np.arange(WIDTH)
    line = np.full(WIDTH, base, np.float32)
    for octave in range(7):
        knots = 3 * 2**octave + 2
        values = rng.normal(0, 1, knots)
        smooth = np.interp(x, np.linspace(0, WIDTH, knots), values)
        kernel = max(3, WIDTH // knots // 2 | 1)
        smooth = cv2.GaussianBlur(smooth.astype(np.float32)[None], (kernel, 1), 0)[0]
        line -= height * rough**octave * smooth
    return line


def below(line: Image, soft: float = 1.2) -> Image:
    """Coverage of everything under a skyline, [HEIGHT, WIDTH, 1]."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    return np.clip((rows - line[None]) / soft + 0.5, 0, 1)[..., None]


def fog(rng: np.random.Generator, scale: float) -> Image:
    """Drifting mist, 0…1, [HEIGHT, WIDTH, 1]."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(4):
        cells = (max(2, int(3 * 2**octave)), max(2, int(scale * 2**octave)))
        noise = rng.random(cells, dtype=np.float32)
        total += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = np.percentile(total, [5, 98])
    return np.clip((total - low) / (high - low), 0, 1)[..., None]


def glow(image: Image, centre: tuple[int, int], radius: int, colour: tuple[int, ...]) -> Image:
    """A disc with a halo."""
    yy, xx = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    distance = np.hypot(xx - centre[0], yy - centre[1])
    disc = np.clip(radius - distance + 0.5, 0, 1)[..., None]
    halo = np.exp(-distance / (radius * 3.2))[..., None] * 0.55
    light = np.array(colour, np.float32)
    image = image + (light - image) * halo
    return image + (light * 1.02 - image) * disc


def pagoda(mask: npt.NDArray[np.uint8], x: int, y: int, unit: float) -> None:
    """Draws a seven-storey pagoda standing on (x, y) into a uint8 mask."""
    for storey in range(7):
        half = unit * (3.0 - storey * 0.28)
        top, floor = y - unit * 2.6 * (storey + 1), y - unit * 2.6 * storey
        body = [
            (x - half * 0.72, floor),
            (x + half * 0.72, floor),
            (x + half * 0.68, top),
            (x - half * 0.68, top),
        ]
        eave = [
            (x - half * 1.35, top + unit * 0.15), (x - half * 0.8, top - unit * 0.35),
            (x - half * 0.62, top - unit * 0.8), (x + half * 0.62, top - unit * 0.8),
            (x + half * 0.8, top - unit * 0.35), (x + half * 1.35, top + unit * 0.15),
        ]  # fmt: skip
        for shape in (body, eave):
            cv2.fillPoly(mask, [np.array(shape).round().astype(np.int32)], 255, cv2.LINE_AA)
    tip = y - unit * 2.6 * 7
    spire = [(x - unit * 0.3, tip), (x + unit * 0.3, tip), (x, tip - unit * 4.2)]
    cv2.fillPoly(mask, [np.array(spire).round().astype(np.int32)], 255, cv2.LINE_AA)


def willow(mask: npt.NDArray[np.uint8], rng: np.random.Generator, x: int) -> None:
    """Hangs willow branches from the top edge near column ``x``."""
    for _ in range(46):
        start = x + rng.normal(0, 120)
        length = rng.uniform(120, 520)
        t = np.linspace(0, 1, 60)
        xs = start + rng.normal(0, 26) * t + 9 * np.sin(t * rng.uniform(2, 6) + rng.uniform(0, 6))
        ys = -10 + length * t
        points = np.stack([xs, ys], -1).round().astype(np.int32)
        cv2.polylines(mask, [points], False, 190, 1, cv2.LINE_AA)
        for i in range(6, 60, 3):
            angle = rng.uniform(55, 125)
            cv2.ellipse(mask, points[i].tolist(), (8, 2), angle, 0, 360, 210, -1, cv2.LINE_AA)


def lake(rng: np.random.Generator) -> Image:
    """Hills, a pagoda, a three-arched dyke bridge and their reflection at dawn."""
    horizon = 560
    image = gradient(
        [
            (0, (96, 130, 164)),
            (0.32, (190, 196, 190)),
            (0.62, (249, 214, 170)),
            (1, (240, 210, 180)),
        ]
    )
    image = glow(image, (1080, 330), 46, (255, 236, 205))
    mist = fog(rng, 6)
    for depth in range(5):
        near = depth / 4
        line = ridge(rng, horizon - 170 + 42 * depth, 62 - 4 * depth, 0.46)
        colour = np.array([150, 168, 182], np.float32) * (1 - near) + np.array([44, 72, 84]) * near
        cover = below(line)
        haze = np.clip((np.arange(HEIGHT)[:, None] - line[None] - 20) / 190, 0, 1)[..., None]
        tint = colour + (np.array([226, 216, 202], np.float32) - colour) * haze * (
            0.85 - 0.25 * near
        )
        image = image * (1 - cover) + tint * cover
        image = image + (np.array([238, 228, 214]) - image) * mist * 0.10
        if depth == 3:
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            pagoda(mask, 1230, int(line[1230]) + 8, 8.5)
            cover = (mask / 255)[..., None].astype(np.float32)
            image = image * (1 - cover) + np.array([52, 66, 76], np.float32) * cover
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.rectangle(mask, (0, horizon - 12), (WIDTH, horizon), 255, -1)
    cv2.ellipse(mask, (420, horizon + 2), (190, 62), 0, 180, 360, 255, -1, cv2.LINE_AA)
    for offset, radius in ((-95, 28), (0, 40), (95, 28)):
        cv2.ellipse(
            mask, (420 + offset, horizon + 2), (radius, radius), 0, 180, 360, 0, -1, cv2.LINE_AA
        )
    for x in rng.integers(0, WIDTH, 120):
        if 225 < x < 615:
            continue
        r = int(rng.integers(9, 26))
        cv2.circle(mask, (int(x), horizon - 10 - r // 2), r, 255, -1, cv2.LINE_AA)
    cover = (cv2.GaussianBlur(mask, (0, 0), 0.8) / 255)[..., None].astype(np.float32)
    image = image * (1 - cover) + np.array([38, 56, 58], np.float32) * cover
    mirror = image[horizon - 1 : 2 * horizon - HEIGHT - 1 : -1]
    yy, xx = np.mgrid[: HEIGHT - horizon, :WIDTH].astype(np.float32)
    ripple = 5 * np.sin(yy * 0.5 + 0.7 * np.sin(xx * 0.012)) * (yy / 300 + 0.15)
    rows = np.clip(yy + ripple * 0.4, 0, len(mirror) - 1).astype(np.float32)
    columns = (xx + ripple).astype(np.float32)
    water = cv2.remap(mirror, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    water = cv2.GaussianBlur(water, (0, 0), 1.4) * 0.86 + np.array([20, 26, 30], np.float32)
    image[horizon:] = water
    boat = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(boat, (860, 690), (74, 13), 0, 0, 180, 255, -1, cv2.LINE_AA)
    cv2.ellipse(boat, (852, 690), (34, 26), 0, 180, 360, 255, -1, cv2.LINE_AA)
    cv2.line(boat, (915, 692), (940, 620), 255, 3, cv2.LINE_AA)
    cover = (cv2.GaussianBlur(boat, (0, 0), 0.7) / 255)[..., None]
    image = image * (1 - cover) + np.array([36, 42, 46], np.float32) * cover
    leaves = np.zeros((HEIGHT, WIDTH), np.uint8)
    willow(leaves, rng, 130)
    cover = (cv2.GaussianBlur(leaves, (0, 0), 0.9) / 255)[..., None] * 0.85
    return image * (1 - cover) + np.array([60, 82, 58], np.float32) * cover


def branch(
    mask: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    x: float,
    y: float,
    angle: float,
    length: float,
    width: float,
) -> None:
    """Draws a bare tree, branch by branch."""
    if width < 0.8 or length < 8:
        return
    end = (x + length * np.cos(angle), y - length * np.sin(angle))
    cv2.line(
        mask,
        (round(x), round(y)),
        (round(end[0]), round(end[1])),
        255,
        max(1, round(width)),
        cv2.LINE_AA,
    )
    for _ in range(2 if width > 2 else 3):
        branch(
            mask,
            rng,
            *end,
            angle + rng.normal(0, 0.42),
            length * rng.uniform(0.68, 0.88),
            width * 0.7,
        )


def snow(rng: np.random.Generator) -> Image:
    """A snow field with bare trees at dusk, and snow falling."""
    image = gradient(
        [(0, (58, 74, 112)), (0.45, (132, 146, 178)), (0.7, (214, 206, 214)), (1, (230, 232, 240))]
    )
    for depth in range(3):
        line = ridge(rng, 470 + 50 * depth, 36, 0.45)
        colour = np.array([(140, 152, 180), (170, 180, 204), (206, 214, 230)][depth], np.float32)
        cover = below(line, 2)
        image = image * (1 - cover) + colour * cover
    for x, y, size in ((300, 640, 110), (1310, 660, 128), (1010, 600, 66), (620, 590, 56)):
        trunk = np.zeros((HEIGHT, WIDTH), np.uint8)
        branch(trunk, rng, x, y, np.pi / 2, size, size / 9)
        cover = (cv2.GaussianBlur(trunk, (0, 0), 0.6) / 255)[..., None]
        dark = np.array([48, 50, 66], np.float32) * (1.4 if size < 80 else 1)
        image = image * (1 - cover) + dark * cover
        lit = np.roll(trunk, -3, axis=0).astype(np.float32) - trunk
        cover = np.clip(lit / 255, 0, 1)[..., None] * 0.8
        image = image * (1 - cover) + np.array([238, 242, 250], np.float32) * cover
    ground = ridge(rng, 690, 24, 0.4)
    cover = below(ground, 3)
    shade = gradient([(0, (226, 232, 244)), (0.72, (236, 240, 248)), (1, (196, 208, 230))])
    image = image * (1 - cover) + shade * cover
    for radius, count, alpha in ((1.4, 900, 0.75), (2.6, 330, 0.85), (5.5, 70, 0.8)):
        flakes = np.zeros((HEIGHT, WIDTH), np.uint8)
        for x, y in zip(rng.integers(0, WIDTH, count), rng.integers(0, HEIGHT, count), strict=True):
            cv2.circle(flakes, (int(x), int(y)), max(1, round(radius)), 255, -1, cv2.LINE_AA)
        cover = (cv2.GaussianBlur(flakes, (0, 0), radius * 0.6) / 255)[..., None] * alpha
        image = image * (1 - cover) + 250 * cover
    return image


def dumplings(rng: np.random.Generator) -> Image:
    """A bamboo steamer of dumplings on a dark table, with steam."""
    image = gradient([(0, (40, 30, 28)), (0.5, (74, 50, 40)), (1, (54, 36, 30))])
    grain = cv2.resize(
        rng.random((HEIGHT, 24), dtype=np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    image *= 0.86 + 0.28 * cv2.GaussianBlur(grain, (0, 0), 2)[..., None]
    yy, xx = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)

    def disc(cx: float, cy: float, rx: float, ry: float, soft: float = 2) -> Image:
        r = np.hypot((xx - cx) / rx, (yy - cy) / ry)
        return np.clip((1 - r) * min(rx, ry) / soft + 0.5, 0, 1)[..., None]

    shadow = cv2.GaussianBlur(disc(800, 640, 560, 250)[..., 0], (0, 0), 30)[..., None] * 0.6
    image *= 1 - shadow
    for lift, colour in ((70, (150, 104, 58)), (40, (186, 136, 80)), (0, (216, 172, 112))):
        cover = disc(800, 540 + lift, 520, 250)
        ring = np.array(colour, np.float32) * (
            0.82 + 0.25 * np.clip((xx - 300) / 1000, 0, 1)[..., None]
        )
        image = image * (1 - cover) + ring * cover
    inner = disc(800, 536, 478, 222)
    image = image * (1 - inner) + np.array([120, 82, 46], np.float32) * inner
    weave = ((xx // 26).astype(int) + (yy // 14).astype(int)) % 2
    mat = np.array([196, 158, 104], np.float32) * (0.86 + 0.14 * weave[..., None])
    inner = disc(800, 546, 462, 208)
    image = image * (1 - inner) + mat * inner
    places = [
        (800 + 300 * np.cos(a), 545 + 128 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 8)[:-1]
    ]
    for cx, cy in sorted([*places, (800, 545), (690, 500), (910, 585)], key=lambda p: p[1]):
        image *= (
            1 - cv2.GaussianBlur(disc(cx + 6, cy + 24, 82, 34)[..., 0], (0, 0), 7)[..., None] * 0.45
        )
        body = disc(cx, cy, 80, 46, 3)
        light = (
            0.72
            + 0.3 * np.exp(-(((xx - cx + 18) / 70) ** 2 + ((yy - cy + 22) / 36) ** 2))[..., None]
        )
        dough = np.array([246, 236, 218], np.float32) * light
        image = image * (1 - body) + dough * body
        for k in range(9):
            angle = np.pi * (0.12 + 0.76 * k / 8)
            px, py = cx + 62 * np.cos(angle), cy - 30 * np.sin(angle) - 4
            pleat = disc(px, py, 13, 10, 3) * 0.9
            tone = np.array([250, 242, 226], np.float32) * (0.95 - 0.1 * (k % 2))
            image = image * (1 - pleat) + tone * pleat
            edge = disc(px + 9, py + 4, 3, 9, 3) * 0.35
            image = image * (1 - edge) + np.array([176, 156, 130], np.float32) * edge
    steam = (
        fog(rng, 5)[..., 0] * np.exp(-(((xx - 800) / 420) ** 2)) * np.clip((640 - yy) / 520, 0, 1)
    )
    steam = cv2.GaussianBlur(steam.astype(np.float32), (0, 0), 14)[..., None] * 0.62
    return image + (245 - image) * steam


def main() -> None:
    """Paint all pictures into the folder given, or into assets/news."""
    default = Path(__file__).resolve().parents[1] / "assets" / "news"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, paint) in enumerate(
        {"lake": lake, "snow": snow, "dumplings": dumplings}.items(), start=11
    ):
        rng = np.random.default_rng(seed)
        image = paint(rng) + rng.normal(0, 2.2, (HEIGHT, WIDTH, 1))
        picture = np.clip(image, 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
        cv2.imwrite(str(folder / f"{name}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
        print(folder / f"{name}.jpg")


if __name__ == "__main__":
    main()
