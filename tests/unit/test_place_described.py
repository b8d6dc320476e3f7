"""Spots that are described are found, and days, last admissions and ways back are understood."""

from __future__ import annotations

import time

import pytest

from digital_human.dialogue.place import Place
from digital_human.dialogue.place.described import Descriptions
from tests.fakes.west_lake import told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("那座倒了又重建的塔几点关门", "雷峰塔每天早上八点开放"),
        ("压着白娘子的那座塔几点关门", "雷峰塔"),
        ("白蛇传里那座桥晚上能去吗", "断桥全天开放"),
        ("埋岳飞的那个庙几点关", "岳王庙"),
        ("白娘子跟许仙碰面的那座桥怎么走", "到断桥"),
        ("去塔对面那座寺怎么走", "到净慈寺大约十七分钟"),
        ("雷峰塔马路对面那座庙几点开门", "净慈寺每天"),
        ("养红鲤鱼那个公园，最早是谁家的花园", "卢允升"),
        ("晚上那个会跟着歌跳的水，第二场是几点", "晚上八点"),
        ("湖上那个跟着音乐跳舞的喷水今晚几点开始", "晚上七点"),
        ("湖滨晚上那个会跟着歌跳的水，第二场是几点", "晚上八点"),
        ("the place where General Yue is buried, is it open till six?", "half past five"),
        ("从雷峰塔下来，走到对面的寺要多久", "从雷峰塔步行到净慈寺大约三分钟"),
        ("How do I walk from here to the temple opposite the pagoda?", "to Jingci Temple"),
        ("I'll see the pagoda first. When does the temple across the road from it close?",
         "Jingci Temple"),
        ("The pagoda that fell down and was built again - is it open tomorrow night?",
         "Leifeng Pagoda is open tomorrow"),
        ("the park where they keep red carp, how far is it?", "five minutes|5 minutes"),
        ("The bridge from the White Snake story, how do I get there?", "to the Broken Bridge"),
        ("The water that dances to music, when does it start tonight?", "seven in the evening"),
    ],
)  # fmt: skip
def test_a_spot_is_known_by_a_description(place: Place, text: str, words: str) -> None:
    said = told(place, text)
    assert any(one in said for one in words.split("|")), said


@pytest.mark.parametrize(
    "text",
    [
        "六和塔对面的庙几点关门", "那座六角的塔几点关门", "谁盖的那座塔",
        "北边山上那座细高的塔能爬吗", "断桥对面的庙几点开门", "湖里三个岛叫什么",
        "朝云葬在什么地方", "跳舞的地方在哪", "Where is the place with the dancing?",
        "那座倒了的塔当年多高", "How tall was the old pagoda?",
        "What time does the temple with the mad monk close?",
        "What time does the temple opposite the Broken Bridge open?",
        "the pagoda that leans, when does it close?",
    ],
)  # fmt: skip
def test_a_description_that_fits_nothing_names_nothing(place: Place, text: str) -> None:
    assert told(place, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        f"重建{'埋着' * 90}吗",
        f"重建{'跟着' * 90}的塔",
        f"重建{'所在' * 90}吗",
        f"{'宝石山上' * 45}吗",
        f"那座{'宝石山上' * 45}的塔",
        f"{'built again ' * 16}or",
        f"the tower that was {'built again ' * 15}or",
    ],
)
def test_traits_said_again_and_again_take_no_time(place: Place, text: str) -> None:
    descriptions = Descriptions(place.files.spots)
    before = time.process_time()
    list(descriptions.find(text, ()))
    assert time.process_time() - before < 0.3  # seconds; it would be minutes


