"""Train the mouth network.

usage: python scripts/train/mouth/train.py --data build/mouth --out build/mouth --minutes 40

Goes on from OUT/state.pt when it is there. Every `CHECK` steps it writes OUT/state.pt,
OUT/neural_mouth.npz and OUT/sheet.png (people it has never seen: open mouth, rest and open mouth
warped to the shape, drawn, wanted) and prints the figures of these people.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from data import HELD_OUT
from pairs import Pairs, as_batch, augmented, centre, person_pairs
from torch import Tensor
from torch.nn import functional

from digital_human.face.renderers import neural_inputs as inputs
from digital_human.face.renderers.neural_net import MouthNet, composite, save_weights

SEED = 7
BATCH = 8
RATE, LAST_RATE, WARM = 2e-3, 5e-5, 60
CHECK = 100
LEVELS = 3  # of the Laplacian pyramid
DETAIL, SPARSE = 1.0, 2.0  # weights of detail and of alpha away from the lips
STRANGE = 8.0  # grey levels between the target and all references from which it is not trusted
AROUND = 0.25  # weight of a pixel away from the lips
KEEP = 0.995  # of the running mean of the weights


def pyramid(x: Tensor) -> list[Tensor]:
    """Laplacian pyramid (Burt and Adelson 1983)."""
    out = []
    for _ in range(LEVELS):
        small = functional.avg_pool2d(x, 2)
        out.append(x - functional.interpolate(small, size=x.shape[2:], mode="bilinear"))
        x = small
    return out


def trust(layers: Tensor, targets: Tensor) -> Tensor:
    """Weight [n, 1, h, w] of pixels in the opening: little where the reference tells nothing.

    The generator draws the same person's teeth in one picture and a dark mouth in the next. Learned
    alike, both would give grey teeth.
    """
    sources = layers[:, 3 : inputs.PICTURES].unflatten(1, (-1, 3))
    error = (sources - targets[:, None]).abs().mean(2).amin(1, keepdim=True)
    error = functional.avg_pool2d(error, 5, 1, 2)
    inside = layers[:, inputs.PICTURES : inputs.PICTURES + 1] / 255
    return 1 - inside * (1 - 1 / (1 + (error / STRANGE) ** 2))


def loss_of(net: MouthNet, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Colour and detail of the finished region, more at the lips; a price on alpha elsewhere."""
    layers, targets, numbers, gates = batch
    drawn = net(layers, numbers, gates)
    picture = composite(drawn, layers[:, :3])
    lips = layers[:, inputs.PICTURES + 1 : inputs.PICTURES + 2]
    near = functional.max_pool2d(functional.max_pool2d(lips, 4), 5, 1, 2) / 255
    near = AROUND + (1 - AROUND) * functional.avg_pool2d(near, 3, 1, 1)
    near = functional.interpolate(near, size=lips.shape[2:], mode="bilinear")
    near = near * trust(layers, targets)
    total = ((picture - targets).abs() * near).mean()
    for a, b in zip(pyramid(picture), pyramid(targets), strict=True):
        weight = functional.interpolate(near, size=a.shape[2:], mode="bilinear")
        total = total + DETAIL * ((a - b).abs() * weight).mean()
    return total + SPARSE * (drawn[:, 3:] * (1 - near)).mean()


def psnr(a: Tensor, b: Tensor, mask: Tensor) -> float:
    """Mean over pictures, dB, where ``mask`` is set."""
    error = ((a - b) ** 2 * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)) + 1e-6)
    return float((10 * torch.log10(255**2 / error.clamp_min(1e-3))).mean())


def check(net: MouthNet, held: Pairs, sheet: Path) -> str:
    """Figures of the people held out, and a sheet of some of their mouths."""
    rows, figures = [], []
    with torch.inference_mode():
        for start in range(0, len(held), 16):
            chosen = np.arange(start, min(start + 16, len(held)))
            layers, targets, numbers, gates = as_batch(held, chosen)
            layers, targets = centre(layers), centre(targets)
            drawn = composite(net(layers, numbers, gates), layers[:, :3])
            lips = functional.max_pool2d(layers[:, inputs.PICTURES + 1][:, None], 9, 1, 4) > 127
            mask = lips.float()
            figures.append([psnr(x, targets, mask) for x in (layers[:, :3], layers[:, 3:6], drawn)])
            for i in range(0, len(chosen), 5):
                views = (layers[i, 6:9], layers[i, :3], layers[i, 3:6], drawn[i], targets[i])
                rows.append(np.hstack([v.permute(1, 2, 0).numpy() for v in views]))
    while len(rows) % 3:
        rows.append(np.zeros_like(rows[0]))
    picture = np.vstack([np.hstack(rows[i : i + 3]) for i in range(0, len(rows), 3)])
    cv2.imwrite(str(sheet), picture.clip(0, 255).astype(np.uint8)[..., ::-1])
    rest, opened, ours = np.mean(figures, 0)
    return f"lips of people held out, PSNR: drawn {ours:.2f} dB, warped {rest:.2f}, {opened:.2f}"


def load(folder: Path) -> tuple[Pairs, Pairs]:
    """Pairs to train on and pairs held out."""
    train, held = [], []
    for path in sorted(folder.glob("people/*.npz")):
        unseen = path.stem in {str(i) for i in HELD_OUT}
        pairs = person_pairs(path, itself=not unseen)
        if pairs is None:
            print(f"{path.name}: no picture is fit as the open mouth, left out", flush=True)
        else:
            (held if unseen else train).append(pairs)
    print(f"{len(train)} people to train on, {len(held)} held out", flush=True)
    return Pairs.join(train), Pairs.join(held)


def main() -> None:
    """Train for a number of minutes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("build/mouth"))
    parser.add_argument("--out", type=Path, default=Path("build/mouth"))
    parser.add_argument("--minutes", type=float, default=40)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    net = MouthNet()
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    mean, step, spent = copy.deepcopy(net), 0, 0.0
    state = args.out / "state.pt"
    if state.exists():
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        mean.load_state_dict(saved["mean"])
        optimiser.load_state_dict(saved["optimiser"])
        step, spent = int(saved["step"]), float(saved["spent"])
    train, held = load(args.data)
    print(f"{len(train)} pairs to train on, {len(held)} held out", flush=True)
    begin, losses = time.monotonic(), []
    while True:
        rng = np.random.default_rng([SEED, step])
        now = spent + time.monotonic() - begin
        share = min(1.0, now / (60 * args.minutes))
        rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / WARM)
        batch = augmented(train, rng.integers(0, len(train), BATCH), rng)
        loss = loss_of(net, batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        losses.append(loss.item())
        step += 1
        keep = min(KEEP, step / (step + 20))
        with torch.no_grad():
            for a, b in zip(mean.parameters(), net.parameters(), strict=True):
                a.lerp_(b, 1 - keep)
        if step % CHECK == 0 or share >= 1:
            figures = check(mean, held, args.out / "sheet.png")
            print(f"{step} steps, {now / 60:.1f} min, loss {np.mean(losses):.2f}; {figures}",
                  flush=True)  # fmt: skip
            losses = []
            saved = {"net": net.state_dict(), "mean": mean.state_dict(), "step": step,
                     "optimiser": optimiser.state_dict(), "spent": now}  # fmt: skip
            torch.save(saved, state)
            digest = save_weights(mean, args.out / "neural_mouth.npz")
        if share >= 1:
            print(f"sha256 {digest}")
            return


if __name__ == "__main__":
    main()
