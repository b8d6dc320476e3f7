"""Lips of a portrait: the line where they meet, closing them, and how they look when apart."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.interior import Light
from digital_human.face.build.pictures import without_interior
from digital_human.face.mesh import Box, IntArray, part_mesh, warp_points

_SEARCH = 0.022  # io above and below a landmark in which the lips' line is looked for
_SEAM = 0.018  # io on both sides of the lips' line that are darkened by it
_SHADED = 0.50  # of the light on the upper lip, that its darkest part should have
_BAND = 0.03  # io; a lower dark band is the usual shade at the seam
_LIFT = 2.6
REFERENCE_GAP = 0.10  # io between the lips in the picture of open lips


def meet(points: FloatArray) -> FloatArray:
    """Landmarks [478, 2] with both inner lip lines on one line halfway between them."""
    out = points.copy()
    upper, lower = list(lm.INNER_UPPER), list(lm.INNER_LOWER)
    out[upper] = out[lower] = (points[upper] + points[lower]) / 2
    return out


def on_the_seam(image: ByteArray, points: FloatArray) -> FloatArray:
    """Move the inner lip lines of shut lips onto the dark line between them.

    Landmarks miss it by a few pixels, and a strip of one lip would hang on the other.

    Args:
        image: uint8 [h, w, 3] RGB.
        points: float32 [478, 2], its landmarks, both inner lines alike.
    """
    io = lm.eye_distance(points)
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 0.004 * io)
    level = gray.astype(np.float32)
    seam = points[list(lm.INNER_UPPER)]
    reach = np.arange(-_SEARCH, _SEARCH + 1e-6, 0.002, dtype=np.float32)
    x = np.repeat(seam[1:-1, :1], len(reach), 1)
    y = seam[1:-1, 1:] + reach * io
    sampled = cv2.remap(level, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    spread = np.ptp(sampled, axis=1, keepdims=True) + 6
    cost = (sampled - sampled.min(1, keepdims=True)) / spread + 0.9 * (reach / _SEARCH) ** 2
    found = reach[cost.argmin(1)]
    across = np.linspace(-1, 1, len(found))
    smooth = np.polyval(np.polyfit(across, found, 4), across) * io
    shift = np.concatenate([[0], smooth * np.minimum(1, (1 - np.abs(across)) * 3 + 0.3), [0]])
    out = points.copy()
    rings = ((lm.INNER_UPPER, 1.0), (lm.UPPER_RINGS[1], 0.6), (lm.LOWER_RINGS[1], 0.6))
    for ring, share in (*rings, (lm.INNER_LOWER, 1.0)):
        inner = list(ring[1:-1])
        out[inner, 1] = points[inner, 1] + share * shift[1:-1]
    return out


def shut(
    image: ByteArray, points: FloatArray, opening: FloatArray, triangles: IntArray
) -> tuple[ByteArray, FloatArray]:
    """Close parted lips by warping the lower face; what showed between them vanishes.

    Args:
        image: uint8 [h, w, 4] RGBA.
        points: float32 [478, 2], its landmarks.
        opening: float32 [478, 2], displacement that parts the lips by one eye distance, in those.
        triangles: The face's.

    Returns:
        The picture and its landmarks, lips on each other.
    """
    io = lm.eye_distance(points)
    closed = (points - opening * lm.lip_gap(points) * io).astype(np.float32)
    closed = meet(closed)
    size = image.shape[1], image.shape[0]
    oval = points[list(lm.OVAL)]
    low = np.array([oval[:, 0].min() - 0.1 * io, points[lm.NOSE_BASE, 1] - 0.2 * io])
    high = np.array([oval[:, 0].max() + 0.1 * io, points[lm.CHIN, 1] + 0.5 * io])
    box = Box.around(np.stack([low, high]).astype(np.float32), 0, size)
    still = points[:, 1] < points[lm.NOSE_BASE, 1]
    closed[still] = points[still]
    mesh, border = part_mesh(closed, triangles, box, 0.25 * io)
    source = np.concatenate([points, border]).astype(np.float32)
    target = np.concatenate([closed, border]).astype(np.float32)
    out = image.copy()
    out[box.slices] = warp_points(image, source, target, mesh, box)
    _draw_seam(out, closed, io)
    return out, closed


def lit(image: ByteArray, points: FloatArray) -> ByteArray:
    """Lift a deep shadow that covers the upper lip down to the seam, if there is one.

    A dark band there looks like parted lips, to people at a small size and to landmark networks.

    Args:
        image: uint8 [h, w, c], the first three channels RGB; lips shut.
        points: float32 [478, 2], its landmarks.
    """
    io = lm.eye_distance(points)
    gray = cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2GRAY)
    level = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 0.006 * io)
    inner, outer = points[list(lm.INNER_UPPER[3:8])], points[list(lm.OUTER_UPPER[3:8])]
    heights = np.linspace(0, 0.75, 16, dtype=np.float32)
    rows = inner[None] * (1 - heights[:, None, None]) + outer[None] * heights[:, None, None]
    seen = np.median(cv2.remap(level, rows, None, cv2.INTER_LINEAR), axis=1)  # type: ignore[call-overload]
    wanted = _SHADED * float(seen[-1])
    height = float(np.linalg.norm(outer - inner, axis=1).mean())
    dark = 0.75 * height * float((seen < wanted).mean())
    if dark < _BAND * io:
        return image
    mask = np.zeros(image.shape[:2], np.uint8)
    ring = points[list(lm.OUTER_UPPER + lm.INNER_UPPER[::-1])]
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 255)
    cv2.polylines(
        mask, [np.round(points[list(lm.INNER_UPPER)]).astype(np.int32)], False, 0,
        max(1, round(0.012 * io)),
    )  # fmt: skip
    soft = cv2.GaussianBlur(mask, (0, 0), 0.008 * io).astype(np.float32) / 255
    gain = 1 + soft * (np.clip(wanted / np.maximum(level, 1), 1, _LIFT) - 1)
    out = image.copy()
    out[..., :3] = np.clip(image[..., :3] * gain[..., None], 0, 255).astype(np.uint8)
    return out


def _draw_seam(image: ByteArray, points: FloatArray, io: float) -> None:
    """The shadow between lips that lie on each other."""
    mask = np.zeros(image.shape[:2], np.uint8)
    line = np.round(points[list(lm.INNER_UPPER)] * 16).astype(np.int32)
    cv2.polylines(mask, [line], False, 255, max(1, round(0.008 * io)), cv2.LINE_AA, 4)
    dark = cv2.GaussianBlur(mask, (0, 0), 0.006 * io).astype(np.float32)[..., None] / 255
    shade = 1 - dark * np.array([0.42, 0.55, 0.55], np.float32)
    image[..., :3] = (image[..., :3] * shade).astype(np.uint8)


def parted(
    image: ByteArray,
    points: FloatArray,
    reference: FloatArray,
    triangles: IntArray,
    box: Box,
    light: Light,
) -> ByteArray:
    """The lips apart, as a mouth texture: their moist inner sides turned to the viewer.

    Args:
        image: uint8 [h, w, 3] RGB, lips shut.
        points: float32 [478, 2], its landmarks.
        reference: float32 [478, 2], landmarks of the texture, lips `REFERENCE_GAP` apart.
        triangles: The face's.
        box: Of the texture in the picture.
        light: Of the portrait.

    Returns:
        uint8 [box.height, box.width, 4] RGBA, opaque on the lips; between them it goes on with
        their colour.
    """
    io = lm.eye_distance(points)
    size = image.shape[1], image.shape[0]
    around = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]], np.float32)
    wide = Box.around(around, 0.25 * io, size)
    mesh, border = part_mesh(reference, triangles, wide, 0.2 * io)
    source = np.concatenate([points, border]).astype(np.float32)
    target = np.concatenate([reference, border]).astype(np.float32)
    picture = warp_points(image, source, target, mesh, wide)
    local = reference - wide.corner
    picture = without_interior(picture, local, _SEAM)
    out = _moist(picture.astype(np.float32), local, io, light)
    x, y = box.x - wide.x, box.y - wide.y
    rgba = np.dstack([np.clip(out, 0, 255).astype(np.uint8), _over_lips(picture.shape, local, io)])
    return np.ascontiguousarray(rgba[y : y + box.height, x : x + box.width])


def _over_lips(shape: tuple[int, ...], points: FloatArray, io: float) -> ByteArray:
    """Opaque on the lips, transparent a little beside them, uint8 [h, w].

    The skin around them stays the portrait's own: a second picture of it, resampled once more,
    would make it softer whenever the mouth opens.
    """
    mask = np.zeros(shape[:2], np.uint8)
    ring = points[list(lm.OUTER_UPPER + lm.OUTER_LOWER[-2:0:-1])]
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 255)
    reach = max(1, round(0.02 * io))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.GaussianBlur(cv2.dilate(mask, kernel), (0, 0), 0.012 * io), np.uint8)


def _moist(picture: FloatArray, points: FloatArray, io: float, light: Light) -> FloatArray:
    """Shade the inner rims of parted lips: redder and darker inwards, a little shine below."""
    away = _from_the_rim(picture.shape, points)[..., None] / np.float32(io)
    lips = np.zeros(picture.shape[:2], np.uint8)
    ring = points[list(lm.OUTER_UPPER + lm.OUTER_LOWER[-2:0:-1])]
    cv2.fillPoly(lips, [np.round(ring).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(lips, (0, 0), 0.010 * io).astype(np.float32)[..., None] / 255
    rows = np.arange(picture.shape[0], dtype=np.float32)[:, None, None]
    seam = points[list(lm.LIP_CENTRES), 1].mean()
    below = np.clip(0.5 + (rows - seam) / (0.03 * io), 0, 1)
    share = 0.42 * np.exp(-((away / 0.020) ** 2)) * soft
    out = picture * (1 - share) + light.moist * share
    turn = 0.34 * np.exp(-((away / 0.012) ** 2)) + (0.16 - 0.08 * below) * np.exp(-away / 0.03)
    out = out * (1 - turn * soft)
    x = np.arange(picture.shape[1], dtype=np.float32)[None, :, None]
    a, b = (float(points[i, 0]) for i in lm.MOUTH_CORNERS)
    u = (x - (a + b) / 2) / ((b - a) / 2)
    shine = np.exp(-(((away - 0.022) / 0.008) ** 2)) * np.exp(-((u / 0.35) ** 2)) * below * soft
    level = float(light.lip.max())
    return np.asarray(out + 0.10 * level * shine, np.float32)


def _from_the_rim(shape: tuple[int, ...], points: FloatArray) -> FloatArray:
    """Distance of every pixel from the line of the inner lips, inside and outside, [h, w]."""
    fine = 4  # measured on finer pixels, so that the line is smooth
    inside = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    ring = (points[list(lm.INNER_LIPS)] + 0.5) * fine - 0.5
    cv2.fillPoly(inside, [np.round(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    inside = np.asarray(cv2.GaussianBlur(inside, (0, 0), 2.0 * fine) > 127, np.uint8)
    sides = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    away = np.maximum(*sides)
    small = cv2.resize(away, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small / fine, np.float32)
