"""What is wrong with a script is found, and named, before anything is rendered."""

from __future__ import annotations

import re
import shutil
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from digital_human.apps import doctor
from digital_human.apps.news.check import check_script, check_space
from digital_human.apps.news.load import load_script
from digital_human.apps.news.template import new_project
from digital_human.config import settings
from digital_human.errors import InputError, ModerationError, ResourceError

SCRIPT = """\
version: 1
title: 测试
anchors:
  yun: {avatar: yun, voice: xiaoyi, name: 云舒}
segments:
  - layout: beside
    anchor: yun
    pictures: [p.png]
    say: 你好，世界。
"""


def check(folder: Path, old: str = "", new: str = "") -> str:
    """The complaint about the script with ``old`` replaced by ``new``."""
    assert old in SCRIPT
    cv2.imwrite(str(folder / "p.png"), np.zeros((90, 160, 3), np.uint8))
    path = folder / "script.yaml"
    path.write_text(SCRIPT.replace(old, new) if old else SCRIPT, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check_script(load_script(path))
    assert caught.value.fix
    return caught.value.message


def test_an_unknown_anchor_is_named_with_those_there_are(tmp_path: Path) -> None:
    said = check(tmp_path, "avatar: yun", "avatar: yum")
    assert "script.yaml:4: anchors.yun.avatar" in said
    assert "'yum' is unknown" in said
    assert "did you mean 'yun'" in said


def test_an_unknown_voice_is_named(tmp_path: Path) -> None:
    assert "did you mean 'xiaoyi'" in check(tmp_path, "voice: xiaoyi", "voice: xiaoy")


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    said = check(tmp_path, "[p.png]", "[nowhere.png]")
    assert "script.yaml:8: segments.0.pictures.0" in said
    assert "nowhere.png" in said


@pytest.mark.parametrize("name", ["broken.png", "broken.mp4"])
def test_a_corrupt_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\x00\x00\x18ftypmp42 this is no picture" * 50)
    old, new = "[p.png]", f"[{name}]"
    if name.endswith("mp4"):
        old, new = (
            "layout: beside\n    anchor: yun\n    pictures: [p.png]",
            (f"layout: story\n    anchor: yun\n    video: {name}"),
        )
    assert name in check(tmp_path, old, new)


def test_a_truncated_video_is_found_before_the_render(tmp_path: Path) -> None:
    from digital_human.media.encoder import PartEncoder

    encoder = PartEncoder(tmp_path / "whole.mp4", (160, 90), 25)
    for level in range(50):
        encoder.write(np.full((90, 160, 3), level * 4, np.uint8))
    encoder.close()
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    new = "layout: story\n    anchor: yun\n    video: cut.mp4"
    said = check(tmp_path, "layout: beside\n    anchor: yun\n    pictures: [p.png]", new)
    assert "script.yaml:8: segments.0.video" in said


def test_an_endless_sentence_is_refused_with_its_length(tmp_path: Path) -> None:
    said = check(tmp_path, "你好，世界。", "天气" * 2000)
    assert "4,000 characters" in said
    assert "script.yaml:9: segments.0.say" in said


def test_a_line_of_emoji_has_nothing_to_say(tmp_path: Path) -> None:
    assert "nothing that can be spoken" in check(tmp_path, "你好，世界。", "😀🎉")


def test_a_missing_translation_is_named(tmp_path: Path) -> None:
    text = SCRIPT.replace("title: 测试", "title: 测试\nlanguages: [zh, en]")
    text = text.replace("say: 你好，世界。", "say: {zh: 你好。}")
    path = tmp_path / "script.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no text in 'en'; add `en:`"):
        check_script(load_script(path))


def test_a_voice_that_cannot_speak_the_language_is_named(tmp_path: Path, home: Path) -> None:
    shipped = (settings().voices_dir / "heart.toml").read_text(encoding="utf-8")
    own = home / "voices" / "english" / "voice.toml"
    own.parent.mkdir(parents=True)
    one = re.sub("languages = .*", 'languages = ["en"]', shipped.replace('"heart"', '"english"', 1))
    own.write_text(one, encoding="utf-8")
    assert "not 'zh'" in check(tmp_path, "voice: xiaoyi", "voice: english")


def test_a_full_disk_is_seen_before_the_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script.yaml").write_text(SCRIPT, encoding="utf-8")
    file = load_script(tmp_path / "script.yaml")
    check_space(file, 60, tmp_path / "out")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    with pytest.raises(ResourceError, match="1 MB free, about 86 MB needed"):
        check_space(file, 60, tmp_path / "out")


def test_a_new_project_passes_the_check(tmp_path: Path, home: Path) -> None:
    script = new_project(tmp_path / "bulletin")
    checked = check_script(load_script(script))
    assert 60 <= checked.estimated_seconds <= 90
    checked.gate(None)
    with pytest.raises(InputError, match="not empty"):
        new_project(tmp_path / "bulletin")


def test_a_blocked_script_needs_a_reason(tmp_path: Path, home: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((90, 160, 3), np.uint8))
    path = tmp_path / "script.yaml"
    path.write_text(
        SCRIPT.replace("你好，世界。", "加微信办理网上赌场开户，包赢。"), encoding="utf-8"
    )
    checked = check_script(load_script(path))
    with pytest.raises(ModerationError):
        checked.gate(None)
    checked.gate("court report, case 17")
    log = "".join(p.read_text(encoding="utf-8") for p in (home / "audit").glob("*.jsonl"))
    assert "court report, case 17" in log
    assert "refused" in log


def test_what_may_not_be_meant_is_said_without_stopping(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((90, 160, 3), np.uint8))
    path = tmp_path / "script.yaml"
    voices = "voice: {zh: xiaoyi, en: heart}"
    path.write_text(
        SCRIPT.replace(
            "title: 测试\n", "title: 测试\nlanguages: [zh, en]\nticker: [天气😀]\n"
        ).replace("voice: xiaoyi", voices),
        encoding="utf-8",
    )
    ticker, said = "script.yaml:4: ticker.0", "script.yaml:11: segments.0.say"
    warnings = check_script(load_script(path)).warnings
    assert any(ticker in warning and "😀" in warning for warning in warnings)
    assert any(said in warning and "en programme" in warning for warning in warnings)
    assert len(warnings) == 2

    path.write_text(SCRIPT, encoding="utf-8")
    assert check_script(load_script(path)).warnings == ()


def test_the_terms_of_the_neural_mouth_are_said_where_it_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((90, 160, 3), np.uint8))
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setenv("DH_FACE", "neural")
    settings.cache_clear()
    try:
        (warning,) = check_script(load_script(path)).warnings
        assert "non-commercial" in warning
        assert any(c.name == "licence" and c.state == "warn" for c in doctor._settings())
    finally:
        monkeypatch.undo()
        settings.cache_clear()
