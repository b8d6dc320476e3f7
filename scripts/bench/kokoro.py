"""Kokoro in torch against ONNX: whether they are equal, and how fast each is.

Equality: the float32 ONNX model and the torch model speak the same sentences. Where nothing sounds,
the phases of the source's short spectra are rounding of the Fourier transform, and the decoder
hears them; so the torch decoder is given the ONNX graph's own spectra (an extra output), and, for
every tenth sentence, also its own. The graph has no random nodes.

Speed: CPU seconds for each second of sound, which other programs lengthen little, and wall time to
the first sound of a short clause, which they do. One thread on a CPU.

    python scripts/bench/kokoro.py equality --out equality.json
    python scripts/bench/kokoro.py speed --out speed.json
    python scripts/bench/kokoro.py speed --device cuda
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from digital_human.models import store
from digital_human.speech.synthesizers import kokoro_net
from digital_human.speech.synthesizers.kokoro_base import VOCABULARY
from digital_human.speech.text.phonemes import read
from digital_human.speech.types import Language

_DURATIONS = "/encoder/Clip_output_0"
_SOURCE = "/decoder/decoder/generator/Concat_3_output_0"
_VOICES: dict[str, tuple[str, ...]] = {
    "zh": ("zf_xiaoyi", "zm_yunxi", "zf_xiaobei", "zm_yunjian"),
    "en": ("af_heart", "am_michael", "bf_emma", "bm_george"),
}
SENTENCES: tuple[tuple[str, Language], ...] = (
    ("早上好。", "zh"), ("请坐。", "zh"), ("今天晴。", "zh"), ("明天有雨。", "zh"),
    ("谢谢大家。", "zh"), ("欢迎收看。", "zh"), ("再见！", "zh"), ("为什么？", "zh"),
    ("六点半。", "zh"), ("我不知道。", "zh"), ("银行行长。", "zh"), ("走这边。", "zh"),
    ("气温二十度。", "zh"), ("一共三个人。", "zh"), ("西湖很美。", "zh"), ("他来了吗？", "zh"),
    ("小心台阶。", "zh"), ("慢慢说。", "zh"), ("新闻联播。", "zh"), ("重庆火锅。", "zh"),
    ("Good morning.", "en"), ("Thank you.", "en"), ("Not today.", "en"), ("Why not?", "en"),
    ("Half past six.", "en"), ("Come in!", "en"), ("It is raining.", "en"), ("See you.", "en"),
    ("Five people.", "en"), ("This way.", "en"), ("I see.", "en"), ("Stop there!", "en"),
    ("Read it.", "en"), ("He read it.", "en"), ("A strong wind.", "en"), ("Who is it?", "en"),
    ("Speak slowly.", "en"), ("The news.", "en"), ("Eighty-one.", "en"), ("Enough.", "en"),
    ("用AI。", "zh"), ("打开WiFi。", "zh"), ("5G来了。", "zh"), ("买iPhone。", "zh"),
    ("说Hello。", "zh"), ("看PPT。", "zh"), ("OK吗？", "zh"), ("CPU很热。", "zh"),
    ("他叫Tom。", "zh"), ("发email。", "zh"),
)  # fmt: skip
_TEXT = "今天白天多云转晴，最高气温二十度。"
_FIRST = "您好，"


def line_of(text: str, language: Language, voice: str, speed: float = 1.0) -> kokoro_net.Line:
    """What the models are given for a sentence."""
    symbols = [c for piece in read(text, language, None).pieces for c in piece.phonemes]
    tokens = [0, *(VOCABULARY[c] for c in symbols if c in VOCABULARY), 0]
    table = np.fromfile(store().path("kokoro-voices") / f"{voice}.bin", np.float32)
    return kokoro_net.Line(tokens, table.reshape(510, 256)[len(tokens) - 3], speed)


class Onnx:
    """A Kokoro ONNX model on one thread.

    Args:
        path: The file.
        outputs: More values that it gives.
    """

    def __init__(self, path: Path, outputs: Sequence[str] = ()) -> None:
        import onnx
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        with tempfile.TemporaryDirectory() as folder:
            target = path
            if outputs:
                model = onnx.load(str(path))
                infos = [onnx.helper.make_tensor_value_info(n, 1, None) for n in outputs]
                model.graph.output.extend(infos)
                target = Path(folder) / "model.onnx"
                onnx.save(model, str(target))
            self._session = onnxruntime.InferenceSession(str(target), options)

    def __call__(self, line: kokoro_net.Line) -> list[np.ndarray]:
        """All outputs, the sound first."""
        feeds: dict[str, Any] = {
            self._session.get_inputs()[0].name: np.array([line.tokens]),
            "style": line.style.reshape(1, 256),
            "speed": np.array([line.speed], np.float32),
        }
        return [np.asarray(value).ravel() for value in self._session.run(None, feeds)]


def decibels(wanted: np.ndarray, made: np.ndarray) -> float:
    """Signal to noise ratio."""
    noise = float(np.square(wanted - made).sum())
    return float(10 * np.log10(np.square(wanted).sum() / max(noise, 1e-20)))


def equality(count: int, out: Path | None) -> dict[str, Any]:
    """Speak the sentences with both models; those that ``out`` has from before are not repeated."""
    path = store().path("kokoro-fp32") / "model.onnx"
    onnx = Onnx(path, (_DURATIONS, _SOURCE))
    net = kokoro_net.load(path)
    generator = net.decoder.generator
    own = generator._excitation
    rows: list[dict[str, Any]] = []
    if out and out.is_file():
        rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    known = {row["text"] for row in rows}
    chosen = np.unique(np.linspace(0, len(SENTENCES) - 1, count).round().astype(int))
    for number in track(chosen.tolist(), "sentences"):
        text, language = SENTENCES[number]
        if text in known:
            continue
        voice = _VOICES[language][number % 4]
        line = line_of(text, language, voice, (1.0, 1.25, 1.6)[number % 3])
        sound, durations, source = onnx(line)
        given = torch.from_numpy(source.reshape(1, 22, -1))
        generator._excitation = lambda f0, frames, given=given: given  # type: ignore[method-assign]
        made = net.speak([line])[0]
        generator._excitation = own  # type: ignore[method-assign]
        row = {
            "text": text,
            "voice": voice,
            "same_durations": bool(np.array_equal(made.durations, durations)),
            "snr_same_source": decibels(sound, made.sound),
        }
        if number % 10 == 0:
            row["snr_own_source"] = decibels(sound, net.speak([line])[0].sound)
        rows.append(row)
        if out:
            out.write_text(json.dumps({"rows": rows}, ensure_ascii=False), encoding="utf-8")
    same = [row["snr_same_source"] for row in rows]
    alone = [row["snr_own_source"] for row in rows if "snr_own_source" in row]
    return {
        "sentences": len(rows),
        "same_durations": sum(bool(row["same_durations"]) for row in rows),
        "snr_same_source": {"least": min(same), "median": statistics.median(same)},
        "snr_own_source": {"least": min(alone), "median": statistics.median(alone)},
        "rows": rows,
    }


def speed(device: str, batches: Sequence[int], repeats: int) -> dict[str, Any]:
    """Time each engine at several sizes of a batch, and its first sound."""
    fp32 = store().path("kokoro-fp32") / "model.onnx"
    rows = []
    for name, speak in engines(device, fp32):
        short = [line_of(_FIRST, "zh", "zf_xiaoyi")]
        speak(short)
        first = [timed(speak, short)[1] for _ in range(max(3, repeats))]
        row: dict[str, Any] = {"engine": name, "first_audio_ms": 1000 * statistics.median(first)}
        for batch in batches:
            lines = [line_of(_TEXT, "zh", "zf_xiaoyi")] * batch
            if device != "cpu":
                speak(lines)  # compiles and chooses kernels for this size
            took = [timed(speak, lines) for _ in range(repeats)]
            seconds = took[0][2]
            row[f"rtf_{batch}"] = statistics.median(wall for _, wall, _ in took) / seconds
            row[f"cpu_{batch}"] = statistics.median(cpu for cpu, _, _ in took) / seconds
        rows.append(row)
        print(json.dumps(row))
    return {"rows": rows}


Speak = Callable[[Sequence[kokoro_net.Line]], float]


def engines(device: str, fp32: Path) -> Any:
    """Name and a function from lines to seconds of sound, one engine after the other."""

    def one_by_one(model: Onnx) -> Speak:
        return lambda lines: sum(len(model(line)[0]) for line in lines) / kokoro_net.RATE

    def batched(net: kokoro_net.KokoroNet) -> Speak:
        def speak(lines: Sequence[kokoro_net.Line]) -> float:
            return sum(len(s.sound) for s in net.speak(lines)) / kokoro_net.RATE

        return speak

    if device == "cpu":
        yield (
            "ONNX int8, one after the other",
            one_by_one(Onnx(store().path("kokoro-int8") / "model.onnx")),
        )
        yield "ONNX float32, one after the other", one_by_one(Onnx(fp32))
    yield f"torch float32, {device}", batched(kokoro_net.load(fp32, device))
    if device != "cpu":
        net = kokoro_net.load(fp32, device)
        net.precision = torch.bfloat16
        yield f"torch bfloat16, {device}", batched(net)
        net.decoder.generator.compile(dynamic=True)
        yield f"torch bfloat16 compiled, {device}", batched(net)


def timed(speak: Speak, lines: Sequence[kokoro_net.Line]) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and seconds of sound."""
    cpu, wall = time.process_time(), time.perf_counter()
    seconds = speak(lines)
    return time.process_time() - cpu, time.perf_counter() - wall, seconds


def hardware(device: str) -> str:
    """What the figures were taken on."""
    info = Path("/proc/cpuinfo")
    names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
    cpu = names[0].partition(":")[2].strip() if names else platform.processor()
    gpu = torch.cuda.get_device_name() if device.startswith("cuda") else "no GPU"
    return f"{cpu}, {len(names)} logical cores, 1 thread; {gpu}; torch {torch.__version__}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["equality", "speed"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda; for speed")
    parser.add_argument(
        "--sentences", type=int, default=len(SENTENCES), help="how many of them, evenly chosen"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "equality":
        found = equality(args.sentences, args.out)
    else:
        found = speed(args.device, args.batches, args.repeats)
    found["hardware"] = hardware(args.device)
    if args.out:
        args.out.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
    print(json.dumps({k: v for k, v in found.items() if k != "rows"}, indent=1))


if __name__ == "__main__":
    main()
