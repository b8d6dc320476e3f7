"""Fitting a voice: curves of a recording, forced timing, losses, descent that goes on, changes."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frames import FloatArray
from digital_human.models import store
from digital_human.speech.cloning import curves
from digital_human.speech.types import Phone

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from digital_human.speech.cloning import adapt, fit, losses, targets  # noqa: E402
from digital_human.speech.cloning.descent import Descent  # noqa: E402
from digital_human.speech.cloning.references import Utterance  # noqa: E402
from digital_human.speech.synthesizers import kokoro_net  # noqa: E402

RATE = 24_000


def buzz(hertz: FloatArray) -> FloatArray:
    """A voice-like sound whose pitch follows ``hertz``, one value a sample."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 12))
    return np.asarray(0.1 * sound, np.float32)


def test_pitch_is_followed_and_noise_has_none() -> None:
    glide = np.linspace(110, 240, RATE)
    noise = np.random.default_rng(0).normal(0, 0.05, RATE // 2).astype(np.float32)
    found = curves.pitch(np.concatenate([buzz(glide), noise]))
    inner = found[4:76]
    expected = glide[curves.HOP * np.arange(4, 76)]
    assert (inner > 0).all()
    assert np.abs(inner / expected - 1).max() < 0.02
    assert (found[84:116] == 0).mean() > 0.9


def test_energy_follows_loudness_in_nepers_of_power() -> None:
    sound = buzz(np.full(RATE, 150.0))
    quiet, loud = curves.energy(sound), curves.energy(2 * sound)
    assert np.allclose((loud - quiet)[5:-5], np.log(4), atol=0.01)


def test_tokens_get_the_times_of_their_phones() -> None:
    symbols = list("ˈai ↓n")
    phones = [
        Phone("_", 0, 1000), Phone("a", 1000, 3000), Phone("i", 3000, 4000),
        Phone("_", 4000, 6000), Phone("n", 6000, 9000),
    ]  # fmt: skip
    usual = np.ones(8, np.float32)
    bounds, known = targets.token_bounds(symbols, phones, usual, 2400, 15_000)
    assert known == 1.0
    # pad, stress + a (2400 ahead), i, space and stray mark in the pause, n, pad
    assert bounds[1] == 3400 and bounds[3] == 5400 and bounds[4] == 6400
    assert 6400 < bounds[5] < bounds[6] == 8400
    assert bounds[7] == 11_400 and bounds[8] == 15_000
    _, known = targets.token_bounds(list("xyz"), phones, np.ones(5, np.float32), 0, 9000)
    assert known == 0.0


def test_whole_units_stay_near_and_leave_every_token_one() -> None:
    ends = np.cumsum([0.2, 0.2, 3.4, 2.4, 0.1, 5.7])
    units = targets.whole_units(ends)
    assert min(units) >= 1 and sum(units) == 12
    # Two tokens of less than a unit push what follows at most one unit.
    assert np.abs(np.cumsum(units) - ends).max() < 2


def test_pitch_goes_on_through_short_gaps_only() -> None:
    f0 = np.zeros(60, np.float32)
    f0[10:20], f0[25:30], f0[50:55] = 100, 200, 200
    found = targets.bridged(f0)
    assert (found[20:25] > 100).all() and (found[20:25] < 200).all()
    assert not found[30:50].any() and not found[:10].any()


def test_ear_rate_keeps_what_is_below_and_drops_what_is_above() -> None:
    at = np.arange(RATE) / RATE
    low, high = np.sin(2 * np.pi * 1000 * at), np.sin(2 * np.pi * 10_000 * at)
    sounds = torch.from_numpy(np.stack([low, high]).astype(np.float32))
    heard = losses.to_ear_rate(sounds).numpy()
    assert heard.shape == (2, 16_000)
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert np.abs(heard[0] - expected)[100:-100].max() < 0.01
    assert np.abs(heard[1])[100:-100].max() < 0.02


def test_losses_are_nothing_for_equals_and_grow_with_distance() -> None:
    sound = torch.from_numpy(buzz(np.full(RATE, 150.0)))[None]
    other = torch.from_numpy(buzz(np.full(RATE, 190.0)))[None]
    spectral = losses.SpectralLoss(losses.loudest([sound]))
    assert float(spectral(sound, sound)) == 0 < float(spectral(other, sound))
    wanted = torch.tensor([[float("nan"), 2.0, 4.0]])
    assert float(losses.rhythm(wanted, wanted)) == 0
    doubled = torch.tensor([[9.0, 4.0, 8.0]])
    assert float(losses.rhythm(doubled, wanted)) == pytest.approx(np.log(2))
    assert float(losses.tempo(doubled, wanted)) == pytest.approx(np.log(2))
    f0 = torch.tensor([[100.0, 120.0, 0.0, 110.0]])
    assert float(losses.melody(f0, f0, f0 > 0)) == 0
    assert float(losses.melody(2 * f0, f0, f0 > 0)) > 1.9


def test_prior_is_wide_where_voices_differ() -> None:
    draw = np.random.default_rng(1)
    styles = draw.normal(0, [3.0, 0.1, 1.0], (200, 3)).astype(np.float32)
    prior = losses.StylePrior(styles)
    w = torch.from_numpy(prior.whitened(styles[0]))
    assert np.allclose(prior.style(w)[0].numpy(), styles[0], atol=1e-4)
    far = [
        float(prior.distance(torch.from_numpy(prior.whitened(x))))
        for x in np.eye(3, dtype=np.float32)
    ]
    assert far[1] > 50 * far[2] > 50 * far[0]


def test_descent_goes_on_as_if_unbroken(tmp_path: Path) -> None:
    def begun(resume: Path | None, key: str = "a") -> tuple[torch.Tensor, Descent]:
        x = torch.zeros(3, requires_grad=True)
        return x, Descent({"x": x}, rate=0.1, steps=30, resume=resume, key=key)

    def loss(x: torch.Tensor, step: int) -> torch.Tensor:
        return ((x - torch.arange(3.0) - 0.1 * (step % 3)) ** 2).sum()

    whole, descent = begun(None)
    list(descent.run(lambda step: loss(whole, step)))
    state = tmp_path / "s.npz"
    broken, descent = begun(state)
    for done, _ in descent.run(lambda step: loss(broken, step)):
        if done == 20:
            break
    resumed, descent = begun(state)
    assert descent.done == 20
    steps = [done for done, _ in descent.run(lambda step: loss(resumed, step))]
    assert steps == list(range(21, 31))
    assert torch.equal(resumed, whole) and not torch.equal(whole, torch.zeros(3))
    _, other = begun(state, key="b")
    assert other.done == 0
    state.write_bytes(b"damaged")
    assert begun(state)[1].done == 0


@pytest.fixture(scope="module")
def net() -> kokoro_net.KokoroNet:
    return kokoro_net.load(store().path("kokoro-fp32") / "model.onnx")


@pytest.fixture(scope="module")
def spoken(net: kokoro_net.KokoroNet) -> tuple[targets.Target, FloatArray]:
    """Half a second of a preset as if it were a recording, and the presets' styles."""
    from digital_human.speech.speaker import shared_synthesizer
    from digital_human.speech.types import Clause
    from digital_human.speech.voices import load_voice

    voice = load_voice("yunxi")
    speech = shared_synthesizer("kokoro").synthesize(Clause("好的。", "zh"), voice)
    utterance = Utterance(speech.pcm, "好的。", "zh", speech.phones, speech.words, "0" * 64)
    _, tables = fit.preset_tables(store().path("kokoro-voices"))
    target = targets.target(utterance, net, tables[:, 1].mean(0))
    assert target is not None
    unfit = replace(utterance, text="完全不同的一句话")
    assert targets.target(unfit, net, tables[0, 1]) is None
    return target, tables


@pytest.mark.weights
def test_both_halves_of_a_style_come_nearer(
    net: kokoro_net.KokoroNet,
    spoken: tuple[targets.Target, FloatArray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, tables = spoken
    monkeypatch.setattr(fit, "CROP", 14)
    monkeypatch.setattr(fit, "loss_encoder", lambda: lambda pcm: torch.nn.functional.normalize(
        torch.stack([pcm.std(1), pcm.abs().mean(1)], 1), dim=1))  # fmt: skip
    timbre = fit._Timbre(net, [target], tables, seed=0)
    begun = tables[45, 1, : fit.HALF]  # far from who speaks
    before = timbre.score(torch.from_numpy(timbre.prior.whitened(begun)))
    assert timbre.score(timbre.fit(begun, 2, None, "", lambda share: None)) < before
    prosody = fit._Prosody(net, [target], tables, seed=0)
    begun = tables[0, 1, fit.HALF :]

    def far(w: torch.Tensor) -> float:
        with torch.no_grad():
            durations, f0, _ = prosody._predicted(target, prosody.prior.style(w))
        gap = losses.melody(f0, target.f0, target.voiced)
        return float(gap + losses.rhythm(durations, target.durations))

    fitted = prosody.fit(begun, 4, None, "", lambda share: None)
    assert far(fitted) < far(torch.from_numpy(prosody.prior.whitened(begun)))


@pytest.mark.weights
def test_exported_changes_are_those_of_the_model(tmp_path: Path, net: kokoro_net.KokoroNet) -> None:
    from digital_human.speech.synthesizers import kokoro_adapter

    base = store().path("kokoro-fp32") / "model.onnx"
    own = copy.deepcopy(net)
    tensors = adapt.changeable(own, seed=1)
    begun = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for tensor in tensors.values():
            tensor += 0.1 * torch.randn(tensor.shape, generator=draw)
    arrays = adapt.exported(tensors, begun, own, base)
    kokoro_adapter.write_adapter(tmp_path / "a.npz", arrays)
    merged = copy.deepcopy(net)
    kokoro_adapter.apply_changes(merged, base, kokoro_adapter.read_adapter(tmp_path / "a.npz"))
    for path in ("ups.1", "resblocks.4.convs2.1", "conv_post"):
        made = merged.decoder.generator.get_submodule(path).weight
        wanted = own.decoder.generator.get_submodule(path).weight
        frozen = net.decoder.generator.get_submodule(path).weight
        assert torch.allclose(made, wanted, atol=1e-5)
        assert not torch.allclose(made, frozen, atol=1e-3)
    assert torch.allclose(merged.decoder.encode.norm1.fc.bias, own.decoder.encode.norm1.fc.bias)
    assert torch.equal(merged.predictor.lstm.weight_ih_l0, net.predictor.lstm.weight_ih_l0)
    assert sum(a.nbytes for a in arrays.values()) < 4_000_000
