"""Personas: who the digital human is and what it says by itself; one folder with a TOML file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from digital_human.config import settings
from digital_human.errors import InputError
from digital_human.speech.types import Language

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Said = dict[Language, Phrase]
Choices = dict[Language, Annotated[list[Phrase], Field(min_length=1)]]


def _listed(value: object) -> object:
    """One phrase for a language is a choice of one."""
    if isinstance(value, dict):
        return {key: [one] if isinstance(one, str) else one for key, one in value.items()}
    return value


Talk = Literal["hello", "thanks", "goodbye", "hearing", "identity", "artificial", "praise"]
"""Small talk that a persona may answer with words of its own."""

TALKS: tuple[Talk, ...] = get_args(Talk)
FILE = "persona.toml"
_SPOKEN = ("greeting", "filler", "decline", "apology", "replaced", "ask_again", "notice")
_URGENT = ("greeting", "filler", "apology")


class Persona(BaseModel):
    """A character: face, voice, manner, and the lines it speaks without a language model.

    Attributes:
        format: Version of the file's layout.
        name: Folder name; what the API and the settings call it.
        display: Names shown to people, by language.
        avatar: Name of its avatar bundle.
        voice: Name of its voice.
        languages: Languages it speaks; the first is its own.
        character: Who it is, in the second person, for the language model.
        rules: What it must and must not do, for the language model; added to the built-in rules.
        greeting: Spoken when a visitor comes.
        filler: Spoken when an answer takes long.
        decline: Spoken when it does not know.
        apology: Spoken when something broke.
        replaced: Spoken in place of a line that must not be said.
        ask_again: Spoken when nothing was understood; the second time another one, and the later
            ones should mention the screen.
        notice: Shown all the time: that this is AI.
        small_talk: Answers to greetings, thanks and the like; kinds left out go to the language
            model.
        suggestions: Questions offered to the visitor.
        hot_words: Names that the recogniser tends to mishear.
        wake_words: Names by which it is called while nobody talks with it, by language; the first
            of each is shown. None: it cannot be called.
        knowledge: Folder of what it knows, beside the file. Only one of the usual name may be
            missing; empty for none.
        shares: Personas whose knowledge it has too; where both answer, its own has the word.
        place: Folder of the place it stands in (see `Place`), as ``knowledge``.
        poems: File of poems it knows by heart, beside the file; empty for none.
        background: ``#rrggbb`` or a picture beside the file; empty for the avatar's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    display: Said
    avatar: str
    voice: str
    languages: tuple[Language, ...] = Field(min_length=1)
    character: Said
    rules: Choices = Field(default_factory=dict)
    greeting: Said
    filler: Choices
    decline: Choices
    apology: Said
    replaced: Said
    ask_again: Annotated[Choices, BeforeValidator(_listed)]
    notice: Said
    small_talk: dict[str, Choices] = Field(default_factory=dict)
    suggestions: Choices = Field(default_factory=dict)
    hot_words: list[Phrase] = Field(default_factory=list)
    wake_words: Choices = Field(default_factory=dict)
    knowledge: str = "knowledge"
    shares: tuple[str, ...] = ()
    place: str = "place"
    poems: str = ""
    background: str = ""
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Where its file lies."""
        return self._folder

    @property
    def knowledge_folder(self) -> Path | None:
        """What it knows; None when there is no such folder."""
        folder = self._folder / self.knowledge
        return folder if self.knowledge and folder.is_dir() else None

    @property
    def shared_knowledge(self) -> dict[str, Path]:
        """Knowledge folders of the personas in ``shares``, by name.

        Raises:
            InputError: One of them does not exist or knows nothing.
        """
        folders = persona_folders()
        found = {
            name: folders[name] / "knowledge"
            for name in self.shares
            if name in folders and (folders[name] / "knowledge").is_dir()
        }
        if missing := [name for name in self.shares if name not in found]:
            raise InputError(
                f"persona {self.name!r}: shares {', '.join(missing)}, which knows nothing",
                fix=f"known personas: {', '.join(sorted(folders))}",
            )
        return found

    @property
    def place_folder(self) -> Path | None:
        """What it knows of the place it stands in; None when there is no such folder."""
        folder = self._folder / self.place
        return folder if self.place and folder.is_dir() else None

    @property
    def poems_file(self) -> Path | None:
        """The poems it knows by heart; None when it knows none."""
        return self._folder / self.poems if self.poems else None

    @property
    def background_file(self) -> Path | None:
        """The background picture; None for a colour or the avatar's own."""
        if not self.background or self.background.startswith("#"):
            return None
        return self._folder / self.background

    def language(self, wanted: Language | None) -> Language:
        """``wanted`` when it is spoken, else its own language."""
        return wanted if wanted in self.languages else self.languages[0]

    def choice(
        self, kind: Literal["filler", "decline", "ask_again"], language: Language, turn: int
    ) -> str:
        """One of several phrases, another one each turn."""
        phrases: list[str] = getattr(self, kind)[self.language(language)]
        return phrases[turn % len(phrases)]

    def talk(self, kind: str, language: Language, turn: int) -> str | None:
        """Its own words for small talk of a `Talk` kind; None when it has none."""
        phrases = next((v for k, v in self.small_talk.items() if k == kind), {}).get(
            self.language(language)
        )
        return phrases[turn % len(phrases)] if phrases else None

    def phrases(self) -> list[tuple[str, Language]]:
        """Everything it may say as it is, e.g. to be synthesised before it is needed."""
        said = self._lines(_SPOKEN[:-1])
        for kinds in self.small_talk.values():
            said += [(text, one) for one, texts in kinds.items() for text in texts]
        return [(text, language) for text, language in said if language in self.languages]

    def urgent(self) -> list[tuple[str, Language]]:
        """What must sound at once: the greeting, and what bridges or excuses a silence."""
        return [one for one in self._lines(_URGENT) if one[1] in self.languages]

    def _lines(self, fields: Sequence[str]) -> list[tuple[str, Language]]:
        return [
            (text, language)
            for field in fields
            for language, value in getattr(self, field).items()
            for text in ([value] if isinstance(value, str) else value)
        ]

    @model_validator(mode="after")
    def _says_everything_in_every_language(self) -> Persona:
        for field in ("display", "character", *_SPOKEN):
            missing = [one for one in self.languages if one not in getattr(self, field)]
            if missing:
                raise ValueError(f"{field} has no words in {', '.join(missing)}")
        return self

    @field_validator("small_talk")
    @classmethod
    def _known_talk(cls, small_talk: dict[str, Choices]) -> dict[str, Choices]:
        if unknown := set(small_talk) - set(TALKS):
            raise ValueError(f"{', '.join(sorted(unknown))}: known are {', '.join(TALKS)}")
        return small_talk

    @model_validator(mode="after")
    def _names_stay_inside(self) -> Persona:
        for field in ("avatar", "voice", "knowledge", "place", "poems", "background"):
            value = getattr(self, field)
            if "\\" in value or "\0" in value or ".." in Path(value).parts or value[:1] == "/":
                raise ValueError(f"{field} {value!r} must be a plain name beside the file")
        return self


