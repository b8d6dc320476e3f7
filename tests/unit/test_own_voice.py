"""A user's own voices: what their files may say, and that nobody is imitated without consent."""

from __future__ import annotations

import hashlib
import io
import os
import random
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import structlog

from digital_human.apps.live import engine as live_engine
from digital_human.apps.live.engine import Cast, Engine
from digital_human.apps.news import plan as news_plan
from digital_human.apps.news import preview
from digital_human.apps.news.consent import ConsentWatch
from digital_human.config import LlmSettings, settings
from digital_human.errors import ConsentError, InputError
from digital_human.safety.consent import ConsentFile, Consents, Scope, Use
from digital_human.speech.synthesizers.xtts import _read_latents
from digital_human.speech.types import Clause
from digital_human.speech.voices import (
    Voice,
    check_voice_name,
    load_voice,
    own_voice_names,
    read_arrays,
    read_voice,
    require_voice,
    shipped_voice_names,
    voice_names,
)

FIRST, SECOND = "ab" * 32, "cd" * 32
TOML = """\
name = "lin"
display = { zh = "林", en = "Lin" }
gender = "female"
languages = ["zh", "en"]
engine = "kokoro"
fitted = "style.npz"
licence = "For tests."
source = "recordings of Lin"
consent = "synthetic"
"""


def own(home: Path, text: str = TOML, name: str = "lin") -> Path:
    """The folder of a voice of the user's own."""
    folder = home / "voices" / name
    folder.mkdir(parents=True)
    (folder / "voice.toml").write_text(text, "utf-8")
    np.savez(folder / "style.npz", style=np.linspace(-1, 1, 256, dtype=np.float32))
    return folder


def granted(
    sources: tuple[str, ...] = (FIRST,),
    scope: tuple[Scope, ...] = ("voice",),
    uses: tuple[Use, ...] = ("live", "news"),
) -> str:
    file = ConsentFile(
        subject="Lin", granted_by="Lin", uses=list(uses), scope=list(scope), statement="Yes.",
        until=date.today() + timedelta(days=30),
    )  # fmt: skip
    return Consents().grant(file, {f"{i}.wav": s for i, s in enumerate(sources)}).id


def real(home: Path, consent: str, sources: tuple[str, ...] = (FIRST,)) -> Path:
    listed = ", ".join(f'"{source}"' for source in sources)
    text = TOML.replace('"synthetic"', f'"{consent}"')
    return own(home, text + f'person = "real"\nsources = [{listed}]\n')


def test_own_voices_stand_beside_the_shipped_ones(home: Path) -> None:
    folder = own(home)
    voice = load_voice("lin")
    assert voice.folder == folder and voice.person == "generated"
    assert own_voice_names() == ["lin"]
    assert {"lin", "xiaoyi"} <= set(voice_names())
    assert "lin" not in shipped_voice_names()
    style = voice.fitted_style
    assert style is not None and style.dtype == np.float32 and style[-1] == 1.0
    assert read_voice("xiaoyi").fitted_style is None


def test_the_fingerprint_follows_what_is_heard(home: Path) -> None:
    folder = own(home)
    first = read_voice("lin").fingerprint
    assert first == read_voice("lin").model_copy(update={"gain": 3.0, "speed": 1.1}).fingerprint
    style = np.zeros(256, np.float32)
    np.savez(folder / "style.npz", style=style)
    os.utime(folder / "style.npz", (1, 1))
    second = read_voice("lin").fingerprint
    assert first != second
    assert second != read_voice("lin").model_copy(update={"style": {"zf_xiaoyi": 1.0}}).fingerprint


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"style.npz"', '"../style.npz"', r"fitted = '\.\./style\.npz': .*plain file name"),
        ('"style.npz"', '"/etc/passwd"', "plain file name"),
        ('"kokoro"', '"festival"', "engine = 'festival': Input should be 'kokoro'"),
        ('fitted = "style.npz"\n', "", "voice: engine 'kokoro' needs 'style' or 'fitted'"),
        ('"kokoro"', '"xtts"', "engine 'xtts' needs 'references'"),
        ('"kokoro"', '"speech-api"', "engine 'speech-api' needs 'remote'"),
        ('name = "lin"', 'name = "mei"', "name is 'mei'"),
        ('gender = "female"', 'gender = "female"\nfolder = "/tmp"', "folder: is not a field"),
        ('gender = "female"', 'gender = "female"\nage = 3', "age = 3: Extra inputs"),
        ('"synthetic"', '"synthetic"\nperson = "real"', "needs the id of a record in 'consent'"),
        ('"synthetic"', '"lin-1"\nperson = "real"', "needs the sha256 of its recordings"),
        ('"synthetic"', '"lin-1"\nsources = ["xyz"]', "'xyz' is not a sha256"),
        ('name = "lin"', "name = ", "lin/voice.toml: "),
    ],
)
def test_a_wrong_file_is_named_with_its_field(home: Path, old: str, new: str, told: str) -> None:
    assert old in TOML
    own(home, TOML.replace(old, new, 1))
    with pytest.raises(InputError, match=told) as caught:
        read_voice("lin")
    assert "voice.toml" in caught.value.message and caught.value.fix


