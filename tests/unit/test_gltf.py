"""3D models of other programs: ARKit targets, visemes and VRM expressions become heads that talk.

The models are written here, from the CC0 head that is shipped.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from digital_human.errors import InputError, ResourceError
from digital_human.face.animation import Animator
from digital_human.face.avatar import open_avatar
from digital_human.face.build.from_gltf import _unrolled, create_from_gltf
from digital_human.face.build.gltf_bust import cut_bust
from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.build.gltf_look import Look, flatten
from digital_human.face.build.gltf_names import find, meaning
from digital_human.face.build.gltf_rights import denied, rights
from digital_human.face.build.gltf_scene import pose
from digital_human.face.build.gltf_targets import Places, build_targets
from digital_human.face.build.head_marks import find_eye
from digital_human.face.commands import app
from digital_human.face.head_bundle import HeadAvatar, load_head_bundle
from digital_human.face.manifest import DisplayName
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.face.renderers.head_gl import stage
from digital_human.face.renderers.head_shape import HeadShape
from digital_human.face.shape import JAW_GAP, PUCKER, STRETCH
from digital_human.safety.consent import Consents
from digital_human.speech.types import Clause, Phone, Speech

LAN = Path(__file__).resolve().parents[2] / "avatars" / "lan"
METRES, EYES_AT = 0.09, 1.6
VISEMES: dict[str, dict[str, float]] = {
    "aa": {"jawOpen": 0.8}, "E": {"jawOpen": 0.3, "mouthStretch": 0.6},
    "I": {"jawOpen": 0.15, "mouthStretch": 0.9}, "O": {"jawOpen": 0.45, "mouthFunnel": 0.8},
    "U": {"jawOpen": 0.12, "mouthPucker": 0.9}, "PP": {"mouthPress": 0.7},
    "FF": {"mouthRollLower": 0.8, "mouthUpperUp": 0.5}, "SS": {"mouthStretch": 0.5},
}  # fmt: skip
KINDS = ("arkit", "oculus", "vrm0")


class Writer:
    """Makes the accessors of a glTF file."""

    def __init__(self) -> None:
        self.blob = bytearray()
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "copyright": "CC0"}, "accessors": [], "bufferViews": [],
            "images": [], "textures": [], "materials": [], "meshes": [], "nodes": [],
        }  # fmt: skip

    def view(self, raw: bytes) -> int:
        views = self.json["bufferViews"]
        views.append({"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(raw)})
        self.blob += raw + bytes(-len(raw) % 4)
        return len(views) - 1

    def accessor(self, array: np.ndarray, kind: str) -> int:
        component = {"f": 5126, "u": 5125}[array.dtype.kind]
        self.json["accessors"].append({
            "bufferView": self.view(array.tobytes()), "componentType": component,
            "count": len(array), "type": kind,
        })  # fmt: skip
        return len(self.json["accessors"]) - 1

    def material(self, picture: np.ndarray) -> int:
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "PNG", compress_level=1)
        self.json["images"].append({"bufferView": self.view(out.getvalue()), "mimeType": "x"})
        self.json["textures"].append({"source": len(self.json["images"]) - 1})
        colour = {"baseColorTexture": {"index": len(self.json["textures"]) - 1}}
        self.json["materials"].append({"pbrMetallicRoughness": colour})
        return len(self.json["materials"]) - 1

    def glb(self) -> bytes:
        self.json["buffers"] = [{"byteLength": len(self.blob)}]
        return pack(self.json, bytes(self.blob))


def pack(document: dict[str, Any], blob: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob))
    return (
        head + struct.pack("<I4s", len(text), b"JSON") + text
        + struct.pack("<I4s", len(blob), b"BIN\0") + blob
    )  # fmt: skip


def unpack(blob: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack_from("<I", blob, 12)[0]
    return json.loads(blob[20 : 20 + size]), blob[28 + size :]


@cache
def lan() -> HeadAvatar:
    return load_head_bundle(LAN)


def curves(**values: float) -> np.ndarray:
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                out[INDEX[name + side]] = value
    return out


def displacements(kind: str) -> dict[str, np.ndarray]:
    """Targets of a model of one kind, [n, 3] in io."""
    mesh = lan().mesh
    full = {name: np.zeros_like(mesh.positions) for name in ARKIT if name in mesh.targets}
    count = mesh.offsets.shape[1]
    for name, field in full.items():
        field[:count] = mesh.offsets[mesh.targets[name]]
    if kind == "arkit":
        return full
    out = {"blink": full["eyeBlinkLeft"] + full["eyeBlinkRight"]}
    shape = HeadShape(mesh)
    for name, values in VISEMES.items():
        moved, _ = shape.frame(curves(**values), np.zeros(6, np.float32), 0.0, 0.0)
        out[name] = np.zeros_like(mesh.positions)
        out[name][:count] = moved[:, :3] - mesh.positions[:count]
    return out


@cache
def model(kind: str) -> bytes:
    """A GLB of the shipped head's face, mouth and eyes, with a turned and scaled node."""
    mesh, write = lan().mesh, Writer()
    targets = displacements(kind)
    names = list(targets)
    about = np.array([-1, 1, -1] if kind == "vrm0" else [1, 1, 1], np.float32)
    for part in mesh.parts:
        if part.material not in ("skin", "mouth", "eye"):
            continue
        own = mesh.triangles[part.first : part.first + part.count]
        used, local = np.unique(own, return_inverse=True)
        picture = lan().textures[part.texture][::8, ::8, :3]
        primitive = {
            "attributes": {
                "POSITION": write.accessor(mesh.positions[used] * about, "VEC3"),
                "TEXCOORD_0": write.accessor(mesh.uv[used], "VEC2"),
            },
            "indices": write.accessor(local.reshape(-1).astype(np.uint32), "SCALAR"),
            "material": write.material(np.ascontiguousarray(picture)),
            "targets": [
                {"POSITION": write.accessor(targets[name][used] * about, "VEC3")} for name in names
            ],
        }  # fmt: skip
        described = {"primitives": [primitive]}
        spelt = {"arkit": "blendShape1.{}", "oculus": "viseme_{}"}.get(kind)
        if spelt is not None:
            titles = [n if n == "blink" else spelt.format(n) for n in names]
            described["extras"] = {"targetNames": titles}
        write.json["meshes"].append(described)
        side = "Left" if mesh.positions[used, 0].mean() > 0 else "Right"
        name = f"Eye{side}" if part.material == "eye" else part.material
        write.json["nodes"].append({"mesh": len(write.json["meshes"]) - 1, "name": name})
    leaves = list(range(len(write.json["nodes"])))
    write.json["nodes"].append(
        {"children": leaves, "scale": [METRES] * 3, "translation": [0.1, EYES_AT, 0.2]}
    )
    write.json |= {"scene": 0, "scenes": [{"nodes": [len(leaves)]}]}
    write.json["extensions"] = vrm(kind, names, len(leaves))
    return write.glb()


