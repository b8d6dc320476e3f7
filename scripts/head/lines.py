"""Where lips, lids and brows of the shaped mesh are."""

from __future__ import annotations

import numpy as np
from body import Body
from scipy.interpolate import LinearNDInterpolator
from source import Floats, Ints

# Brow from its inner to its outer end: x from the middle and y over the eyes, io.
_BROW = ((0.160, 0.165), (0.260, 0.222), (0.380, 0.258), (0.500, 0.255), (0.615, 0.180))


def edge_loop(faces: Ints, start: int, second: int, limit: int = 400) -> list[int]:
    """Vertices of the edge loop through two neighbours, as far as the quads are regular."""
    beside: dict[int, set[int]] = {}
    at: dict[int, list[set[int]]] = {}
    for face in faces:
        corners = [int(i) for i in face]
        for i, corner in enumerate(corners):
            beside.setdefault(corner, set()).update((corners[i - 1], corners[(i + 1) % 4]))
            at.setdefault(corner, []).append(set(corners))
    loop = [start, second]
    while len(loop) < limit:
        before, here = loop[-2], loop[-1]
        across = [
            n for n in beside[here]
            if n != before and not any({before, n} <= face for face in at[here])
        ]  # fmt: skip
        if len(across) != 1 or across[0] == start:
            break
        loop.append(across[0])
    return loop


def lip_lines(body: Body, upper: int, outline: int) -> tuple[Floats, Floats]:
    """Closed outline of the lips [n, 3] and the line at which they meet [m, 3].

    Args:
        body: The mesh.
        upper: Vertex of the upper lip's edge in the middle.
        outline: Vertex in the middle of the upper outline.
    """
    faces, _ = body.source.groups["body"]
    v = body.vertices

    def loop(start: int) -> list[int]:
        near = {int(i) for face in faces[(faces == start).any(axis=1)] for i in face} - {start}
        second = max(near, key=lambda i: v[i, 0] - 3 * abs(v[i, 1] - v[start, 1]))
        return edge_loop(faces, start, second)

    around = v[loop(outline)]
    inner = v[loop(upper)]
    corner = int(np.argmax(inner[:, 0]))
    half = inner[: corner + 1]
    mirrored = (half * (-1, 1, 1))[:0:-1]
    return around, np.concatenate([mirrored, half])


def lid_line(body: Body, side: str, strip: int) -> Floats:
    """Roots of a strip of lashes, from the inner to the outer corner of the eye [n, 3]."""
    helper = body.vertices[np.unique(body.source.groups[f"helper-{side}-eye"][0])]
    centre = (helper.min(0) + helper.max(0)) / 2
    lashes = body.vertices[np.unique(body.source.groups[f"helper-{side}-eyelashes-{strip}"][0])]
    away = np.linalg.norm(lashes - centre, axis=1)
    x = np.abs(lashes[:, 0])
    edges = np.linspace(x.min(), x.max() - 0.045, 11)
    out = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = np.flatnonzero((x >= low) & (x <= high))
        if len(inside):
            out.append(lashes[inside[np.argmin(away[inside])]])
    return np.array(out)


def brow_line(body: Body, sign: int) -> Floats:
    """Middle of a brow on the skin, inner to outer end [n, 3]."""
    v = body.vertices[np.unique(body.source.groups["body"][0])]
    front = v[(v[:, 2] > -0.6) & (v[:, 1] > -0.2) & (v[:, 1] < 0.7)]
    depth = LinearNDInterpolator(front[:, :2], front[:, 2])
    points = np.array(_BROW) * (sign, 1)
    return np.column_stack([points, depth(points)])
