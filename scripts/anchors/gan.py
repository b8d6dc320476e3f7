"""MobileStyleGAN in OpenVINO with one style vector per layer, and what is measured on its faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
import openvino as ov
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray
from openvino import opset8 as ops

Image = NDArray[np.uint8]
Array = NDArray[Any]

SIZE = 1024
LATENT = 512
# Points that keep still when the mouth, lids and brows move: eye corners, nose, temples, ears.
STABLE = np.array(
    [33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 129, 358, 127, 356, 234, 454]
)


class Generator:
    """The mapping and synthesis networks.

    The synthesis network takes one style for all its layers; here each of its 24 style consumers
    gets its own input, so an edit can be put on chosen resolutions only. Consumer 0 is the output
    layer and 23 the 4x4 layer; three consumers belong to each resolution.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        """Load `MappingNetwork.xml` and `SynthesisNetwork.xml` from `folder`."""
        core = ov.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
        mapping = core.read_model(folder / "MappingNetwork.xml")
        self._mapping = core.compile_model(mapping, "CPU")
        net = core.read_model(folder / "SynthesisNetwork.xml")
        rank = {op.get_friendly_name(): i for i, op in enumerate(net.get_ordered_ops())}
        consumers = list(net.get_parameters()[0].output(0).get_target_inputs())
        consumers.sort(key=lambda c: rank[c.get_node().get_friendly_name()])
        styles = []
        for i, consumer in enumerate(consumers):
            style = ops.parameter([1, LATENT], np.float32, name=f"style{i}")
            style.output(0).get_tensor().set_names({f"style{i}"})
            consumer.replace_source_output(style.output(0))
            styles.append(style)
        model = ov.Model(net.get_results(), styles, "synthesis")
        self._synthesis = core.compile_model(model, "CPU")
        self.layers = len(styles)

    def latent(self, noise: NDArray[np.floating]) -> Array:
        """Map normal noise [1, 512] to a latent [512]."""
        return np.asarray(self._mapping(noise.astype(np.float32))[0][0], np.float64)

    def mean_latent(self, draws: int = 4096, seed: int = 1) -> Array:
        """Mean of `draws` mapped latents, the centre of truncation [512]."""
        rng = np.random.default_rng(seed)
        total = np.zeros(LATENT)
        for _ in range(draws):
            total += self.latent(rng.normal(size=(1, LATENT)))
        return total / draws

    def render(self, styles: Array) -> Image:
        """Draw one face, RGB uint8 [1024, 1024, 3], from styles [24, 512] or one latent [512]."""
        rows = np.broadcast_to(styles, (self.layers, LATENT)).astype(np.float32)
        feed = {f"style{i}": np.ascontiguousarray(rows[i : i + 1]) for i in range(self.layers)}
        x = self._synthesis(feed)[0][0]
        return np.ascontiguousarray(
            ((np.clip(x, -1, 1) + 1) * 127.5 + 0.5).astype(np.uint8).transpose(1, 2, 0)
        )


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face.

    Attributes:
        points: float64 [478, 3] landmarks in pixels of the picture given.
        scores: float64 [52] ARKit scores in MediaPipe's order.
        pose: float64 [3] yaw, pitch, roll in degrees.
    """

    points: Array
    scores: Array
    pose: Array


class Landmarker:
    """MediaPipe FaceLandmarker on still pictures."""

    def __init__(self, task: Path) -> None:
        """Load `face_landmarker.task`."""
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(task)),
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._net = vision.FaceLandmarker.create_from_options(options)
        self.names: list[str] = []

    def __call__(self, image: Image) -> Face | None:
        """Landmarks of the one face in `image` (RGB, any size), or None when none is seen."""
        h, w = image.shape[:2]
        small = cv2.resize(image, (512, 512 * h // w), interpolation=cv2.INTER_AREA)
        found = self._net.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=small))
        if not found.face_landmarks:
            return None
        points = np.array([[p.x * w, p.y * h, p.z * w] for p in found.face_landmarks[0]])
        self.names = [c.category_name for c in found.face_blendshapes[0]]
        scores = np.array([c.score for c in found.face_blendshapes[0]])
        return Face(points, scores, euler(np.array(found.facial_transformation_matrixes[0])))


def euler(matrix: Array) -> Array:
    """Yaw, pitch, roll in degrees of MediaPipe's 4x4 face matrix."""
    r = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    yaw = np.arctan2(r[0, 2], r[2, 2])
    return np.degrees([yaw, np.arcsin(-r[1, 2]), np.arctan2(r[1, 0], r[1, 1])])


def eye_distance(points: Array) -> float:
    """Distance between the outer eye corners (the unit io) of landmarks [478, 2+]."""
    return float(np.linalg.norm(points[33, :2] - points[263, :2]))


def similarity(source: Array, target: Array) -> Array:
    """Least-squares similarity [2, 3] that takes points `source` [n, 2] to `target` [n, 2]."""
    a, b = source.mean(0), target.mean(0)
    c, d = (source - a) @ [1, 1j], (target - b) @ [1, 1j]
    k = (c.conj() * d).sum() / (np.abs(c) ** 2).sum()
    m = np.array([[k.real, -k.imag], [k.imag, k.real]])
    return np.hstack([m, (b - m @ a)[:, None]])