def vrm(kind: str, names: list[str], meshes: int) -> dict[str, Any]:
    """The VRM header of a model."""
    presets = {"aa": "a", "I": "i", "U": "u", "E": "e", "O": "o", "blink": "blink"}
    if kind == "vrm0":
        groups = [
            {
                "name": preset.upper(), "presetName": preset,
                "binds": [
                    {"mesh": m, "index": names.index(name), "weight": 100} for m in range(meshes)
                ],
            }
            for name, preset in presets.items()
        ]  # fmt: skip
        return {"VRM": {"blendShapeMaster": {"blendShapeGroups": groups}}}
    if kind == "vrm1":
        spelt = {"aa": "aa", "I": "ih", "U": "ou", "E": "ee", "O": "oh", "blink": "blink"}
        preset = {
            spelt[name]: {
                "morphTargetBinds": [
                    {"node": n, "index": names.index(name), "weight": 1.0} for n in range(meshes)
                ]
            }
            for name in presets
        }
        return {"VRMC_vrm": {"specVersion": "1.0", "expressions": {"preset": preset}}}
    return {}


def quiet(_: str, __: float) -> None: ...


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], HeadAvatar]]:
    """Makes the avatar of a kind once."""
    try:
        stage()
    except ResourceError as error:
        pytest.skip(f"no OpenGL without a display here: {error.message}")
    folder = tmp_path_factory.mktemp("models")
    avatars: dict[str, HeadAvatar] = {}

    def make(kind: str) -> HeadAvatar:
        if kind not in avatars:
            path = folder / f"{kind}.{'vrm' if 'vrm' in kind else 'glb'}"
            path.write_bytes(model(kind))
            display = DisplayName(zh="某", en="Some")
            create_from_gltf(path, kind, None, display, "female", folder / kind, quiet)
            opened = open_avatar(folder / kind)
            assert isinstance(opened, HeadAvatar)
            avatars[kind] = opened
        return avatars[kind]

    yield make


def points(head: HeadAvatar, **values: float) -> dict[str, np.ndarray]:
    frame = HeadShape(head.mesh).frame(curves(**values), np.zeros(6, np.float32), 0.0, 0.0)[0]
    return {name: frame[i, :3].copy() for name, i in head.mesh.marks.items()}


