"""From recordings of a person to a voice of the user's own: prepare, fit, adapt, measure, store."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent, ConsentFile, Consents
from digital_human.speech.cloning.card import Card
from digital_human.speech.cloning.lending import lend
from digital_human.speech.cloning.measure import SENTENCES, Judge, pitch_of, speak
from digital_human.speech.cloning.recordings import RATE
from digital_human.speech.cloning.references import Progress, References, prepare
from digital_human.speech.cloning.strength import SHARES, keep, write_part
from digital_human.speech.loudness import TARGET_LUFS, loudness
from digital_human.speech.types import Language
from digital_human.speech.voices import (
    STYLE_SIZE,
    VOICE_FILE,
    Voice,
    changing_alone,
    check_voice_name,
    part_folder,
    read_arrays,
    voice_folder,
)

STYLE, ADAPTER = "style.npz", "adapter.npz"
_WHOLE = "adapter-whole.npz"
_KEPT = {
    1.0: "model adapted to the same speech",
    **{share: f"model adapted to the same speech, at {100 * share:.0f} %" for share in SHARES[1:]},
    0.0: "an adaptation of the model was dropped: it was understood worse",
}

_CHANGE_OF_SEX = 165.0  # Hz, between the median pitches of men and women
_LANGUAGES: tuple[Language, ...] = ("zh", "en", "ja")
_KEY = "made-from.txt"
_MOST_GAIN = 12.0


@dataclass(frozen=True, slots=True)
class Order:
    """A voice that is wanted.

    Attributes:
        name: Of the voice.
        recordings: Of the person.
        consent: What the person agreed to.
        display: Names shown to people, by language; the subject of the consent by default.
        gender: For choosing a voice that fits a face; by default told from the pitch.
        language: The person's; heard by default.
        adapt: Whether the model is adapted too, which takes minutes.
        replace: Whether a voice of this name may be replaced.
        seed: Of everything random.
    """

    name: str
    recordings: tuple[Path, ...]
    consent: ConsentFile
    display: dict[str, str]
    gender: Literal["female", "male"] | None = None
    language: Language | None = None
    adapt: bool = True
    replace: bool = False
    seed: int = 0


def create_voice(order: Order, progress: Progress) -> tuple[Voice, Card, Consent]:
    """Make a voice from recordings and store it.

    A call that was interrupted goes on where it stopped when it is made again; until all is done
    there is no voice of that name, or the old one. After a refusal nothing stays of the recordings.

    Args:
        order: See `Order`.
        progress: Told the step and the share that is done.

    Raises:
        InputError: The name is taken, the recordings are refused, or the consent is not for voices.
        ConsentError: The consent was taken back meanwhile.
        ResourceError: PyTorch is missing, or another process makes this voice.
        WeightsError: A model is missing.
    """
    check_order(order)
    sources = _sources(order.recordings)
    folder = voice_folder(order.name)
    work = part_folder(order.name)
    with changing_alone(order.name):
        consent = Consents().grant(order.consent, sources)
        with _taken_back_on_failure(consent), _cleared_on_refusal(order.name, work):
            _clear_unless(work, _key(order, sources))
            voice, card = _make(order, consent, work, _while_valid(consent, progress))
            _while_valid(consent, progress)("storing", 1.0)
            _store(work, folder, voice, card)
    return voice.model_copy(update={"folder": folder}), card, consent


def check_order(order: Order) -> None:
    """Refuse an order that cannot be carried out, before anything is recorded.

    Raises:
        InputError: The message names the field.
    """
    check_voice_name(order.name)
    if voice_folder(order.name).exists() and not order.replace:
        raise InputError(
            f"voice {order.name!r} exists already", fix="choose another name, or give --replace"
        )
    if "voice" not in order.consent.scope:
        raise InputError(
            f"consent: scope = {', '.join(order.consent.scope)} does not include 'voice'",
            fix='the person must agree to the use of the voice: scope = ["voice"]',
        )
    if not order.recordings:
        raise InputError("--audio: no recording is given", fix="give --audio FILE, once or more")


def _make(order: Order, consent: Consent, work: Path, progress: Progress) -> tuple[Voice, Card]:
    """Everything but storing; each finished step is kept in ``work``."""
    from digital_human.speech.cloning.adapt import adapt
    from digital_human.speech.cloning.fit import fit_style

    references = _references(order, work, _part(progress, 0.0, 0.15))
    if not (work / STYLE).exists():
        found = fit_style(
            references, seed=order.seed, progress=_part(progress, 0.15, 0.45),
            resume=_folder(work / "fit"),
        )  # fmt: skip
        _save(work / STYLE, style=found.style)
    draft = _draft(order, consent, references, work)
    if order.adapt and not (work / _WHOLE).exists():
        adapted = adapt(
            references, _style(work), seed=order.seed,
            progress=_part(progress, 0.45, 0.8), resume=_folder(work / "adapt"),
        )  # fmt: skip
        part = work / "adapter.part.npz"
        adapted.save(part)
        part.replace(work / _WHOLE)
    judge = Judge(references, progress=_part(progress, 0.8, 0.88))
    progress("the fitted voice is measured", 0.88)
    voice = _levelled(draft, references.language)
    measures = fitted = judge.measures(voice)
    how = [f"style fitted to {_seconds(references)} s of speech"]
    if order.adapt:
        kept = keep(voice, fitted, _adapted(draft, references.language, progress), judge.measures)
        voice, measures = kept.voice, kept.measures
        how.append(_KEPT[kept.share])
    voice, others = lend(voice, judge, _part(progress, 0.95, 1.0))
    card = Card(
        name=order.name, how=tuple(how), measures=measures,
        fitted=fitted if order.adapt else None, others=others, report=references.report,
    )  # fmt: skip
    return voice, card


def _adapted(draft: Voice, language: Language, progress: Progress) -> Callable[[float], Voice]:
    """Gives ``draft`` with a share of its adaptation."""

    def make(share: float) -> Voice:
        progress(f"the adapted voice is measured at {100 * share:.0f} %", 0.95 - 0.05 * share)
        _remove_adapted(draft.name)  # the model of the share before
        write_part(draft.folder / _WHOLE, share, draft.folder / ADAPTER)
        return _levelled(draft.model_copy(update={"adapter": ADAPTER}), language)

    return make


def _references(order: Order, work: Path, progress: Progress) -> References:
    folder = work / "references"
    if (folder / "references.json").exists():
        return References.load(folder)
    references = prepare(order.recordings, language=order.language, progress=progress)
    references.save(folder)
    return references


def _draft(order: Order, consent: Consent, references: References, work: Path) -> Voice:
    """The voice with its fitted style, its loudness not yet measured."""
    own = references.language
    gender = order.gender
    if gender is None:
        hertz = pitch_of([u.pcm for u in references.train])
        gender = "male" if hertz < _CHANGE_OF_SEX else "female"
    return Voice(
        name=order.name,
        display=order.display or {"zh": consent.subject, "en": consent.subject},
        gender=gender,
        languages=(own, *(language for language in _LANGUAGES if language != own)),
        engine="kokoro",
        fitted=STYLE,
        licence=consent.licence,
        source=f"Kokoro-82M v1.0 by hexgrad (Apache-2.0), fitted to recordings of "
        f"{consent.subject} by consent",
        person="real",  # recordings are of somebody
        sources=tuple(sorted(consent.sources.values())),
        consent=consent.id,
        folder=work,
    )


def _levelled(voice: Voice, language: Language) -> Voice:
    """``voice`` with the gain that brings it to −16 LUFS."""
    texts = SENTENCES[language][:3]
    sample = speak(voice.model_copy(update={"gain": 0.0}), texts, language, level=None)
    measured = loudness(np.concatenate(sample.sounds), RATE)
    if not np.isfinite(measured):
        raise ResourceError(
            f"voice {voice.name!r}: the fitted style is silent",
            fix="try other recordings; tell us if it happens again",
        )
    gain = float(np.clip(TARGET_LUFS - measured, -_MOST_GAIN, _MOST_GAIN))
    return voice.model_copy(update={"gain": round(gain, 1)})


def _store(work: Path, folder: Path, voice: Voice, card: Card) -> None:
    """Put the finished voice where it is found, all of it or nothing."""
    ready = work / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir()
    for path in voice.files:
        shutil.copy2(path, ready / path.name)
    card.save(ready)
    (ready / VOICE_FILE).write_text(_toml(voice), encoding="utf-8")
    old = folder.with_name(f".{voice.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists() or not voice.adapter:
        # The model adapted for the replaced voice, or for the adaptation that was dropped.
        _remove_adapted(voice.name)
    if folder.exists():
        folder.replace(old)
    ready.replace(folder)
    # The recordings that were prepared do not stay.
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)


def _toml(voice: Voice) -> str:
    """``voice`` as the text of its file; JSON strings and lists are TOML's."""
    fields = voice.model_dump(mode="json", exclude_defaults=True)
    return "".join(f"{name} = {_toml_value(value)}\n" for name, value in fields.items())


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml_value(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sources(recordings: Sequence[Path]) -> dict[str, str]:
    sources: dict[str, str] = {}
    for path in recordings:
        if not path.is_file():
            raise InputError(f"--audio {path}: there is no such file", fix="check the path")
        if path.name in sources:
            raise InputError(
                f"--audio {path}: a second file of that name", fix="give them different names"
            )
        sources[path.name] = file_sha256(path)
    return sources


def _key(order: Order, sources: dict[str, str]) -> str:
    """What unfinished work must have been made from to be gone on with."""
    parts = [1, sorted(sources.values()), order.language, order.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _clear_unless(work: Path, key: str) -> None:
    """Begin anew unless ``work`` was begun with the same recordings."""
    mark = work / _KEY
    if not mark.is_file() or mark.read_text(encoding="utf-8") != key:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
        mark.write_text(key, encoding="utf-8")


@contextmanager
def _cleared_on_refusal(name: str, work: Path) -> Iterator[None]:
    """Recordings that were refused, or whose person agrees no more, do not stay prepared."""
    try:
        yield
    except (InputError, ConsentError):
        shutil.rmtree(work, ignore_errors=True)
        _remove_adapted(name)
        raise


@contextmanager
def _taken_back_on_failure(granted: Consent) -> Iterator[None]:
    """A consent recorded for a voice that could not be made does not stay."""
    try:
        yield
    except BaseException:
        Consents().revoke(granted.id, "the voice could not be made")
        raise


def _remove_adapted(name: str) -> None:
    from digital_human.speech.synthesizers.kokoro import remove_adapted

    remove_adapted(name)


def _while_valid(consent: Consent, progress: Progress) -> Progress:
    """``progress`` that stops the work as soon as the consent does not hold any more."""
    consents = Consents()

    def told(step: str, share: float) -> None:
        if not consents.valid(consent.id):
            raise ConsentError(
                f"consent {consent.id!r} ended while the voice was made; it was stopped",
                fix="ask for a new consent",
            )
        progress(step, share)

    return told


def _part(progress: Progress, first: float, last: float) -> Progress:
    """``progress`` of a step that is a part of the whole."""
    return lambda step, share: progress(step, first + (last - first) * share)


def _seconds(references: References) -> int:
    return round(sum(u.seconds for u in references.train))


def _style(work: Path) -> FloatArray:
    return read_arrays(work / STYLE, {"style": (STYLE_SIZE,)})["style"]


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _save(path: Path, **arrays: FloatArray) -> None:
    part = path.with_suffix(".part.npz")
    write: Callable[..., None] = np.savez
    write(part, **arrays)
    part.replace(path)