def test_what_is_asked_of_a_named_spot_is_no_description(place: Place) -> None:
    assert "二〇〇二年" in told(place, "雷峰塔什么时候重建的")
    assert "2002" in told(place, "When was the pagoda rebuilt?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("礼拜三下午带学生来你这儿，赶在几点之前进馆才行？",
         "周三上午九点开放，下午四点半关门，下午四点停止"),
        ("最迟几点得进馆", "下午四点停止入场"),
        ("几点以后你们就不让人进了", "下午四点停止入场"),
        ("岳王庙下午几点之后不卖票", "下午五点停止入场"),
        ("咱这个馆几点停止检票", "下午四点停止入场"),
        ("We've still got to get lunch. What's the latest they'll let us into this hall today?",
         "last admission at four"),
        ("We've just sat down for coffee. Until what time can we get into your museum?",
         "last admission at four"),
        ("Is there a time after which you don't let people in?", "last admission at four"),
        ("今天来不及细看了，我们明天上午再来这个馆行不行", "明天不开放"),
        ("今天累了，我们明儿一早再来你这儿看成不成", "明天不开放"),
        ("下礼拜一再来看你行吗", "周一不开放"),
        ("明天能来吗？我们周二走", "明天不开放"),
        ("我妈明天到杭州，后天能带她来这个馆吗", "后天上午九点开放"),
        ("We're leaving Tuesday. Could we come back to this hall tomorrow morning?",
         "closed tomorrow"),
        ("Is it OK if we come to the museum on Monday instead?", "closed on Monday"),
        ("Can we come tomorrow? We leave on Tuesday.", "closed tomorrow"),
        ("明年二月八号是礼拜一，正好过年，我们全家老小那天来你这个馆，进得来吗？",
         "二月八日上午九点开放"),
        ("We'll be here over Chinese New Year, on Monday the eighth of February. "
         "Will the hall be open?", "open on 8 February"),
        ("十二月七号礼拜一来你这儿看得成吗", "十二月七日不开放"),
        ("过年那几天纪念馆开吗", "二月五日上午九点开放"),
        ("Is the hall shut on the 23rd?", "closed tomorrow"),
        ("三十号雷峰塔开到几点", "晚上八点关门"),
        ("五一你们放假吗", "五月一日上午九点开放"),
        ("我们五点才能从灵隐赶过来，你这儿还进得去吗", "进不了苏东坡纪念馆"),
        ("我们刚从灵隐寺出来，雷峰塔几点关门", "雷峰塔每天"),
        ("Could we get up the pagoda at about seven tonight?", "still go into Leifeng Pagoda"),
        ("Is Lingyin open on 5 February 2027?", "open on 5 February"),
        ("2027年2月8日纪念馆开吗", "二月八日上午九点开放"),
        ("你这个馆今天还能待多久", "离关门还有两小时"),
        ("What time do you kick people out?", "half past four"),
        ("吃完晚饭七点来钟还能登塔吗", "还能进雷峰塔"),
        ("存在湖边的包，最晚几点前得去拿", "下午五点半关门"),
        ("行李什么时候得取走", "下午五点半关门"),
        ("By when do we have to pick up the bags we left at Hubin?", "half past five"),
        ("When do I have to collect my bags?", "half past five"),
        ("Until when can we fetch our bags from the visitor centre?", "half past five"),
        ("What time is the last performance of the fountain tonight?", "eight in the evening"),
        ("Is the fountain on tonight?", "eight in the evening"),
        ("How long is each fountain show?", "15 minutes"),
        ("喷泉下雨天还放吗", "大风大雨时停演"),
        ("想上湖心那个岛，从你这儿出去，哪个码头最近？", "从这里步行大约十分钟"),
    ],
)  # fmt: skip
def test_days_and_last_admissions_in_other_words(place: Place, text: str, words: str) -> None:
    assert words in told(place, text)


@pytest.mark.parametrize(
    "text",
    [
        "上了岛以后，回来的最后一班船几点从小瀛洲开？", "从岛上回来的末班船几点",
        "When's the last boat back from the island?", "游客中心电话多少",
        "Could you give me the phone number of the visitor centre at Hubin?",
        "明天来这里要带伞吗", "明天还来这里听你讲故事行吗", "再来一个故事可以吗",
        "Could you come back to that story tomorrow?", "the museum at Liangzhu, when does it open?",
        "西湖博物馆周一开吗", "喷泉今晚放什么歌", "除夕那天你这个馆开吗",
        "上周三岳王庙开了吗", "去年春节纪念馆开吗", "Was the hall open last Monday?",
    ],
)  # fmt: skip
def test_what_no_hours_tell_is_left_to_others(place: Place, text: str) -> None:
    assert told(place, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Could we pop into the hall after four?",
        "We won't be back before four. Would we still get in?",
    ],
)
def test_a_time_after_the_last_admission_is_not_called_open(place: Place, text: str) -> None:
    said = told(place, text)
    assert "can still" not in said and "last admission at four" in said
