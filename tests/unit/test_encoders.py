"""Speaker encoders: that they tell people apart, and that CAM++ can be descended along."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch: Any = pytest.importorskip("torch", reason="speaker encoders need the extra 'train'")

from digital_human.speech.cloning import encoders  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sweep(seconds: float = 1.5) -> torch.Tensor:
    """Something with structure in time and frequency."""
    at = torch.arange(int(seconds * encoders.RATE)) / encoders.RATE
    sound = sum(torch.sin(2 * torch.pi * f * at * (1 + 0.1 * at)) for f in (130, 260, 900, 2400))
    return 0.1 * sound * (1 + torch.sin(2 * torch.pi * 4 * at))


def test_bands_do_not_depend_on_level_and_have_no_mean() -> None:
    sound = sweep() + 0.02 * torch.randn(24_000, generator=torch.manual_seed(2))
    bands = encoders.log_mel(sound[None])
    assert bands.shape == (1, 80, 148)
    assert bands.mean(-1).abs().max() < 1e-4
    # The lowest bands are narrower than a bin, so that little or nothing falls into them.
    quieter = encoders.log_mel(0.3 * sound[None])
    assert torch.allclose(bands[:, 5:], quieter[:, 5:], atol=1e-3)


def test_a_tone_is_in_its_band() -> None:
    """1 kHz is at 1000.0 mel of Kaldi's scale, band 27.8 of 80 from 20 Hz to 8 kHz."""
    at = torch.arange(encoders.RATE) / encoders.RATE
    tone = torch.sin(2 * torch.pi * 1000 * at)
    # The mean over time is removed, so that only a tone that comes and goes is left.
    tone[: encoders.RATE // 2] = 0
    loudest = int(encoders.log_mel(tone[None])[0, :, -20:].mean(-1).argmax())
    assert loudest in (27, 28)


@pytest.mark.weights
def test_campplus_can_be_descended_along() -> None:
    encoder = encoders.loss_encoder()
    # Also after it was asked for a vector, which is found without gradients.
    encoders._kaldi_bank.cache_clear()
    encoder.embed(sweep().numpy(), encoders.RATE)
    sound = (sweep() + 0.01 * torch.randn(24_000, generator=torch.manual_seed(1))).requires_grad_()
    target = torch.nn.functional.normalize(torch.ones(1, 192), dim=1)
    vector = encoder(sound[None])
    assert vector.shape == (1, 192) and abs(float(vector.detach().norm()) - 1) < 1e-5
    likeness = (vector * target).sum()
    (slope,) = torch.autograd.grad(likeness, sound)
    assert torch.isfinite(slope).all() and float(slope.abs().max()) > 0
    with torch.no_grad():
        step = 1e-3 * slope / slope.norm()
        after = float((encoder((sound + step)[None]) * target).sum())
    gained = after - float(likeness.detach())
    assert gained == pytest.approx(float((slope * step).sum()), rel=0.2)


@pytest.mark.weights
def test_judges_take_no_part_in_the_fitting() -> None:
    judges = [encoder.name for encoder in encoders.judging_encoders()]
    assert len(judges) == 2 and encoders.loss_encoder().name not in judges


@pytest.mark.weights
@pytest.mark.data
def test_every_encoder_tells_people_apart(data_dir: Path) -> None:
    """Two utterances of each of four readers: same person above different people, always."""
    sounds: dict[str, list[Any]] = {}
    for folder in sorted((data_dir / "speech" / "en_speakers").iterdir()):
        for path in sorted(folder.glob("*.flac"))[:2]:
            pcm, rate = soundfile.read(path, dtype="float32", start=16_000, stop=3 * 16_000)
            assert rate == 16_000
            sounds.setdefault(folder.name, []).append(pcm)
    for encoder in (encoders.loss_encoder(), *encoders.judging_encoders()):
        vectors = {name: [encoder.embed(p, 16_000) for p in two] for name, two in sounds.items()}
        same = [float(two[0] @ two[1]) for two in vectors.values()]
        different = [
            float(a @ b)
            for one, other in combinations(vectors.values(), 2)
            for a in one
            for b in other
        ]
        assert min(same) > max(different), encoder.name
        assert np.mean(same) - np.mean(different) > 0.25, encoder.name


@pytest.mark.weights
def test_short_sounds_are_heard_too() -> None:
    for encoder in (encoders.loss_encoder(), *encoders.judging_encoders()):
        vector = encoder.embed(sweep(0.2).numpy(), encoders.RATE)
        assert vector.dtype == np.float32 and np.isfinite(vector).all(), encoder.name
