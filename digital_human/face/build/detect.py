"""Faces in a still picture: MediaPipe landmarks, expression scores and head pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.landmarker import Landmarker

_SIDE = 1280  # pixels of the longer side that the network is shown
_MOST = 5  # faces looked for
_LEVEL = -8.0  # degrees of pitch that the network gives for people who look straight ahead


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in a picture.

    Attributes:
        points: float32 [478, 3], landmarks in pixels; the third is the depth, positive away from
            the camera, in the same unit.
        scores: ARKit name → 0…1, the expression.
        pose: float32 [3], yaw, pitch and roll in degrees with the signs of `MotionFrame.head`.
    """

    points: FloatArray
    scores: dict[str, float]
    pose: FloatArray

    @property
    def io(self) -> float:
        """Distance of the outer eye corners in pixels."""
        return lm.eye_distance(self.points)


class Detector(Landmarker):
    """MediaPipe FaceLandmarker on still pictures; a context manager.

    Raises:
        WeightsError: The model is not here; says how to pull it.
    """

    def __init__(self) -> None:
        super().__init__(
            num_faces=_MOST,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )

    def __call__(self, picture: ByteArray) -> list[Face]:
        """Faces of an RGB picture [h, w, 3], the largest first.

        Small faces of large pictures are looked for in quarters as well, since the network sees
        every picture at the same small size.
        """
        faces = self._look(picture, (0, 0))
        if not faces:
            height, width = picture.shape[:2]
            side = round(0.6 * min(height, width))
            for top in (0, (height - side) // 2, height - side):
                for left in (0, (width - side) // 2, width - side):
                    part = picture[top : top + side, left : left + side]
                    faces += self._look(part, (left, top))
        return _distinct(faces)

    def _look(self, picture: ByteArray, corner: tuple[int, int]) -> list[Face]:
        height, width = picture.shape[:2]
        scale = min(1.0, _SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        found = self.detect(np.asarray(small, np.uint8))
        matrices = found.facial_transformation_matrixes
        faces = []
        for marks, shapes, matrix in zip(
            found.face_landmarks, found.face_blendshapes, matrices, strict=True
        ):
            points = np.array([[p.x * width, p.y * height, p.z * width] for p in marks], np.float32)
            # The network counts pixels from their corners, cv2 from their centres.
            points[:, :2] += np.array(corner, np.float32) - np.float32(0.5)
            scores = {s.category_name: float(s.score) for s in shapes}
            pose = head_pose(np.array(matrix))
            pose[2] = _roll(points, float(pose[2]))
            faces.append(Face(points, scores, pose))
        return faces


def head_pose(matrix: np.ndarray[Any, Any]) -> FloatArray:
    """Yaw, pitch, roll in degrees of MediaPipe's 4 × 4 face matrix."""
    r = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    yaw = np.arctan2(r[0, 2], r[2, 2])
    pitch = np.arcsin(np.clip(-r[1, 2], -1, 1))
    roll = np.arctan2(r[1, 0], r[1, 1])
    level = np.array([0, _LEVEL, 0])
    return np.asarray(np.degrees([yaw, -pitch, -roll]) - level, np.float32)


def _roll(points: FloatArray, found: float) -> float:
    """The roll in degrees; the network takes faces that stand on their head for upright ones."""
    eyes = points[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]], :2].mean(0)
    down = points[lm.CHIN, :2] - eyes
    angle = float(np.degrees(np.arctan2(down[0], down[1])))
    return angle if abs(angle) > 60 else found


def _distinct(faces: list[Face]) -> list[Face]:
    """Each face once, the largest first."""
    out: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.io):
        nose = face.points[lm.NOSE_MIDDLE, :2]
        away = [float(np.linalg.norm(nose - f.points[lm.NOSE_MIDDLE, :2])) / f.io for f in out]
        if min(away, default=9.0) > 0.8:
            out.append(face)
    return out
