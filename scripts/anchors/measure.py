"""What the solver measures on a face: lip, lid, brow and gaze geometry, scores, pose, skin."""

from __future__ import annotations

import cv2
import numpy as np
from gan import STABLE, Array, Face, Image, Landmarker, eye_distance, similarity

SCORES = (
    "jawOpen", "mouthPucker", "mouthFunnel", "mouthSmile", "mouthUpperUp", "mouthLowerDown",
    "mouthStretch", "mouthPress", "mouthFrown", "browInnerUp", "browDown", "cheekSquint",
    "eyeSquint",
)  # fmt: skip
GEOMETRY = (
    "gap", "width", "upper", "lower", "chin", "corner", "tilt", "shift", "eye_right", "eye_left",
    "brow_in", "brow_out", "gaze_x", "gaze_y",
)  # fmt: skip
LIPS = (61, 291, 0, 17)
THUMB = 48


def scores(values: Array, names: list[str]) -> Array:
    """The chosen ARKit scores [..., 13] from all 52, left and right averaged."""

    def one(name: str) -> Array:
        if name in names:
            return values[..., names.index(name)]
        pair = [names.index(name + side) for side in ("Left", "Right")]
        return values[..., pair].mean(-1)

    return np.stack([one(name) for name in SCORES], -1)


def geometry(points: Array) -> Array:
    """The GEOMETRY numbers of landmarks [478, 2+] in units of the outer-eye distance.

    Heights are taken along the line from the nose root to the chin, positive downwards. `tilt` and
    `shift` are the left-right asymmetry of the mouth corners; `gaze_*` is the iris centre from the
    middle of its eye corners.
    """
    q = points[:, :2]
    io = eye_distance(points)
    down = q[152] - q[168]
    down = down / np.linalg.norm(down)
    right = np.array([down[1], -down[0]])

    def dist(a: int, b: int) -> float:
        return float(np.linalg.norm(q[a] - q[b])) / io

    def fall(a: int, b: int) -> float:
        return float((q[a] - q[b]) @ down) / io

    gaze = (q[468] - (q[33] + q[133]) / 2 + q[473] - (q[362] + q[263]) / 2) / (2 * io)
    return np.array(
        [
            dist(13, 14), dist(61, 291), dist(0, 13), dist(14, 17), fall(152, 2),
            (fall(61, 2) + fall(291, 2)) / 2, fall(61, 2) - fall(291, 2),
            dist(61, 2) - dist(291, 2), fall(145, 159), fall(374, 386),
            (fall(133, 107) + fall(362, 336)) / 2, (fall(33, 105) + fall(263, 334)) / 2,
            float(gaze @ right), float(gaze @ down),
        ]
    )  # fmt: skip


class Gauge:
    """Measures faces against one reference face.

    The vector is: GEOMETRY, SCORES, stable landmark offsets (36), pose / 20 degrees (3), then a
    48x48 RGB thumbnail of the face with the parts in `free` masked out. Solving asks the parts of
    it that are not targets to stay, which holds identity, light and colour.
    """

    def __init__(self, landmarker: Landmarker, reference: Face, free: tuple[str, ...]) -> None:
        """`free`: parts that may change, of "mouth" and "eyes"."""
        self._landmarker = landmarker
        self.reference = reference
        p = reference.points[:, :2] / 2
        io = eye_distance(p)
        keep = np.zeros((512, 512), np.float32)
        cv2.fillConvexPoly(keep, cv2.convexHull(p.astype(np.int32)), 1)
        if "mouth" in free:
            c = p[list(LIPS)].mean(0)
            axes = (int(0.45 * io), int(0.42 * io))
            cv2.ellipse(keep, (int(c[0]), int(c[1] + 0.12 * io)), axes, 0, 0, 360, 0, -1)
        if "eyes" in free:
            for a, b in ((33, 133), (362, 263)):
                c = (p[a] + p[b]) / 2
                axes = (int(0.24 * io), int(0.17 * io))
                cv2.ellipse(keep, (int(c[0]), int(c[1] - 0.05 * io)), axes, 0, 0, 360, 0, -1)
        self._keep = keep[..., None]
        n = len(GEOMETRY)
        s = n + len(SCORES)
        self.parts = {
            "geometry": slice(0, n), "scores": slice(n, s), "stable": slice(s, s + 36),
            "pose": slice(s + 36, s + 39), "skin": slice(s + 39, s + 39 + THUMB * THUMB * 3),
        }  # fmt: skip

    def index(self, name: str) -> int:
        """Position of a geometry number, a score, or yaw/pitch/roll in the vector."""
        if name in GEOMETRY:
            return GEOMETRY.index(name)
        if name in SCORES:
            return self.parts["scores"].start + SCORES.index(name)
        return self.parts["pose"].start + ("yaw", "pitch", "roll").index(name)

    def __call__(self, image: Image) -> tuple[Array, Face] | None:
        """Measure `image` [1024, 1024, 3]: the vector and the face, or None without a face."""
        face = self._landmarker(image)
        if face is None:
            return None
        ref = self.reference.points[:, :2]
        p = face.points[:, :2]
        small = cv2.resize(image, (512, 512), interpolation=cv2.INTER_AREA)
        turn = similarity(p[STABLE] / 2, ref[STABLE] / 2)
        aligned = cv2.warpAffine(small, turn, (512, 512)) * self._keep
        skin = cv2.resize(aligned, (THUMB, THUMB), interpolation=cv2.INTER_AREA).ravel() / 255
        offset = (p - ref)[STABLE].ravel() / eye_distance(ref)
        named = scores(face.scores, self._landmarker.names)
        parts = [geometry(face.points), named, offset, face.pose / 20, skin]
        return np.concatenate(parts), face
