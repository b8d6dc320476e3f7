"""Reads the files of a bundle, which nobody vouches for but their sha256 in ``avatar.toml``."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.manifest import MANIFEST, MAX_SIDE, AvatarManifest


def read_files(folder: Path, manifest: AvatarManifest, limit: int) -> dict[str, bytes]:
    """Every listed file, its hash checked.

    Args:
        folder: The bundle's.
        manifest: Its description.
        limit: Bytes that all files together may have.

    Raises:
        InputError: A file is missing, altered or leads out of the folder, or they are too large.
    """
    root = folder.resolve()
    blobs: dict[str, bytes] = {}
    total = 0
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(root):
            raise InputError(f"{path}: leads out of the bundle's folder", fix="remove the link")
        if not path.is_file():
            raise InputError(f"{path}: missing", fix="restore the bundle or pack it again")
        total += path.stat().st_size
        if total > limit:
            raise InputError(
                f"{folder}: its files exceed {limit >> 20} MiB", fix="pack smaller pictures"
            )
        blob = path.read_bytes()
        if hashlib.sha256(blob).hexdigest() != digest:
            raise InputError(
                f"{path}: damaged or altered, its sha256 is not the one in {MANIFEST}",
                fix="restore the bundle or pack it again",
            )
        blobs[name] = blob
    return blobs


def read_image(
    folder: Path, name: str, blobs: dict[str, bytes], mode: str, size: tuple[int, int] | None
) -> ByteArray:
    """Decode one picture, its size checked before its pixels are read.

    Args:
        folder: The bundle's, for messages.
        name: The picture's name in ``blobs``.
        blobs: The bundle's files.
        mode: ``RGB`` or ``RGBA``.
        size: Width and height that it must have; None for any up to `MAX_SIDE`.

    Returns:
        uint8 [h, w, 3 or 4].

    Raises:
        InputError: It is missing, no picture, or of another size.
    """
    path = folder / name
    if name not in blobs:
        raise InputError(f"{path}: not listed in {MANIFEST}", fix="pack the bundle again")
    try:
        with Image.open(io.BytesIO(blobs[name]), formats=["WEBP", "PNG", "JPEG"]) as picture:
            if max(picture.size) > MAX_SIDE:
                raise InputError(f"{path}: {picture.size} is larger than {MAX_SIDE} pixels")
            if size is not None and picture.size != size:
                raise InputError(
                    f"{path}: is {picture.width}×{picture.height}, must be {size[0]}×{size[1]}",
                    fix="pack the bundle again",
                )
            return np.asarray(picture.convert(mode), np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable picture ({error})", fix="pack the bundle again"
        ) from error


def read_arrays(path: Path, blob: bytes, limit: int) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an npz, without pickles.

    Args:
        path: Of the file, for messages.
        blob: Its content.
        limit: Bytes that it may unpack to.

    Raises:
        InputError: It is no npz or unpacks to more.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > limit:
                raise InputError(f"{path}: unpacks to too much", fix="pack the bundle again")
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: not a readable array file ({error})", fix="pack the bundle again"
        ) from error
