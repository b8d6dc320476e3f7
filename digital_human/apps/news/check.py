"""Everything that can be wrong with a script, found before a frame is rendered."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from digital_human.apps.news.consent import require_consent
from digital_human.apps.news.load import ScriptFile
from digital_human.apps.news.plan import plan_programme
from digital_human.apps.news.script import Segment, Text, text_in, voice_in
from digital_human.config import settings
from digital_human.errors import ConsentError, DigitalHumanError, InputError, ResourceError
from digital_human.face.avatar import open_avatar
from digital_human.face.bundle import NEURAL_NOTICE
from digital_human.media.clips import probe_media
from digital_human.media.glyphs import missing_glyphs
from digital_human.safety.audit import AuditLog
from digital_human.safety.commands import verdict_table
from digital_human.safety.moderation import Moderator, Verdict, gate
from digital_human.speech.text.clauses import split
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.voices import load_voice

Location = tuple[int | str, ...]

# A newsreader breathes; longer ones are a missing full stop, and viewers lose the thread.
MAX_SENTENCE = {"zh": 300, "ja": 300, "en": 900}
_SENTENCE_END = re.compile(r"[。！？；!?;\n]+|\.(?=\s|$)")
_EASTERN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_BYTES_PER_SECOND = {"720p": 600_000, "1080p": 1_200_000, "portrait": 600_000}


@dataclass(frozen=True)
class Finding:
    """One text and what moderation thinks of it."""

    where: str
    text: str
    verdict: Verdict


@dataclass(frozen=True)
class Checked:
    """A script without errors, moderation's findings on it, and what may not be meant."""

    file: ScriptFile
    findings: tuple[Finding, ...]
    verdict: Verdict
    estimated_seconds: float
    warnings: tuple[str, ...]

    def gate(self, allow: str | None) -> None:
        """Refuse a script that moderation blocks, unless a reason is given; both are logged."""
        gate(self.verdict, allow, AuditLog(), script=str(self.file.path.name))


def check_script(file: ScriptFile) -> Checked:
    """Check everything a render needs.

    Raises:
        InputError: One message that lists every problem as ``file:line: field: what is wrong``.
        ConsentError: Nothing is wrong, but a real person did not agree; listed likewise.
    """
    refused: list[str] = []
    problems = [
        *_people(file, refused),
        *_texts(file),
        *_readings(file),
        *_media(file),
    ]
    if problems:
        raise InputError(
            "\n".join(dict.fromkeys(problems)),
            fix="edit these lines, then: digital-human news check",
        )
    if refused:
        raise ConsentError(
            "\n".join(refused), fix="use another anchor; see digital-human consent list"
        )
    moderator = Moderator.default()
    findings = []
    for location, text in _all_texts(file):
        for language in file.script.languages:
            words = text_in(text, language)
            verdict = moderator.check(words)
            if verdict.hits:
                where = file.problem(location, "").rstrip(": ")
                findings.append(Finding(where, words, verdict))
    seconds = sum(
        plan.estimated_seconds
        for language in file.script.languages
        for plan in plan_programme(file, language)
    )
    return Checked(
        file,
        tuple(findings),
        Verdict.of(hit for finding in findings for hit in finding.verdict.hits),
        seconds,
        (*_untranslated(file), *_unseen(file), *_terms()),
    )


def check_space(file: ScriptFile, seconds: float, *folders: Path) -> None:
    """Refuse to start a render that would fill the disk.

    Raises:
        ResourceError: A folder's disk has less room than the render is estimated to need.
    """
    need = int(seconds * _BYTES_PER_SECOND[file.script.size]) + 50_000_000
    for folder in folders:
        existing = next(p for p in [folder, *folder.resolve().parents] if p.exists())
        if not os.access(existing, os.W_OK):
            raise ResourceError(
                f"{existing}: cannot be written to", fix="choose another --out or DH_HOME"
            )
        free = shutil.disk_usage(existing).free
        if free < need:
            raise ResourceError(
                f"{existing}: {free / 1e6:.0f} MB free, about {need / 1e6:.0f} MB needed",
                fix="free some space, or set DH_HOME (caches) and --out to another disk",
            )


def print_verdict(console: Console, checked: Checked) -> None:
    """Show what may not be meant, and what moderation found or that it found nothing."""
    for warning in checked.warnings:
        console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    if not checked.findings:
        console.print("[green]ok[/] moderation: nothing found")
        return
    for finding in checked.findings:
        console.print(finding.where, markup=False, soft_wrap=True)
        console.print(verdict_table(finding.verdict, finding.text))