def test_files_outside_of_the_folder_are_not_touched(home: Path, tmp_path: Path) -> None:
    folder = own(home)
    voice = read_voice("lin")
    secret = tmp_path / "secret.npz"
    np.savez(secret, style=np.zeros(256, np.float32))
    (folder / "style.npz").unlink()
    with pytest.raises(InputError, match=r"style\.npz does not exist"):
        _ = voice.fitted_style
    (folder / "style.npz").symlink_to(secret)
    with pytest.raises(InputError, match="no plain file name"):
        _ = voice.fitted_style
    with pytest.raises(InputError, match="no plain file name"):
        voice.file("../lin/style.npz")


@pytest.mark.parametrize("style", [np.zeros(255), np.full(256, np.nan), np.zeros((2, 256))])
def test_a_style_is_256_finite_numbers(home: Path, style: np.ndarray) -> None:
    folder = own(home)
    np.savez(folder / "style.npz", style=style.astype(np.float32))
    with pytest.raises(InputError, match=r"style has (shape .* not \(256\)|values)"):
        _ = read_voice("lin").fitted_style
    (folder / "style.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="no sound file of arrays"):
        _ = read_voice("lin").fitted_style


def _archive(member: bytes, name: str = "style.npy") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, member)
    return file.getvalue()


def _npy(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def _claiming(shape: str) -> bytes:
    """An array whose header says that it is larger than it is."""
    whole = _npy(np.zeros(256, np.float32))
    old = b"(256,), }" + b" " * (len(shape) - 6)
    assert old in whole
    return whole.replace(old, shape.encode() + b", }")


STYLE = _npy(np.zeros(256, np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        STYLE,  # no archive around it
        _archive(STYLE, "other.npy"),
        _archive(STYLE[:-1]),
        _archive(STYLE[:9]),
        _archive(STYLE.replace(b"<f4", b"<q9")),
        _archive(STYLE.replace(b"'shape'", b"'shap\x00'")),
        _archive(_npy(np.zeros(256))),
        _archive(_npy(np.zeros(256, np.int32))),
        _archive(_npy(np.array([None] * 256), allow_pickle=True)),
        _archive(_claiming("(99999999999999,)")),
        _archive(STYLE + bytes(2**26)),  # 65 kB that would be 64 MB
    ],
)
def test_a_damaged_style_is_told_and_nothing_else_happens(home: Path, content: bytes) -> None:
    folder = own(home)
    (folder / "style.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"style\.npz: no sound file of arrays"):
        _ = read_voice("lin").fitted_style


def test_whatever_bytes_are_wrong_it_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.linspace(0, 1, 40, dtype=np.float32).reshape(8, 5).T)
    good, wanted = path.read_bytes(), {"a": (None, 8)}
    first = read_arrays(path, wanted)["a"]
    assert first.shape == (5, 8) and first[1, 0] == np.float32(1 / 39)  # in columns, too
    dice, refused = random.Random(3), 0
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        path.write_bytes(bytes(bad[: dice.choice([len(bad), dice.randrange(len(bad))])]))
        try:
            read_arrays(path, wanted)
        except InputError:
            refused += 1
    assert refused > 300


@pytest.mark.parametrize("name", ["Lin", "lin/..", "..", "", "1lin", "l" * 33, "xiaoyi"])
def test_names_that_no_own_voice_may_have(home: Path, name: str) -> None:
    with pytest.raises(InputError):
        check_voice_name(name)


def test_a_path_is_no_name(home: Path) -> None:
    own(home)
    with pytest.raises(InputError, match="does not exist"):
        read_voice("../voices/lin")


def test_a_real_voice_needs_consent_for_every_recording(home: Path) -> None:
    consent = granted()
    real(home, consent, (FIRST, SECOND))
    with pytest.raises(ConsentError, match=r"not for this source \(sha256 cdcdcd"):
        load_voice("lin")
    assert read_voice("lin").person == "real"


def test_consent_for_the_face_is_none_for_the_voice(home: Path) -> None:
    real(home, granted(scope=("face",)))
    with pytest.raises(ConsentError, match="'voice' is not in it"):
        load_voice("lin")


def test_a_revoked_voice_does_not_load(home: Path) -> None:
    consent = granted(uses=("live",))
    real(home, consent)
    assert load_voice("lin", use="live").consent == consent
    with pytest.raises(ConsentError, match="'news' is not among them"):
        load_voice("lin", use="news")
    Consents().revoke(consent, "asked")
    with pytest.raises(ConsentError, match="was revoked"):
        load_voice("lin")


def test_a_broadcast_stops_when_a_voice_is_taken_back(home: Path) -> None:
    consent = granted()
    real(home, consent)
    watch = ConsentWatch(["yun"], ["lin", "xiaoyi"])
    watch.check()
    assert not watch.lost("yun", "lin")
    Consents().revoke(consent, "asked")
    with pytest.raises(ConsentError, match=f"voice lin \\({consent}\\) ended during the render"):
        watch.check()
    assert watch.lost("yun", "lin") and not watch.lost("yun", "xiaoyi")
    with pytest.raises(ConsentError, match="was revoked"):
        ConsentWatch([], ["lin"])


def test_a_file_cannot_say_that_its_person_is_nobody(home: Path) -> None:
    consent = granted()
    folder = real(home, consent)
    text = (folder / "voice.toml").read_text("utf-8")
    (folder / "voice.toml").write_text(text.replace('"real"', '"generated"'), "utf-8")
    voice = load_voice("lin", "news")
    assert voice.person == "real"
    watch = ConsentWatch([], ["lin"])
    Consents().revoke(consent, "asked")
    with pytest.raises(ConsentError, match="was revoked"):
        load_voice("lin")
    with pytest.raises(ConsentError, match="ended during the render"):
        watch.check()
    with pytest.raises(ConsentError, match="was revoked"):
        require_voice(voice.model_copy(update={"person": "generated"}))
    (folder / "voice.toml").write_text(text.replace(consent, "synthetic"), "utf-8")
    with pytest.raises(InputError, match="needs the id of a record"):
        load_voice("lin")


def test_what_xtts_imitates_is_what_was_agreed_to(home: Path) -> None:
    agreed = hashlib.sha256(b"Lin").hexdigest()
    consent = granted((agreed,))
    text = TOML.replace('engine = "kokoro"\nfitted = "style.npz"', 'engine = "xtts"')
    text = text.replace('"synthetic"', f'"{consent}"').replace("fitted", "#")
    listed = f'person = "real"\nsources = ["{agreed}"]\nreferences = ["lin.wav", "b.wav"]\n'
    folder = own(home, text + listed)
    for name in ("lin.wav", "b.wav"):
        (folder / name).write_bytes(b"Lin")
    assert load_voice("lin", "live").references == ("lin.wav", "b.wav")
    (folder / "b.wav").write_bytes(b"somebody else")
    with pytest.raises(ConsentError, match=r"taken from b\.wav .* not among its 'sources'"):
        load_voice("lin", "live")
    (folder / "b.wav").unlink()
    with pytest.raises(InputError, match=r"b\.wav does not exist"):
        load_voice("lin", "live")


def test_latents_that_do_not_fit_the_model_are_not_used(tmp_path: Path) -> None:
    path, model = tmp_path / "xtts-0.npz", SimpleNamespace(gpt_n_model_channels=64, d_vector_dim=8)
    gpt, speaker = np.ones((1, 32, 64), np.float32), np.ones((1, 8, 1), np.float32)
    assert _read_latents(path, model) is None
    np.savez(path, gpt=gpt, speaker=speaker)
    found = _read_latents(path, model)
    assert found is not None and (found[0] == gpt).all() and (found[1] == speaker).all()
    for damaged in ({"gpt": gpt[0]}, {"gpt": gpt[:, :, :9]}, {"speaker": speaker * np.nan}):
        np.savez(path, **{"gpt": gpt, "speaker": speaker, **damaged})
        with structlog.testing.capture_logs() as logs:
            assert _read_latents(path, model) is None
        assert "no sound file of arrays" in logs[0]["cause"]


def test_a_preview_stops_when_the_voice_is_taken_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = granted()
    real(home, consent)
    people = {"a": SimpleNamespace(avatar="yun", voice="lin")}
    drawn: list[object] = []

    def studio(plan: object, threads: int) -> object:
        drawn.append(plan)
        Consents().revoke(consent, "asked")
        return None

    sound = SimpleNamespace(sound=lambda: np.zeros(9, np.float32), shots=())
    for name, stand_in in {
        "check_script": lambda _: SimpleNamespace(gate=lambda _: None),
        "print_verdict": lambda *_: None,
        "plan_programme": lambda *_: [SimpleNamespace(people=people)] * 2,
        "Studio": studio,
        "_timeline": lambda *_: sound,
    }.items():
        monkeypatch.setattr(preview, name, stand_in)
    file = SimpleNamespace(script=SimpleNamespace(languages=["zh"]))
    with pytest.raises(ConsentError, match="voice lin .* ended during the render"):
        preview.preview_script(cast(Any, file), tmp_path / "out", None)
    assert len(drawn) == 1 and not list((tmp_path / "out").iterdir())


def test_a_plan_asks_for_the_use_in_news(home: Path) -> None:
    real(home, granted(uses=("live",)))
    person = SimpleNamespace(voice="lin", avatar="yun")
    look = SimpleNamespace(logo_picture=None, background=None)
    plan = SimpleNamespace(pictures=(), video=None, look=look, people={"a": person})
    with pytest.raises(ConsentError, match="'news' is not among them"):
        news_plan.cache_key(cast(Any, plan))


async def _engine() -> Engine:
    return Engine(settings().model_copy(update={"llm": LlmSettings(backend="none")}))


async def _speak_ahead(monkeypatch: pytest.MonkeyPatch, after: Callable[[], object]) -> Any:
    """What is prepared of three clauses when ``after`` happens after the first; and the log."""
    spoken: list[str] = []

    class Speaker:
        def __init__(self, voice: Voice, lexicon: object) -> None:
            self.voice = voice

        def speak(self, clause: Clause, cancelled: object) -> None:
            spoken.append(clause.text)
            if len(spoken) == 1:
                after()

    monkeypatch.setattr(live_engine, "Speaker", Speaker)
    engine = await _engine()
    someone = SimpleNamespace(name="tester", voice="lin")
    try:
        with structlog.testing.capture_logs() as logs:
            await engine._speak_ahead(
                cast(Cast, SimpleNamespace(persona=someone, lexicon=None)),
                [Clause(text, "en") for text in "abc"],
            )
    finally:
        await engine.close()
    return spoken, logs


async def test_preparing_speech_ends_with_the_consent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = granted(uses=("live",))
    real(home, consent)
    spoken, logs = await _speak_ahead(monkeypatch, lambda: None)
    assert spoken == ["a", "b", "c"] and logs[0]["clauses"] == 3
    spoken, logs = await _speak_ahead(monkeypatch, lambda: Consents().revoke(consent, "asked"))
    assert spoken == ["a"] and len(logs) == 1
    assert "was revoked" in logs[0]["cause"] and logs[0]["log_level"] == "info"
    spoken, logs = await _speak_ahead(monkeypatch, lambda: None)
    assert spoken == [] and "was revoked" in logs[0]["cause"]


async def test_a_voice_for_news_only_is_not_prepared_for_live(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real(home, granted(uses=("news",)))
    spoken, logs = await _speak_ahead(monkeypatch, lambda: None)
    assert spoken == [] and "'live' is not among them" in logs[0]["cause"]


async def test_a_session_speaks_with_the_voice_that_was_checked(home: Path) -> None:
    folder = real(home, granted())
    voice = load_voice("lin", "live")
    (folder / "voice.toml").unlink()  # it is not read a second time
    engine = await _engine()
    someone = SimpleNamespace(languages=["zh", "en"])
    try:
        mouth = engine.mouth(voice, cast(Cast, SimpleNamespace(persona=someone, lexicon=None)))
        assert mouth._speaker.voice.consent == voice.consent
        someone.languages = ["ja"]
        with pytest.raises(InputError, match="voice 'lin' does not read ja"):
            engine.mouth(voice, cast(Cast, SimpleNamespace(persona=someone, lexicon=None)))
    finally:
        await engine.close()


def test_a_voice_file_has_no_folder_in_it(home: Path) -> None:
    own(home)
    voice = read_voice("lin")
    assert "folder" not in voice.model_dump()
    assert Voice.model_validate(voice.model_dump()).folder == Path()
