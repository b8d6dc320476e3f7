"""Made voices against real speakers: best stock voice, fitted style, adapted model, ceiling, floor.

For each speaker of ``data/speech/en_speakers`` and each of the four utterances in turn: a voice is
made from the other three and judged on the one held out, by two encoders that took no part in the
making. Besides the stock voices the floor has the other speakers' recordings. Resumable: every
speaker and utterance has its own folder and figures.

    python scripts/bench/voices.py --data ../shared/data --out out/voices --speaker 2414
    python scripts/bench/voices.py --data ../shared/data --out out/voices --table
    python scripts/bench/voices.py --data ../shared/data --out out/voices --page docs/voices
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from voices_page import write_page

from digital_human.core.frames import FloatArray
from digital_human.speech.cloning.adapt import adapt
from digital_human.speech.cloning.encoders import alike, judging_encoders
from digital_human.speech.cloning.fit import fit_style
from digital_human.speech.cloning.lending import lend
from digital_human.speech.cloning.measure import Judge, preset_voice
from digital_human.speech.cloning.recordings import RATE
from digital_human.speech.cloning.references import References, prepare
from digital_human.speech.cloning.strength import keep, write_part
from digital_human.speech.types import Language
from digital_human.speech.voices import Loan, Voice

CONSENT = "cc-by-4.0"  # LibriSpeech, for this measurement
SPOKEN: tuple[Language, ...] = ("en", "zh")


@dataclass
class Case:
    """One speaker with one utterance held out."""

    speaker: str
    held_out: int
    recordings: list[Path]
    folder: Path

    @cached_property
    def judge(self) -> Judge:
        """Measures the voices of this case."""
        return Judge(self.references, progress=told(f"{self.speaker}/{self.held_out}"))

    @cached_property
    def references(self) -> References:
        """The recordings prepared, all utterances of one file held out."""
        kept = self.folder / "references"
        if (kept / "references.json").exists():
            return References.load(kept)
        whole = self.folder.parent / "prepared"
        if not (whole / "references.json").exists():
            prepare(self.recordings, language="en", progress=told(self.speaker)).save(whole)
        prepared = References.load(whole)
        source = hashlib.sha256(self.recordings[self.held_out].read_bytes()).hexdigest()
        every = (*prepared.train, *prepared.held_out)
        references = References(
            tuple(u for u in every if u.source != source),
            tuple(u for u in every if u.source == source),
            prepared.report,
        )
        references.save(kept)
        return references

    def voice(self, *, adapter: str = "") -> Voice:
        """The voice whose files are in the folder."""
        return Voice(
            name="bench", display={"en": self.speaker}, gender="female", languages=SPOKEN,
            engine="kokoro", fitted="style.npz", adapter=adapter, licence="CC BY 4.0",
            source=f"LibriSpeech {self.speaker}", consent=CONSENT, folder=self.folder,
        )  # fmt: skip


def told(name: str):  # type: ignore[no-untyped-def]
    """Progress as lines, one for each step."""
    last = [""]

    def progress(step: str, share: float) -> None:
        if step != last[0]:
            last[0] = step
            print(
                f"{name} {100 * share:3.0f} % {step} ({time.process_time():.0f} s CPU)", flush=True
            )

    return progress


def run(case: Case, others: list[Path], *, adapting: bool) -> None:
    """Make and measure the voices of one case; what is done already is not done again."""
    case.folder.mkdir(parents=True, exist_ok=True)
    figures = case.folder / "figures.json"
    done = json.loads(figures.read_text()) if figures.exists() else {}
    references = case.references
    if not references.held_out:
        figures.write_text('{"skipped": "nothing of the held-out utterance was understood"}')
        return
    name = f"{case.speaker}/{case.held_out}"
    if not (case.folder / "style.npz").exists():
        began = time.process_time()
        fitted = fit_style(references, progress=told(name), resume=folder(case.folder / "fit"))
        np.savez(case.folder / "style.npz", style=fitted.style)
        done["fit_cpu_s"] = round(time.process_time() - began, 1)
        figures.write_text(json.dumps(done, indent=1))
    if "fitted" not in done:
        done["fitted"] = asdict(case.judge.measures(case.voice()))
        done["floor_people"] = people_floor(references, others)
        figures.write_text(json.dumps(done, indent=1))
    if not adapting:
        return
    if not (case.folder / "adapter.npz").exists():
        with np.load(case.folder / "style.npz") as arrays:
            style = arrays["style"]
        began = time.process_time()
        adapted = adapt(
            references, style, progress=told(name), resume=folder(case.folder / "adapt")
        )
        adapted.save(case.folder / "adapter.npz")
        done["adapt_cpu_s"] = round(time.process_time() - began, 1)
        figures.write_text(json.dumps(done, indent=1))
    if "share" not in done:

        def make(share: float) -> Voice:
            name = f"adapter-{share}.npz"
            write_part(case.folder / "adapter.npz", share, case.folder / name)
            return case.voice(adapter=name)

        plain = case.judge.measures(case.voice())
        kept = keep(case.voice(), plain, make, case.judge.measures)
        done["share"], done["adapted"] = kept.share, asdict(kept.measures)
    figures.write_text(json.dumps(done, indent=1))


def people_floor(references: References, others: list[Path]) -> dict[str, float]:
    """Encoder → likeness of the held-out recordings and those of other people."""
    import soundfile
    import soxr

    sounds: list[FloatArray] = []
    for path in others:
        pcm, rate = soundfile.read(path, dtype="float32")
        sounds.append(soxr.resample(pcm[: 8 * rate], rate, RATE))
    return {
        encoder.name: alike(
            [encoder.embed(u.pcm, RATE) for u in references.held_out],
            [encoder.embed(pcm, RATE) for pcm in sounds],
        )
        for encoder in judging_encoders()
    }


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def table(out: Path) -> str:
    """All finished cases, a row for each, and the means, in Markdown."""
    heads = ["speaker", "held out"]
    for encoder in ("ERes2Net", "Resemblyzer"):
        heads += [f"{encoder}: floor", "stock", "fitted", "adapted", "ceiling", "gap closed"]
    heads += ["WER stock", "fitted", "adapted", "DNSMOS stock", "fitted", "adapted", "kept"]
    rows = []
    for path in sorted(out.glob("*/*/figures.json")):
        done = json.loads(path.read_text())
        if "fitted" in done:
            rows.append([path.parts[-3], path.parts[-2], *cells(done)])
    mean = ["mean", ""]
    for column in range(2, len(heads)):
        values = [row[column] for row in rows if isinstance(row[column], float)]
        mean.append(float(np.mean(values)) if values else "-")  # type: ignore[arg-type]
    lines = [heads, ["---"] * len(heads), *rows, mean]
    return "\n".join(
        "| " + " | ".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in line) + " |"
        for line in lines
    )


def cells(done: dict) -> list[object]:  # type: ignore[type-arg]
    """One row of the table after the speaker."""
    fitted, adapted = done["fitted"], done.get("adapted")
    row: list[object] = []
    for number, like in enumerate(fitted["likeness"]):
        best = like["voice"] if adapted is None else adapted["likeness"][number]["voice"]
        gap = (best - like["preset"]) / (like["ceiling"] - like["preset"])
        moved = "-" if adapted is None else best
        floor = done["floor_people"][like["encoder"]]
        row += [floor, like["preset"], like["voice"], moved, like["ceiling"], gap]
    for field in ("error", "quality"):
        for part in (fitted["preset"], fitted["voice"], adapted["voice"] if adapted else None):
            value = "-" if part is None else part[field]
            row.append(value[2] if isinstance(value, list) else value)
    row.append(f"{100 * done['share']:.0f} %" if "share" in done else "-")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--speaker", action="append", help="all by default")
    parser.add_argument("--held-out", type=int, action="append", help="utterance, all by default")
    parser.add_argument("--no-adapt", action="store_true", help="fit the style only")
    parser.add_argument("--table", action="store_true", help="print what is finished")
    parser.add_argument("--page", type=Path, help="write players and spectrograms into this folder")
    options = parser.parse_args()
    speakers = {
        path.name: sorted(path.glob("*.flac"))
        for path in sorted((options.data / "speech" / "en_speakers").iterdir())
    }
    if options.table:
        print(table(options.out))
        return
    for speaker in options.speaker or speakers:
        others = [paths[0] for name, paths in speakers.items() if name != speaker]
        for held_out in options.held_out or range(len(speakers[speaker])):
            where = options.out / speaker / str(held_out)
            case = Case(speaker, held_out, speakers[speaker], where)
            if options.page is not None:
                measured = json.loads((where / "figures.json").read_text())
                stock = preset_voice(measured["fitted"]["nearest"], "en")
                stock = stock.model_copy(update={"languages": SPOKEN})
                share = measured.get("share", 0.0)
                best = case.voice(adapter=f"adapter-{share}.npz") if share else case.voice()
                if "borrowed" not in measured:
                    lent, _ = lend(best, case.judge, told("page"))
                    loans = lent.model_dump(mode="json")["borrowed"]
                    (where / "figures.json").write_text(
                        json.dumps(measured | {"borrowed": loans}, indent=1)
                    )
                    measured["borrowed"] = loans
                loans = {one: Loan(**loan) for one, loan in measured["borrowed"].items()}
                fitted, lent = (
                    voice.model_copy(update={"borrowed": loans}) for voice in (case.voice(), best)
                )
                write_page(
                    options.page, speaker, case.recordings[held_out], stock, fitted,
                    lent if share else None, measured,
                )  # fmt: skip
                return
            run(case, others, adapting=not options.no_adapt)


if __name__ == "__main__":
    main()
