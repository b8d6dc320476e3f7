"""Languages by the names people give, and why some are not spoken."""

from __future__ import annotations

import importlib.util
from typing import get_args

from digital_human.errors import InputError
from digital_human.speech.types import Language

_NAMES: dict[str, Language] = {
    "zh": "zh", "cmn": "zh", "chinese": "zh", "mandarin": "zh", "中文": "zh", "普通话": "zh",
    "en": "en", "english": "en", "英语": "en", "英文": "en",
    "ja": "ja", "japanese": "ja", "日语": "ja", "日文": "ja", "日本語": "ja",
}  # fmt: skip
# Neither has a free front end that reads written text, nor a voice that learned its sounds: with
# Mandarin's phonemes the result would be Mandarin.
_DIALECTS = {
    "yue": "Cantonese", "zh-yue": "Cantonese", "zh-hk": "Cantonese", "cantonese": "Cantonese",
    "粤语": "Cantonese", "广东话": "Cantonese", "wuu": "Wu", "zh-wuu": "Wu", "wu": "Wu",
    "shanghainese": "Wu", "吴语": "Wu", "上海话": "Wu",
}  # fmt: skip


def language_of(name: str) -> Language:
    """The language that ``name`` (a code or a name) means.

    Raises:
        InputError: It is not spoken; the message says why and what there is.
    """
    plain = name.strip().casefold().replace("_", "-")
    if (dialect := _DIALECTS.get(plain)) is not None:
        raise InputError(
            f"language {name!r}: {dialect} is not spoken: the voices have learned the sounds and "
            "tones of Mandarin only, and no free front end reads it",
            fix="use zh for Mandarin, or a voice of a speech server that has "
            f"{dialect} (engine speech-api)",
        )
    found = _NAMES.get(plain) or _NAMES.get(plain.partition("-")[0])
    if found is None:
        raise InputError(
            f"language {name!r} is not spoken", fix=f"use one of {', '.join(get_args(Language))}"
        )
    return found


def readable(language: Language) -> bool:
    """Whether what reads ``language`` is installed."""
    return language != "ja" or importlib.util.find_spec("pyopenjtalk") is not None
