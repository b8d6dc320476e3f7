"""What recordings too short for the product would give: the clips of ``data/speech/clone_refs``.

    python scripts/bench/voices_short.py --data ../shared/data --out out/short
    python scripts/bench/voices_short.py --data ../shared/data --out out/short --table

`digital-human voice create` refuses them (the reasons are kept with the figures). Here the style is
fitted all the same, to the whole clip. No held-out utterance exists, so the voice is judged on the
clip that it was fitted to: that flatters it, and there is no ceiling. The stock voice is judged on
the same clip; the floor is the readers of ``en_speakers``. Resumable: one folder for each clip.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from digital_human.errors import InputError
from digital_human.speech.alignment import align
from digital_human.speech.cloning.fit import fit_style
from digital_human.speech.cloning.gate import RecordingsRefused
from digital_human.speech.cloning.measure import Judge
from digital_human.speech.cloning.recordings import RATE, STEP, read_recording
from digital_human.speech.cloning.references import References, Report, Utterance, prepare
from digital_human.speech.loudness import normalise
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.voices import Voice
from voices import CONSENT, SPOKEN, folder, people_floor, told


def refusal(path: Path) -> str:
    """Why the product makes no voice from the clip; empty when it does."""
    try:
        prepare([path])
    except RecordingsRefused as error:
        return str(error)
    return ""


def whole(path: Path) -> References:
    """The speech of a clip as one utterance, to fit to and, for want of another, to judge by.

    Raises:
        InputError: What is said cannot be aligned.
    """
    recording = read_recording(path)
    heard = np.flatnonzero(recording.speech)
    if not len(heard):
        raise InputError(f"{path}: no speech is heard in it", fix="leave it out")
    pcm = normalise(recording.pcm[heard[0] * STEP : (heard[-1] + 1) * STEP], RATE, -23)
    ear = np.asarray(soxr.resample(pcm, RATE, 16_000), np.float32)
    recognizer = RECOGNIZERS["whisper"].create()
    # So short a clip may be understood only when its language is given.
    tried = [recognizer.recognise(ear, language=language) for language in (None, *SPOKEN)]
    said = max(tried, key=lambda heard: heard.confidence if heard.text else -1.0)
    if not said.text:
        raise InputError(f"{path}: what is said is not understood", fix="leave it out")
    found = align(pcm, RATE, said.text, said.language)
    utterance = Utterance(
        pcm, said.text, said.language, found.phones, found.words, recording.sha256
    )
    report = Report(
        recording.seconds, recording.speech_seconds, recording.snr, (), recording.clipped, 1.0,
        said.language, (),
    )  # fmt: skip
    return References((utterance,), (utterance,), report)


def run(path: Path, out: Path, others: list[Path]) -> None:
    """Fit and measure one clip; what is done already is not done again."""
    where = folder(out / path.stem)
    figures = where / "figures.json"
    done: dict[str, Any] = json.loads(figures.read_text()) if figures.exists() else {}
    done["refusal"] = refusal(path)
    try:
        references = whole(path)
    except InputError as error:
        done["skipped"] = str(error)
        figures.write_text(json.dumps(done, indent=1, ensure_ascii=False))
        print(f"{path.name}: {error}")
        return
    (utterance,) = references.train
    done |= {"seconds": utterance.seconds, "text": utterance.text}
    if not (where / "style.npz").exists():
        began = time.process_time()
        fitted = fit_style(references, progress=told(path.stem), resume=folder(where / "fit"))
        np.savez(where / "style.npz", style=fitted.style)
        done["fit_cpu_s"] = round(time.process_time() - began, 1)
        figures.write_text(json.dumps(done, indent=1, ensure_ascii=False))
    if "fitted" not in done:
        voice = Voice(
            name="bench", display={"en": path.stem}, gender="female", languages=SPOKEN,
            engine="kokoro", fitted="style.npz", licence="for measurement only",
            source=f"clone_refs/{path.name}", consent=CONSENT, folder=where,
        )  # fmt: skip
        done["fitted"] = asdict(Judge(references, progress=told(path.stem)).measures(voice))
        done["floor_people"] = people_floor(references, others)
    figures.write_text(json.dumps(done, indent=1, ensure_ascii=False))


def table(out: Path) -> str:
    """All finished clips, a row for each, in Markdown."""
    lines = [
        "| clip | speech s | stock voice | ERes2Net: floor | stock | fitted "
        "| Resemblyzer: floor | stock | fitted | not recognised stock | fitted |",
        "|" + "---|" * 11,
    ]
    for path in sorted(out.glob("*/figures.json")):
        done = json.loads(path.read_text())
        if "fitted" not in done:
            continue
        fitted = done["fitted"]
        cells = [path.parent.name, f"{done['seconds']:.1f}", fitted["nearest"]]
        for like in fitted["likeness"]:
            floor = done["floor_people"][like["encoder"]]
            cells += [f"{value:.2f}" for value in (floor, like["preset"], like["voice"])]
        cells += [f"{100 * fitted[part]['error']:.1f} %" for part in ("preset", "voice")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the clips that are not done, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clip", action="append", help="file name; all by default")
    parser.add_argument("--table", action="store_true", help="print what is finished")
    options = parser.parse_args()
    if options.table:
        print(table(options.out))
        return
    speech = options.data / "speech"
    others = [sorted(each.glob("*.flac"))[0] for each in sorted((speech / "en_speakers").iterdir())]
    for path in sorted((speech / "clone_refs").glob("*.wav")):
        if not options.clip or path.name in options.clip:
            run(path, options.out, others)


if __name__ == "__main__":
    main()
