"""Train the lip network and write it for the program.

    python scripts/train/lips/train.py --speech build/lips/speech --out build/lips \
        --noise ../shared/data/speech/noise --clips one.mpg --clips another.mpg

The network learns the teacher's rows from synthetic speech; all chance is seeded. --clips measures
it on recordings of people. With --tuning it is tuned on them as well: their lip gap and mouth width
must rise and fall as measured, while synthetic speech holds everything else where it was. What is
reported about a clip then comes from a network that was tuned without it (leave-one-out); the
network that is written was tuned on all of them.
"""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import soxr
import torch
import typer
from augment import ROW, Room, disturb, load_room, load_speech, streams
from net import AHEAD, PAST, LipNet, write_onnx
from real import Clip, measure
from rich.console import Console
from scipy.ndimage import maximum_filter1d

from digital_human.face.animation.articulation import COLUMN, NAMES
from digital_human.face.animation.heardmel import BANDS, HOP, RATE, Mel, mel_of

Array = np.ndarray
CROP, BATCH = 200, 24  # rows of a training piece, pieces of a step
_PEAK = 2e-3  # learning rate
_SPEECH, _NEAR = -30.0, 21  # dB; rows around sound above that count as near speech
_START = 0.2  # share of the pieces that begin with their stream
_ROUND = 100  # steps on the same disturbed speech
POSE = len(NAMES)
LIPS, TEETH, QUIET = POSE, POSE + 1, POSE + 2
_SHARE = {"jawOpen": 5.0, "mouthPucker": 2.0, "mouthFunnel": 2.0, "mouthStretch": 2.0,
          "mouthLowerDown": 1.5, "mouthUpperUp": 1.5}  # fmt: skip
GAP = {"jawOpen": 0.32, "mouthUpperUp": 0.05, "mouthLowerDown": 0.06}
WIDE = {"mouthStretch": 0.14, "mouthPucker": -0.28, "mouthFunnel": -0.16}
console = Console()


def blend(rows: torch.Tensor, shares: dict[str, float]) -> torch.Tensor:
    """The weighted sum of pose columns, [..., n]."""
    return sum(rows[..., COLUMN[name]] * share for name, share in shares.items())  # type: ignore


def opening(rows: torch.Tensor, logits: bool = True) -> torch.Tensor:
    """Lip gap in outer-eye distances, [..., n]."""
    shut = torch.sigmoid(rows[..., LIPS]) if logits else rows[..., LIPS]
    return blend(rows, GAP) * (1.0 - shut)


def teacher_loss(rows: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """How far ``rows`` [batch, n, OUTPUTS] are from the teacher's [batch, n, ROW]."""
    share = torch.tensor([_SHARE.get(name, 0.5) for name in NAMES])
    pose, aim = rows[..., :POSE], target[..., :POSE]
    loss = (share * (pose - aim) ** 2).mean()
    speed = (pose[:, 2:] - pose[:, :-2]) - (aim[:, 2:] - aim[:, :-2])
    loss = loss + 2.0 * (share * speed**2).mean()
    loss = loss + 60.0 * ((opening(rows) - opening(target, logits=False)) ** 2).mean()
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    weight = torch.tensor(4.0)
    for column in (LIPS, TEETH):
        loss = loss + 0.4 * bce(rows[..., column], target[..., column], pos_weight=weight)
    return loss + 0.1 * bce(rows[..., QUIET], target[..., QUIET])


class Batches:
    """Random pieces of streams."""

    def __init__(self, made: list[tuple[Mel, Array]], rng: np.random.Generator) -> None:
        self._rng = rng
        before, after = Mel.silence(PAST).bands, Mel.silence(AHEAD).bands
        self._made = [(np.concatenate([before, m.bands, after]), rows) for m, rows in made]
        lengths = np.array([len(rows) for _, rows in made], np.float64)
        self._share = lengths / lengths.sum()

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(mel, target) of one step."""
        mels, rows = [], []
        for i in self._rng.choice(len(self._made), BATCH, p=self._share):
            mel, target = self._made[int(i)]
            at = int(self._rng.integers(0, max(1, len(target) - CROP)))
            at = 0 if self._rng.random() < _START else at
            mels.append(mel[at : at + CROP + PAST + AHEAD])
            rows.append(target[at : at + CROP])
        return torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(rows))


class Recorded:
    """A clip as the network meets it: disturbed anew each time, measured rows beside it."""

    def __init__(self, clip: Clip, room: Room) -> None:
        self._clip, self._room = clip, room
        self._speech = mel_of(clip.pcm, RATE).level > _SPEECH

    def draw(self, rng: np.random.Generator | None) -> tuple[torch.Tensor, ...]:
        """(mel, fractional row of every frame, gap, width).

        With ``rng`` disturbed, and only frames near speech: what a mouth does in silence, nobody
        can hear.
        """
        clip = self._clip
        pcm, factor = clip.pcm.astype(np.float64), 1.0
        if rng is not None:
            factor = float(rng.uniform(0.9, 1.1))
            pcm = disturb(soxr.resample(pcm, RATE * factor, RATE), rng, self._room)
        mel = mel_of(pcm.astype(np.float32), RATE)
        at = clip.time / factor * RATE / HOP
        use = (at >= 0) & (at < len(mel) - 1)
        if rng is not None:
            near = maximum_filter1d(self._speech, _NEAR)
            place = np.clip(at * factor, 0, len(near) - 1).astype(int)
            use &= near[place]
        bands = np.concatenate([Mel.silence(PAST).bands, mel.bands, Mel.silence(AHEAD).bands])
        parts = (bands[None], at[use], clip.gap[use], clip.width[use])
        return tuple(torch.from_numpy(np.asarray(p, np.float32)) for p in parts)


def sampled(rows: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """``rows`` [n] at fractional places."""
    low = at.floor().long()
    share = at - low
    return rows[low] * (1 - share) + rows[low + 1] * share


def correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Pearson's r."""
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.norm() * b.norm() + 1e-6)


