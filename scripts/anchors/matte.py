"""Cut a person out of a picture: alpha, and colour without the old background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from gan import Array, Image

PASSES = 3
EDGE = (0.3, 0.99)
# The rim takes the colour of the solid person just inside it.
SOLID = 0.97
RIM = 3.0


def foreground(image: Array, alpha: Array) -> Array:
    """Colour of the person without the background [h, w, 3], from `image` 0…1 and `alpha` 0…1.

    Blur fusion (Forte and Pitié, 2021), a wide pass and a narrow one.
    """
    a = alpha[..., None]
    front, back = image, image
    for radius in (90, 6):
        size = (2 * radius + 1, 2 * radius + 1)
        weight = cv2.blur(alpha, size)[..., None]
        front_mean = cv2.blur(front * a, size) / (weight + 1e-5)
        back = cv2.blur(back * (1 - a), size) / (1 - weight + 1e-5)
        front = np.clip(front_mean + a * (image - a * front_mean - (1 - a) * back), 0, 1)
    return front


def matte(image: Image, network: Path) -> Image:
    """RGBA uint8 [h, w, 4], straight alpha, of the person in `image` [h, w, 3].

    The alpha comes from Robust Video Matting (Lin et al. 2021) run a few times on the one frame.
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
    colour = foreground(image / 255.0, alpha)
    core = cv2.erode((alpha > SOLID).astype(np.float64), np.ones((5, 5)))[..., None]
    spread = cv2.GaussianBlur(colour * core, (0, 0), RIM)
    weight = cv2.GaussianBlur(core, (0, 0), RIM)[..., None]
    colour = np.where((core == 0) & (weight > 0.02), spread / (weight + 1e-6), colour)
    return np.round(np.dstack([colour, alpha]) * 255).astype(np.uint8)
