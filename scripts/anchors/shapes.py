"""The pictures made of one person: neutral base, mouth grid, expressions, gaze, head turns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from align import onto_base
from gan import Array, Face, Generator, Image, Landmarker, eye_distance
from measure import GEOMETRY, geometry
from solve import BLOCKS, Goal, Shape, Solver, draw

Table = dict[str, Array]
# Lip gap in outer-eye distances, and mouth width relative to the neutral mouth.
GAPS = (0.0, 0.04, 0.08, 0.13, 0.18, 0.24)
WIDTHS = (0.78, 0.90, 1.0, 1.12)
# Chin drop per lip gap.
JAW = 0.62
CLOSED = 0.0
SEAM = 0.45
SHUT = 0.015
UPPER_INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
LOWER_INNER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
AJAR = 0.05

MOUTH = (
    "gap", "width", "upper", "lower", "chin", "corner", "tilt", "shift", "jawOpen", "mouthPucker",
    "mouthFunnel", "mouthSmile", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPress",
)  # fmt: skip
EYES = (
    "eye_right", "eye_left", "brow_in", "brow_out", "gaze_x", "gaze_y", "browInnerUp", "browDown",
    "eyeSquint", "cheekSquint", "mouthSmile", "width",
)  # fmt: skip
POSE = ("yaw", "pitch")
HOLD_MOUTH = {
    "gap": 12, "width": 12, "upper": 3, "lower": 3, "chin": 12, "corner": 4, "tilt": 14,
    "shift": 14, "eye_right": 6, "eye_left": 6, "brow_in": 4, "brow_out": 4, "gaze_x": 4,
    "gaze_y": 4, "stable": 1.2, "pose": 1.5, "skin": 0.12,
}  # fmt: skip
HOLD_EYES = {
    "gap": 8, "width": 8, "upper": 3, "lower": 3, "chin": 6, "corner": 8, "tilt": 6, "shift": 6,
    "eye_right": 8, "eye_left": 8, "brow_in": 8, "brow_out": 6, "gaze_x": 10, "gaze_y": 10,
    "mouthSmile": 0.8, "cheekSquint": 0.5, "stable": 1.2, "pose": 1.5, "skin": 0.12,
}  # fmt: skip
HOLD_POSE = {
    "gap": 10, "width": 4, "upper": 3, "lower": 3, "chin": 4, "corner": 3, "eye_right": 6,
    "eye_left": 6, "brow_in": 4, "brow_out": 4, "gaze_x": 5, "gaze_y": 5, "mouthSmile": 0.5,
    "stable": 0.1, "pose": 3.0, "skin": 0.03,
}  # fmt: skip


def basis(
    table: Table, names: tuple[str, ...], blocks: tuple[str, ...]
) -> list[tuple[Array, tuple[int, ...]]]:
    """Every named direction on every named resolution."""
    return [(table[name], BLOCKS[block]) for name in names for block in blocks]


def neutral(
    generator: Generator, landmarker: Landmarker, table: Table, styles: Array
) -> tuple[Shape, Shape]:
    """The person facing the camera, not smiling, eyes open and straight: lips ajar, and closed."""
    free = ("mouth", "eyes")
    wide = basis(table, MOUTH, ("8", "16")) + basis(table, POSE, ("4", "8"))
    wide += basis(table, ("gaze_x", "gaze_y", "eye_right", "eye_left"), ("8", "16"))
    drawn = draw(generator, landmarker, styles)
    solver = Solver(generator, landmarker, drawn, wide, free, HOLD_POSE | {"skin": 0.08})
    eyes = ("eye_right", "eye_left")
    level = max(0.085, sum(solver.value[solver.gauge.index(name)] for name in eyes) / 2)
    still = {
        "mouthSmile": (0.0, 1.2), "yaw": (0.0, 4.0), "roll": (0.0, 2.0), "tilt": (0.0, 12.0),
        "shift": (0.0, 10.0), "gaze_x": (0.0, 10.0), "mouthFrown": (0.0, 0.4),
        "cheekSquint": (0.0, 0.3), **dict.fromkeys(eyes, (level, 8.0)),
    }  # fmt: skip
    ajar = solver.solve(Goal("ajar", still | {"gap": (AJAR, 14.0)}, renders=8, norm=9.0))
    chin, width = (geometry(ajar.face.points)[GEOMETRY.index(k)] for k in ("chin", "width"))
    shut = {"gap": (0.0, 30.0), "chin": (chin - JAW * AJAR, 8.0), "width": (width, 8.0)}
    base = solver.solve(Goal("base", still | shut, renders=8, norm=9.0), ajar)
    return base, ajar


def mouth_grid(solver: Solver) -> dict[tuple[int, int], Shape]:
    """Every cell of GAPS x WIDTHS, each solved from the neighbour with the smaller gap."""
    value = solver.value
    width, chin = value[solver.gauge.index("width")], value[solver.gauge.index("chin")]
    lower = value[solver.gauge.index("lower")]
    upper = value[solver.gauge.index("upper")]
    n = solver.jacobian.shape[1]
    cells: dict[tuple[int, int], Shape] = {}
    order = sorted(range(len(WIDTHS)), key=lambda j: abs(WIDTHS[j] - 1))
    for j in order:
        for i, gap in enumerate(GAPS):
            if i == 0 and WIDTHS[j] == 1.0:
                cells[i, j] = solver.reference
                continue
            near = [
                cells[c]
                for c in ((i - 1, j), (i, j - 1), (i, j + 1))
                if len(cells.get(c, solver.reference).code) == n
            ]
            round_ = max(0.0, 1 - WIDTHS[j])
            targets = {
                "gap": (max(gap, CLOSED), 14.0), "width": (width * WIDTHS[j], 12.0),
                "chin": (chin + JAW * gap, 10.0), "mouthSmile": (0.03, 0.8),
                "upper": (upper * (1 - 0.8 * gap), 5.0), "lower": (lower * (1 - 0.8 * gap), 5.0),
            }  # fmt: skip
            if round_ > 0.15:
                targets["mouthFunnel"] = (min(0.5, 2 * round_), 0.4)
            name = f"g{i}w{j}"
            cells[i, j] = solver.solve(Goal(name, targets, renders=4), near[0] if near else None)
            report(cells[i, j], solver)
    return cells


def report(shape: Shape, solver: Solver) -> None:
    """Print the residual of a shape."""
    geo = geometry(shape.face.points)
    ratio = geo[1] / solver.value[solver.gauge.index("width")]
    print(
        f"  {shape.name:10s} cost {shape.cost:.3f} gap {geo[0]:.3f} width {ratio:.2f}"
        f" yaw {shape.face.pose[0]:+.1f} pitch {shape.face.pose[1]:+.1f}",
        flush=True,
    )


def mouth_expressions(solver: Solver) -> list[Shape]:
    """Pressed lips and a closed-lip smile."""
    v = {
        name: solver.value[solver.gauge.index(name)]
        for name in ("width", "chin", "corner", "upper", "lower")
    }
    press = {
        "gap": (0.0, 14.0), "mouthPress": (0.5, 0.8), "upper": (v["upper"] * 0.7, 8.0),
        "lower": (v["lower"] * 0.75, 8.0), "mouthSmile": (0.03, 0.8),
    }  # fmt: skip
    smile = {
        "gap": (CLOSED, 14.0), "mouthSmile": (0.6, 1.2), "corner": (v["corner"] - 0.05, 10.0),
        "width": (v["width"] * 1.12, 8.0),
    }  # fmt: skip
    found = [solver.solve(Goal("press", press)), solver.solve(Goal("smile", smile))]
    for shape in found:
        report(shape, solver)
    return found


def eye_shapes(solver: Solver) -> list[Shape]:
    """Closed eyes, brows up and down, gaze to four sides."""
    names = ("eye_right", "eye_left", "brow_in", "brow_out", "gaze_x", "gaze_y")
    v = {name: solver.value[solver.gauge.index(name)] for name in names}

    def lids(factor: float) -> dict[str, tuple[float, float]]:
        return {name: (v[name] * factor, 12.0) for name in ("eye_right", "eye_left")}

    def brows(inner: float, outer: float) -> dict[str, tuple[float, float]]:
        return {"brow_in": (v["brow_in"] + inner, 14), "brow_out": (v["brow_out"] + outer, 12)}

    free = {"gaze_x": (0.0, 0.0), "gaze_y": (0.0, 0.0)}
    goals = [
        Goal("blink", lids(0.0) | free | {"eyeSquint": (0.3, 0.1)}, renders=11),
        Goal("brow_up", brows(0.045, 0.045) | lids(1.08)),
        Goal("brow_down", brows(-0.04, -0.025) | lids(0.92)),
        Goal("gaze_left", {"gaze_x": (v["gaze_x"] + 0.028, 25)}),
        Goal("gaze_right", {"gaze_x": (v["gaze_x"] - 0.028, 25)}),
        Goal("gaze_up", {"gaze_y": (v["gaze_y"] - 0.018, 25), **lids(1.1)}),
        Goal("gaze_down", {"gaze_y": (v["gaze_y"] + 0.018, 25), **lids(0.75)}),
    ]  # fmt: skip
    found = [solver.solve(goal) for goal in goals]
    for shape in found:
        report(shape, solver)
    return found


def head_turns(solver: Solver) -> list[Shape]:
    """The head turned about 7 degrees to each side and 5 degrees up and down."""
    yaw, pitch = solver.reference.face.pose[:2] / 20
    goals = [
        Goal("yaw_left", {"yaw": (yaw + 0.35, 8)}),
        Goal("yaw_right", {"yaw": (yaw - 0.35, 8)}),
        Goal("pitch_up", {"pitch": (pitch + 0.25, 8)}),
        Goal("pitch_down", {"pitch": (pitch - 0.25, 8)}),
    ]
    found = [solver.solve(goal) for goal in goals]
    for shape in found:
        report(shape, solver)
    return found


def seam(image: Image, points: Array) -> Image:
    """Darken the line where closed lips meet: the network draws it bright."""
    upper, lower = points[UPPER_INNER], points[LOWER_INNER]
    line = np.round((upper + lower) / 2 * 16).astype(np.int32)
    width = float(np.linalg.norm(points[61] - points[291]))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.polylines(mask, [line[1:-1]], False, 255, 2, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.008 * width)
    soft += cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.022 * width)
    dark = 1 - SEAM * soft / soft.max()
    return np.round(image * dark[..., None]).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Bank:
    """Aligned pictures of one person.

    Attributes:
        names: One name per picture; the first is "base".
        images: uint8 [S, 1024, 1024, 3].
        landmarks: float32 [S, 478, 2] pixels in the frame of the base.
        params: float32 [S, 2]: lip gap in outer-eye distances, mouth width over neutral width.
    """

    names: list[str]
    images: Image
    landmarks: Array
    params: Array


def aligned(base: Shape, shapes: list[tuple[Shape, str]]) -> Bank:
    """Bring all shapes (with the part that changes) onto the base."""
    names, marks = ["base"], [base.face.points[:, :2]]
    images = [seam(base.image, marks[0])]
    face: Face = base.face
    for shape, part in shapes:
        image, points = onto_base(shape.image, shape.face, base.image, face, part)
        if np.linalg.norm(points[13] - points[14]) < SHUT * eye_distance(face.points):
            image = seam(image, points)
        names.append(shape.name)
        images.append(image)
        marks.append(points)
    io = eye_distance(face.points)
    width = np.linalg.norm(marks[0][61] - marks[0][291])
    params = [
        (np.linalg.norm(m[13] - m[14]) / io, np.linalg.norm(m[61] - m[291]) / width) for m in marks
    ]
    return Bank(
        names, np.stack(images), np.asarray(marks, np.float32), np.asarray(params, np.float32)
    )