def gap(head: HeadAvatar, **values: float) -> float:
    p = points(head, **values)
    return float(p["lip_upper"][1] - p["lip_lower"][1])


@pytest.mark.parametrize("kind", KINDS)
def test_any_model_obeys_the_convention(made: Callable[[str], HeadAvatar], kind: str) -> None:
    head = made(kind)
    for jaw in (0.1, 0.3, 0.6, 1.0):
        assert gap(head, jawOpen=jaw) == pytest.approx(JAW_GAP * jaw, abs=0.015)
    for jaw in (0.2, 0.5):
        assert gap(head, jawOpen=jaw, mouthClose=jaw) == pytest.approx(0, abs=0.015)
    rest = points(head)
    width = float(rest["corner_left"][0] - rest["corner_right"][0])
    for name, change in (("mouthPucker", PUCKER), ("mouthStretch", STRETCH)):
        p = points(head, **{name: 1.0})
        have = float(p["corner_left"][0] - p["corner_right"][0]) / width
        assert have == pytest.approx(1 + change, abs=0.05), name
    shut = points(head, eyeBlink=1.0)
    for side in ("right", "left"):
        upper, lower = f"lid_upper_{side}", f"lid_lower_{side}"
        opening = rest[upper][1] - rest[lower][1]
        assert opening > 0.05
        assert abs(shut[upper][1] - shut[lower][1]) < 0.15 * opening


@pytest.mark.parametrize("kind", KINDS)
def test_it_lies_where_the_shipped_head_lies(made: Callable[[str], HeadAvatar], kind: str) -> None:
    head, own = made(kind), lan()
    assert head.manifest.kind == "head" and head.manifest.person == "generated"
    for name in ("lip_upper", "lip_lower", "corner_left", "corner_right", "chin"):
        here, there = (a.mesh.positions[a.mesh.marks[name]] for a in (head, own))
        assert np.abs(here - there).max() < 0.08, name
    assert np.abs(head.mesh.positions[:, 0]).max() < 3.5
    assert head.mesh.eyes[:, 3] == pytest.approx(own.mesh.eyes[:, 3], rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_speech_opens_and_shuts_the_mouth_in_the_picture(
    made: Callable[[str], HeadAvatar], kind: str
) -> None:
    head = made(kind)
    renderer = head.renderer(240)
    rest = renderer.render(MotionFrame.rest()).copy()
    face, scale = head.manifest.face, 240 / head.manifest.canvas[1]
    io_px = face.eye_distance * scale
    middle, lips = face.eyes[0] * scale, face.eyes[1] * scale + 0.77 * io_px
    box = (
        slice(int(lips - 0.2 * io_px), int(lips + 0.3 * io_px)),
        slice(int(middle - 0.3 * io_px), int(middle + 0.3 * io_px)),
    )
    assert (rest[box][..., 3] > 250).all()
    phones = [("_", 200), ("a", 240), ("m", 160), ("a", 240), ("_", 600)]
    at, marks = 0, []
    for symbol, ms in phones:
        marks.append(Phone(symbol, at, at + 24 * ms, 1.0))
        at += 24 * ms
    buzz = 0.4 * np.sin(2 * np.pi * 180 * np.arange(at) / 24000)
    said = Speech(Clause("x", "zh"), "x", buzz.astype(np.float32), 24000, tuple(marks), (), 0)
    animator = Animator(25, 1)
    animator.add(said, 0)
    frames = [animator.frame(i) for i in range(36)]
    opened = []
    for frame in frames:
        picture = renderer.render(_mouth_only(frame))[box].astype(int)
        inside = (rest[box].astype(int) - picture)[..., :3].min(axis=-1) > 40
        opened.append(int(inside.sum()))
    assert min(max(opened[7:10]), max(opened[16:20])) > 40
    assert min(opened[11:15]) < 8
    assert max(opened[30:]) < 8


def _mouth_only(frame: MotionFrame) -> MotionFrame:
    """Without the sway of the head, which changes every pixel."""
    return MotionFrame(frame.curves, np.zeros(6, np.float32), frame.tongue, 0.0, 0, 0)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("jawOpen", "jawOpen"), ("JawOpen", "jawOpen"), ("blendShape1.jawOpen", "jawOpen"),
        ("mouthSmile_L", "mouthSmileLeft"), ("mouthSmileLeft", "mouthSmileLeft"),
        ("Wolf3D_Head_jawOpen", "jawOpen"), ("mouth_roll_lower", "mouthRollLower"),
        ("EyeBlink_R", "eyeBlinkRight"), ("eyesClosed", "eyeBlink"), ("mouthSmile", "mouthSmile"),
        ("viseme_aa", "aa"), ("viseme_PP", "PP"), ("viseme_ou", "U"), ("vrc.v_oh", "O"),
        ("Fcl_MTH_A", "aa"), ("Fcl_EYE_Close_L", "eyeBlinkLeft"), ("あ", "aa"),
        ("viseme_sil", ""), ("Basis", ""), ("", ""), ("Fcl_BRW_Angry", ""), ("a", ""),
    ],
)  # fmt: skip
def test_what_targets_are_called(name: str, known: str) -> None:
    assert meaning(name) == known


