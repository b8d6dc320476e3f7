"""``digital-human voice``: create, list, show, check, remove, and that failure leaves nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from digital_human.config import settings
from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.safety.consent import Consents, read_consent_file
from digital_human.speech import commands
from digital_human.speech.cloning import card
from digital_human.speech.cloning.card import Card, Likeness, Measures, Sound
from digital_human.speech.cloning.references import References, Report, Utterance
from digital_human.speech.types import Phone, Word
from digital_human.speech.voices import (
    changing_alone,
    load_voice,
    own_voice_names,
    read_voice,
)

CONSENT = """
subject = "林"
granted_by = "林"
uses = ["live", "news"]
scope = {scope}
until = {until}
statement = "My voice may be used to test."
licence = "For tests; nothing else."
"""
REPORT = Report(20.0, 15.0, 40.0, (), 0.0, 0.9, "en", ("speak longer",))


def run(*words: str, answer: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(commands.app, list(words), input=answer, env={"COLUMNS": "250"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def measures(voice: float = 0.6, error: float = 0.02) -> Measures:
    def sound(wrong: float | None) -> Sound:
        return Sound(wrong, (3.5, 4.0, 3.1), 120.0, 9.0, 12.5)

    rows = tuple(Likeness(name, 0.1, 0.4, voice, 0.8) for name in ("ERes2Net", "Resemblyzer"))
    return Measures("am_adam", rows, sound(None), sound(0.01), sound(error))


class Judge:
    """Says what a test wants of the voices it is given, in order."""

    said: list[Measures] = []

    def __init__(self, references: References, progress: Callable[[str, float], None]) -> None:
        assert references.held_out

    def measures(self, voice: Any) -> Measures:
        assert voice.fitted_style.shape == (256,)
        return self.said.pop(0)

    def heard(self, voice: Any, language: str) -> tuple[float, dict[str, float]]:
        return 0.1, {"ERes2Net": 0.5, "Resemblyzer": 0.7}


@pytest.fixture
def made(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Making a voice with stand-ins for what takes minutes; the names of the steps taken."""
    pytest.importorskip("torch", reason="voices are made with the extra 'train'")
    from digital_human.speech.cloning import create

    steps: list[str] = []
    tone = np.sin(np.arange(48_000) / 24_000 * 2 * np.pi * 120).astype(np.float32) * 0.1
    phones, words = (Phone("a", 0, 48_000),), (Word("Ah", 0, 48_000),)
    utterance = Utterance(tone, "Ah", "en", phones, words, "ab" * 32)

    def prepare(paths: Any, *, language: Any, progress: Any) -> References:
        steps.append("prepare")
        return References((utterance,), (utterance,), REPORT)

    def fit_style(references: References, *, seed: int, progress: Any, resume: Path) -> Any:
        steps.append("fit")
        assert resume.is_dir() and len(references.train) == 1
        progress("fitting", 0.5)
        return SimpleNamespace(style=np.full(256, 0.1, np.float32))

    def adapt(references: Any, style: Any, *, seed: int, progress: Any, resume: Path) -> Any:
        steps.append("adapt")
        assert style.shape == (256,)
        return SimpleNamespace(save=lambda path: np.savez(path, **{"W::d": np.ones(4)}))

    for name, function in (("fit", fit_style), ("adapt", adapt)):
        module = ModuleType(name)
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, f"digital_human.speech.cloning.{name}", module)
    monkeypatch.setattr(create, "prepare", prepare)
    monkeypatch.setattr(create, "Judge", Judge)
    # The picture of the card is drawn in one test only.
    monkeypatch.setattr(card, "draw_card", lambda _, path: path.write_bytes(b"PNG"))
    monkeypatch.setattr(create, "speak", lambda *_, **__: SimpleNamespace(sounds=[tone, tone]))
    Judge.said = [measures(), measures(0.76)]
    yield steps


def given(folder: Path, scope: str = '["voice"]') -> list[str]:
    """A recording and a consent as options."""
    soundfile.write(folder / "lin.wav", np.zeros(2400, np.float32), 24_000)
    until = date.today() + timedelta(days=30)
    (folder / "lin.toml").write_text(CONSENT.format(scope=scope, until=until), "utf-8")
    return ["--audio", str(folder / "lin.wav"), "--consent", str(folder / "lin.toml")]


