"""Kokoro's phoneme alphabet: which of its symbols are phones, marks and punctuation."""

from __future__ import annotations

# Marks that modify the phone before them (zh: tones and aspiration; en: length; ja: length and
# palatalisation) and stress marks, which modify the vowel after them. None is a phone by itself.
TONES = "→↗↓↘"
MARKS = TONES + "ʰʲː̃ᵝ"
STRESS = "ˈˌ"
PUNCTUATION = ';:,.!?—…"()“” '

# What each front end can emit as a `Phone.symbol`, besides the silence ``_``.
ZH_PHONES = frozenset("aefhijklmnopstuwxyŋɔɕəɚɛɤɥɨɻʂʊʦʨꭧ")
EN_PHONES = frozenset("AIOQTWYabdfhijklmnpstuvwzæðŋɐɑɒɔəɛɜɡɪɹʃʊʌʒʤʧθᵊᵻ")
JA_PHONES = frozenset("abdefhijkmnopstvzçŋɕɡɨɯɲɴɸɾʔʣʥʦʨβ")
SILENCE = "_"
PHONES = ZH_PHONES | EN_PHONES | JA_PHONES | {SILENCE}
