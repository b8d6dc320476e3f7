"""MediaPipe's face landmark network, opened without the notes it writes to the terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.models import store

_FILE = "face_landmarker.task"


class Landmarker:
    """Holds the network for still pictures; a context manager that closes it.

    Args:
        **options: Further fields of MediaPipe's ``FaceLandmarkerOptions``.

    Raises:
        WeightsError: The model is not here; says how to pull it.
    """

    def __init__(self, **options: Any) -> None:
        self._net = _open(**options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._net.close()

    def detect(self, picture: ByteArray) -> Any:
        """MediaPipe's result for an RGB picture uint8 [h, w, 3]."""
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        return self._net.detect(image)


def _open(**options: Any) -> Any:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = BaseOptions(model_asset_path=str(store().path("face-landmarker") / _FILE))
    nothing = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.zeros((64, 64, 3), np.uint8))
    with quiet():
        net = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(base_options=model, **options)
        )
        net.detect(nothing)  # the last notes come with the first picture
    return net


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what native code writes to the standard error nowhere; errors are raised all the same.

    Nothing is changed where there is no standard error.
    """
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
