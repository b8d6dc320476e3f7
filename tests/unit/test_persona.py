"""Personas: what the shipped one says, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.config import settings
from digital_human.dialogue.persona import FILE, TALKS, known_personas, load_persona
from digital_human.errors import InputError
from digital_human.safety.moderation import Moderator
from digital_human.safety.words import Level
from digital_human.speech.voices import load_voice

SHIPPED = settings().personas_dir / "xihu" / FILE


def written(folder: Path, old: str = "", new: str = "", name: str = "xihu") -> Path:
    """A persona file of the shipped one with ``old`` replaced by ``new``."""
    path = folder / name / FILE
    path.parent.mkdir(parents=True)
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_shipped_persona_is_complete() -> None:
    persona = load_persona("xihu")
    assert persona.languages == ("zh", "en") and persona.display["zh"] == "云舒"
    assert set(load_voice(persona.voice).languages) >= set(persona.languages)
    assert (settings().avatars_dir / persona.avatar).is_dir()
    assert set(persona.small_talk) == set(TALKS)
    assert persona.folder == SHIPPED.parent and persona.knowledge_folder is not None
    assert "苏堤" in persona.hot_words


def test_everything_it_says_by_itself_passes_moderation() -> None:
    phrases = load_persona("xihu").phrases()
    assert len(phrases) > 30 and {language for _, language in phrases} == {"zh", "en"}
    for text, _ in phrases:
        assert Moderator.default().check(text).level is Level.PASS, text


def test_it_says_that_it_is_artificial() -> None:
    persona = load_persona("xihu")
    assert "人工智能" in (persona.talk("artificial", "zh", 0) or "")
    assert "AI" in (persona.talk("artificial", "en", 0) or "")
    assert persona.talk("chat", "zh", 0) is None


def test_phrases_change_from_turn_to_turn_and_languages_fall_back() -> None:
    persona = load_persona("xihu")
    said = {persona.choice("decline", "zh", turn) for turn in range(6)}
    assert said == set(persona.decline["zh"])
    assert persona.language("en") == "en"
    assert persona.language("ja") == "zh" and persona.language(None) == "zh"
    assert persona.choice("filler", "ja", 0) in persona.filler["zh"]


def test_own_personas_are_found_and_go_first(home: Path) -> None:
    written(home / "personas", 'zh = "云舒"', 'zh = "小荷"')
    written(home / "personas", 'name = "xihu"', 'name = "mine"', name="mine")
    assert known_personas() == ["dongpo", "mine", "xihu"]
    assert load_persona("xihu").display["zh"] == "小荷"
    assert load_persona("mine").name == "mine"


def test_a_persona_is_loaded_by_path(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert load_persona(path).folder == path.parent
    assert load_persona(str(path.parent)).name == "xihu"
    assert load_persona(path).knowledge_folder is None


def test_folders_of_another_name_and_none_at_all_are_taken(tmp_path: Path) -> None:
    path = written(tmp_path, 'knowledge = "knowledge"', 'knowledge = "lakes"\nplace = ""')
    (path.parent / "lakes").mkdir()
    (path.parent / "place").mkdir()
    persona = load_persona(path)
    assert persona.knowledge_folder == path.parent / "lakes" and persona.place_folder is None


def test_an_unknown_persona_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'xihuu' does not exist") as error:
        load_persona("xihuu")
    assert "did you mean 'xihu'" in error.value.fix


@pytest.mark.parametrize("name", ["../xihu", "/etc/passwd", "..", "xihu/../../secret", "", "."])
def test_tricks_with_names_find_nothing(name: str) -> None:
    with pytest.raises(InputError):
        load_persona(name)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("format = 1", "format = 2", "format"),
        ('avatar = "yun"', "", "avatar"),
        ('avatar = "yun"', 'avatar = "../yun"', "avatar '../yun'"),
        ('avatar = "yun"', 'avatar = "yun"\ncolour = "red"', "colour"),
        ('languages = ["zh", "en"]', 'languages = ["zh", "fr"]', "languages"),
        ('languages = ["zh", "en"]', 'languages = ["zh", "ja"]', "has no words in ja"),
        ('en = "Yun Shu"', 'en = "   "', "display"),
        ("[small_talk.hello]", "[small_talk.weather]", "weather"),
        ('background = "#dfe9e6"', 'background = "lake.jpg"', "background 'lake.jpg'"),
        ('knowledge = "knowledge"', 'knowledge = "/etc"', "knowledge '/etc'"),
        ('knowledge = "knowledge"', 'knowledge = "lakes"', "knowledge 'lakes'"),
        ('knowledge = "knowledge"', 'place = "west-lake"', "place 'west-lake'"),
        ('name = "xihu"', 'name = "other"', "'other' is not its folder's name"),
        ("format = 1", "format = ", "Invalid value"),
    ],
)
def test_wrong_files_are_refused_with_the_field(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    path = written(tmp_path, old, new)
    with pytest.raises(InputError) as error:
        load_persona(path)
    assert named in error.value.message and str(path) in error.value.message and error.value.fix


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "xihu" / FILE
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InputError, match="UTF-8|utf-8"):
        load_persona(path)
