"""Draws a head mesh with OpenGL, without a display (EGL; Mesa's llvmpipe where there is no GPU).

A context is current in one thread at a time and takes a hundred MiB, so the process has a few, each
with the programs and textures of the avatars drawn in it. They are lent to threads, a picture at a
time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from weakref import ref

import cv2
import moderngl
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import ResourceError
from digital_human.face.head_bundle import MATERIALS, HeadAvatar, HeadMesh, Part
from digital_human.face.mesh import IntArray

CAMERA = 13.0
"""Distance of the camera from the eyes in outer-eye distances: that of a portrait lens."""
OVERSAMPLE = 1.2
"""Pixels drawn per pixel shown, on each side: on a CPU far cheaper than multisampling, which costs
four samples in every pixel."""
_STAGES = min(8, os.cpu_count() or 1)
_MODELS, _TARGETS = 12, 4  # kept in a stage
_SHUT = 0.02  # a mouth less open hides teeth and tongue
_DEFINES = {
    "skin": ("SKIN",), "eye": (), "mouth": ("MOUTH",), "cloth": ("CLOTH", "CUT", "BOTH_SIDES"),
    "hair": ("HAIR", "BOTH_SIDES"), "strands": ("HAIR", "BLENDED", "BOTH_SIDES"),
}  # fmt: skip
_BLENDED = ("strands", *(name for name in MATERIALS if name.endswith("_blended")))
"""They hide nothing that is drawn after them."""
_EYES = tuple(name for name in MATERIALS if "eye" in name)
_ONE_SIDED = ("skin", "eye", "mouth")


def _defines(material: str) -> tuple[str, ...]:
    if material in _DEFINES:
        return _DEFINES[material]
    flat = ("FLAT",) if material.startswith("flat") else ()
    return (*flat, "BOTH_SIDES", "COLOUR" if material in _BLENDED else "CUT")


@dataclass(frozen=True, slots=True)
class Pose:
    """What a frame sets beside the vertices.

    Attributes:
        head: float32 [3, 3], rotation of the head.
        shift: float32 [3], its translation, io.
        breath: Lift of the chest, io.
        eyes: float32 [2, 3, 3], rotation of the right and left eyeball.
        lids: float32 [2, 2], height of the upper and lower lid's edge over the centre of the right
            and left eyeball, in its radii.
        opening: 0…1, how far the mouth is open.
    """

    head: FloatArray
    shift: FloatArray
    breath: float
    eyes: FloatArray
    lids: FloatArray
    opening: float


class StagePool:
    """The stages of the process; as many are made as threads draw at once.

    Args:
        limit: The most there may be; further threads wait until one is free.
    """

    def __init__(self, limit: int = _STAGES) -> None:
        self._limit = limit
        self._made = 0
        self._free: list[Stage] = []
        self._changed = threading.Condition()

    @property
    def made(self) -> int:
        """Stages made so far."""
        return self._made

    def prepare(self) -> None:
        """Make the first stage.

        Raises:
            ResourceError: This machine has no EGL.
        """
        if not self._made:
            with self.lend():
                pass

    @contextmanager
    def lend(self) -> Iterator[Stage]:
        """A stage whose context is current in the calling thread; not to be nested.

        Raises:
            ResourceError: This machine has no EGL.
        """
        stage = self._take()
        try:
            with stage.context:
                yield stage
        finally:
            self._give(stage)

    def _take(self) -> Stage:
        with self._changed:
            while not self._free and self._made >= self._limit:
                self._changed.wait()
            if self._free:
                return self._free.pop()  # the one used last: fewest stages hold an avatar
            self._made += 1
        try:
            return Stage(_context())
        except BaseException:
            self._give(None)
            raise

    def _give(self, stage: Stage | None) -> None:
        """Take back a stage, or the place of one that could not be made."""
        with self._changed:
            if stage is None:
                self._made -= 1
            else:
                self._free.append(stage)
            self._changed.notify()


_POOL = StagePool()


def stage() -> AbstractContextManager[Stage]:
    """Lends a `Stage` to the calling thread for as long as the ``with`` statement runs.

    Raises:
        ResourceError: This machine has no EGL.
    """
    _POOL.prepare()
    return _POOL.lend()


def _context() -> moderngl.Context:
    """A new context, current nowhere."""
    # llvmpipe's own threads cost more than they save while sessions share the processors; it
    # rasterises in the calling thread unless the operator says otherwise.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        options: dict[str, Any] = {"standalone": True, "backend": "egl"}
        context = moderngl.create_context(require=330, **options)
    except Exception as error:  # the loader raises plain Exception
        raise ResourceError(
            f"OpenGL without a display does not start: {error}",
            fix="install EGL and Mesa: sudo apt-get install -y libegl1 libgl1-mesa-dri",
        ) from error
    context.front_face = "cw"  # rows run from the top down, which mirrors every triangle
    context.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # it was made current
    return context


@functools.cache
def _source(name: str) -> str:
    return files("digital_human.face.renderers").joinpath("shaders", name).read_text("utf-8")


class Stage:
    """Programs, targets and models of one OpenGL context.

    Args:
        context: Current in the calling thread whenever the stage is used.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self._programs: dict[str, moderngl.Program] = {}
        self._targets: dict[tuple[int, int], _Target] = {}
        self._models: dict[ref[HeadAvatar], _Model] = {}

    def program(self, material: str) -> moderngl.Program:
        """The program that draws ``material``."""
        if material not in self._programs:
            defines = "".join(f"#define {name}\n" for name in _defines(material))
            common = f"#version 330\n{defines}{_source('light.glsl')}"
            fragment = "eye.frag" if material == "eye" else "surface.frag"
            self._programs[material] = self.context.program(
                vertex_shader=common + _source("head.vert"),
                fragment_shader=common + _source(fragment),
            )
        return self._programs[material]

    def draw(
        self, avatar: HeadAvatar, moving: FloatArray, pose: Pose, frame: FloatArray, out: ByteArray
    ) -> None:
        """Draw one picture.

        Args:
            avatar: Whose textures and static vertices are used.
            moving: float32 [m, 6], position and normal of the vertices that targets move.
            pose: The rest of the frame.
            frame: float32 [4], scale and middle of the picture in clip space, see ``head.vert``.
            out: uint8 [h, w, 4], takes the picture with premultiplied alpha.
        """
        target = self._target((out.shape[1], out.shape[0]))
        self._model(avatar).draw(target.drawn, moving, pose, frame)
        target.read(out)

    def _target(self, size: tuple[int, int]) -> _Target:
        """Kept until `_TARGETS` others were used."""
        target = self._targets.pop(size, None) or _Target(self.context, size)
        self._targets[size] = target
        while len(self._targets) > _TARGETS:
            self._targets.pop(next(iter(self._targets))).release()
        return target

    def _model(self, avatar: HeadAvatar) -> _Model:
        """Kept until the avatar is gone or `_MODELS` others were drawn."""
        for gone in [key for key in self._models if key() is None]:
            self._models.pop(gone).release()
        model = self._models.pop(ref(avatar), None) or _Model(self, avatar)
        self._models[ref(avatar)] = model
        while len(self._models) > _MODELS:
            self._models.pop(next(iter(self._models))).release()
        return model


