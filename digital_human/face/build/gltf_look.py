"""What the surfaces of a glTF file look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.build.gltf_schema import Material, Primitive, TextureUse

_FAR = 1000.0  # repeats of a texture; more is nothing that is meant
_SETS = 8  # sets of coordinates of a mesh
Take = Callable[[str, str, dict[str, int]], Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What a surface looks like.

    Attributes:
        texture: Index of its colour texture, −1 for none.
        factor: RGBA that multiplies it, linear.
        alpha: ``OPAQUE``, ``MASK`` or ``BLEND``.
        cutoff: Below which alpha a mask hides.
        flat: It is drawn without shading (unlit and cartoon materials).
    """

    texture: int
    factor: tuple[float, float, float, float]
    alpha: str
    cutoff: float
    flat: bool


def look_of(file: GltfFile, primitive: Primitive, take: Take) -> tuple[Look, Any]:
    """The material of a primitive, and the coordinates of its texture [n, 2].

    Args:
        file: The file.
        primitive: Of one of its meshes.
        take: Attribute, type and attributes → its numbers for the vertices that are used.

    Raises:
        InputError: The material is missing.
    """
    material = Material()
    if primitive.material is not None:
        material = file.item(file.document.materials, primitive.material, "material")
    surface = material.pbrMetallicRoughness
    used = surface.baseColorTexture
    count = len(take("POSITION", "VEC3", primitive.attributes))
    uv = np.zeros((count, 2))
    if used is not None:
        name = f"TEXCOORD_{_set_of(used)}"
        if name in primitive.attributes:
            uv = np.clip(take(name, "VEC2", primitive.attributes), -_FAR, _FAR)
            uv = np.clip(_moved(uv, used.extensions), -_FAR, _FAR)
    flat = bool({"KHR_materials_unlit", "VRMC_materials_mtoon"} & set(material.extensions))
    factor = np.clip(np.nan_to_num(surface.baseColorFactor), 0, 1)
    look = Look(
        texture=used.index if used is not None else -1,
        factor=(float(factor[0]), float(factor[1]), float(factor[2]), float(factor[3])),
        alpha=material.alphaMode if material.alphaMode in ("MASK", "BLEND") else "OPAQUE",
        cutoff=float(np.clip(np.nan_to_num(material.alphaCutoff), 0, 1)),
        flat=flat,
    )
    return look, uv


def _set_of(used: TextureUse) -> int:
    """Which set of coordinates a texture takes; ``KHR_texture_transform`` may name another."""
    change = used.extensions.get("KHR_texture_transform")
    other = change.get("texCoord") if isinstance(change, dict) else None
    return other if type(other) is int and 0 <= other < _SETS else used.texCoord


def _moved(uv: Any, extensions: Mapping[str, Any]) -> Any:
    """Coordinates after ``KHR_texture_transform``."""
    change = extensions.get("KHR_texture_transform")
    if not isinstance(change, dict):
        return uv

    def pair(name: str, default: float) -> Any:
        value = change.get(name)
        if isinstance(value, list) and len(value) == 2:
            if all(isinstance(v, int | float) and abs(v) <= _FAR for v in value):
                return np.array(value, np.float64)
        return np.array([default, default])

    turn = change.get("rotation", 0.0)
    angle = float(turn) if isinstance(turn, int | float) and abs(turn) < _FAR else 0.0
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, sine], [-sine, cosine]]) * pair("scale", 1.0)
    return uv @ matrix.T + pair("offset", 0.0)


def flatten(texture: ByteArray | None, look: Look) -> ByteArray:
    """A surface's colour with its factor and its alpha mode worked in: uint8 [h, w, 4]."""
    if texture is None:
        texture = np.full((4, 4, 4), 255, np.uint8)
    colour = np.array(look.factor) ** np.array([1 / 2.2, 1 / 2.2, 1 / 2.2, 1.0])
    if not np.allclose(colour, 1):
        texture = np.round(texture * colour).astype(np.uint8)
    if look.alpha == "BLEND":
        return texture
    out = texture.copy()
    if look.alpha == "MASK" and look.cutoff > 0:
        # Where the shader cuts, 0.5, must be where the file cuts.
        out[..., 3] = np.clip(np.round(out[..., 3] * (0.5 / look.cutoff)), 0, 255)
    else:
        out[..., 3] = 255
    return out
