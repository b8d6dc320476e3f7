"""The JSON of a glTF 2.0 file, as far as it is read here, with bounded lists."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MAX_FILE = 128 * 2**20
_LIST = 65536
_Index = Annotated[int, Field(ge=0)]
_Number = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class _Object(BaseModel):
    """What is not read of a glTF object is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    name: str = ""
    extras: Any = None
    extensions: dict[str, Any] = {}


class Buffer(_Object):
    """Bytes: the container's second chunk, or a data URI."""

    byteLength: int = Field(ge=0, le=MAX_FILE)
    uri: str | None = None


class View(_Object):
    """A run of bytes of a buffer."""

    buffer: _Index
    byteOffset: int = Field(default=0, ge=0)
    byteLength: int = Field(ge=1)
    byteStride: int | None = Field(default=None, ge=4, le=252)


class _SparseIndices(_Object):
    bufferView: _Index
    byteOffset: int = Field(default=0, ge=0)
    componentType: int


class _SparseValues(_Object):
    bufferView: _Index
    byteOffset: int = Field(default=0, ge=0)


class Sparse(_Object):
    """Elements that differ from the rest of an accessor."""

    count: int = Field(ge=1)
    indices: _SparseIndices
    values: _SparseValues


class Accessor(_Object):
    """How numbers lie in a view."""

    bufferView: _Index | None = None
    byteOffset: int = Field(default=0, ge=0)
    componentType: int
    normalized: bool = False
    count: int = Field(ge=1)
    type: str
    sparse: Sparse | None = None


class Picture(_Object):
    """An embedded picture."""

    uri: str | None = None
    bufferView: _Index | None = None


class TextureUse(_Object):
    """A texture as a material uses it."""

    index: _Index
    texCoord: int = Field(default=0, ge=0, le=7)


class Texture(_Object):
    """A picture with a sampler."""

    source: _Index | None = None


class Surface(_Object):
    """Colour of a material."""

    baseColorFactor: tuple[_Number, _Number, _Number, _Number] = (1.0, 1.0, 1.0, 1.0)
    baseColorTexture: TextureUse | None = None


class Material(_Object):
    """What a surface looks like, as far as it is drawn here."""

    pbrMetallicRoughness: Surface = Surface()
    alphaMode: str = "OPAQUE"
    alphaCutoff: _Number = 0.5


class Primitive(_Object):
    """Triangles of one material."""

    attributes: dict[str, _Index]
    indices: _Index | None = None
    material: _Index | None = None
    mode: int = 4
    targets: list[dict[str, _Index]] = Field(default=[], max_length=2048)


class Mesh(_Object):
    """Primitives that morph together."""

    primitives: list[Primitive] = Field(min_length=1, max_length=1024)
    weights: list[_Number] = Field(default=[], max_length=2048)


class Skin(_Object):
    """Joints that carry a mesh."""

    joints: list[_Index] = Field(min_length=1, max_length=4096)
    inverseBindMatrices: _Index | None = None


class Node(_Object):
    """A place in the scene."""

    children: list[_Index] = Field(default=[], max_length=_LIST)
    mesh: _Index | None = None
    skin: _Index | None = None
    matrix: list[_Number] | None = Field(default=None, min_length=16, max_length=16)
    translation: tuple[_Number, _Number, _Number] = (0.0, 0.0, 0.0)
    rotation: tuple[_Number, _Number, _Number, _Number] = (0.0, 0.0, 0.0, 1.0)
    scale: tuple[_Number, _Number, _Number] = (1.0, 1.0, 1.0)
    weights: list[_Number] = Field(default=[], max_length=2048)


class Scene(_Object):
    """What is shown."""

    nodes: list[_Index] = Field(default=[], max_length=_LIST)


class Asset(_Object):
    """Who made the file."""

    version: str
    copyright: str = ""
    generator: str = ""


class Document(_Object):
    """The JSON part of a file."""

    asset: Asset
    scene: _Index = 0
    scenes: list[Scene] = Field(default=[], max_length=1024)
    nodes: list[Node] = Field(default=[], max_length=_LIST)
    meshes: list[Mesh] = Field(default=[], max_length=4096)
    skins: list[Skin] = Field(default=[], max_length=4096)
    materials: list[Material] = Field(default=[], max_length=4096)
    textures: list[Texture] = Field(default=[], max_length=4096)
    images: list[Picture] = Field(default=[], max_length=4096)
    accessors: list[Accessor] = Field(default=[], max_length=_LIST)
    bufferViews: list[View] = Field(default=[], max_length=_LIST)
    buffers: list[Buffer] = Field(default=[], max_length=256)
    extensionsRequired: list[str] = Field(default=[], max_length=256)
