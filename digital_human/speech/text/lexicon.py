"""The pronunciation dictionary (自定义读法) that users edit."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pypinyin.contrib.tone_convert import to_normal, to_tone3
from pypinyin.pinyin_dict import pinyin_dict

from digital_human.errors import InputError

_NUMBERED = re.compile(r"([a-züê]+)([0-9]?)")
_HAN = re.compile(r"[\u3400-\u9fff〇]")
_FIX = (
    'write "重庆" = "chong2 qing4" (a syllable with its tone 1-5 for each character), '
    '"GitHub" = "git hub" (what to read instead) or "Kokoro" = "/kˈOkəɹO/" (Kokoro phonemes)'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """How one written form is read; exactly one of the readings is set.

    Attributes:
        written: As it stands in texts.
        pinyin: One toned syllable for each character, e.g. ``("chong2", "qing4")``.
        respelling: Text read in its place.
        phonemes: Kokoro phonemes.
    """

    written: str
    pinyin: tuple[str, ...] = ()
    respelling: str = ""
    phonemes: str = ""


class Lexicon:
    """Pronunciation entries, looked up longest first.

    Args:
        entries: Later entries replace earlier ones of the same written form.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.written: entry for entry in entries}
        # Latin entries match whole words, in any case; Chinese ones match anywhere.
        self._folded = {w.casefold(): e for w, e in self._entries.items()}
        forms = sorted(self._entries, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_form, forms)), re.IGNORECASE) if forms else None

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, text: str) -> list[tuple[int, int, Entry]]:
        """The entries met in ``text`` as ``(start, end, entry)``, in order, not overlapping."""
        if self._pattern is None:
            return []
        hits = []
        for match in self._pattern.finditer(text):
            entry = self._entries.get(match[0]) or self._folded[match[0].casefold()]
            hits.append((match.start(), match.end(), entry))
        return hits

    def merged(self, other: Lexicon) -> Lexicon:
        """This lexicon with the entries of ``other`` on top."""
        return Lexicon([*self._entries.values(), *other._entries.values()])

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str], *, where: str = "lexicon") -> Lexicon:
        """Entries from written form → reading.

        Args:
            mapping: As in the TOML file.
            where: Named in errors.

        Raises:
            InputError: A reading is not understood.
        """
        return cls([parse_entry(w, r, where=f"{where}, {w!r}") for w, r in mapping.items()])

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """Read a TOML file (``"written" = "reading"``) or a CSV file (``written,reading``).

        Returns:
            The entries; none when the file does not exist.

        Raises:
            InputError: The file cannot be read or a line is wrong; the message names the line.
        """
        if not path.exists():
            return cls()
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: {error}", fix="save the file as UTF-8 text") from error
        lines = _csv_lines(path, text) if path.suffix == ".csv" else _toml_lines(path, text)
        return cls([parse_entry(w, r, where=f"{path}, line {n}") for n, w, r in lines])


def parse_entry(written: str, reading: str, *, where: str) -> Entry:
    """Understand one reading.

    Raises:
        InputError: It is empty, has a syllable or tone that does not exist, or too few or many
            syllables.
    """
    written, reading = written.strip(), reading.strip()
    if not written or not reading:
        raise InputError(f"{where}: written form and reading must not be empty", fix=_FIX)
    if len(reading) > 2 and reading[0] == reading[-1] == "/":
        return Entry(written, phonemes=reading[1:-1])
    syllables = reading.lower().replace("v", "ü").replace("u:", "ü").split()
    if not _HAN.search(written) or not _is_pinyin(syllables, len(written)):
        return Entry(written, respelling=reading)
    for syllable in syllables:
        if not _known(syllable[:-1]) or syllable[-1] not in "12345":
            raise InputError(
                f"{where}: {syllable!r} is not a Mandarin syllable with a tone 1-5", fix=_FIX
            )
    if len(syllables) != len(written):
        raise InputError(
            f"{where}: {len(written)} characters but {len(syllables)} syllables in {reading!r}",
            fix=_FIX,
        )
    return Entry(written, pinyin=tuple(syllables))


def _is_pinyin(parts: list[str], characters: int) -> bool:
    """Whether a reading is meant as pinyin, right or wrong, and not as Latin such as ``mp3``."""
    matches = [_NUMBERED.fullmatch(part) for part in parts]
    pairs = [match.groups() for match in matches if match]
    if len(pairs) < len(parts) or not any(tone for _, tone in pairs):
        return False
    known = [_known(letters) for letters, _ in pairs]
    if all(tone for _, tone in pairs):
        return any(known) or len(parts) == characters
    return all(known)


def _known(letters: str) -> bool:
    return to_normal(letters) in known_syllables()


@lru_cache(maxsize=1)
def known_syllables() -> frozenset[str]:
    """All Mandarin syllables, without tones."""
    readings = {r for value in pinyin_dict.values() for r in value.split(",")}
    return frozenset(to_normal(to_tone3(r)) for r in readings)


def _form(written: str) -> str:
    start = r"(?<![A-Za-z0-9])" if written[0].isascii() and written[0].isalnum() else ""
    end = r"(?![A-Za-z0-9])" if written[-1].isascii() and written[-1].isalnum() else ""
    return start + re.escape(written) + end


def _toml_lines(path: Path, text: str) -> list[tuple[int, str, str]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}", fix=_FIX) from error
    lines = []
    for written, reading in data.items():
        number = _line_of(text, written)
        if not isinstance(reading, str):
            raise InputError(f"{path}, line {number}: {written!r} is not text", fix=_FIX)
        lines.append((number, written, reading))
    return lines


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=")[0].strip().strip("\"'") == key:
            return number
    return 1


def _csv_lines(path: Path, text: str) -> list[tuple[int, str, str]]:
    lines = []
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) != 2:
            raise InputError(f"{path}, line {number}: {len(row)} columns, not 2", fix=_FIX)
        lines.append((number, row[0], row[1]))
    return lines
