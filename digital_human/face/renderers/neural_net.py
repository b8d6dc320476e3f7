"""The mouth network, its weights and one shared instance of it for all sessions of a process.

A small U-Net (Ronneberger et al. 2015) at half the resolution of its pictures, brought back by a
pixel shuffle (Shi et al. 2016). For each pixel it gives weights of the four source pictures, a
small correction and an alpha: it copies skin, lips and teeth of the person instead of painting
them, so a hundred thousand parameters or two are enough and nobody gets another person's mouth.

On CUDA it runs in bfloat16 and replays one CUDA graph for each batch size of `BUCKETS` (written for
it, not yet run on one). On a CPU it runs in float32 on the thread that asks; torch is told to use
no further ones, in the whole process, as sessions are what runs side by side.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import WeightsError
from digital_human.face.bundle import NEURAL_NOTICE
from digital_human.face.renderers.neural_inputs import (
    HEIGHT,
    MASKS,
    NUMBERS,
    PICTURES,
    SOURCES,
    WIDTH,
    window,
)
from digital_human.models.files import file_sha256

WEIGHTS = Path(__file__).with_name("neural_mouth.npz")
SHA256 = "a7e694a9ad0a15512979c0504888e48e90fc1a2370f3fac57b29b9a940e31f83"
BUCKETS = (1, 2, 4, 8, 16, 32)
"""Batch sizes that are drawn; a smaller batch is filled up on CUDA."""
WAIT = 0.003  # s that the first of a batch waits for the other sessions
_RECENT = 1.0  # s; a session that has asked for nothing for longer is not waited for
_WIDTHS = (24, 48, 72)
_OUT = len(SOURCES) + 4  # weights of the sources, correction, alpha
_CORRECTION = 0.25  # of the full scale, the most that a correction changes a colour

_log = logging.getLogger(__name__)


class _Block(nn.Module):
    """Two 3×3 convolutions, the second one added to its input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first(x))
        return functional.relu(y + self.second(y))


