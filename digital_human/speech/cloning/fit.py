"""A style vector for a person: fitted by gradient through the model to seconds of recordings.

The style has two halves that do not meet when durations, pitch and energy are taken from the
recording: timbre, which only the decoder hears, is fitted on short crops of its input; prosody,
which durations, pitch and energy are predicted from, is fitted on whole utterances without the
decoder. Both stay near the styles the model was trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from digital_human.core.frames import FloatArray
from digital_human.models import store
from digital_human.speech.cloning import losses
from digital_human.speech.cloning.descent import Descent
from digital_human.speech.cloning.encoders import loss_encoder
from digital_human.speech.cloning.references import References
from digital_human.speech.cloning.targets import Target, targets
from digital_human.speech.synthesizers.kokoro_net import KokoroNet, align, load
from digital_human.speech.synthesizers.kokoro_vocoder import UNIT

Progress = Callable[[str, float], None]

HALF = 128
CROP = 48
"""Units of a crop, 1.2 s."""
EDGE = 2
"""Units at both ends of a crop that are not compared: the decoder sees too little there."""

_ROWS = (30, 60, 120, 240)  # of a voice's table, by tokens of the sentence
_NEAR = 10  # presets with the nearest pitch that are tried
_RATE = 0.08
_PROSODY_RATE = 0.06
_PROBE = 8  # steps of each start
_SPEAKER, _PRIOR, _PROSODY_PRIOR = 2.0, 0.06, 0.05


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted style.

    Attributes:
        style: float32 [256].
        start: Name of the preset it began at; names joined by ``+`` for a blend.
        preset: The best single preset by the speaker encoder of the loss.
        speaker: One minus the cosine to the person, of that preset and of the fitted style, on the
            same crops of the recordings.
        distance: Squared Mahalanobis distance for each number, of timbre and of prosody.
    """

    style: FloatArray
    start: str
    preset: str
    speaker: tuple[float, float]
    distance: tuple[float, float]


def fit_style(
    references: References,
    *,
    seed: int = 0,
    starts: int = 3,
    steps: int = 80,
    progress: Progress = lambda step, share: None,
    resume: Path | None = None,
    device: str = "cpu",
) -> Fitted:
    """Fit a style to a person's recordings.

    Deterministic: the same recordings, seed and settings give the same style on the same machine.

    Args:
        references: The person; only ``train`` is used.
        seed: Of the crops.
        starts: How many beginnings are tried.
        steps: Steps of the timbre, the trials included; prosody takes as many and is cheap.
        progress: Told the step and the share that is done.
        resume: Folder for the state, so that a stopped fit goes on.
        device: ``cpu`` or ``cuda``.

    Raises:
        WeightsError: A model is missing.
        InputError: No recording can be used.
    """
    net = load(store().path("kokoro-fp32") / "model.onnx", device)
    names, tables = preset_tables(store().path("kokoro-voices"))
    progress("pitch and timing of the recordings", 0.0)
    wanted = targets(references.train, net, tables[:, 1].mean(0))
    key = training_key(references, seed, starts, steps)
    prosody = _Prosody(net, wanted, tables, seed)
    near = prosody.nearest(_NEAR)
    timbre = _Timbre(net, wanted, tables, seed)
    ranked = timbre.ranked(near, progress)
    begun = _beginnings(ranked, tables, starts)
    preset = ranked[0][1]

    def file(stage: str) -> Path | None:
        return None if resume is None else resume / f"style-{stage}.npz"

    best: tuple[float, str, Tensor] | None = None
    for number, (chosen, style) in enumerate(begun):
        name = "+".join(names[i] for i in chosen)
        progress(f"timbre from {name}", 0.1 + 0.05 * number)
        w = timbre.fit(style[:HALF], _PROBE, file(f"start-{number}"), key, lambda share: None)
        loss = timbre.score(w)
        if best is None or loss < best[0]:
            best = loss, name, w
    assert best is not None  # there is at least one start
    left = max(1, steps - _PROBE * len(begun))

    def timbre_progress(share: float) -> None:
        progress("timbre", 0.25 + 0.6 * share)

    style = timbre.prior.style(best[2])[0].numpy()
    w = timbre.fit(style, left, file("timbre"), key, timbre_progress)
    p = prosody.fit(
        tables[list(near[:3]), 1].mean(0)[HALF:], steps, file("prosody"), key,
        lambda share: progress("prosody", 0.85 + 0.14 * share),
    )  # fmt: skip
    halves = [timbre.prior.style(w)[0], prosody.prior.style(p)[0]]
    progress("style is ready", 1.0)
    return Fitted(
        style=torch.cat(halves).detach().cpu().numpy().astype(np.float32),
        start=best[1],
        preset=names[preset],
        speaker=(ranked[0][0], timbre.likeness(w)),
        distance=(float(w.square().mean()), float(p.square().mean())),
    )


