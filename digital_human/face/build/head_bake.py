"""Bakes open sky and key light into the vertices of a head, with depth maps drawn by OpenGL."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from digital_human.face.renderers.head_gl import stage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZE = 512
_VERTEX = """#version 330
in vec3 in_position; uniform mat4 u_view;
void main() { gl_Position = u_view * vec4(in_position, 1.0); }"""
_NOTHING = "#version 330\nvoid main() {}"


class Baker:
    """Tells what is seen from where.

    Args:
        triangles: [t, 3], what casts shadows.
    """

    def __init__(self, triangles: Ints) -> None:
        self._index = triangles.astype(np.uint32).tobytes()

    def seen(
        self, casters: Floats, points: Floats, normals: Floats, directions: Floats, bias: float
    ) -> Floats:
        """Which of ``directions`` [d, 3] reach each of ``points`` [n, 3], as 0…1 [d, n].

        ``casters`` [m, 3] are the vertices of the triangles; ``bias`` is in io.

        Raises:
            ResourceError: This machine has no EGL.
        """
        middle = (casters.max(0) + casters.min(0)) / 2
        reach = float(np.linalg.norm(casters - middle, axis=1).max())
        out = np.zeros((len(directions), len(points)))
        lifted = points + normals * bias
        with stage() as lent, _DepthMap(lent.context, casters, self._index) as depth_map:
            for i, direction in enumerate(directions):
                side = np.cross(direction, (0.0, 1.0, 0.01))
                side /= np.linalg.norm(side)
                axes = np.stack([side, np.cross(side, direction), -direction]) / reach
                view = np.eye(4)
                view[:3, :3] = axes
                view[:3, 3] = -axes @ middle
                depth = depth_map.draw(view)
                clip = lifted @ axes.T - axes @ middle
                pixel = np.clip((clip[:, :2] + 1) / 2 * SIZE, 0, SIZE - 1.001)
                x, y = pixel.astype(int).T
                out[i] = depth[y, x] >= (clip[:, 2] + 1) / 2 - 0.25 * bias / reach
        return out


class _DepthMap:
    """Draws how far triangles are; a context manager, its memory is free afterwards.

    Args:
        context: Current in the calling thread.
        casters: [m, 3], vertices.
        index: uint32 [t, 3] as bytes, triangles.
    """

    def __init__(self, context: moderngl.Context, casters: Floats, index: bytes) -> None:
        self._context = context
        self._program = context.program(vertex_shader=_VERTEX, fragment_shader=_NOTHING)
        self._vertices = context.buffer(casters.astype(np.float32).tobytes())
        self._index = context.buffer(index)
        self._array = context.vertex_array(
            self._program, [(self._vertices, "3f", "in_position")], self._index
        )
        self._depth = context.depth_texture((SIZE, SIZE))
        self._target = context.framebuffer(depth_attachment=self._depth)

    def __enter__(self) -> _DepthMap:
        return self

    def __exit__(self, *_: object) -> None:
        for thing in (
            self._target, self._depth, self._array, self._index, self._vertices, self._program
        ):  # fmt: skip
            thing.release()

    def draw(self, view: Floats) -> NDArray[np.float32]:
        """Depth 0…1 [SIZE, SIZE] as ``view`` [4, 4] sees it."""
        uniform = self._program["u_view"]
        assert isinstance(uniform, moderngl.Uniform)
        uniform.write(view.T.astype(np.float32).tobytes())
        self._target.use()
        self._target.clear(depth=1.0)
        self._context.disable(moderngl.CULL_FACE | moderngl.BLEND)
        self._context.enable(moderngl.DEPTH_TEST)
        self._array.render()
        return np.frombuffer(self._depth.read(), np.float32).reshape(SIZE, SIZE)


def directions(count: int) -> Floats:
    """Evenly spread directions [count, 3] (a Fibonacci sphere)."""
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - y * y)
    return np.stack([flat * np.cos(angle), y, flat * np.sin(angle)], 1)


def open_sky(
    baker: Baker, casters: Floats, points: Floats, normals: Floats, count: int = 100
) -> Floats:
    """Cosine-weighted share of the sky that is seen [n]."""
    dirs = directions(count)
    seen = baker.seen(casters, points, normals, dirs, 0.03)
    weight = np.clip(dirs @ normals.T, 0, None)
    return np.asarray((seen * weight).sum(0) / np.maximum(weight.sum(0), 1e-6))


def lit(
    baker: Baker,
    casters: Floats,
    points: Floats,
    normals: Floats,
    light: Floats,
    spread: float,
    count: int = 20,
) -> Floats:
    """Share of a round light in direction ``light`` that arrives [n]; ``spread`` in radians."""
    rng = np.random.default_rng(1)
    jitter = rng.normal(size=(count, 3)) * spread * 0.6
    dirs: Floats = light / np.linalg.norm(light) + jitter
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    return np.asarray(baker.seen(casters, points, normals, dirs, 0.04).mean(0))
