"""Pictures of many mouth shapes of people who do not exist: the data of the mouth network.

usage: python scripts/train/mouth/data.py --out build/mouth [--samples build/anchors/samples.npz]
       python scripts/train/mouth/data.py --out build/mouth --clip film.mpg --clip other.mp4

Each person of `PEOPLE` is walked along `WALK`, one picture of the generator a step, towards the
next lip gap and width; whatever the picture shows is measured and kept, as a pair only has to be
the same person with another mouth. Writes OUT/people/NUMBER.npz; people that are there already are
left out, so an interrupted run goes on. Needs the `build` extra and the weights `mobilestylegan`
and `face-landmarker`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "anchors"))

from align import onto_base
from gan import STABLE, Array, Face, Generator, Image, Landmarker, eye_distance, similarity
from measure import GEOMETRY, SCORES, Gauge
from sample import sample
from shapes import HOLD_MOUTH, JAW, MOUTH, basis
from solve import directions

from digital_human.face.renderers.neural_inputs import HEIGHT, MIDDLE, SCALE, WIDTH
from digital_human.models import store

# Chosen by eye from the 160 samples that are most frontal, closed and unsmiling: clearly adult
# only, none of those that the demo anchors are mixed from. `HELD_OUT` are never trained on.
HELD_OUT = (325, 438, 1299)
PEOPLE = (
    965, 271, 790, 59, 327, 147, 975, 1430, 636, 918, 827, 537, 942, 11, 366, 828, 1371, 192, 277,
    466, 347, 1284, 1001, 173, 977, 239, 726, 1107, 622, 1224, 364, 992, 801, 1125, 88, 301, 253,
    1133, 878, 204, 324, 615, 1424, 1031, 269, 633, 265, 1181, 793, 604, 728, 1115, 1416, 1038,
    1363, 99, 454, 1245, 634, 104, 982, 1116, 644, 960, 359, 1172, 985, 1423, 954, 1454, 710, 121,
)  # fmt: skip
# Lip gap in outer-eye distances, mouth width relative to rest, smile, press.
WALK = (
    (0.04, 1.0), (0.08, 1.0), (0.13, 1.0), (0.18, 1.0), (0.24, 1.0), (0.20, 1.1), (0.14, 1.13),
    (0.09, 1.12), (0.05, 1.12), (0.02, 1.08), (0.04, 0.95), (0.09, 0.92), (0.15, 0.92),
    (0.21, 0.92), (0.16, 0.84), (0.11, 0.80), (0.06, 0.78), (0.03, 0.80), (0.0, 0.88), (0.0, 1.0),
    (0.03, 1.05), (0.11, 1.05), (0.17, 1.06), (0.12, 0.98),
)  # fmt: skip
JACOBIAN_PEOPLE = 2
MARGIN = 40  # pixels kept around the region, for the warps and for augmentation
SIZE = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
BLOCKS = ("8", "16")
PROBE = 1.6
AJAR = 4.0  # step along the gap direction at which the Jacobian is measured
MAX_STEP, MAX_NORM = 3.2, 9.0
DAMPING = 0.02
TURNED, LOPSIDED, STRANGE = 4.0, 0.035, 0.05  # degrees, io, change of the skin: rejected
BLUR = 8  # px; a film whose eyes are less than ten times this apart is too small


@dataclass(frozen=True, slots=True)
class Directions:
    """Unit changes of the styles and what they do on average.

    Attributes:
        basis: (direction [512], style consumers) pairs.
        jacobian: float64 [measures, len(basis)].
    """

    basis: list[tuple[Array, tuple[int, ...]]]
    jacobian: Array

    def styles(self, base: Array, code: Array) -> Array:
        """Styles [24, 512] of basis coefficients."""
        out = base.copy()
        for c, (direction, layers) in zip(code, self.basis, strict=True):
            out[list(layers)] += c * direction
        return out


def learn_directions(
    generator: Generator, landmarker: Landmarker, samples: Path, latents: list[Array], out: Path
) -> Directions:
    """The mean Jacobian of a few people with their lips apart, kept in ``out``."""
    table = directions(samples)
    chosen = basis(table, MOUTH, BLOCKS)
    found = Directions(chosen, np.zeros(0))
    if out.exists():
        with np.load(out) as z:
            return Directions(chosen, z["jacobian"])
    jacobians = []
    for latent in latents:
        base = np.tile(latent, (generator.layers, 1))
        start = np.zeros(len(chosen))
        start[:2] = AJAR
        image = generator.render(found.styles(base, start))
        face = landmarker(image)
        if face is None:
            continue
        gauge = Gauge(landmarker, face, ("mouth",))
        here = gauge(image)
        if here is None:
            continue
        columns = []
        for j in track(range(len(chosen)), description="directions", transient=True):
            step = start + PROBE * np.eye(len(chosen))[j]
            probe = gauge(generator.render(found.styles(base, step)))
            columns.append(np.zeros_like(here[0]) if probe is None else probe[0] - here[0])
        jacobians.append(np.array(columns).T / PROBE)
    jacobian = np.mean(jacobians, axis=0)
    np.savez(out, jacobian=jacobian)
    return Directions(chosen, jacobian)


def weights(gauge: Gauge) -> Array:
    """How strongly each measure is asked to stay."""
    out = np.zeros(gauge.parts["skin"].stop)
    for name, weight in HOLD_MOUTH.items():
        part = gauge.parts.get(name)
        out[part if part is not None else gauge.index(name)] = weight
    return out


def walk(
    generator: Generator, landmarker: Landmarker, table: Directions, latent: Array, seed: int
) -> tuple[Image, Face, list[tuple[Image, Face]]]:
    """The person at rest, and pictures along `WALK` that still show the same person.

    Raises:
        ValueError: No face is found at rest.
    """
    rng = np.random.default_rng(seed)
    base = np.tile(latent, (generator.layers, 1))
    rest = generator.render(base)
    rest_face = landmarker(rest)
    if rest_face is None:
        raise ValueError("no face at rest")
    gauge = Gauge(landmarker, rest_face, ("mouth",))
    first = gauge(rest)
    if first is None:
        raise ValueError("no face at rest")
    origin = value = first[0]
    weight, jacobian = weights(gauge), table.jacobian.copy()
    code, kept = np.zeros(len(table.basis)), []
    for gap, width in WALK:
        gap, width = gap * rng.uniform(0.85, 1.15), width + rng.uniform(-0.03, 0.03)
        target, w = origin.copy(), weight.copy()
        wanted = {
            "gap": (gap, 14.0), "width": (origin[1] * width, 12.0),
            "chin": (origin[gauge.index("chin")] + JAW * gap, 10.0), "mouthSmile": (0.03, 0.8),
        }  # fmt: skip
        for name, (want, strength) in wanted.items():
            target[gauge.index(name)], w[gauge.index(name)] = want, strength
        for name in ("upper", "lower"):
            target[gauge.index(name)] *= 1 - 0.8 * gap
        scaled = jacobian * w[:, None]
        lhs = scaled.T @ scaled + DAMPING * np.eye(len(code))
        step = np.linalg.solve(lhs, scaled.T @ ((target - value) * w) - DAMPING * code)
        step *= min(1.0, MAX_STEP / np.linalg.norm(step))
        after = code + step
        after *= min(1.0, MAX_NORM / np.linalg.norm(after))
        image = generator.render(table.styles(base, after))
        found = gauge(image)
        if found is None:
            code = 0.5 * code
            continue
        moved, step = found[0] - value, after - code
        jacobian += 0.5 * np.outer(moved - jacobian @ step, step) / (step @ step + 1e-9)
        code, value = after, found[0]
        if same_person(value, origin, gauge):
            kept.append((image, found[1]))
    return rest, rest_face, kept


def same_person(value: Array, origin: Array, gauge: Gauge) -> bool:
    """Whether a picture differs from the one at rest in little but the mouth."""
    change = value - origin
    turned = np.abs(change[gauge.parts["pose"]]).max() * 20
    lopsided = max(abs(change[GEOMETRY.index(n)]) for n in ("tilt", "shift"))
    strange = float(np.sqrt((change[gauge.parts["skin"]] ** 2).mean()))
    smile = value[len(GEOMETRY) + SCORES.index("mouthSmile")]
    return bool(turned < TURNED and lopsided < LOPSIDED and strange < STRANGE and smile < 0.8)


def cut(image: Image, points: Array, rest: Array) -> tuple[Image, Array]:
    """The region with its margin, uint8 [*SIZE, 3], and landmarks in it, float32 [478, 2].

    The eye line of ``rest`` is made level, as it is in avatars.
    """
    corners = rest[[61, 291], :2].mean(0)
    a, b = rest[33, :2], rest[263, :2]
    axis = (b - a) / np.linalg.norm(b - a) * SCALE / eye_distance(rest)
    turn = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]])
    shift = np.array(MIDDLE) + MARGIN - turn @ corners
    matrix = np.column_stack([turn, shift])
    small = image
    ratio = float(np.linalg.norm(axis))
    if ratio < 0.75:  # filtered before it is sampled down
        small = cv2.GaussianBlur(image, (0, 0), 0.4 / ratio)
    picture = cv2.warpAffine(small, matrix, SIZE, flags=cv2.INTER_CUBIC,
                             borderMode=cv2.BORDER_REFLECT)  # fmt: skip
    placed = points[:, :2] @ turn.T + shift
    return picture, placed.astype(np.float32)


def write(path: Path, pictures: list[tuple[Image, Array]], source: str) -> None:
    """Write one person; the first picture is the one at rest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        images=np.stack([image for image, _ in pictures]),
        points=np.stack([points for _, points in pictures]),
        source=np.array(source),
    )
    partial.replace(path)


