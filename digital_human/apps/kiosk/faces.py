"""Faces before the kiosk in one picture: where, how far away, which way they look.

MediaPipe's full-range detector finds every face up to about three metres; the landmark network then
looks at each of those near enough to talk with. Neither knows who anybody is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import head_pose
from digital_human.face.build.landmarker import Landmarker, quiet
from digital_human.models import store

DETECTOR = "face-detector"
"""Name of the detector's weights in the store."""

_FILE = "face_detection_full_range_sparse.tflite"
_SURE = 0.55  # score from which a detection is a face
_PUPILS = 0.063  # metres between the pupils of an adult (Dodgson 2004: mean 63 mm)
_BOX_PUPILS = 2.6  # width of the detector's box by the distance of the pupils
_CROP = 256  # pixels of the square that the landmark network is shown
_AROUND = 2.2  # side of that square by the width of the box
_STAYED = 0.15  # widths that a face may move, and share by which it may grow, to be in its place
_MOST = 3  # faces whose landmarks are looked for in one picture
_IRIS_PIXELS = 24.0  # between the pupils, from which on the irises tell where the eyes look
_IRIS_DEGREES = 75.0  # turn of the gaze by the offset of the iris in eye widths


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture.

    Attributes:
        x: Middle of the face across, in pixels.
        y: Middle of the face down.
        width: Of the face in pixels, from ear to ear.
        metres: Away from the camera.
        yaw: Degrees that it looks past the camera to its own left; NaN where no landmarks
            were found.
        pitch: Degrees that it looks up past the camera; NaN likewise.
        guessed: Whether distance and look are those of an earlier picture.
    """

    x: float
    y: float
    width: float
    metres: float
    yaw: float
    pitch: float
    guessed: bool = False

    def like(self, known: Face) -> bool:
        """Whether it is where the known one was, and as large."""
        moved = math.hypot(self.x - known.x, self.y - known.y)
        return moved < _STAYED * known.width and abs(self.width / known.width - 1) < _STAYED


class FaceFinder:
    """Both networks, until they are closed. Belongs to one thread.

    Args:
        field_of_view: Degrees that the camera sees across the longer side of its picture.
        reach: Metres within which the landmarks of a face are looked for.

    Raises:
        WeightsError: A network is not here; says how to pull it.
    """

    def __init__(self, field_of_view: float, reach: float) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        self._half_view = math.tan(math.radians(field_of_view) / 2)
        self._reach = reach
        model = BaseOptions(model_asset_path=str(store().path(DETECTOR) / _FILE))
        options = vision.FaceDetectorOptions(base_options=model, min_detection_confidence=_SURE)
        with ExitStack() as open_ones:
            with quiet():
                self._detector = vision.FaceDetector.create_from_options(options)
                open_ones.callback(self._detector.close)
                self._detector.detect(_image(np.zeros((64, 64, 3), np.uint8)))
            self._landmarker = open_ones.enter_context(
                Landmarker(num_faces=1, output_facial_transformation_matrixes=True)
            )
            self.close = open_ones.pop_all().close
            """Closes both."""

    def __call__(self, picture: ByteArray, known: Sequence[Face] = ()) -> list[Face]:
        """Faces of an RGB picture uint8 [h, w, 3], the nearest first.

        Args:
            picture: The picture.
            known: Faces that need not be looked at closely again where they have not moved.
        """
        focal = max(picture.shape[:2]) / 2 / self._half_view
        boxes = [d.bounding_box for d in self._detector.detect(_image(picture)).detections]
        faces: list[Face] = []
        for box in sorted(boxes, key=lambda box: -box.width)[: 2 * _MOST]:
            x, y = box.origin_x + box.width / 2, box.origin_y + box.height / 2
            metres = focal * _PUPILS / (box.width / _BOX_PUPILS)
            face = Face(x, y, float(box.width), metres, math.nan, math.nan)
            if metres <= self._reach and len(faces) < _MOST:
                same = next((one for one in known if face.like(one)), None)
                face = _again(face, same) if same else self._closer(picture, face, focal)
            faces.append(face)
        return sorted(faces, key=lambda face: face.metres)

    def _closer(self, picture: ByteArray, face: Face, focal: float) -> Face:
        """The face with its landmarks: better distance, and where it looks."""
        side = _AROUND * face.width
        scale = _CROP / side
        left, top = face.x - side / 2, face.y - side / 2
        shift = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        crop = cv2.warpAffine(picture, shift, (_CROP, _CROP), flags=how)
        found = self._landmarker.detect(np.asarray(crop, np.uint8))
        if not found.face_landmarks:
            return face
        points = np.array([[p.x, p.y] for p in found.face_landmarks[0]], np.float32) * side
        yaw, pitch, _ = (
            float(v) for v in head_pose(np.array(found.facial_transformation_matrixes[0]))
        )
        pupils = float(np.linalg.norm(points[lm.RIGHT_IRIS[0]] - points[lm.LEFT_IRIS[0]]))
        # A turned head brings the pupils together; beyond 50 degrees the measure is lost.
        apart = pupils / math.cos(math.radians(min(abs(yaw), 50.0)))
        if pupils >= _IRIS_PIXELS:
            yaw += _IRIS_DEGREES * _glance(points)
        return Face(face.x, face.y, face.width, focal * _PUPILS / apart, yaw, pitch)


def _again(face: Face, known: Face) -> Face:
    """The face with the distance and the look of the known one."""
    return replace(face, metres=known.metres, yaw=known.yaw, pitch=known.pitch, guessed=True)


def _glance(points: FloatArray) -> float:
    """How far both irises stand off the middle of their eyes, in eye widths.

    Args:
        points: float32 [478, 2].

    Returns:
        Positive to the person's own left, which is to the right in the picture.
    """
    offsets = []
    for (outer, inner), iris in ((lm.RIGHT_EYE, lm.RIGHT_IRIS), (lm.LEFT_EYE, lm.LEFT_IRIS)):
        axis = points[inner] - points[outer]
        share = float((points[iris[0]] - points[outer]) @ axis / (axis @ axis)) - 0.5
        offsets.append(share if outer == lm.RIGHT_EYE[0] else -share)
    return sum(offsets) / 2


def _image(picture: ByteArray) -> Any:
    import mediapipe as mp

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
