"""MediaPipe's face landmark network, opened without the notes it writes to the terminal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from digital_human.models import store

_FILE = "face_landmarker.task"


def open_landmarker(**options: Any) -> Any:
    """A ``FaceLandmarker`` for still pictures; its user closes it.

    Args:
        **options: Further fields of MediaPipe's ``FaceLandmarkerOptions``.

    Raises:
        WeightsError: The model is not here; says how to pull it.
    """
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = BaseOptions(model_asset_path=str(store().path("face-landmarker") / _FILE))
    nothing = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.zeros((64, 64, 3), np.uint8))
    with _quiet():
        net = vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(base_options=model, **options)
        )
        net.detect(nothing)  # the last notes come with the first picture
    return net


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
