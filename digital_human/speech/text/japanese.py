"""Japanese front end: Open JTalk readings (pyopenjtalk-plus) to the phonemes Kokoro learned."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Any

from digital_human.errors import InputError, install_fix

_ROWS = {
    "ア": ("a", "i", "ɯ", "e", "o"),
    "カ": ("ka", "kʲi", "kɯ", "ke", "ko"),
    "ガ": ("ɡa", "ɡʲi", "ɡɯ", "ɡe", "ɡo"),
    "サ": ("sa", "ɕi", "sɨ", "se", "so"),
    "ザ": ("ʣa", "ʥi", "zɨ", "ʣe", "ʣo"),
    "タ": ("ta", "ʨi", "ʦɨ", "te", "to"),
    "ダ": ("da", "ʥi", "zɨ", "de", "do"),
    "ナ": ("na", "ɲi", "nɯ", "ne", "no"),
    "ハ": ("ha", "çi", "ɸɯ", "he", "ho"),
    "バ": ("ba", "bʲi", "bɯ", "be", "bo"),
    "パ": ("pa", "pʲi", "pɯ", "pe", "po"),
    "マ": ("ma", "mʲi", "mɯ", "me", "mo"),
    "ラ": ("ɾa", "ɾʲi", "ɾɯ", "ɾe", "ɾo"),
}
_LETTERS = {
    "ア": "アイウエオ", "カ": "カキクケコ", "ガ": "ガギグゲゴ", "サ": "サシスセソ",
    "ザ": "ザジズゼゾ", "タ": "タチツテト", "ダ": "ダヂヅデド", "ナ": "ナニヌネノ",
    "ハ": "ハヒフヘホ", "バ": "バビブベボ", "パ": "パピプペポ", "マ": "マミムメモ",
    "ラ": "ラリルレロ",
}  # fmt: skip
_KANA = {
    kana: sound
    for row, letters in _LETTERS.items()
    for kana, sound in zip(letters, _ROWS[row], strict=True)
}
_KANA |= {"ヤ": "ja", "ユ": "jɯ", "ヨ": "jo", "ワ": "βa", "ヲ": "o", "ヴ": "vɯ"}
_KANA |= {"ー": "ː", "ッ": "ʔ"}
_SMALL = {"ャ": "a", "ュ": "ɨ", "ョ": "o", "ァ": "a", "ィ": "i", "ゥ": "ɯ", "ェ": "e", "ォ": "o"}
_MARKS = {"。": ". ", "、": ", ", "！": "! ", "？": "? ", "「": "“", "」": "” ", "：": ": "}
_MARKS |= {"；": "; ", "『": "“", "』": "” ", "（": "(", "）": ") ", "，": ", ", "．": ". "}
_MARKS |= {"・": " ", "…": "… "}


def japanese(text: str) -> Iterator[tuple[str, int, int]]:
    """``(phonemes, start, end)`` for each word of ``text``.

    Raises:
        InputError: Open JTalk is not installed.
    """
    words = [word for word in _open_jtalk().run_frontend(text) if word["string"]]
    surfaces = [str(word["string"]) for word in words]
    for word, (start, end) in zip(words, _spans(text, surfaces), strict=True):
        if end <= start:  # 25 is read as three words: each has a written sign at least
            start, end = (start, start + 1) if start < len(text) else (start - 1, start)
        if word["mora_size"] == 0:
            phonemes = "".join(_MARKS.get(c, "") for c in text[start:end])
        else:
            phonemes = kana_to_phonemes(str(word["pron"]))
            phonemes = phonemes if word["chain_flag"] == 1 else " " + phonemes
        if phonemes:
            yield phonemes, start, end


def kana_to_phonemes(kana: str) -> str:
    """Kokoro phonemes of katakana as Open JTalk writes pronunciations."""
    sounds: list[str] = []
    for letter in kana:
        if letter in _SMALL and sounds:
            sounds[-1] = sounds[-1][:-1] + _SMALL[letter]
        elif letter == "ン":
            sounds.append("ɴ")
        elif letter in _KANA:
            sounds.append(_KANA[letter])
    for i, sound in enumerate(sounds[:-1]):
        if sound == "ɴ":
            after = sounds[i + 1][0]
            sounds[i] = "m" if after in "pbm" else "ŋ" if after in "kɡ" else (
                "ɲ" if after in "ɲʨʥ" else "n" if after in "tdnɾzʦʣ" else "ɴ")  # fmt: skip
    return "".join(sounds)


def _spans(text: str, surfaces: list[str]) -> list[tuple[int, int]]:
    """Where each surface stands in ``text``; Open JTalk widens letters and reads out digits."""
    flat = unicodedata.normalize("NFKC", "".join(surfaces))
    lengths = [len(unicodedata.normalize("NFKC", surface)) for surface in surfaces]
    position = [0] * (len(flat) + 1)
    matcher = SequenceMatcher(None, text, flat, autojunk=False)
    for _, i, j, a, b in matcher.get_opcodes():
        for k in range(a, b):
            position[k] = i + (j - i) * (k - a) // (b - a)
    position[len(flat)] = len(text)
    ends = [0, *accumulate(lengths)]
    return [(position[a], position[b]) for a, b in zip(ends, ends[1:], strict=False)]


def _open_jtalk() -> Any:
    try:
        import pyopenjtalk
    except ImportError as error:
        raise InputError(
            "Japanese needs the package pyopenjtalk-plus",
            fix=install_fix("ja"),
        ) from error
    return pyopenjtalk