def test_the_command_makes_an_avatar_with_consent(home: Path, tmp_path: Path) -> None:
    try:
        stage()
    except ResourceError as error:
        pytest.skip(f"no OpenGL without a display here: {error.message}")
    path, agreed = tmp_path / "head.vrm", tmp_path / "c.toml"
    document, blob = unpack(model("vrm1"))
    meta = {"authors": ["Shop"], "avatarPermission": "onlyAuthor", "commercialUsage": "corporation"}
    document["extensions"]["VRMC_vrm"]["meta"] = meta
    path.write_bytes(pack(document, blob))
    until = date.today() + timedelta(days=9)
    agreed.write_text(
        'subject = "Some"\nperson = "real"\ngranted_by = "Some"\nuses = ["live"]\n'
        f'until = {until}\nstatement = "My own head."\nlicence = "Mine."\n'
    )
    words = ["create", "some", "--model", str(path), "--consent", str(agreed)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    avatar = open_avatar("some")
    assert isinstance(avatar, HeadAvatar)
    assert gap(avatar, jawOpen=0.5) == pytest.approx(JAW_GAP / 2, abs=0.015)
    assert avatar.manifest.licence == "Mine." and "CC0" in avatar.manifest.made
    assert "authors: Shop; avatarPermission: onlyAuthor" in avatar.manifest.made
    shown = result.output
    assert "does not allow use by others than its author (onlyAuthor)" in shown
    assert "commercial use" not in shown
    granted = Consents().list()
    assert [c.id for c in granted] == [avatar.manifest.consent]
    path.write_bytes(model("vrm1")[:-40_000])
    with pytest.raises(InputError, match="cut off"):
        CliRunner().invoke(app, [*words, "--replace"], catch_exceptions=False)
    assert len(Consents().list()) == 1 and open_avatar("some")


def read(path: Path) -> None:
    """All that is done with a file before something is drawn."""
    file = GltfFile(path)
    bust = cut_bust(file, posed := pose(file), find(file, posed.names))
    build_targets(bust.fields, Places(bust.positions, bust.skin, bust.marks), eyes_turn=False)
    for look, _ in bust.looks:
        if look.texture >= 0:
            file.picture(look.texture)


def _no_targets(j: dict[str, Any]) -> None:
    for mesh in j["meshes"]:
        mesh["primitives"][0].pop("targets")


def _no_mouth(j: dict[str, Any]) -> None:
    for mesh in j["meshes"]:
        mesh["extras"]["targetNames"] = ["left", "right"]


def _still(j: dict[str, Any]) -> None:
    for mesh in j["meshes"]:
        for accessor in (t["POSITION"] for t in mesh["primitives"][0]["targets"]):
            j["accessors"][accessor].pop("bufferView")


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(j: dict[str, Any]) -> None:
        for key in path[:-1]:
            j = j[key]
        j[path[-1]] = value

    return change


def _same_target(count: int) -> Callable[[dict[str, Any]], None]:
    """Many targets that share one accessor, so that the file stays small."""

    def change(j: dict[str, Any]) -> None:
        for mesh in j["meshes"]:
            opener = mesh["extras"]["targetNames"].index("blendShape1.jawOpen")
            targets = mesh["primitives"][0]["targets"]
            targets += [targets[opener]] * (count - len(targets))
        j["meshes"] *= 3
        j["nodes"] += [{"mesh": i} for i in range(len(j["meshes"]))]
        j["scenes"][0]["nodes"] += range(len(j["nodes"]) - len(j["meshes"]), len(j["nodes"]))

    return change


PRIMITIVE = ("meshes", 0, "primitives", 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_no_targets, "no morph targets"),
        (_no_mouth, "no target opens the mouth"),
        (_still, "no target opens the mouth"),
        (_set("extensionsRequired", value=["KHR_draco_mesh_compression"]), "Draco"),
        (_set("extensionsRequired", value=["EXT_meshopt_compression"]), "meshopt"),
        (_set("extensionsRequired", value=["ACME_secret"]), "ACME_secret"),
        (_set("asset", "version", value="1.0"), "must be glTF 2"),
        (_set("buffers", 0, "uri", value="../../etc/passwd"), "outside of the file"),
        (_set("buffers", 0, "uri", value="https://example.org/x.bin"), "outside of the file"),
        (_set("images", 0, value={"uri": "file:///etc/passwd"}), "outside of the file"),
        (_set("accessors", 0, "count", value=2**40), "more than 500000 vertices"),
        (_set("accessors", 0, "count", value=400_000), "leads out"),
        (_set("accessors", 3, "count", value=2**40), "too many vertices"),
        (_set("accessors", 0, "count", value=-1), "count"),
        (_set("accessors", 0, "bufferView", value=10**6), "buffer view 1000000"),
        (_set("accessors", 0, "byteOffset", value=2**31), "leads out"),
        (_set("accessors", 0, "byteOffset", value=10**30), "leads out"),
        (_set("accessors", 0, "type", value="VEC2"), "must be VEC3"),
        (_set("accessors", 0, "componentType", value=9), "not read"),
        (_set("accessors", 2, "count", value=3), "leads out|mouth|vertices|cavity"),
        (_set("bufferViews", 0, "byteLength", value=2**31), "leads out"),
        (_set(*PRIMITIVE, "attributes", "POSITION", value=10**6), "accessor 1000000"),
        (_set(*PRIMITIVE, "attributes", "POSITION", value=2), "must be VEC3"),
        (_set(*PRIMITIVE, "indices", value=0), "must be SCALAR"),
        (_set(*PRIMITIVE, "material", value=99), "material 99"),
        (_set("nodes", 0, "children", value=[0]), "twice"),
        (_set("nodes", 0, "mesh", value=77), "mesh 77"),
        (_set("nodes", 0, "skin", value=5), "skin 5"),
        (_set("nodes", 0, "scale", value=[1e8] * 3), "finite"),
        (_set("scenes", 0, "nodes", value=[]), "no triangles"),
        (_set("scene", value=4), "scene 4"),
        (_set("nodes", value={}), "nodes"),
        (_same_target(2048), "move too many vertices"),
    ],
)
def test_what_is_wrong_with_a_model_is_said(
    change: Callable[[dict[str, Any]], None], reason: str, tmp_path: Path
) -> None:
    document, blob = unpack(model("arkit"))
    change(document)
    path = tmp_path / "x.glb"
    path.write_bytes(pack(document, blob))
    with pytest.raises(InputError, match=reason):
        read(path)


