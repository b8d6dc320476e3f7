"""Poems are recited word for word or not at all."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.types import Line, Sources
from digital_human.errors import InputError
from digital_human.safety.folding import simplified
from digital_human.safety.moderation import Moderator
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import read
from digital_human.speech.types import Language

PERSONA = load_persona("dongpo")
OLD = str.maketrans("於馀著乾锺麽", "于余着干钟么")
HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


@pytest.fixture(scope="module")
def poems() -> Poems:
    assert PERSONA.poems_file is not None
    return Poems.load(PERSONA.poems_file)


def plain(text: str) -> str:
    """Only the characters, simplified."""
    return "".join(HAN.findall(simplified(text).translate(OLD)))


def test_every_character_is_the_edition_s_or_a_named_variant(data_dir: Path, poems: Poems) -> None:
    edition = json.loads((data_dir / "text/sushi_all.json").read_text("utf-8"))
    known = {plain("".join(entry["paragraphs"])) for entry in edition}
    assert len(poems.poems) >= 60
    for poem in poems.poems:
        text = poem.text
        for ours, theirs in poem.variants.items():
            assert ours in text, poem.title
            text = text.replace(ours, theirs)
        assert plain(text) in known, poem.title


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("背一首题西林壁", "题西林壁"),
        ("先生写过一首讲琴声打哪儿来的小诗，整首念给我听听呗。", "琴诗"),
        ("景带一首水调歌头", "水调歌头·明月几时有"),  # as it was heard
        ("请朗诵《饮湖上初晴后雨》", "饮湖上初晴后雨"),
        ("请背诵引湖上初晴后语", "饮湖上初晴后雨"),
        ("念一下赤壁怀古", "念奴娇·赤壁怀古"),
        ("竹外桃花三两枝", "惠崇春江晚景·其一"),
        ("来一首关于梅花的词", "西江月·梅花"),
        ("背一首苏东坡的诗", "饮湖上初晴后雨"),
        ("Can you recite a poem?", "饮湖上初晴后雨"),
        ("写庐山的那首，能给我们从头背一遍吗？", "题西林壁"),
        ("黑云翻墨那首，整首来一遍", "六月二十七日望湖楼醉书·其一"),
        ("您能把爱吃荔枝的那首诗给我们念一遍吗？", "惠州一绝"),
        ("给您去世的妻子写的那首词，能背一遍吗", "江城子·乙卯正月二十日夜记梦"),
        ("半夜回家敲门没人应的那首词给我们念念", "临江仙·夜归临皋"),
        ("乘风归去那首，想听一遍", "水调歌头·明月几时有"),
        ("天涯何处无芳草，念给我听听", "蝶恋花·春景"),  # the line has a 何处 of its own
        ("念一首写西湖的诗吧", "饮湖上初晴后雨"),
        ("Please recite your lychee poem.", "惠州一绝"),
        ("I'd love to hear the Mid-Autumn moon poem in full.", "水调歌头·明月几时有"),
        ("Recite Remembering the Past at Red Cliff", "念奴娇·赤壁怀古"),
        ("你给刘景文写的那首讲秋末冬初的诗，念一遍给我女儿听听呗。", "赠刘景文"),
        ("我学琴的，您那首说琴声打哪儿来的小诗念给我听听", "琴诗"),
        ("老师让我们背您写西湖的那首，西施的那个，您先来一遍吧", "饮湖上初晴后雨"),
        ("有首诗开头是竹外桃花，全诗怎么背？", "惠崇春江晚景·其一"),
        ("送别钱穆父那首临江仙，从头念", "临江仙·送钱穆父"),
        ("卖黄瓜那首浣溪沙背一下", "浣溪沙·簌簌衣巾落枣花"),
        ("我孙女学的西江月那首，背一下", "西江月·世事一场大梦"),
        ("念念有‘荷花’的那首诗", "六月二十七日望湖楼醉书·其二"),
        ("来一首写荷花的", "六月二十七日望湖楼醉书·其二"),
        ("写给弟弟的那首词念一念", "水调歌头·明月几时有"),
        ("背一首词给我听", "水调歌头·明月几时有"),
        ("背一首您写的七言绝句", "饮湖上初晴后雨"),
        ("请您吟诵一首描写杭州下大雨的诗", "六月二十七日望湖楼醉书·其一"),
        ("洗儿诗念来听听", "洗儿"),
        ("您在徐州写的中秋那首绝句，念念", "中秋月"),
        ("Read 饮湖上初晴后雨 to us please", "饮湖上初晴后雨"),
        ("My son is learning 题西林壁, can you read it to him?", "题西林壁"),
        ("Please read us the one you wrote in memory of your wife", "江城子·乙卯正月二十日夜记梦"),
        ("Recite something short about bamboo", "於潜僧绿筠轩"),
        ("Give me the Red Cliff one, all of it", "念奴娇·赤壁怀古"),
        ("Recite the poem where you can't see the real face of the mountain", "题西林壁"),
    ],
)
def test_a_poem_is_found_and_recited_whole(poems: Poems, asked: str, title: str) -> None:
    recital = poems.answer(asked, "en" if re.match("[A-Z]", asked) else "zh")
    assert recital is not None and recital.poem.title == title
    verses = [line for line in recital.said if line.language == "zh"]
    assert "".join(line.text for line in verses) == f"《{title}》。{recital.poem.text}"
    assert all(line.delivery.speed < 1 for line in verses)


@pytest.mark.parametrize(
    "asked",
    [
        "苏堤是谁修的", "雷峰塔门票多少钱", "我想去望湖楼，怎么走", "背一首李白的静夜思",
        "背一首李白的诗", "When did you write your first poem?", "Do you like poems?",
        "What is the difference between a poem and a song?", "这个词怎么读？", "你读过李白的诗吗？",
        "听说梁山伯祝英台在杭州一起念过书，是哪个书院？", "您在杭州念书的学堂叫什么",
        "背景里的字是谁的词？", "苏东坡什么时候来的杭州", "东坡肉是怎么来的",
        "西湖的海棠什么时候开",
        "何妨吟啸且徐行什么意思", "《水调歌头》好在哪里", "水调歌头的手稿现在收藏在哪里",
        "赤壁赋是哪年写的", "背一首关于手机的诗", "给我念念你喝醉了骂人的那首诗",
        "李白写月亮的那首背一下", "背一首柳永的八声甘州", "写弟弟的那首背一下",
        "“一年好景君须记”那首，当时给了多少钱润笔？", "您写诗送的那位刘景文，当的是什么官？",
        "“孤馆灯青”那首是写给谁的", "为什么说春江水暖鸭先知", "苏东坡给亡妻写过什么词",
        "苏东坡那首写暴雨的诗是在哪座楼上写的", "您第一首诗是什么时候写的",
        "Recite a poem about computers.", "Recite a poem by Li Bai.",
        "Why did you write Calming the Storm?", "What does 只缘身在此山中 mean?",
        "Who was the Red Cliff poem written for?", "Where did you get lychees from?",
        "Where can I see the manuscript of your Red Cliff poem?",
        "Who wrote the couplets about the moon at the pavilion?",
        "我小时候在杭州念过三年书", "我儿子念高一，您有什么建议", "我背不动了，哪里能坐一会儿",
        "岳飞的母亲在他背上刺了什么字", "你能背唐诗三百首吗", "满江红是谁写的",
        "写一首西湖的诗给我",
        "念奴娇这个词牌是什么意思", "题西林壁最后一句是什么意思", "水光潋滟晴方好这块碑在哪儿",
        "念一下这首诗", "写给李公恕的那首临江仙，从头念",
        "给我现场背一首新编的诗", "您写月亮的诗最喜欢哪首", "您那首讲吃生蚝的海南诗念一下",
        "Recite the poem where you meet the emperor", "Recite your last poem",
        "Can you tell me where the poem museum is?", "Is that the one where it rains?",
        "Where can I hear a song about the moon?", "When was the Broken Bridge poem written?",
        "Which poem about the moon do you like best?",
    ],
)  # fmt: skip
def test_other_questions_are_left_alone(poems: Poems, asked: str) -> None:
    assert poems.answer(asked, "en" if asked.isascii() else "zh") is None


def test_the_next_line_and_the_one_before(poems: Poems) -> None:
    def said(asked: str) -> str:
        recital = poems.answer(asked, "zh")
        assert recital is not None
        return "".join(line.text for line in recital.said)

    assert said("春江水暖鸭先知的下一句是什么") == "蒌蒿满地芦芽短。"
    assert said("只缘身在此山中的上一句") == "不识庐山真面目。"
    assert "最后一句" in said("只缘身在此山中的下一句")
    assert said("“春江水暖鸭先知”前面那句是什么来着") == "竹外桃花三两枝。"
    assert said("一蓑烟雨任平生上头那句是什么") == "竹杖芒鞋轻胜马，谁怕。"
    assert said("“人生如逆旅”，后面接哪一句") == "我亦是行人。"
    assert said("“竹外桃花三两枝”下半句是什么") == "春江水暖鸭先知。"
    assert said("What comes before 只缘身在此山中?") == "不识庐山真面目。"
    assert said("欲把西湖比西子是哪首诗").startswith("这是苏轼的《饮湖上初晴后雨》")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("“竹外桃花三两枝”，接着是哪一句？", "春江水暖鸭先知。"),
        ("会挽雕弓如满月，后头是什么", "西北望，射天狼。"),
        ("但愿人长久是哪个词牌的？", "这是苏轼的《水调歌头·明月几时有》"),
        ("左牵黄右擎苍后面是什么", "锦帽貂裘，千骑卷平冈。"),
        ("谁道人生无再少，下半截是啥？", "门前流水尚能西，休将白发唱黄鸡。"),
        ("竹杖芒鞋轻胜马的下一句", "谁怕，一蓑烟雨任平生。"),
        ("但愿人长久，千里共婵娟，前一句是什么", "此事古难全。"),
        ("愿孩儿愚且鲁，下半句呢？", "无灾无难到公卿。"),
        ("何妨吟啸且徐行，然后呢", "竹杖芒鞋轻胜马。"),
        ("题西林壁最后一句", "不识庐山真面目，只缘身在此山中。"),
        ("水调歌头第一句是什么", "明月几时有，把酒问青天。"),
        ("“一年好景君须记”那首，当时是送给谁的？", "《赠刘景文》是写给刘景文的。"),
        ("橙黄橘绿那首是给哪个朋友的", "《赠刘景文》是写给刘景文的。"),
        ("人生如逆旅我亦是行人，当时是在给哪位朋友送行？", "送别钱穆父"),
        ("此心安处是吾乡，写给谁的", "王定国"),
        ("“不思量，自难忘”说的是谁呀", "王弗"),
        ("您那首咏杨花的水龙吟，和的是哪个人的韵？", "章质夫"),
        ("给我说说不识庐山真面目是谁写的", "这是苏轼的《题西林壁》"),
        ("一天吃三百个荔枝那首,是贬到哪里写的", "惠州"),
        ("儿子满月洗澡你写过一首，盼着娃笨一点的，是哪一年的事？", "《洗儿》作于1083年"),
        ("中秋节学校总唱的那首明月几时有，是在什么地方写的？", "密州"),
        ("《琴诗》是什么时候写的", "1082年"),
        ("只缘身在此山中是哪首诗的最后一句", "这是苏轼的《题西林壁》"),
        ("有‘雪泥’两个字的那首诗叫什么名字", "这是苏轼的《和子由渑池怀旧》"),
        ("雪泥鸿爪这个成语是出自您哪首诗", "这是苏轼的《和子由渑池怀旧》"),
        ("您写鸭子的那首诗叫什么", "这是苏轼的《惠崇春江晚景·其一》"),
        ("淡妆浓抹总相宜，这首是您当什么官的时候写的？", "任杭州通判"),
        ("黑云翻墨是在哪座楼上写的", "望湖楼"),
        ("你在惠州写的那首荔枝诗是哪一年", "1096年"),
        ("老夫聊发少年狂是在杭州写的吗", "密州"),
        ("水调歌头是1076年写的吗", "1076年"),
        ("“但愿人长久”是写给您老婆的吗", "弟弟子由"),
        ("题西林壁第三句是什么", "不识庐山真面目。"),
        ("初到黄州倒数第二句", "只惭无补丝毫事。"),
        ("题西林壁倒数第一句是什么", "不识庐山真面目，只缘身在此山中。"),
        ("题西林壁后半首", "不识庐山真面目，只缘身在此山中。"),
        ("江城子记梦开头", "十年生死两茫茫，不思量，自难忘。"),
        ("我女儿班上表演明月几时有，您领个头，第一句", "明月几时有，把酒问青天。"),
        ("水调歌头里有‘阴晴圆缺’的那一句", "人有悲欢离合，月有阴晴圆缺，此事古难全。"),
        ("您那首写梨花的诗里面，有‘人生’两个字的是哪一句", "惆怅东栏一株雪，人生看得几清明。"),
        ("定风波里带‘斜照’的是哪一句", "料峭春风吹酒醒，微冷，山头斜照却相迎。"),
        ("我就爱念叨“谁道人生无再少”，您接一句", "门前流水尚能西，休将白发唱黄鸡。"),
        ("“竹外桃花三两枝”，孩子背到这儿卡住了，底下是什么？", "春江水暖鸭先知。"),
        ("欲把西湖比西子，底下接的是哪句", "淡妆浓抹总相宜。"),
        ("明日黄花蝶也愁上句", "万事到头都是梦，休休。"),
    ],
)
def test_what_is_asked_of_a_poem_is_told(poems: Poems, asked: str, told: str) -> None:
    recital = poems.answer(asked, "zh")
    assert recital is not None
    said = "".join(line.text for line in recital.said)
    assert said == told if told.endswith("。") else told in said


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            "Where was it you got soaked in the rain and wrote Calming the Storm?",
            "It was written in 1082 at Shahu near Huangzhou.",
        ),
        ("Which temple on Mount Lu did he write that poem at?", "Xilin Temple"),
        ("The poem about wanting your newborn to grow up stupid, what year was it?", "in 1083"),
        ("Who did you write 'Life is like an inn' for?", "It was written for Qian Mufu"),
        ("此心安处是吾乡 - who was that written for?", "for Yuniang"),
        ("When was 细雨斜风作晓寒 written?", "in 1084 on Nanshan Hill in Sizhou."),
        ("When was 三过平山堂下 written?", "in 1084 at Pingshan Hall in Yangzhou. Some say 1079."),
        ("When was 世事一场大梦 written?", "It was written in Huangzhou. Some say 1097."),
        ("When was 春宵一刻值千金 written?", "It is not known when it was written."),
        (
            "What year did you sail back from Hainan, when you wrote that poem about crossing at"
            " night?",
            "in 1100",
        ),
        (
            "The poem with the clouds like ink and the rain like pearls: what building were you"
            " standing in?",
            "Wanghu Tower",
        ),
        ("Was the Mid-Autumn poem written in Hangzhou?", "in Mizhou"),
        ("Which lady did you mourn in a lyric ten years after she died?", "Wang Fu"),
    ],
)
def test_it_is_told_in_english_too(poems: Poems, asked: str, told: str) -> None:
    recital = poems.answer(asked, "en")
    assert recital is not None and told in recital.said[0].text
    assert not HAN.search(recital.said[0].text)


def test_the_title_is_told_in_english(poems: Poems) -> None:
    for asked in ("What tune is 但愿人长久 set to?", "What's the title of the moon poem?"):
        recital = poems.answer(asked, "en")
        assert recital is not None
        assert [line.text for line in recital.said] == [
            "This is the one:", "《水调歌头·明月几时有》。", "It was written in 1076 in Mizhou.",
        ]  # fmt: skip
        assert [line.language for line in recital.said] == ["en", "zh", "en"]


def test_every_line_finds_its_poem_whatever_is_asked_of_it(poems: Poems) -> None:
    for poem in poems.poems:
        clauses = [clause for clause in poem.clauses if len(clause) > 3]
        clause = clauses[-1]
        whole = poems.answer(f"“{clause[:4]}”那首，整首来一遍", "zh")
        assert whole is not None and whole.poem is poem and whole.said[-1].text == poem.lines[-1]
        dated = poems.answer(f"您写{clause}的时候人在哪儿", "zh")
        assert dated is not None and dated.said[0].text == poem.origin("zh")
        given = poems.answer(f"{clause}是写给谁的啊", "zh")
        assert (given.said[0].text if given else "") == poem.dedication("zh"), clause
        assert poems.answer(f"{clause}，这句好在哪里", "zh") is None
        following = poems.answer(f"有句话叫{clauses[0]}，后面怎么接来着", "zh")
        assert following is not None and following.said[0].text.rstrip("。") in poem.text


def test_english_is_known_of_every_place_and_person(poems: Poems) -> None:
    for poem in poems.poems:
        assert bool(poem.place) == bool(poem.place_en) and bool(poem.whom) == bool(poem.whom_en)
        assert not HAN.search(poem.place_en + poem.whom_en), poem.title


def test_what_was_recited_is_this_poem_and_is_not_chosen_again(poems: Poems) -> None:
    first = poems.answer("背一首诗", "zh")
    assert first is not None
    again = poems.answer("再来一首诗", "zh", [first.source])
    assert again is not None and again.poem != first.poem
    origin = poems.answer("这首诗是什么时候写的", "zh", [first.source])
    assert origin is not None and "1073年" in origin.said[0].text
    assert poems.answer("那么这首诗是什么时候写的", "zh", [first.source]) == origin
    assert poems.answer("When does it open?", "en", [first.source]) is None
    other = poems.answer("那首写荔枝的呢，在哪儿写的", "zh", [first.source])
    assert other is not None and other.poem.title == "惠州一绝"
    assert poems.answer("这首诗是什么时候写的", "zh") is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("再给我念一遍吧", "最是橙黄橘绿时"), ("是哪一年写的？", "1090年"),
        ("您在哪儿写的", "杭州"),
        ("写给谁的呢", "刘景文"), ("最后一句是什么", "一年好景君须记"),
        ("第二句呢", "菊残犹有傲霜枝"),
        ("Who was it for?", "Liu Jingwen"), ("Say it again", "最是橙黄橘绿时"),
        ("再来一首", "水光潋滟晴方好"), ("再念一首别的", "水光潋滟晴方好"),
        ("门票多少钱", ""), ("什么意思", ""), ("哪里能写字", ""), ("再说一遍", ""), ("你在哪", ""),
    ],
)  # fmt: skip
def test_a_few_words_after_a_poem_are_about_it(poems: Poems, asked: str, told: str) -> None:
    first = poems.answer("背一首赠刘景文", "zh")
    assert first is not None
    language: Language = "en" if asked.isascii() else "zh"
    recital = poems.answer(asked, language, [first.source])
    assert told in "".join(line.text for line in recital.said) if recital else not told
    assert bool(recital) == bool(told) and poems.answer(asked, language) is None


def test_a_question_takes_little_time(poems: Poems) -> None:
    poems.answer("热身", "zh")
    before = time.process_time()
    for _ in range(20):
        poems.answer("请问从这里到雷峰塔应该怎么走，大概需要多长时间", "zh")
    assert time.process_time() - before < 0.4


def test_readings_are_heard(poems: Poems) -> None:
    lexicon = Lexicon.from_mapping(poems.readings(), where="poems")
    for poem in poems.poems:
        for word in poem.readings:
            assert word in f"{poem.title}{poem.text}", (poem.title, word)
    plain = read("一尊还酹江月。", "zh").pieces
    taught = read("一尊还酹江月。", "zh", lexicon).pieces
    assert [p.phonemes for p in plain] != [p.phonemes for p in taught]


def test_nothing_of_it_is_held_back(poems: Poems) -> None:
    moderator = Moderator.default()
    held = [p.title for p in poems.poems if moderator.check(p.text).blocked]
    assert held == []


async def test_the_mind_recites_without_a_language_model(poems: Poems) -> None:
    mind = Mind(
        PERSONA, llm=None, llm_thread=None, knowledge=None, moderator=Moderator.default(),
        poems=poems,
    )  # fmt: skip
    try:
        thoughts = [t async for t in mind.think("背一首惠崇春江晚景", "zh", History())]
        assert isinstance(thoughts[0], Sources)
        lines = [thought for thought in thoughts[1:] if isinstance(thought, Line)]
        assert lines[-1].text == "蒌蒿满地芦芽短，正是河豚欲上时。" and lines[-1].delivery.speed < 1
        history = History()
        history.add(Exchange(1, "背诗", lines[-1].text, "zh", sources=thoughts[0].items))
        origin = [t async for t in mind.think("它是哪一年写的？", "zh", history)]
        assert any(isinstance(t, Line) and "1085年" in t.text for t in origin)
        plain = [t async for t in mind.think("今天会下雨吗？", "zh", History())]
        assert [t.origin for t in plain if isinstance(t, Line)] == ["decline"]
    finally:
        mind.close()


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "poems.toml"
    path.write_text('poet = ["x"]\n[[poems]]\ntitle = "t"\nwhen = "1"\nlines = []\n', "utf-8")
    with pytest.raises(InputError, match=r"poems\.0\.lines"):
        Poems.load(path)
    with pytest.raises(InputError, match=r"absent\.toml"):
        Poems.load(tmp_path / "absent.toml")
