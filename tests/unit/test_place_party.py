"""Sums for parties: who comes along is understood, or no sum is told."""

from __future__ import annotations

import pytest

from digital_human.dialogue.place import Place
from digital_human.dialogue.place.party import party_of
from digital_human.speech.types import Language
from tests.fakes.west_lake import told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我们两口子带俩娃，大的九岁，小的刚满五岁，上雷峰塔总共得掏多少钱？", "一百二十"),
        ("四年级学生二十八个，加我们两位老师，登雷峰塔的票一共多少？", "一千二百"),
        ("我陪爸妈去灵隐烧香,三个大人,山门票带进寺的票加起来多少", "三个人一共两百二十五"),
        ("我和我爱人，还有我妈，去净慈寺门票一共多少", "三十"),
        ("我和老公带着公公婆婆去灵隐寺，四张票一共多少钱", "三百"),
        ("我带两个孩子去雷峰塔，一个四岁一个八岁，一共多少钱", "八十"),
        ("夫妻俩带双胞胎，都是五岁，登雷峰塔一共多少", "四个人一共八十"),
        ("我们夫妻俩和一个还不到六岁的女儿去雷峰塔要花多少", "八十"),
        ("两大一小，小的五岁，雷峰塔要多少", "八十"),
        ("两口子带个八个月大的宝宝上雷峰塔多少钱", "八十"),
        ("我们两大三小登雷峰塔，三个孩子分别是两岁、五岁、九岁 总共多少钱", "一百二十"),
        ("带俩老人和一个五岁小孩，加上我们夫妻，雷峰塔一共多少钱", "一百六十"),
        ("我们八个人去，其中两个是四岁的小孩，雷峰塔票钱一共多少", "两百四十"),
        ("我们三口人，孩子刚上一年级，雷峰塔得多少", "一百二十"),
        ("两个老人都七十二岁，雷峰塔一共多少", "按全价算，两个人一共八十"),
        ("我爸七十五，我妈七十二，加上我，登雷峰塔一共多少钱", "三个人一共一百二十"),
        ("我老婆想知道，我和我妈去岳王庙一共多少", "五十"),
        ("爬山队十一个人要去净寺看看，门票一起算是多少？", "一百一十"),
        ("我们宿舍四个人去岳王庙，票钱一共多少", "一百"),
        ("退休老师二十位去岳王庙，总共要多少门票钱", "五百"),
        ("我们公司二十三个同事坐画舫，船票总共多少", "一千二百六十五"),
        ("旅行团七十五个人，雷峰塔门票一共多少", "三千"),
        ("先上雷峰塔再去净寺，我们四个人门票加一块儿多少", "四个人一共两百"),
        ("我们俩人，先坐画舫上岛，再去雷峰塔，一共多少", "一百九十"),
        ("我们去灵隐寺一共要多少钱", "每人一共七十五"),
        ("我们六个朋友想自己划船玩一个钟头，得租几条，一共多少钱？", "两条船，一共三百"),
        ("五个人划一个半小时的船要多少钱", "两条船，一共四百五十"),
        ("我跟三个同事想自己动手划条小船，划俩钟头，一共多少钱？", "四个人一共三百"),
        ("爷爷奶奶加我们俩，岳王庙门票一共多少", "四个人一共一百"),
        ("我们五个人划船多少钱", "两条船，每小时一共三百"),
        ("十二个人自己划船要租几条", "要三条"),
        ("六个人坐手划船，一条够吗", "坐不下，要两条"),
        ("划船两小时多少钱", "一条船，一共三百"),
        ("我们仨想自己划那种小船玩两个钟头，得多少钱？", "三个人一共三百"),
        ("我们仨想划小木船玩两个小时，拢共多少钱", "三个人一共三百"),
        ("灵隐那边，三个大人，外头的门票加上进庙烧香那个，统共花多少？", "两百二十五"),
        ("灵隐两个大人，山门票加寺票统共多少", "一百五十"),
        ("五个人想坐船，画舫和手划船一小时哪个便宜", "画舫每位五十五元，手划船每小时一百五十元"),
    ],
)
def test_chinese_parties_get_their_sum(place: Place, text: str, words: str) -> None:
    assert words in told(place, text, "zh")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two of us and our four-year-old want to go up Leifeng Pagoda. What's that in total?",
         "80 yuan in all for 3"),
        ("Three mates and I fancy rowing ourselves around for two hours. What would the boat "
         "come to?", "300 yuan in all"),
        ("A class of 28 ten-year-olds and two teachers for the pagoda, how much altogether?",
         "1200"),
        ("My husband and I want to go up the pagoda and then into Jingci Temple. What's the "
         "total for both of us?", "100 yuan"),
        ("There are five of us, all grown-ups, and we want both the peak with the carvings and "
         "Lingyin Temple behind it. How much all together?", "375"),
        ("My wife and I plus our two kids, nine and four, for Leifeng Pagoda. What's the total?",
         "120 yuan in all for 4"),
        ("Family of four, kids are three and seven, going up the pagoda. What do we pay?", "120"),
        ("My husband and I and our twins, both four, want to climb Leifeng Pagoda. Total cost?",
         "80 yuan in all for 4"),
        ("My husband and I have our son with us, he's just turned five. Leifeng Pagoda, what's "
         "the total?", "80"),
        ("There's me, my wife and her parents. Leifeng Pagoda, how much together?", "160"),
        ("Four of us including a five-year-old, Leifeng Pagoda in total?", "120"),
        ("How much will a coach party of 52 pay at Yue Fei Temple?", "1300"),
        ("Three pensioners for Jingci Temple, what does it come to?", "At full price, that"),
        ("Three of us want one of those little boats for two hours, what's the price?",
         "300 yuan in all for 3"),
        ("Three adults at Lingyin, the outer ticket plus the temple one, how much all together?",
         "225"),
        ("How many rowing boats do nine people need?", "need 3 boats"),
        ("There are six of us and we'd like to go rowing for an hour. How many boats do we need "
         "and what will it cost?", "300 yuan in all for 6 people in 2 boats"),
        ("Two of us, big boat to the island and then Leifeng Pagoda, how much all in?", "190"),
    ],
)  # fmt: skip
def test_english_parties_get_their_sum(place: Place, text: str, words: str) -> None:
    assert words in told(place, text, "en")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("一家三口去雷峰塔多少钱", "zh"),
        ("我带孩子去雷峰塔，一共多少钱", "zh"),
        ("两口子带孩子上雷峰塔一共多少", "zh"),
        ("两大两小雷峰塔门票多少", "zh"),
        ("五六岁的孩子一个，加我俩，雷峰塔一共多少", "zh"),
        ("我和我姐各带一个四岁的娃，雷峰塔一共多少", "zh"),
        ("我们带着四岁的娃去雷峰塔，一共多少", "zh"),
        ("带爸妈去岳王庙一共多少钱", "zh"),
        ("我带三个外国客户去雷峰塔，一共多少", "zh"),
        ("十五个小学生加三个家长，我带队，登雷峰塔一共多少", "zh"),
        ("小船半小时多少钱", "zh"),
        ("手划船包一天多少钱", "zh"),
        ("四五个人租一条手划船一小时多少钱", "zh"),
        ("我和朋友们去岳王庙门票一共多少", "zh"),
        ("雷峰塔我买三张大人票两张小孩票，小孩七岁，一共多少", "zh"),
        ("我们俩爷孙去雷峰塔，一共多少", "zh"),
        ("我一个人把要门票的地方都走一遍，一共多少钱", "zh"),
        ("我们四个人坐船玩两个小时多少钱", "zh"),
        ("How much for a family of four at Leifeng Pagoda?", "en"),
        ("Four of us with a five-year-old, Leifeng Pagoda in total?", "en"),
        ("I'm here with my two daughters. What do we pay for Leifeng Pagoda?", "en"),
        ("Five or six of us want to see the Yue Fei Temple, how much in total?", "en"),
        ("A hundred and twenty people for Jingci Temple, how much in total?", "en"),
        ("Three French clients and I, Yue Fei Temple, total?", "en"),
        ("My friends and I want to see the Yue Fei Temple, how much in total?", "en"),
        ("Three of us want to see all the sights that charge, how much in total?", "en"),
    ],
)
def test_there_is_no_sum_where_it_is_not_sure_who_pays(
    place: Place, text: str, language: Language
) -> None:
    said = told(place, text, language)
    assert "一共" not in said and " in all" not in said


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("公共自行车骑超了一个钟头,后面每小时怎么收", "zh"),
        ("公共自行车骑过了头一个钟头，之后每小时扣多少？", "zh"),
        ("两个老人去雷峰塔有优惠吗，多少钱", "zh"),
        ("画舫一次能坐几个人，多少钱", "zh"),
        ("灵隐旁边的庙门票多少钱", "zh"),
        ("What's the charge after the first hour on the public bikes?", "en"),
        ("How much is a public bike for each additional hour?", "en"),
        ("After the free first hour, what does one of those rental bikes cost us?", "en"),
        ("楼外楼的叫花鸡，一只什么价钱？", "zh"),
        ("我爸是退伍军人，岳庙能免费吗？", "zh"),
        ("拿着公园年卡上雷峰塔还要买票吗", "zh"),
        ("I'm a veteran. Is Leifeng Pagoda free for me?", "en"),
        ("Do locals get into Yue Fei's temple free?", "en"),
        ("雨伞，多少钱", "zh"),
        ("We're two students, any discount at Lingyin Temple?", "en"),
        ("I've got an international student card. How much do I save at Leifeng Pagoda?", "en"),
    ],
)
def test_prices_that_are_not_known_are_not_told(
    place: Place, text: str, language: Language
) -> None:
    assert told(place, text, language) == ""


def test_a_price_may_depend_on_an_age_that_is_not_told_exactly() -> None:
    assert party_of("一个四五岁的孩子", "zh").children == ((4, 5),)
    assert party_of("三个小学生和一位老师", "zh").children == ((6, 12),) * 3
    assert party_of("七十岁的老人一位", "zh").children == ()
