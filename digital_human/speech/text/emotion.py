"""What the words of a passage call for on the face, by listed words."""

from __future__ import annotations

from digital_human.speech.types import Emotion

# Order matters: a passage about a disaster that also thanks helpers stays serious.
_WORDS: dict[Emotion, str] = {
    "sad": "遇难 去世 逝世 哀悼 悼念 遗憾 不幸 mourn passed~away tragic",
    "serious": "地震 台风 暴雨 预警 事故 火灾 伤亡 受伤 警方 疫情 灾害 冲突 请注意 提醒 "
    "earthquake typhoon accident police warning injured",
    "happy": "恭喜 祝贺 夺冠 喜讯 好消息 欢庆 佳节 快乐 太好了 热闹 精彩 "
    "congratulations celebrate happy good~news wonderful",
    "warm": "欢迎 感谢 谢谢 您好 大家好 晚上好 早上好 祝您 再见 保暖 "
    "welcome thank~you thanks good~evening good~morning goodbye hello",
    "surprised": "没想到 竟然 居然 罕见 unexpected surprisingly",
}


def emotion_of(text: str) -> Emotion:
    """The emotion of the first list with a word in ``text``; neutral when none has."""
    lower = text.casefold()
    for emotion, words in _WORDS.items():
        if any(word.replace("~", " ") in lower for word in words.split()):
            return emotion
    return "neutral"
