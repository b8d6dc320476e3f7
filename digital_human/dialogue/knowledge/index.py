"""The index: vectors and words per file on disk; keyword, pinyin and dense search in memory."""

from __future__ import annotations

import io
import json
import logging
import os
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.dialogue.knowledge.embedder import Embedder, Vectors
from digital_human.dialogue.knowledge.entries import Entry
from digital_human.dialogue.knowledge.loaders import SourceFile, entries_of
from digital_human.dialogue.knowledge.matching import Phrase
from digital_human.dialogue.knowledge.names import heard_in, names_of, sound_of
from digital_human.dialogue.knowledge.words import (
    Analysis,
    Word,
    analyse,
    core,
    keyword_tokens,
    sound_tokens,
)
from digital_human.errors import InputError, ResourceError

MAX_TEXTS = 50_000
# Reciprocal rank fusion with the constant of Cormack, Clarke and Büttcher (2009).
_RRF = 60.0
_NEAREST = 4
# Share of the entries a word must be in to be what they are all about.
_TOPIC = 0.34
# Raise it when words, weights, vectors or their layout change: older files are then rebuilt.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Text:
    """Something of an entry that a question may resemble.

    Attributes:
        entry: Index of the entry.
        ask: Whether it is a phrasing the entry answers, rather than its answer or passage.
        analysis: Its words.
    """

    entry: int
    ask: bool
    analysis: Analysis


@dataclass(frozen=True, slots=True)
class _Part:
    """One file's share of the index."""

    entries: list[Entry]
    analyses: list[Analysis]
    vectors: Vectors


class Index:
    """Everything that is searched, immutable once built.

    Args:
        entries: All entries.
        texts: Their texts.
        vectors: float32 [texts, width], one row per text.

    Attributes:
        owner: Entry of every text, int64 [texts].
        asked: By entry, the sounds of the names in its phrasings.
        about: By entry, the sounds of the names it is about: those, and its keywords.
        mentioned: By entry, the sounds of the names its answer or passage holds.
        kinds: By entry, the kinds of answer its phrasings ask for.
        written: Every word there is.
    """

    def __init__(self, entries: Sequence[Entry], texts: Sequence[Text], vectors: Vectors) -> None:
        self.entries = tuple(entries)
        self.texts = tuple(texts)
        self.vectors = vectors
        self.texts_of: list[list[int]] = [[] for _ in entries]
        for number, text in enumerate(texts):
            self.texts_of[text.entry].append(number)
        self.owner = np.array([text.entry for text in texts], dtype=np.int64)
        self.phrases = tuple(Phrase(text.analysis) for text in texts)
        self.phrasings = tuple(self._phrasings(number) for number in range(len(self.entries)))
        self.topic = _topic(self.entries, self.texts)
        self.names = names_of(entries)
        sounds = ((name, sound_of(name)) for name in self.names if not self._is_topic(name))
        self._name_sounds = tuple(sounds)
        self.names_in = tuple(self.heard(t.analysis) if t.ask else frozenset() for t in texts)
        self.asked = [
            frozenset[str]().union(*(self.names_in[n] for n in numbers if self.texts[n].ask))
            for numbers in self.texts_of
        ]
        self.about, self.mentioned, self.kinds = self._subjects()
        self.written = " ".join(word.text for text in texts for word in text.analysis.words)
        self._keywords = _bm25([keyword_tokens(text.analysis) for text in texts])
        self._sounds = _bm25([sound_tokens(text.analysis) for text in texts])

    def heard(self, analysis: Analysis) -> frozenset[str]:
        """Sounds of the names in a text, other than those that all of it is about."""
        return heard_in(analysis, self._name_sounds)

    def _subjects(
        self,
    ) -> tuple[list[frozenset[str]], list[frozenset[str]], list[frozenset[str]]]:
        """By entry: names it is about, names its text mentions, kinds of answer it gives."""
        about, mentioned, kinds = [], [], []
        for entry, numbers, asked in zip(self.entries, self.texts_of, self.asked, strict=True):
            asks = [n for n in numbers if self.texts[n].ask]
            about.append(asked | {sound_of(word) for word in entry.keywords})
            told = (self.texts[n].analysis for n in numbers if not self.texts[n].ask)
            mentioned.append(frozenset[str]().union(*(self.heard(text) for text in told)))
            kinds.append(frozenset[str]().union(*(self.texts[n].analysis.kinds for n in asks)))
        return about, mentioned, kinds

    def _is_topic(self, name: str) -> bool:
        return all(word.light or word.text in self.topic for word in analyse(name).words)

    def _phrasings(self, entry: int) -> Phrase:
        """All phrasings of an entry as one text."""
        parts = [self.texts[n].analysis for n in self.texts_of[entry] if self.texts[n].ask]
        return Phrase(Analysis(tuple(word for part in parts for word in part.words), frozenset()))

    def candidates(self, question: Analysis, vector: Vectors, k: int) -> tuple[list[int], Vectors]:
        """Entries that may answer, best first by reciprocal rank fusion of the three channels.

        Args:
            question: Its words.
            vector: float32 [width].
            k: How many of the fusion; the nearest by meaning come on top.

        Returns:
            Entry numbers, and the cosine of the question with every text, float32 [texts].
        """
        cosines = self.vectors @ vector
        fused = np.zeros(len(self.entries))
        nearest: list[int] = []
        channels = [
            (cosines, 0.0),
            (_scores(self._keywords, keyword_tokens(question), len(self.texts)), 0.0),
            (_scores(self._sounds, sound_tokens(question), len(self.texts)), 0.0),
        ]
        for scores, floor in channels:
            best = np.full(len(self.entries), -np.inf)
            np.maximum.at(best, self.owner, scores)
            order = np.argsort(-best, kind="stable")[: 4 * k]
            if scores is cosines:
                nearest = [int(entry) for entry in order[:_NEAREST]]
            for rank, entry in enumerate(order):
                if best[entry] > floor:
                    fused[entry] += 1 / (_RRF + rank)
        ranked = np.argsort(-fused, kind="stable")[:k]
        likely = [int(entry) for entry in ranked if fused[entry] > 0]
        # Words cannot find what is written in another language: the nearest by meaning always stay.
        return list(dict.fromkeys((*likely, *nearest))), cosines


