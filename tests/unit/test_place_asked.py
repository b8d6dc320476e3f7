"""Roundabout questions about hours, ways, boats and facilities, as visitors put them."""

from __future__ import annotations

import time
from datetime import date

import pytest

from digital_human.dialogue.place import Place
from digital_human.dialogue.place.moments import moment_of
from digital_human.dialogue.place.telling import found_in
from tests.fakes.west_lake import SUNDAY, told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # A part of the day that is told elsewhere goes with the hour.
        ("明天一早骑车出来，六点三刻能到净慈寺，那会儿门开了没有？", "明天早上六点四十五分还能进"),
        ("明天天不亮就起来，六点能进净慈寺不？", "早上六点半开放"),
        ("后天一大早，八点钟纪念馆开了吗？", "后天上午九点开放"),
        ("明晚八点雷峰塔还能上吗？", "明天晚上八点已经进不了"),
        ("咱上午去了灵隐，三点能回到纪念馆，还来得及看吗？", "下午三点还能进苏东坡纪念馆"),
        ("Could we get into Jingci Temple tomorrow morning at seven?", "at seven in the morning"),
        ("First thing tomorrow, say a quarter to seven, would Jingci Temple be open?",
         "a quarter to seven in the morning"),
        ("Can I go up Leifeng Pagoda tomorrow evening at eight?", "cannot go into Leifeng Pagoda"),
        # Other ways to name a time.
        ("差一刻四点到你们馆，能进不？", "下午三点四十五分还能进"),
        ("明儿个早上八点差一刻去岳王庙，进得去吗？", "早上七点四十五分还能进"),
        ("Could we still do the pagoda at half seven?", "at half past seven in the evening"),
        ("Half four, can I still get in here?", "You cannot go into"),
        ("It's gone half two already. Any chance of a boat to the Three Pools?", "half past four"),
        ("下班后六点半去雷峰塔来得及不？", "晚上六点半还能进雷峰塔"),
        ("我早上九点从上海出发，一点能到灵隐寺，还开着吗？", "下午一点还能进灵隐寺"),
        # The day on which it is shut.
        ("你们纪念馆礼拜几休息？", "周一不开放"),
        ("一个礼拜里头哪天你们不开门？", "周一不开放"),
        ("Is your hall shut any day of the week?", "closed on Mondays"),
        # Who goes to honour somebody goes to his temple.
        ("想去给岳飞鞠个躬，那边最晚几点还放人进去？", "下午五点停止入场"),
        ("给岳王爷上炷香，早上最早几点能进？", "岳王庙每天早上七点半"),
        ("去看看岳飞，几点关门？", "岳王庙"),
        ("岳王爷那儿收不收门票？", "二十五元"),
        ("想去祭拜一下岳飞，从这儿怎么走？", "到岳王庙"),
        ("想带我爸去看看岳将军的墓，星期一开不开？", "岳王庙周一早上七点半"),
        ("My mum wants to pay her respects to Yue Fei. What time do they stop letting folks in?",
         "last admission at five"),
        ("Can we pop over to see where General Yue is buried after five?",
         "last admission at five"),
        ("We'd like to light incense at Lingyin first thing. When do the gates open?", "seven"),
        ("Does the fountain run on Mondays too?", "seven in the evening"),
        # A pagoda that is no other.
        ("宝石山上那个瘦瘦高高的塔，到底有多高？", "四十五点三米"),
        ("How tall is the slender pagoda?", "forty-five"),
        ("How do I get to Baochu Pagoda?", "to Baochu Pagoda"),
        ("雷峰塔高多少米？", "七十一点七米"),
    ],
)  # fmt: skip
def test_roundabout_questions_of_hours_and_spots(place: Place, text: str, words: str) -> None:
    assert words in told(place, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("在花港那边上船，开到小岛上得多少分钟？", "二十分钟"),
        ("从岛上坐船回花港要多久？", "从三潭印月到花港观鱼大约二十分钟"),
        ("Once we get on the boat at Huagang, how long till we reach the island?", "20 minutes"),
        ("If I'm over at the Broken Bridge, how long do I need to get to General Yue's temple on "
         "foot?", "33 minutes"),
        ("How long do I need to walk to Leifeng Pagoda?", "14 minutes"),
        ("How long do I need for the walk from Hubin to Orioles Park?", "17 minutes"),
        ("Once we've done Jingci Temple, how long is it over to the pagoda?", "3 minutes"),
        ("从断桥走白堤到孤山，几分钟走得完？", "二十分钟"),
        # Who waits there, and what stands there, is only told.
        ("司机把车停雷峰塔底下等我们，从您这儿走过去得几分钟？", "十四分钟"),
        ("导游让我们四点在雷峰塔集合，从这儿走过去要多久？", "十四分钟"),
        ("酒店在断桥边上，从那儿到湖滨走路几分钟？", "二十二分钟"),
        ("Our coach is parked below Leifeng Pagoda. How long will it take us to walk over there "
         "from here?", "14 minutes"),
        # A station is not the shore.
        ("从龙翔桥地铁站下来走到断桥要多久？", "从龙翔桥地铁站步行到断桥大约二十九分钟"),
        ("从龙翔桥站走到湖滨几分钟？", "七分钟"),
        ("上岛多少钱？", "五十五元"), ("上岛最晚几点？", "最后一班下午四点半"),
        ("今天还能上岛吗？", "最后一班是下午四点半"), ("怎么上岛？", "花港码头"),
        ("我是坐轮椅来的，白堤那一段我过得去吗？", "白堤都能走轮椅"),
        ("Anywhere round here we could dump our suitcases?", "Hubin"),
        ("What's the closest tube stop to the lake?", "Longxiangqiao"),
    ],
)  # fmt: skip
def test_roundabout_questions_of_ways_and_facilities(place: Place, text: str, words: str) -> None:
    assert words in told(place, text)


