"""The surfaces of a glTF scene in its rest pose: posed, skinned, with materials and targets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.build.gltf_look import Look, look_of
from digital_human.face.build.gltf_schema import Primitive
from digital_human.face.mesh import IntArray

_TRIANGLES = 4
MAX_VERTICES, MAX_MOVES, MAX_PIECES = 500_000, 16_000_000, 2000
"""Of a whole scene: vertices, displacements of vertices by targets, and primitives."""
_FAR = 1e6  # metres; farther away is nothing that is meant
_EYE = re.compile(r"(?<![a-z])eye_?(ball)?(?![a-z])")
_EYEBALL = {"eye", "ball", "eyeball", "mesh", "geo", "left", "right", "l", "r"}
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_UPRIGHT = ("neck", "head")
_ARMS = ("leftUpperArm", "rightUpperArm")
_ROLES = (*_UPRIGHT, *_ARMS, "leftEye", "rightEye")
_SPREAD, _HANGING = 50.0, 14.0
"""Degrees from straight down: arms raised more than the first are let down to the second."""


@dataclass(slots=True)
class Piece:
    """One primitive at rest.

    Attributes:
        mesh: Index of its mesh in the file.
        node: Index of its node.
        positions: float32 [n, 3], in the scene's space.
        uv: float32 [n, 2].
        triangles: int32 [t, 3].
        look: Its material.
        skull: float32 [n], how far each vertex goes with the head bone, 0…1; NaN where no bones
            tell it.
        eye: ``left`` or ``right`` when it is (part of) an eyeball, else empty.
        morphs: float32 [n, 3] displacements of its targets, in their order; None where all rest.
    """

    mesh: int
    node: int
    positions: FloatArray
    uv: FloatArray
    triangles: IntArray
    look: Look
    skull: FloatArray
    eye: str
    morphs: list[FloatArray | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Posed:
    """The scene.

    Attributes:
        pieces: Its surfaces.
        names: Mesh → names of its targets.
        eyes: ``left``, ``right`` → float32 [3], where that eye's joint is.
        shoulders: Height of the shoulder joints; None where no joints say so.
    """

    pieces: list[Piece]
    names: dict[int, list[str]]
    eyes: dict[str, FloatArray]
    shoulders: float | None


class _Bones:
    """Which nodes are the head, the neck and the eyes."""

    def __init__(self, file: GltfFile, parents: dict[int, int]) -> None:
        nodes = file.document.nodes
        self._parents = parents
        self._nearest: dict[int, str] = {}
        humanoid = dict(_humanoid(file))
        self.roles: dict[int, str] = {}
        for index, node in enumerate(nodes):
            words = _words(node.name)
            side = next((_SIDES[w] for w in words if w in _SIDES), "")
            if side and _EYE.search("_".join(words)) and node.mesh is None:
                self.roles[index] = f"{side}Eye"
            elif side and _is_upper_arm(words):
                self.roles[index] = f"{side}UpperArm"
            elif words and words[-1] in _UPRIGHT:
                self.roles[index] = words[-1]
        for role, index in humanoid.items():
            self.roles = {i: r for i, r in self.roles.items() if r != role}
            self.roles[index] = role

    def role(self, node: int) -> str:
        """The nearest head, neck or eye at or above ``node``, empty for none."""
        path: list[int] = []
        while node >= 0 and node not in self._nearest and len(path) < len(self._parents) + 1:
            path.append(node)
            known = self.roles.get(node, "")
            if known and known not in _ARMS:
                self._nearest[node] = known
                break
            node = self._parents.get(node, -1)
        found = self._nearest.get(node, "")
        self._nearest |= dict.fromkeys(path, found)
        return found


def _is_upper_arm(words: list[str]) -> bool:
    arm = words[-1] in ("arm", "upperarm") or words[-2:] == ["upper", "arm"]
    return arm and not {"fore", "lower"} & set(words)


def _words(name: str) -> list[str]:
    """``mixamorig:LeftEye_01`` → ``mixamorig left eye``."""
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z]+", apart) if word]


def _humanoid(file: GltfFile) -> Iterator[tuple[str, int]]:
    """Bones that a VRM file names."""
    extensions = file.document.extensions
    bones: list[tuple[Any, Any]] = []
    match extensions:
        case {"VRMC_vrm": {"humanoid": {"humanBones": dict(named)}}}:
            bones = [(role, b.get("node")) for role, b in named.items() if isinstance(b, dict)]
        case {"VRM": {"humanoid": {"humanBones": list(listed)}}}:
            bones = [(b.get("bone"), b.get("node")) for b in listed if isinstance(b, dict)]
    for role, node in bones:
        known = isinstance(node, int) and 0 <= node < len(file.document.nodes)
        if role in _ROLES and known:
            yield role, node


def pose(file: GltfFile) -> Posed:
    """All triangles of the file's scene, where they are at rest.

    Raises:
        InputError: A node, mesh, skin or material is missing or broken, or nothing is shown.
    """
    document = file.document
    world, parents = _transforms(file)
    bones = _Bones(file, parents)
    for joint, role in bones.roles.items():
        if role in _ARMS and joint in world:
            _let_down(file, joint, world)
    pieces: list[Piece] = []
    names: dict[int, list[str]] = {}
    vertices = moves = 0
    for index in world:
        node = document.nodes[index]
        if node.mesh is None:
            continue
        mesh = file.item(document.meshes, node.mesh, "mesh")
        names[node.mesh] = _target_names(mesh.extras, mesh.primitives)
        weights = node.weights or mesh.weights
        for primitive in mesh.primitives:
            if primitive.mode != _TRIANGLES:
                continue
            accessor = primitive.attributes.get("POSITION", 0)
            vertices += file.item(document.accessors, accessor, "accessor").count
            if vertices > MAX_VERTICES or len(pieces) == MAX_PIECES:
                raise file.wrong(
                    f"shows more than {MAX_VERTICES} vertices or {MAX_PIECES} meshes",
                    "leave out what is not head and shoulders, or simplify it",
                )
            piece = _piece(file, index, primitive, world, bones, weights, MAX_MOVES - moves)
            moves += sum(len(own) for own in piece.morphs if own is not None)
            pieces.append(piece)
    if not pieces:
        raise file.wrong("shows no triangles", "export the meshes of a head with it")
    joints = {role: world[i][:3, 3].astype(np.float32) for i, role in bones.roles.items()
              if i in world}  # fmt: skip
    eyes = {side: joints[f"{side}Eye"] for side in ("left", "right") if f"{side}Eye" in joints}
    heights = [float(joints[role][1]) for role in _ARMS if role in joints]
    return Posed(pieces, names, eyes, float(np.mean(heights)) if heights else None)


def _transforms(file: GltfFile) -> tuple[dict[int, Any], dict[int, int]]:
    """World matrix of every node of the scene in drawing order, and the parent of each."""
    nodes, scenes = file.document.nodes, file.document.scenes
    parents = {child: i for i, node in enumerate(nodes) for child in node.children}
    if scenes:
        roots = file.item(scenes, file.document.scene, "scene").nodes
    else:
        roots = [i for i in range(len(nodes)) if i not in parents]
    world: dict[int, Any] = {}
    todo = [(root, np.eye(4)) for root in reversed(roots)]
    while todo:
        index, above = todo.pop()
        node = file.item(nodes, index, "node")
        if index in world:
            raise file.wrong(f"node {index} appears twice in the scene")
        if node.matrix is not None:
            own = np.array(node.matrix, np.float64).reshape(4, 4).T
        else:
            own = np.eye(4)
            own[:3, :3] = _turn(node.rotation) * np.array(node.scale)
            own[:3, 3] = node.translation
        world[index] = above @ own
        if not float(np.abs(world[index]).max()) < _FAR:
            raise file.wrong(f"node {index}: its place is not finite")
        todo += [(child, world[index]) for child in reversed(node.children)]
    return world, parents


def _let_down(file: GltfFile, arm: int, world: dict[int, Any]) -> None:
    """Hang an arm of a T or A pose, which would stick out of a portrait."""
    below = file.document.nodes[arm].children
    if not below:
        return
    shoulder = world[arm][:3, 3].copy()
    along = world[below[0]][:3, 3] - shoulder
    out = float(np.hypot(along[0], 1e-12))
    angle = np.degrees(np.arctan2(out, -along[1]))
    if angle < _SPREAD or np.linalg.norm(along) < 1e-9:
        return
    turn = np.radians(angle - _HANGING) * (-1.0 if along[0] > 0 else 1.0)
    move = np.eye(4)
    move[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    move[:3, 3] = shoulder - move[:3, :3] @ shoulder
    todo = [arm]
    while todo:
        node = todo.pop()
        world[node] = move @ world[node]
        todo += [child for child in file.document.nodes[node].children if child in world]


def _turn(quaternion: tuple[float, float, float, float]) -> Any:
    """Rotation matrix of a quaternion x, y, z, w."""
    x, y, z, w = np.array(quaternion) / max(float(np.linalg.norm(quaternion)), 1e-12)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _target_names(extras: Any, primitives: list[Primitive]) -> list[str]:
    """Names by the custom usual in exporters; empty where the file has none."""
    count = max(len(p.targets) for p in primitives)
    for holder in (extras, *(p.extras for p in primitives)):
        if isinstance(holder, dict) and isinstance(listed := holder.get("targetNames"), list):
            return [str(name)[:200] for name in listed[:count]]
    return []


def _piece(
    file: GltfFile,
    index: int,
    primitive: Primitive,
    world: dict[int, Any],
    bones: _Bones,
    weights: list[float],
    moves: int,
) -> Piece:
    """One primitive at rest, with targets that displace at most ``moves`` vertices together."""
    node = file.document.nodes[index]
    if "POSITION" not in primitive.attributes:
        raise file.wrong(f"mesh {node.mesh} has no positions", "export it without compression")
    all_points = file.array(primitive.attributes["POSITION"], "VEC3")
    count = len(all_points)
    if primitive.indices is None:
        corners = np.arange(count - count % 3)
    else:
        corners = file.array(primitive.indices, "SCALAR")
        if corners.dtype.kind != "u":
            raise file.wrong(f"mesh {node.mesh}: its indices are no whole numbers")
        corners = corners[: len(corners) - len(corners) % 3].astype(np.int64)
    if len(corners) == 0 or int(corners.max()) >= count:
        raise file.wrong(f"mesh {node.mesh}: a triangle leads out of its {count} vertices")
    used, local = np.unique(corners, return_inverse=True)
    if len(used) * sum(map(file.moves, primitive.targets)) > moves:
        raise file.wrong("its targets move too many vertices", "simplify its meshes")

    def take(name: str, kind: str, attributes: dict[str, int]) -> Any:
        array = file.array(attributes[name], kind)
        if len(array) != count:
            raise file.wrong(f"mesh {node.mesh}: {name} has {len(array)} of {count} vertices")
        return array[used].astype(np.float64)

    linear, offset, skull, eye = _carried(file, index, primitive, world, bones, take, len(used))
    morphs: list[FloatArray | None] = []
    for target in primitive.targets:
        delta = take("POSITION", "VEC3", target) if file.moves(target) else np.zeros((1, 3))
        if not delta.any():
            morphs.append(None)
            continue
        moved = np.einsum("nij,nj->ni", np.broadcast_to(linear, (len(used), 3, 3)), delta)
        if not float(np.abs(moved).max()) < _FAR:
            raise file.wrong(f"mesh {node.mesh}: a target is not finite")
        morphs.append(moved.astype(np.float32))
    points = take("POSITION", "VEC3", primitive.attributes)
    points = np.einsum("nij,nj->ni", np.broadcast_to(linear, (len(used), 3, 3)), points) + offset
    for weight, morph in zip(weights, morphs, strict=False):
        if weight and morph is not None:
            points = points + weight * morph
    if not float(np.abs(points).max()) < _FAR:
        raise file.wrong(f"mesh {node.mesh}: its place is not finite")
    look, uv = look_of(file, primitive, take)
    assert node.mesh is not None
    return Piece(
        node.mesh, index, points.astype(np.float32), uv.astype(np.float32),
        local.reshape(-1, 3).astype(np.int32), look, skull.astype(np.float32), eye, morphs,
    )  # fmt: skip


def _carried(
    file: GltfFile,
    index: int,
    primitive: Primitive,
    world: dict[int, Any],
    bones: _Bones,
    take: Any,
    count: int,
) -> tuple[Any, Any, Any, str]:
    """Linear part [n, 3, 3] and shift [n, 3] of every vertex, its part in the head, and the eye."""
    node = file.document.nodes[index]
    known = {"head", "neck"} & set(bones.roles.values())
    skin = None if node.skin is None else file.item(file.document.skins, node.skin, "skin")
    if skin is None or "JOINTS_0" not in primitive.attributes:
        role = bones.role(index)
        words = _words(node.name)
        named = next((_SIDES[w] for w in words if w in _SIDES), "")
        named = named if {"eye", "eyeball"} & set(words) and set(words) <= _EYEBALL else ""
        eye = role[:-3] if role.endswith("Eye") else named
        share = (1.0 if role or named else 0.0) if known else np.nan
        skull = np.full(count, share)
        return world[index][:3, :3], world[index][:3, 3], skull, eye
    if "WEIGHTS_0" not in primitive.attributes:
        raise file.wrong(f"mesh {node.mesh}: has joints without weights")
    if file.array(primitive.attributes["JOINTS_0"], "VEC4").dtype.kind != "u":
        raise file.wrong(f"mesh {node.mesh}: its joints are no whole numbers from 0")
    joints = take("JOINTS_0", "VEC4", primitive.attributes).astype(np.int64)
    share = take("WEIGHTS_0", "VEC4", primitive.attributes)
    if int(joints.max()) >= len(skin.joints) or any(j not in world for j in skin.joints):
        raise file.wrong(f"skin {node.skin}: a joint is missing")
    inverse = np.tile(np.eye(4), (len(skin.joints), 1, 1))
    if skin.inverseBindMatrices is not None:
        bound = file.array(skin.inverseBindMatrices, "MAT4")
        if len(bound) < len(inverse):
            raise file.wrong(f"skin {node.skin}: lacks matrices")
        inverse = bound[: len(inverse)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    matrices = np.stack([world[j] for j in skin.joints]) @ inverse
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9)
    blended = np.einsum("nk,nkij->nij", share, matrices[joints])
    roles = [bones.role(j) for j in skin.joints]
    goes = np.array([{"": 0.0, "neck": 0.5}.get(role, 1.0) for role in roles])
    skull = (share * goes[joints]).sum(axis=1) if known else np.full(len(joints), np.nan)
    eye = ""
    for side in ("left", "right"):
        of = np.array([role == f"{side}Eye" for role in roles])
        if ((share * of[joints]).sum(axis=1) > 0.5).mean() > 0.9:
            eye = side
    return blended[:, :3, :3], blended[:, :3, 3], skull, eye
