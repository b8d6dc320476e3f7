"""Reads a portrait that nobody vouches for: bounded, upright, RGB."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_FILE = 40 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 256
_WORK = 3000  # pixels of the longer side that are kept


@dataclass(frozen=True, slots=True)
class Photo:
    """A portrait as it was given.

    Attributes:
        path: Of the file.
        sha256: Of its bytes; consent is given for that.
        image: uint8 [h, w, 3] RGB, upright.
        alpha: uint8 [h, w], where the file says that there is a person, or None.
    """

    path: Path
    sha256: str
    image: ByteArray
    alpha: ByteArray | None


def read_photo(path: Path) -> Photo:
    """Read a portrait; pictures larger than needed are made smaller.

    Raises:
        InputError: It is missing, too large, no picture, or too small.
    """
    if not path.is_file():
        raise InputError(f"photo {path}: there is no such file", fix="check the path")
    size = path.stat().st_size
    if size > MAX_FILE:
        raise InputError(
            f"photo {path}: {size >> 20} MiB, at most {MAX_FILE >> 20} MiB",
            fix="save it as a JPEG of at most 50 megapixels",
        )
    blob = path.read_bytes()
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the limit below is the stricter one.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = _decode(path, blob)
    except Image.DecompressionBombError as error:
        raise _too_many(path, str(error)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(
            f"photo {path}: not a readable picture ({type(error).__name__})",
            fix="save it as JPEG, PNG or WebP (a phone's HEIC must be converted first)",
        ) from error
    alpha = None
    if picture.mode == "RGBA":
        channel = np.asarray(picture.getchannel("A"), np.uint8)
        # A channel that is opaque nearly everywhere says nothing of the person's outline.
        alpha = channel if float((channel < 16).mean()) > 0.02 else None
    return Photo(path, hashlib.sha256(blob).hexdigest(), _rgb(picture), alpha)


def _decode(path: Path, blob: bytes) -> Image.Image:
    with Image.open(io.BytesIO(blob), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise _too_many(path, f"{width}×{height}")
        if min(width, height) < MIN_SIDE:
            raise InputError(
                f"photo {path}: {width}×{height} pixels, the shorter side must have {MIN_SIDE}",
                fix="use a larger original, not a preview or an icon",
            )
        if max(width, height) > _WORK:
            # JPEGs decode at a fraction of their size, fast and with little memory.
            picture.draft("RGB", (_WORK // 2 + 1, _WORK // 2 + 1))
        upright = ImageOps.exif_transpose(picture)
        has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        upright = upright.convert("RGBA" if has_alpha else "RGB")
    if max(upright.size) > _WORK:
        scale = _WORK / max(upright.size)
        size = max(1, round(upright.width * scale)), max(1, round(upright.height * scale))
        upright = upright.resize(size, Image.Resampling.LANCZOS)
    return upright


def _rgb(picture: Image.Image) -> ByteArray:
    """RGB [h, w, 3]; what is transparent becomes mid grey."""
    if picture.mode != "RGBA":
        return np.asarray(picture, np.uint8)
    ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    return np.asarray(Image.alpha_composite(ground, picture).convert("RGB"), np.uint8)


def _too_many(path: Path, what: str) -> InputError:
    return InputError(
        f"photo {path}: {what} pixels, more than {MAX_PIXELS // 1_000_000} megapixels",
        fix="save a smaller copy, e.g. 4000 pixels on the longer side",
    )
