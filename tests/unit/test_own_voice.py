"""A user's own voices: what their files may say, and that nobody is imitated without consent."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from digital_human.apps.news.consent import ConsentWatch
from digital_human.errors import ConsentError, InputError
from digital_human.safety.consent import ConsentFile, Consents, Scope, Use
from digital_human.speech.voices import (
    Voice,
    check_voice_name,
    load_voice,
    own_voice_names,
    read_voice,
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
        ('"synthetic"', '"synthetic"\nperson = "real"', "needs the id of a consent record"),
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
    with pytest.raises(InputError, match="style has shape"):
        _ = read_voice("lin").fitted_style
    (folder / "style.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="not a fitted style"):
        _ = read_voice("lin").fitted_style


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


def test_a_voice_file_has_no_folder_in_it(home: Path) -> None:
    own(home)
    voice = read_voice("lin")
    assert "folder" not in voice.model_dump()
    assert Voice.model_validate(voice.model_dump()).folder == Path()
