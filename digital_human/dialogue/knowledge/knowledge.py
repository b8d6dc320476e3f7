"""What a persona knows: a folder of files, searched by meaning, words and sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from digital_human.config import settings
from digital_human.dialogue.knowledge import evidence
from digital_human.dialogue.knowledge.embedder import Embedder, Vectors, default_embedder
from digital_human.dialogue.knowledge.entries import Entry, language_of, spoken
from digital_human.dialogue.knowledge.index import Index, build
from digital_human.dialogue.knowledge.loaders import read_folder
from digital_human.dialogue.knowledge.matching import (
    Features,
    Phrase,
    clear,
    crossed,
    features,
    probability,
)
from digital_human.dialogue.knowledge.questions import asking_clause, asking_sentence, last_clause
from digital_human.dialogue.knowledge.reading import Reader, Told
from digital_human.dialogue.knowledge.shapes import shape_of, tells
from digital_human.dialogue.knowledge.topic import passages_about
from digital_human.dialogue.knowledge.words import Analysis, analyse, core
from digital_human.dialogue.types import Source
from digital_human.speech.types import Language

# Set on the development questions so that nothing unanswerable there is sure.
SURE = 0.5
# The runner-up with another answer must be this much less likely.
MARGIN = 0.05
LIKELY = 2
"""Texts that are to be read for a question: a visitor waits for each."""
# What another entry's score may lack of the best one's to be as likely.
LEAD = 0.1
_CANDIDATES = 10
_DOUBTFUL = -2.5  # score of the evidence from which an entry may be an answer, if it is read
_CLEAR = 3.0  # score from which it need not be read


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that may be spoken as it is.

    Attributes:
        text: Short enough to say.
        language: Its language, that of the question.
        source: Where it stands.
    """

    text: str
    language: Language
    source: Source


