"""Draw faces at random and measure them: the data for the directions and the choice of people."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from gan import LATENT, Generator, Landmarker

SEED = 777
TRUNCATION = 0.65
THUMB = 160


def latent_of(generator: Generator, index: int, mean: np.ndarray) -> np.ndarray:
    """The latent [512] of sample `index` of the seeded series."""
    rng = np.random.default_rng(SEED)
    noise = np.zeros((1, LATENT))
    for _ in range(index + 1):
        noise = rng.normal(size=(1, LATENT))
    return mean + TRUNCATION * (generator.latent(noise) - mean)


def sample(generator: Generator, landmarker: Landmarker, count: int, out: Path) -> None:
    """Draw and measure `count` faces and write them to `out` (.npz).

    Arrays: `mean` [512], `index` [n], `latents` [n, 512], `points` [n, 478, 3] in pixels of 1024,
    `scores` [n, 52], `names` [52], `pose` [n, 3], `thumbs` uint8 [n, 160, 160, 3]. Samples in which
    no face is found are left out.
    """
    mean = generator.mean_latent()
    rng = np.random.default_rng(SEED)
    rows: dict[str, list[np.ndarray]] = {
        k: [] for k in ("index", "latents", "points", "scores", "pose", "thumbs")
    }
    start = time.monotonic()
    for i in range(count):
        latent = mean + TRUNCATION * (generator.latent(rng.normal(size=(1, LATENT))) - mean)
        image = generator.render(latent)
        face = landmarker(image)
        if face is not None:
            thumb = cv2.resize(image, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
            values = (np.array(i), latent, face.points, face.scores, face.pose, thumb)
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
        if i % 50 == 49:
            print(f"sample {i + 1}/{count}, {time.monotonic() - start:.0f} s", flush=True)
    arrays = {key: np.stack(value) for key, value in rows.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, mean=mean, names=np.array(landmarker.names), **arrays)
