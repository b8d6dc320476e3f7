"""What a client may have behind the person: colours and names, never paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.apps.live.backgrounds import find_background, known_backgrounds
from digital_human.dialogue.persona import Persona
from digital_human.errors import InputError
from tests.fakes.live import PERSONA


@pytest.fixture
def persona(tmp_path: Path) -> Persona:
    """A persona with two backgrounds, and files nobody may see."""
    mine = PERSONA.model_copy(update={"background": "lake.jpg"})
    mine._folder = tmp_path / "persona"
    folder = mine.folder / "backgrounds"
    (folder / "deeper").mkdir(parents=True)
    for name in ("hall.jpg", "garden-2.mp4", ".hidden.jpg", "bad name.jpg"):
        (folder / name).touch()
    (mine.folder / "persona.toml").touch()
    (tmp_path / "secret.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return mine


def test_colours_and_names_are_found(persona: Persona) -> None:
    assert known_backgrounds(persona) == ["garden-2.mp4", "hall.jpg"]
    assert find_background(persona, "#0a1B2c") == "#0a1B2c"
    assert find_background(persona, "hall.jpg") == persona.folder / "backgrounds" / "hall.jpg"
    assert find_background(persona, "default") == persona.folder / "lake.jpg"
    plain = persona.model_copy(update={"background": ""})
    assert find_background(plain, "default") is None


@pytest.mark.parametrize(
    "wanted",
    [
        "", "hall", "nothing.jpg", "../persona.toml", "deeper", "deeper/../hall.jpg", "link.jpg",
        "/etc/passwd", "..", ".hidden.jpg", "bad name.jpg", "#12345", "#1234567", "#12345g",
        "hall.jpg\n", "hall.jpg\0", "HALL.JPG", "a" * 5000,
    ],
)  # fmt: skip
def test_everything_else_is_refused(persona: Persona, wanted: str) -> None:
    with pytest.raises(InputError, match="not one of this persona") as error:
        find_background(persona, wanted)
    assert len(str(error.value)) < 400 and str(persona.folder) not in str(error.value)


def test_a_persona_without_a_folder_of_them(tmp_path: Path) -> None:
    mine = PERSONA.model_copy()
    mine._folder = tmp_path
    assert known_backgrounds(mine) == []
