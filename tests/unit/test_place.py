"""What a place's files say is computed and told; what they do not say is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digital_human.dialogue.numbers import number as read_number
from digital_human.dialogue.place import Place
from digital_human.dialogue.place.chinese import distance, number, span
from digital_human.dialogue.place.crosswoz import import_crosswoz
from digital_human.dialogue.place.rows import Walk
from digital_human.dialogue.place.usual import usual
from digital_human.dialogue.place.walks import Walks
from digital_human.dialogue.types import Source
from digital_human.errors import InputError
from digital_human.speech.types import Language
from tests.fakes.west_lake import SUNDAY, ZONE, told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small museum."""
    files = {
        "place.toml": 'format = 1\nhere = "hall"\n[names]\nzh = "小馆"\nen = "Small Museum"\n',
        "spots.csv": "id,names.zh,names.en,others,stay\n"
        "hall,大厅,Great Hall,前厅|门厅,20\nattic,阁楼,Attic,,30\nisland,小岛,Islet,,10\n",
        "hours.toml": '[[hours]]\nof = "attic"\nopens = "10:00"\ncloses = "12:00"\n'
        'days = ["sat", "sun"]\n[[hours]]\nof = "attic"\nopens = "14:00"\ncloses = "2:00"\n'
        'days = ["sat"]\n[[hours]]\nof = "hall"\nfrom = "11-01"\nto = "03-31"\nopens = "9:00"\n'
        'closes = "16:00"\n[[hours]]\nof = "hall"\nopens = "8:00"\ncloses = "18:00"\n',
        "walks.csv": "from,to,minutes,metres\nhall,attic,4,200\n",
        "closures.json": '[{"of": "hall", "from": "2026-12-24", "to": "2026-12-26",'
        ' "reason": {"zh": "盘点", "en": "for stocktaking"}}]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("雷峰塔几点关门", "zh", "晚上八点关门"),
        ("净慈寺早上最早什么时候能进去？", "zh", "六点半"),
        ("雷峰塔今年票价多少", "zh", "四十元"),
        ("我不是本地人，雷峰塔门票多少钱？", "zh", "四十元"),
        ("我带着狗，最近的厕所在哪儿？", "zh", "苏堤南口"),
        ("我们明天再来走一圈，两个小时的路线，可以吗？", "zh", "两小时可以这样安排"),
        ("Is Lingyin Temple free, and are there monks?", "en", "45 yuan"),
        ("I'd like to check out Leifeng Pagoda. Where is it?", "en", "Sunset Hill"),
        ("How do we get to Leifeng Pagoda after that?", "en", "14 minutes"),
        ("今天逛不完了，我们明天周一上午再来你这个馆，成吗？", "zh", "明天不开放"),
        ("在花港那边上船，开到小瀛洲路上要多长时间？", "zh", "二十分钟"),
        (
            "We've checked out of our hotel and have two suitcases. Who'd look after them, and"
            " what's the latest we can pick them up?",
            "en",
            "half past five",
        ),
        (
            "We're busy till a quarter past seven tonight. Is there still a fountain show after it"
            ", and how many minutes does it last?",
            "en",
            "for about 15 minutes",
        ),
        ("吃完晚饭再去雷锋塔看灯，票最晚卖到几点？", "zh", "晚上七点半停止入场"),
        (
            "We want both the carved Buddhas and Lingyin Temple itself, my wife and I. How much?",
            "en",
            "150 yuan",
        ),
        ("雷锋塔现在还能进去吗", "zh", "现在开着"),
        ("苏东坡纪念馆周一开放吗", "zh", "周一不开放"),
        ("纪念馆国庆开门吗", "zh", "十月一日上午九点开放"),
        ("明天下午五点半还能去岳王庙吗", "zh", "进不了"),
        ("雷峰塔门票多少钱，几点关门", "zh", "四十元"),
        ("小孩去雷峰塔要买票吗", "zh", "六周岁以下儿童免费"),
        ("坐船多少钱", "zh", "五十五元"),
        ("最后一班船几点", "zh", "下午四点半"),
        ("手划船一条船五个人坐得下吗", "zh", "可坐四人，五个人一条坐不下"),
        ("三个人坐得下一条小船吗", "zh", "三个人坐得下"),
        ("早上第一班船几点", "zh", "早上八点开始"),
        ("雷峰塔还有多久关门", "zh", "离关门还有五个半小时"),
        ("五一来纪念馆，会不会关着门", "zh", "五月一日上午九点开放"),
        ("晚上七点四十五还能买雷峰塔的票吗", "zh", "已经进不了"),
        ("从纪念馆出来去苏堤咋走", "zh", "三分钟"),
        ("音乐喷泉几点开始", "zh", "晚上七点和晚上八点各一场"),
        ("从断桥到孤山怎么走", "zh", "二十分钟"),
        ("怎么去三潭印月", "zh", "坐船"),
        ("我要上厕所", "zh", "苏堤南口"),
        ("哪里可以寄存行李", "zh", "湖滨游客中心"),
        ("我只有两个小时，怎么逛比较好", "zh", "两小时可以这样安排"),
        ("这附近有什么好玩的", "zh", "花港观鱼，五分钟"),
        ("逛花港观鱼要多久", "zh", "四十分钟"),
        ("雷峰塔在哪里", "zh", "夕照山"),
        ("介绍一下断桥", "zh", "一九二一年重建"),
        ("雷峰塔有多高", "zh", "七十一点七米"),
        ("还有船吗", "zh", "现在开着，最后一班是下午四点半"),
        ("明天能进纪念馆吗", "zh", "明天不开放"),
        ("断桥半夜也能去吗", "zh", "全天开放"),
        ("两个大人一个四岁小孩上雷峰塔一共多少钱", "zh", "一共八十元"),
        ("我们三个人坐画舫上岛，加起来多少钱", "zh", "一共一百六十五元"),
        ("手划船划俩小时多少钱", "zh", "一共三百元"),
        ("我腿不好，雷峰塔那边有厕所吗", "zh", "入口左边"),
        ("刮大风音乐喷泉还演吗", "zh", "大风大雨时停演"),
        ("What would two of us pay at Lingyin in total?", "en", "150 yuan in all for 2 people"),
        ("Is the memorial open on Mondays?", "en", "closed on Monday"),
        ("Is Leifeng Pagoda still open?", "en", "closes at eight in the evening"),
        ("Is the memorial hall open on Mondays?", "en", "closed on Monday"),
        ("How many people fit in a rowing boat?", "en", "seats four"),
        ("Can five of us share one rowing boat?", "en", "5 people do not fit"),
        ("Is Lingyin Temple shut on October 1st?", "en", "open on 1 October"),
        ("Can I still buy a pagoda ticket at a quarter to eight?", "en", "You cannot go into"),
        ("How much time is left before the pagoda shuts?", "en", "5 and a half hours left"),
        ("How long is the walk from the Broken Bridge to Solitary Hill?", "en", "20 minutes"),
        ("Four of us on the big boat, what's the total?", "en", "220 yuan"),
        ("Where is the Yue Fei Temple and how much is it?", "en", "Beishan Street"),
        ("How do I get to Jingci Temple?", "en", "17 minutes"),
        ("I have two hours, what should I see?", "en", "For 2 hours"),
        ("Where is the nearest toilet?", "en", "2 minutes"),
        ("Tell me about the Wanghu Tower", "en", "spilt ink"),
        ("明天周一馆里开门吗", "zh", "明天不开放"),
    ],
)
def test_questions_get_what_the_files_say(
    place: Place, text: str, language: Language, words: str
) -> None:
    assert words in told(place, text, language)


