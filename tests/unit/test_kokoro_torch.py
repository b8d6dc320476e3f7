"""The torch model of Kokoro: equal to the ONNX model, alone, in batches and with an adapter."""

from __future__ import annotations

import copy
import threading
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frames import FloatArray
from digital_human.errors import Cancelled, InputError, WeightsError
from digital_human.models import store
from digital_human.speech.synthesizers.kokoro_base import VOCABULARY
from digital_human.speech.text.phonemes import read
from digital_human.speech.types import Clause, Language
from digital_human.speech.voices import load_voice

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from digital_human.speech.synthesizers import kokoro_adapter, kokoro_net, kokoro_weights  # noqa: E402

_SOURCE = "/decoder/decoder/generator/Concat_3_output_0"
_DURATIONS = "/encoder/Clip_output_0"


def tokens(text: str, language: Language) -> list[int]:
    symbols = [c for piece in read(text, language, None).pieces for c in piece.phonemes]
    return [0, *(VOCABULARY[c] for c in symbols if c in VOCABULARY), 0]


def style(name: str, count: int) -> FloatArray:
    table = np.fromfile(store().path("kokoro-voices") / f"{name}.bin", np.float32)
    row: FloatArray = table.reshape(510, 256)[count - 3]
    return row


def snr(wanted: FloatArray, made: FloatArray) -> float:
    """Decibels."""
    noise = np.square(wanted - made).sum()
    return float(10 * np.log10(np.square(wanted).sum() / max(float(noise), 1e-20)))


@pytest.fixture(scope="module")
def model() -> Path:
    return store().path("kokoro-fp32") / "model.onnx"


@pytest.fixture(scope="module")
def net(model: Path) -> kokoro_net.KokoroNet:
    return kokoro_net.load(model)


def run_onnx(path: Path, line: kokoro_net.Line) -> dict[str, FloatArray]:
    """The ONNX model's sound, durations and source spectra."""
    import onnx
    import onnxruntime

    graph = onnx.load(str(path))
    for name in (_DURATIONS, _SOURCE):
        graph.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    feeds = {
        "input_ids": np.array([line.tokens]),
        "style": line.style.reshape(1, 256),
        "speed": np.array([line.speed], np.float32),
    }
    return dict(zip(("sound", "durations", "source"), session.run(None, feeds), strict=True))