def _opened(document: dict[str, Any], blob: bytes, path: Path) -> GltfFile:
    path.write_bytes(pack(document, blob))
    return GltfFile(path)


def test_numbers_that_are_out_of_all_bounds_mean_nothing(tmp_path: Path) -> None:
    document, blob = unpack(tiny())
    huge = 10**400
    move = {"KHR_texture_transform": {"offset": [huge, 0], "rotation": huge, "scale": [huge, 1]}}
    colour = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    plain = pose(_opened(document, blob, tmp_path / "a.glb")).pieces[0].uv
    colour["extensions"] = move
    primitive = document["meshes"][0]["primitives"][0]
    still = pose(_opened(document, blob, tmp_path / "b.glb")).pieces[0].uv
    assert not np.allclose(plain, still)
    given_uv = GltfFile(tmp_path / "b.glb").array(primitive["attributes"]["TEXCOORD_0"], "VEC2")
    assert len(given_uv) == 18 and still.min() == given_uv[:15].min()
    document["extensions"]["VRMC_vrm"]["expressions"]["preset"]["aa"]["morphTargetBinds"][0][
        "weight"
    ] = huge
    file = _opened(document, blob, tmp_path / "c.glb")
    assert "aa" not in find(file, pose(file).names)


@pytest.mark.parametrize(("size", "said"), [(20_000, "too many pixels"), (12_000, "12000×12000")])
def test_a_picture_that_claims_to_be_huge_is_refused(size: int, said: str, tmp_path: Path) -> None:
    document, blob = unpack(tiny())
    out = io.BytesIO()
    Image.new("1", (1, 1)).save(out, "PNG")
    png = bytearray(out.getvalue())
    struct.pack_into(">II", png, 16, size, size)
    struct.pack_into(">I", png, 29, zlib.crc32(png[12:29]))
    uri = "data:image/png;base64," + base64.b64encode(png).decode()
    document["images"][0] = {"uri": uri}
    with pytest.raises(InputError, match=said):
        _opened(document, blob, tmp_path / "x.glb").picture(0)