@pytest.mark.parametrize(
    "text",
    [
        "画舫一次能坐几个人", "游船是哪年造的", "苏堤南口到北口要走几分钟",
        "灵隐寺的素面多少钱", "灵隐寺停车场收费多少", "学生去岳王庙半价吗", "雷峰塔的电梯几点停",
        "断桥上现在有多少人", "净慈寺几点敲钟", "西湖醋鱼多少钱", "断桥有多高", "今天天气怎么样",
        "断桥从这头到那头有多少米", "灵隐寺的香多少钱一把", "画舫有多长", "画舫的船长叫什么",
        "断桥今天人多吗",
        "手划船可以自己划吗要驾照吗", "音乐喷泉花了多少钱建的", "岳王庙的讲解要预约吗",
        "背一首题西林壁", "望湖楼醉书", "雷峰塔附近的酒店怎么样", "你好",
    ],
)  # fmt: skip
def test_what_the_files_do_not_say_is_left_to_others(place: Place, text: str) -> None:
    assert told(place, text) == ""


def test_an_answer_names_its_file_and_shows_a_picture(place: Place) -> None:
    found = place.answer("雷峰塔几点关门", "zh", now=SUNDAY, at=None)
    assert found is not None
    assert found.source.path == "place/hours.toml#leifeng"
    assert place.picture(found.source.picture).is_file()
    way = place.answer("雷峰塔怎么走", "zh", now=SUNDAY, at="nanping")
    assert way is not None and way.source.picture == place.map and "三分钟" in way.said[0].text