@dataclass(frozen=True, slots=True)
class Likely:
    """What may be an answer: words and vectors alone cannot tell.

    Attributes:
        answer: The answer.
        score: Log odds that it is one, by the evidence.
    """

    answer: Answer
    score: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What the knowledge has about a question.

    Attributes:
        hits: Best first; ``score`` is the probability that the entry answers the question.
        sure: The answer, if hardly any question without an answer would get it.
        confidence: 0…1, the best hit's probability.
        about: Passages on the question's topic, in the answer's language where there are such;
            ``score`` is how near they are. Empty for a question that is off the topic or asks for
            a fact that stands nowhere.
        likely: Where a language model's reading would tell more, what may be an answer, the
            likeliest first; what is sure without it among them.
    """

    hits: tuple[Source, ...]
    sure: Answer | None
    confidence: float
    about: tuple[Source, ...] = ()
    likely: tuple[Likely, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """An entry weighed against a question.

    Attributes:
        entry: Its number.
        features: Of its best phrasing.
        probability: That it answers.
        clear: The same for the best phrasing that leaves nothing over; 0 when there is none.
    """

    entry: int
    features: Features
    probability: float
    clear: float


class Knowledge:
    """A searchable knowledge folder; searching is thread-safe and reads one state throughout.

    Args:
        folder: The folder.
        embedder: Makes vectors.
        also: Further folders that are searched with it, by the name that begins their paths.
    """

    def __init__(
        self, folder: Path, embedder: Embedder, also: Mapping[str, Path] | None = None
    ) -> None:
        self._folder, self._also = folder, dict(also or {})
        self._embedder = embedder
        self._state: tuple[str, ...] = ()
        self._index = Index((), (), np.empty((0, embedder.width), dtype=np.float32))
        self._reader = Reader(self._index, embedder)
        self.hot_words: tuple[str, ...] = ()
        self.refresh()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        also: Mapping[str, Path] | None = None,
        embedder: Embedder | None = None,
    ) -> Knowledge:
        """Open a folder; its index is kept on disk and only changed files are embedded again.

        Args:
            folder: Markdown pages, CSV, TSV, JSON and TOML files of questions and answers.
            also: Further folders that are searched with it, e.g. another persona's, by the name
                that begins their paths in sources. Where both answer, ``folder`` has the word.
            embedder: By default the one of the model store.

        Raises:
            InputError: A file is wrong; names it, the line or row, and what to change.
            WeightsError: The embedder's weights have not been pulled.
            ResourceError: The index cannot be written.
        """
        return cls(folder, embedder or default_embedder(), also)

    def refresh(self) -> bool:
        """Take in what changed in the folder since the last look.

        Returns:
            Whether anything had changed. When a file is wrong, what was known before stays.

        Raises:
            InputError: As `open`.
        """
        files = read_folder(self._folder)
        for name, folder in self._also.items():
            files += [replace(one, name=f"{name}/{one.name}") for one in read_folder(folder)]
        state = tuple(f"{file.name}\n{file.digest}" for file in files)
        if self._state == state:
            return False
        place = sha256(str(self._folder.resolve()).encode()).hexdigest()[:16]
        index = build(files, self._embedder, settings().cache_dir / "knowledge" / place)
        self.hot_words = index.names
        self._index, self._reader = index, Reader(index, self._embedder)
        self._state = state
        return True

    def search(self, text: str, language: Language, k: int = 4) -> Findings:
        """Find what answers a question.

        Args:
            text: The question as typed or heard.
            language: Language the answer is wanted in.
            k: Most hits.
        """
        asked = core(text)
        found = self._search(asked, language, k)
        for part in _parts(asked):
            if found.sure is None or found.likely:
                more = self._search(part, language, k)
                likely = _merged(found.likely, _to_read(more))
                found = replace(found, sure=found.sure or more.sure, likely=likely)
        if found.sure is None and (clause := last_clause(asked)) is not None:
            more = self._search(core(clause), language, k)
            found = replace(found, likely=_merged(found.likely, _to_read(more)))
        return found

    def _search(self, asked: str, language: Language, k: int) -> Findings:
        index = self._index
        question = analyse(asked)
        if not question.words or not index.texts:
            return Findings((), None, 0.0)
        matches, cosines = self._weighed(index, asked, question)
        hits = tuple(_source(index.entries[m.entry], m.probability) for m in matches[:k])
        confidence = matches[0].probability if matches else 0.0
        about = passages_about(index, asked, question, cosines, language, confidence)
        passages = tuple(_source(index.entries[entry], worth) for entry, worth in about)
        able = [match for match in matches if not self._reader.of_the_first(asked, match.entry)]
        foreseen = sure = self._sure(able, language)
        likely: tuple[Likely, ...] = ()
        shape = shape_of(asked)
        if sure is None or (shape and shape[0].strict and not tells(sure.text, *shape)):
            entries = [match.entry for match in matches]
            weighed = self._reader.weighed(asked, question, entries, cosines, language)
            told = [t for t in weighed if t.evidence.score >= evidence.SURE and not t.doubt]
            sure = self._told(told, language) if told else None
            if sure is None or told[0].evidence.score < _CLEAR:
                score = told[0].evidence.score if told else evidence.SURE
                first = [Likely(one, score) for one in (sure or foreseen,) if one is not None]
                likely = _merged(first, self._likely(weighed, language))
        return Findings(hits, sure, confidence, passages, likely)

    def weigh(self, text: str) -> list[Match]:
        """Entries that may answer a question, most likely first."""
        asked = core(text)
        question = analyse(asked)
        if not question.words or not self._index.texts:
            return []
        return self._weighed(self._index, asked, question)[0]

    def read(self, text: str, language: Language) -> list[list[Told]]:
        """Entries that may tell what is asked, likeliest first, whether sure or not.

        Returns:
            A list for the text, and one for each part of it that asks by itself.
        """
        found = []
        for asked in (core(text), *_parts(core(text))):
            question = analyse(asked)
            if question.words and self._index.texts:
                matches, cosines = self._weighed(self._index, asked, question)
                entries = [match.entry for match in matches]
                found.append(self._reader.weighed(asked, question, entries, cosines, language))
        return found

    def _weighed(self, index: Index, asked: str, question: Analysis) -> tuple[list[Match], Vectors]:
        """Entries weighed against a question, and its cosine with every text, float32 [texts]."""
        vector = self._embedder([asked])[0]
        entries, cosines = index.candidates(question, vector, _CANDIDATES)
        language = language_of(asked)
        matches = [
            _match(index, e, question, cosines, index.entries[e].language == language)
            for e in entries
        ]
        return sorted(matches, key=lambda match: -match.probability), cosines

    def entry(self, number: int) -> Entry:
        """The entry a `Match` names."""
        return self._index.entries[number]

    def answers(self) -> Iterator[tuple[str, Language]]:
        """Every text that a sure answer may consist of, for speaking them ahead."""
        for entry in self._index.entries:
            if entry.speakable:
                yield spoken(entry.text, entry.language), entry.language

    def passages(self) -> Iterator[tuple[Source, Language]]:
        """Every entry with its language, for having them read ahead."""
        for entry in self._index.entries:
            yield _source(entry, 1.0), entry.language

    def __len__(self) -> int:
        return len(self._index.entries)

    def _speakable(self, match: Match, language: Language) -> bool:
        entry = self._index.entries[match.entry]
        return entry.speakable and entry.language == language

    def _own(self, entry: Entry) -> bool:
        """Whether it stands in the first folder."""
        return not any(entry.path.startswith(f"{name}/") for name in self._also)

    def _sure(self, matches: list[Match], language: Language) -> Answer | None:
        """The best match's answer, if it is likely enough and nothing else is."""
        entries = self._index.entries
        able = sorted(
            (m for m in matches if m.clear and self._speakable(m, language)),
            key=lambda match: -match.clear,
        )
        if not able or able[0].clear < SURE:
            return None
        near = [m for m in able if able[0].clear - m.clear < MARGIN]
        near = [m for m in near if self._own(entries[m.entry])] or near
        best = entries[near[0].entry]
        if any(entries[m.entry].text != best.text for m in near[1:]):
            return None
        source = _source(best, near[0].clear)
        return Answer(spoken(best.text, best.language), best.language, source)

    def _told(self, told: Sequence[Told], language: Language) -> Answer:
        """What the likeliest entry tells; of equally likely ones one of the first folder."""
        near = [one for one in told if told[0].evidence.score - one.evidence.score < LEAD]
        own = [one for one in near if self._own(self._index.entries[one.entry])]
        return self._answer((own or near)[0], language)

    def _likely(self, told: Sequence[Told], language: Language) -> tuple[Likely, ...]:
        found = [
            Likely(self._answer(one, language), one.evidence.score - one.doubt) for one in told
        ]
        return _merged((), [one for one in found if one.score >= _DOUBTFUL])

    def _answer(self, told: Told, language: Language) -> Answer:
        entry = self._index.entries[told.entry]
        return Answer(told.said, language, _source(entry, told.evidence.cosine))