def test_joints_are_whole_numbers_with_weights(tmp_path: Path) -> None:
    document, blob = unpack(tiny())
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    joints = document["accessors"][attributes["JOINTS_0"]]
    for signed in (5120, 5122):
        joints["componentType"] = signed
        with pytest.raises(InputError, match="no whole numbers from 0"):
            pose(_opened(document, blob, tmp_path / "x.glb"))
    joints["componentType"] = 5125
    pose(_opened(document, blob, tmp_path / "x.glb"))
    attributes.pop("WEIGHTS_0")
    with pytest.raises(InputError, match="joints without weights"):
        pose(_opened(document, blob, tmp_path / "x.glb"))


def test_a_blink_that_moves_the_whole_face_shows_no_eye() -> None:
    points = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    down = np.tile(np.array([0, -0.1, 0], np.float32), (50, 1))
    with pytest.raises(InputError, match="moves more than eyelids"):
        find_eye(points, down, np.arange(50, dtype=np.int32))


def test_names_without_targets_are_not_read(tmp_path: Path) -> None:
    document, blob = unpack(tiny())
    document["meshes"][0]["extras"]["targetNames"] += ["mouthClose"] * 1000
    file = _opened(document, blob, tmp_path / "x.glb")
    assert pose(file).names == {0: ["jawOpen", "eyeBlink"]}


def test_a_texture_may_take_other_coordinates(tmp_path: Path) -> None:
    document, blob = unpack(tiny())
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    colour = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    attributes["TEXCOORD_3"] = attributes.pop("TEXCOORD_0")
    assert not _uv_varies(_opened(document, blob, tmp_path / "x.glb"))
    colour["extensions"]["KHR_texture_transform"]["texCoord"] = 3
    assert _uv_varies(_opened(document, blob, tmp_path / "x.glb"))


def _uv_varies(file: GltfFile) -> bool:
    return bool(np.ptp(pose(file).pieces[0].uv, axis=0).min() > 0.1)


def test_too_many_materials_are_refused_before_a_picture_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, blob = unpack(model("arkit"))
    source = document["meshes"][0]["primitives"][0]
    corners = document["accessors"][source["indices"]]
    for i in range(33):
        document["materials"].append(
            {"pbrMetallicRoughness": {**document["materials"][0]["pbrMetallicRoughness"],
                                      "baseColorFactor": [i / 33, 1, 1, 1]}}
        )  # fmt: skip
        document["accessors"].append({**corners, "count": 3, "byteOffset": 12 * i})
        document["meshes"][0]["primitives"].append({
            **source, "indices": len(document["accessors"]) - 1,
            "material": len(document["materials"]) - 1,
        })  # fmt: skip
    path = tmp_path / "x.glb"
    path.write_bytes(pack(document, blob))
    read_pictures: list[int] = []
    monkeypatch.setattr(GltfFile, "picture", lambda self, i: read_pictures.append(i))
    with pytest.raises(InputError, match=r"have \d+ materials, at most 32"):
        _create(path, tmp_path)
    assert not read_pictures


def _create(path: Path, tmp_path: Path, told: Callable[[str, float], None] = quiet) -> None:
    display = DisplayName(zh="某", en="Some")
    create_from_gltf(path, "some", None, display, "female", tmp_path / "some", told)


def test_a_mouth_that_cannot_open_is_refused(tmp_path: Path) -> None:
    document, blob = unpack(model("arkit"))
    weak = bytearray(blob)
    for mesh in document["meshes"]:
        names = mesh["extras"]["targetNames"]
        opener = names.index("blendShape1.jawOpen")
        mesh["extras"]["targetNames"] = [n if "jawOpen" in n or "eye" in n else "-" for n in names]
        accessor = document["accessors"][mesh["primitives"][0]["targets"][opener]["POSITION"]]
        at = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
        own = np.frombuffer(blob, "<f4", accessor["count"] * 3, at) * np.float32(0.005)
        weak[at : at + own.nbytes] = own.tobytes()
    path = tmp_path / "x.glb"
    path.write_bytes(pack(document, bytes(weak)))
    with pytest.raises(InputError, match="the mouth does not open: target jawOpen"):
        _create(path, tmp_path)


def test_a_face_beyond_its_bust_is_refused(tmp_path: Path) -> None:
    document, blob = unpack(model("arkit"))
    document["nodes"][-1]["scale"] = [METRES, 10 * METRES, METRES]
    with pytest.raises(InputError, match="lies outside of head and shoulders"):
        read_path = tmp_path / "x.glb"
        read_path.write_bytes(pack(document, blob))
        read(read_path)