@pytest.mark.weights
def test_the_adapted_torch_model_equals_the_adapted_onnx_model(
    net: kokoro_net.KokoroNet, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tokens("好。", "zh")
    line = kokoro_net.Line(words, style("zf_xiaoyi", len(words)))
    plain = net.speak([line])[0].sound
    found = kokoro_weights.places(model)
    draw = np.random.default_rng(3)
    affine = found["decoder.encode.norm1.fc.bias"].initializer
    convolution = found["decoder.generator.resblocks.3.convs1.0.weight"].initializer
    turned = found["predictor.duration_proj.weight"]
    assert turned.layout == "transposed"
    arrays = {
        f"{affine}::d": draw.normal(0, 0.3, 1028),
        f"{convolution}::a": draw.normal(0, 0.1, (128, 4)),
        f"{convolution}::b": draw.normal(0, 0.1, (4, 128 * 3)),
        f"{turned.initializer}::d": draw.normal(0, 0.05, (512, 50)),
    }
    kokoro_adapter.write_adapter(tmp_path / "a.npz", arrays)
    kokoro_adapter.adapted_model(model, tmp_path / "a.npz", tmp_path / "adapted.onnx")
    wanted = run_onnx(tmp_path / "adapted.onnx", line)
    own = copy.deepcopy(net)
    kokoro_adapter.apply_changes(own, model, kokoro_adapter.read_adapter(tmp_path / "a.npz"))
    # Phases of empty spectra are rounding in both: both hear the same ones.
    generator = own.decoder.generator
    source = torch.from_numpy(wanted["source"])
    monkeypatch.setattr(generator, "_excitation", lambda f0, frames: source)
    spoken = own.speak([line])[0]
    assert np.array_equal(spoken.durations, wanted["durations"].ravel())
    assert snr(wanted["sound"].ravel(), spoken.sound) > 60
    assert len(plain) != len(spoken.sound) or snr(plain, spoken.sound) < 20


@pytest.mark.weights
def test_a_batch_sounds_as_its_sentences_alone(net: kokoro_net.KokoroNet) -> None:
    lines = []
    for text, voice, speed in (("好。", "zf_xiaoyi", 1.3), ("是的吗？", "zm_yunxi", 1.6)):
        words = tokens(text, "zh")
        lines.append(kokoro_net.Line(words, style(voice, len(words)), speed, crop=(3, 2, 4)))
    together = net.speak(lines)
    for line, batched in zip(lines, together, strict=True):
        alone = net.speak([line])[0]
        assert np.array_equal(alone.durations, batched.durations)
        assert alone.first == batched.first
        assert snr(alone.sound, batched.sound) > 15
        with torch.inference_mode():
            first, last = line.bounds([int(u) for u in alone.durations])
        assert len(batched.sound) == (last - first) * kokoro_net.UNIT


def test_pitch_moves_and_widens_about_its_mean() -> None:
    f0 = torch.tensor([0.0, 100.0, 200.0, 3.0])
    line = kokoro_net.Line([0, 0], np.zeros(256, np.float32), pitch=12, range=2)
    moved = kokoro_net._moved(f0, line)
    mean = (100.0 * 200.0) ** 0.5
    assert moved[0] == 0 and moved[3] == 3
    assert moved[1] == pytest.approx(2 * 100.0 * (100.0 / mean))
    assert moved[2] == pytest.approx(2 * 200.0 * (200.0 / mean))


@pytest.mark.weights
def test_clauses_from_several_threads_share_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from digital_human.speech.synthesizers.kokoro_torch import KokoroTorchSynthesizer

    engine = KokoroTorchSynthesizer(threads=1, device="cpu")
    sizes: list[int] = []
    gate = threading.Event()

    class Silent:
        """Answers every line with as many units of silence as it has tokens."""

        def speak(self, lines: list[kokoro_net.Line]) -> list[kokoro_net.Spoken]:
            gate.wait(5)
            sizes.append(len(lines))
            units = [np.full(len(line.tokens), 2) for line in lines]
            return [
                kokoro_net.Spoken(np.zeros(int(u.sum()) * 600, np.float32), u, 0) for u in units
            ]

    monkeypatch.setattr(engine, "_opened", lambda voice: Silent())
    voice = load_voice("xiaoyi")
    threads = [
        threading.Thread(target=engine.synthesize, args=(Clause("好的", "zh"), voice))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    while len(engine._waiting) < 4:
        pass
    with pytest.raises(Cancelled):
        engine.synthesize(Clause("不要", "zh"), voice, cancelled=lambda: True)
    gate.set()
    for thread in threads:
        thread.join()
    assert sizes == [1, 4]


def test_damaged_adapters_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"a\.npz"):
        kokoro_adapter.read_adapter(path)
    for arrays, said in (
        ({"w::a": np.zeros((4, 2))}, "needs ::a and ::b"),
        ({"w::a": np.zeros((4, 2)), "w::b": np.zeros((3, 4))}, "do not multiply"),
        ({"w::d": np.array([np.nan])}, "not finite"),
        ({"w": np.zeros(3)}, "unknown array"),
        ({}, "no change"),
    ):
        kokoro_adapter.write_adapter(path, arrays)
        with pytest.raises(InputError, match=said):
            kokoro_adapter.read_adapter(path)
    with pytest.raises(WeightsError, match="not an ONNX model"):
        kokoro_weights.read(path)


@pytest.mark.weights
def test_an_adapter_for_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    kokoro_adapter.write_adapter(path, {"nothing.bias::d": np.zeros(3)})
    with pytest.raises(InputError, match="has no nothing"):
        kokoro_adapter.adapted_model(model, path, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