def test_it_understands_what_was_spoken_of_before(place: Place) -> None:
    before = Source("雷峰塔：开放时间", "place/hours.toml#leifeng", "", 1.0)
    found = place.answer("那里门票多少钱", "zh", now=SUNDAY, at=None, earlier=[before])
    assert found is not None and "四十元" in found.said[0].text
    other = replace(before, title="断桥为什么叫断桥", path="qa_zh.toml:3")
    found = place.answer("那它在哪里", "zh", now=SUNDAY, at=None, earlier=[other])
    assert found is not None and "白堤的东头" in found.said[0].text


def test_the_whole_place_was_spoken_of_before_and_is_no_spot(place: Place) -> None:
    before = Source("西湖：门票", "place/tickets.toml#place", "", 1.0)
    found = place.answer("怎么走？", "zh", now=SUNDAY, at=None, earlier=[before])
    assert found is None or not found.sure


def test_here_is_where_the_visitor_stands(place: Place) -> None:
    assert "雷峰塔" in told(place, "几点关门", at="leifeng")
    assert "纪念馆" in told(place, "几点关门", at="nowhere")


def test_tours_leave_out_what_would_be_closed(place: Place) -> None:
    late = SUNDAY.replace(hour=18, minute=45)
    assert "雷峰塔" in told(place, "我有两个小时，怎么玩", at="nanping")
    evening = told(
        place, "我有两个小时，怎么玩", now=late.replace(hour=19, minute=40), at="nanping"
    )
    assert evening and "雷峰塔" not in evening


def test_seasons_nights_closures_and_time_zones(folder: Path) -> None:
    place = Place.open(folder)
    assert "下午四点关门" in told(place, "大厅几点关门")
    july = datetime(2026, 7, 5, 12, tzinfo=ZONE)
    assert "晚上六点关门" in told(place, "门厅几点关门", now=july)
    christmas = datetime(2026, 12, 25, 12, tzinfo=ZONE)
    assert "因盘点不开放" in told(place, "大厅今天开门吗", now=christmas)
    assert "后天上午九点开放" in told(place, "大厅今天开门吗", now=christmas)
    night = datetime(2026, 11, 22, 1, 30, tzinfo=ZONE)  # Saturday's opening goes on till two
    assert "现在开着" in told(place, "阁楼现在开着吗", now=night)
    assert "没有开放" in told(place, "阁楼现在开着吗", now=night.replace(hour=3))
    utc = datetime(2026, 11, 22, 3, tzinfo=ZoneInfo("UTC"))  # eleven in the morning there
    assert "现在开着" in told(place, "阁楼现在开着吗", now=utc)


