"""Which characters of a text the screen cannot show."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from matplotlib.ft2font import FT2Font

from digital_human.media.linebreak import printable
from digital_human.media.text import font_file


def missing_glyphs(text: str) -> str:
    """The characters of ``text`` that strips, captions and the ticker leave out, each once.

    These are pictographs and what the screen's font has no glyph for: some rare Chinese characters,
    and most other scripts.
    """
    shown = set(printable(text))
    font = _font()
    missing = (
        char
        for char in dict.fromkeys(text)
        if not char.isspace()
        and unicodedata.category(char) not in ("Cc", "Cf", "Mn", "Me")
        and (char not in shown or not font.get_char_index(ord(char)))
    )
    return "".join(missing)


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    return FT2Font(str(font_file("sans")))
