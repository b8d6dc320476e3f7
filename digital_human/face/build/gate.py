"""The quality gate: whether a portrait can become an avatar, and if not, why and where.

Every check gives a measured value and a limit. Limits that would only cost quality are warnings.
What cannot be told from one picture is said so and not guessed: the age of a person, a thin
covering of the colour of skin, tinted glasses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageDraw

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Face
from digital_human.face.build.photo_measures import (
    CHEEKS,
    JAW,
    aligned,
    colour_below,
    glare,
    likeness,
    patch,
    pupils,
    sharpness,
)

EYES_APART = (64.0, 130.0)  # px between the outer eye corners: refused below, warned below
YAW, PITCH, ROLL = (16.0, 9.0), (18.0, 11.0), (20.0, 12.0)  # degrees: refused, warned above
LIP_GAP = (0.13, 0.014)  # of the eye distance
EYE_OPENING = 0.028
PUPIL = 0.45  # luma of the irises' darkest tenth over that of the cheeks
SHARPNESS = (0.020, 0.034)  # refused, warned below; see `sharpness`
LIGHT = (45.0, 240.0)  # luma of the skin
ONE_SIDED = (2.6, 1.7)  # brighter cheek over the darker one
ALIKE = 0.12  # correlation of one half of the face with the other
COVERED = 26.0  # distance in Lab's a and b of the lower face from the upper one
GLARE = 0.10  # share of the eye region that is blown out
CHILD = 0.93  # height from the eyes to the chin over the eye distance
SMILE = 0.55

Area: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a portrait.

    Attributes:
        check: Name of the check.
        reason: What is wrong, with the measured value and the limit.
        fix: What to do.
        area: Corners of the place in pixels of the picture; empty for all of it.
        fatal: The portrait is refused; otherwise this is a warning.
    """

    check: str
    reason: str
    fix: str
    area: Area = ()
    fatal: bool = True


class PhotoRefused(InputError):
    """A portrait that cannot become an avatar.

    Args:
        path: Of the portrait.
        image: uint8 [h, w, 3] RGB.
        findings: Why; the fatal ones first.
    """

    def __init__(self, path: Path, image: ByteArray, findings: list[Finding]) -> None:
        fatal = [f for f in findings if f.fatal]
        reasons = "\n  ".join(f"{f.check}: {f.reason}" for f in fatal)
        super().__init__(
            f"photo {path} cannot be used:\n  {reasons}",
            fix="; ".join(dict.fromkeys(f.fix for f in fatal)),
        )
        self.findings = findings
        self.image = image

    def write_picture(self, path: Path) -> None:
        """Save the portrait with the problems marked, as PNG.

        Raises:
            OSError: It cannot be written.
        """
        mark(self.image, self.findings).save(path, "PNG")


def inspect(image: ByteArray, faces: list[Face]) -> list[Finding]:
    """All that is wrong with a portrait, what refuses it first.

    Args:
        image: uint8 [h, w, 3] RGB, upright.
        faces: All faces found in it, the largest first.
    """
    if not faces:
        return [
            Finding(
                "face",
                "no face was found (0, must be 1)",
                "use a photo of one person from the front, with eyes and mouth uncovered",
            )
        ]
    others = [f for f in faces[1:] if f.io > 0.3 * faces[0].io]
    if others:
        return [
            Finding(
                "one face",
                f"{1 + len(others)} faces were found, must be 1",
                "crop the photo to one person",
                _box(f),
            )
            for f in others
        ]
    face = faces[0]
    if face.io < EYES_APART[0]:
        return list(_size(image, face))
    checks: tuple[Callable[[ByteArray, Face], list[Finding]], ...] = (
        _size, _inside, _pose, _sharpness, _light, _eyes, _mouth, _coverings, _child,
    )  # fmt: skip
    found = [finding for check in checks for finding in check(image, face)]
    return sorted(found, key=lambda f: not f.fatal)


def _box(face: Face) -> Area:
    low, high = face.points[:, :2].min(0), face.points[:, :2].max(0)
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _hull(face: Face, indices: tuple[int, ...], grow: float = 1.0) -> Area:
    points = face.points[list(indices), :2]
    hull = cv2.convexHull(points)[:, 0]
    middle = hull.mean(0)
    return tuple((float(x), float(y)) for x, y in middle + (hull - middle) * grow)