def test_the_quickest_way_and_a_boat_only_where_it_must_be() -> None:
    edges = [("a", "b", 10, "foot"), ("b", "c", 10, "foot"), ("a", "c", 5, "boat"),
             ("a", "d", 9, "boat"), ("a", "b", 30, "foot")]  # fmt: skip
    walks = Walks(
        [Walk.model_validate({"from": a, "to": b, "minutes": m, "by": by}) for a, b, m, by in edges]
    )
    way = walks.way("a", "c")
    assert way is not None and (way.minutes, way.spots) == (20, ("a", "b", "c"))
    island = walks.way("c", "d")
    assert island is not None and island.minutes == 14
    assert walks.way("a", "e") is None
    assert walks.islands(["a", "b", "e"]) == [["a", "b"], ["e"]]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("hours.toml", '[[hours]]\nof = "attic"\nopens = "25:00"\ncloses = "12:00"',
         "entry 1 (attic): opens"),
        ("hours.toml", '[[hours]]\nof = "cellar"\nopens = "9:00"\ncloses = "12:00"', "'cellar'"),
        ("hours.toml", '[[hours]]\nof = "attic"\nopens = "9:00"\ncloses = "12:00"\nfrom = "05-01"',
         "go together"),
        ("walks.csv", "from,to,minutes\nhall,attic,0\n", "walks.csv, entry 1 (hall): minutes"),
        ("walks.csv", "from,to,minutes\nhall,roof,3\n", "'roof' is no spot"),
        ("spots.csv", "id,names.zh\nhall,大厅\nhall,阁楼\n", "'hall' stands twice"),
        ("place.toml", 'format = 1\ntimezone = "Moon/Sea"\n[names]\nzh = "馆"', "timezone"),
        ("place.toml", 'format = 1\npages = "../../etc"\n[names]\nzh = "馆"', "pages"),
        ("tickets.json", '[{"of": "hall", "price": -1}]', "price"),
        ("facts.toml", '[[facts]]\nof = "hall"\ntopic = "smell"\ntext = {zh = "香"}',
         "topic: 'smell'"),
        ("spots.csv", "id,names.zh,picture\nhall,大厅,../../x.png\n", "picture"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        Place.open(folder)
    assert said in error.value.message and file in error.value.message


@pytest.mark.parametrize("name", ["../place.toml", "nothing.png", "", "map.png\0", "/etc/passwd"])
def test_only_the_place_s_own_pictures_are_given(place: Place, name: str) -> None:
    with pytest.raises(InputError):
        place.picture(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [("十", 10), ("二十五", 25), ("一百零五", 105), ("一百五", 150), ("两千零二", 2002),
     ("一〇九〇", 1090), ("俩", 2), ("30", 30), ("twenty-five", 25), ("a hundred", 100),
     ("one hundred and fifty", 150), ("a couple of", 2)],
)  # fmt: skip
def test_numbers_are_read(text: str, said: int) -> None:
    assert read_number(text) == said


@pytest.mark.parametrize("text", ["", "十景", "pagoda", "twenty bridges"])
def test_what_is_no_number_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        read_number(text)


def test_a_sum_is_not_guessed_for_a_child_whose_age_is_not_told(place: Place) -> None:
    older = told(place, "两个大人一个七岁小孩登雷峰塔一共多少钱")
    assert "孩子按成人票算，三个人一共一百二十元" in older
    assert "一共" not in told(place, "两个大人一个小孩登雷峰塔一共多少钱")
    assert "一共" not in told(place, "雷峰塔门票多少钱")


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        # Reasons, asides and manners change nothing.
        ("不好意思，老师让我们集合，雷峰塔几点关门？别到时候进不去。", "zh", "晚上八点关门"),
        ("净慈寺最早几点能进去上香", "zh", "早上六点半"),
        ("半夜想去断桥走走，那边晚上锁不锁门", "zh", "全天开放"),
        ("My class would like to know, how old is Lingyin Temple?", "en", "326"),
        ("The stone pagodas you see in the water today, when were they made?", "en", "1621"),
        ("What's the latest they'll still sell me a ticket for Leifeng?", "en", "half past seven"),
        # Part of a name, when only one spot has it.
        ("Last admission to Yue Fei's temple?", "en", "last admission at five"),
        ("Will the hall be open on the first of January?", "en", "1 January, from nine"),
        ("Walking time from Hubin to the orioles park?", "en", "17 minutes"),
        ("师傅，岳飞那庙几点关", "zh", "下午五点半关门"),
        ("湖滨那个喷泉表演一次多长时间", "zh", "十五分钟"),
        ("那个水舞几点开始？", "zh", "晚上七点"),
        ("老的那座雷峰塔是咋个垮的？", "zh", "塔基被掏空"),
        # Parties, and several places.
        ("我们仨去灵隐寺里头烧香，飞来峰的票也算上，总共得多少钱", "zh", "两百二十五元"),
        ("我们两口子带个八岁的娃上雷峰塔，一共得花多少", "zh", "三个人一共一百二十元"),
        ("我和我老公带个四岁的娃上雷峰塔，一共多少钱", "zh", "三个人一共八十元"),
        ("我跟老伴俩坐画舫，船票加一块儿多少", "zh", "一百一十元"),
        ("One adult, the pagoda plus Jingci Temple, how much together?", "en", "50 yuan in all"),
        ("两条小船划一个小时多少钱", "zh", "三百元"),
        ("Family ticket for Leifeng: two adults, kids five and nine?", "en", "120 yuan"),
        # What is used and not visited.
        ("公共自行车头一个小时多少钱", "zh", "第一个小时免费"),
        ("我朋友坐轮椅，借一辆要收费不？", "zh", "免费"),
        ("我自己开车来的，车停哪儿合适？", "zh", "换乘停车场"),
        # Ways in other words; the clock that belongs to what is named.
        ("断桥顺着白堤一直走到平湖秋月，得多长时间", "zh", "十五分钟"),
        ("从您这儿溜达到雷峰塔，得走多大工夫？", "zh", "十四分钟"),
        ("How long to walk the entire Su Causeway?", "en", "37 minutes"),
        ("My flight's at nine, can I squeeze in Leifeng at seven p.m.?", "en", "still go into"),
    ],
)
def test_wordings_nobody_wrote_down_are_understood(
    place: Place, text: str, language: Language, words: str
) -> None:
    assert words in told(place, text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("灵隐寺里有素面吃吗，多少钱一碗", "zh"),
        ("我带着小狗，可以一块儿上游船吗", "zh"),
        ("自行车超过一小时怎么收费", "zh"),
        ("灵隐寺门口有停车场吗", "zh"),
        ("湖滨晚上那个喷水的表演，几点开始", "zh"),
        ("环湖的电瓶车坐一圈，一个人收多少钱", "zh"),
        ("请个真人讲解员陪我们走一上午，怎么收费", "zh"),
        ("柳浪闻莺在宋朝的时候是什么地方", "zh"),
        ("My phone is nearly dead. Is there anywhere in this hall to charge it?", "en"),
        ("坐地铁从东站过来，要坐几号线", "zh"),
        ("坐轮椅的能上雷峰塔吗，有电梯还是只有楼梯", "zh"),
        ("Is there a ramp for the wheelchair?", "en"),
        ("明天几点日出", "zh"),
        ("When does the temple bell ring on the twenty-first of December?", "en"),
        ("What hours does the museum on Solitary Hill keep?", "en"),
        ("How long to walk the entire Bai Causeway?", "en"),
        ("How long was Su Shi locked up?", "en"),
        ("Who looks after the lake?", "en"),
        ("雷峰塔请个导游多少钱？", "zh"),
        ("净慈寺看敲钟，几点？", "zh"),
        ("雷峰塔看日落，几点去最好？", "zh"),
    ],
)
def test_what_could_change_the_answer_is_not_passed_over(
    place: Place, text: str, language: Language
) -> None:
    assert told(place, text, language) == ""


