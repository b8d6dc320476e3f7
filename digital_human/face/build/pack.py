"""Pack raw material of one person into an avatar bundle.

The raw material is a folder with a bust picture and pictures of the same person in many mouth
shapes, all aligned to one face at rest. Packing measures the displacement fields, makes them
symmetric, fills the gap × width grid, and brings every mouth picture to one shared geometry with
the interior of the mouth painted out, so that at run time textures are blended before they are
warped.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
from pydantic import ValidationError

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import bundle as fmt
from digital_human.face import landmarks as lm
from digital_human.face.build.modes import FaceModes, linear_fit, symmetric
from digital_human.face.build.pictures import bleed, one_piece, shut, webp, without_interior
from digital_human.face.build.raw import CELL, Person, RawMaterial
from digital_human.face.build.write import face_frame, write_bundle
from digital_human.face.manifest import CANVAS, AvatarManifest
from digital_human.face.mesh import Box, IntArray, part_mesh, strip_triangles, warp_points

_REFERENCE_GAP = 0.08
_ROUND = 0.98  # width factor below which a cell takes after a wider one
_DRAWN = 0.4  # how much of its shape is then its own


def face_triangles() -> IntArray:
    """MediaPipe's face tessellation; the holes of mouth and eyes filled, and painted first."""
    from mediapipe.tasks.python import vision

    edges = vision.FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
    triangles = [
        tuple({edges[i + k].start for k in range(3)} | {edges[i + k].end for k in range(3)})
        for i in range(0, len(edges), 3)
    ]
    holes = [
        *strip_triangles(lm.INNER_UPPER, lm.INNER_LOWER),
        *strip_triangles(lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
        *strip_triangles(lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    ]
    return np.array([*holes, *(t for t in triangles if len(t) == 3)], np.int32)


def pack(raw: RawMaterial, person: Person, out: Path) -> AvatarManifest:
    """Write the bundle ``out`` (its folder name is the anchor's name), replacing an older one.

    Raises:
        InputError: The material cannot make a bundle, or it would exceed the size limit.
    """
    builder = _Builder(raw)
    files = builder.files()
    try:
        manifest = builder.manifest(out.name, person, files)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "person"
        raise InputError(f"{out.name}: {field}: {first['msg']}", fix=f"correct {field}") from error
    total = sum(len(blob) for blob in files.values())
    if total > fmt.MAX_BYTES:
        raise InputError(f"{out.name}: {total >> 20} MiB, more than a bundle may have")
    write_bundle(out, manifest, files)
    return manifest


class _Builder:
    """Computes the content of one bundle."""

    def __init__(self, raw: RawMaterial) -> None:
        self.raw = raw
        scale, offset = raw.placement.scale, np.array(raw.placement.offset, np.float32)
        self._scale, self._offset = scale, offset
        self.points = self._place(raw.landmarks[raw.index("base")])
        self.io = lm.eye_distance(self.points)
        self.triangles = face_triangles()
        self._cells = {}
        for name in raw.names:
            if match := CELL.match(name):
                self._cells[int(match[1]), int(match[2])] = raw.index(name)
        widest = max(self._cells.values(), key=lambda i: lm.lip_gap(raw.landmarks[i]))
        self._pairs = lm.mirror_pairs(self.points, raw.landmarks[widest])
        self._bank()

    def _place(self, points: FloatArray) -> FloatArray:
        placed = (points[..., :2] + np.float32(0.5)) * np.float32(self._scale)
        return np.asarray(placed - np.float32(0.5) + self._offset, np.float32)

    def _offset_of(self, index: int) -> FloatArray:
        moved = (self._place(self.raw.landmarks[index]) - self.points) / self.io
        return symmetric(moved.astype(np.float32), self._pairs)

    def _bank(self) -> None:
        """Fill the grid; row 0 is the closed mouth at every width."""
        cells = {key: self._offset_of(i) for key, i in self._cells.items()}
        rest_gap, rest_width = lm.lip_gap(self.points), lm.mouth_width(self.points)
        size: dict[tuple[int, int], tuple[float, float]] = {}
        for key, offset in cells.items():
            moved = self.points + offset * self.io
            size[key] = (lm.lip_gap(moved), lm.mouth_width(moved) / rest_width)
        opening, _ = linear_fit(
            np.stack(list(cells.values())),
            np.array([g - rest_gap for g, _ in size.values()], np.float32),
            np.array([w - 1 for _, w in size.values()], np.float32),
        )
        width = FaceModes(self.points).widening()
        self.opening, self.width = opening, width
        rows = sorted({i for i, _ in cells if _row(size, i) > 0.02})
        columns = sorted({j for _, j in cells})
        gaps = np.array([_row(size, i) for i in rows])
        widths = np.array([_column(size, j) for j in columns])
        rows = [rows[k] for k in np.argsort(gaps)]
        columns = [columns[k] for k in np.argsort(widths)]
        self.gaps = np.concatenate([[0.0], np.sort(gaps)]).astype(np.float32)
        self.widths = np.sort(widths).astype(np.float32)
        if not any(abs(w - 1) < 0.02 for w in self.widths):
            self.widths = np.sort(np.append(self.widths, np.float32(1))).astype(np.float32)
        shape = (len(self.gaps), len(self.widths))
        self.offsets = np.zeros((*shape, lm.COUNT, 2), np.float32)
        self.textures = np.full(shape, -1, np.int32)
        self.used: list[int] = []
        for i, gap in enumerate(self.gaps):
            for j, factor in enumerate(self.widths):
                # Drawn round mouths lift their corners: half of each is a neutral one drawn in.
                key = _nearest(size, float(gap), max(float(factor), _ROUND))
                exact = _nearest(size, float(gap), float(factor))
                for source, share in ((key, 1 - _DRAWN), (exact, _DRAWN)):
                    have_gap, have_width = size.get(source, (rest_gap, 1.0))
                    self.offsets[i, j] += share * (
                        cells.get(source, 0.0)
                        + opening * (gap + rest_gap * (i == 0) - have_gap)
                        + width * (factor - have_width)
                    )
                if i == 0:
                    continue
                picture = self._cells[key]
                if picture not in self.used:
                    self.used.append(picture)
                self.textures[i, j] = self.used.index(picture)

    def _reference(self) -> FloatArray:
        """A half-open mouth; all textures are brought to it."""
        moved = self.opening * (_REFERENCE_GAP - lm.lip_gap(self.points))
        y, nose = self.points[:, 1], self.points[lm.NOSE_BASE, 1]
        fade = np.clip((y - nose + 0.08 * self.io) / (0.14 * self.io), 0, 1)[:, None]
        return np.asarray(self.points + self.io * fade * moved, np.float32)

    def _mouth_box(self, reference: FloatArray) -> Box:
        x, y = reference[list(lm.MOUTH_CORNERS)].mean(0)
        top = self.points[lm.NOSE_BASE, 1] - 0.04 * self.io
        bottom = reference[lm.CHIN, 1] + 0.06 * self.io
        half = 0.60 * self.io
        extent = np.array([[x - half, top], [x + half, bottom]], np.float32)
        return Box.around(extent, 0, (self.raw.canvas.shape[1], self.raw.canvas.shape[0]), 2)

    def _texture(self, index: int, reference: FloatArray, box: Box) -> ByteArray:
        """One mouth picture in the reference geometry, its interior painted out."""
        image = without_interior(self.raw.images[index], self.raw.landmarks[index])
        source = self.raw.landmarks[index][:, :2]
        # Work in face-picture pixels moved to the canvas: the map samples the face picture.
        size = self.raw.canvas.shape[1], self.raw.canvas.shape[0]
        around = np.array([[box.x, box.y], [box.x + box.width, box.y + box.height]], np.float32)
        wide = Box.around(around, 0.25 * self.io, size)
        triangles, border = part_mesh(reference, self.triangles, wide, 0.2 * self.io)
        border_source = (border - self._offset + 0.5) / self._scale - 0.5
        out = warp_points(
            image,
            np.concatenate([source, border_source]).astype(np.float32),
            np.concatenate([reference, border]).astype(np.float32),
            triangles,
            wide,
        )
        x, y = box.x - wide.x, box.y - wide.y
        return np.ascontiguousarray(out[y : y + box.height, x : x + box.width])

    def _eyes(self) -> tuple[ByteArray | None, FloatArray, Box]:
        """The closed-eye picture on the canvas grid, its landmarks and its box."""
        size = self.raw.canvas.shape[1], self.raw.canvas.shape[0]
        eyes = self.points[[*lm.RIGHT_UPPER_LID, *lm.LEFT_UPPER_LID]]
        box = Box.around(eyes, 0.17 * self.io, size, 2)
        index = self.raw.index("blink")
        if index < 0:
            return None, self.points, box
        points = shut(self._place(self.raw.landmarks[index]))
        shift = np.array(
            [[self._scale, 0, self._offset[0]], [0, self._scale, self._offset[1]]], np.float32
        )
        image = cv2.warpAffine(self.raw.images[index], shift, size, flags=cv2.INTER_CUBIC)
        return np.ascontiguousarray(image[box.slices]), points, box

    def _modes(self) -> dict[str, FloatArray]:
        faces = FaceModes(self.points)
        modes = faces.drawn()
        gain = self.opening[lm.LIP_CENTRES[1], 1] - self.opening[lm.LIP_CENTRES[0], 1]
        modes["open"] = self.opening / gain
        a, b = lm.MOUTH_CORNERS
        span = lm.mouth_width(self.points)
        modes["width"] = self.width * (span / float(self.width[b, 0] - self.width[a, 0]))
        modes["chin"] = faces.chin()
        smile = self.raw.index("smile")
        if smile >= 0:
            moved = self._offset_of(smile)
            wider = lm.mouth_width(self.points + moved * self.io) / span - 1
            modes["smile"] = moved - self.width * wider + 0.9 * modes["smile"]
        modes["blink"] = faces.blink()
        return {name: field.astype(np.float32) for name, field in modes.items()}

    def _depth(self) -> FloatArray:
        """Depth before the neck's axis, in outer-eye distances.

        An ellipsoid with a nose; where there are pictures of both head turns, half of it comes
        from how far each point moved between them, brought to the scale of the ellipsoid.
        """
        p = (self.points - self.points[lm.NOSE_MIDDLE]) / self.io
        ball = np.sqrt(np.clip(1 - (p[:, 0] / 0.90) ** 2 - (p[:, 1] / 1.45) ** 2, 0, 1))
        nose = np.exp(-((p[:, 0] / 0.11) ** 2) - ((p[:, 1] - 0.10) / 0.22) ** 2)
        depth = np.asarray(0.80 * ball + 0.22 * nose, np.float32)
        left, right = self.raw.index("yaw_left"), self.raw.index("yaw_right")
        if left < 0 or right < 0:
            return depth
        turned = self._place(self.raw.landmarks[right]) - self._place(self.raw.landmarks[left])
        across = turned[: lm.MESH, 0]
        across = (across + across[self._pairs]) / 2
        if abs(float(np.corrcoef(across, depth[: lm.MESH])[0, 1])) > 0.7:
            slope, level = np.polyfit(across, depth[: lm.MESH], 1)
            depth[: lm.MESH] = (depth[: lm.MESH] + slope * across + level) / 2
        return depth

    def files(self) -> dict[str, bytes]:
        """Name → content of every file but the manifest."""
        reference = self._reference()
        box = self._mouth_box(reference)
        eyes, closed, eyes_box = self._eyes()
        files = {CANVAS: webp(bleed(one_piece(self.raw.canvas)), lossless=True)}
        for i, index in enumerate(self.used):
            files[f"mouths/{i:02d}.webp"] = webp(self._texture(index, reference, box))
        if eyes is not None:
            files[fmt.EYES] = webp(eyes)
        corners = np.zeros((len(fmt.LAYERS), 2), np.float32)
        for i, name in enumerate(fmt.LAYERS):
            if name in self.raw.layers:
                files[f"layers/{name}.webp"] = webp(self._layer(self.raw.layers[name]))
                corners[i] = self._place(self.raw.layers[f"{name}_xy"].astype(np.float32))
        cavity = self.raw.layers.get("cavity", np.array([46, 20, 22]))
        arrays = {
            "landmarks": self.points, "triangles": self.triangles, "depth": self._depth(),
            "gaps": self.gaps, "widths": self.widths, "offsets": self.offsets,
            "textures": self.textures, "mouth_reference": reference,
            "mouth_box": np.array([box.x, box.y, box.width, box.height], np.int32),
            "eyes_closed": closed.astype(np.float32),
            "eyes_box": np.array(
                [eyes_box.x, eyes_box.y, eyes_box.width, eyes_box.height], np.int32
            ),
            "layer_corners": corners, "cavity": np.asarray(cavity, np.float32).reshape(3),
            **{f"mode_{name}": field for name, field in self._modes().items()},
        }  # fmt: skip
        packed = io.BytesIO()
        np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
        files[fmt.GEOMETRY] = packed.getvalue()
        return files

    def _layer(self, image: ByteArray) -> ByteArray:
        size = [max(1, round(side * self._scale)) for side in (image.shape[1], image.shape[0])]
        return np.asarray(cv2.resize(bleed(image), size, interpolation=cv2.INTER_AREA), np.uint8)

    def manifest(self, name: str, person: Person, files: dict[str, bytes]) -> AvatarManifest:
        """The description that goes with ``files``."""
        return AvatarManifest(
            format=1,
            name=name,
            display=person.display,
            gender=person.gender,
            person=person.person,
            consent=person.consent,
            canvas=(self.raw.canvas.shape[1], self.raw.canvas.shape[0]),
            face=face_frame(self.points),
            licence=person.licence,
            made=person.made,
            files={key: hashlib.sha256(files[key]).hexdigest() for key in sorted(files)},
        )


def _row(size: dict[tuple[int, int], tuple[float, float]], i: int) -> float:
    return float(np.mean([gap for (a, _), (gap, _) in size.items() if a == i]))


def _column(size: dict[tuple[int, int], tuple[float, float]], j: int) -> float:
    return float(np.mean([width for (_, b), (_, width) in size.items() if b == j]))


def _nearest(
    size: dict[tuple[int, int], tuple[float, float]], gap: float, width: float
) -> tuple[int, int]:
    """The cell nearest to a shape, or (-1, -1) for the face at rest.

    A closed mouth comes from closed cells only, an open one from open cells only; a wrong gap
    weighs three times a wrong width.
    """
    usable = {key: value for key, value in size.items() if (value[0] > 0.015) == (gap > 0.015)}
    if gap <= 0.015:
        usable[-1, -1] = (0.0, 1.0)
    return min(usable, key=lambda k: (3 * (usable[k][0] - gap)) ** 2 + (usable[k][1] - width) ** 2)
