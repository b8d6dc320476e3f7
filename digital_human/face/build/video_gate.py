"""The quality gate of videos: refuses, with the reason and a picture, what makes a bad avatar."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Face
from digital_human.face.video_frames import FPS

MIN_EYES = 36.0  # pixels between the outer eye corners
MAX_LOST = 0.08  # share of frames in which the face may not be found
MAX_LOST_RUN = 12  # frames in a row
MAX_YAW, MAX_PITCH, MAX_ROLL = 38.0, 32.0, 32.0  # degrees
MAX_TURNED = 0.15  # share of frames beyond
MAX_BLURRED = 0.30
OTHER_FACE = 0.4  # size of a second face by the first
CUT_CHANGE, CUT_ALWAYS = 9.0, 26.0  # mean change of the picture in grey levels
CUT_LEAP = 0.12  # outer-eye distances
MIN_SHARP = 22.0  # variance of the Laplacian of a face 128 px wide
_FACE = 128


class VideoRefused(InputError):
    """A video that cannot become an avatar.

    Args:
        path: Of the video.
        reason: Why.
        fix: What to do.
        image: uint8 [h, w, 3] RGB, a frame that shows the problem.
        points: float32 [n, 2+], what to mark in it; None for nothing.
    """

    def __init__(
        self, path: Path, reason: str, fix: str, image: ByteArray, points: FloatArray | None = None
    ) -> None:
        super().__init__(f"video {path} cannot be used: {reason}", fix=fix)
        self.reason = reason
        self.image = image.copy()
        if points is not None:
            low, high = points[:, :2].min(0), points[:, :2].max(0)
            a, b = np.round(low).astype(int).tolist(), np.round(high).astype(int).tolist()
            cv2.rectangle(self.image, a, b, (230, 30, 30), max(2, self.image.shape[0] // 240))

    def write_picture(self, path: Path) -> None:
        """Save the frame with the problem marked, as PNG.

        Raises:
            OSError: It cannot be written.
        """
        Image.fromarray(self.image).save(path, "PNG")


class VideoGate:
    """Checks a video while it is read and when all of it is known.

    Args:
        path: Of the video, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def first(self, picture: ByteArray, faces: list[Face]) -> Face:
        """The one face of a picture.

        Raises:
            VideoRefused: There is none or more than one, or it is too small.
        """
        if not faces:
            raise VideoRefused(
                self._path,
                "no face is seen in its first second",
                "film one person from the front, face and shoulders in the picture",
                picture,
            )
        self.others(picture, faces, 0)
        if faces[0].io < MIN_EYES:
            raise VideoRefused(self._path, _small(faces[0].io), _NEARER, picture, faces[0].points)
        return faces[0]

    def others(self, picture: ByteArray, faces: list[Face], frame: int) -> None:
        """Refuse when a second face is nearly as large as the first."""
        if len(faces) > 1 and faces[1].io > OTHER_FACE * faces[0].io:
            raise VideoRefused(
                self._path,
                f"there is a second face at {frame / FPS:.1f} s",
                "film one person alone, without mirrors and pictures of people behind",
                picture,
                faces[1].points,
            )

    def cut(
        self, before: ByteArray, now: ByteArray, moved: float, usual: float, frame: int,
        picture: ByteArray,
    ) -> None:  # fmt: skip
        """Refuse a change of scene between two frames.

        Args:
            before: Thumbnail of the frame before.
            now: Thumbnail of this frame.
            moved: How far the face jumped, in outer-eye distances; infinite when it was lost.
            usual: Median change of the pictures so far, grey levels.
            frame: Its number, for messages.
            picture: uint8 [h, w, 3], the frame.
        """
        change = picture_change(before, now)
        leaps = moved > CUT_LEAP
        if change > CUT_ALWAYS or (change > max(CUT_CHANGE, 6 * usual) and leaps):
            raise VideoRefused(
                self._path,
                f"the scene changes at {frame / FPS:.2f} s",
                "give one take, without cuts",
                picture,
            )

    def lost(self, found: list[bool], picture: ByteArray) -> None:
        """Refuse when the face is missing too long or too often; ``picture`` shows it."""
        share = 1 - float(np.mean(found))
        runs = np.diff(np.flatnonzero(np.concatenate([[True], found, [True]]))) - 1
        if share > MAX_LOST or runs.max(initial=0) > MAX_LOST_RUN:
            raise VideoRefused(
                self._path,
                f"the face is not seen in {100 * share:.0f} % of the frames, "
                f"{runs.max() / FPS:.1f} s at a stretch",
                "keep the face in the picture and free of hands and objects",
                picture,
            )

    def whole(
        self, angles: FloatArray, eyes: FloatArray, sharp: FloatArray
    ) -> tuple[int, str, str] | None:
        """What is wrong in too many frames.

        Args:
            angles: float32 [n, 3], yaw, pitch, roll in degrees.
            eyes: float32 [n], outer-eye distances in pixels.
            sharp: float32 [n], sharpness of the face.

        Returns:
            The frame that shows it best, the reason and what to do; None when all is well.
        """
        away = (np.abs(angles) / (MAX_YAW, MAX_PITCH, MAX_ROLL)).max(1)
        if (away > 1).mean() > MAX_TURNED:
            share = f"the head is turned away in {100 * (away > 1).mean():.0f} % of the frames"
            return int(np.argmax(away)), share, "look towards the camera; small turns are welcome"
        if float(np.median(eyes)) < MIN_EYES:
            return int(np.argmin(eyes)), _small(float(np.median(eyes))), _NEARER
        blurred = sharp < MIN_SHARP
        if blurred.mean() > MAX_BLURRED:
            share = f"the face is blurred in {100 * blurred.mean():.0f} % of the frames"
            fix = "use more light (so that the shutter is faster) and focus on the face"
            return int(np.argmin(sharp)), share, fix
        return None


_NEARER = "film from nearer, or give the video in its full resolution"


def _small(io: float) -> str:
    return (
        f"the face is too small: {io:.0f} pixels between the outer eye corners, at least "
        f"{MIN_EYES:.0f}"
    )


def picture_change(a: ByteArray, b: ByteArray) -> float:
    """Mean absolute difference of two small pictures in grey levels."""
    return float(cv2.absdiff(a, b).mean())


def thumbnail(picture: ByteArray, height: int = 40) -> ByteArray:
    """A picture at ``height`` rows, uint8 [h, w, 3]."""
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def sharpness(picture: ByteArray, points: FloatArray) -> float:
    """Variance of the Laplacian of the face brought to one size, so that all sizes compare."""
    low = np.maximum(0, np.floor(points[:, :2].min(0))).astype(int)
    high = np.ceil(points[:, :2].max(0)).astype(int)
    face = picture[low[1] : high[1], low[0] : high[0]]
    if min(face.shape[:2]) < 8:
        return 0.0
    size = _FACE, max(1, round(_FACE * face.shape[0] / face.shape[1]))
    how = cv2.INTER_AREA if face.shape[1] > _FACE else cv2.INTER_LINEAR
    grey = cv2.cvtColor(cv2.resize(face, size, interpolation=how), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def eye_distances(points: FloatArray) -> FloatArray:
    """Outer-eye distance of each frame's landmarks [n, 478, 2+] in pixels."""
    gap = points[:, lm.RIGHT_EYE[0], :2] - points[:, lm.LEFT_EYE[0], :2]
    return np.asarray(np.linalg.norm(gap, axis=1), np.float32)