def test_what_is_not_wholly_understood_may_be_guessed_where_it_names_something(
    place: Place,
) -> None:
    def guessed(text: str) -> str:
        found = place.answer(text, "zh", now=SUNDAY, at=None)
        return "".join(line.text for line in found.said) if found else ""

    asked = "街边那种公共自行车，头一个小时怎么收钱的？"
    assert told(place, asked) == "" and "第一个小时免费" in guessed(asked)
    assert guessed("我养了只泰迪，可乖了，能抱着它坐游船吗？") == ""  # it is no way there
    assert guessed("几点日出") == "" and guessed("你叫什么名字") == ""


def test_a_way_begins_where_it_is_said_to_also_when_the_place_is_named(place: Place) -> None:
    assert (
        told(place, "在西湖从断桥走到雷峰塔要多久") == told(place, "从断桥走到雷峰塔要多久") != ""
    )


def test_numbers_are_written_as_they_are_read() -> None:
    assert [number(n) for n in (2, 10, 12, 20, 45, 110, 202, 2000)] == [
        "两", "十", "十二", "二十", "四十五", "一百一十", "两百零二", "两千",
    ]  # fmt: skip
    assert [span(n) for n in (2, 60, 90, 150, 65)] == [
        "两分钟", "一小时", "一个半小时", "两个半小时", "一小时五分钟",
    ]  # fmt: skip
    assert [distance(n) for n in (80, 350, 1000, 2800)] == [
        "八十米",
        "四百米",
        "一公里",
        "二点八公里",
    ]


