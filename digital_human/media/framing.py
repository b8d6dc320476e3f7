"""Where the person is in an avatar's pictures."""

from __future__ import annotations

import numpy as np

from digital_human.face.avatar import Avatar
from digital_human.media.shot import Framing

_ABOVE_EYES = 1.08  # crown to eyes by eyes to chin; hair included


def frame_of(avatar: Avatar) -> Framing:
    """Crown, chin and middle of the face.

    The crown is where the matte begins; pictures that bring their own surroundings have none, so it
    is taken from the proportions of a head.
    """
    height, width = avatar.canvas.shape[:2]
    manifest = avatar.manifest
    face = manifest.face
    if manifest.opaque:
        crown = max(0.0, face.eyes[1] - _ABOVE_EYES * (face.chin[1] - face.eyes[1]))
    else:
        crown = float(np.flatnonzero((avatar.canvas[..., 3] > 127).any(axis=1))[0])
    return Framing(
        crown / height, face.chin[1] / height, face.eyes[0] / width, opaque=manifest.opaque,
        aspect=width / height,
    )  # fmt: skip