def test_create_check_list_show_remove(made: list[str], home: Path, tmp_path: Path) -> None:
    told = run("create", "lin", *given(tmp_path), "--display-zh", "小林")
    assert "better: speak longer" in told
    assert "lin sounds like the person: 90 % (ERes2Net) and 90 % (Resemblyzer)" in told
    voice = load_voice("lin", use="news")
    assert (voice.person, voice.gender, voice.languages) == ("real", "male", ("en", "zh", "ja"))
    assert (
        voice.display == {"zh": "小林", "en": "林"} and voice.licence == "For tests; nothing else."
    )
    assert voice.adapter == "adapter.npz" and voice.gain != 0
    assert Consents().find(voice.consent).sources["lin.wav"] == voice.sources[0]
    left = sorted(path.name for path in voice.folder.iterdir())
    assert left == ["adapter.npz", "card.json", "card.png", "style.npz", "voice.toml"]
    assert [path.name for path in (home / "voices").iterdir()] == ["lin"]
    assert "real, with consent" in run("list") and "小林" in run("show", "lin")
    checked = run("check", "lin")
    assert "0.760" in checked and "card.png" in checked
    assert voice.borrowed["zh"].share == 0.25 and "zm_yunjian" in checked
    assert "model adapted to the same speech" in checked
    assert "the fitted style alone: 50 % (ERes2Net) and 50 % (Resemblyzer)" in checked
    assert "removed" in run("remove", "lin", answer="y\n") and own_voice_names() == []
    assert Consents().valid(voice.consent)


def test_a_revoked_voice_is_listed_as_such(made: list[str], home: Path, tmp_path: Path) -> None:
    run("create", "lin", *given(tmp_path), "--no-adapt")
    Consents().revoke(read_voice("lin").consent, "asked")
    assert "real, not usable" in run("list") and "was revoked on" in run("show", "lin")
    assert "was revoked on" in run("check", "lin", code=1)
    with pytest.raises(ConsentError, match="was revoked"):
        run("say", "lin", "hello", "-o", str(tmp_path / "x.wav"))


