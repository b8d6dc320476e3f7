"""Small changes of the decoder's weights for one person, on a minute of recordings.

The base stays frozen. What changes is little: the shifts and scales that the style gives every
channel (for one person a constant each), and low-rank parts (Hu et al. 2021) of the vocoder's
convolutions. Seconds that are held back from the training tell when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from digital_human.core.frames import FloatArray
from digital_human.models import store
from digital_human.speech.cloning import losses
from digital_human.speech.cloning.descent import Descent
from digital_human.speech.cloning.encoders import loss_encoder
from digital_human.speech.cloning.fit import CROP, Progress, crop, decoded_crop, training_key
from digital_human.speech.cloning.references import References
from digital_human.speech.cloning.targets import Target, targets
from digital_human.speech.synthesizers.kokoro_adapter import write_adapter
from digital_human.speech.synthesizers.kokoro_blocks import AdaptiveNorm
from digital_human.speech.synthesizers.kokoro_net import KokoroNet, load
from digital_human.speech.synthesizers.kokoro_vocoder import UNIT
from digital_human.speech.synthesizers.kokoro_weights import places

RANK = 4
_RATE = 6e-3
_SPEAKER, _DECAY = 2.0, 0.02
_CHECK = 12  # steps between two listenings to the held-back seconds
_PATIENCE = 3  # listenings without gain
_HELD_BACK = 0.15


@dataclass(frozen=True, slots=True)
class Adapted:
    """Changes of weights for one person.

    Attributes:
        changes: As `kokoro_adapter.write_adapter` takes them.
        steps: Steps to the best state.
        before: Loss on the held-back seconds without the changes.
        after: The same with them.
    """

    changes: Mapping[str, FloatArray]
    steps: int
    before: float
    after: float

    def save(self, path: Path) -> None:
        """Write the adapter file.

        Raises:
            ResourceError: It cannot be written.
        """
        write_adapter(path, self.changes)


def adapt(
    references: References,
    style: FloatArray,
    *,
    seed: int = 0,
    steps: int = 120,
    progress: Progress = lambda step, share: None,
    resume: Path | None = None,
    device: str = "cpu",
) -> Adapted:
    """Adapt the decoder to a person, beginning at a fitted style.

    Deterministic: the same recordings, style, seed and settings give the same changes on the same
    machine.

    Args:
        references: The person; only ``train`` is used, and a part of it is held back.
        style: float32 [256], from `fit_style`.
        seed: Of the crops and of the first values.
        steps: Most steps.
        progress: Told the step and the share that is done.
        resume: Folder for the state, so that a stopped adaptation goes on.
        device: ``cpu`` or ``cuda``.

    Raises:
        WeightsError: A model is missing.
        InputError: No recording can be used.
    """
    base = store().path("kokoro-fp32") / "model.onnx"
    net = load(base, device)
    progress("pitch and timing of the recordings", 0.0)
    wanted = targets(references.train, net, style)
    trained, checks = held_back(wanted, seed)
    tensors = changeable(net, seed)
    begun = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    timbre = torch.from_numpy(np.asarray(style[:128], np.float32))[None].to(net.device)
    spectral = losses.SpectralLoss(losses.loudest([t.pcm for t in wanted]))
    sounds = [t.pcm[:, t.speech[0] * UNIT : t.speech[1] * UNIT] for t in wanted]
    speaker = losses.SpeakerLoss(loss_encoder(), sounds)

    def heard(target: Target, start: int) -> Tensor:
        made, real = decoded_crop(net, target, timbre, start, CROP)
        result: Tensor = spectral(made, real) + _SPEAKER * speaker(made)
        return result

    def loss(step: int) -> Tensor:
        which, start = crop(trained, seed, step, CROP)
        moved = torch.stack([(tensors[n] - begun[n]).square().mean() for n in tensors])
        return heard(trained[which], start) + _DECAY * moved.sum()

    @torch.no_grad()
    def listen() -> float:
        return float(torch.stack([heard(target, start) for target, start in checks]).mean())

    descent = Descent(
        tensors,
        rate=_RATE,
        steps=steps,
        resume=None if resume is None else resume / "adapter.npz",
        key=training_key(references, seed, steps, style.tobytes()),
    )
    best = _descend(descent, loss, listen, lambda share: progress("adapting", share))
    progress("adapter is ready", 1.0)
    values = {name: torch.from_numpy(np.asarray(best[f"best/{name}"])) for name in tensors}
    return Adapted(
        changes=exported(values, begun, net, base),
        steps=int(best["at"]),
        before=float(best["before"]),
        after=float(best["after"]),
    )


def _descend(
    descent: Descent,
    loss: Callable[[int], Tensor],
    listen: Callable[[], float],
    progress: Callable[[float], None],
) -> dict[str, npt.NDArray[np.generic]]:
    """Descend until the held-back seconds get no better; the best state and how it was found."""
    kept = descent.extra
    if not kept:
        kept.update(_state(descent, listen(), 0))
        kept["before"] = kept["after"]
    if descent.done - int(kept["at"]) >= _PATIENCE * _CHECK:
        return kept
    for done, _ in descent.run(loss):
        progress(done / descent.steps)
        if done % _CHECK and done != descent.steps:
            continue
        if (now := listen()) < float(kept["after"]):
            kept.update(_state(descent, now, done))
        descent.save()
        if done - int(kept["at"]) >= _PATIENCE * _CHECK:
            break
    return kept


def _state(descent: Descent, loss: float, done: int) -> dict[str, npt.NDArray[np.generic]]:
    values = {f"best/{name}": t.cpu().numpy() for name, t in descent.values().items()}
    return {**values, "after": np.array(loss), "at": np.array(done)}


def held_back(wanted: Sequence[Target], seed: int) -> tuple[list[Target], list[tuple[Target, int]]]:
    """What is trained on, and crops to listen to: the target and the first unit of each.

    Whole utterances are held back when there are three or more, else the last 1.2 s of one.
    """
    order = sorted(wanted, key=lambda t: t.speech[1] - t.speech[0])
    total = sum(t.speech[1] - t.speech[0] for t in order)
    kept: list[Target] = []
    while len(order) > 2 and sum(t.speech[1] - t.speech[0] for t in kept) < _HELD_BACK * total:
        kept.append(order.pop(0))
    if not kept:
        last = order[-1]
        first, end = last.speech
        cut = max(first + CROP, end - CROP)
        order[-1] = replace(last, speech=(first, cut))
        return order, [(last, max(0, min(end, sum(last.units)) - CROP))]
    picks = [crop(kept, seed, -1 - i, CROP) for i in range(3)]
    return order, [(kept[which], start) for which, start in picks]


def exported(
    values: Mapping[str, Tensor], begun: Mapping[str, Tensor], net: KokoroNet, base: Path
) -> dict[str, FloatArray]:
    """Changes in the layout of the ONNX file.

    Args:
        values: Of what `changeable` gave, now.
        begun: The same at the beginning.
        net: The model with its changes.
        base: The ONNX file it was loaded from.
    """
    found = places(base)
    modules = dict(net.named_modules())
    arrays: dict[str, FloatArray] = {}
    for name, value in values.items():
        parameter, _, factor = name.partition("::")
        initializer = found[parameter].initializer
        array = value.detach().cpu().numpy()
        if not factor:
            arrays[f"{initializer}::d"] = array - begun[name].cpu().numpy()
            continue
        if factor == "a":
            change = modules[parameter.removesuffix(".weight")].parametrizations["weight"][0]
            array = array * np.float32(change.size)
        arrays[f"{initializer}::{factor}"] = array
    return arrays


def changeable(net: KokoroNet, seed: int) -> dict[str, Tensor]:
    """What may change in the decoder, by the name of the parameter it belongs to.

    Shifts and scales are the biases themselves; a convolution's weight gets two factors,
    ``NAME::a`` and ``NAME::b``.
    """
    tensors: dict[str, Tensor] = {}
    draw = torch.Generator().manual_seed(seed)
    for path, module in net.decoder.named_modules(prefix="decoder"):
        if isinstance(module, AdaptiveNorm):
            bias = module.fc.bias.requires_grad_()
            tensors[f"{path}.fc.bias"] = bias
    vocoder = net.decoder.generator
    convolutions = [
        (path, module)
        for part in ("ups", "resblocks", "conv_post")
        for path, module in getattr(vocoder, part).named_modules(prefix=f"decoder.generator.{part}")
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d)
    ]
    for path, module in convolutions:
        change = _LowRank(module.weight.detach(), draw)
        parametrize.register_parametrization(module, "weight", change)
        tensors[f"{path}.weight::a"] = change.a
        tensors[f"{path}.weight::b"] = change.b
    return tensors


class _LowRank(nn.Module):
    """Adds a product of two thin matrices to a weight, in units of the weight's own size."""

    def __init__(self, weight: Tensor, draw: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        first = torch.randn(rows, RANK, generator=draw) / RANK**0.5
        self.a = nn.Parameter(first.to(weight.device))
        self.b = nn.Parameter(torch.zeros(RANK, columns, device=weight.device))
        self.size = float(weight.square().mean().sqrt())

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its change."""
        return weight + (self.size * self.a @ self.b).view_as(weight)
