"""Recordings of a person: what is refused and why, cutting, holding back, keeping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.speech.alignment import Aligned
from digital_human.speech.cloning import gate
from digital_human.speech.cloning import references as made
from digital_human.speech.cloning.gate import RecordingsRefused
from digital_human.speech.cloning.recordings import RATE, STEP, Recording, denoised, read_recording
from digital_human.speech.cloning.references import (
    References,
    Report,
    Utterance,
    prepare,
    split_held_out,
)
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.types import Phone, Word

REPORT = Report(20.0, 15.0, 40.0, ("a.wav",), 0.0, 0.9, "en", ("w",))


def utterance(seconds: float) -> Utterance:
    pcm = np.random.default_rng(1).normal(0, 0.05, round(seconds * RATE)).astype(np.float32)
    phones = Phone("_", 0, 10), Phone("a", 10, len(pcm), 1.2)
    return Utterance(pcm, "Ah", "en", phones, (Word("Ah", 10, len(pcm)),), "ab" * 32)


def recording(
    speech: FloatArray | None = None,
    *,
    seconds: float = 20.0,
    snr: float = 40.0,
    clipped: float = 0.0,
    tonal: float = 0.0,
) -> Recording:
    """A recording with these figures."""
    count = round(seconds * RATE / STEP)
    heard = np.ones(count, np.bool_) if speech is None else speech
    pcm = np.full(count * STEP, 0.1, np.float32)
    return Recording(Path("a.wav"), "ab" * 32, pcm, heard, snr, clipped, tonal)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (recording(seconds=4), r"4\.0 s of speech in all, under 5 s"),
        (recording(snr=6), r"a\.wav: noise lies 6 dB under the voice, less than 10"),
        (recording(snr=6, tonal=0.8), "music or hum lies 6 dB"),
        (recording(clipped=0.01), "10.0 of 1000 samples are cut off"),
        (recording(np.zeros(940, np.bool_)), "a.wav: 0 % of it is speech, under 20 %"),
        (recording(np.zeros(940, np.bool_), tonal=0.9), "it sounds like music or hum"),
    ],
)
def test_every_refusal_names_value_and_limit(
    found: Recording, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "read_recording", lambda path: found)
    monkeypatch.setattr(gate, "one_voice_of", lambda recordings: 0.9)
    with pytest.raises(RecordingsRefused, match=told) as caught:
        prepare([Path("a.wav")])
    assert "one person alone" in caught.value.fix


def test_all_reasons_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = recording(seconds=3, snr=2, clipped=0.2)
    monkeypatch.setattr(made, "read_recording", lambda path: found)
    with pytest.raises(RecordingsRefused) as caught:
        prepare([Path("a.wav")])
    assert caught.value.message.count("\n") == 3


def test_two_voices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "read_recording", lambda path: recording())
    monkeypatch.setattr(gate, "one_voice_of", lambda recordings: 0.2)
    with pytest.raises(RecordingsRefused, match=r"two voices: .* 0\.20 alike, under 0\.45"):
        prepare([Path("a.wav")])


@pytest.mark.parametrize(
    ("lengths", "held"),
    [
        ([3.0, 9.0], [3.0]),
        ([9.0, 3.0], [3.0]),
        ([2.0, 2.0, 2.0, 12.0], [2.0, 2.0]),
        ([10.0] * 5, [10.0]),
        ([12.0, 5.0, 4.0, 8.0, 3.5], [3.5, 4.0]),
        ([2.0, 2.5], [2.0]),
    ],
)
def test_held_out_is_the_least_that_is_enough(lengths: list[float], held: list[float]) -> None:
    train, back = split_held_out([utterance(length) for length in lengths])
    assert sorted(u.seconds for u in back) == pytest.approx(sorted(held))
    assert len(train) + len(back) == len(lengths)


def test_one_utterance_cannot_be_judged() -> None:
    with pytest.raises(RecordingsRefused, match="nothing could be held back"):
        split_held_out([utterance(20)])


def test_speech_is_cut_at_pauses_and_at_weak_moments() -> None:
    speech = np.zeros(round(40 * RATE / STEP), np.bool_)
    for start, end in ((1, 5), (5.4, 9), (12, 34), (36, 36.5)):
        speech[round(start * RATE / STEP) : round(end * RATE / STEP)] = True
    found = recording(speech)
    pcm = np.full(len(speech) * STEP, 0.1, np.float32)
    pcm[round(20 * RATE) : round(20.2 * RATE)] = 0.001
    spans = [(a / RATE, b / RATE) for a, b in made._spans([found], found, pcm)]
    assert spans[0] == pytest.approx((0.92, 9.08), abs=0.07)
    # Half a second alone is no utterance; 22 s without a pause are cut where it is quietest.
    assert any(abs(a - 20.1) < 0.2 for a, _ in spans) and spans[-1][1] < 35
    assert max(b - a for a, b in spans) <= made.LONGEST + 0.2
    assert all(a2 >= b1 - 1e-6 for (_, b1), (a2, _) in zip(spans, spans[1:], strict=False))


def test_references_are_kept_and_read_again(tmp_path: Path) -> None:
    before = References((utterance(1), utterance(2)), (utterance(1.5),), REPORT)
    before.save(tmp_path)
    after = References.load(tmp_path)
    assert after.report == REPORT and after.language == "en"
    for a, b in zip(
        (*before.train, *before.held_out), (*after.train, *after.held_out), strict=True
    ):
        assert (a.text, a.phones, a.words, a.source) == (b.text, b.phones, b.words, b.source)
        assert np.abs(a.pcm - b.pcm).max() < 1e-6
    (tmp_path / "train-1.flac").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        References.load(tmp_path)


def test_prepared_files_stay_in_their_folder(tmp_path: Path) -> None:
    References((utterance(1),), (utterance(1),), REPORT).save(tmp_path)
    listed = tmp_path / "references.json"
    listed.write_text(listed.read_text().replace("train-0.flac", "../train-0.flac"))
    with pytest.raises(InputError, match="leads out of the folder"):
        References.load(tmp_path)


def test_files_that_are_no_recordings(tmp_path: Path) -> None:
    text = tmp_path / "a.wav"
    text.write_text("this is no sound")
    with pytest.raises(InputError, match=r"a\.wav: cannot be read as sound"):
        read_recording(text)
    playlist = tmp_path / "d.m3u8"
    soundfile.write(tmp_path / "d.wav", np.ones(48_000) * 0.1, 16_000)
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nd.wav\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match=r"d\.m3u8: cannot be read as sound"):
        read_recording(playlist)
    with pytest.raises(InputError, match="no such file"):
        read_recording(tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", np.zeros(48_000), 16_000)
    with pytest.raises(InputError, match=r"c\.wav: is silent"):
        read_recording(tmp_path / "c.wav")


def test_clipping_is_measured(tmp_path: Path) -> None:
    at = np.arange(48_000) / 16_000
    sine = np.sin(2 * np.pi * 220 * at)
    soundfile.write(tmp_path / "clean.wav", 0.8 * sine, 16_000)
    soundfile.write(tmp_path / "cut.wav", np.clip(1.5 * sine, -0.9, 0.9), 16_000)
    assert read_recording(tmp_path / "clean.wav").clipped == 0
    assert read_recording(tmp_path / "cut.wav").clipped > 0.4


def test_noise_is_taken_out_and_the_rest_stays() -> None:
    rng = np.random.default_rng(3)
    at = np.arange(4 * RATE) / RATE
    voice = np.where((at > 1) & (at < 3), 0.1 * np.sin(2 * np.pi * 440 * at), 0).astype(np.float32)
    noisy = (voice + rng.normal(0, 0.01, len(voice))).astype(np.float32)
    speech = np.zeros(len(voice) // STEP + 1, np.bool_)
    speech[RATE // STEP : 3 * RATE // STEP] = True
    clean = denoised(noisy, speech)
    assert clean.shape == noisy.shape and clean.dtype == np.float32
    quiet, loud = slice(0, RATE // 2), slice(RATE * 3 // 2, RATE * 5 // 2)
    assert 6 < 20 * np.log10(noisy[quiet].std() / clean[quiet].std()) < 13
    assert np.abs(clean[loud] - voice[loud]).std() < 0.6 * np.abs(noisy[loud] - voice[loud]).std()


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.slow
def test_a_reader_is_prepared_and_two_are_refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but recognition and alignment, which have tests of their own."""

    def align(pcm: FloatArray, rate: int, text: str, language: str) -> Aligned:
        return Aligned(text, (Phone("a", 0, len(pcm)),), (Word(text, 0, len(pcm)),), 1.0)

    class Recognizer:
        languages = frozenset({"en"})

        def recognise(self, pcm: FloatArray, **_: object) -> Recognised:
            return Recognised(f"{len(pcm) / 16_000:.1f} seconds", "en", 0.9, 0.0)

    monkeypatch.setattr(made, "align", align)
    torch = pytest.importorskip("torch", reason="who speaks is heard by an encoder in PyTorch")
    torch.set_num_threads(1)
    folder = data_dir / "speech" / "en_speakers"
    reader = folder / "2414" / "2414-128291-0001.flac"
    with pytest.raises(RecordingsRefused, match="two voices"):
        prepare([reader, folder / "1688" / "1688-142285-0003.flac"])
    found = prepare([reader], recognizer=Recognizer())
    assert found.language == "en" and found.report.one_voice > 0.6 and not found.report.denoised
    assert sum(u.seconds for u in found.held_out) >= 2
    for one in (*found.train, *found.held_out):
        assert one.phones[0].start == 0 and one.phones[-1].end == len(one.pcm)
        assert "".join(word.text for word in one.words) == one.text
