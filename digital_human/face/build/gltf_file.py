"""Reads glTF 2.0 files that nobody vouches for: bounded, checked, and never beyond the file itself.

After the Khronos specification (https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html): the
binary container, JSON, accessors (strided, normalised, sparse) and embedded pictures. Buffers and
pictures must lie in the file; paths and addresses are not followed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import struct
import warnings
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.build.gltf_schema import MAX_FILE, Accessor, Document, Sparse, View

MAX_JSON = 32 * 2**20
MAX_NUMBERS = 48 * 2**20
"""Numbers that all accessors of a file may hold together."""
MAX_PICTURE = 4096
_SUFFIXES = (".glb", ".gltf", ".vrm")
_READS = (
    "KHR_materials_", "KHR_texture_transform", "KHR_mesh_quantization", "KHR_lights_punctual",
    "EXT_texture_webp", "VRM", "VRMC_",
)  # fmt: skip
_EXPORT = "export it again as .glb with all buffers and pictures inside"
_COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco compression",
    "EXT_meshopt_compression": "meshopt compression",
    "KHR_texture_basisu": "Basis (KTX2) pictures",
}
_KINDS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
Numbers = npt.NDArray[Any]
_Item = TypeVar("_Item")


class GltfFile:
    """One file, read.

    Args:
        path: A ``.glb``, ``.vrm`` or self-contained ``.gltf`` file.

    Attributes:
        path: Where it is.
        sha256: Of its bytes; consent is given for that.
        document: Its JSON.

    Raises:
        InputError: There is no such file, it is too large, no glTF 2.0, or needs what is not read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        blob = self._bytes()
        self.sha256 = hashlib.sha256(blob).hexdigest()
        text, self._chunk = self._container(blob)
        self.document = self._parse(text)
        self._refuse_unread()
        self._buffers: dict[int, bytes] = {}
        self._arrays: dict[int, Numbers] = {}
        self._moves: dict[int, bool] = {}
        self._numbers = 0

    def wrong(self, what: str, fix: str = _EXPORT) -> InputError:
        """The error that says what is wrong with this file."""
        return InputError(f"model {self.path}: {what}", fix=fix)

    def item(self, items: list[_Item], index: int, what: str) -> _Item:
        """``items[index]``, checked.

        Raises:
            InputError: There is none.
        """
        if index >= len(items):
            raise self.wrong(f"refers to {what} {index}, has {len(items)}")
        return items[index]

    def array(self, index: int, kind: str) -> Numbers:
        """The numbers of accessor ``index``, shared and not to be changed.

        Args:
            index: Of the accessor.
            kind: The type it must have, such as ``VEC3``.

        Returns:
            float32 [n, width] where the file has floats or normalised integers, else its integers;
            [n] for scalars.

        Raises:
            InputError: The accessor is missing, of another type, or leads out of its buffer.
        """
        if index not in self._arrays:
            accessor = self.item(self.document.accessors, index, "accessor")
            self._arrays[index] = self._read(accessor, index)
            self._arrays[index].setflags(write=False)
        have = self.document.accessors[index].type
        if have != kind:
            raise self.wrong(f"accessor {index} is {have}, must be {kind}")
        return self._arrays[index]

    def moves(self, target: dict[str, int]) -> bool:
        """Whether a morph target displaces any vertex at all.

        Raises:
            InputError: Its accessor is missing, of another type, or leads out of its buffer.
        """
        index = target.get("POSITION")
        if index is None:
            return False
        if index not in self._moves:
            self._moves[index] = bool(self.array(index, "VEC3").any())
        return self._moves[index]

    def picture(self, texture: int) -> ByteArray:
        """A texture's picture as uint8 [h, w, 4] RGBA.

        Raises:
            InputError: It is missing, too large or no PNG, JPEG or WebP.
        """
        used = self.item(self.document.textures, texture, "texture")
        webp = used.extensions.get("EXT_texture_webp")
        source = webp.get("source") if isinstance(webp, dict) else used.source
        if not isinstance(source, int) or source < 0:
            raise self.wrong(f"texture {texture} has no picture that can be read")
        image = self.item(self.document.images, source, "image")
        if image.bufferView is not None:
            view = self.item(self.document.bufferViews, image.bufferView, "buffer view")
            blob = bytes(self._view(view, image.bufferView))
        else:
            blob = self._data_uri(image.uri, f"image {source}")
        fix = f"make its textures at most {MAX_PICTURE} pixels wide and high"
        try:
            with warnings.catch_warnings():
                # Pillow warns of large pictures; the limit below is the stricter one.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(blob), formats=["PNG", "JPEG", "WEBP"]) as opened:
                    if max(opened.size) > MAX_PICTURE:
                        raise self.wrong(f"image {source} is {opened.width}×{opened.height}", fix)
                    return np.asarray(opened.convert("RGBA"), np.uint8)
        except Image.DecompressionBombError as error:
            raise self.wrong(f"image {source} has too many pixels", fix) from error
        except (
            UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, struct.error
        ) as error:  # fmt: skip
            raise self.wrong(f"image {source} cannot be read ({error})") from error

    def _bytes(self) -> bytes:
        if self.path.suffix.lower() not in _SUFFIXES:
            raise self.wrong("its name must end in .glb, .vrm or .gltf", "give a 3D model")
        if not self.path.is_file():
            raise self.wrong("there is no such file", "check the path")
        if self.path.stat().st_size > MAX_FILE:
            raise self.wrong(
                f"larger than {MAX_FILE >> 20} MiB", "reduce its textures and its triangles"
            )
        return self.path.read_bytes()

    def _container(self, blob: bytes) -> tuple[bytes, bytes | None]:
        """JSON text and the binary chunk."""
        if blob[:4] != b"glTF":
            return blob, None
        if len(blob) < 20:
            raise self.wrong("is cut off")
        version, length = struct.unpack_from("<II", blob, 4)
        if version != 2:
            raise self.wrong(f"is glTF {version}, must be glTF 2")
        if length > len(blob):
            raise self.wrong(f"is cut off: has {len(blob)} of {length} bytes", "fetch it again")
        chunks: dict[bytes, bytes] = {}
        at = 12
        while at + 8 <= length:
            size, kind = struct.unpack_from("<I4s", blob, at)
            if at + 8 + size > length:
                raise self.wrong("a chunk is longer than the file", "fetch it again")
            chunks.setdefault(kind, blob[at + 8 : at + 8 + size])
            at += 8 + size
        if b"JSON" not in chunks:
            raise self.wrong("has no JSON chunk")
        return chunks[b"JSON"], chunks.get(b"BIN\0")

    def _parse(self, text: bytes) -> Document:
        if len(text) > MAX_JSON:
            raise self.wrong(f"its JSON is larger than {MAX_JSON >> 20} MiB")
        try:
            return Document.model_validate_json(text.rstrip(b"\0 "))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise self.wrong(f"is no glTF 2.0: {where} {first['msg']}") from error

    def _refuse_unread(self) -> None:
        if not self.document.asset.version.startswith("2."):
            raise self.wrong(f"is glTF {self.document.asset.version}, must be glTF 2")
        for name in self.document.extensionsRequired:
            if name in _COMPRESSED:
                raise self.wrong(
                    f"uses {_COMPRESSED[name]} ({name}), which is not read",
                    "export it again without compression (in Blender: switch Compression off)",
                )
            if not name.startswith(_READS):
                raise self.wrong(f"needs the extension {name!r}, which is not read")

    def _read(self, accessor: Accessor, index: int) -> Numbers:
        if accessor.componentType not in _KINDS or accessor.type not in _WIDTHS:
            raise self.wrong(
                f"accessor {index}: {accessor.type} of {accessor.componentType} is not read"
            )
        dtype, width = np.dtype(_KINDS[accessor.componentType]), _WIDTHS[accessor.type]
        self._numbers += accessor.count * width
        if self._numbers > MAX_NUMBERS:
            raise self.wrong("has too many vertices and targets", "simplify its meshes")
        shape = accessor.count, width
        if accessor.bufferView is None:
            out = np.zeros(shape, dtype)
        else:
            out = self._strided(accessor.bufferView, accessor.byteOffset, dtype, shape, index)
        if accessor.sparse is not None:
            out = self._patched(out, accessor.sparse, index)
        if dtype.kind == "f" and not np.isfinite(out).all():
            raise self.wrong(f"accessor {index} holds numbers that are not finite")
        if accessor.normalized and dtype.kind != "f":
            out = np.maximum(out.astype(np.float32) / np.iinfo(dtype).max, -1)
        out = np.ascontiguousarray(out)
        return out[:, 0] if width == 1 else out

    def _patched(self, out: Numbers, sparse: Sparse, index: int) -> Numbers:
        kind = _KINDS.get(sparse.indices.componentType, "")
        if sparse.count > len(out) or kind not in ("<u1", "<u2", "<u4"):
            raise self.wrong(f"accessor {index}: its sparse part is broken")
        at = sparse.indices
        where = self._strided(
            at.bufferView, at.byteOffset, np.dtype(kind), (sparse.count, 1), index
        )[:, 0]
        if int(where.max()) >= len(out):
            raise self.wrong(f"accessor {index}: a sparse index is out of range")
        values = sparse.values
        out = out.copy()
        out[where] = self._strided(
            values.bufferView, values.byteOffset, out.dtype, (sparse.count, out.shape[1]), index
        )
        return out

    def _strided(
        self, view: int, offset: int, dtype: np.dtype[Any], shape: tuple[int, int], index: int
    ) -> Numbers:
        """Numbers out of a view; numpy itself checks that they lie in its bytes."""
        described = self.item(self.document.bufferViews, view, "buffer view")
        stride = described.byteStride or dtype.itemsize * shape[1]
        try:
            return np.ndarray(
                shape, dtype, self._view(described, view), offset, (stride, dtype.itemsize)
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(f"accessor {index} leads out of its buffer") from error

    def _view(self, view: View, index: int) -> memoryview:
        blob = self._buffer(view.buffer)
        if view.byteOffset + view.byteLength > len(blob):
            raise self.wrong(f"buffer view {index} leads out of its buffer")
        return memoryview(blob)[view.byteOffset : view.byteOffset + view.byteLength]

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            buffer = self.item(self.document.buffers, index, "buffer")
            if buffer.uri is None and index == 0 and self._chunk is not None:
                blob = self._chunk
            else:
                blob = self._data_uri(buffer.uri, f"buffer {index}")
            if len(blob) < buffer.byteLength:
                raise self.wrong(f"buffer {index} is cut off", "fetch it again")
            self._buffers[index] = blob[: buffer.byteLength]
        return self._buffers[index]

    def _data_uri(self, uri: str | None, what: str) -> bytes:
        head, comma, body = (uri or "").partition(",")
        if not (head.startswith("data:") and head.endswith(";base64") and comma):
            raise self.wrong(f"{what} lies outside of the file ({(uri or 'nowhere')[:80]!r})")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise self.wrong(f"{what} is no valid base64") from error
