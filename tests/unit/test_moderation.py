"""Word lists, disguised spellings, sounds, context, and the gate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digital_human.errors import InputError, ModerationError
from digital_human.safety.audit import AuditLog
from digital_human.safety.folding import fold
from digital_human.safety.moderation import Moderator, Verdict, gate
from digital_human.safety.words import Context, Level, Lexicon, WordList, load_lexicon

SHIPPED = Path(__file__).resolve().parents[2] / "digital_human" / "safety" / "words"
MODERATOR = Moderator(load_lexicon([SHIPPED]))


def check(text: str) -> Verdict:
    return MODERATOR.check(text)


def with_words(*block: str, **lists: object) -> Moderator:
    words = WordList.model_validate({"block": block, **lists})
    return Moderator(Lexicon({"own": words}, Context(reporting=("破获",), contact=("加微信",))))


@pytest.mark.parametrize(
    "text",
    [
        "今天的直播非常精彩，感谢各位观众的收看。",
        "警方破获一起赌博案，抓获涉案人员十二名。",
        "我国首个国家级自然保护区迎来建区六十周年。",
        "计算机病毒的样本已经交给实验室分析。",
        "她正在北京大学读博，研究方向是东邪西毒的电影语言。",
        "首都博物馆今天免费开放。",
        "独播剧场今晚八点播出。",
        "国际禁毒日，民警走进校园宣传毒品的危害。",
        "请在脚下注意台阶，路口交通繁忙。",
        "妈妈的味道是最难忘的年夜饭。",
        "这是一次性交易平台的升级公告。",
        "法院判处被告人有期徒刑三年，罪名是非法持有枪支。",
        "热带气旋正在逼近，今日逼近沿海地区。",
        "Sussex and Essex expect a sunny weekend.",
        "这是一场声援交通警察的活动。",
        "紫砂壶的制作技艺代代相传。",
        "第一季度出口增长百分之五，第一时间为您报道。",
        "",
        "😀😀",
    ],
)
def test_ordinary_news_passes(text: str) -> None:
    verdict = check(text)
    assert verdict.level is Level.PASS, verdict.hits


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("网络赌场，注册送礼金", "网络赌场"),
        ("加微信参加网上赌博", "加微 + 赌博"),
        ("網絡賭場", "网络赌场"),
        ("网 络 赌 场", "网络赌场"),
        ("网\u200b络\u200b赌\u200b场", "网络赌场"),
        ("网*络-赌_场", "网络赌场"),
        ("网，络，赌，场", "网络赌场"),
        ("网络（赌）场", "网络赌场"),
        ("网络[/]赌场", "网络赌场"),
        ("网【络】“赌”场", "网络赌场"),
        ("６合彩特码", "六合彩特码"),
        ("陆合彩特码", "六合彩特码"),
        ("Ｐｏｒｎｈｕｂ", "pornhub"),
        ("p0rnhub", "pornhub"),
        ("p o r n h u b", "pornhub"),
        ("рornhub", "pornhub"),
        ("pörnhub", "pornhub"),
        ("网络赌chang", "网络赌场"),
        ("自sha方法", "自杀方法"),
        ("自啥方法", "自杀方法"),
    ],
)
def test_disguises_of_blocked_words_are_seen_through(text: str, entry: str) -> None:
    verdict = check(text)
    assert verdict.level is Level.BLOCK
    assert entry in {hit.entry for hit in verdict.blocked}


@pytest.mark.parametrize(
    ("text", "how"),
    [("赌博", "exact"), ("賭博", "variant"), ("du博", "pinyin"), ("dubo", "pinyin")],
)
def test_way_of_writing_is_named(text: str, how: str) -> None:
    (hit,) = check(text).hits
    assert (hit.entry, hit.how, hit.level) == ("赌博", how, Level.REVIEW)


def test_hit_points_at_the_original_characters() -> None:
    text = "请看：網\u200b絡 賭場！"
    (hit,) = check(text).hits
    assert text[hit.start : hit.end] == hit.text == "網\u200b絡 賭場"
    assert hit.category == "gambling"


def test_report_is_milder_than_offer_and_contact_makes_it_an_offer() -> None:
    offer, report = "出售枪支。", "警方通报，该男子出售枪支被抓获。"
    assert check(offer).level is Level.BLOCK
    verdict = check(report)
    assert verdict.level is Level.REVIEW and verdict.hits[0].context
    assert check("警方提示，出售枪支加微信。").level is Level.BLOCK


def test_context_counts_in_its_own_sentence_only() -> None:
    assert check("警方今天开会。出售枪支。").level is Level.BLOCK


def test_context_is_around_the_word_not_in_it() -> None:
    own = Moderator(
        Lexicon({"own": WordList(block=("警方内部视频",))}, Context(reporting=("警方", "查处")))
    )
    assert own.check("警方内部视频").level is Level.BLOCK
    assert own.check("查处警方内部视频").level is Level.REVIEW


def test_pair_needs_both_words_near() -> None:
    assert check("炸药 货到付款").level is Level.BLOCK
    far = "炸药" + "很" * 10 + "货到付款"
    assert check(far).level is not Level.BLOCK
    assert "炸药 + 货到付款" not in {hit.entry for hit in check("炸药，货到付款").hits}


@pytest.mark.parametrize("text", ["本品销量第一", "全网最低价", "无副作用，根治失眠"])
def test_advertising_claims_are_for_review(text: str) -> None:
    assert check(text).level is Level.REVIEW


def test_longest_word_wins() -> None:
    assert [hit.entry for hit in check("自杀方法").hits] == ["自杀方法"]


def test_latin_words_match_whole_words_only() -> None:
    own = with_words("ass", "LY", "89")
    for text in ("class", "assess", "FLY", "1989年", "1 8 9 x"):
        assert own.check(text).hits == (), text
    for text in ("an ass.", "加LY群", "编号89。"):
        assert own.check(text).level is Level.BLOCK, text


def test_two_syllables_need_letters_and_dictionary_words_are_no_homophones() -> None:
    own = with_words("冰毒", "六合彩", pinyin=["冰毒", "六合彩"])
    for text in ("病毒", "并读", "刘和菜花", "bing"):
        assert own.check(text).hits == (), text
    for text in ("冰du", "bing毒", "bingdu", "六盒彩"):
        assert [hit.how for hit in own.check(text).hits] == ["pinyin"], text


def test_homophone_of_two_syllables_is_never_refused() -> None:
    assert with_words("冰毒", pinyin=["冰毒"]).check("冰du").level is Level.REVIEW


def test_filler_inside_a_word_is_limited() -> None:
    own = with_words("赌场")
    assert own.check("赌" + "*" * 6 + "场").hits
    assert not own.check("赌" + "*" * 7 + "场").hits
    assert not own.check("打赌。场面").hits


def test_users_lists_join_and_replace(home: Path) -> None:
    folder = home / "words"
    folder.mkdir(parents=True)
    (folder / "competitors.txt").write_text("# ours only\n竞品甲\n\n竞品乙\n", encoding="utf-8")
    (folder / "medical.toml").write_text('review = ["神药"]\n', encoding="utf-8")
    own = Moderator(load_lexicon())
    assert own.check("竞品乙更好").level is Level.BLOCK
    assert own.check("神药").level is Level.REVIEW
    assert own.check("包治百病").level is Level.PASS
    assert own.check("网络赌场").level is Level.BLOCK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blok = []", "blok"),
        ('block = ["a"]\npinyin = ["b"]', "'b'"),
        ("block = [", "own.toml"),
        ('block = "a"', "block"),
    ],
)
def test_wrong_lists_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(said)):
        load_lexicon([tmp_path])


def test_shipped_lists_load_and_every_word_hits() -> None:
    lexicon = load_lexicon([SHIPPED])
    assert len(lexicon.lists) >= 10
    for category, words in lexicon.lists.items():
        bare = Moderator(Lexicon({category: words}))
        for word in (*words.block, *words.review):
            assert bare.check(f"：{word}。").level is not Level.PASS, word


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_judged_and_spans_are_true(text: str) -> None:
    for hit in check(text).hits:
        assert 0 <= hit.start < hit.end <= len(text)
        assert text[hit.start : hit.end] == hit.text


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40))
def test_folding_keeps_the_way_back(text: str) -> None:
    skeleton = fold(text)
    assert len(skeleton.text) == len(skeleton.origin) == len(skeleton.phrase)
    assert list(skeleton.origin) == sorted(skeleton.origin)
    assert all(0 <= index < len(text) for index in skeleton.origin)


def test_gate_lets_ordinary_text_through_without_a_record(home: Path) -> None:
    gate(check("晴天"), None, AuditLog())
    assert list(AuditLog().records()) == []


def test_gate_refuses_and_records(home: Path) -> None:
    with pytest.raises(
        ModerationError, match=r"'网络赌场' at character 4 \(gambling, exact\)"
    ) as e:
        gate(check("大家来网络赌场"), None, AuditLog(), script="a.yaml")
    assert e.value.exit_code == 4 and "--allow" in e.value.fix
    (record,) = AuditLog().records()
    assert record.detail["decision"] == "refused" and record.detail["script"] == "a.yaml"


def test_gate_lets_a_reason_through_and_logs_it(home: Path) -> None:
    gate(check("网络赌场"), "  court report ", AuditLog())
    (record,) = AuditLog().records()
    assert (record.detail["decision"], record.detail["reason"]) == ("allowed", "court report")
    assert "网络赌场" in json.dumps(record.detail, ensure_ascii=False)


@pytest.mark.parametrize("reason", ["", "   "])
def test_gate_wants_a_real_reason(reason: str, home: Path) -> None:
    with pytest.raises(InputError, match="reason is blank"):
        gate(check("网络赌场"), reason, AuditLog())


def test_gate_notes_what_is_for_review(home: Path) -> None:
    gate(check("销量第一"), None, AuditLog())
    (record,) = AuditLog().records()
    assert (record.detail["level"], record.detail["decision"]) == ("review", "noted")


@pytest.mark.data
def test_few_sentences_of_travel_guides_are_flagged(data_dir: Path) -> None:
    dialogues = json.loads((data_dir / "text/kdconv_travel/dev.json").read_text(encoding="utf-8"))
    sentences = {m["message"] for d in dialogues for m in d["messages"]}
    levels = [check(sentence).level for sentence in sorted(sentences)]
    assert len(levels) > 1000
    assert Level.BLOCK not in levels
    assert sum(level is Level.REVIEW for level in levels) <= 0.01 * len(levels)


@pytest.mark.data
@pytest.mark.parametrize("disguise", ["{}", "full", "spaced", "zero"])
def test_listed_words_are_recalled_in_disguise(data_dir: Path, disguise: str) -> None:
    def dress(word: str) -> str:
        if disguise == "full":
            return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
        return {"{}": "", "spaced": " ", "zero": "\u200b"}[disguise].join(word)

    path = data_dir / "text/sensitive/涉枪涉爆.txt"
    words = [w.strip() for w in path.read_text(encoding="utf-8", errors="ignore").splitlines()]
    words = list(dict.fromkeys(w for w in words if len(w) >= 2))
    own = with_words(*words)
    found = sum(bool(own.check(f"他说，{dress(word)}。").hits) for word in words)
    assert found >= 0.99 * len(words)
