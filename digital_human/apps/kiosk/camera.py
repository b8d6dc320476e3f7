"""The kiosk's camera: a JPEG picture in, who is there and what label is held up out.

Pictures are looked at in a thread of their own and dropped; none is stored, logged or sent on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from digital_human.apps.kiosk.codes import LabelReader
from digital_human.apps.kiosk.faces import DETECTOR, FaceFinder
from digital_human.apps.kiosk.presence import Seen
from digital_human.apps.kiosk.tracks import Tracks
from digital_human.core.clock import Clock
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.stage import Hung, ModelThread, Patience
from digital_human.errors import InputError
from digital_human.models import store

MAX_BYTES = 300_000
"""Of one picture."""
MAX_PIXELS = 1920 * 1080
"""Of one picture."""

_MIN_SIDE = 64  # pixels
_WIDE = 640  # pixels of the longer side in which faces are looked for
_SMALL = 64  # pixels of the longer side of the picture that tells whether anything changed
_LOOKS = 2.0  # seconds after which an unchanged picture is looked at all the same
_CHANGED = 5.0  # grey levels of a spot that make it another picture
_LABELS = 1.0  # seconds from one search for labels to the next
_LABELS_STILL = 5.0  # the same while nothing changes
_DARK, _PLAIN = 12.0, 1.2  # grey levels: mean, and detail, below which nothing can be seen
_NICE = 5
_PATIENCE = 5.0  # seconds that one picture may take
_FIRST_PATIENCE = 60.0  # the same for the first one, with which the networks are loaded


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What is known of the camera.

    Attributes:
        field_of_view: Degrees that it sees across the longer side of its picture; 60 to 78 for
            most webcams.
        reach: Metres within which it is looked at where people look.
    """

    field_of_view: float = 70.0
    reach: float = 2.6

    def __post_init__(self) -> None:
        """Check the values."""
        if not 20 <= self.field_of_view <= 150:
            raise InputError(
                f"camera: field_of_view {self.field_of_view} degrees is not a camera's",
                fix="give the horizontal field of view from its data sheet, 60 to 78 as a rule",
            )


class Watcher:
    """Sees who stands before the kiosk.

    Args:
        clock: Tells how long faces have been there.
        settings: What is known of the camera.

    Raises:
        WeightsError: A network is not here; says how to pull it.
    """

    def __init__(self, clock: Clock, settings: CameraSettings | None = None) -> None:
        for name in (DETECTOR, "face-landmarker"):
            store().path(name)
        self._clock, self._settings = clock, settings or CameraSettings()
        self._thread = ModelThread("kiosk camera", nice=_NICE)
        self._eyes: _Eyes | None = None
        self._seen = Seen()
        self._busy = False

    async def look(self, jpeg: bytes) -> Seen:
        """What a picture shows; while another one is looked at, what the last one showed.

        Args:
            jpeg: At most `MAX_BYTES`, at most `MAX_PIXELS`.

        Raises:
            InputError: Not such a picture.
            Hung: The networks did not come back; the next picture loads them anew.
        """
        if len(jpeg) > MAX_BYTES:
            raise InputError(
                f"camera: picture of {len(jpeg)} bytes, at most {MAX_BYTES} are taken",
                fix="send 640×360 pixels at JPEG quality 0.75",
            )
        if self._busy:
            return Seen(self._seen.people, None, self._seen.blind)
        self._busy = True
        try:
            if self._eyes is None:
                self._eyes = await self._thread.call_within(
                    Patience(_FIRST_PATIENCE), _Eyes, self._settings
                )
            self._seen = await self._thread.call_within(
                Patience(_PATIENCE), _look, self._eyes, jpeg, self._clock.now()
            )
        except Hung:
            if self._eyes is not None:
                self._eyes.left = True
            self._eyes, self._seen = None, Seen(blind=True)
            raise
        finally:
            self._busy = False
        return self._seen

    def close(self) -> None:
        """Close the networks and end the thread; waits for a picture that is being looked at."""
        if self._eyes is not None:
            self._thread.submit(self._eyes.close).result(_PATIENCE)
            self._eyes = None
        self._thread.close()


def _look(eyes: _Eyes, jpeg: bytes, now: float) -> Seen:
    try:
        return eyes.look(jpeg, now)
    finally:
        if eyes.left:
            eyes.close()