def people(out: Path, samples: Path, count: int, threads: int) -> None:
    """Make the pictures of ``count`` people and of those held out."""
    generator = Generator(store().pull("mobilestylegan"), threads)
    landmarker = Landmarker(store().pull("face-landmarker") / "face_landmarker.task")
    if not samples.exists():
        sample(generator, landmarker, 1500, samples)
    with np.load(samples) as z:
        latent = dict(zip(z["index"].tolist(), z["latents"], strict=True))
    out.mkdir(parents=True, exist_ok=True)
    start = [latent[i] for i in PEOPLE[:JACOBIAN_PEOPLE]]
    table = learn_directions(generator, landmarker, samples, start, out / "directions.npz")
    chosen = (*PEOPLE[:8], *HELD_OUT, *PEOPLE[8:count])
    for number in track(chosen, description="people"):
        path = out / "people" / f"{number}.npz"
        if path.exists():
            continue
        rest, rest_face, shapes = walk(generator, landmarker, table, latent[number], number)
        ref = rest_face.points
        pictures = [cut(rest, ref, ref)]
        for image, face in shapes:
            pictures.append(cut(*onto_base(image, face, rest, rest_face, "mouth"), ref))
        write(path, pictures, f"MobileStyleGAN sample {number}")
        print(f"{number}: {len(pictures)} of {len(WALK) + 1} pictures kept", flush=True)


