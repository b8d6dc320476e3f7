"""Mandarin syllables of a run of characters, polyphones settled by phrase and context."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from pypinyin import Style, lazy_pinyin, load_phrases_dict
from pypinyin.pinyin_dict import pinyin_dict

# Phrases of news and guiding that pypinyin's own phrase dictionary reads otherwise or lacks.
_PHRASES = {
    "很长": "hěn cháng", "多长": "duō cháng", "较长": "jiào cháng", "最长": "zuì cháng",
    "不长": "bù cháng", "全长": "quán cháng", "总长": "zǒng cháng", "太长": "tài cháng",
    "长约": "cháng yuē", "长达": "cháng dá", "华为": "huá wéi", "华罗庚": "huà luó gēng",
    "朴槿惠": "piáo jǐn huì", "曾国藩": "zēng guó fān", "重创": "zhòng chuāng",
    "浚县": "xùn xiàn", "涡阳": "guō yáng", "记载": "jì zǎi", "下载": "xià zài",
    "为期": "wéi qī", "为准": "wéi zhǔn", "视为": "shì wéi", "时间为": "shí jiān wéi",
    "仇先生": "qiú xiān sheng", "单先生": "shàn xiān sheng", "单田芳": "shàn tián fāng",
    "查良镛": "zhā liáng yōng", "解缙": "xiè jìn", "冠名": "guàn míng", "夺冠": "duó guàn",
    "开户行": "kāi hù háng", "发卡行": "fā kǎ háng", "央行": "yāng háng", "商行": "shāng háng",
    "农行": "nóng háng", "建行": "jiàn háng", "工行": "gōng háng", "中行": "zhōng háng",
    "投行": "tóu háng", "分行": "fēn háng", "支行": "zhī háng", "总行": "zǒng háng",
    "行号": "háng hào", "直行": "zhí xíng", "还款": "huán kuǎn", "还钱": "huán qián",
    "省长": "shěng zhǎng", "处长": "chù zhǎng", "增长": "zēng zhǎng", "同比": "tóng bǐ",
    "环比": "huán bǐ", "调研": "diào yán", "调控": "tiáo kòng", "参与": "cān yù",
    "与会": "yù huì", "供暖": "gōng nuǎn", "降温": "jiàng wēn", "转晴": "zhuǎn qíng",
    "西藏": "xī zàng", "藏族": "zàng zú", "六安": "lù ān", "模具": "mú jù", "看护": "kān hù",
    "一行": "yì xíng", "行程": "xíng chéng", "朝阳区": "cháo yáng qū", "得主": "dé zhǔ",
}  # fmt: skip
_FOR = re.compile(
    r"为(?:[您你我他她它此了何啥]|什么|大家|[^，。]{1,12}?(?:提供|服务|带来|奠定|注入|创造|打下|作出|"
    r"做出|保驾|喝彩|讲解|报道|庆祝|送上|介绍|准备|设计|打造|增添|赋能|加油|争光|添))"
)


def syllables(text: str, forced: Mapping[int, str] | None = None) -> list[str]:
    """Toned pinyin of each character.

    Args:
        text: Chinese characters only.
        forced: Position → syllable that a pronunciation entry demands.

    Returns:
        One syllable per character with its tone 1–5 at the end; empty for a character that no
        dictionary knows.
    """
    unknown = {i for i, c in enumerate(text) if ord(c) not in pinyin_dict}
    result = _pypinyin()("".join("啊" if i in unknown else c for i, c in enumerate(text)))
    for i, character in enumerate(text):
        if character == "为" and result[i] in ("wei2", "wei4"):
            result[i] = _wei(text, i, result[i])
    for i in unknown:
        result[i] = ""
    for i, syllable in (forced or {}).items():
        result[i] = syllable
    return [s if not s or s[-1].isdigit() else s + "5" for s in result]


def _wei(text: str, i: int, found: str) -> str:
    """为 is "for" (wèi) before whom or what something is done, otherwise "is, as" (wéi)."""
    if text[i - 1 : i] in ("因", "作", "成", "认", "称", "以", "视", "行", "人"):
        return found
    return "wei4" if _FOR.match(text, i) else "wei2"


@lru_cache(maxsize=1)
def _pypinyin() -> Callable[[str], list[str]]:
    load_phrases_dict({w: [[s] for s in r.split()] for w, r in _PHRASES.items()})

    def convert(text: str) -> list[str]:
        return lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)

    return convert
