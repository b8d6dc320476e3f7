"""Whether a text answers a question in other words: read by the language model.

What the knowledge finds by words and vectors (`knowledge.evidence`) is a ranking with a doubtful
middle: the right text in words nobody thought of, or a text about the same person that tells
something else. There the language model reads question and text; it writes nothing, so nothing can
be made up. What it then has in mind, the state its answer would follow from, tells more than the
answer: a logistic regression of that state, fitted on questions and texts that people have judged
(`scripts/bench/knowledge_judge.py`, a "linear probe": Alain and Bengio 2016), is added to the
evidence. Of a model for which none was fitted it is what the model leans to, yes or no.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.dialogue.intent import asks_openly, intent_of, wants_more
from digital_human.dialogue.knowledge.knowledge import Answer, Likely
from digital_human.dialogue.llm.base import Leaning, Leans, Message, never
from digital_human.dialogue.llm.workers import Thread
from digital_human.dialogue.persona import Persona
from digital_human.errors import ResourceError
from digital_human.speech.types import Language

WEIGHT = 2.0
"""What a leaning (natural log odds) counts against the evidence's score, of a model that has no
fitted weights."""
SURE: dict[Language, float] = {"zh": 3.0, "en": 1.3}
"""Sum from which a text is an answer: hardly any question without one reaches it. Set for the
leaning of Qwen2.5-Coder 1.5B; what is added to fitted weights is chosen for it."""
_BEYOND = 4.0  # what the sum must exceed that by for the next text not to be read

_RULES: dict[Language, str] = {
    "zh": "你是严格的阅卷人。每次给你一条资料和一个问题，"
    "判断资料里有没有问题问的那件事：有，或者没有。"
    "资料说的是同一个人、同一个地方，但不是问的那件事，就是没有。\n"
    "问话的人在对{who}说话，“您”就是{who}。",
    "en": "You are a strict examiner. For every note and question, say whether the note answers "
    "just what the question asks for: Yes or No. A note about the same person or place that tells "
    "something else is No.\nThe visitor speaks to {who}: 'you' is {who}.",
}
WEIGHTS = Path(__file__).with_name("judge.npz")
"""What was fitted, by the model's name."""
WORDS: dict[Language, tuple[str, str]] = {"zh": ("有", "没有"), "en": ("Yes", "No")}
"""What it is asked to say, by the languages that it reads."""
# A text, a question, and whether the one answers the other.
_EXAMPLES: dict[Language, tuple[tuple[str, str, bool], ...]] = {
    "zh": (
        ("雷峰塔：雷峰塔是吴越国王钱弘俶建的。", "雷峰塔是哪一年建的？", False),
        ("雷峰塔：雷峰塔是吴越国王钱弘俶建的。", "这座塔谁盖的呀？", True),
        ("白居易：白居易在杭州做过三年刺史，修过湖堤，八四六年去世。",
         "白居易走的时候多大年纪？", False),
        ("白居易：白居易在杭州做过三年刺史，修过湖堤，八四六年去世。",
         "白居易在这儿当官当了几年？", True),
        ("李清照：李清照的丈夫是赵明诚，父亲李格非是苏轼的学生。",
         "李清照她娘叫什么？", False),
        ("李清照：李清照的丈夫是赵明诚，父亲李格非是苏轼的学生。", "李清照嫁给了谁？", True),
        ("婴儿车：婴儿车可以在游客中心免费借用，要押身份证。", "能借个推娃的车吗？", True),
        ("龙井茶：龙井茶产在西湖西边的山里，清明前采的最好。", "龙井多少钱一斤？", False),
        ("烧烤：公园里不准生火烧烤。", "我们能在这儿支个炉子烤肉吗？", True),
        ("评弹：茶馆每天下午两点有评弹，不另收钱。", "今天唱的是哪几段？", False),
    ),
    "en": (
        ("Baoshu Pagoda: Baoshu Pagoda was built by Wu Yanshuang.",
         "When was Baoshu Pagoda built?", False),
        ("Baoshu Pagoda: Baoshu Pagoda was built by Wu Yanshuang.",
         "Who put that pagoda up?", True),
        ("Bai Juyi: Bai Juyi was governor of Hangzhou for three years and repaired the dyke. "
         "He died in 846.", "How old did Bai Juyi get?", False),
        ("Bai Juyi: Bai Juyi was governor of Hangzhou for three years and repaired the dyke. "
         "He died in 846.", "How long did Bai Juyi hold office here?", True),
        ("Li Qingzhao: Her husband was Zhao Mingcheng, and her father Li Gefei was a pupil of "
         "Su Shi.", "What was Li Qingzhao's mother called?", False),
        ("Li Qingzhao: Her husband was Zhao Mingcheng, and her father Li Gefei was a pupil of "
         "Su Shi.", "Who was Li Qingzhao married to?", True),
        ("Prams: Prams can be borrowed free of charge at the visitor centre; leave an identity "
         "card.", "Can I get a buggy for my baby?", True),
        ("Longjing: Longjing tea grows in the hills west of the lake; the best is picked before "
         "April.", "What does Longjing cost?", False),
        ("Barbecues: No, fires are not allowed in the park.",
         "We'd love to grill something, can we?", True),
        ("Storytelling: The teahouse has ballad singers every afternoon at two, free of charge.",
         "Which ballads will they sing today?", False),
    ),
}  # fmt: skip
# A text, a question that it answers and one that it does not: a model that cannot tell these apart
# is not asked. The 0.5B model cannot, the 1.5B model can.
_EXAM: dict[Language, tuple[tuple[str, str, str], ...]] = {
    "zh": (
        ("保俶塔：保俶塔是五代时吴延爽造的。", "保俶塔的建造者是谁？", "保俶塔有多高？"),
        ("停车：停车场在北门外，每小时十元。", "开车来，车停哪儿？", "停车场有多少个车位？"),
        ("岳飞：岳飞是相州汤阴人，死的时候三十九岁。", "岳飞活了多大岁数？", "岳飞的母亲叫什么？"),
        ("寄存：大件行李可以放在东门寄存处。", "我这箱子能搁哪儿？", "寄存一件收多少钱？"),
    ),
    "en": (
        ("Baochu Pagoda: Baochu Pagoda was built by Wu Yanshuang.",
         "Who had Baochu Pagoda made?", "How tall is Baochu Pagoda?"),
        ("Parking: The car park is outside the north gate and costs ten yuan an hour.",
         "Where can I leave my car?", "How many cars fit into the car park?"),
        ("Yue Fei: Yue Fei came from Tangyin and died at the age of thirty-nine.",
         "How old did Yue Fei get?", "What was the name of Yue Fei's mother?"),
        ("Luggage: Large pieces can be left at the east gate.",
         "Where do I put this suitcase?", "What does a locker cost?"),
    ),
}  # fmt: skip
_APART = 2.0  # log odds by which it must tell them apart
_NOTE: dict[Language, tuple[str, str]] = {
    "zh": ("资料：", "问题："),
    "en": ("Note: ", "Question: "),
}


