"""Which way up a photo is, where its file does not say so.

The landmark network takes most faces that stand on their head for upright ones, so all four ways
are looked at, and the one whose eyes are dark and whose halves are alike is kept.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.face.build.detect import Detector, Face
from digital_human.face.build.gate import ALIKE, PUPIL, Finding
from digital_human.face.build.photo import Photo
from digital_human.face.build.photo_measures import aligned, likeness, pupils
from digital_human.face.mesh import scaled

_UPRIGHT = 45.0  # degrees of roll up to which a face counts as upright
_BETTER = 0.2  # by so much another way up must beat the file's own
_SIDE = 900  # pixels of the longer side that other ways up are looked at


def turned_upright(photo: Photo, detector: Detector) -> tuple[Photo, list[Face], list[Finding]]:
    """A photo turned until the head is up, its faces, and a warning if it was turned."""
    faces = detector(photo.image)
    own = _face_likeness(photo.image, faces)
    scale = min(1.0, _SIDE / max(photo.image.shape))
    small = scaled(photo.image, scale)
    found = []
    for quarters in (1, 2, 3):
        picture = np.ascontiguousarray(np.rot90(small, quarters))
        found.append((_face_likeness(picture, detector(picture)), quarters))
    best, quarters = max(found)
    if best < own + _BETTER:
        return photo, faces, []
    image = np.ascontiguousarray(np.rot90(photo.image, quarters))
    alpha = None if photo.alpha is None else np.ascontiguousarray(np.rot90(photo.alpha, quarters))
    warning = Finding(
        "upright",
        f"the photo was turned by {90 * quarters}°, so that the head is up",
        "save it the right way up",
        fatal=False,
    )
    turned = replace(photo, image=image, alpha=alpha)
    return turned, detector(image), [warning]


def _face_likeness(picture: ByteArray, faces: list[Face]) -> float:
    """How much the largest face looks like an upright one; −1 when it cannot be one."""
    if not faces or abs(float(faces[0].pose[2])) > _UPRIGHT:
        return -1.0
    small, points = aligned(picture, faces[0])
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    dark, alike = pupils(gray, points), likeness(small, points)
    return alike - dark if dark < PUPIL and alike > ALIKE else -1.0
