"""Gathers the parts of a head into the arrays of a bundle."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from body import Body
from lines import lid_line
from source import Floats, Ints

from digital_human.face.build import head_bake as bake
from digital_human.face.build.head_marks import find_mouth, hold_lids
from digital_human.face.head_bundle import HELPERS, MARKS, MATERIALS, UNIT
from digital_human.face.motion import ARKIT

_NAMES = (*ARKIT, *HELPERS)
_KEY = np.array([-0.40, 0.52, 0.755])  # direction of the key light, as in the shaders
_BOTTOM = -3.4  # y below which nothing moves
_CAVITY = 1  # number of the part that holds the inside of the mouth
_SOLID = ("skin", "mouth", "hair")  # what casts shadows
_HIDDEN = -0.62  # normals that point back more are never seen


def normals_of(points: Floats, triangles: Ints) -> Floats:
    """Area-weighted vertex normals."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    out = np.zeros_like(points)
    for i in range(3):
        np.add.at(out, triangles[:, i], np.cross(b - a, c - a))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


@dataclass
class Part:
    """Triangles [t, 3] of one material over vertices ``first`` … ``first + count``."""

    material: str
    texture: str
    triangles: Ints
    first: int
    count: int


@dataclass
class Model:
    """The bust under construction; all parts share one list of vertices."""

    parts: list[Part] = field(default_factory=list)
    blocks: list[Floats] = field(default_factory=list)
    uvs: list[Floats] = field(default_factory=list)
    moved: list[dict[str, Floats]] = field(default_factory=list)
    eyes: list[list[float]] = field(default_factory=list)
    bakes: Floats = field(default_factory=lambda: np.zeros((0, 4)))

    def add(
        self, material: str, texture: str, vertices: Floats, uv: Floats, triangles: Ints,
        targets: dict[str, Floats],
    ) -> None:  # fmt: skip
        """Append a part; vertices that no triangle uses are dropped."""
        if material == "skin":
            triangles = self._seen(vertices, triangles)
        used, local = np.unique(triangles, return_inverse=True)
        local = local.reshape(-1, 3)
        vertices, uv = vertices[used], uv[used]
        if material in ("strands", "hair"):
            # Blended without sorting at run time: what lies behind is drawn first.
            local = local[np.argsort(vertices[local][..., 2].mean(1))]
        first = sum(map(len, self.blocks))
        self.parts.append(Part(material, texture, local + first, first, len(used)))
        self.blocks.append(vertices)
        self.uvs.append(uv)
        self.moved.append({name: target[used] for name, target in targets.items()})

    @staticmethod
    def _seen(vertices: Floats, triangles: Ints) -> Ints:
        normals = normals_of(vertices, triangles)
        back = (normals[triangles][..., 2] < _HIDDEN).all(axis=1)
        far = vertices[triangles][..., 2].max(axis=1) < -1.35
        return triangles[~(back | far)]

    @property
    def positions(self) -> Floats:
        """[n, 3]."""
        return np.concatenate(self.blocks)

    @property
    def triangles(self) -> Ints:
        """[t, 3] in drawing order."""
        return np.concatenate([part.triangles for part in self.parts])

    def offsets(self, name: str) -> Floats:
        """Displacement [n, 3] of a target."""
        empty = [np.zeros_like(block) for block in self.blocks]
        return np.concatenate([m.get(name, e) for m, e in zip(self.moved, empty, strict=True)])

    def part_mask(self, *materials: str) -> np.ndarray:
        """Which vertices belong to parts of ``materials``."""
        return np.concatenate([np.full(p.count, p.material in materials) for p in self.parts])

    def texture_row(self) -> Floats:
        """v of every vertex; 1 outside the mouth."""
        return np.where(self.part_mask("mouth"), np.concatenate(self.uvs)[:, 1], 1.0)

    def keep_lids_out(self) -> None:
        """Targets that hold half-closed lids before the eyeballs."""
        for (x, y, z, radius), side in zip(self.eyes, ("Right", "Left"), strict=True):
            centre = np.array([x, y, z])
            for block, moved, part in zip(self.blocks, self.moved, self.parts, strict=True):
                if part.material not in ("skin", "strands") or "eyeBlink" + side not in moved:
                    continue
                moved["lidHalf" + side] = hold_lids(block, moved["eyeBlink" + side], centre, radius)

    def drop_unseen(self) -> None:
        """Remove skin that no head pose shows, with the mouth open or shut and the eyes too."""
        points = self.positions
        solid = np.concatenate([p.triangles for p in self.parts if p.material in ("skin", "hair")])
        blink = self.offsets("eyeBlinkLeft") + self.offsets("eyeBlinkRight")
        jaw = self.offsets("jawOpen") + 0.3 * self.offsets("mouthFunnel")
        angles = [(yaw, pitch) for yaw in (-30, -15, 0, 15, 30) for pitch in (-20, 0, 20)]
        dirs = np.array([
            (np.sin(a) * np.cos(b), np.sin(b), np.cos(a) * np.cos(b))
            for a, b in np.radians(angles)
        ])  # fmt: skip
        baker, seen = bake.Baker(solid), np.zeros(len(points), bool)
        for pose in (points, points + 0.9 * jaw, points + blink):
            normals = normals_of(pose, self.triangles)
            seen |= baker.seen(pose, pose, normals, dirs, 0.012).any(axis=0)
        for i, part in enumerate(self.parts):
            if part.material == "skin" or (part.material == "mouth" and i == _CAVITY):
                part.triangles = part.triangles[seen[part.triangles].any(axis=1)]

    def shade(self) -> None:
        """Bake occlusion, key light and how much each vertex takes part in motion."""
        points, triangles = self.positions, self.triangles
        solid = np.concatenate([p.triangles for p in self.parts if p.material in _SOLID])
        normals = normals_of(points, triangles)
        baker = bake.Baker(solid)
        open_mouth = points + 0.62 * self.offsets("jawOpen")
        shut_eyes = points + self.offsets("eyeBlinkLeft") + self.offsets("eyeBlinkRight")
        sky = bake.open_sky(baker, points, points, normals)
        sky_open = bake.open_sky(baker, open_mouth, open_mouth, normals_of(open_mouth, triangles))
        sky_shut = bake.open_sky(baker, shut_eyes, shut_eyes, normals_of(shut_eyes, triangles))
        key = bake.lit(baker, points, points, normals, _KEY, 0.22)
        key_open = bake.lit(
            baker, open_mouth, open_mouth, normals_of(open_mouth, triangles), _KEY, 0.22
        )
        lids = np.linalg.norm(self.offsets("eyeBlinkLeft") + self.offsets("eyeBlinkRight"), axis=1)
        lids = np.clip(lids / 0.05, 0, 1)
        near = (np.abs(points[:, 0]) < 0.40) & (points[:, 1] > -1.12) & (points[:, 1] < -0.56)
        lip = near & self.part_mask("skin")
        sky = np.where(lip, np.maximum(sky, 0.85 * sky_open), sky)
        key = np.where(lip, np.maximum(key, 0.85 * key_open), key)
        sky = sky + lids * np.maximum(0, 0.75 * sky_shut - sky)
        inside = self.part_mask("mouth")
        # Teeth catch light that bakes do not follow; all darkens towards the throat.
        deep = np.clip((points[:, 2] + 0.62) / 0.55, 0.06, 1) ** 1.3
        bright = self.texture_row() < 0.82
        sky = np.where(
            inside, np.where(bright, 0.78, np.clip(sky_open * 1.6, 0.25, 0.75)) * deep, sky
        )
        brow = self.part_mask("skin") & (points[:, 1] > 0.25)
        sky, key = (
            np.where(brow, np.maximum(sky, 0.62), sky),
            np.where(brow, np.maximum(key, 0.55), key),
        )
        cloth = self.part_mask("cloth")
        sky = np.where(cloth, np.clip(sky * 1.05, 0.45, 1), np.clip(sky, 0.0, 1))
        key = np.where(cloth, np.clip(key, 0.35, 1), key)
        for material, (least, key_least) in {"hair": (0.35, 0.5), "strands": (0.55, 0.75)}.items():
            of = self.part_mask(material)
            sky, key = (
                np.where(of, np.maximum(sky, least), sky),
                np.where(of, np.maximum(key, key_least), key),
            )
        y = points[:, 1]
        head = _smooth((y + 2.30) / 0.85)
        head = 0.14 * _smooth((y - _BOTTOM) / 1.0) * (1 - head) + head
        rigid = self.part_mask("hair", "eye", "mouth") | (self.part_mask("strands"))
        head = np.where(rigid, 1.0, head)
        breath = np.where(rigid, 1.0, _smooth((y - _BOTTOM) / 0.8))
        self.bakes = np.stack([sky, key, head, breath], 1)

    def marks(self, body: Body) -> dict[str, int]:
        """Named vertices in this model's numbers."""
        points, skin = self.positions, np.flatnonzero(self.part_mask("skin"))
        found = find_mouth(points, self.offsets("jawOpen"), skin)
        for side, label in (("r", "right"), ("l", "left")):
            for strip, lid in ((2, "upper"), (1, "lower")):
                edge = lid_line(body, side, strip)
                away = np.linalg.norm(points[skin] - edge[len(edge) // 2], axis=1)
                found[f"lid_{lid}_{label}"] = int(skin[np.argmin(away)])
        return found

    def arrays(self, textures: list[str], body: Body, pivot: Floats) -> dict[str, np.ndarray]:
        """What ``head.npz`` holds; vertices that targets move come first."""
        offsets = {name: self.offsets(name) for name in _NAMES}
        stored = {name: np.round(o / UNIT).astype(np.int16) for name, o in offsets.items()}
        stored = {name: o for name, o in stored.items() if o.any()}
        moves = np.any([o.any(axis=1) for o in stored.values()], axis=0)
        order = np.argsort(~moves, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        rows, first = [], 0
        for part in self.parts:
            count = len(part.triangles)
            rows.append(
                (MATERIALS.index(part.material), textures.index(part.texture), first, count)
            )
            first += count
        marks = self.marks(body)
        moved = int(moves.sum())
        return {
            "positions": np.round(self.positions[order] / UNIT).astype(np.int16),
            "uv": np.round(np.clip(np.concatenate(self.uvs)[order], 0, 1) * 65535).astype(
                np.uint16
            ),
            "bake": np.round(np.clip(self.bakes[order], 0, 1) * 255).astype(np.uint8),
            "triangles": place[self.triangles].astype(np.int32),
            "parts": np.array(rows, np.int32),
            "targets": np.array(list(stored)),
            "offsets": np.stack([o[order][:moved] for o in stored.values()]),
            "eyes": np.array(self.eyes, np.float32),
            "pivot": pivot.astype(np.float32),
            "marks": np.array([place[marks[name]] for name in MARKS], np.int32),
        }


def _smooth(value: Floats) -> Floats:
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
