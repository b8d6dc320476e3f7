"""Cut a person out of the picture: alpha and the colour of the foreground without the background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from gan import Array, Image
from pymatting import estimate_foreground_ml

PASSES = 3
EDGE = (0.03, 0.97)


def matte(image: Image, network: Path) -> Image:
    """RGBA uint8 [h, w, 4], straight alpha, of the person in `image` [h, w, 3].

    The alpha comes from Robust Video Matting (Lin et al. 2021) run a few times on the one frame;
    the colour at the soft edge from Germer et al. 2020, so nothing of the old background is left.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    net = ort.InferenceSession(str(network), options)
    source = np.ascontiguousarray((image / 255).astype(np.float32).transpose(2, 0, 1)[None])
    state: list[Array] = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    alpha = np.zeros(image.shape[:2])
    for _ in range(PASSES):
        feed = {f"r{k + 1}i": state[k] for k in range(4)}
        ratio = np.array([0.5], np.float32)
        _, found, *state = net.run(None, {"src": source, "downsample_ratio": ratio, **feed})
        alpha = found[0, 0].astype(np.float64)
    alpha = np.clip((alpha - EDGE[0]) / (EDGE[1] - EDGE[0]), 0, 1)
    colour = estimate_foreground_ml(image / 255.0, alpha)
    return np.dstack([np.clip(colour, 0, 1), alpha]).__mul__(255).round().astype(np.uint8)
