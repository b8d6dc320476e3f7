"""A filmed person says another recording: the whole road on a real clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from digital_human.apps.revoice import base, render
from digital_human.apps.revoice.render import LABELS, Order, revoice_video
from digital_human.apps.revoice.sound import Words
from digital_human.config import settings
from digital_human.errors import ConsentError
from digital_human.models.files import file_sha256
from digital_human.safety.audit import AuditLog
from digital_human.safety.consent import Consents
from digital_human.safety.labels import check_label_text
from digital_human.safety.moderation import Verdict
from digital_human.safety.verify import verify

pytestmark = [pytest.mark.weights, pytest.mark.data, pytest.mark.slow]

CONSENT = """\
subject = "GRID speaker"
granted_by = "GRID corpus, CC BY 4.0"
uses = ["news"]
until = {until}
statement = "Lips measured against the corpus."
"""


@dataclass(frozen=True)
class Revoiced:
    """A clip that says 3.9 s of another recording."""

    clip: Path
    audio: Path
    out: Path
    consent: Path
    printed: str


@pytest.fixture(scope="module")
def revoiced(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[Revoiced]:
    """Made once; weights from the user's store, everything else in a new home."""
    folder = tmp_path_factory.mktemp("revoice")
    models = settings().models_dir
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(models)
    clip = data_dir / "talking" / "grid_lrwp9a.mpg"
    audio = folder / "speech.wav"
    with (
        av.open(str(data_dir / "speech" / "jfk.wav")) as source,
        av.open(str(audio), "w") as target,
    ):
        stream = target.add_stream("pcm_s16le", rate=source.streams.audio[0].rate, layout="mono")
        for frame in source.decode(audio=0):
            if (frame.time or 0.0) < 3.9:
                target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    consent = folder / "c.toml"
    until = date.today() + timedelta(days=2)
    consent.write_text(CONSENT.format(until=until), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DH_HOME", str(home))
        settings.cache_clear()
        out = folder / "out.mp4"
        with (folder / "log").open("w", encoding="utf-8") as log:
            revoice_video(Order(clip, audio, out, consent, "en"), Console(file=log, width=200))
        printed = (folder / "log").read_text(encoding="utf-8")
        yield Revoiced(clip, audio, out, consent, printed)
    settings.cache_clear()


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]


def test_every_picture_is_the_frame_of_the_clip_but_for_the_mouth(revoiced: Revoiced) -> None:
    before, after = pictures(revoiced.clip), pictures(revoiced.out)
    with av.open(str(revoiced.audio)) as file:
        seconds = file.duration / av.time_base
    assert len(after) == int(np.ceil(seconds * 25))
    assert after[0].shape == before[0].shape
    # The eyes, where they move: of all frames of the clip, that of the same number is most alike.
    eyes = np.s_[130:175, 120:240]
    small = [cv2.GaussianBlur(p[eyes], (0, 0), 1).astype(np.float32) for p in (*before, *after)]
    film, made = np.stack(small[: len(before)]), small[len(before) :]
    moved = np.abs(np.diff(film, axis=0)).mean((1, 2, 3))
    moving = 1 + np.argsort(-np.minimum(moved[:-1], moved[1:]))[:6]
    for k in moving.tolist():
        unlike = np.abs(film - made[k]).mean((1, 2, 3))
        assert unlike[k] < 6.0
        assert unlike.argmin() == k


def test_it_goes_on_without_a_cut_where_the_clip_ends(revoiced: Revoiced) -> None:
    after = [cv2.GaussianBlur(p[60:], (0, 0), 2).astype(np.float32) for p in pictures(revoiced.out)]
    steps = [float(np.abs(b - a).mean()) for a, b in zip(after, after[1:], strict=False)]
    within = steps[:70]
    assert max(steps[73:]) < 1.5 * max(within)
    assert np.mean(steps[75:]) > 0.2 * np.mean(within)  # it does not freeze


def test_the_sound_starts_with_the_first_picture(revoiced: Revoiced) -> None:
    def sound(path: Path) -> np.ndarray:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=8000)
        with av.open(str(path)) as file:
            parts = [r.to_ndarray()[0] for f in file.decode(audio=0) for r in resampler.resample(f)]
        return np.concatenate(parts)

    given, heard = sound(revoiced.audio)[:24000], sound(revoiced.out)[:28000]
    late = np.correlate(heard, given, "valid").argmax()
    assert late / 8000 < 0.002


def test_labels_signature_and_record_are_right(revoiced: Revoiced) -> None:
    report = verify(revoiced.out)
    report.check()
    found = {finding.item: finding for finding in report.findings}
    assert found["audit record"].status == "ok"
    assert "composite" in found["C2PA origin"].detail
    record = AuditLog().find_output(file_sha256(revoiced.out))
    assert record is not None
    assert record.detail["video_sha256"] == file_sha256(revoiced.clip)
    assert "moderation: nothing found" in revoiced.printed
    for text in LABELS.values():
        check_label_text(text)


def test_revoking_the_consent_stops_a_run_and_leaves_nothing(
    revoiced: Revoiced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = base.agreed(revoiced.clip, None)
    kept = render._pictures
    drawn = 0

    def until_revoked(*args: object) -> Iterator[np.ndarray]:
        nonlocal drawn
        for picture in kept(*args):  # type: ignore[arg-type]
            drawn += 1
            if drawn == 30:
                Consents().revoke(given.id, "changed their mind")
            yield picture

    monkeypatch.setattr(render, "_pictures", until_revoked)
    words = Words("", "en", Verdict.of(()))
    monkeypatch.setattr(render, "write_down", lambda *_: words)
    out = tmp_path / "o.mp4"
    with pytest.raises(ConsentError, match="revoked while"):
        revoice_video(Order(revoiced.clip, revoiced.audio, out), Console(quiet=True))
    assert 30 <= drawn <= 56
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConsentError, match="revoked"):
        revoice_video(Order(revoiced.clip, revoiced.audio, out), Console(quiet=True))
