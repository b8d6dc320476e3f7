"""The person's shape: macro and detail targets, arms lowered, scaled to outer-eye distances."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from source import Floats, Ints, Source, compact, subdivide

from digital_human.face.build.head_marks import EyePlace, find_eye
from digital_human.face.motion import ARKIT

_TARGETS = "mpfb2/targets/"
_EASE = 0.10  # share of a blink in the face at rest
_ARM = 46.0  # degrees by which the arms are lowered from the base mesh's pose


@dataclass
class Body:
    """The whole shaped mesh in io, origin between the eyes.

    Attributes:
        source: The base mesh's topology.
        vertices: [n, 3].
        targets: ARKit name → displacement [n, 3].
        eyes: Right and left eye.
        unit: io per decimetre.
    """

    source: Source
    vertices: Floats
    targets: dict[str, Floats]
    eyes: tuple[EyePlace, EyePlace]
    unit: float


@dataclass
class Patch:
    """A part of the body with its own vertex numbers.

    Attributes:
        vertices: [n, 3].
        targets: Name → [n, 3].
        faces: [q, 4].
        uv_faces: [q, 4] into ``uv``.
        uv: [u, 2] from the left bottom, as in the source.
    """

    vertices: Floats
    targets: dict[str, Floats]
    faces: Ints
    uv_faces: Ints
    uv: Floats

    def finer(self) -> Patch:
        """Subdivided once."""
        matrix, faces, uv_faces, uv = subdivide(
            self.faces, self.uv_faces, self.uv, len(self.vertices)
        )
        moved = {name: matrix @ target for name, target in self.targets.items()}
        return Patch(matrix @ self.vertices, moved, faces, uv_faces, uv)


def shape_body(source: Source, mixture: Mapping[str, float]) -> Body:
    """Mix targets (path below the targets' folder without suffix → weight) and normalise."""
    vertices = source.vertices.copy()
    for name, weight in mixture.items():
        vertices += weight * source.target(f"{_TARGETS}{name}.target.gz")
    targets = {
        name: source.target(f"faceunits01/targets/faceunits/{name}.target") for name in ARKIT
    }
    vertices = _lower_arms(source, vertices)
    skin = np.unique(source.groups["body"][0])
    # Relaxed: the upper lids cover a little of the iris.
    for side in ("Left", "Right"):
        ease = _EASE * targets["eyeBlink" + side]
        vertices += ease
        targets["eyeBlink" + side] = targets["eyeBlink" + side] - ease
    left = find_eye(vertices, targets["eyeBlinkLeft"], skin)
    right = find_eye(vertices, targets["eyeBlinkRight"], skin)
    distance = float(left.outer[0] - right.outer[0])
    origin = (left.outer + right.outer) / 2
    vertices = (vertices - origin) / distance
    targets = {name: target / distance for name, target in targets.items()}
    eyes = tuple(find_eye(vertices, targets["eyeBlink" + side], skin) for side in ("Right", "Left"))
    return Body(source, vertices, targets, (eyes[0], eyes[1]), 1 / distance)


def _lower_arms(source: Source, vertices: Floats) -> Floats:
    """Turn the arms down about the shoulders with the rig's own weights."""
    path = source.data / "mpfb2/rigs/standard/weights.default.json"
    weights = json.loads(path.read_text("utf-8"))["weights"]
    out = vertices.copy()
    for side, sign in ((".L", 1), (".R", -1)):
        arm = np.zeros(len(vertices))
        shoulder = np.zeros(len(vertices))
        for bone, pairs in weights.items():
            if not bone.endswith(side):
                continue
            below = bone.startswith(("upperarm", "lowerarm", "wrist", "metacarpal", "finger"))
            into = arm if below else shoulder if bone.startswith("shoulder01") else None
            if into is not None:
                for vertex, weight in pairs:
                    into[vertex] += weight
        names = source.groups[f"joint{'-l' if sign > 0 else '-r'}-shoulder"][0]
        joint = vertices[np.unique(names)].mean(0)
        for weight, degrees in ((arm, _ARM), (shoulder, 0.14 * _ARM)):
            angle = -sign * np.radians(degrees) * np.clip(weight, 0, 1)
            dx, dy = (out - joint)[:, 0].copy(), (out - joint)[:, 1].copy()
            out[:, 0] = joint[0] + np.cos(angle) * dx - np.sin(angle) * dy
            out[:, 1] = joint[1] + np.sin(angle) * dx + np.cos(angle) * dy
    return out


def patch(body: Body, group: str, keep: np.ndarray | None = None) -> Patch:
    """The faces of ``group`` all of whose vertices are in ``keep`` (bool [n])."""
    faces, uv_faces = body.source.groups[group]
    if keep is not None:
        inside = keep[faces].all(axis=1)
        faces, uv_faces = faces[inside], uv_faces[inside]
    used, local = compact(faces)
    uv_used, uv_local = compact(uv_faces)
    targets = {name: target[used] for name, target in body.targets.items()}
    return Patch(body.vertices[used], targets, local, uv_local, body.source.uv[uv_used])
