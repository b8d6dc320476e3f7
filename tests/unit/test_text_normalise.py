from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digital_human.speech.text.normalise import normalise

ZH = {
    "9:30开会": "九点三十分开会",
    "2024年5月10日": "二零二四年五月十日",
    "2023-2024年": "二零二三到二零二四年",
    "2025-2026赛季": "二零二五到二零二六赛季",
    "增长3.5%": "增长百分之三点五",
    "50%~60%": "百分之五十到百分之六十",
    "千分之3‰": "千分之千分之三",
    "气温-3℃": "气温零下三摄氏度",
    "气温−3℃": "气温零下三摄氏度",
    "零下12℃": "零下十二摄氏度",
    "-3℃到5℃": "零下三到零上五摄氏度",
    "北京-3℃~6℃": "北京零下三到零上六摄氏度",
    "北京－3℃～6℃": "北京零下三到零上六摄氏度",
    "-3到6℃": "零下三到零上六摄氏度",
    "-3.5至0℃": "零下三点五到零摄氏度",
    "-3到6摄氏度": "零下三到零上六摄氏度",
    "-8~-3℃": "零下八到零下三摄氏度",
    "5℃到-3℃": "五摄氏度到零下三摄氏度",
    "5~-3℃": "五到零下三摄氏度",
    "-3-6℃": "零下三到零上六摄氏度",
    "-8--3℃": "零下八到零下三摄氏度",
    "-3℃~+5℃": "零下三到零上五摄氏度",
    "6到12℃": "六到十二摄氏度",
    "-12℃至-5℃": "零下十二到零下五摄氏度",
    "约合$1.75万亿": "约合一点七五万亿美元",
    "约合$1.75万亿美元": "约合一点七五万亿美元",
    "HK$3.2亿": "三点二亿港元",
    "￥8,999.00元": "八千九百九十九元",
    "3,210.56点": "三千二百一十点五六点",
    "1,000,000人": "一百万人",
    "比分3:2": "比分三比二",
    "以3-2战胜对手": "以三比二战胜对手",
    "3～5元": "三到五元",
    "4~6级": "四到六级",
    "13812345678": "幺三八幺二三四五六七八",
    "400-123-4567": "四零零一二三四五六七",
    "010-88886666": "零一零八八八八六六六六",
    "第2名": "第二名",
    "用时1:02:30": "用时一小时两分三十秒",
    "C919、歼-20、东风-41": "C九一九、歼二十、东风四十一",
    "100km/h": "每小时一百公里",
    "35kWh": "三十五千瓦时",
    "187g": "一百八十七克",
    "1/3的人": "三分之一的人",
    "ＡＢ１２": "AB十二",
    "5G和4K": "五G和四K",
}
EN = {
    "It grew 3.5%.": "It grew three point five percent.",
    "It grew 0.25%.": "It grew zero point two five percent.",
    "The score was 3-2.": "The score was three to two.",
    "10-12 days": "ten to twelve days",
    "It cost $3.50.": "It cost three dollars and fifty cents.",
    "It cost $1,299.99.": (
        "It cost one thousand two hundred and ninety-nine dollars and ninety-nine cents."
    ),
    "$12.6 billion": "twelve point six billion dollars",
    "7,500 jobs": "seven thousand five hundred jobs",
    "-12°C": "minus twelve degrees Celsius",
    "May 10, 2024": "May tenth, twenty twenty four",
    "at 9:30 a.m., he": "at nine thirty AM, he",
    "1998-2003": "nineteen ninety eight to two thousand three",
    "COVID-19": "COVID nineteen",
    "100 km/h": "one hundred kilometers per hour",
}


@pytest.mark.parametrize(("written", "spoken"), ZH.items())
def test_mandarin(written: str, spoken: str) -> None:
    assert normalise(written, "zh").spoken == spoken


@pytest.mark.parametrize(("written", "spoken"), EN.items())
def test_english(written: str, spoken: str) -> None:
    assert normalise(written, "en").spoken.strip() == spoken


def test_addresses_are_read_out() -> None:
    assert normalise("www.example.com", "zh").spoken.split() == "WWW 点 example 点 com".split()
    assert "dot example dot com" in normalise("See www.example.com now", "en").spoken


def test_spoken_stretches_know_what_was_written() -> None:
    text = "GDP增长3.5%，达到12.6万亿元。"
    spans = {text[s.start : s.end]: s.spoken for s in normalise(text, "zh").spans}
    assert spans["3.5%"] == "百分之三点五"
    assert spans["增"] == "增"
    written = [text[s.start : s.end] for s in normalise(text, "zh").spans]
    assert "".join(written) == text


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="今天气温℃%-~:./,，。$￥0123456789第年月日元AbG ", max_size=40))
def test_spans_cover_the_text_in_order(text: str) -> None:
    for language in ("zh", "en"):
        spans = normalise(text, language).spans  # type: ignore[arg-type]
        position = 0
        for span in spans:
            assert span.start == position and span.end > span.start
            position = span.end
        assert position == len(text)


def _canonical(text: str) -> str:
    return " ".join(re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).lower()).split())


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "language", "floor"), [("chinese", "zh", 0.94), ("english", "en", 0.90)]
)
def test_wetextprocessing_pairs(data_dir: Path, folder: str, language: str, floor: float) -> None:
    """Pairs of WeTextProcessing, less the files that test options not used here.

    What differs: interjections and erhua stay (they are spoken), cents are read as cents.
    """
    options = {"normalizer_tag_oov", "postprocessor", "preprocessor"}
    files = (data_dir / "text/wetextprocessing/tn" / folder / "test/data").glob("*.txt")
    lines = [
        line.split("=>")
        for file in files
        if file.stem not in options
        for line in file.read_text(encoding="utf-8").splitlines()
        if "=>" in line
    ]
    wrong = [
        (written.strip(), spoken.strip(), got)
        for written, spoken in lines
        if _canonical(got := normalise(written.strip(), language).spoken)  # type: ignore[arg-type]
        != _canonical(spoken)
    ]
    assert len(lines) > 100
    assert 1 - len(wrong) / len(lines) >= floor, wrong