@pytest.mark.parametrize(
    ("extensions", "said", "not_allowed"),
    [
        ({}, "CC0", []),
        (
            {"VRM": {"meta": {"author": "A<b>", "allowedUserName": "OnlyAuthor",
                              "commercialUssageName": "Disallow", "texture": 3}}},
            "CC0; author: A b; allowedUserName: OnlyAuthor; commercialUssageName: Disallow",
            ["use by others than its author (OnlyAuthor)", "commercial use (Disallow)"],
        ),
        (
            {"VRM": {"meta": {"allowedUserName": "Everyone", "commercialUssageName": "Allow",
                              "licenseName": "CC_BY"}}},
            "CC0; allowedUserName: Everyone; commercialUssageName: Allow; licenseName: CC_BY",
            [],
        ),
        (
            {"VRMC_vrm": {"meta": {"authors": ["A", 7, "B"], "avatarPermission": "everyone",
                                   "commercialUsage": "personalNonProfit",
                                   "allowRedistribution": False}}},
            "CC0; authors: A, B; avatarPermission: everyone; commercialUsage: personalNonProfit; "
            "allowRedistribution: no",
            ["commercial use (personalNonProfit)"],
        ),
        (
            {"VRMC_vrm": {"meta": {"name": "x" * 9000}}},
            "CC0; name: " + "x" * 200,
            ["use by others than its author (onlyAuthor)", "commercial use (personalNonProfit)"],
        ),
        ({"VRMC_vrm": {"meta": ["x"]}, "VRM": 3}, "CC0", []),
    ],
)  # fmt: skip
def test_what_a_model_says_of_its_rights_is_kept(
    extensions: dict[str, Any], said: str, not_allowed: list[str], tmp_path: Path
) -> None:
    document, blob = unpack(tiny())
    document["extensions"] = extensions
    file = _opened(document, blob, tmp_path / "x.vrm")
    assert rights(file) == said
    assert denied(file) == not_allowed


def test_materials_are_drawn_as_the_file_says() -> None:
    grey = np.full((2, 2, 4), (200, 200, 200, 90), np.uint8)
    look = Look(0, (1.0, 0.5, 0.25, 0.5), "OPAQUE", 0.5, flat=False)
    assert (flatten(grey, look)[..., 3] == 255).all()
    red, green, blue = flatten(grey, look)[0, 0, :3]
    assert red == 200 and green == round(200 * 0.5 ** (1 / 2.2)) and blue < green
    assert flatten(grey, replace(look, alpha="BLEND"))[0, 0, 3] == 45
    # The shader cuts at 0.5; this file's mask shows what is over 0.1.
    assert flatten(grey, replace(look, alpha="MASK", cutoff=0.1))[0, 0, 3] > 128
    assert flatten(grey, replace(look, alpha="MASK", cutoff=0.6))[0, 0, 3] < 128
    assert (flatten(None, look)[0, 0, :3] == (255, 186, 136)).all()


