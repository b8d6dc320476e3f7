"""Coqui XTTS through the same code as the published weights, on a small real model made here.

The model has XTTS v2's parts (text encoder, GPT, speaker encoder, HiFi-GAN) with random weights and
fewer layers: it speaks noise, so everything but the sound's meaning is tested.
"""

from __future__ import annotations

import importlib
import pickle
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from digital_human.errors import Cancelled, InputError, ResourceError, WeightsError, install_fix
from digital_human.speech.synthesizers import xtts
from digital_human.speech.synthesizers.xtts import LICENCE, Coqui, XttsSynthesizer, import_coqui
from digital_human.speech.types import Clause
from digital_human.speech.voices import Voice
from tests.contract.test_synthesizers import check


@pytest.fixture(scope="module")
def coqui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coqui]:
    """coqui-tts, where torchaudio's native part does not load without it: XTTS never calls it."""
    for package in ("torch", "TTS", "torchaudio", "torchcodec"):
        if find_spec(package) is None:
            pytest.skip(f"needs the extra 'clone': {package} is not installed")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("torchaudio")
        except (ImportError, OSError):
            folder = tmp_path_factory.mktemp("python")
            found = find_spec("torchaudio")
            assert found is not None and found.submodule_search_locations
            shutil.copytree(
                found.submodule_search_locations[0], folder / "torchaudio",
                ignore=shutil.ignore_patterns("*.so", "__pycache__"),
            )  # fmt: skip
            for name in [n for n in sys.modules if n.partition(".")[0] == "torchaudio"]:
                del sys.modules[name]
            patch.syspath_prepend(folder)
        yield import_coqui()


@pytest.fixture(scope="module")
def checkpoint(coqui: Coqui, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of XTTS v2."""
    tokenizers = importlib.import_module("tokenizers")
    folder = tmp_path_factory.mktemp("xtts")
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[zh-cn]"]
    names = [*special, *map(chr, range(33, 127))]
    model = tokenizers.models.BPE({name: i for i, name in enumerate(names)}, [], unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "vocab.json"))
    config = coqui.config()
    config.languages = ["en", "zh-cn"]
    small: dict[str, Any] = {
        "gpt_layers": 2, "gpt_n_model_channels": 64, "gpt_n_heads": 2, "gpt_max_audio_tokens": 30,
        "gpt_num_audio_tokens": 66, "gpt_start_audio_token": 64, "gpt_stop_audio_token": 65,
        "gpt_use_perceiver_resampler": True, "decoder_input_dim": 64,
        "gpt_number_text_tokens": len(names), "gpt_start_text_token": 3, "gpt_stop_text_token": 0,
    }  # fmt: skip
    for name, value in small.items():
        setattr(config.model_args, name, value)
    config.save_json(str(folder / "config.json"))
    coqui.torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = coqui.model.init_from_config(config).state_dict()
    coqui.torch.save({"model": state}, folder / "model.pth")
    return folder


def _record(path: Path, seed: int) -> None:
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 2 * 16_000), 16_000)


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    for seed, name in enumerate(("a.wav", "b.wav")):
        _record(tmp_path / name, seed)
    return Voice(
        name="someone", display={"en": "Someone"}, gender="female", languages=("en", "zh"),
        engine="xtts", references=("a.wav", "b.wav"), licence=LICENCE, source="a test",
        consent="synthetic", folder=tmp_path,
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> XttsSynthesizer:
    return XttsSynthesizer(checkpoint, threads=1)


@pytest.mark.weights
def test_a_clause_keeps_the_promises_of_speech(
    engine: XttsSynthesizer, voice: Voice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert engine.rate == 24_000 and engine.languages == {"en", "zh"}
    clause = Clause("I am fine.", "en", epoch=2, pause=200)
    speech = engine.synthesize(clause, voice)
    check(speech)
    assert speech.epoch == 2 and not speech.pcm[-round(0.2 * 24_000) :].any()
    told = capsys.readouterr().out
    assert "non-commercial" in told and "hardly fits" in told  # the licence, and that it is noise
    with pytest.raises(InputError, match="'ja'"):
        engine.synthesize(Clause("はい。", "ja"), voice)


def test_latents_are_computed_once_and_go_with_the_voice(
    engine: XttsSynthesizer, voice: Voice, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _record(voice.folder / "b.wav", seed=5)
    engine.warm(voice)
    (kept,) = voice.folder.glob("xtts-*.npz")
    with np.load(kept, allow_pickle=False) as data:
        assert data["gpt"].shape == (1, 32, 64) and data["speaker"].shape == (1, 512, 1)
    fresh = XttsSynthesizer(checkpoint, threads=1)
    monkeypatch.setattr(fresh, "_encoded", _never)
    fresh.warm(voice)
    _record(voice.folder / "a.wav", seed=4)
    with pytest.raises(AssertionError, match="computed again"):
        fresh.warm(voice)


def _never(*_: object) -> Any:
    raise AssertionError("computed again")


def test_a_cancelled_clause_stops_within_a_code(engine: XttsSynthesizer, voice: Voice) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    with pytest.raises(Cancelled):
        engine.synthesize(
            Clause("A rather long sentence is said.", "en"), voice, cancelled=cancelled
        )
    assert asked <= 7


def test_a_checkpoint_that_holds_a_program_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    folder = shutil.copytree(checkpoint, tmp_path / "evil")
    (folder / "model.pth").write_bytes(pickle.dumps({"model": _Program(ran)}))
    with pytest.raises(WeightsError, match="tensors only"):
        XttsSynthesizer(folder)._opened()
    assert not ran.exists()


class _Program:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._path,)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="not set"):
        XttsSynthesizer()
    with pytest.raises(WeightsError, match="model.pth, vocab.json missing"):
        (tmp_path / "config.json").write_text("{}")
        XttsSynthesizer(tmp_path)

    def unloadable(self: Coqui) -> None:
        raise OSError("Could not load this library: _torchaudio.abi3.so")

    monkeypatch.setattr(xtts, "find_spec", lambda name: object())
    monkeypatch.setattr(Coqui, "__init__", unloadable)
    with pytest.raises(ResourceError, match="_torchaudio.abi3.so") as told:
        import_coqui()
    assert "pytorch.org" in told.value.fix
    monkeypatch.setattr(xtts, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match="'torch'") as told:
        import_coqui()
    assert told.value.fix == install_fix("clone")
