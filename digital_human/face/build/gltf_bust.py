"""Finds the face in a posed glTF scene and cuts the bust out of it, in the bundle's space."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.build.gltf_look import Look
from digital_human.face.build.gltf_names import Bind, Found
from digital_human.face.build.gltf_scene import Piece, Posed
from digital_human.face.build.head_marks import EyePlace, find_eye, find_mouth
from digital_human.face.mesh import IntArray

MOUTH_OPENERS = ("jawOpen", "aa", "E", "O", "I")
"""What can open a mouth, the best first."""
_BOTTOM = 3.9  # io below the eyes where a bust ends at most
_UNDER_SHOULDERS = 1.5  # io
_TOP = 1.2, 3.0  # io above the eyes where a picture begins
_SIDE = 3.4  # io beside the eyes behind which nothing is shown
_HEAD_ROOM = 0.22
_OUTER_OF_JOINTS = 1.45  # distance of the outer eye corners over that of the eyes' middles
_OUTER_OF_MOUTH = 1.8  # and over the width of the mouth
_EYES_OVER_LIPS = 0.75  # io


@dataclass(frozen=True, slots=True)
class Bust:
    """Head and shoulders in the space of `digital_human.face.head_bundle`.

    Attributes:
        positions: float32 [n, 3], io.
        uv: float32 [n, 2], as in the file.
        skull: float32 [n], share in the head's motion, NaN where no bones tell it.
        triangles: int32 [t, 3].
        piece: int32 [t], index of each triangle's `looks` entry.
        looks: Material, and which eye it belongs to (``left``, ``right`` or empty).
        fields: Name → displacement float32 [n, 3], io.
        skin: int32 [s], vertices of the face.
        marks: Name → vertex, see `digital_human.face.head_bundle.MARKS`.
        joints: ``left``, ``right`` → where that eye's joint is.
        top: io above the eyes where the picture begins.
        bottom: io below the eyes where it ends.
    """

    positions: FloatArray
    uv: FloatArray
    skull: FloatArray
    triangles: IntArray
    piece: IntArray
    looks: tuple[tuple[Look, str], ...]
    fields: dict[str, FloatArray]
    skin: IntArray
    marks: dict[str, int]
    joints: dict[str, FloatArray]
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class _Cloud:
    """All vertices of a scene in one list."""

    positions: FloatArray
    triangles: IntArray
    piece: IntArray
    firsts: IntArray
    fields: dict[str, FloatArray]


def cut_bust(file: GltfFile, posed: Posed, found: Found) -> Bust:
    """Find the face by what its targets move, and take head and shoulders.

    Raises:
        InputError: There are no targets, none opens a mouth, or no face is found.
    """
    cloud = _gather(posed.pieces, found)
    opener = _opener(file, posed, cloud)
    skin = _face(cloud, cloud.fields[opener])
    turn = _facing(file, cloud, skin)
    points = (cloud.positions @ turn.T).astype(np.float32)
    fields = {name: (own @ turn.T).astype(np.float32) for name, own in cloud.fields.items()}
    middle = _centre(points, fields[opener], skin)
    points -= middle  # the eyes now lie on both sides of 0
    joints = {side: (turn @ at - middle).astype(np.float32) for side, at in posed.eyes.items()}
    origin, io, eyes = _eyes(file, points, fields, skin, joints, opener)
    points = ((points - origin) / io).astype(np.float32)
    fields = {name: (own / io).astype(np.float32) for name, own in fields.items()}
    try:
        marks = find_mouth(points, fields[opener], skin)
    except InputError as error:
        raise file.wrong(error.message, error.fix) from error
    marks["chin"] = _chin(points, skin, marks)
    for side, eye in eyes.items():
        marks[f"lid_upper_{side}"], marks[f"lid_lower_{side}"] = eye.upper, eye.lower
    for side, x in (("right", -0.32), ("left", 0.32)):
        if side not in eyes:
            near = int(skin[np.argmin(np.linalg.norm(points[skin] - (x, 0, 0), axis=1))])
            marks[f"lid_upper_{side}"] = marks[f"lid_lower_{side}"] = near
    joints = {side: ((at - origin) / io).astype(np.float32) for side, at in joints.items()}
    bottom = _BOTTOM
    if posed.shoulders is not None:
        below = float(origin[1] + middle[1] - posed.shoulders) / io
        bottom = float(np.clip(below + _UNDER_SHOULDERS, 2.0, _BOTTOM))
    return _cropped(file, posed, cloud, points, fields, skin, marks, joints, bottom)


def _opener(file: GltfFile, posed: Posed, cloud: _Cloud) -> str:
    if not any(piece.morphs for piece in posed.pieces):
        raise file.wrong(
            "has no morph targets, so its face cannot move",
            "export it with shape keys: ARKit's 52 names, Oculus visemes or VRM expressions",
        )
    known = [name for name in MOUTH_OPENERS if name in cloud.fields]
    if not known:
        listed = sorted({name for names in posed.names.values() for name in names})
        raise file.wrong(
            f"no target opens the mouth: has {', '.join(listed[:8]) or 'targets without names'}",
            "name one jawOpen, or give Oculus visemes (viseme_aa) or VRM expressions (aa, A)",
        )
    return known[0]


def _gather(pieces: list[Piece], found: Found) -> _Cloud:
    firsts = np.cumsum([0, *(len(p.positions) for p in pieces)])
    fields: dict[str, FloatArray] = {}
    for name, binds in found.items():
        total = np.zeros((firsts[-1], 3), np.float32)
        of_mesh: dict[int, list[Bind]] = {}
        for bind in binds:
            of_mesh.setdefault(bind.mesh, []).append(bind)
        for first, piece in zip(firsts, pieces, strict=False):
            for bind in of_mesh.get(piece.mesh, ()):
                own = piece.morphs[bind.target] if bind.target < len(piece.morphs) else None
                if own is not None:
                    total[first : first + len(own)] += np.float32(bind.weight) * own
        if total.any():
            fields[name] = total
    return _Cloud(
        positions=np.concatenate([p.positions for p in pieces]),
        triangles=np.concatenate(
            [p.triangles + int(first) for p, first in zip(pieces, firsts, strict=False)]
        ).astype(np.int32),
        piece=np.repeat(np.arange(len(pieces)), [len(p.triangles) for p in pieces]).astype(
            np.int32
        ),
        firsts=firsts.astype(np.int32),
        fields=fields,
    )


def _face(cloud: _Cloud, opening: FloatArray) -> IntArray:
    """Vertices of the largest surface that an opening mouth moves: not teeth, lashes or tongue."""
    p = cloud.positions
    moved = np.linalg.norm(opening, axis=1)
    moves = moved > 0.03 * float(moved.max())
    reach = max(float(np.ptp(p[moves], axis=0).max()), 1e-9)
    _, weld = np.unique(np.round(p / (reach * 1e-4)).astype(np.int64), axis=0, return_inverse=True)
    weld = weld.reshape(-1)
    corners = weld[cloud.triangles]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    count = int(weld.max()) + 1
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    _, label = connected_components(graph, directed=False)
    label = label[weld]
    own = label[moves]
    order = np.argsort(own, kind="stable")
    labels, starts = np.unique(own[order], return_index=True)
    sorted_ = p[moves][order]
    extents = np.maximum.reduceat(sorted_, starts) - np.minimum.reduceat(sorted_, starts)
    areas = np.prod(np.sort(extents, axis=1)[:, 1:], axis=1)
    return np.flatnonzero(label == labels[np.argmax(areas)]).astype(np.int32)


def _facing(file: GltfFile, cloud: _Cloud, skin: IntArray) -> FloatArray:
    """The rotation that turns the face to +z: by where its left and right eyelid are, else by the
    standard that the file follows (VRM 0 looks to −z)."""
    left, right = cloud.fields.get("eyeBlinkLeft"), cloud.fields.get("eyeBlinkRight")
    angle = np.pi if "VRM" in file.document.extensions else 0.0
    if left is not None and right is not None:
        across = _centre(cloud.positions, left, skin) - _centre(cloud.positions, right, skin)
        if np.hypot(across[0], across[2]) > 1e-6:
            exact = np.arctan2(across[2], across[0])
            angle = np.round(exact / (np.pi / 2)) * (np.pi / 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)


def _centre(points: FloatArray, field: FloatArray, skin: IntArray) -> FloatArray:
    moved = np.linalg.norm(field[skin], axis=1)
    if moved.max(initial=0) <= 0:
        return np.zeros(3, np.float32)
    return np.asarray(points[skin[moved > 0.5 * moved.max()]].mean(0), np.float32)


def _eyes(
    file: GltfFile,
    points: FloatArray,
    fields: dict[str, FloatArray],
    skin: IntArray,
    joints: dict[str, FloatArray],
    opener: str,
) -> tuple[FloatArray, float, dict[str, EyePlace]]:
    """Midpoint of the outer eye corners, their distance, and what is known of each eye."""
    eyes: dict[str, EyePlace] = {}
    both = fields.get("eyeBlink")
    middle = _centre(points, both, skin)[0] if both is not None else 0.0
    for side, sign in (("left", 1), ("right", -1)):
        blink = fields.get(f"eyeBlink{side.title()}")
        if blink is None and both is not None:
            blink = np.where((points[:, :1] - middle) * sign > 0, both, 0).astype(np.float32)
        if blink is not None and float(-blink[skin, 1].min(initial=0)) > 0:
            with suppress(InputError):  # a blink that moves no lids says nothing
                eyes[side] = find_eye(points, blink, skin)
    origin: npt.NDArray[Any]
    if len(eyes) == 2:
        left, right = eyes["left"].outer, eyes["right"].outer
        io = float(np.linalg.norm(left - right))
        origin = (left + right) / 2
    elif len(joints) == 2:
        eyes = {}
        io = _OUTER_OF_JOINTS * float(np.linalg.norm(joints["left"] - joints["right"]))
        front = points[skin, 2].max()
        origin = (joints["left"] + joints["right"]) / 2
        origin[2] = max(float(origin[2]), float(front) - 0.35 * io)
    else:
        eyes = {}
        origin, io = _by_mouth(points, fields[opener], skin)
    if not io > 1e-6:
        raise file.wrong("its eyes cannot be found", "export it with a blink target or eye bones")
    return origin.astype(np.float32), io, eyes


def _by_mouth(points: FloatArray, opening: FloatArray, skin: IntArray) -> tuple[FloatArray, float]:
    """Where eyes are in a face that has none to be found."""
    moved = np.linalg.norm(opening[skin], axis=1)
    lips = points[skin[moved > 0.5 * moved.max()]]
    io = _OUTER_OF_MOUTH * float(np.ptp(lips[:, 0]))
    origin = np.array(
        [lips[:, 0].mean(), lips[:, 1].max() + _EYES_OVER_LIPS * io, lips[:, 2].max()]
    )
    return origin.astype(np.float32), io


def _chin(points: FloatArray, skin: IntArray, marks: dict[str, int]) -> int:
    """The lowest vertex of the middle of the face that does not lie on the neck yet."""
    lip = points[marks["lip_lower"]]
    p = points[skin]
    below = (
        (np.abs(p[:, 0] - lip[0]) < 0.08) & (p[:, 1] < lip[1] - 0.12) & (p[:, 1] > lip[1] - 0.75)
    )
    front = below & (p[:, 2] > lip[2] - 0.24)
    if not front.any():
        return marks["chin"]
    return int(skin[front][np.argmin(p[front, 1])])


def _cropped(
    file: GltfFile,
    posed: Posed,
    cloud: _Cloud,
    points: FloatArray,
    fields: dict[str, FloatArray],
    skin: IntArray,
    marks: dict[str, int],
    joints: dict[str, FloatArray],
    bottom: float,
) -> Bust:
    """Only what a picture of head and shoulders shows, with all of the face's marks in it."""
    corners = points[cloud.triangles]
    seen = (corners[..., 1].max(axis=1) > -bottom - 0.15) & (
        np.abs(corners[..., 0]).min(axis=1) < _SIDE
    )
    used, local = np.unique(cloud.triangles[seen], return_inverse=True)
    place = np.full(len(points), -1, np.int64)
    place[used] = np.arange(len(used))
    for name, mark in marks.items():
        if place[mark] < 0:
            raise file.wrong(
                f"its {name.replace('_', ' ')} lies outside of head and shoulders",
                "give a model with one upright head of usual proportions",
            )
    kept = points[used]
    low = float(kept[np.abs(kept[:, 0]) < 1.2, 1].min(initial=0.0))
    high = float(kept[np.abs(kept[:, 0]) < 2.0, 1].max(initial=0.0))
    looks: list[tuple[Look, str]] = []
    group = []
    for piece in posed.pieces:
        key = (piece.look, piece.eye)
        if key not in looks:
            looks.append(key)
        group.append(looks.index(key))
    return Bust(
        positions=kept,
        uv=_joined(p.uv for p in posed.pieces)[used],
        skull=_joined(p.skull for p in posed.pieces)[used],
        triangles=local.reshape(-1, 3).astype(np.int32),
        piece=np.array(group, np.int32)[cloud.piece[seen]],
        looks=tuple(looks),
        fields={name: own[used] for name, own in fields.items()},
        skin=place[skin][place[skin] >= 0].astype(np.int32),
        marks={name: int(place[i]) for name, i in marks.items()},
        joints=joints,
        top=float(np.clip(high + _HEAD_ROOM, *_TOP)),
        bottom=float(np.clip(-low - 0.03, 1.0, bottom)),
    )


def _joined(arrays: Iterable[FloatArray]) -> FloatArray:
    return np.concatenate(list(arrays)).astype(np.float32)
