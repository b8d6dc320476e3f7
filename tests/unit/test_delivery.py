"""Voice tags: what they are called, how far they reach, what silence they add; and emotions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.apps.live.acting import SpokenManner, acted
from digital_human.apps.live.crew import RecentSpeech
from digital_human.apps.news.load import load_script
from digital_human.apps.news.plan import plan_programme
from digital_human.dialogue.spoken import Sentences, clean
from digital_human.dialogue.types import Act, Line
from digital_human.face.animation import Direction, take_directions, voice_tags
from digital_human.speech.speaker import Speaker
from digital_human.speech.synthesizers import kokoro_graph
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.kokoro_base import UNIT, Decoded, Kokoro, Prompt
from digital_human.speech.text.clauses import split
from digital_human.speech.text.delivery import (
    EMOTIONS,
    Manner,
    VoiceTag,
    take_tags,
    voice_tag,
)
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.types import (
    NEUTRAL,
    Clause,
    Delivery,
    Language,
    Phone,
    Speech,
    Word,
)
from digital_human.speech.voices import Voice, read_voice

SLOW, FAST = Delivery(speed=0.8), Delivery(speed=1.25)


def cut(text: str, language: Language = "zh") -> list[Clause]:
    plain, directions = take_directions(text, strict=True)
    return split(plain, language, tags=voice_tags(directions))


def told(text: str) -> list[tuple[str, Delivery]]:
    return [(clause.text, clause.delivery) for clause in cut(text)]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("slow", "slow", 1.0), ("慢 0.5", "slow", 0.5), ("快一点", "fast", 1.0),
        ("大声", "louder", 1.0), ("Softer 0.3", "softer", 0.3), ("高", "higher", 1.0),
        ("low", "lower", 1.0), ("正常", "normal", 1.0), ("pause", "pause", 0.5),
        ("pause 0.8", "pause", 0.8), ("停顿2秒", "pause", 2.0), ("pause 1.5 s", "pause", 1.5),
        ("happy 0.5", "happy", 0.5), ("slowest", None, 0), ("0.8", None, 0), ("", None, 0),
    ],
)  # fmt: skip
def test_names(words: str, name: str | None, value: float) -> None:
    assert voice_tag(words, 3) == (None if name is None else VoiceTag(3, name, value))


@pytest.mark.parametrize("words", ["slow 0", "higher 1.2", "pause 0", "停顿 11"])
def test_numbers_out_of_range_are_named(words: str) -> None:
    with pytest.raises(ValueError, match=words.split()[0]):
        voice_tag(words)


def test_a_manner_holds_to_the_end_of_its_sentence() -> None:
    assert told("今天晴，[慢]明天有雨，后天雪。再见。") == [
        ("今天晴，", NEUTRAL), ("明天有雨，后天雪。", SLOW), ("再见。", NEUTRAL),
    ]  # fmt: skip
    assert told("[slow]一。[fast]二。") == [("一。", SLOW), ("二。", FAST)]
    assert told("[slow]一二[normal]三四。") == [("一二", SLOW), ("三四。", NEUTRAL)]


def test_manners_of_several_kinds_add_up_and_of_one_kind_replace_each_other() -> None:
    ((_, both),) = told("[slow][louder 0.5]一。")
    assert both == Delivery(speed=0.8, loudness=2.0)
    ((_, later),) = told("[slow][fast]一。")
    assert later == FAST


def test_they_are_taken_out_of_a_text_without_a_face() -> None:
    plain, tags = take_tags("[slow] 你好，【停顿 0.8】[nod]再见[1]。")
    assert plain == "你好，[nod]再见[1]。"
    assert tags == (VoiceTag(0, "slow"), VoiceTag(3, "pause", 0.8))
    with pytest.raises(ValueError, match="at most 1"):
        take_tags("[slow 2]你好")


def test_a_tag_before_a_mark_begins_with_the_word_behind_it() -> None:
    assert told("今天晴[slow]，明天雨。[fast]”") == [("今天晴，", NEUTRAL), ("明天雨。”", SLOW)]
    assert told("今天[slow]“晴”。") == [("今天", NEUTRAL), ("“晴”。", SLOW)]


def test_an_emotion_holds_until_the_next_one() -> None:
    happy = EMOTIONS["happy"].scaled(1 / 0.55)
    assert told("[happy]一。二。[neutral]三。") == [
        ("一。", happy), ("二。", happy), ("三。", NEUTRAL),
    ]  # fmt: skip
    ((_, usual),) = told("[happy 0.55]一。")
    assert usual.pitch == pytest.approx(EMOTIONS["happy"].pitch)


def test_emotions_are_told_apart_and_stay_modest() -> None:
    for name, delivery in EMOTIONS.items():
        assert 0.88 <= delivery.speed <= 1.06 and abs(delivery.pitch) <= 1, name
        assert abs(delivery.loudness) <= 2 and 0.75 <= delivery.range <= 1.3, name
    assert len(set(EMOTIONS.values())) == len(EMOTIONS) and EMOTIONS["neutral"] == NEUTRAL
    assert EMOTIONS["happy"].pitch > 0 > EMOTIONS["sad"].pitch
    assert EMOTIONS["happy"].range > 1 > EMOTIONS["sad"].range


def test_pauses_are_silence_before_the_next_word() -> None:
    first, second = cut("一。[pause 0.8]二。")
    plain = split("一。二。", "zh")
    assert (first.pause, first.lead) == (plain[0].pause, 0)
    assert (second.pause, second.lead) == (plain[1].pause, 800)
    (only,) = cut("[停顿 1]一。")
    assert only.lead == 1000
    (end,) = cut("一。[pause 0.3][pause 0.4]")
    assert end.pause == split("一。", "zh")[0].pause + 700
    inside = cut("一二[pause]三四。")
    assert [(c.text, c.lead) for c in inside] == [("一二", 0), ("三四。", 500)]
    assert cut("[pause 1]……") == []


def test_slow_speech_has_longer_pauses_of_its_own() -> None:
    (slow,) = cut("[slow]一。")
    assert slow.pause == round(split("一。", "zh")[0].pause / 0.8)


def test_without_tags_clauses_are_as_ever() -> None:
    text = "😀今天，晴。Hello there! 3.5%……"
    made = split(text, "zh")
    assert "".join(c.text for c in made).replace(" ", "") == text.replace(" ", "")
    assert all(c.delivery == NEUTRAL and c.lead == 0 for c in made)


def test_what_goes_on_in_the_next_text() -> None:
    manner = Manner()
    split("今天，", "zh", tags=[VoiceTag(0, "slow")], manner=manner)
    (rest,) = split("晴。", "zh", manner=manner)
    assert rest.delivery == SLOW
    (after,) = split("再见。", "zh", manner=manner)
    assert after.delivery == NEUTRAL


# Where they come from ----------------------------------------------------------------------------

SCRIPT = """\
version: 1
title: 测试
languages: [zh]
anchors:
  yun: {avatar: yun, voice: xiaoyi, name: 云舒}
