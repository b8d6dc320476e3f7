"""Roundabout questions about hours, ways, boats and facilities, as visitors put them."""

from __future__ import annotations

import pytest

from digital_human.dialogue.place import Place
from tests.fakes.west_lake import told


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