def test_textures_that_repeat_are_unrolled() -> None:
    uv = np.array([[3.2, -1.9], [3.8, -1.9], [3.2, -1.1], [5.7, -1.1]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    source, moved, local, tiles = _unrolled(uv, triangles)
    assert tiles == (3, 1)
    back = moved * tiles
    assert np.allclose(back[local[0]], uv[triangles[0]] - (3, -2), atol=1e-5)
    assert np.allclose(back[local[1]], uv[triangles[1]] - (3, -2), atol=1e-5)
    assert np.array_equal(source[local], triangles)


def test_a_triangle_out_of_range_is_refused(tmp_path: Path) -> None:
    document, blob = unpack(model("arkit"))
    index = document["accessors"][document["meshes"][0]["primitives"][0]["indices"]]
    at = document["bufferViews"][index["bufferView"]]["byteOffset"]
    broken = bytearray(blob)
    broken[at : at + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "x.glb"
    path.write_bytes(pack(document, bytes(broken)))
    with pytest.raises(InputError, match="a triangle leads out"):
        read(path)


def test_a_text_file_with_data_uris_reads_the_same(tmp_path: Path) -> None:
    document, blob = unpack(model("oculus"))
    uri = "data:application/octet-stream;base64," + base64.b64encode(blob).decode()
    document["buffers"] = [{"byteLength": len(blob), "uri": uri}]
    text, binary = tmp_path / "x.gltf", tmp_path / "x.glb"
    text.write_text(json.dumps(document))
    binary.write_bytes(model("oculus"))
    here, there = (pose(GltfFile(p)).pieces[0].positions for p in (text, binary))
    assert np.array_equal(here, there)
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64,%%%"
    text.write_text(json.dumps(document))
    with pytest.raises(InputError, match="base64"):
        read(text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.floats(0, 1),
    noise=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    in_json=st.booleans(),
)
def test_garbled_files_are_refused_or_read(
    tmp_path: Path, cut: float, noise: list[tuple[float, int]], in_json: bool
) -> None:
    blob = bytearray(tiny())
    end = 20 + struct.unpack_from("<I", blob, 12)[0] if in_json else len(blob)
    for where, value in noise:
        blob[int(where * end)] = value
    if not noise:
        blob = blob[: int(cut * len(blob))]
    path = tmp_path / "x.glb"
    path.write_bytes(blob)
    try:
        read(path)
    except InputError as error:
        assert "x.glb" in error.message


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.sampled_from(
                [None, True, -1, 0, 1, 2, 7, 2**31, 2**70, 0.5, 1e308, "", "x", [], [0], {}]
            ),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_senseless_values_are_refused_or_read(tmp_path: Path, changes: list[Any]) -> None:
    document, blob = unpack(tiny())
    places: list[tuple[Any, Any]] = []
    todo: list[Any] = [document]
    while todo:
        holder = todo.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        places += [(holder, key) for key in keys]
        todo += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    for index, value in changes:
        holder, key = places[index % len(places)]
        holder[key] = value
    path = tmp_path / "x.glb"
    path.write_bytes(pack(document, blob))
    try:
        read(path)
    except InputError as error:
        assert "x.glb" in error.message


@cache
def tiny() -> bytes:
    """A mouth of a few triangles with the ARKit model's JSON around it."""
    write = Writer()
    grid = np.array([[x, y, 0.02 * x * x] for y in (1, 0.6, 0, 0, -0.4, -1) for x in (-1, 0, 1)])
    grid = grid.astype(np.float32)
    jaw, blink = np.zeros_like(grid), np.zeros_like(grid)
    jaw[9:, 1], blink[:3, 1] = -0.3, -0.1
    quads = [r * 3 + c for r in (0, 1, 3, 4) for c in (0, 1)]
    corners = np.array([[i, i + 3, i + 1, i + 1, i + 3, i + 4] for i in quads], np.uint32)
    write.json["meshes"] = [{
        "primitives": [{
            "attributes": {"POSITION": write.accessor(grid, "VEC3")},
            "indices": write.accessor(corners.reshape(-1), "SCALAR"),
            "material": write.material(np.full((4, 4, 3), 200, np.uint8)),
            "targets": [{"POSITION": write.accessor(a, "VEC3")} for a in (jaw, blink)],
        }],
        "extras": {"targetNames": ["jawOpen", "eyeBlink"]},
    }]  # fmt: skip
    joints = np.zeros((len(grid), 4), np.uint32)
    weights = np.tile(np.array([0.6, 0.4, 0, 0], np.float32), (len(grid), 1))
    primitive = write.json["meshes"][0]["primitives"][0]
    primitive["attributes"]["JOINTS_0"] = write.accessor(joints, "VEC4")
    primitive["attributes"]["WEIGHTS_0"] = write.accessor(weights, "VEC4")
    write.json["skins"] = [{"joints": [1, 2]}]
    write.json["nodes"] = [
        {"mesh": 0, "skin": 0}, {"name": "Head", "children": [2], "rotation": [0, 0, 0, 1]},
        {"name": "LeftEye", "translation": [0, 1, 2]}, {"name": "LeftArm", "children": [4]},
        {"name": "LeftForeArm", "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1]},
    ]  # fmt: skip
    bind = {"node": 0, "index": 0, "weight": 1}
    old = {"mesh": 0, "index": 0, "weight": 100}
    write.json["extensions"] = {
        "VRMC_vrm": {
            "humanoid": {"humanBones": {"head": {"node": 1}, "leftEye": {"node": 2}}},
            "expressions": {"preset": {"aa": {"morphTargetBinds": [bind]}}, "custom": {}},
        },
        "VRM": {
            "humanoid": {"humanBones": [{"bone": "head", "node": 1}]},
            "blendShapeMaster": {
                "blendShapeGroups": [{"name": "A", "presetName": "a", "binds": [old]}]
            },
        },
    }
    move = {"offset": [0, 0.5], "rotation": 1, "scale": [2, 2]}
    colour = write.json["materials"][0]["pbrMetallicRoughness"]
    colour["baseColorFactor"] = [1, 1, 1, 0.5]
    colour["baseColorTexture"]["extensions"] = {"KHR_texture_transform": move}
    primitive["attributes"]["TEXCOORD_0"] = write.accessor(grid[:, :2].copy(), "VEC2")
    return write.glb()


def test_the_fuzzed_model_is_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "x.glb"
    path.write_bytes(tiny())
    read(path)
