"""What flows through the graph. Media time is integer samples or frames, never seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture.

    Attributes:
        image: uint8 [h, w, 3] RGB, or [h, w, 4] RGBA with straight (not premultiplied) alpha.
        pts: Frame index from the start of the stream.
        epoch: Epoch it was made in.
    """

    image: ByteArray
    pts: int
    epoch: int