class Judge:
    """Reads what may be an answer; shared by sessions, used from the event loop's thread.

    Args:
        llm: The language model.
        thread: Where it runs.
        persona: Who is asked.

    Attributes:
        able: Languages in which the model can tell what answers and what does not; each is
            known after `prepare`.
    """

    def __init__(self, llm: Leans, thread: Thread, persona: Persona) -> None:
        self._llm, self._thread, self._persona = llm, thread, persona
        self._weights = _fitted(llm.name)
        self.able: frozenset[Language] = frozenset()

    async def chosen(
        self,
        text: str,
        language: Language,
        likely: Sequence[Likely],
        cancelled: Callable[[], bool] = never,
    ) -> Answer | None:
        """The one of ``likely`` that answers ``text`` most surely.

        Args:
            text: The question.
            language: Of the answer.
            likely: What may be one, the likeliest first; a visitor waits for each to be read.
            cancelled: Whether the answer is still wanted; asked by the model's thread too.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: The language model failed.
        """
        best, most = None, SURE[language]
        for one in likely:
            if best is not None and most >= SURE[language] + _BEYOND:
                break
            messages = self.prompt(text, language, one)
            leaning = await self._thread.call(
                self._llm.leaning, messages, *WORDS[language], cancelled=cancelled
            )
            if (total := one.score + self._worth(leaning, language)) >= most:
                best, most = one.answer, total
        return best

    def _worth(self, leaning: Leaning, language: Language) -> float:
        """What the reading of a text counts against the evidence's score."""
        if self._weights is None:
            return WEIGHT * leaning.odds
        zh, en = self._weights[-2:]
        return float(leaning.state @ self._weights[:-2] + (en if language == "en" else zh))

    def decides(self, text: str, language: Language) -> bool:
        """Whether ``text`` asks for a fact, which no text holds that is not read as the answer:
        a small model that is given the texts nearest to it makes one up."""
        open_ = asks_openly(text) or wants_more(text) or intent_of(text) != "question"
        return language in self.able and not open_

    def prepare(self, language: Language, cancelled: Callable[[], bool] = never) -> None:
        """Have the language model read what every prompt begins with, keep it, and find out
        whether it can judge; runs in its thread.

        Raises:
            Cancelled: ``cancelled`` said so; what was read is kept.
            ResourceError: The language model failed.
        """
        head = self.head(language)
        self._llm.warm(head, cancelled=cancelled)
        if self._weights is not None or self._passes(language, cancelled):
            self.able |= {language}
        # What a passage was learned behind stays in the cache when room is made.
        note, *_ = _EXAMPLES[language][0]
        with contextlib.suppress(ResourceError):  # it is read again when it was dropped
            self._llm.learn(head, f"{note}\n", cancelled=cancelled)

    def _passes(self, language: Language, cancelled: Callable[[], bool]) -> bool:
        """Whether the model leans to yes much more where it should than where it should not."""

        def leaning(note: str, question: str) -> float:
            prompt = [*self.head(language)[:-1], Message("user", _asked(language, note, question))]
            return self._llm.leaning(prompt, *WORDS[language], cancelled=cancelled).odds

        return all(
            leaning(note, answered) - leaning(note, other) > _APART
            for note, answered, other in _EXAM[language]
        )

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those of the persona's languages for which there are examples."""
        return tuple(one for one in self._persona.languages if one in WORDS)

    def head(self, language: Language) -> list[Message]:
        """What every prompt in ``language`` begins with."""
        who = self._persona.display[language]
        messages = [Message("system", _RULES[language].format(who=who))]
        for note, question, right in _EXAMPLES[language]:
            messages.append(Message("user", _asked(language, note, question)))
            messages.append(Message("assistant", WORDS[language][not right]))
        return [*messages, Message("user", _NOTE[language][0])]

    def prompt(self, text: str, language: Language, likely: Likely) -> list[Message]:
        """Asks whether ``likely`` answers ``text``."""
        *examples, _ = self.head(language)
        answer = likely.answer
        asked = _asked(language, _titled(language, answer), text)
        return [*examples, Message("user", asked)]


def _fitted(model: str) -> FloatArray | None:
    """What a model's state counts, and what is added for Chinese and for English, float32 [width +
    2]; None for a model that nothing was fitted for."""
    with np.load(WEIGHTS, allow_pickle=False) as fitted:
        return np.asarray(fitted[model]) if model in fitted else None


def _asked(language: Language, note: str, question: str) -> str:
    before, behind = _NOTE[language]
    return f"{before}{note}\n{behind}{question}"


def _titled(language: Language, answer: Answer) -> str:
    colon = ": " if language == "en" else "："
    return f"{answer.source.title}{colon}{answer.text}"