def real_loss(net: LipNet, clip: Recorded, rng: np.random.Generator) -> torch.Tensor:
    """1 − r of the gap and, less, of the width; and the gap's scale."""
    mel, at, gap, width = clip.draw(rng)
    rows = net(mel)[0]
    wanted = sampled(opening(rows), at)
    loss = 1.0 - correlation(wanted, gap)
    loss = loss + 0.3 * (1.0 - correlation(sampled(blend(rows, WIDE), at), width))
    return loss + 5.0 * (wanted - gap).abs().mean()


def score(net: LipNet, clip: Recorded) -> dict[str, float]:
    """r of the opening at the best lag of −1, 0, +1 frames, and r of the width."""
    with torch.no_grad():
        mel, at, gap, width = clip.draw(None)
        rows = net(mel)[0]
        frame = float((at[1:] - at[:-1]).median())
        curve = opening(rows)
        found = {
            lag: float(
                correlation(sampled(curve, (at + lag * frame).clamp(0, len(curve) - 2)), gap)
            )
            for lag in (-1, 0, 1)
        }
        lag = max(found, key=lambda k: found[k])
        wide = float(correlation(sampled(blend(rows, WIDE), at), width))
    return {"r": found[lag], "r0": found[0], "lag": lag, "width": wide}


Item = tuple[Array, Array]


