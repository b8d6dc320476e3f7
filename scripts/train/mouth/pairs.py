"""Pairs for the mouth network: what it is given, and the picture it should draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digital_human.face.build.pack import face_triangles
from digital_human.face.mesh import Box, PiecewiseWarp, part_mesh, sample
from digital_human.face.renderers import neural_inputs as inputs

Array = NDArray[Any]
# Opening of a reference picture, io, and its width against the resting mouth.
OPEN, USUAL = (0.09, 0.22), (0.88, 1.14)
REFERENCES = 2  # open pictures used as reference with each shape
STEP = 2
# Augmentation.
TURN, SIZE, SHIFT = 4.0, 0.08, 6.0  # degrees, factor, pixels
GAIN, GAMMA, MISMATCH = 0.22, 0.25, 0.035
SOFT = 0.3  # share of pictures that are blurred as pictures of small faces are
# Red, green or blue, of each channel of inputs and target.
_COLOUR = [*(c % 3 for c in range(inputs.PICTURES)), *[0] * inputs.MASKS, 0, 1, 2]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Inputs and targets with a margin around the region.

    Attributes:
        layers: uint8 [n, h, w, PICTURES + MASKS].
        targets: uint8 [n, h, w, 3].
        numbers: float32 [n, NUMBERS].
        gates: float32 [n].
    """

    layers: Array
    targets: Array
    numbers: Array
    gates: Array

    def __len__(self) -> int:
        return len(self.gates)

    @staticmethod
    def join(parts: list[Pairs]) -> Pairs:
        """All pairs of several people."""
        names = ("layers", "targets", "numbers", "gates")
        return Pairs(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def person_pairs(path: Path, itself: bool = True) -> Pairs | None:
    """The pairs of one file of `data.py`; None when no picture is fit as the open reference.

    Args:
        path: The file.
        itself: Also give each reference as its own target, which teaches that the person's teeth
            are kept; to measure with, such pairs are too easy.
    """
    with np.load(path) as z:
        images, points = z["images"], z["points"]
    height, width = images.shape[1:3]
    box = Box(0, 0, width // STEP * STEP, height // STEP * STEP)
    rest = points[0]
    spacing = 0.25 * inputs.SCALE
    triangles, border = part_mesh(rest, face_triangles(), box, spacing)
    warp = PiecewiseWarp(triangles, box, STEP, np.concatenate([rest, border]))
    gaps = np.linalg.norm(points[:, 13] - points[:, 14], axis=1) / inputs.SCALE
    widths = np.linalg.norm(points[:, 61] - points[:, 291], axis=1)
    usual = widths / widths[0]
    fit = (gaps > OPEN[0]) & (gaps < OPEN[1]) & (usual > USUAL[0]) & (usual < USUAL[1])
    if not fit.any():
        return None
    order = np.flatnonzero(fit)
    order = order[np.argsort(np.abs(gaps[order] - 0.15) + 0.3 * np.abs(usual[order] - 1))]
    rows: list[tuple[Array, Array, Array, float]] = []
    for k in range(len(images)):
        warp.locate(np.concatenate([points[k], border]))
        plain = sample(images[0], warp.map_from(np.concatenate([rest, border])))
        own = order[order == k] if itself else []
        for r in [*own, *[r for r in order if r != k][:REFERENCES]]:
            reference = inputs.Reference.of(images[r], points[r], rest)
            source = np.concatenate([points[r], border])
            opened = sample(images[r], warp.map_from(source))
            layers = inputs.pack(reference, plain, opened, points[k])
            numbers = inputs.numbers(reference, points[k])
            rows.append((layers, images[k], numbers, inputs.gate(reference, points[k])))
    if not rows:
        return None
    layers, targets, numbers, gates = zip(*rows, strict=True)
    return Pairs(np.stack(layers), np.stack(targets), np.stack(numbers), np.float32(gates))


def centre(x: Tensor) -> Tensor:
    """The region [n, c, HEIGHT, WIDTH] of pictures with a margin."""
    top, left = (x.shape[2] - inputs.HEIGHT) // 2, (x.shape[3] - inputs.WIDTH) // 2
    return x[:, :, top : top + inputs.HEIGHT, left : left + inputs.WIDTH]


def as_batch(pairs: Pairs, rows: Array) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Layers and targets 0…255 [n, c, h, w] with their margin, numbers and gates."""
    layers = torch.from_numpy(pairs.layers[rows]).permute(0, 3, 1, 2).float()
    targets = torch.from_numpy(pairs.targets[rows]).permute(0, 3, 1, 2).float()
    numbers, gates = (torch.from_numpy(a[rows]) for a in (pairs.numbers, pairs.gates))
    return layers, targets, numbers, gates


def augmented(
    pairs: Pairs, rows: Array, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A batch of regions, turned, mirrored, resized, recoloured; a pair's pictures all alike."""
    stacks, sizes = [], []
    for row in rows:
        size = 1 + rng.uniform(-SIZE, SIZE)
        stack = np.dstack([pairs.layers[row], pairs.targets[row]])
        stacks.append(_recoloured(_placed(stack, size, rng), rng))
        sizes.append(size)
    both = torch.from_numpy(np.stack(stacks)).permute(0, 3, 1, 2).float()
    numbers = pairs.numbers[rows] * np.float32(sizes)[:, None]
    channels = pairs.layers.shape[3]
    gates = torch.from_numpy(pairs.gates[rows])
    return both[:, :channels], both[:, channels:], torch.from_numpy(numbers), gates


def _placed(stack: Array, size: float, rng: np.random.Generator) -> Array:
    """The region of ``stack`` [h, w, c], turned, mirrored, resized, moved, perhaps blurred."""
    height, width = stack.shape[:2]
    middle = (np.array([width, height]) - 1) / 2
    turn = cv2.getRotationMatrix2D((0, 0), rng.uniform(-TURN, TURN), size)[:, :2]
    turn[:, 0] *= rng.choice([-1.0, 1.0])
    region = (np.array([inputs.WIDTH, inputs.HEIGHT]) - 1) / 2
    shift = region + rng.uniform(-SHIFT, SHIFT, 2) - turn @ middle
    matrix = np.column_stack([turn, shift])
    sigma = rng.uniform(0.5, 1.6) if rng.random() < SOFT else 0.0
    parts = []
    for first in range(0, stack.shape[2], 4):
        part = np.ascontiguousarray(stack[..., first : first + 4])
        part = cv2.warpAffine(part, matrix, (inputs.WIDTH, inputs.HEIGHT), flags=cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        if sigma:
            part = cv2.GaussianBlur(part, (0, 0), sigma)
        parts.append(part.reshape(inputs.HEIGHT, inputs.WIDTH, -1))
    return np.concatenate(parts, axis=2)


def _recoloured(stack: Array, rng: np.random.Generator) -> Array:
    """Other light and skin; the open mouth's colours a little off those of the face at rest."""
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
    gain = 1 + rng.uniform(-GAIN, GAIN) + rng.normal(0, 0.05, 3)
    off = gain * (1 + rng.uniform(-MISMATCH, MISMATCH, 3))
    curve = 255 * (np.arange(256) / 255) ** gamma
    masks = range(inputs.PICTURES, inputs.PICTURES + inputs.MASKS)
    for c in range(stack.shape[2]):
        if c not in masks:
            factor = (off if 3 <= c < inputs.PICTURES else gain)[_COLOUR[c]]
            table = np.clip(factor * curve + 0.5, 0, 255).astype(np.uint8)
            stack[..., c] = table[stack[..., c]]
    return stack