class _Eyes:
    """The networks and what they remember from one picture to the next; lives in one thread."""

    def __init__(self, settings: CameraSettings) -> None:
        self.left = False  # it took too long: nobody waits for it any more
        self._finder = FaceFinder(settings.field_of_view, settings.reach)
        self._labels = LabelReader()
        self._tracks = Tracks()
        self._gate = _Gate()
        self._read_at = float("-inf")
        self._read_gate = _Gate()

    def look(self, jpeg: bytes, now: float) -> Seen:
        picture = _Picture(jpeg)
        small = picture.grey(_SMALL)
        if _is_blind(small):
            self._tracks.forget()
            self._gate.open()
            return Seen(blind=True)
        label = self._read(picture, small, now)
        if not self._gate.lets(small, now, _LOOKS):
            return Seen(label=label)
        rgb = picture.rgb(_WIDE)
        faces = self._finder(rgb, self._tracks.steady(now))
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        people = self._tracks.follow(faces, grey, now)
        if not self._tracks.settled:
            self._gate.open()
        return Seen(people, label)

    def _read(self, picture: _Picture, small: ByteArray, now: float) -> str | None:
        due = now - self._read_at >= _LABELS or self._labels.doubtful
        if not due or not self._read_gate.lets(small, now, _LABELS_STILL):
            return None
        self._read_at = now
        label = self._labels(picture.grey(picture.longer))
        if label or self._labels.doubtful:
            self._read_gate.open()
        return label

    def close(self) -> None:
        self._finder.close()


class _Gate:
    """Lets pictures pass that differ from the last one that passed, and one now and then."""

    def __init__(self) -> None:
        self._last: FloatArray | None = None
        self._at = 0.0

    def open(self) -> None:
        """Let the next picture pass, whatever it shows."""
        self._last = None

    def lets(self, small: ByteArray, now: float, every: float) -> bool:
        """Whether a small grey picture uint8 [h, w] passes.

        Slow changes add up, since it is compared with the last picture that passed; a lamp that
        dims everywhere alike is no change.
        """
        smooth = np.asarray(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.8), np.float32)
        last = self._last
        if last is not None and last.shape == smooth.shape and now - self._at < every:
            change = smooth - last
            if float(np.abs(change - np.median(change)).max()) < _CHANGED:
                return False
        self._last, self._at = smooth, now
        return True


class _Picture:
    """A JPEG picture, decoded as small as it is asked for.

    Its EXIF data and colour profile are left alone: a camera's picture has none.
    """

    def __init__(self, jpeg: bytes) -> None:
        self._jpeg = jpeg
        with self._open() as picture:
            width, height = picture.size
            scans = picture.info.get("progressive")
        if scans:  # each of its scans, of which there may be thousands, is decoded anew
            raise InputError("camera: a progressive JPEG", fix="send baseline JPEGs")
        self.longer = max(width, height)
        if width * height > MAX_PIXELS or min(width, height) < _MIN_SIDE:
            raise InputError(
                f"camera: picture of {width}×{height} pixels",
                fix=f"send at most 1920×1080 and at least {_MIN_SIDE} on the shorter side",
            )

    def grey(self, longer: int) -> ByteArray:
        """uint8 [h, w] with so many pixels on the longer side, or its own if that is less."""
        return self._decode("L", longer)

    def rgb(self, longer: int) -> ByteArray:
        """uint8 [h, w, 3] with so many pixels on the longer side, or its own if that is less."""
        return self._decode("RGB", longer)

    def _decode(self, mode: str, longer: int) -> ByteArray:
        try:
            with self._open() as picture:
                scale = min(1.0, longer / self.longer)
                width, height = (max(1, round(side * scale)) for side in picture.size)
                size = width, height
                picture.draft(mode, size)  # a fraction of the size costs a fraction of the time
                pixels = np.asarray(picture.convert(mode), np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(error) from error
        if pixels.shape[1::-1] != size:
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(pixels)

    def _open(self) -> Image.Image:
        try:
            return Image.open(io.BytesIO(self._jpeg), formats=["JPEG"])
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> InputError:
    return InputError(
        f"camera: not a readable JPEG picture ({type(error).__name__})",
        fix="send one whole JPEG file as the body, for example from canvas.toBlob",
    )


def _is_blind(small: ByteArray) -> bool:
    """Whether a small grey picture uint8 [h, w] shows nothing: dark, or a hand on the lens."""
    values = small.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), 2.0)
    return float(values.mean()) < _DARK or float(detail.std()) < _PLAIN