class MouthNet(nn.Module):
    """Pictures, masks and numbers of a shape → the mouth with alpha."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        a, b, c = _WIDTHS
        self.enter = nn.Conv2d(PICTURES + MASKS, a, 4, stride=2, padding=1)
        self.shape = nn.Linear(NUMBERS, a)
        self.high = nn.Conv2d(a, a, 3, padding=1)
        self.down = _Block(a, b)
        self.deep = _Block(b, c)
        self.rise = nn.ModuleList([nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.up = nn.ModuleList([_Block(b, b), _Block(a, a)])
        self.leave = nn.Conv2d(a, 4 * _OUT, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        bias = torch.zeros(_OUT, 4)
        bias[0] = 2.0  # it begins with the face at rest, warped
        self.leave.bias = nn.Parameter(bias.flatten())
        self.register_buffer("window", torch.from_numpy(window()), persistent=False)

    def forward(self, layers: Tensor, numbers: Tensor, gate: Tensor) -> Tensor:
        """Draw a batch.

        Args:
            layers: 0…255 [n, PICTURES + MASKS, HEIGHT, WIDTH].
            numbers: [n, NUMBERS].
            gate: [n], 0 keeps the picture below.

        Returns:
            [n, 4, HEIGHT, WIDTH], red, green, blue 0…255 and alpha 0…1.
        """
        kind = self.enter.weight.dtype
        x = self.enter((layers * (1 / 255) - 0.5).to(kind))
        x = functional.relu(x + self.shape(numbers.to(kind))[:, :, None, None])
        high = functional.relu(x + self.high(x))
        middle = self.down(functional.max_pool2d(high, 2))
        low = self.deep(functional.max_pool2d(middle, 2))
        for rise, up, skip in zip(self.rise, self.up, (middle, high), strict=True):
            low = up(skip + functional.interpolate(rise(low), size=skip.shape[2:]))
        out = functional.pixel_shuffle(self.leave(low), 2).float()
        count = len(SOURCES)
        weights = torch.softmax(out[:, :count], 1)
        drawn = 255 * _CORRECTION * torch.tanh(out[:, count : count + 3])
        for i in range(count):
            drawn = drawn + weights[:, i : i + 1] * layers[:, 3 * i : 3 * i + 3].float()
        alpha = torch.sigmoid(2 + out[:, -1:]) * self.window.float() * gate[:, None, None, None]
        return torch.cat([drawn.clamp(0, 255), alpha], 1)


def composite(drawn: Tensor, below: Tensor) -> Tensor:
    """``drawn`` [n, 4, h, w] of `MouthNet` over ``below`` 0…255 [n, 3, h, w]."""
    alpha = drawn[:, 3:]
    return below + alpha * (drawn[:, :3] - below)


def save_weights(net: MouthNet, path: Path) -> str:
    """Write the parameters as float16 arrays (NumPy's zip, no pickles); gives its SHA-256."""
    arrays = {name: p.detach().cpu().numpy().astype(np.float16) for name, p in _named(net)}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return file_sha256(path)


def load_weights(path: Path = WEIGHTS, sha256: str | None = SHA256) -> MouthNet:
    """Read a network that `save_weights` wrote, in evaluation mode.

    Raises:
        WeightsError: The file is missing, altered, no array file, or of another network.
    """
    fix = "install digital-human again, or copy the file of the same version to this place"
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"mouth network {path}: cannot be read ({error.strerror})", fix=fix
        ) from None
    if sha256 is not None and hashlib.sha256(blob).hexdigest() != sha256:
        raise WeightsError(f"mouth network {path}: is not the file it should be", fix=fix)
    net = MouthNet()
    try:
        with np.load(BytesIO(blob), allow_pickle=False) as arrays:
            for name, parameter in _named(net):
                array = arrays[name]
                if array.shape != tuple(parameter.shape) or not np.isfinite(array).all():
                    raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
                parameter.data.copy_(torch.from_numpy(array.astype(np.float32)))
    except (BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise WeightsError(
            f"mouth network {path}: does not hold this network ({error})", fix=fix
        ) from None
    return net.eval().requires_grad_(False)


def _named(net: MouthNet) -> list[tuple[str, nn.Parameter]]:
    return sorted(net.named_parameters())


class Wanted(NamedTuple):
    """One mouth to draw.

    Attributes:
        layers: uint8 [HEIGHT, WIDTH, PICTURES + MASKS], see `neural_inputs.pack`.
        numbers: float32 [NUMBERS].
        gate: 0…1.
    """

    layers: ByteArray
    numbers: FloatArray
    gate: float


Draw = Callable[[Tensor, Tensor, Tensor], Tensor]


class MouthPainter:
    """Draws mouths, several at once.

    Args:
        net: The network.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, net: MouthNet, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._net = net.to(self._device)
        self._graphs: dict[int, Draw] = {}
        if self._device.type == "cuda":
            kind, order = torch.bfloat16, torch.channels_last
            self._net = self._net.to(dtype=kind, memory_format=order)  # type: ignore[call-overload]
            self._graphs = {size: self._capture(size) for size in BUCKETS}
        else:
            torch.set_num_threads(1)

    def __call__(self, wanted: list[Wanted]) -> list[ByteArray]:
        """Draw a batch: uint8 [HEIGHT, WIDTH, 4] RGBA each, straight alpha."""
        limit = BUCKETS[-1]
        if not wanted:
            return []
        if len(wanted) > limit:
            return [p for i in range(0, len(wanted), limit) for p in self(wanted[i : i + limit])]
        layers = torch.from_numpy(np.stack([w.layers for w in wanted])).permute(0, 3, 1, 2)
        numbers = torch.from_numpy(np.stack([w.numbers for w in wanted]))
        gates = torch.tensor([w.gate for w in wanted], dtype=torch.float32)
        with torch.inference_mode():
            drawn = self._run(layers, numbers, gates)
        pictures: list[ByteArray] = list(drawn.cpu().numpy())
        return pictures

    def _run(self, layers: Tensor, numbers: Tensor, gates: Tensor) -> Tensor:
        if not self._graphs:
            return _bytes(self._net(layers.float(), numbers, gates))
        count = len(layers)
        size = next(size for size in BUCKETS if size >= count)
        return self._graphs[size](layers, numbers, gates)[:count]

    def _capture(self, size: int) -> Draw:
        """A CUDA graph of one batch size, with its own input and output memory."""
        layers = torch.zeros(size, PICTURES + MASKS, HEIGHT, WIDTH, dtype=torch.uint8,
                             device=self._device)  # fmt: skip
        layers = layers.contiguous(memory_format=torch.channels_last)
        numbers = torch.zeros(size, NUMBERS, device=self._device)
        gates = torch.zeros(size, device=self._device)

        def run() -> Tensor:
            return _bytes(self._net(layers.float(), numbers, gates))

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(side):
            for _ in range(3):  # cuDNN chooses its kernels before the graph is recorded
                run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            out = run()

        def replay(new_layers: Tensor, new_numbers: Tensor, new_gates: Tensor) -> Tensor:
            count = len(new_layers)
            layers[:count].copy_(new_layers, non_blocking=True)
            numbers[:count].copy_(new_numbers, non_blocking=True)
            gates[:count].copy_(new_gates, non_blocking=True)
            graph.replay()
            return out

        return replay


def _bytes(drawn: Tensor) -> Tensor:
    """`MouthNet`'s output as uint8 [n, h, w, 4]."""
    scale = torch.ones(4, device=drawn.device)
    scale[3] = 255
    return (drawn.permute(0, 2, 3, 1) * scale + 0.5).clamp(0, 255).to(torch.uint8)


class MouthBatcher:
    """Lets renderers in many threads share one painter, a batch at a time.

    There is no thread of its own: one of those that ask leads. When the painter is free it waits
    until every session that draws at present has asked, at most ``wait`` seconds, draws the batch
    and hands out the pictures. Called from the threads that draw, never from an event loop.

    Args:
        painter: Draws a batch.
        wait: Seconds.
    """

    def __init__(
        self, painter: Callable[[list[Wanted]], list[ByteArray]], wait: float = WAIT
    ) -> None:
        self._painter, self._wait = painter, wait
        self._changed = threading.Condition()
        self._painting = threading.Lock()
        self._asked: list[tuple[Wanted, Future[ByteArray]]] = []
        self._led = False
        self._sessions: dict[int, float] = {}

    def draw(self, wanted: Wanted, session: int = 0, timeout: float = 10.0) -> ByteArray:
        """Draw one mouth together with those of other sessions.

        Args:
            wanted: The mouth.
            session: Who asks; a session asks for one picture at a time.
            timeout: Seconds after which the picture counts as lost.

        Returns:
            uint8 [HEIGHT, WIDTH, 4] RGBA, straight alpha.

        Raises:
            TimeoutError: The batch it was in, or the one before, took longer.
        """
        end = time.monotonic() + timeout
        mine: Future[ByteArray] = Future()
        with self._changed:
            self._sessions[session] = time.monotonic()
            self._asked.append((wanted, mine))
            leads, self._led = not self._led, True
            self._changed.notify_all()
        if leads:
            self._lead(end)
        try:
            return mine.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            with self._changed:
                self._asked = [asked for asked in self._asked if asked[1] is not mine]
            raise

    def _lead(self, end: float) -> None:
        """Draw a batch when the painter is free, at most until ``end``; no error leaves it led."""
        locked = False
        try:
            locked = self._painting.acquire(timeout=max(0.0, end - time.monotonic()))
            if not locked:
                raise TimeoutError("mouth network: the batch before this one takes too long")
            batch = self._collect()
        except BaseException as error:
            if locked:
                self._painting.release()
            _fail(self._take(), error)
            return
        try:
            self._paint(batch)
        finally:
            self._painting.release()

    def _collect(self) -> list[tuple[Wanted, Future[ByteArray]]]:
        end = time.monotonic() + self._wait
        with self._changed:
            while (left := end - time.monotonic()) > 0 and len(self._asked) < self._drawing():
                self._changed.wait(left)
            return self._take()

    def _take(self) -> list[tuple[Wanted, Future[ByteArray]]]:
        """What was asked for; who asks next leads."""
        with self._changed:
            batch, self._asked, self._led = self._asked, [], False
        return batch

    def _drawing(self) -> int:
        """Sessions that asked lately."""
        since = time.monotonic() - _RECENT
        self._sessions = {name: at for name, at in self._sessions.items() if at > since}
        return len(self._sessions)

    def _paint(self, batch: list[tuple[Wanted, Future[ByteArray]]]) -> None:
        try:
            pictures = self._painter([wanted for wanted, _ in batch]) if batch else []
            drawn = list(zip(batch, pictures, strict=True))
        except BaseException as error:
            _fail(batch, error)
            return
        for (_, future), picture in drawn:
            future.set_result(picture)


def _fail(batch: list[tuple[Wanted, Future[ByteArray]]], error: BaseException) -> None:
    """Give ``error`` to all who wait; one that is to end the process is raised here as well."""
    for _, future in batch:
        future.set_exception(error)
    if not isinstance(error, Exception):
        raise error


PaintOne = Callable[[Wanted, int], ByteArray]


_loading = threading.Lock()


def shared_painter() -> PaintOne:
    """The painter of this process: batched over sessions on CUDA, one by one on a CPU.

    On a CPU a batch is no faster than its members, and sessions on different cores would wait for
    each other.

    Raises:
        WeightsError: The network's file is missing or altered.
    """
    with _loading:
        return _painter()


@lru_cache(maxsize=1)
def _painter() -> PaintOne:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    painter = MouthPainter(load_weights(), device)
    _log.warning("%s (drawn on %s)", NEURAL_NOTICE, device)
    if device == "cuda":
        return MouthBatcher(painter).draw
    return lambda wanted, session: painter([wanted])[0]