@pytest.mark.parametrize(
    "text",
    [
        # How long one is on board is not the way to the pier.
        "坐一趟船要多久？", "湖心亭坐船要多久？", "How long do the boats stop at the island?",
        # What is no answer for another place.
        "岛上有厕所吗？", "灵隐寺附近有厕所吗？", "What's the nearest metro to Lingyin?",
        "岛上最后一班船几点开？", "What time does the last boat leave the island?",
        "轮椅能上雷峰塔吗？", "坐船去湖心岛要不要先预约？", "坐船能看到三潭印月吗？",
        "从这里打车去灵隐寺要多长时间？",
        "开车从湖滨到雷峰塔几分钟？", "坐公交从断桥到灵隐寺要多久？",
        "我们到杭州东站了，去断桥怎么走？", "净慈寺的钟几点敲？", "几点坐船去岛上最好？",
        "从孤山走着去断桥还是坐船快？",
        # Nobody asks for the hall who says that he goes elsewhere.
        "给白娘子上炷香，几点能进？", "去拜拜菩萨，最早几点开门？", "想去葛岭看看，几点关门？",
        "带孩子去动物园，周一开门吗？", "星期几去灵隐人少？", "今天星期几？",
        "保俶塔几点开门？", "湖边最高的塔有多高？", "Can I go inside Baochu Pagoda?",
        "How far back does Lingyin Temple go?", "岳飞哪一年死的？", "去岳飞老家怎么走？",
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_answered_with_something_else(place: Place, text: str) -> None:
    assert told(place, text) == ""


def test_what_is_walked_to_a_pier_is_not_called_shorter_than_it_is(place: Place) -> None:
    said = told(place, "走到花港码头得多久？")
    assert "十分钟" in said and "三百米" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # What is asked to be confirmed, and what has been heard, is asked all the same.
        ("老先生，我明天上午再带孙子来看你这个馆，门开着的吧？", "苏东坡纪念馆明天不开放"),
        ("明儿礼拜一，你们这儿不开的对吧？", "苏东坡纪念馆明天不开放"),
        ("听人讲你们馆礼拜一是关的，真的假的？", "周一不开放"),
        ("你们这儿礼拜天不歇的吧？", "周日上午九点开放"),
        ("下午三点半到你们这儿，不晚吧？", "下午三点半还能进"),
        ("闭馆前多久就不让进了？", "下午四点停止入场"),
        ("明天礼拜一，净慈寺下午啥时候关大门？", "净慈寺明天早上六点半开放，下午五点关门"),
        ("早上六点就想去灵隐烧香，庙门开了没？", "早上七点开放"),
        ("雷峰塔晚上亮灯以后还能上去的吧？", "晚上八点关门"),
        ("Is it right that you don't open on Mondays?", "closed on Monday"),
        ("We read online that you're shut on Mondays. True?", "closed on Monday"),
        ("We'll be back tomorrow with the grandkids - the doors are open, right?",
         "closed tomorrow"),
        ("The fountain plays at seven tonight, doesn't it?", "at seven in the evening"),
        # When it shuts, what time it is and when one leaves are no times at which one comes.
        ("岳王庙五点半关门对吧？那五点一刻还让进吗？", "五点十五分已经进不了"),
        ("现在两点半，我四点十分回来还能进你们馆吗？", "四点十分已经进不了"),
        ("人家跟我讲灵隐七点开门，是不是？", "灵隐寺每天早上七点开放"),
        ("那个净慈寺礼拜天也是五点关门的吧？", "净慈寺周日早上六点半开放，下午五点关门"),
        ("So the pagoda shuts at eight, does it?", "every day, from eight in the morning"),
        ("The hall closes at half four, can I still get in at ten past four?",
         "cannot go into the Su Dongpo Memorial Hall at 4:10"),
        ("Would we make it to the pagoda by eight if we left at half seven?",
         "cannot go into Leifeng Pagoda at eight in the evening"),
        # What is so many metres high, long or far.
        ("雷峰塔看着老高了，到底几米？", "七十一点七米"),
        ("雷峰塔有一百米高没有？", "七十一点七米"),
        ("保俶塔瘦瘦的，有多少米啊？", "四十五点三米"), ("那三座石塔高出水面几米？", "两米"),
        ("白堤走起来不长，多少米？", "白堤长大约一公里"), ("白堤一公里对吧？", "大约一公里"),
        ("我要去孤山，还有多少米？", "四点三公里"), ("从断桥到孤山，一共多少米？", "一点四公里"),
        ("How many metres high is Leifeng Pagoda, anyway?", "seventy-two"),
        ("Is Leifeng Pagoda over seventy metres tall?", "seventy-two"),
        ("How many metres to Leifeng Pagoda from here?", "1 kilometre"),
        ("净慈寺有一千年了吧？", "九五四年"), ("我来杭州五年了，断桥怎么走？", "五点五公里"),
        ("听说有千年历史了，灵隐寺门票多少？", "四十五元"), ("苏堤有九百年了吗", "一〇九〇年"),
        ("雷峰塔七十米高，几点关门？", "晚上八点关门"),
        ("My son is four feet tall, does he need a ticket for the pagoda?", "40 yuan"),
        ("Is Jingci Temple really a thousand years old?", "954"),
        ("When did Lingyin Temple first open?", "founded in 326"),
        # What is passed on the way is not where it ends.
        ("我们要去岳王庙，沿着苏堤走过去得多长时间？", "从苏东坡纪念馆步行到岳王庙大约四十九分钟"),
        ("顺着苏堤一直走到头，再拐到曲院风荷，从你这儿出发得走多少分钟？", "四十三分钟"),
        ("苏堤走到底要多久？", "三十七分钟"), ("花港离您这儿近不近的？", "五分钟"),
        ("净慈寺走着去，远吗，得几分钟？", "十七分钟"),
        ("Are we far from the Broken Bridge?", "5.5 kilometres"),
        ("公共自行车哪儿有借的？", "扫码就能租"), ("最近的地铁是几号线来着？", "一号线"),
        ("Which metro line gets me closest to the lake?", "metro line one"),
        ("划船一个钟头几块？", "一百五十元"), ("岳王庙是二十五块一张吧？", "二十五元"),
    ],
)  # fmt: skip
def test_what_visitors_say_around_a_question_hides_it_not(
    place: Place, text: str, words: str
) -> None:
    assert words in told(place, text)