class _Target:
    """Picture of one size, drawn larger."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        self._size = size
        drawn = round(size[0] * OVERSAMPLE), round(size[1] * OVERSAMPLE)
        self._large = np.zeros((drawn[1], drawn[0], 4), np.uint8)
        self._buffers = context.renderbuffer(drawn, 4), context.depth_renderbuffer(drawn)
        self.drawn = context.framebuffer([self._buffers[0]], self._buffers[1])

    def read(self, out: ByteArray) -> None:
        """Fetch what was drawn, in the size wanted."""
        self.drawn.read_into(self._large.data, components=4, alignment=1)
        cv2.resize(self._large, self._size, dst=out, interpolation=cv2.INTER_LINEAR)

    def release(self) -> None:
        """Free its memory."""
        for thing in (self.drawn, *self._buffers):
            thing.release()


class _Model:
    """Buffers and textures of one avatar."""

    def __init__(self, stage: Stage, avatar: HeadAvatar) -> None:
        self._stage, self._context = stage, stage.context
        context, mesh = stage.context, avatar.mesh
        self._mesh = mesh
        dynamic = np.hstack([mesh.positions, mesh.normals]).astype(np.float32)
        self._dynamic = context.buffer(dynamic.tobytes(), dynamic=True)
        uv = np.ascontiguousarray(mesh.uv, np.float32)
        static = np.hstack([uv.view(np.uint8).reshape(len(uv), 8), mesh.bake])
        self._static = context.buffer(np.ascontiguousarray(static).tobytes())
        self._index = context.buffer(_ordered(mesh).astype(np.uint32).tobytes())
        self._textures = [self._texture(image) for image in avatar.textures]
        # What is listed later lies over what is listed before: drawn first, it hides it unlit.
        solid = [part for part in reversed(mesh.parts) if part.material not in _BLENDED]
        blended = [part for part in mesh.parts if part.material in _BLENDED]
        self._parts = [(part, self._array(part)) for part in (*solid, *blended)]

    def release(self) -> None:
        """Free its memory."""
        for _, array in self._parts:
            array.release()
        for texture in self._textures:
            texture.release()
        for buffer in (self._dynamic, self._static, self._index):
            buffer.release()

    def _texture(self, image: ByteArray) -> moderngl.Texture:
        texture = self._context.texture(image.shape[1::-1], 4, np.ascontiguousarray(image).data)
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _array(self, part: Part) -> moderngl.VertexArray:
        return self._context.vertex_array(
            self._stage.program(part.material),
            [
                (self._dynamic, "3f 3f", "in_position", "in_normal"),
                (self._static, "2f 4f1", "in_uv", "in_bake"),
            ],
            index_buffer=self._index,
            index_element_size=4,
            skip_errors=True,
        )

    def draw(
        self, target: moderngl.Framebuffer, moving: FloatArray, pose: Pose, frame: FloatArray
    ) -> None:
        context = self._context
        target.use()
        target.depth_mask = True
        target.clear(0.0, 0.0, 0.0, 0.0)
        self._dynamic.write(np.ascontiguousarray(moving).data)
        context.enable(moderngl.DEPTH_TEST)
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        for material in {part.material for part, _ in self._parts}:
            self._set(material, pose, frame)
        for part, array in self._parts:
            if part.material == "mouth" and pose.opening < _SHUT:
                continue
            self._switch(moderngl.BLEND, part.material in _BLENDED)
            self._switch(moderngl.CULL_FACE, part.material in _ONE_SIDED)
            target.depth_mask = part.material not in _BLENDED
            self._textures[part.texture].use()
            for _ in self._balls(part, array.program, pose):
                array.render(vertices=3 * part.count, first=3 * part.first)

    def _set(self, material: str, pose: Pose, frame: FloatArray) -> None:
        program = self._stage.program(material)
        values = {
            "u_frame": frame, "u_head": pose.head.T, "u_pivot": self._mesh.pivot,
            "u_shift": pose.shift, "u_eye": np.eye(3, dtype=np.float32),
            "u_ball": np.zeros(4, np.float32),
        }  # fmt: skip
        for name, value in values.items():
            if name in program:
                _uniform(program, name).write(np.ascontiguousarray(value, np.float32).tobytes())
        for name, number in (
            ("u_camera", CAMERA), ("u_breath", pose.breath), ("u_opening", pose.opening)
        ):  # fmt: skip
            if name in program:
                _uniform(program, name).value = number

    def _balls(self, part: Part, program: moderngl.Program, pose: Pose) -> Iterator[None]:
        """Once for most parts; an eye is turned about its own centre."""
        if part.material in _EYES:
            first = self._mesh.positions[self._mesh.triangles[part.first, 0]]
            side = int(np.argmin(np.linalg.norm(self._mesh.eyes[:, :3] - first, axis=1)))
            turn = np.ascontiguousarray(pose.eyes[side].T, np.float32)
            _uniform(program, "u_eye").write(turn.tobytes())
            _uniform(program, "u_ball").write(self._mesh.eyes[side].tobytes())
            if "u_lids" in program:
                _uniform(program, "u_lids").write(pose.lids[side].tobytes())
        yield

    def _switch(self, flag: int, on: bool) -> None:
        (self._context.enable if on else self._context.disable)(flag)


def _ordered(mesh: HeadMesh) -> IntArray:
    """Triangles with neighbours together in each solid part, so that vertices are lit once."""
    out = mesh.triangles.copy()
    for part in mesh.parts:
        if part.material not in _BLENDED:
            run = slice(part.first, part.first + part.count)
            out[run] = out[run][np.argsort(out[run].min(axis=1), kind="stable")]
    return out


def _uniform(program: moderngl.Program, name: str) -> moderngl.Uniform:
    uniform = program[name]
    assert isinstance(uniform, moderngl.Uniform)
    return uniform