def _people(file: ScriptFile, refused: list[str]) -> Iterator[str]:
    """Problems with anchors and voices; people who did not agree are added to ``refused``."""
    for key, anchor in file.script.anchors.items():
        try:
            require_consent(open_avatar(anchor.avatar).manifest)
        except ConsentError as error:
            refused.append(file.problem(("anchors", key, "avatar"), error.message))
        except DigitalHumanError as error:
            yield file.problem(("anchors", key, "avatar"), _with_fix(error))
        for language in file.script.languages:
            name = voice_in(anchor, language)
            if name is None:
                yield file.problem(
                    ("anchors", key, "voice"),
                    f"no voice for language {language!r}; add `{language}:`",
                )
                continue
            try:
                voice = load_voice(name, use="news")
            except ConsentError as error:
                refused.append(file.problem(("anchors", key, "voice"), error.message))
                continue
            except DigitalHumanError as error:
                yield file.problem(("anchors", key, "voice"), _with_fix(error))
                continue
            if language not in voice.languages:
                yield file.problem(
                    ("anchors", key, "voice"),
                    f"voice {name!r} speaks {', '.join(voice.languages)}, not {language!r}",
                )


def _texts(file: ScriptFile) -> Iterator[str]:
    for location, text in _spoken(file):
        for language in file.script.languages:
            words = text_in(text, language)
            if not words.strip():
                yield file.problem(location, f"no text in {language!r}; add `{language}:`")
                continue
            if not split(words, language):
                yield file.problem(location, f"{words[:20]!r} has nothing that can be spoken")
            longest = max(map(len, _SENTENCE_END.split(words)))
            if longest > MAX_SENTENCE[language]:
                yield file.problem(
                    location,
                    f"a sentence of {longest:,} characters; the most is "
                    f"{MAX_SENTENCE[language]}: break it with full stops",
                )


def _untranslated(file: ScriptFile) -> Iterator[str]:
    """Plain texts that would be spoken by the voice of another language."""
    languages = file.script.languages
    for location, text in _spoken(file) if len(languages) > 1 else ():
        if not isinstance(text, str):
            continue
        for language in languages:
            if (language == "en") == bool(_EASTERN.search(text)):
                yield file.problem(
                    location,
                    f"this text is spoken in the {language} programme too, as it is; "
                    "give {zh: …, en: …} to translate it",
                )


def _unseen(file: ScriptFile) -> Iterator[str]:
    """Characters that the pictures leave out."""
    for location, text in _all_texts(file):
        if location[0] == "lexicon":
            continue
        for words in dict.fromkeys(text_in(text, language) for language in file.script.languages):
            if missing := missing_glyphs(words):
                yield file.problem(
                    location, f"the screen has no letters for {missing} and leaves them out"
                )


def _terms() -> Iterator[str]:
    if settings().face == "neural":
        yield NEURAL_NOTICE


def _readings(file: ScriptFile) -> Iterator[str]:
    for written, reading in file.script.lexicon.items():
        try:
            Lexicon.from_mapping({written: reading}, where="lexicon")
        except DigitalHumanError as error:
            yield file.problem(("lexicon", written), _with_fix(error))


def _media(file: ScriptFile) -> Iterator[str]:
    for location, path in file.media():
        try:
            probe_media(path)
        except DigitalHumanError as error:
            yield file.problem(location, _with_fix(error))


def _spoken(file: ScriptFile) -> Iterator[tuple[Location, Text]]:
    for number, segment in enumerate(file.script.segments):
        for index, turn in enumerate(segment.turns):
            yield _turn_location(file, number, index), turn.say


def _turn_location(file: ScriptFile, segment: int, turn: int) -> Location:
    single = "say" in file.tree["segments"][segment]
    return ("segments", segment, "say") if single else ("segments", segment, "turns", turn, "say")


def _all_texts(file: ScriptFile) -> Iterator[tuple[Location, Text]]:
    script = file.script
    yield ("title",), script.title
    for written, reading in script.lexicon.items():
        yield ("lexicon", written), written
        yield ("lexicon", written), reading
    if script.logo:
        yield ("logo",), script.logo
    for number, item in enumerate(script.ticker):
        yield ("ticker", number), item
    for key, anchor in script.anchors.items():
        yield ("anchors", key, "name"), anchor.name
        yield ("anchors", key, "title"), anchor.title
    for place, titles in (("opening", script.opening), ("closing", script.closing)):
        if titles:
            yield (place, "title"), titles.title
            yield (place, "subtitle"), titles.subtitle
    for number, segment in enumerate(script.segments):
        yield from _segment_texts(number, segment)
    yield from _spoken(file)


def _segment_texts(number: int, segment: Segment) -> Iterator[tuple[Location, Text]]:
    yield ("segments", number, "headline"), segment.headline
    yield ("segments", number, "source"), segment.source
    for index, city in enumerate(segment.cities):
        yield ("segments", number, "cities", index, "name"), city.name


def _with_fix(error: DigitalHumanError) -> str:
    return f"{error.message}; {error.fix}" if error.fix else error.message