def _size(_: ByteArray, face: Face) -> list[Finding]:
    refused, warned = EYES_APART
    if face.io >= warned:
        return []
    fatal = face.io < refused
    return [
        Finding(
            "resolution",
            f"the outer eye corners are {face.io:.0f} px apart, "
            + (f"must be {refused:.0f}" if fatal else f"better {warned:.0f}")
            + " or more",
            "use a larger original or one taken from nearer",
            _box(face),
            fatal=fatal,
        )
    ]


def _inside(image: ByteArray, face: Face) -> list[Finding]:
    """The whole face must be in the picture."""
    height, width = image.shape[:2]
    points = face.points[: lm.MESH, :2]
    out = float(((points < 0) | (points > (width - 1, height - 1))).any(1).mean())
    if out <= 0.005:
        return []
    return [
        Finding(
            "cut off",
            f"{100 * out:.0f} % of the face lies outside of the picture, at most 0 %",
            "use a photo that shows the whole head",
            _box(face),
        )
    ]


def _pose(_: ByteArray, face: Face) -> list[Finding]:
    out = []
    words = (("turned sideways", YAW), ("turned up or down", PITCH), ("tilted", ROLL))
    for value, (word, (refused, warned)) in zip(face.pose, words, strict=True):
        angle = abs(float(value))
        if angle > warned:
            limit = refused if angle > refused else warned
            out.append(
                Finding(
                    "frontal",
                    f"the head is {word} by {angle:.0f}°, at most {limit:.0f}°",
                    "look straight into the camera, the camera at eye level",
                    _box(face),
                    fatal=angle > refused,
                )
            )
    return out


def _sharpness(image: ByteArray, face: Face) -> list[Finding]:
    value = sharpness(image, face)
    refused, warned = SHARPNESS
    if value >= warned:
        return []
    fatal = value < refused
    return [
        Finding(
            "sharpness",
            f"eyes and mouth are blurred: sharpness {1000 * value:.0f}, "
            + (f"must be {1000 * refused:.0f}" if fatal else f"better {1000 * warned:.0f}")
            + " or more",
            "use a photo in focus, without motion blur and not enlarged",
            _hull(face, (*lm.RIGHT_UPPER_LID, *lm.LEFT_UPPER_LID, *lm.LIPS), 1.15),
            fatal=fatal,
        )
    ]


def _light(image: ByteArray, face: Face) -> list[Finding]:
    small, points = aligned(image, face)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    levels = [float(np.median(gray[patch(gray.shape, points, p) > 0])) for p in CHEEKS]
    both = float(np.mean(levels))
    out = []
    if not LIGHT[0] <= both <= LIGHT[1]:
        word, limit = ("dark", LIGHT[0]) if both < LIGHT[0] else ("bright", LIGHT[1])
        out.append(
            Finding(
                "exposure",
                f"the face is too {word}: brightness {both:.0f} of 255, "
                f"{'at least' if word == 'dark' else 'at most'} {limit:.0f}",
                "use soft, even light from the front",
                _box(face),
            )
        )
    # Gamma undone, so that the ratio is one of light.
    linear = [max(level / 255, 0.02) ** 2.2 for level in levels]
    ratio = (max(linear) / min(linear)) ** (1 / 1.5)
    if ratio > ONE_SIDED[1]:
        fatal = ratio > ONE_SIDED[0]
        dark = int(np.argmin(levels))
        out.append(
            Finding(
                "even light",
                f"one side of the face is {ratio:.1f} times darker than the other, "
                f"at most {ONE_SIDED[0 if fatal else 1]:.1f}",
                "use soft, even light from the front",
                _hull(face, CHEEKS[dark], 1.4),
                fatal=fatal,
            )
        )
    return out


def _eyes(image: ByteArray, face: Face) -> list[Finding]:
    out = []
    opening = lm.eye_opening(face.points)
    area = _hull(face, (*lm.RIGHT_UPPER_LID, *lm.RIGHT_LOWER_LID, *lm.LEFT_UPPER_LID), 1.3)
    if opening < EYE_OPENING:
        out.append(
            Finding(
                "open eyes",
                f"the lids are {opening:.3f} eye distances apart, at least {EYE_OPENING}",
                "open the eyes in a normal, relaxed way",
                area,
            )
        )
    small, points = aligned(image, face)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    pupil = pupils(gray, points)
    if pupil > PUPIL:
        out.append(
            Finding(
                "eyes",
                f"no pupils where the eyes should be: {pupil:.2f} of the skin's brightness, "
                f"at most {PUPIL}",
                "turn the photo upright; both eyes must be seen",
                area,
            )
        )
    blown = glare(small, points)
    if blown > GLARE:
        out.append(
            Finding(
                "glare",
                f"{100 * blown:.0f} % of an eye is blown out, at most {100 * GLARE:.0f} %",
                "take off the glasses, or turn them so that they reflect nothing",
                area,
            )
        )
    return out