def _to_read(part: Findings) -> tuple[Likely, ...]:
    """What a part of a question gives: the rest may change the answer, so that even what is sure is
    to be read with the whole."""
    sure = () if part.sure is None else (Likely(part.sure, evidence.SURE),)
    return (*sure, *part.likely)


def _merged(some: Sequence[Likely], more: Sequence[Likely]) -> tuple[Likely, ...]:
    """The likeliest of both, each text once."""
    best: dict[str, Likely] = {}
    for one in sorted((*some, *more), key=lambda one: -one.score):
        best.setdefault(one.answer.text, one)
    return tuple(best.values())[:LIKELY]


def _parts(text: str) -> list[str]:
    """Parts of a text that ask by themselves."""
    parts = (asking_clause(text), asking_sentence(text))
    return list(dict.fromkeys(core(part) for part in parts if part is not None))


def _match(index: Index, entry: int, question: Analysis, cosines: Vectors, same: bool) -> Match:
    """An entry's best phrasing against a question; ``same`` when their languages are."""
    asks = [number for number in index.texts_of[entry] if index.texts[number].ask]
    if same:
        phrase, names = Phrase(question), index.heard(question)
        found = [
            features(
                phrase,
                index.phrases[number],
                index.phrasings[entry],
                float(cosines[number]),
                index.topic,
                names=index.names_in[number] == names,
            )
            for number in asks
        ]
    else:
        found = [crossed(float(cosines[number])) for number in asks]
    best = max(found, key=probability)
    clearly = max((probability(values) for values in found if clear(values)), default=0.0)
    return Match(entry, best, probability(best), clearly)


def _source(entry: Entry, score: float) -> Source:
    return Source(entry.title, entry.path, entry.text, score)