def preset_tables(folder: Path) -> tuple[list[str], FloatArray]:
    """Names of Kokoro's voices and some of their styles, float32 [voices, rows, 256]."""
    paths = sorted(folder.glob("*.bin"))
    rows = [np.fromfile(path, np.float32).reshape(510, 256)[list(_ROWS)] for path in paths]
    return [path.stem for path in paths], np.stack(rows)


class _Timbre:
    """Fits the first half of a style on crops of the decoder's input."""

    def __init__(
        self, net: KokoroNet, wanted: Sequence[Target], tables: FloatArray, seed: int
    ) -> None:
        self._net, self._wanted, self._seed = net, wanted, seed
        self._tables = tables
        self.prior = losses.StylePrior(tables[:, :, :HALF].reshape(-1, HALF))
        self.spectral = losses.SpectralLoss(losses.loudest([t.pcm for t in wanted]))
        sounds = [t.pcm[:, t.speech[0] * UNIT : t.speech[1] * UNIT] for t in wanted]
        self.speaker = losses.SpeakerLoss(loss_encoder(), sounds)

    def ranked(self, near: Sequence[int], progress: Progress) -> list[tuple[float, int]]:
        """Presets by how alike they sound on the same crops: one minus the cosine, and index."""
        found = []
        for number, index in enumerate(near):
            progress("listening to the presets", 0.1 * number / len(near))
            style = torch.from_numpy(self._tables[index, 1, :HALF])[None].to(self._net.device)
            found.append((self._likeness(style), index))
        return sorted(found)

    def likeness(self, w: Tensor) -> float:
        """One minus the cosine on the crops that presets are ranked by."""
        return self._likeness(self.prior.style(w))

    @torch.no_grad()
    def _likeness(self, style: Tensor) -> float:
        return float(self.speaker(torch.cat([self._made(style, c)[0] for c in self._fixed()], 1)))

    @torch.no_grad()
    def score(self, w: Tensor) -> float:
        """The loss on the same crops for every start."""
        return float(sum(self._loss(w, crop) for crop in self._fixed()))

    def _fixed(self) -> list[tuple[int, int]]:
        return [crop(self._wanted, self._seed, -1 - i, CROP) for i in range(2)]

    def fit(
        self,
        style: FloatArray,
        steps: int,
        resume: Path | None,
        key: str,
        progress: Callable[[float], None],
    ) -> Tensor:
        """Descend from a timbre [128]; its coordinates of equal spread."""
        w = torch.from_numpy(self.prior.whitened(style)).to(self._net.device).requires_grad_()
        descent = Descent({"w": w}, rate=_RATE, steps=steps, resume=resume, key=key)
        for done, _ in descent.run(
            lambda step: self._loss(w, crop(self._wanted, self._seed, step, CROP))
        ):
            progress(done / steps)
        return w.detach()

    def _loss(self, w: Tensor, at: tuple[int, int]) -> Tensor:
        made, real = self._made(self.prior.style(w), at)
        loss = self.spectral(made, real) + _SPEAKER * self.speaker(made)
        return loss + _PRIOR * self.prior.distance(w)

    def _made(self, style: Tensor, at: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """What the decoder makes of a crop and the recording there, without the edges."""
        which, start = at
        return decoded_crop(self._net, self._wanted[which], style, start, CROP)


class _Prosody:
    """Fits the second half of a style on whole utterances, without the decoder."""

    def __init__(
        self, net: KokoroNet, wanted: Sequence[Target], tables: FloatArray, seed: int
    ) -> None:
        self._net, self._wanted, self._seed = net, wanted, seed
        self._tables = tables
        self.prior = losses.StylePrior(tables[:, :, HALF:].reshape(-1, HALF))

    @torch.no_grad()
    def nearest(self, count: int) -> list[int]:
        """Presets whose pitch is nearest to the person's."""
        longest = max(self._wanted, key=lambda t: t.speech[1] - t.speech[0])
        real = longest.f0[longest.voiced].clamp(min=30).log2().mean()
        gaps = []
        for index, table in enumerate(self._tables):
            half = torch.from_numpy(table[1:2, HALF:]).to(self._net.device)
            _, f0, _ = self._predicted(longest, half)
            made = f0[longest.voiced].clamp(min=30).log2().mean()
            gaps.append((float((made - real).abs()), index))
        return [index for _, index in sorted(gaps)[:count]]

    def fit(
        self,
        style: FloatArray,
        steps: int,
        resume: Path | None,
        key: str,
        progress: Callable[[float], None],
    ) -> Tensor:
        """Descend from a prosody [128]; its coordinates of equal spread."""
        w = torch.from_numpy(self.prior.whitened(style)).to(self._net.device).requires_grad_()
        descent = Descent({"w": w}, rate=_PROSODY_RATE, steps=steps, resume=resume, key=key)

        def loss(step: int) -> Tensor:
            order = np.random.default_rng([self._seed, step // len(self._wanted)])
            turn = order.permutation(len(self._wanted))[step % len(self._wanted)]
            target = self._wanted[int(turn)]
            durations, f0, energy = self._predicted(target, self.prior.style(w))
            total = losses.rhythm(durations, target.durations)
            total = total + losses.tempo(durations, target.durations)
            total = total + 2 * losses.melody(f0, target.f0, target.voiced)
            first, last = (2 * unit for unit in target.speech)
            spoken = energy[:, first:last] - target.energy[:, first:last]
            total = total + 0.2 * spoken.abs().mean()
            return total + _PROSODY_PRIOR * self.prior.distance(w)

        for done, _ in descent.run(loss):
            progress(done / steps)
        return w.detach()

    def _predicted(self, target: Target, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        style = torch.cat([torch.zeros_like(half), half], dim=1)
        features = self._net.prosody(target.encoded, style)
        durations = self._net.durations(target.encoded, features)
        f0, energy = self._net.curves(align(features, [target.units]), style, None)
        return durations, f0, energy


def crop(wanted: Sequence[Target], seed: int, step: int, size: int) -> tuple[int, int]:
    """Which utterance and unit a step's crop begins at; long utterances come more often."""
    spans = np.array([t.speech[1] - t.speech[0] for t in wanted], np.float64)
    draw = np.random.default_rng([seed, step + 1000])
    which = int(draw.choice(len(wanted), p=spans / spans.sum()))
    first, last = wanted[which].speech
    total = sum(wanted[which].units)
    start = int(draw.integers(first, max(first + 1, last - size + 1)))
    return which, max(0, min(start, total - size))


def decoded_crop(
    net: KokoroNet, target: Target, style: Tensor, start: int, size: int
) -> tuple[Tensor, Tensor]:
    """The decoder's sound of some units and the recording there.

    Args:
        net: The model.
        target: The utterance.
        style: Timbre [1, 128].
        start: First unit.
        size: Units.

    Returns:
        Two sounds [1, n], `EDGE` units shorter at both ends.
    """
    end = min(start + size, sum(target.units))
    made = net.decode(
        target.text[:, :, start:end],
        target.f0[:, 2 * start : 2 * end],
        target.energy[:, 2 * start : 2 * end],
        style,
        None,
    )
    inner = slice(EDGE * UNIT, -EDGE * UNIT)
    return made[:, inner], target.pcm[:, start * UNIT : end * UNIT][:, inner]


def _beginnings(
    ranked: Sequence[tuple[float, int]], tables: FloatArray, starts: int
) -> list[tuple[tuple[int, ...], FloatArray]]:
    """The best presets and, when there is room, the mean of the best four."""
    best = [index for _, index in ranked]
    sets: list[tuple[int, ...]] = [(best[0],), tuple(best[:4])]
    sets += [(index,) for index in best[1:]]
    return [(chosen, tables[list(chosen), 1].mean(0)) for chosen in sets[:starts]]


def training_key(references: References, *settings: object) -> str:
    """Tells recordings and settings from others, for a state that is gone on with."""
    digest = hashlib.sha256(repr(settings).encode())
    for utterance in references.train:
        digest.update(utterance.pcm.tobytes())
        digest.update(utterance.text.encode())
    return digest.hexdigest()