segments:
  - layout: full
    anchor: yun
    say: "[点头][慢]法[pause 0.4]轮，[sad]完了。"
"""


def test_a_script_speaks_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    (segment,) = plan_programme(load_script(path), "zh")
    (turn,) = segment.turns
    assert turn.text == "法轮，完了。"
    assert turn.directions == (
        Direction(0, "nod"), Direction(0, "slow"), Direction(1, "pause 0.4"), Direction(3, "sad"),
    )  # fmt: skip
    assert [d.act for d in turn.directions if d.facial] == ["nod", "sad"]
    assert [t.name for t in voice_tags(turn.directions)] == ["slow", "pause", "sad"]


def test_a_line_spoken_live_carries_them_on() -> None:
    line = Line("[慢]你好，[点头]欢迎。[停顿 0.6]再见。", "zh", "script")
    manner, faces, made = SpokenManner(), [], []
    for item in acted(line):
        if isinstance(item, Act):
            faces += [item.name] if manner.take(item) else []
        else:
            made += manner.clauses(item, epoch=2, index=len(made))
    assert faces == ["nod"]
    assert [(c.text, c.delivery, c.lead) for c in made] == [
        ("你好，", SLOW, 0), ("欢迎。", SLOW, 0), ("再见。", NEUTRAL, 600),
    ]  # fmt: skip
    assert [c.index for c in made] == [0, 1, 2] and made[0].epoch == 2


def test_what_is_left_of_a_broken_reply_keeps_its_manner() -> None:
    (again,) = SpokenManner().clauses(Line("你好。", "zh", "llm", "warm", SLOW), epoch=0, index=0)
    assert again.delivery == SLOW and again.emotion == "warm"


def test_a_language_model_may_use_them() -> None:
    assert clean("[slow]你好。", "zh") == ("你好。", [Act("slow 1")])
    assert clean("【停顿 0.8】[微笑]你好。", "zh") == ("你好。", [Act("pause 0.8"), Act("smile")])
    assert clean("[slow 7]你好。", "zh") == ("你好。", [])
    sentences = Sentences("zh")
    found = [*sentences.feed("[轻声 0.5]你好，请进。再"), *sentences.feed("见。"), *sentences.end()]
    assert found[0] == Act("softer 0.5") and "".join(map(str, found[1:])) == "你好，请进。再见。"


# What is heard -----------------------------------------------------------------------------------


class Counting:
    """A synthesizer that makes a tone after 10 ms of silence and counts its calls."""

    rate = 24000
    languages: frozenset[Language] = frozenset({"zh"})
    fingerprint = "counting-1"

    def __init__(self) -> None:
        self.calls: list[Clause] = []

    def warm(self, voice: Voice) -> None:
        raise AssertionError("not asked for")

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        self.calls.append(clause)
        pcm = np.full(2400, 0.25, np.float32)
        phones = (Phone("_", 0, 240), Phone("a", 240, 2400))
        return Speech(clause, clause.text, pcm, 24000, phones, (Word(clause.text, 240, 2400),), 0)


def test_the_lead_shifts_everything_and_is_not_part_of_what_is_kept(home: Path) -> None:
    engine = Counting()
    speaker = Speaker("xiaoyi", synthesizer=engine)
    clause = Clause("好。", "zh")
    plain, led = speaker.speak(clause), speaker.speak(replace(clause, lead=500))
    assert len(engine.calls) == 1
    assert len(led.pcm) == len(plain.pcm) + 12000
    assert not led.pcm[:12000].any() and np.array_equal(led.pcm[12000:], plain.pcm)
    assert led.phones == (Phone("_", 0, 12240), Phone("a", 12240, 14400))
    assert led.words == (Word("好。", 12240, 14400),)
    recalled = speaker.recall(replace(clause, lead=250))
    assert recalled is not None and len(recalled.pcm) == len(plain.pcm) + 6000


def test_another_delivery_is_another_sound(home: Path) -> None:
    engine = Counting()
    speaker = Speaker("xiaoyi", synthesizer=engine)
    list(speaker.say("好。"))
    list(speaker.say("好。", delivery=Delivery(pitch=1)))
    list(speaker.say("好。", emotion="sad"))
    list(speaker.say("好。", tags=[VoiceTag(0, "slow")]))
    assert [c.delivery for c in engine.calls] == [NEUTRAL, Delivery(pitch=1), EMOTIONS["sad"], SLOW]
    kept = RecentSpeech()
    kept.put(Speech(Clause("好。", "zh"), "", np.zeros(1, np.float32), 24000, (), (), 0))
    assert kept.get(Clause("好。", "zh", delivery=SLOW)) is None
    assert kept.get(Clause("好。", "zh", epoch=3)) is not None


class Hum(Kokoro):
    """Kokoro without its model: every token hums for two units; keeps what it was asked."""

    fingerprint = "hum-1"

    def __init__(self, voices: Path) -> None:
        super().__init__(voices)
        self.prompts: list[Prompt] = []

    def _decode(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Decoded:
        self.prompts.append(prompt)
        durations = np.full(len(prompt.tokens), 2, np.int64)
        t = np.arange(int(durations.sum()) * UNIT) / 24000
        return Decoded((0.05 * np.sin(2 * np.pi * 200 * t)).astype(np.float32), durations, 0)


def test_what_the_model_is_given(tmp_path: Path) -> None:
    style = np.linspace(-1, 1, 256, dtype=np.float32)
    np.savez(tmp_path / "style.npz", style=style)
    own = {"style": {}, "fitted": "style.npz", "folder": tmp_path, "speed": 1.8, "gain": 0.0}
    voice = read_voice("xiaoyi").model_copy(update=own)
    engine = Hum(tmp_path)
    quiet = engine.synthesize(Clause("好。", "zh"), voice)
    loud = engine.synthesize(
        Clause("好。", "zh", delivery=Delivery(1.5, 2.0, 6.0, 1.2)), voice
    )  # fmt: skip
    first, second = engine.prompts
    assert np.array_equal(first.style, style[None])
    assert first.manner == Delivery(speed=1.8)
    assert second.manner == Delivery(2.0, 2.0, 6.0, 1.2), "the model takes no more than twice"
    ratio = np.sqrt(np.mean(loud.pcm**2) / np.mean(quiet.pcm**2))
    assert 20 * np.log10(ratio) == pytest.approx(6, abs=0.1)
    for speech in (quiet, loud):
        ends = [0, *(p.end for p in speech.phones)]
        assert ends == [*(p.start for p in speech.phones), len(speech.pcm)]


def test_pitch_and_range_are_moved_inside_the_model() -> None:
    import onnxruntime
    from onnx import TensorProto, helper

    curve = np.array([[12, 100, 200, 400, 14]], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["in"], [kokoro_graph._CURVE]),
         helper.make_node("Identity", [kokoro_graph._CURVE], ["out"])],
        "pitch",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 5])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )  # fmt: skip
    kokoro_graph._move_pitch(graph)
    ordered = kokoro_graph._sorted(graph.node)
    del graph.node[:]
    graph.node.extend(ordered)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())

    def moved(pitch: float, spread: float) -> npt.NDArray[np.float32]:
        feeds = {"in": curve, "pitch": np.array([pitch], np.float32),
                 "range": np.array([spread], np.float32)}  # fmt: skip
        return np.asarray(session.run(["out"], feeds)[0])[0]

    np.testing.assert_array_equal(moved(1, 1), curve[0])
    np.testing.assert_allclose(moved(2 ** (2.5 / 12), 1)[1:4], curve[0, 1:4] * 2 ** (2.5 / 12))
    np.testing.assert_allclose(moved(1, 0.5)[1:4], [200 / 2**0.5, 200, 200 * 2**0.5], rtol=1e-5)
    assert moved(2, 2)[0] == 12, "silence is left alone"


def test_pauses_have_an_end() -> None:
    plain, tags = take_tags("[pause 10]" * 50 + "你好。")
    clauses = split(plain, "zh", tags=tags)
    assert [clause.lead for clause in clauses] == [10_000]
    manner = SpokenManner()
    for _ in range(50):
        manner.take(Act("pause 9"))
    leads = [manner.clauses(Line("你好。", "zh", "llm"), epoch=0, index=0)[0].lead]
    for _ in range(50):
        manner.take(Act("pause 9"))
    leads += [manner.clauses(Line("你好。", "zh", "llm"), epoch=0, index=1)[0].lead]
    manner.take(Act("pause 9"))
    leads += [manner.clauses(Line("你好。", "zh", "llm"), epoch=0, index=2)[0].lead]
    assert leads == [10_000, 10_000, 0]