def some(folders: list[list[Item]], seed: int, room: Room) -> Batches:
    """A third of the speech, as many files of each folder where it has them, disturbed anew."""
    rng = np.random.default_rng(seed)
    share = max(1, sum(map(len, folders)) // 3 // len(folders))
    chosen: list[Item] = []
    for items in folders:
        picked = rng.choice(len(items), min(len(items), share), replace=False)
        chosen += [items[int(i)] for i in picked]
    return Batches(streams(chosen, rng, room), rng)


def pretrain(
    folders: list[list[Item]],
    room: Room,
    steps: int,
    seed: int,
    out: Path,
    budget: float,
    start: Path | None,
) -> LipNet | None:
    """Learn the teacher, going on from what ``out`` keeps; None when ``budget`` (s) is over."""
    begun = time.monotonic()
    torch.manual_seed(seed)
    net = LipNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=_PEAK, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _PEAK, total_steps=steps, pct_start=0.1
    )
    done = 0
    if start:
        net.load_state_dict(torch.load(start, weights_only=True)["net"])
    if (kept := out / "pretrained.pt").exists():
        state = torch.load(kept, weights_only=True)
        done = state["step"]
        for part, name in ((net, "net"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(state[name])
    kept_out = [item for items in folders for item in items[::20]]
    check = streams(kept_out, np.random.default_rng(0), room)
    folders = [[item for i, item in enumerate(items) if i % 20] for items in folders]
    mean, used = 0.0, time.process_time()
    while done < steps:
        if time.monotonic() - begun > budget:
            return None
        batches = some(folders, seed + done, room)
        for step in range(1, min(_ROUND, steps - done) + 1):
            mel, target = batches.draw()
            loss = teacher_loss(net(mel), target)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            mean += (float(loss.detach()) - mean) / min(step, 50)
        done += step
        spent = time.process_time() - used
        console.print(f"step {done}: loss {mean:.4f}, {held_out(net, check)}, {spent:.0f} CPU s")
        parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
        torch.save({"step": done} | {k: v.state_dict() for k, v in parts.items()}, kept)
    return net


def held_out(net: LipNet, check: list[tuple[Mel, Array]]) -> str:
    """r of the opening against the teacher's, and closures found, on speech not trained on."""
    r, hit, wrong, shut, free = [], 0, 0, 0, 0
    with torch.no_grad():
        for mel, rows in check:
            bands = [Mel.silence(PAST).bands, mel.bands, Mel.silence(AHEAD).bands]
            said = net(torch.from_numpy(np.concatenate(bands))[None])[0]
            target = torch.from_numpy(rows)
            r.append(float(correlation(opening(said), opening(target, logits=False))))
            closed = said[:, LIPS] > 0
            hit += int((closed & (target[:, LIPS] > 0.9)).sum())
            shut += int((target[:, LIPS] > 0.9).sum())
            wrong += int((closed & (target[:, LIPS] < 0.1)).sum())
            free += int((target[:, LIPS] < 0.1).sum())
    return (
        f"held out: opening r {np.mean(r):.3f}, closures {hit / max(1, shut):.2f}, "
        f"false {wrong / max(1, free):.3f}"
    )


def tune(net: LipNet, clips: list[Recorded], batches: Batches, steps: int, seed: int) -> LipNet:
    """A copy of ``net`` tuned on ``clips``, held by synthetic speech."""
    rng = np.random.default_rng(seed)
    tuned = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=3e-4, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = rng.choice(len(clips), min(3, len(clips)), replace=False)
        loss = torch.stack([real_loss(tuned, clips[int(i)], rng) for i in chosen]).mean()
        mel, target = batches.draw()
        loss = 0.3 * loss + teacher_loss(tuned(mel[:12]), target[:12])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return tuned


def main(
    speech: Annotated[list[Path], typer.Option(help="Folders of synth.py.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("build/lips"),
    clips: Annotated[list[Path] | None, typer.Option(help="Videos of talking people.")] = None,
    noise: Annotated[Path | None, typer.Option(help="Folder of noise*.wav and rir*.wav.")] = None,
    steps: Annotated[int, typer.Option(help="Steps on synthetic speech.")] = 1200,
    tuning: Annotated[int, typer.Option(help="Steps on recordings.")] = 0,
    seed: Annotated[int, typer.Option()] = 11,
    start: Annotated[Path | None, typer.Option(help="A pretrained.pt to begin with.")] = None,
    budget: Annotated[float, typer.Option(help="Seconds after which learning pauses.")] = 1e9,
) -> None:
    """Train, tune, report, write ``lips.onnx`` and ``report.json``."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    room, folders = load_room(noise), [load_speech(folder) for folder in speech]
    minutes = sum(len(rows) for items in folders for _, rows in items) * HOP / RATE / 60
    files = sum(map(len, folders))
    console.print(f"{minutes:.1f} min of synthetic speech in {files} files")
    net = pretrain(folders, room, steps, seed, out, budget, start)
    if net is None:
        console.print("time is over; call again to go on")
        raise typer.Exit
    batches = some(folders, seed, room)
    report: dict[str, object] = {"minutes": round(minutes, 1), "steps": steps, "tuning": tuning}
    if clips:
        recorded = {path.stem: Recorded(measure(path, out / "clips"), room) for path in clips}
        report["synthetic only"] = {name: score(net, clip) for name, clip in recorded.items()}
        console.print("synthetic only", report["synthetic only"])
        left: dict[str, dict[str, float]] = {}
        (out / "folds").mkdir(exist_ok=True)
        for name, clip in recorded.items() if tuning else ():
            fold, known = out / "folds" / f"{name}.onnx", out / "folds" / f"{name}.json"
            if not known.exists():
                others = [other for key, other in recorded.items() if key != name]
                tuned = tune(net, others, batches, tuning, seed)
                write_onnx(tuned, fold, {"left out": name})
                known.write_text(json.dumps(score(tuned, clip)), encoding="utf-8")
            left[name] = json.loads(known.read_text(encoding="utf-8"))
            console.print("left out", name, left[name])
        report["leave one out"] = left
        if tuning:
            net = tune(net, list(recorded.values()), batches, tuning, seed)
            report["tuned on all"] = {name: score(net, clip) for name, clip in recorded.items()}
    write_onnx(net, out / "lips.onnx", {"licence": "Apache-2.0", "seed": str(seed)})
    (out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    size = sum(p.numel() for p in net.parameters())
    console.print(f"{size:,} parameters in {out / 'lips.onnx'}; {BANDS} bands, rows of {ROW}")


if __name__ == "__main__":
    typer.run(main)
