"""Other languages than the person's: understood with a little of a native stock voice's timbre.

A timbre fitted to English recordings shapes the sounds of English; Mandarin spoken with it is hard
to understand (measured in docs/own-voice.md). As much of a native voice is mixed in as it takes,
and no more.
"""

from __future__ import annotations

from digital_human.speech.cloning.card import WORSE, OtherLanguage
from digital_human.speech.cloning.measure import Judge, preset_voice
from digital_human.speech.cloning.references import Progress
from digital_human.speech.types import Language
from digital_human.speech.voices import Loan, Voice

_SHARES = (0.25, 0.4, 0.6)
# Kokoro's best voices of each language by its author's grades, female and male.
_LENDERS: dict[Language, dict[str, str]] = {
    "zh": {"female": "zf_xiaoxiao", "male": "zm_yunjian"},
    "en": {"female": "af_heart", "male": "am_michael"},
    "ja": {"female": "jf_alpha", "male": "jm_kumo"},
}


def lend(voice: Voice, judge: Judge, progress: Progress) -> tuple[Voice, tuple[OtherLanguage, ...]]:
    """Give ``voice`` what it needs to be understood in its other languages.

    Of each language the least share is taken with which the recogniser makes at most `WORSE` more
    errors than with the stock voice, or else the share with the fewest.

    Args:
        voice: A fitted voice; the person's own language is its first.
        judge: Of the person.
        progress: Told the step and the share that is done.

    Returns:
        The voice with its loans, and what was measured of each language.
    """
    found: list[OtherLanguage] = []
    for number, language in enumerate(voice.languages[1:]):
        name = _LENDERS[language][voice.gender]
        progress(f"other languages: {language}", number / len(voice.languages[1:]))
        stock, _ = judge.heard(preset_voice(name, language), language)
        tried: list[OtherLanguage] = []
        for share in _SHARES:
            loan = Loan(voice=name, share=share)
            error, like = judge.heard(
                voice.model_copy(update={"borrowed": {language: loan}}), language
            )
            tried.append(OtherLanguage(language, name, share, error, stock, like))
            if error - stock <= WORSE:
                break
        found.append(min(tried, key=lambda one: (max(0.0, one.error - stock - WORSE), one.share)))
    loans = {one.language: Loan(voice=one.lender, share=one.share) for one in found}
    return voice.model_copy(update={"borrowed": loans}), tuple(found)
