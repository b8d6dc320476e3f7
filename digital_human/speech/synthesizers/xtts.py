"""Coqui XTTS v2 from a local checkpoint: a voice from a few seconds of recordings.

The model gives sound only; when each phoneme is spoken is found by forced alignment. The weights
that Coqui published may be used for non-commercial purposes only (Coqui Public Model License).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import structlog

from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.errors import Cancelled, InputError, ResourceError, WeightsError, install_fix
from digital_human.models.files import file_sha256
from digital_human.speech.aligned_clause import RATE, aligned_speech, nothing_to_read
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.kokoro import quick_hash
from digital_human.speech.text.clauses import split
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import read
from digital_human.speech.types import Clause, Language, Speech
from digital_human.speech.voices import Voice, read_arrays

log = structlog.get_logger()

LICENCE = "Coqui Public Model License 1.0.0: non-commercial use only (coqui.ai/cpml)"
"""Of the XTTS v2 weights that Coqui published, and of what they speak."""

_CODE_VERSION = "1"
_FILES = ("config.json", "model.pth", "vocab.json")
_CODES: dict[Language, str] = {"zh": "zh-cn", "en": "en", "ja": "ja"}
_REFERENCE_RATE = 22_050  # what the model's encoders are given
_CHUNK = 20  # codes of one piece of inference_stream, about 0.9 s
_FIX_CLONE = install_fix("clone")

Latents = tuple[FloatArray, FloatArray]


class XttsSynthesizer:
    """Speaks in the voice of a voice's ``references``.

    The clause is the smallest unit that leaves it, since lips need its times; inside, the model
    streams, so that a cancelled clause stops at the next code.

    Args:
        model: Folder with ``config.json``, ``model.pth`` and ``vocab.json``; by default
            ``xtts.model`` of the settings.
        threads: CPU threads; 0 takes the program's budget.

    Raises:
        WeightsError: There is no such checkpoint.
        ResourceError: torch, torchaudio or coqui-tts is missing or does not load here.
    """

    rate = RATE

    def __init__(self, model: Path | None = None, threads: int = 0) -> None:
        folder = model or settings().xtts.model
        if folder is None:
            raise WeightsError(
                "xtts.model is not set: XTTS v2 needs a checkpoint of your own",
                fix="put config.json, model.pth and vocab.json of XTTS v2 into a folder and set "
                "xtts.model (DH_XTTS__MODEL) to it",
            )
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise WeightsError(
                f"xtts.model {folder}: {', '.join(missing)} missing",
                fix="it must be a folder of an XTTS v2 checkpoint",
            )
        self._coqui = import_coqui()
        self._folder, self._threads = folder, threads or settings().cpu_threads
        self._config = self._coqui.config()
        self._config.load_json(str(folder / "config.json"))
        self.languages: frozenset[Language] = frozenset(
            language for language, code in _CODES.items()
            if code in self._config.languages and (language != "ja" or find_spec("cutlet"))
        )  # fmt: skip
        self._fingerprint = f"xtts-{_CODE_VERSION}-{quick_hash(folder / 'model.pth')}"
        self._using = threading.Lock()
        self._model: Any = None
        self._latents: dict[str, Latents] = {}

    @property
    def fingerprint(self) -> str:
        """Names the checkpoint and the version of this code."""
        return self._fingerprint

    def warm(self, voice: Voice) -> None:
        """Load the model and the voice; see `Synthesizer.warm`."""
        with self._using:
            self._voice(voice)

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        """See `Synthesizer.synthesize`."""
        if clause.language not in voice.languages or clause.language not in self.languages:
            able = [one for one in voice.languages if one in self.languages]
            raise InputError(
                f"voice {voice.name!r} does not read language {clause.language!r} with this model",
                fix=f"it reads {', '.join(able) or 'none'}; Japanese also needs the package cutlet",
            )
        if cancelled():
            raise Cancelled("synthesis was cancelled")
        pcm = np.zeros(0, np.float32)
        if not nothing_to_read(clause):
            text = read(clause.text, clause.language, lexicon).spoken
            with self._using:
                pcm = self._spoken(text, clause, voice, cancelled)
        return aligned_speech(clause, pcm, RATE, voice, lexicon=lexicon, cancelled=cancelled)

    def _spoken(
        self, text: str, clause: Clause, voice: Voice, cancelled: Callable[[], bool]
    ) -> FloatArray:
        """float32 [n] at `RATE`."""
        torch = self._coqui.torch
        latents, speaker = (torch.from_numpy(part) for part in self._voice(voice))
        stop = self._coqui.stopping(lambda *_: cancelled())
        pieces: list[FloatArray] = []
        config = self._config
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)  # the same text sounds the same again
            # A piece is as long as the model's own text encoder takes at once.
            for part in split(text, clause.language):
                for chunk in self._model.inference_stream(
                    part.text, _CODES[clause.language], latents, speaker,
                    stream_chunk_size=_CHUNK, temperature=config.temperature,
                    length_penalty=config.length_penalty, top_k=config.top_k, top_p=config.top_p,
                    repetition_penalty=float(config.repetition_penalty),
                    speed=voice.speed * clause.delivery.speed, stopping_criteria=[stop],
                ):  # fmt: skip
                    if cancelled():
                        raise Cancelled("synthesis was cancelled")
                    pieces.append(chunk.float().cpu().numpy().ravel())
        sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        rate = int(config.audio.output_sample_rate)
        return sound if rate == RATE else np.asarray(soxr.resample(sound, rate, RATE), np.float32)

    def _opened(self) -> Any:
        """The model, loaded at the first clause; nothing but tensors is unpickled."""
        if self._model is not None:
            return self._model
        log.info("loading XTTS", folder=self._folder.name, licence=LICENCE)
        torch = self._coqui.torch
        torch.set_num_threads(self._threads)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = self._coqui.model.init_from_config(self._config)
            model._load_checkpoint = self._tensors
            try:
                model.load_checkpoint(
                    self._config, checkpoint_dir=str(self._folder),
                    vocab_path=str(self._folder / "vocab.json"),
                    # Pickles of other speakers are not looked at.
                    speaker_file_path=str(self._folder / "no-speakers"), eval=True,
                )  # fmt: skip
            except (RuntimeError, KeyError, ValueError) as error:
                raise WeightsError(
                    f"{self._folder / 'model.pth'}: not the model that config.json describes "
                    f"({str(error)[:200]})",
                    fix="take both files from the same XTTS v2 checkpoint",
                ) from error
        wanted = settings().xtts.device
        cuda = wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available())
        self._model = model.to("cuda" if cuda else "cpu")
        return self._model

    def _tensors(self, path: Path) -> dict[str, Any]:
        """The checkpoint's tensors, with torch's restricted unpickler only."""
        torch = self._coqui.torch
        try:
            # Coqui's own checkpoint carries its configuration as an object of these classes.
            with self._coqui.legacy():
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise WeightsError(
                f"{path}: cannot be read as tensors only ({type(error).__name__})",
                fix="use a checkpoint of XTTS v2 as Coqui published it; others may hold programs",
            ) from error
        tensors: dict[str, Any] = state["model"]
        return tensors

    def _voice(self, voice: Voice) -> Latents:
        """The voice's latents, float32 [1, n, d] and [1, d, 1]: computed once, then read.

        They are kept in the voice's own folder, so that they go when the voice goes.
        """
        model = self._opened()
        paths = [voice.file(name) for name in voice.references]
        digests = [file_sha256(path) for path in paths]
        key = hashlib.sha256(" ".join([self._fingerprint, *digests]).encode()).hexdigest()[:16]
        if key not in self._latents:
            kept = voice.folder / f"xtts-{key}.npz"
            latents = _read_latents(kept, self._config.model_args)
            if latents is None:
                latents = self._encoded(model, paths)
                _keep_latents(kept, latents)
            self._latents[key] = latents
        return self._latents[key]

    def _encoded(self, model: Any, paths: list[Path]) -> Latents:
        torch = self._coqui.torch
        config = self._config
        sounds = [_reference(path)[: _REFERENCE_RATE * int(config.max_ref_len)] for path in paths]
        tensors = [torch.from_numpy(sound)[None] for sound in sounds]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            embeddings = [
                model.get_speaker_embedding(tensor, _REFERENCE_RATE) for tensor in tensors
            ]
            latents = model.get_gpt_cond_latents(
                torch.cat(tensors, dim=-1).to(model.device), _REFERENCE_RATE,
                length=config.gpt_cond_len, chunk_length=config.gpt_cond_chunk_len,
            )  # fmt: skip
        mean = torch.stack(embeddings).mean(dim=0)
        return latents.float().cpu().numpy(), mean.float().cpu().numpy()


class Coqui:
    """The parts of coqui-tts that are used.

    Attributes:
        torch: The module.
        config: Class of the configuration.
        model: Class of the model.
        legacy: Context in which torch may rebuild Coqui's configuration classes from a checkpoint.
        stopping: Makes a criterion that ends the generation from a function.
    """

    def __init__(self) -> None:
        torch: Any = import_module("torch")
        xtts: Any = import_module("TTS.tts.models.xtts")
        criterion: Any = import_module("transformers").StoppingCriteria

        class Stopping(criterion):  # type: ignore[misc]
            def __init__(self, asked: Callable[..., bool]) -> None:
                self._asked = asked

            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
                stop = self._asked()
                return torch.full((len(input_ids),), stop, device=input_ids.device)

        self.torch = torch
        self.config = xtts.XttsConfig
        self.model = xtts.Xtts
        self.legacy = xtts._legacy_safe_globals
        self.stopping = Stopping


def import_coqui() -> Coqui:
    """Import coqui-tts and what it needs.

    Raises:
        ResourceError: Something is missing or does not load on this machine; it says what.
    """
    for package in ("torch", "TTS"):
        if find_spec(package) is None:
            raise ResourceError(f"XTTS needs the package {package!r}", fix=_FIX_CLONE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Coqui()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ResourceError(
            f"coqui-tts does not load here: {reason}",
            fix="install torch, torchaudio and torchcodec built for each other and for this "
            "machine (pytorch.org); torchaudio from PyPI needs a CUDA build of torch",
        ) from error


def _reference(path: Path) -> FloatArray:
    """A recording as float32 [n] at 22.05 kHz, mono."""
    try:
        pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{path}: no readable recording", fix="make the voice again") from error
    mono = np.ascontiguousarray(pcm.mean(axis=1))
    if len(mono) < rate:
        raise InputError(
            f"{path}: {len(mono) / rate:.1f} s are too short", fix="give at least 3 s of speech"
        )
    if rate == _REFERENCE_RATE:
        return mono
    return np.asarray(soxr.resample(mono, rate, _REFERENCE_RATE), np.float32)


def _read_latents(path: Path, model: Any) -> Latents | None:
    """The latents that were kept; None when there are none that fit ``model``, its arguments."""
    if not path.is_file():
        return None
    shapes = {
        "gpt": (1, None, int(model.gpt_n_model_channels)),
        "speaker": (1, int(model.d_vector_dim), 1),
    }
    try:
        arrays = read_arrays(path, shapes)
    except InputError as error:
        log.warning("the voice's latents are computed again", cause=error.message)
        return None
    return arrays["gpt"], arrays["speaker"]


def _keep_latents(path: Path, latents: Latents) -> None:
    """Write the latents whole or not at all; a folder that cannot be written keeps none."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.savez(file, gpt=latents[0], speaker=latents[1])
        os.replace(file.name, path)
    except OSError as error:
        log.warning("the voice's latents are not kept", cause=error.strerror)