def film(path: Path, out: Path, every: int = 2) -> None:
    """A person in a film: each frame brought onto the one whose lips are nearest to closed."""
    landmarker = Landmarker(store().pull("face-landmarker") / "face_landmarker.task")
    frames: list[tuple[Image, Face]] = []
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            picture = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
            face = landmarker(picture) if i % every == 0 else None
            if face is not None and eye_distance(face.points) > 10 * BLUR:
                frames.append((picture, face))
    if not frames:
        raise SystemExit(f"{path}: no face whose eyes are {10 * BLUR} pixels apart")
    gaps = [np.linalg.norm(f.points[13] - f.points[14]) for _, f in frames]
    rest, rest_face = frames[int(np.argmin(gaps))]
    ref = rest_face.points
    pictures = [cut(rest, ref, ref)]
    for picture, face in frames:
        turned = np.abs(face.pose - rest_face.pose).max()
        if turned < 2 * TURNED:
            turn = similarity(face.points[STABLE, :2], ref[STABLE, :2])
            points = face.points[:, :2] @ turn[:, :2].T + turn[:, 2]
            size = picture.shape[1], picture.shape[0]
            moved = cv2.warpAffine(
                picture, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            )
            pictures.append(cut(moved, points, ref))
    write(out / "people" / f"film-{path.stem}.npz", pictures, path.name)


def main() -> None:
    """Make the data, or add films to it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/mouth"))
    parser.add_argument("--samples", type=Path, default=Path("build/anchors/samples.npz"))
    parser.add_argument("--people", type=int, default=len(PEOPLE))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clip", type=Path, action="append", help="add a film instead")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.clip:
        for clip in args.clip:
            film(clip, args.out)
        return
    people(args.out, args.samples, args.people, args.threads)


if __name__ == "__main__":
    main()
