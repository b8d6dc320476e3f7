"""Labels beside the exhibits: QR codes and AprilTags in a picture of the camera."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray

LONGEST = 64
"""Characters of a label's text."""

_FAMILY = "tag36h11"
_SMALLEST = 20  # pixels of the side of a label
_MARGIN = 12  # pixels round a QR code that are cut out with it
_ENLARGED = 300  # pixels of the side to which a small one is enlarged


class LabelReader:
    """Reads one label in a picture; belongs to one thread."""

    def __init__(self) -> None:
        self._finder = cv2.QRCodeDetectorAruco()  # finds smaller ones than the other, sooner
        self._readers = (self._finder, cv2.QRCodeDetector())
        parameters = cv2.aruco.DetectorParameters()
        parameters.errorCorrectionRate = 0.4  # two of eleven bits: textures are no tags
        family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
        self._tags = cv2.aruco.ArucoDetector(family, parameters)
        self._parameters = parameters
        self._last = ""
        self.doubtful = False
        """Whether the next picture should be read soon, to confirm what this one showed."""

    def __call__(self, grey: ByteArray) -> str | None:
        """Text of a QR code, or ``tag36h11:NUMBER``, of a picture uint8 [h, w].

        A QR code checks itself; an AprilTag counts when it is read twice in a row. None when there
        is none, or its text is not plain printable characters, at most `LONGEST`.
        """
        if text := self._code(grey):
            self.doubtful = False
            return text
        tag = self._tag(grey)
        sure, self._last = tag == self._last, tag
        self.doubtful = bool(tag) and not sure
        return tag if tag and sure else None

    def _code(self, grey: ByteArray) -> str | None:
        """Text of a QR code; small ones can be found, but read only when they are enlarged."""
        found, corners = self._finder.detect(grey)
        if not found:
            return None
        corners = np.asarray(corners, np.float32).reshape(-1, 2)
        low = np.maximum(corners.min(0) - _MARGIN, 0).astype(int)
        high = np.maximum(corners.max(0) + _MARGIN, 0).astype(int)
        part = grey[low[1] : high[1], low[0] : high[0]]
        if min(part.shape) < _SMALLEST:
            return None
        scale = max(1.0, _ENLARGED / min(part.shape))
        large = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for reader in self._readers:
            try:
                text = reader.detectAndDecode(large)[0]
            except (cv2.error, UnicodeDecodeError):  # damaged, or not text
                continue
            if text := plain(text) or "":
                return text
        return None

    def _tag(self, grey: ByteArray) -> str:
        # Tiles and lattices make hundreds of squares: those too small are not looked into.
        self._parameters.minMarkerPerimeterRate = 4 * _SMALLEST / max(grey.shape)
        self._tags.setDetectorParameters(self._parameters)
        corners, numbers, _ = self._tags.detectMarkers(grey)
        if numbers is None:
            return ""
        sides = [cv2.arcLength(c, True) / 4 for c in corners]
        largest = max(range(len(sides)), key=sides.__getitem__)
        if sides[largest] < _SMALLEST:
            return ""
        return f"{_FAMILY}:{int(numbers.ravel()[largest])}"


def plain(text: str) -> str | None:
    """The text without spaces round it, if it can be a label's; else None."""
    text = text.strip()
    return text if 0 < len(text) <= LONGEST and text.isprintable() else None