def test_crosswoz_attractions_become_a_place(tmp_path: Path) -> None:
    rows = [
        ["故宫", {"名称": "故宫", "地址": "北京市东城区景山前街4号", "门票": 60,
                "电话": "010-85007938", "游玩时间": "2小时 - 3小时", "开放时间": "8:30-17:00",
                "介绍": "明清两代的皇宫。", "评分": 4.7}],
        ["水立方（国家游泳中心）", {"名称": "水立方（国家游泳中心）", "门票": 30}],
    ]  # fmt: skip
    file = tmp_path / "db.json"
    file.write_text(json.dumps(rows), "utf-8")
    done = import_crosswoz(file, tmp_path / "bj", "北京")
    assert (done.spots, done.hours, done.left) == (2, 1, {"评分": 1})
    place = Place.open(tmp_path / "bj")
    assert "下午五点关门" in told(place, "故宫几点关门")
    assert "六十元" in told(place, "故宫门票多少钱")
    assert "景山前街" in told(place, "故宫的地址")
    assert "皇宫" in told(place, "介绍一下故宫")
    assert "三十元" in told(place, "水立方门票多少钱")
    with pytest.raises(InputError, match="there already"):
        import_crosswoz(file, tmp_path / "bj")


def test_the_whole_crosswoz_file_is_read(data_dir: Path, tmp_path: Path) -> None:
    file = data_dir / "text/crosswoz/attraction_db.json"
    assert import_crosswoz(file, tmp_path / "bj").spots == 465
    assert "六十元" in told(Place.open(tmp_path / "bj"), "故宫门票多少钱")


@pytest.mark.parametrize(
    ("text", "language", "first", "then"),
    [
        ("附近有厕所吗，收不收费", "zh", "最近的厕所", "不收钱"),
        ("我想上厕所，要钱吗", "zh", "最近的厕所", "不收钱"),
        ("轮椅哪里借，要钱吗", "zh", "湖滨游客中心", "不收钱"),
        ("轮椅能借吗，要不要钱", "zh", "湖滨游客中心", "不收钱"),
        ("附近有寄存行李的地方吗？几点关门？", "zh", "行李可以寄存", "下午五点半关门"),
        ("Is there a restroom close to here, and does it cost anything?", "en",
         "The nearest toilet", "free of charge"),
        ("Can I borrow a wheelchair somewhere, and do I have to pay?", "en",
         "The visitor centre at Hubin", "free of charge"),
        ("Could we borrow a wheelchair anywhere, and would they charge us?", "en",
         "The visitor centre at Hubin", "free of charge"),
        ("Is there a luggage store near here and when does it close?", "en",
         "The visitor centre at Hubin", "half past five"),
    ],
)  # fmt: skip
def test_where_a_facility_is_and_what_it_costs_are_both_told(
    place: Place, text: str, language: Language, first: str, then: str
) -> None:
    said = told(place, text, language)
    assert said.startswith(first) and then in said