@pytest.mark.parametrize(
    "text",
    [
        # Prices that are not known are not answered with the place.
        "湖滨那边寄一个大箱子，一天收几块？", "寄存一件收几块？", "雷峰塔请个讲解，一次收几块钱？",
        # When it first opened is not when it opens.
        "In what year did this memorial hall first open its doors?", "你们馆是什么时候开的呀？",
        "When did the museum open its doors for the first time?", "岳王庙什么时候开放的？",
        "When was the memorial hall opened to the public?", "这个纪念馆是哪年开的？",
        # So many metres of what is not known are not those of the way, or of something else.
        "断桥看着不长嘛，到底多少米？", "苏堤宽多少米？", "西湖水深几米？", "宝石山海拔多少米？",
        "The Broken Bridge doesn't look very long. How many metres is it?",
        "雷峰塔倒之前有多少米？", "保俶塔比雷峰塔高多少米？",
        "How many metres wide is the Su Causeway?",
        # Whether something may come along is not where it is.
        "白堤上能推自行车吗？", "箱子能带进雷峰塔吗？", "带个拉杆箱能进纪念馆吗？",
        "坐轮椅能进你们馆吗？", "Can I take my bike on the Su Causeway?",
        "Are bikes allowed on the Su Causeway?",
        "下雨天，船还开吗？", "今天风大，船停的吧？",
        # A part of the way is not all of it.
        "坐船去小瀛洲，来回得多久？", "从你们馆走到花港码头，再坐船上岛，一共多久？",
        "雷峰塔、净慈寺，从这儿走过去各要多久？", "这个馆是你开的吧？",
        "三潭印月三个塔，两个塔之间多少米？", "最近的地铁是哪条线，去火车东站怎么坐？",
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_is_not_answered(place: Place, text: str) -> None:
    assert told(place, text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # An hour is of no part of the day that belongs to something else.
        ("今早刚到杭州，八点雷峰塔还能进吗？", "晚上八点已经进不了"),
        ("We got to Hangzhou this morning. Can we still get into Leifeng Pagoda at eight?",
         "cannot go into Leifeng Pagoda at eight in the evening"),
        ("After dinner we go to the fountain. Can we get into Leifeng Pagoda tomorrow at nine?",
         "nine in the morning tomorrow"),
        ("明晚看喷泉，后天八点雷峰塔开了吗？", "后天早上八点还能进"),
        ("上午去灵隐寺，六点去雷峰塔还进得去吗？", "晚上六点还能进"),
        ("上午开会，六点去雷峰塔还进得去吗？", "晚上六点还能进"),
        ("晚上过来，八点雷峰塔开着吗？", "晚上八点已经进不了"),
        ("我们明天早上过来，八点雷峰塔开了吗？", "早上八点还能进"),
        ("刚好晚上有空，八点雷峰塔开着吗？", "晚上八点已经进不了"),
        ("We have this evening free. Is Leifeng Pagoda open at eight?", "eight in the evening"),
        ("We've been to Lingyin this morning. Can we still get into Leifeng Pagoda at six?",
         "at six in the evening"),
        # After work and after dinner are late.
        ("下了班过来，八点雷峰塔还能进吗？", "晚上八点已经进不了"),
        ("放了学，八点雷峰塔还能进吗？", "晚上八点已经进不了"),
        ("吃完晚饭过来，八点雷峰塔开着吗？", "晚上八点已经进不了"),
        ("After work we come over. Can we get into Leifeng Pagoda at eight?",
         "cannot go into Leifeng Pagoda at eight in the evening"),
        # How long to stay is no way, wherever one comes from.
        ("How long should we stay at Leifeng Pagoda when we get there?", "45 minutes"),
        ("How long should we plan for Leifeng Pagoda if we go there tomorrow?", "45 minutes"),
        ("How long should we spend at Jingci Temple if we walk there from Leifeng Pagoda?",
         "30 minutes for Jingci Temple"),
        ("How long do people spend at Lingyin Temple before they go to the Yue Fei Temple?",
         "an hour and a half for Lingyin Temple"),
        ("How long should we allow to get to Leifeng Pagoda?", "14 minutes"),
        ("How long should we allow for the walk from Hubin to Orioles Park?", "17 minutes"),
        # A pier is not the spot beside it.
        ("从湖滨码头到湖滨怎么走？", "三分钟"), ("从岳庙码头到岳王庙怎么走？", "两分钟"),
        ("从花港码头到雷峰塔走路要多久？", "二十四分钟"),
        ("从湖滨码头到三潭印月怎么走？", "二十五分钟"),
        # Where others wait the way does not begin, but it may end there.
        ("司机在断桥等我们，去雷峰塔怎么走？", "从苏东坡纪念馆步行到雷峰塔"),
        ("我女儿在湖滨等我，去雷峰塔怎么走？", "从苏东坡纪念馆步行到雷峰塔"),
        ("在断桥等我的朋友，从这里去雷峰塔怎么走？", "从苏东坡纪念馆步行到雷峰塔"),
        ("Our driver is waiting at the Broken Bridge. How do we get to Leifeng Pagoda?",
         "From the Su Dongpo Memorial Hall to Leifeng Pagoda"),
        ("朋友在断桥等我们，怎么走？", "从苏东坡纪念馆步行到断桥"),
        ("司机在断桥等我们，从雷峰塔怎么走？", "从雷峰塔步行到断桥"),
        ("我们刚到雷峰塔，司机在断桥等我们，怎么走？", "从雷峰塔步行到断桥"),
        ("我们在断桥，去雷峰塔怎么走？", "从断桥步行到雷峰塔"),
        ("We are at the Broken Bridge. How do we get to Leifeng Pagoda?",
         "From the Broken Bridge to Leifeng Pagoda"),
        # What one walks along.
        ("走苏堤去岳王庙要多久？", "从苏东坡纪念馆步行到岳王庙大约四十九分钟"),
        ("沿着苏堤走到岳王庙要多久？", "从苏东坡纪念馆步行到岳王庙大约四十九分钟"),
        ("走苏堤要多久？", "三十七分钟"), ("走雷峰塔要多久？", "十四分钟"),
    ],
)  # fmt: skip
def test_what_is_told_besides_changes_no_hour_and_no_way(
    place: Place, text: str, words: str
) -> None:
    assert words in told(place, text)


@pytest.mark.parametrize("text", [
    "走白堤到孤山要多久？", "从雷峰塔逛到净慈寺一共要玩多久？",
    "How long should we spend at Jingci Temple and Leifeng Pagoda?",
])  # fmt: skip
def test_a_way_that_is_not_the_one_asked_for_is_not_told(place: Place, text: str) -> None:
    assert told(place, text) == ""


@pytest.mark.parametrize("text", ["半夜两点雷峰塔还开吗？", "夜里三点雷峰塔还能进吗？"])
def test_the_small_hours_are_not_of_the_afternoon(place: Place, text: str) -> None:
    said = told(place, text)
    assert "晚上八点关门" in said and "还能进" not in said


@pytest.mark.parametrize("run", ["下", "上", "边上", "等", "着", "等着"])
def test_where_somebody_waits_is_read_in_little_time(place: Place, run: str) -> None:
    began = time.perf_counter()
    told(place, f"在断桥{run * (60 // len(run))}等等我们，去岳王庙怎么走")
    assert time.perf_counter() - began < 1


def test_an_older_name_is_not_why_it_is_called_so(place: Place) -> None:
    old = "双峰插云南宋时叫“两峰插云”，清代康熙题字时改成了“双峰插云”。"
    assert told(place, "双峰插云原来叫啥，谁给改的？") == old
    assert "两峰插云" not in told(place, "双峰插云为什么叫双峰插云？")


@pytest.mark.parametrize("text", [
    "is there a boat at a pier", "can i come by a bus", "open until a later hour",
    "after a couple of beers", "open for about 40 people", "is it about two km",
    "around 12 adults", "before 5 kids", "about twenty-five students", "about 20 tickets",
    "about 5 or 6 people", "around 30-40 other visitors", "for about five to six of us",
    "built before 1924", "about 10 metres",
])  # fmt: skip
def test_what_is_counted_is_no_hour(text: str) -> None:
    said = moment_of(text, SUNDAY)
    assert said.clock is None and said.spans == ()


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("for about 40 people at six", 18, 0), ("about 20 tickets at about 7", 19, 0),
        ("about 40 of us at noon", 12, 0), ("at five is it open", 17, 0),
        ("at 5 on mondays", 17, 0),
        ("at four thirty", 16, 30), ("by nine forty-five", 9, 45), ("four fifteen pm", 16, 15),
        ("at 5.30 in the afternoon", 17, 30), ("at five of course", 17, 0),
        ("ten to six", 17, 50), ("at five to nine", 8, 55), ("at twenty-five to five", 16, 35),
        ("at ten minutes to five", 16, 50), ("seven minutes to five", 16, 53),
        ("at nine past four", 16, 9), ("open at ten to six", 17, 50),
    ],
)  # fmt: skip
def test_an_hour_is_told_in_many_words(text: str, hour: int, minute: int) -> None:
    assert moment_of(text, SUNDAY).clock == hour * 60 + minute