def _mouth(_: ByteArray, face: Face) -> list[Finding]:
    gap, (refused, warned) = lm.lip_gap(face.points), LIP_GAP
    out = []
    area = _hull(face, lm.OUTER_UPPER + lm.OUTER_LOWER, 1.2)
    if gap > refused:
        out.append(
            Finding(
                "closed mouth",
                f"the lips are {gap:.3f} eye distances apart, at most {refused}",
                "close the mouth, lips resting on each other, teeth hidden",
                area,
            )
        )
    elif gap > warned:
        out.append(
            Finding(
                "closed mouth",
                f"the lips are {gap:.3f} eye distances apart; they are closed by warping the "
                f"picture (above {warned})",
                "a photo with the lips closed gives a better mouth",
                area,
                fatal=False,
            )
        )
    smile = (face.scores.get("mouthSmileLeft", 0) + face.scores.get("mouthSmileRight", 0)) / 2
    if smile > SMILE:
        out.append(
            Finding(
                "neutral face",
                f"smile {smile:.2f}, better below {SMILE}: it stays while the avatar speaks",
                "a relaxed face without a smile moves more naturally",
                area,
                fatal=False,
            )
        )
    return out


def _coverings(image: ByteArray, face: Face) -> list[Finding]:
    """A hand, a mask or hair over the face: halves that differ, or another colour below."""
    small, points = aligned(image, face)
    alike = likeness(small, points)
    out = []
    if alike < ALIKE:
        out.append(
            Finding(
                "uncovered face",
                f"the halves of the face are alike by {alike:.2f}, at least {ALIKE}: something "
                "covers a part of it, or shades it",
                "take hands, hair, scarf and mask off the face",
                _box(face),
            )
        )
    away = colour_below(small, points)
    if away > COVERED:
        out.append(
            Finding(
                "uncovered mouth",
                f"the lower face differs from the forehead by {away:.0f} in colour, "
                f"at most {COVERED:.0f}: it seems to be covered",
                "take off the mask or what hides mouth and chin",
                _hull(face, (*CHEEKS[0], *CHEEKS[1], *JAW), 1.1),
            )
        )
    return out


def _child(_: ByteArray, face: Face) -> list[Finding]:
    eyes = face.points[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]], :2].mean(0)
    height = float(np.linalg.norm(face.points[lm.CHIN, :2] - eyes)) / face.io
    if height >= CHILD:
        return []
    return [
        Finding(
            "adult",
            f"the face has proportions found in children (eyes to chin {height:.2f} eye distances, "
            f"below {CHILD}); age cannot be told from a picture",
            "make sure that the person is of age, or that a guardian has given the consent",
            _box(face),
            fatal=False,
        )
    ]


def mark(image: ByteArray, findings: list[Finding]) -> Image.Image:
    """The picture at most 900 px wide with each finding's place outlined and named below."""
    scale = min(1.0, 900 / image.shape[1], 1100 / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    row = 22
    width = max(size[0], 640)
    out = Image.new("RGB", (width, size[1] + row * len(findings) + 12), (24, 26, 30))
    out.paste(small, (0, 0))
    pen = ImageDraw.Draw(out)
    for i, finding in enumerate(findings):
        colour = (255, 82, 82) if finding.fatal else (255, 200, 60)
        corners = [(x * scale, y * scale) for x, y in finding.area]
        if not corners:
            corners = [(2, 2), (size[0] - 3, 2), (size[0] - 3, size[1] - 3), (2, size[1] - 3)]
        pen.line([*corners, corners[0]], fill=colour, width=3, joint="curve")
        text = f"{finding.check}: {finding.reason}".replace("°", " degrees")
        text = text.encode("ascii", "replace").decode()
        pen.text((8, size[1] + 8 + row * i), text, fill=colour, font_size=14)
    return out