def test_a_choice_may_have_any_sign_in_its_name(folder: Path) -> None:
    row = '[[tickets]]\nof = "hall"\nprice = {}\nchoice = "{}"\ncalled = ["{}"]\n'
    tickets = row.format(5, "plus", "A+票") + row.format(7, "open", "(乙票")
    (folder / "tickets.toml").write_text(tickets, "utf-8")
    assert told(Place.open(folder), "大厅A+票多少钱") == "大厅门票五元。"


def test_a_price_alone_is_told_without_the_way(place: Place) -> None:
    assert told(place, "厕所收费吗") == "厕所免费，不收钱。"


def test_what_a_facility_costs_is_that_of_the_nearest(folder: Path) -> None:
    where = 'where = { zh = "在这里" }\n'
    (folder / "facilities.toml").write_text(
        f'[[facilities]]\nid = "far"\nkind = "toilet"\nat = "attic"\n{where}'
        f'[[facilities]]\nid = "near"\nkind = "toilet"\nat = "hall"\n{where}',
        "utf-8",
    )
    tickets = '[[tickets]]\nof = "far"\nprice = 0\n'
    (folder / "tickets.toml").write_text(tickets, "utf-8")
    assert told(Place.open(folder), "附近有厕所吗，收不收费") == ""
    (folder / "tickets.toml").write_text(f'{tickets}[[tickets]]\nof = "near"\nprice = 2\n')
    assert "门票两" in told(Place.open(folder), "附近有厕所吗，收不收费")


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("明年二月八号是个礼拜一，我们那时候过来，你们馆也关着吗？", "zh",
         "那天是春节假期，照常开放"),
        ("2027年2月8号周一馆里开门吗", "zh", "那天是春节假期，照常开放"),
        ("明年二月八号下午三点能进纪念馆吗", "zh", "那天是春节假期，照常开放"),
        ("Is the memorial open on Monday 8 February 2027?", "en",
         "It is open as usual during the Spring Festival holiday."),
    ],
)  # fmt: skip
def test_why_it_is_open_on_a_holiday_is_told(
    place: Place, text: str, language: Language, words: str
) -> None:
    assert words in told(place, text, language)


def test_a_holiday_is_told_only_where_it_changes_something(place: Place) -> None:
    holiday = datetime(2027, 2, 8, 14, 30, tzinfo=ZONE)
    assert "今天是春节假期，照常开放。" in told(place, "纪念馆现在开着吗", now=holiday)
    assert "假期" not in told(place, "2027年2月9号纪念馆开门吗")  # a Tuesday
    assert "假期" not in told(place, "2027年2月8号雷峰塔几点关门")
    assert told(place, "2027年2月8号周二馆里开门吗") == ""  # it is no Tuesday


def test_what_is_usually_asked_is_known_before_anybody_asks(place: Place) -> None:
    said = set(usual(place, SUNDAY, ("zh", "en")))
    for question, language in (
        ("介绍一下断桥", "zh"), ("雷峰塔现在开着吗", "zh"), ("最近的厕所在哪里", "zh"),
        ("How do I get to Leifeng Pagoda from here", "en"),
    ):  # fmt: skip
        told = place.answer(question, language, now=SUNDAY, at=None)
        assert told is not None and told.said in said, question
    assert {line.language for lines in usual(place, SUNDAY, ("zh", "ja")) for line in lines} == {
        "zh"
    }
