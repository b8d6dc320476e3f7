"""Re-voicing: what is refused, how long speech is cut, and what is written down."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from digital_human.apps.revoice import render
from digital_human.apps.revoice.base import agreed
from digital_human.apps.revoice.commands import revoice
from digital_human.apps.revoice.render import Order, revoice_video
from digital_human.apps.revoice.sound import read_sound, write_down
from digital_human.core.frames import FloatArray
from digital_human.errors import ConsentError, InputError, ModerationError
from digital_human.media.muxer import AUDIO_RATE
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consents
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.recognizers.base import Recognised

CONSENT = """\
subject = "A speaker"
granted_by = "The speaker"
uses = [{uses}]
until = {until}
statement = "May be re-voiced."
"""


class Ears:
    """Writes down how long each piece is, or what it is told to."""

    languages = frozenset({"zh", "en", "ja"})

    def __init__(self, *texts: str, dropped: str = "") -> None:
        self.texts, self.dropped = list(texts), dropped
        self.pieces: list[FloatArray] = []

    def recognise(self, pcm: FloatArray, **_: object) -> Recognised:
        self.pieces.append(pcm)
        text = self.texts.pop(0) if self.texts else ""
        return Recognised(text, "zh", 0.9, 0.0, dropped=self.dropped)


def consent_file(folder: Path, uses: str = '"news"', days: int = 30) -> Path:
    path = folder / "c.toml"
    until = date.today() + timedelta(days=days)
    path.write_text(CONSENT.format(uses=uses, until=until), encoding="utf-8")
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"not decoded in these tests")
    return path


def tone(seconds: float, rate: int) -> FloatArray:
    t = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def test_sound_is_read_as_mono_at_the_rate_of_the_film(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    stereo = np.stack([tone(1.0, 22050), np.zeros(22050, np.float32)], axis=1)
    soundfile.write(path, stereo, 22050)
    pcm = read_sound(path)
    assert abs(len(pcm) - AUDIO_RATE) < 200
    assert 0.1 < np.abs(pcm).max() < 0.25
    loudest = np.abs(np.fft.rfft(pcm[:AUDIO_RATE])).argmax()
    assert abs(int(loudest) - 220) <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "no such file"),
        (b"no sound in here", "cannot be read"),
        (np.zeros(48000, np.float32), "silent"),
        (tone(0.1, 48000), "at least"),
    ],
)
def test_bad_sound_is_refused(
    tmp_path: Path, make: bytes | FloatArray | None, message: str
) -> None:
    path = tmp_path / "a.wav"
    if isinstance(make, bytes):
        path.write_bytes(make)
    elif make is not None:
        soundfile.write(path, make, 48000)
    with pytest.raises(InputError, match=message):
        read_sound(path)


def test_long_speech_is_written_down_in_pieces_cut_where_it_is_quiet() -> None:
    pcm = tone(60.0, AUDIO_RATE)
    for second in (20.0, 41.0):
        pcm[int(second * AUDIO_RATE) : int((second + 0.5) * AUDIO_RATE)] = 0.0
    ears = Ears("一", "二", "三")
    words = write_down(pcm, "zh", recognizer=ears)
    assert words.text == "一\n二\n三"
    ends = np.cumsum([len(p) for p in ears.pieces]) / EAR_RATE
    assert 20.0 < ends[0] < 20.5
    assert 41.0 < ends[1] < 41.5
    assert ends[2] == pytest.approx(60.0, abs=0.01)


def test_words_that_the_recognizer_doubts_are_judged_too() -> None:
    words = write_down(tone(1.0, AUDIO_RATE), None, recognizer=Ears(dropped="冰毒买卖"))
    assert words.verdict.hits


def test_a_video_without_consent_is_refused(home: Path, video: Path) -> None:
    with pytest.raises(ConsentError, match="no consent on record"):
        agreed(video, None)


def test_a_consent_is_recorded_once_and_found_again(
    home: Path, video: Path, tmp_path: Path
) -> None:
    given = agreed(video, consent_file(tmp_path))
    assert given.sources == {"talk.mp4": file_sha256(video)}
    assert agreed(video, None).id == given.id
    assert agreed(video, consent_file(tmp_path)).id == given.id
    assert len(Consents().list()) == 1


def test_a_consent_for_other_uses_or_another_video_does_not_hold(
    home: Path, video: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConsentError, match="uses"):
        agreed(video, consent_file(tmp_path, uses='"kiosk"'))
    agreed(video, consent_file(tmp_path))
    other = tmp_path / "other.mp4"
    other.write_bytes(b"somebody else")
    with pytest.raises(ConsentError, match="no consent on record"):
        agreed(other, None)


def test_a_revoked_consent_does_not_hold(home: Path, video: Path, tmp_path: Path) -> None:
    given = agreed(video, consent_file(tmp_path))
    Consents().revoke(given.id, "changed their mind")
    with pytest.raises(ConsentError, match="revoked"):
        agreed(video, None)


def test_words_that_moderation_refuses_stop_before_the_video_is_read(
    home: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = tmp_path / "a.wav"
    soundfile.write(audio, tone(1.0, 48000), 48000)
    ears = Ears("出售枪支弹药，联系电话")
    monkeypatch.setattr(
        render, "write_down", lambda pcm, language, progress: write_down(pcm, "zh", progress, ears)
    )

    def unread(*_: object) -> None:
        raise AssertionError("the video was read")

    monkeypatch.setattr(render, "base_video", unread)
    out = tmp_path / "out" / "o.mp4"
    with pytest.raises(ModerationError):
        revoice_video(Order(video, audio, out, consent_file(tmp_path)))
    assert not out.parent.exists()


def test_the_files_that_are_read_are_not_written(home: Path, video: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the file that is read"):
        revoice_video(Order(video, tmp_path / "a.wav", video))
    with pytest.raises(InputError, match=r"not an \.mp4"):
        revoice_video(Order(video, tmp_path / "a.wav", tmp_path / "o.webm"))


def test_the_command_says_which_languages_there_are(video: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(revoice)
    result = CliRunner().invoke(app, [str(video), "--audio", "a.wav", "--language", "fr"])
    assert isinstance(result.exception, InputError)
    assert "zh, en, ja" in result.exception.fix
