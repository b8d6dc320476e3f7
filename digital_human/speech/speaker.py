"""One voice speaking texts, clause by clause: what the news and live doors use.

Whatever engine speaks, its sound leaves here with the mark of synthetic speech.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace
from functools import lru_cache
from threading import RLock

import numpy as np

from digital_human.config import settings
from digital_human.errors import InputError
from digital_human.safety import watermark
from digital_human.speech.cache import ClauseCache, from_int16, to_int16
from digital_human.speech.synthesizers import SYNTHESIZERS
from digital_human.speech.synthesizers.base import Synthesizer, never
from digital_human.speech.text.clauses import split
from digital_human.speech.text.delivery import EMOTIONS, Manner, VoiceTag
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.symbols import SILENCE
from digital_human.speech.types import (
    NEUTRAL,
    Clause,
    Delivery,
    Emotion,
    Language,
    Phone,
    Speech,
)
from digital_human.speech.voices import Voice, load_voice

_making: dict[str, RLock] = {}  # by engine


class Speaker:
    """A voice, its engine, the pronunciation dictionary and the cache of clauses.

    Args:
        voice: A voice or its name.
        synthesizer: The engine; by default the voice's own, made when first needed.
        lexicon: Pronunciation entries on top of the user's dictionary.
        speed: Times the voice's own tempo.
        cache: Where spoken clauses are kept; None keeps none. By default the program's cache.

    Raises:
        InputError: The voice or the user's dictionary is wrong.
    """

    def __init__(
        self,
        voice: Voice | str,
        *,
        synthesizer: Synthesizer | None = None,
        lexicon: Lexicon | None = None,
        speed: float = 1.0,
        cache: ClauseCache | None | bool = True,
    ) -> None:
        base = load_voice(voice) if isinstance(voice, str) else voice
        tempo = base.speed * speed
        if not 0.5 <= tempo <= 2.0:
            raise InputError(
                f"speed {speed:g}: voice {base.name!r} would speak at {tempo:g} times normal tempo",
                fix="keep it between 0.5 and 2",
            )
        self.voice = base.model_copy(update={"speed": tempo})
        user = user_lexicon()
        self.lexicon = user.merged(lexicon) if lexicon is not None else user
        self._synthesizer = synthesizer
        if isinstance(cache, bool):
            cache = clause_cache() if cache else None
        self._cache = cache

    @property
    def language(self) -> Language:
        """The voice's own language."""
        return self.voice.languages[0]

    @property
    def synthesizer(self) -> Synthesizer:
        """The engine."""
        if self._synthesizer is None:
            self._synthesizer = shared_synthesizer(self.voice.engine)
        return self._synthesizer

    def say(
        self,
        text: str,
        *,
        language: Language | None = None,
        emotion: Emotion = "neutral",
        delivery: Delivery = NEUTRAL,
        tags: Sequence[VoiceTag] = (),
        epoch: int = 0,
        first_limit: int | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[Speech]:
        """Speak ``text``, yielding each clause as soon as it is there.

        Args:
            text: As written.
            language: By default the voice's own.
            emotion: What the face shows and, where no tag names another, the voice tells.
            delivery: How all of it is spoken besides.
            tags: Voice tags in ``text``, in order.
            epoch: Epoch of the speech.
            first_limit: Characters of the first clause, for a quick start.
            cancelled: Asked before and while the model runs.

        Raises:
            Cancelled: ``cancelled`` said yes.
            InputError: The voice cannot read the language.
        """
        clauses = split(
            text, language or self.language, epoch=epoch, emotion=emotion, first_limit=first_limit,
            delivery=delivery, tags=tags, manner=Manner(EMOTIONS[emotion]),
        )  # fmt: skip
        for clause in clauses:
            yield self.speak(clause, cancelled=cancelled)

    def recall(self, clause: Clause) -> Speech | None:
        """The clause as it was spoken before; None when the cache does not have it."""
        if self._cache is None:
            return None
        kept = self._cache.get(self._key(clause), clause)
        return None if kept is None else _led(kept)

    def speak(self, clause: Clause, *, cancelled: Callable[[], bool] = never) -> Speech:
        """Speak one clause, from the cache when it was spoken before."""
        if (kept := self.recall(clause)) is not None:
            return kept
        speech = self.synthesizer.synthesize(
            clause, self.voice, lexicon=self.lexicon, cancelled=cancelled
        )
        # Sound from the model and from the cache is the same to the last bit.
        pcm = from_int16(to_int16(watermark.mark(speech.pcm, speech.rate)))
        speech = replace(speech, pcm=pcm)
        if self._cache is not None:
            self._cache.put(self._key(clause), speech)
        return _led(speech)

    def _key(self, clause: Clause) -> str:
        """What the sound depends on."""
        hits = [
            (e.written, e.pinyin, e.respelling, e.phonemes)
            for _, _, e in self.lexicon.find(clause.text)
        ]
        voice = self.voice
        parts = [
            self.synthesizer.fingerprint, watermark.VERSION,
            voice.fingerprint, voice.speed, voice.gain,
            clause.text, clause.language, clause.pause, astuple(clause.delivery), hits,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _led(speech: Speech) -> Speech:
    """``speech`` behind the silence that its clause asks for."""
    lead = round(speech.clause.lead * speech.rate / 1000)
    if not lead:
        return speech
    phones = [replace(p, start=p.start + lead, end=p.end + lead) for p in speech.phones]
    if phones and phones[0].symbol == SILENCE:
        phones[0] = replace(phones[0], start=0)
    else:
        phones.insert(0, Phone(SILENCE, 0, lead))
    return replace(
        speech,
        pcm=np.concatenate([np.zeros(lead, np.float32), speech.pcm]),
        phones=tuple(phones),
        words=tuple(replace(w, start=w.start + lead, end=w.end + lead) for w in speech.words),
    )


def clause_cache(*, keep: bool = True) -> ClauseCache:
    """The program's cache of clauses."""
    return ClauseCache(settings().cache_dir / "clauses", keep=keep)


def shared_synthesizer(engine: str) -> Synthesizer:
    """The process's one instance of an engine, so that several voices share its weights.

    Threads that ask for it while it is made wait for it.

    Raises:
        InputError: There is no such engine.
        WeightsError: Its weights are not there.
    """
    with _making.setdefault(engine, RLock()):
        return _made(engine)


@lru_cache
def _made(engine: str) -> Synthesizer:
    synthesizer: Synthesizer = SYNTHESIZERS[engine].create()
    return synthesizer


def user_lexicon() -> Lexicon:
    """The user's pronunciation dictionary: ``lexicon.toml``, then ``lexicon.csv``, of the home.

    Raises:
        InputError: A line is wrong.
    """
    home = settings().home
    return Lexicon.load(home / "lexicon.toml").merged(Lexicon.load(home / "lexicon.csv"))