def test_an_adaptation_that_is_understood_worse_is_dropped(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    Judge.said = [measures(0.6, 0.02), *[measures(0.79, 0.06)] * 3]
    told = run("create", "lin", *given(tmp_path))
    assert "resembles the person: 50 % (ERes2Net)" in told and "was dropped" in told
    voice = read_voice("lin")
    assert voice.adapter == "" and not (voice.folder / "adapter.npz").exists()


def test_as_much_of_an_adaptation_is_kept_as_is_understood(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    Judge.said = [measures(0.6, 0.02), measures(0.79, 0.2), measures(0.76, 0.03)]
    assert "adapted to the same speech, at 60 %" in run("create", "lin", *given(tmp_path))
    voice = read_voice("lin")
    with np.load(voice.file(voice.adapter)) as arrays:
        assert arrays["W::d"] == pytest.approx(0.6)
    assert [path.name for path in (home / "voices").iterdir()] == ["lin"]


def test_without_adaptation_only_the_style_is_fitted(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    run("create", "lin", *given(tmp_path), "--no-adapt", "--gender", "female")
    assert made == ["prepare", "fit"] and read_voice("lin").gender == "female"


def test_an_interrupted_creation_goes_on(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = given(tmp_path)

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    adapting = sys.modules["digital_human.speech.cloning.adapt"]
    working = adapting.adapt
    monkeypatch.setattr(adapting, "adapt", stop)
    assert "goes on where it stopped" in run("create", "lin", *options, code=130)
    assert own_voice_names() == [] and made == ["prepare", "fit"]
    assert [c.reason for c in Consents().list()] == ["the voice could not be made"]
    monkeypatch.setattr(adapting, "adapt", working)
    run("create", "lin", *options)
    assert made == ["prepare", "fit", "adapt"] and own_voice_names() == ["lin"]
    assert Consents().valid(read_voice("lin").consent)


def test_other_recordings_begin_anew(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = given(tmp_path)
    Judge.said = []
    with pytest.raises(IndexError):
        run("create", "lin", *options)
    soundfile.write(tmp_path / "lin.wav", np.ones(2400, np.float32), 24_000)
    Judge.said = [measures(), measures()]
    run("create", "lin", *options)
    assert made == ["prepare", "fit", "adapt"] * 2


def test_a_consent_that_ends_meanwhile_stops_the_work(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting = sys.modules["digital_human.speech.cloning.fit"]
    working = fitting.fit_style

    def revoked(*words: Any, **options: Any) -> Any:
        Consents().revoke(Consents().list()[0].id, "changed my mind")
        return working(*words, **options)

    monkeypatch.setattr(fitting, "fit_style", revoked)
    with pytest.raises(ConsentError, match="ended while the voice was made"):
        run("create", "lin", *given(tmp_path))
    assert own_voice_names() == []


def _left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "voices").iterdir())


def _merged(name: str) -> Path:
    """What stands for a model with an adapter in it."""
    path = settings().cache_dir / "kokoro" / f"kokoro-4-{name}-{'0a' * 16}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"model")
    return path


@pytest.mark.parametrize("error", [InputError("too much noise"), ConsentError("taken back")])
def test_recordings_that_were_refused_do_not_stay_prepared(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        assert (home / "voices" / ".lin.part" / "references" / "references.json").is_file()
        raise error

    monkeypatch.setattr(sys.modules["digital_human.speech.cloning.adapt"], "adapt", refuse)
    merged, other = _merged("lin"), _merged("lin-mei")
    with pytest.raises(type(error)):
        run("create", "lin", *given(tmp_path))
    assert _left(home) == [] and not merged.exists() and other.exists()
    assert [c.reason for c in Consents().list()] == ["the voice could not be made"]


def test_an_unfinished_voice_can_be_removed(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["digital_human.speech.cloning.adapt"], "adapt", stop)
    run("create", "lin", *given(tmp_path), code=130)
    assert _left(home) == [".lin.part"]
    with changing_alone("lin"), pytest.raises(ResourceError, match="another process is making"):
        run("remove", "lin", "-y")
    assert _left(home) == [".lin.part"]
    assert ".lin.part" in run("remove", "lin", answer="y\n")
    assert _left(home) == []


def test_the_adapted_model_goes_with_the_voice(made: list[str], home: Path, tmp_path: Path) -> None:
    run("create", "lin", *given(tmp_path))
    mine, other, shared = _merged("lin"), _merged("lin-mei"), _merged("x")
    shared = shared.rename(shared.with_name("kokoro-4-0123456789abcdef.onnx"))
    assert str(mine) in run("remove", "lin", "-y")
    assert not mine.exists() and other.exists() and shared.exists()


def test_where_the_adapted_model_is_kept_is_where_it_is_removed(
    made: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digital_human.speech.synthesizers import kokoro, kokoro_adapter

    run("create", "lin", *given(tmp_path))
    written: list[Path] = []

    def write(model: Path, target: Path) -> None:
        target.write_bytes(b"model")
        written.append(target)

    files = SimpleNamespace(path=lambda name: tmp_path)
    monkeypatch.setattr(kokoro, "store", lambda: files)
    monkeypatch.setattr(kokoro_adapter, "adapted_model", lambda *_: None)
    monkeypatch.setattr(kokoro.graph, "write_timed", write)
    monkeypatch.setattr(kokoro.graph, "open_session", lambda *_: object())
    (tmp_path / "model.onnx").write_bytes(b"model")
    kokoro.KokoroSynthesizer(voices=tmp_path)._opened(load_voice("lin"))
    assert len(written) == 1 and written[0].exists()
    run("remove", "lin", "-y")
    assert not written[0].exists()


def test_a_file_of_speech_needs_the_consent_for_news(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    options = given(tmp_path)
    consent = tmp_path / "lin.toml"
    consent.write_text(consent.read_text("utf-8").replace('"live", "news"', '"live"'), "utf-8")
    run("create", "lin", *options, "--no-adapt")
    with pytest.raises(ConsentError, match="'news' is not among them"):
        run("say", "lin", "hello", "-o", str(tmp_path / "x.wav"))
    assert not (tmp_path / "x.wav").exists()


def test_a_voice_made_from_recordings_is_of_a_real_person(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    options = given(tmp_path)
    consent = tmp_path / "lin.toml"
    consent.write_text('person = "generated"\n' + consent.read_text("utf-8"), "utf-8")
    run("create", "lin", *options, "--no-adapt")
    assert 'person = "real"' in (home / "voices" / "lin" / "voice.toml").read_text("utf-8")


def test_what_is_refused_before_anything_is_recorded(
    made: list[str], home: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="does not include 'voice'"):
        run("create", "lin", *given(tmp_path, '["face"]'))
    options = given(tmp_path)
    with pytest.raises(InputError, match="name of a shipped one"):
        run("create", "xiaoyi", *options)
    with pytest.raises(InputError, match=r"nobody\.wav: there is no such file"):
        run("create", "lin", "--audio", "nobody.wav", *options[2:])
    with pytest.raises(InputError, match="a second file of that name"):
        run("create", "lin", *options[:2], *options)
    assert Consents().list() == [] and made == []
    run("create", "lin", *options, "--no-adapt")
    with pytest.raises(InputError, match="exists already"):
        run("create", "lin", *options)
    Judge.said = [measures()]
    run("create", "lin", *options, "--no-adapt", "--replace", "--display-en", "Second")
    assert read_voice("lin").display["en"] == "Second"


def test_shipped_voices_cannot_be_checked_or_removed(home: Path) -> None:
    with pytest.raises(InputError, match="imitates nobody"):
        run("check", "xiaoyi")
    with pytest.raises(InputError, match="is shipped"):
        run("remove", "xiaoyi", "-y")
    with pytest.raises(InputError, match="is unknown"):
        run("remove", "nobody", "-y")
    assert "nobody" in run("list")  # Whom shipped voices imitate.


def test_a_damaged_voice_does_not_hide_the_others(home: Path) -> None:
    folder = home / "voices" / "broken"
    folder.mkdir(parents=True)
    (folder / "voice.toml").write_text("name = 3", "utf-8")
    # One whose recordings are gone.
    text = (settings().voices_dir / "heart.toml").read_text("utf-8").replace('"heart"', '"lost"', 1)
    options = given(folder)
    file = read_consent_file(Path(options[3]))
    consent = Consents().grant(file, {"lin.wav": "ab" * 32}).id
    text = text.replace('"synthetic"', f'"{consent}"')
    lost = folder.with_name("lost")
    lost.mkdir()
    more = f'references = ["lin.wav"]\nsources = ["{"ab" * 32}"]\n'
    (lost / "voice.toml").write_text(more + text, "utf-8")
    listed = run("list")
    assert "damaged" in listed and "xiaoyi" in listed
    assert "lin.wav does not exist" in run("show", "lost") and "real, not usable" in listed


@pytest.mark.parametrize(
    ("voice", "error", "told"),
    [
        (0.71, 0.02, "sounds like the person: 77 %"),
        (0.69, 0.02, "resembles the person: 72 %"),
        (0.79, 0.05, "and is understood worse (error +4 points)"),
        (0.39, 0.0, "no closer to the person than the nearest stock voice"),
    ],
)
def test_the_verdict_keeps_to_its_bar(voice: float, error: float, told: str) -> None:
    made = Card(name="lin", how=("x",), measures=measures(voice, error), report=REPORT)
    assert told in made.verdict


def test_a_card_is_kept_as_figures_and_as_a_picture(tmp_path: Path) -> None:
    made = Card(
        name="lin", how=("x",), measures=measures(), fitted=measures(0.5), report=REPORT
    )  # fmt: skip
    made.save(tmp_path)
    assert Card.load(tmp_path / "card.json") == made
    with Image.open(tmp_path / "card.png") as picture:
        assert picture.size == (880, 506)
        assert len(picture.convert("RGB").getcolors(2**20) or ()) > 50
    (tmp_path / "card.json").write_text('{"name": 1}', "utf-8")
    with pytest.raises(InputError, match="no card of a voice"):
        Card.load(tmp_path / "card.json")
