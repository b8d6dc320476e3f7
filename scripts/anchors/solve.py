"""Find latents of one person that show a wanted mouth, lid, brow, gaze or head position.

Method: directions from a ridge regression of measured faces on their latents, put on the 8x8, 16x16
and 32x32 layers separately; a measured Jacobian at the person; then damped least squares with
Broyden updates of that Jacobian.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gan import Array, Face, Generator, Image, Landmarker, eye_distance
from measure import GEOMETRY, SCORES, Gauge, geometry, scores

# Style consumers of each resolution.
BLOCKS = {"4": (22, 23), "8": (19, 20, 21), "16": (16, 17, 18), "32": (13, 14, 15)}
RANK = 200
PROBE = 1.6
MAX_STEP = 3.0
DAMPING = 0.004
EPSILON = 1e-9


def directions(samples: Path) -> dict[str, Array]:
    """Unit latent direction [512] of every geometry number, score, and yaw and pitch.

    All but yaw and pitch are made orthogonal to pose and face size.
    """
    with np.load(samples) as z:
        latents, points, pose = z["latents"], z["points"], z["pose"]
        named = np.sqrt(np.maximum(scores(z["scores"], list(z["names"])), 0))
    geo = np.array([geometry(p) for p in points])
    size = np.array([[eye_distance(p)] for p in points])
    y = np.hstack([geo, named, pose, size])
    y = (y - y.mean(0)) / y.std(0)
    u, s, vt = np.linalg.svd(latents - latents.mean(0), full_matrices=False)
    k = min(RANK, len(latents) // 3)
    gain = s[:k] / (s[:k] ** 2 + 3 * s[k - 1] ** 2)
    fit = vt[:k].T @ (gain[:, None] * (u[:, :k].T @ y))
    q, _ = np.linalg.qr(fit[:, -4:])
    free = fit[:, :-4] - q @ (q.T @ fit[:, :-4])
    table = dict(zip(GEOMETRY + SCORES, free.T, strict=True))
    table["yaw"], table["pitch"] = fit[:, -4], fit[:, -3]
    return {name: d / np.linalg.norm(d) for name, d in table.items()}


@dataclass(frozen=True, slots=True)
class Shape:
    """One solved picture of the person.

    Attributes:
        name: What it shows.
        code: Coefficients of the basis.
        styles: float64 [24, 512].
        image: RGB uint8 [1024, 1024, 3] as the network drew it.
        face: Landmarks, scores and pose of `image`.
        cost: Weighted squared residual of the solve.
        renders: Pictures drawn to find it.
    """

    name: str
    code: Array
    styles: Array
    image: Image
    face: Face
    cost: float
    renders: int


@dataclass(frozen=True, slots=True)
class Goal:
    """A wanted picture: absolute targets by measure name, with weights."""

    name: str
    targets: dict[str, tuple[float, float]]
    free: tuple[str, ...] = ()
    renders: int = 5
    norm: float = 7.0


def draw(generator: Generator, landmarker: Landmarker, styles: Array, name: str = "base") -> Shape:
    """The picture of given styles [24, 512], unsolved."""
    image = generator.render(styles)
    face = landmarker(image)
    if face is None:
        raise RuntimeError(f"{name}: no face in the picture")
    return Shape(name, np.zeros(0), styles, image, face, 0.0, 1)


class Solver:
    """Solves goals around one reference latent with one basis and its Jacobian."""

    def __init__(
        self,
        generator: Generator,
        landmarker: Landmarker,
        reference: Shape,
        basis: list[tuple[Array, tuple[int, ...]]],
        free: tuple[str, ...],
        hold: dict[str, float],
        origin: Array | None = None,
    ) -> None:
        """Measure the Jacobian.

        Args:
            generator: The network.
            landmarker: Finds the face.
            reference: The picture whose measures are held.
            basis: (direction [512], style consumers) pairs.
            free: Parts of the face that may change (see `Gauge`).
            hold: Weight with which each measure is asked to stay, by name or by part.
            origin: Styles [24, 512] at which the Jacobian is measured and codes are zero; the
                reference's own when None. A closed mouth is a bad origin for lip shapes: no small
                step parts the lips.
        """
        self._generator = generator
        self._basis = basis
        self._origin = reference.styles if origin is None else origin
        self.reference = reference
        self.gauge = Gauge(landmarker, reference.face, free)
        measured = self.gauge(reference.image)
        start = self._measure(np.zeros(len(basis)))
        if measured is None or start is None:
            raise RuntimeError("no face in the reference picture")
        self.value = measured[0]
        self.weight = np.zeros(len(self.value))
        for name, weight in hold.items():
            part = self.gauge.parts.get(name)
            self.weight[part if part is not None else self.gauge.index(name)] = weight
        columns = []
        for j in range(len(basis)):
            probe = self._measure(PROBE * np.eye(len(basis))[j])
            column = np.zeros(len(self.value)) if probe is None else probe[0] - start[0]
            columns.append(column / PROBE)
        self.jacobian = np.array(columns).T

    def at(self, code: Array) -> Array:
        """Styles [24, 512] of basis coefficients."""
        styles = self._origin.copy()
        for c, (direction, layers) in zip(code, self._basis, strict=True):
            styles[list(layers)] += c * direction
        return styles

    def _measure(self, code: Array) -> tuple[Array, Face, Image] | None:
        image = self._generator.render(self.at(code))
        measured = self.gauge(image)
        return None if measured is None else (*measured, image)

    def solve(self, goal: Goal, start: Shape | None = None) -> Shape:
        """Solve one goal, from the reference or from a neighbour's shape."""
        target, weight = self.value.copy(), self.weight.copy()
        for name, (want, w) in goal.targets.items():
            i = self.gauge.index(name)
            target[i], weight[i] = want, w
        jac = self.jacobian.copy()
        code = np.zeros(len(self._basis)) if start is None else start.code.copy()
        first = self._measure(code)
        if first is None:
            raise RuntimeError(f"{goal.name}: no face at the start")
        value, face, image = first

        def cost(v: Array, c: Array) -> float:
            return float((((target - v) * weight) ** 2).sum() + DAMPING * c @ c)

        best = (cost(value, code), code, image, face)
        limit = MAX_STEP
        for _ in range(goal.renders):
            weighted = jac * weight[:, None]
            lhs = weighted.T @ weighted + DAMPING * np.eye(len(code))
            step = np.linalg.solve(lhs, weighted.T @ ((target - value) * weight) - DAMPING * code)
            step *= min(1.0, limit / np.linalg.norm(step))
            after = code + step
            after *= min(1.0, goal.norm / np.linalg.norm(after))
            step = after - code
            found = self._measure(after)
            if found is None:
                limit /= 2
                continue
            moved = found[0] - value
            jac += 0.7 * np.outer(moved - jac @ step, step) / (step @ step + EPSILON)
            code, (value, face, image) = after, found
            now = cost(value, code)
            if now < best[0]:
                best = (now, code, image, face)
            else:
                limit /= 2
        return Shape(
            goal.name, best[1], self.at(best[1]), best[2], best[3], best[0], goal.renders + 1
        )
