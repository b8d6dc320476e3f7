"""Still pictures: reading with clear errors, fitting, and the slow push of a rostrum camera."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError

MAX_PIXELS = 80_000_000
# What matters in a picture, a head above all, is more often in its upper half.
_RISE = 0.3


def read_picture(path: Path, field: str = "picture", *, alpha: bool = False) -> ByteArray:
    """Decode a picture, turned as its EXIF orientation says.

    Args:
        path: JPEG, PNG, WebP or another format Pillow reads.
        field: Name of the script's field, for messages.
        alpha: Keep transparency: uint8 [h, w, 4]; otherwise it is laid on black: [h, w, 3].

    Raises:
        InputError: It is missing, damaged, not a picture, or larger than 80 megapixels.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"{field} {path}: {image.width}x{image.height} pixels are too many",
                    fix="make it smaller than 80 megapixels; 3840x2160 is plenty",
                )
            turned = ImageOps.exif_transpose(image).convert("RGBA")
    except FileNotFoundError:
        raise InputError(f"{field} {path} does not exist", fix="check the path") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{field} {path} is not a picture this program reads", fix="use a PNG or a JPEG"
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{field} {path} cannot be read: {error}", fix="save it again as PNG or JPEG"
        ) from None
    rgba = np.asarray(turned, np.uint8)
    if alpha:
        return rgba
    if int(rgba[..., 3].min()) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    cover_ = rgba[..., 3:].astype(np.uint16)
    return (rgba[..., :3] * cover_ // 255).astype(np.uint8)


def cover(picture: ByteArray, width: int, height: int, rise: float = 0.5) -> ByteArray:
    """Scale and crop so that ``width`` × ``height`` is filled.

    Args:
        picture: uint8 [h, w, channels].
        width: Columns to fill.
        height: Rows to fill.
        rise: Share of the rows cut off at the top; less keeps heads in upright pictures.
    """
    h, w = picture.shape[:2]
    scale = max(width / w, height / h)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    big = cv2.resize(
        picture, (max(width, round(w * scale)), max(height, round(h * scale))),
        interpolation=method,
    )  # fmt: skip
    y, x = round((big.shape[0] - height) * rise), (big.shape[1] - width) // 2
    out: ByteArray = np.ascontiguousarray(big[y : y + height, x : x + width])
    return out


def contain(picture: ByteArray, width: int, height: int, *, quick: bool = False) -> ByteArray:
    """Scale so that it fits inside ``width`` × ``height``, keeping its shape.

    ``quick`` interpolates linearly, for the frames of a video.
    """
    h, w = picture.shape[:2]
    scale = min(width / w, height / h)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    method = cv2.INTER_LINEAR if quick else method
    out: ByteArray = cv2.resize(picture, size, interpolation=method).astype(np.uint8, copy=False)
    return out


class Push:
    """A still that grows and drifts slowly (the "Ken Burns" move), with subpixel steps.

    A picture of another orientation than the screen's is shown whole on a blurred copy of itself,
    so that nobody's head is cropped.

    Args:
        picture: uint8 [h, w, 3].
        size: Width and height it fills.
        inward: Grow over time; otherwise shrink.
    """

    _TRAVEL = 0.09

    def __init__(self, picture: ByteArray, size: tuple[int, int], *, inward: bool = True) -> None:
        width, height = size
        self._size = size
        self._inward = inward
        margin = 1 + self._TRAVEL
        big = (round(width * margin), round(height * margin))
        fitted = cover(picture, *big, _RISE) if alike(picture, size) else on_blur(picture, big)
        # OpenCV warps four channels more than twice as fast as three.
        self._source = cv2.cvtColor(fitted, cv2.COLOR_RGB2RGBA)
        self._warped: ByteArray = np.empty((height, width, 4), np.uint8)
        # Portrait pictures are framed higher: faces are in their upper half.
        self._drift = 0.25 if picture.shape[1] * height > picture.shape[0] * width else -0.15

    def draw(self, target: ByteArray, share: float) -> None:
        """Fill ``target`` (uint8 [h, w, 3]) as it looks at ``share`` 0…1 of its time."""
        width, height = self._size
        share = min(1.0, max(0.0, share))
        step = share if self._inward else 1 - share
        span_w, span_h = self._source.shape[1] - width, self._source.shape[0] - height
        # From the whole source (scale 1 / margin) to its centre at scale 1.
        scale = 1 + (self._source.shape[1] / width - 1) * (1 - step)
        left = span_w * step * (0.5 + self._drift * step)
        top = span_h * step * 0.5
        matrix = np.array([[scale, 0, left], [0, scale, top]], np.float32)
        cv2.warpAffine(
            self._source, matrix, (width, height), dst=self._warped,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        cv2.cvtColor(self._warped, cv2.COLOR_RGBA2RGB, dst=target)


def alike(picture: ByteArray, size: tuple[int, int]) -> bool:
    """Whether a picture may fill ``size`` (width, height) without losing what it shows."""
    aspect = picture.shape[1] * size[1] / (picture.shape[0] * size[0])
    return bool(0.62 < aspect < 1.6)


def on_blur(picture: ByteArray, size: tuple[int, int], *, quick: bool = False) -> ByteArray:
    """Most of the picture in front of a dark, blurred copy that fills the screen.

    Args:
        picture: uint8 [h, w, 3].
        size: Width and height to fill.
        quick: See `contain`.
    """
    width, height = size
    few = max(1, min(picture.shape[0], picture.shape[1]) // 180)
    small = cover(
        np.ascontiguousarray(picture[::few, ::few]), max(8, width // 8), max(8, height // 8)
    )
    dark = cv2.convertScaleAbs(cv2.GaussianBlur(small, (0, 0), 4), alpha=0.62)
    large = cv2.resize(dark, size, interpolation=cv2.INTER_LINEAR)
    out: ByteArray = large.astype(np.uint8, copy=False)
    h, w = picture.shape[:2]
    # Losing a quarter of the longer side makes the picture larger and keeps its middle.
    aspect = w / h
    near = min(max(width / height, aspect * 0.75), aspect / 0.75)
    kept_w, kept_h = round(min(w, h * near)), round(min(h, w / near))
    y, x = round((h - kept_h) * _RISE), (w - kept_w) // 2
    part = picture[y : y + kept_h, x : x + kept_w]
    front = contain(part, width, height, quick=quick)
    y, x = (height - front.shape[0]) // 2, (width - front.shape[1]) // 2
    out[y : y + front.shape[0], x : x + front.shape[1]] = front
    return out
