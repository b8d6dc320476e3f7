"""Read a video's or sound's speech back with Whisper base and print how far it is from its text.

    python scripts/bench/readback.py out/news.mp4 script.txt --language zh

Prints the toneless-pinyin and character error (Chinese) or the word error (English), the
integrated loudness and true peak, and exits with 1 when a limit of the project is not met.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from readback import read_back  # noqa: E402

from digital_human.speech.loudness import TARGET_LUFS, loudness, true_peak  # noqa: E402

RATE = 48000
LIMITS = {"pinyin": 0.03, "characters": 0.10, "words": 0.05}
LOUDNESS_TOLERANCE = 1.0


def decode(path: Path) -> npt.NDArray[np.float32]:
    """The first sound track as float32 [n] mono at 48 kHz."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise SystemExit(f"{path}: no sound track")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        blocks = [
            out.to_ndarray().ravel()
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
        blocks += [out.to_ndarray().ravel() for out in resampler.resample(None)]
    return np.concatenate(blocks).astype(np.float32)


def main() -> int:
    """Measure one file; 0 when every limit is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("media", type=Path, help="MP4, WAV or anything FFmpeg reads")
    parser.add_argument("reference", help="text file with what should be said, or the text itself")
    parser.add_argument("--language", choices=("zh", "en"), default="zh")
    arguments = parser.parse_args()
    source = Path(arguments.reference)
    is_file = len(arguments.reference) < 1024 and source.is_file()
    reference = source.read_text(encoding="utf-8") if is_file else arguments.reference
    pcm = decode(arguments.media)
    result = read_back(pcm, RATE, reference, arguments.language)
    level = loudness(pcm, RATE)
    failed = abs(level - TARGET_LUFS) > LOUDNESS_TOLERANCE
    print(f"heard: {result.heard}")
    for name, limit in LIMITS.items():
        rate = getattr(result, name)
        if rate is not None:
            failed |= rate > limit
            print(f"{name} error: {100 * rate:.2f} % (limit {100 * limit:g} %)")
    for wanted, got in result.confusions:
        print(f"  {wanted or '-'} -> {got or '-'}")
    print(f"loudness: {level:.2f} LUFS (limit {TARGET_LUFS:g} +- {LOUDNESS_TOLERANCE:g})")
    print(f"true peak: {true_peak(pcm, RATE):.2f} dBTP; length {len(pcm) / RATE:.2f} s")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