@pytest.mark.parametrize("text", [
    "open nine to five", "are you open 8 to 6", "is it open ten to four",
    "opening hours ten to six", "it takes ten minutes to one of the bridges",
])  # fmt: skip
def test_from_one_hour_to_another_is_no_hour(text: str) -> None:
    assert moment_of(text, SUNDAY).clock is None


def test_half_an_hour_too_late_is_too_late(place: Place) -> None:
    assert "You cannot go into" in told(place, "Can I still get into the hall at four thirty?")
    assert "4:51" not in told(place, "Are you open nine to five?")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("if i come at 5 may i still get in", None), ("after 5 may we come in", None),
        ("may 5 of us enter", None), ("may 5 people come in", None),
        ("on 5 may we come to hangzhou", date(2027, 5, 5)), ("is it open may 5", date(2027, 5, 5)),
        ("the fifth of may", date(2027, 5, 5)), ("5 june i come", date(2027, 6, 5)),
    ],
)  # fmt: skip
def test_may_is_a_month_or_a_verb(text: str, day: date | None) -> None:
    assert moment_of(text, SUNDAY).day == day


@pytest.mark.parametrize(
    "text", ["下周末开吗", "下个周末开吗", "open next weekend", "next saturday"]
)
def test_the_next_weekend_is_the_one_of_next_week(text: str) -> None:
    monday = SUNDAY.replace(day=23)
    assert moment_of(text, monday).day == date(2026, 12, 5)
    assert moment_of("周末开吗", monday).day == date(2026, 11, 28)


def test_a_clause_that_is_said_twice_stands_in_two_places() -> None:
    assert found_in([(0, 2)], "明天开吗？", "明天开吗？明天开吗？") == [(0, 2), (5, 7)]
    assert found_in([(0, 1)], "开吗？", "◇开吗？开吗？") == [(4, 5)]


@pytest.mark.parametrize("run", ["需要", "应该", "是", "得要"])
def test_a_sum_is_read_in_little_time(place: Place, run: str) -> None:
    began = time.perf_counter()
    told(place, f"雷峰塔门票一共{run * (60 // len(run))}呢")
    assert time.perf_counter() - began < 1