def build(files: Sequence[SourceFile], embedder: Embedder, cache: Path) -> Index:
    """Index files, embedding only those that changed.

    Args:
        files: What is in the folder.
        embedder: Makes the vectors.
        cache: Folder of this knowledge's index files; what belongs to no file is removed.

    Raises:
        InputError: A file is wrong, or there is too much of it all.
        ResourceError: The index cannot be written.
    """
    entries: list[Entry] = []
    texts: list[Text] = []
    vectors = [np.empty((0, embedder.width), dtype=np.float32)]
    used = set()
    for file in files:
        path = cache / f"{_key(file, embedder)}.npz"
        used.add(path.name)
        part = _part(file, embedder, path)
        analyses = iter(part.analyses)
        for entry in part.entries:
            for ordinal in range(len(entry.asks) + 1):
                texts.append(Text(len(entries), ordinal < len(entry.asks), next(analyses)))
            entries.append(entry)
        vectors.append(part.vectors)
        if len(texts) > MAX_TEXTS:
            raise InputError(
                f"knowledge: more than {MAX_TEXTS} questions and passages (at {file.name})",
                fix="give the persona a smaller folder",
            )
    _sweep(cache, used)
    return Index(entries, texts, np.concatenate(vectors))


def _topic(entries: Sequence[Entry], texts: Sequence[Text]) -> frozenset[str]:
    """Words that more than a share of a language's entries have: what it is all about."""
    words: dict[int, set[str]] = {}
    for text in texts:
        words.setdefault(text.entry, set()).update(word.text for word in text.analysis.words)
    sizes = Counter(entry.language for entry in entries)
    counts = Counter((entries[e].language, word) for e, found in words.items() for word in found)
    return frozenset(w for (language, w), n in counts.items() if n > _TOPIC * sizes[language])


def _key(file: SourceFile, embedder: Embedder) -> str:
    parts = (str(_FORMAT), embedder.name, file.name, file.digest)
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


def _part(file: SourceFile, embedder: Embedder, path: Path) -> _Part:
    entries = entries_of(file)
    texts = [text for entry in entries for text in (*map(core, entry.asks), entry.text)]
    if (known := _load(path, len(texts), embedder.width)) is not None:
        return _Part(entries, *known)
    analyses = [analyse(text) for text in texts]
    vectors = embedder(texts)
    _store(path, analyses, vectors)
    # As read back, so that a fresh index and a loaded one give the same figures.
    return _Part(entries, analyses, vectors.astype(np.float16).astype(np.float32))


def _load(path: Path, count: int, width: int) -> tuple[list[Analysis], Vectors] | None:
    """What an index file holds; None when it is missing, damaged or of another shape."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            vectors = archive["vectors"].astype(np.float32)
            rows = json.loads(archive["analyses"].tobytes())
        analyses = [
            Analysis(tuple(Word(t, tuple(s), w) for t, s, w in words), frozenset(kinds))
            for words, kinds in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    if vectors.shape != (count, width) or len(analyses) != count:
        return None
    return analyses, vectors


def _store(path: Path, analyses: Sequence[Analysis], vectors: Vectors) -> None:
    """Write an index file in one step: a reader sees the old one, none, or all of the new one."""
    rows = [
        ([(word.text, word.sounds, word.weight) for word in a.words], sorted(a.kinds))
        for a in analyses
    ]
    blob = np.frombuffer(json.dumps(rows, ensure_ascii=False).encode(), dtype=np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, vectors=vectors.astype(np.float16), analyses=blob)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ResourceError(
            f"knowledge: the index cannot be written to {path.parent}: {error.strerror}",
            fix="make room there or make it writable; DH_HOME moves it",
        ) from None


def _sweep(cache: Path, used: set[str]) -> None:
    for path in cache.glob("*.npz"):
        if path.name not in used:
            path.unlink(missing_ok=True)


def _bm25(corpus: list[list[str]]) -> Any:
    """A BM25 index of tokenised texts; None when there are no tokens at all."""
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    if not any(corpus):
        return None
    index = bm25s.BM25()
    index.index(corpus, show_progress=False)
    return index


def _scores(index: Any, tokens: list[str], count: int) -> npt.NDArray[np.float32]:
    """BM25 scores of all texts, float32 [texts]."""
    known = [token for token in tokens if index is not None and token in index.vocab_dict]
    if not known:
        return np.zeros(count, dtype=np.float32)
    return np.asarray(index.get_scores(known), dtype=np.float32)
