"""The page of made voices: players and spectrograms of the same text, for ``docs/voices``."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from PIL import Image

from digital_human.core.frames import FloatArray
from digital_human.safety.labels import audio_label
from digital_human.speech.cloning.measure import speak
from digital_human.speech.cloning.recordings import RATE
from digital_human.speech.loudness import normalise
from digital_human.speech.voices import Voice

TEXTS = {
    "en": "Most visitors walk past the small museum without noticing it.",
    "zh": "很多游客从小博物馆门前走过，却没有注意到它。",
}
LARGEST = 60_000  # bytes of a sound file
_TITLES = {
    "recording": "the person, held-out recording",
    "stock": "nearest stock voice",
    "fitted": "fitted style",
    "adapted": "adapted model",
}


def write_page(
    folder: Path,
    speaker: str,
    recording: Path,
    stock: Voice,
    fitted: Voice,
    adapted: Voice | None,
    measured: dict[str, Any],
) -> None:
    """Write ``index.html`` with an MP3 and a PNG for each sound into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    pcm, rate = soundfile.read(recording, dtype="float32", stop=int(6 * 16_000))
    heard = normalise(np.asarray(soxr.resample(pcm, rate, RATE), np.float32), RATE, -20)
    rows = [_entry(folder, f"{speaker}-recording", heard, "recording", "", label=False)]
    voices = {"stock": stock, "fitted": fitted, "adapted": adapted}
    for language, text in TEXTS.items():
        for kind, voice in voices.items():
            if voice is not None:
                said = speak(voice, [text], language, level=-20).sounds[0]  # type: ignore[arg-type]
                name = f"{speaker}-{kind}-{language}"
                rows.append(_entry(folder, name, said, kind, text, label=True))
    (folder / "index.html").write_text(_page(speaker, stock, rows, measured), "utf-8")


def _entry(
    folder: Path, name: str, pcm: FloatArray, kind: str, text: str, *, label: bool
) -> tuple[str, str, str]:
    """A sound file, with the audible label where it is generated, and its spectrogram."""
    _spectrogram(pcm, folder / f"{name}.png")
    if label:
        pause = np.zeros(RATE // 4, np.float32)
        pcm = np.concatenate([audio_label(RATE), pause, pcm])
    path = folder / f"{name}.mp3"
    soundfile.write(
        path, pcm, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5
    )  # fmt: skip
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path}: {path.stat().st_size} bytes, over {LARGEST}")
    return name, _TITLES[kind], text


def _spectrogram(pcm: FloatArray, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 1.7), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.specgram(
        pcm + np.float32(1e-7), NFFT=1024, Fs=RATE, noverlap=768, cmap="magma", vmin=-110, vmax=-30
    )
    axes.set_ylim(0, 8000)
    axes.set_yticks([0, 4000, 8000], ["0", "4", "8 kHz"])
    axes.set_xlabel("s", labelpad=0)
    with io.BytesIO() as buffer:
        figure.savefig(buffer)
        with Image.open(buffer) as drawn:
            drawn.convert("RGB").quantize(64).save(path, optimize=True)


def _page(
    speaker: str, stock: Voice, rows: list[tuple[str, str, str]], measured: dict[str, Any]
) -> str:
    parts = [measured[kind] for kind in ("fitted", "adapted") if kind in measured]
    figures = "".join(
        f"<tr><td>{one['encoder']}</td><td>{one['preset']:.2f}</td>"
        + "".join(f"<td>{part['likeness'][row]['voice']:.2f}</td>" for part in parts)
        + f"<td>{one['ceiling']:.2f}</td></tr>"
        for row, one in enumerate(measured["fitted"]["likeness"])
    )
    heads = "".join(f"<th>{name}</th>" for name in ("fitted", "adapted")[: len(parts)])
    sounds = "".join(
        f'<section><h2>{escape(title)}</h2><p lang="{"zh" if "-zh" in name else "en"}">'
        f'{escape(text)}</p><audio controls preload="none" src="{name}.mp3"></audio>'
        f'<img src="{name}.png" width="520" height="170" alt="spectrogram"></section>'
        for name, title, text in rows
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Made voices</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }}
h2 {{ font-size: 1rem; margin: 0 }} img {{ max-width: 100%; height: auto }}
audio {{ width: 100% }} p {{ margin: .2rem 0 }} td, th {{ padding: .1rem .8rem .1rem 0 }}
</style></head><body>
<h1>The same text in a stock voice and in a voice made from recordings</h1>
<p>A reader of LibriSpeech ({escape(speaker)}; Panayotov and others, 2015; CC BY 4.0). The voice was
made from three other utterances of the reader; the recording below was not used. Generated sounds
begin with the audible label, four soft beeps.</p>
<table><tr><th>cosine with the recording</th><th>stock ({escape(stock.display["en"])})</th>
{heads}<th>the person</th></tr>{figures}</table>
<main>{sounds}</main></body></html>
"""