def persona_folders() -> dict[str, Path]:
    """Folders of all personas by name; the user's own replace shipped ones of the same name."""
    found: dict[str, Path] = {}
    for home in (settings().personas_dir, settings().home / "personas"):
        if home.is_dir():
            found |= {one.name: one for one in sorted(home.iterdir()) if (one / FILE).is_file()}
    return found


def known_personas() -> list[str]:
    """Names of the shipped and the user's own personas, in alphabetical order."""
    return sorted(persona_folders())


def load_persona(name_or_path: str | Path) -> Persona:
    """Load a persona.

    Args:
        name_or_path: A name of `known_personas`, or the path of a folder or ``persona.toml``.
            Text with a path separator is a path; names from clients must be looked up with
            `known_personas` first.

    Raises:
        InputError: There is no such persona (the message lists those there are), or its file is
            wrong (the message names the field).
    """
    text = str(name_or_path)
    folders = persona_folders()
    if text in folders:
        return _load(folders[text] / FILE)
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(".toml"):
        file = path / FILE if path.is_dir() else path
        if file.is_file():
            return _load(file)
    close = difflib.get_close_matches(text, folders, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(
        f"persona {text!r} does not exist",
        fix=f"{hint}known: {', '.join(sorted(folders)) or 'none'}; "
        f"your own go into {settings().home / 'personas'}/NAME/{FILE}",
    )


def _load(path: Path) -> Persona:
    try:
        with path.open("rb") as file:
            persona = Persona.model_validate(tomllib.load(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", fix="write valid TOML in UTF-8") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{path}: {field}: {first['msg']}", fix="correct the field; see docs/live.md"
        ) from None
    if path.parent.name != persona.name:
        raise InputError(
            f"{path}: name {persona.name!r} is not its folder's name {path.parent.name!r}",
            fix="rename one of them",
        )
    persona._folder = path.parent
    for field, there in (
        ("knowledge", persona.knowledge_folder), ("place", persona.place_folder),
    ):  # fmt: skip
        value = getattr(persona, field)
        if value not in ("", field) and there is None:
            raise InputError(
                f"{path}: {field} {value!r} is not a folder beside it",
                fix=f'correct the name, or {field} = "" for none',
            )
    background = persona.background_file
    if background is not None and not background.is_file():
        raise InputError(
            f"{path}: background {persona.background!r} is not a file beside it",
            fix="give a colour such as '#203040' or put the picture there",
        )
    return persona
