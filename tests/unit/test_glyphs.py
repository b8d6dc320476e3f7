"""Characters that the screen cannot show are known before a render."""

from __future__ import annotations

import pytest

from digital_human.media.glyphs import missing_glyphs


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("小雪是二十四节气，AI生成 · ℃ № ① 한국어 にほんご\n", ""),
        ("生僻字𪚥和𬺈，再来一个𪚥", "𪚥𬺈"),
        ("天气😀晴朗", "😀"),
    ],
)
def test_missing_glyphs(text: str, missing: str) -> None:
    assert missing_glyphs(text) == missing
