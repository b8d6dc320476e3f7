"""What the targets of a glTF or VRM file are called, in the names of ARKit and of visemes.

Spellings: Apple's names as exporters write them (``jawOpen``, ``JawOpen``, ``blendShape1.jawOpen``,
``mouthSmile_L``), one target for both sides (``mouthSmile``, ``eyesClosed``), Oculus and VRChat
visemes (``viseme_aa``, ``vrc.v_aa``), VRoid's (``Fcl_MTH_A``), MikuMikuDance's (あ), and what VRM 0
groups and VRM 1 expressions bind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.motion import ARKIT

VISEMES = (
    "aa", "E", "I", "O", "U", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR",
)  # fmt: skip
"""Mouth shapes of the Oculus set; VRM's five vowels are the first five."""
_HEAVY = 1e9  # beyond it, a weight is nothing that is meant
_BINDS = 64  # targets of one expression that are read
LOOKS = ("lookUp", "lookDown", "lookLeft", "lookRight")
BOTH = tuple(
    sorted({n[:-4] for n in ARKIT if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")})
)
"""ARKit names without a side: one target for both."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A target of a mesh and its share in an expression."""

    mesh: int
    target: int
    weight: float


Found = dict[str, list[Bind]]
"""Name (of `ARKIT`, `BOTH`, `VISEMES` or `LOOKS`) → the targets that make it."""


def _spellings() -> dict[str, str]:
    keys: dict[str, str] = {}
    for name in ARKIT:
        keys[name.lower()] = name
        for side in ("Left", "Right"):
            if name.endswith(side):
                keys[(name[: -len(side)] + side[0]).lower()] = name
    for name in BOTH:
        keys.setdefault(name.lower(), name)
    for viseme in VISEMES:
        for prefix in ("viseme", "v", "mth", "phoneme", "vowel"):
            keys[f"{prefix}{viseme.lower()}"] = viseme
    more = {
        "aa": ("mouthopen", "openmouth", "あ", "mtha"), "I": ("visemeih", "vih", "い"),
        "U": ("visemeou", "vou", "う"), "E": ("え",), "O": ("visemeoh", "voh", "お"),
        "eyeBlink": ("eyesclosed", "eyesclose", "eyeclose", "blink", "blinkboth", "まばたき"),
        "eyeBlinkLeft": ("blinkleft", "blinkl", "eyecloseleft", "eyeclosel"),
        "eyeBlinkRight": ("blinkright", "blinkr", "eyecloseright", "eyecloser"),
        "mouthSmile": ("smile",),
        "lookUp": ("eyeslookup",), "lookDown": ("eyeslookdown",),
    }  # fmt: skip
    return keys | {key: name for name, spelt in more.items() for key in spelt}


_KEYS = _spellings()
_PRESETS = {
    "a": "aa", "i": "I", "u": "U", "e": "E", "o": "O",
    "aa": "aa", "ih": "I", "ou": "U", "ee": "E", "oh": "O",
    "blink": "eyeBlink", "blinkleft": "eyeBlinkLeft", "blinkright": "eyeBlinkRight",
    "blinkl": "eyeBlinkLeft", "blinkr": "eyeBlinkRight",
    "lookup": "lookUp", "lookdown": "lookDown", "lookleft": "lookLeft", "lookright": "lookRight",
}  # fmt: skip


def meaning(name: str) -> str:
    """The known name that a target's ``name`` spells, empty if none."""
    name = unicodedata.normalize("NFKC", name[:200])
    starts = [0, *(m.end() for m in re.finditer(r"[._:|\- ]", name))]
    for start in starts:
        if found := _KEYS.get(_plain(name[start:])):
            return found
    return ""


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def find(file: GltfFile, names: dict[int, list[str]]) -> Found:
    """Every expression of the file that means something here.

    Args:
        file: The file.
        names: Mesh → names of its targets.
    """
    found: Found = {}
    for mesh, listed in names.items():
        seen: set[str] = set()
        for target, name in enumerate(listed):
            known = meaning(name)
            if known and known not in seen:
                seen.add(known)
                found.setdefault(known, []).append(Bind(mesh, target, 1.0))
    bound: Found = {}
    for name, preset, binds in _expressions(file):
        known = _PRESETS.get(_plain(preset)) or _PRESETS.get(_plain(name)) or meaning(name)
        if known and binds and known not in bound:
            bound[known] = binds[:_BINDS]
    # What a file binds on purpose says more than the name of a target; ARKit names say most.
    return {**bound, **{k: v for k, v in found.items() if k in ARKIT or k not in bound}}


def _expressions(file: GltfFile) -> Iterator[tuple[str, str, list[Bind]]]:
    """Name, preset and targets of the expressions of a VRM file."""
    nodes = file.document.nodes
    match file.document.extensions:
        case {"VRMC_vrm": {"expressions": dict(groups)}}:
            for kind in ("preset", "custom"):
                listed = groups.get(kind)
                for name, expression in (listed if isinstance(listed, dict) else {}).items():
                    raw = _dicts(expression, "morphTargetBinds")
                    binds = [
                        Bind(mesh, target, weight)
                        for b in raw
                        if (node := _index(b.get("node"), len(nodes))) is not None
                        and (mesh := nodes[node].mesh) is not None
                        and (target := _index(b.get("index"), 4096)) is not None
                        and (weight := _weight(b.get("weight"), 1.0))
                    ]
                    yield str(name), str(name) if kind == "preset" else "", binds
        case {"VRM": {"blendShapeMaster": dict(master)}}:
            for group in _dicts(master, "blendShapeGroups"):
                binds = [
                    Bind(mesh, target, weight)
                    for b in _dicts(group, "binds")
                    if (mesh := _index(b.get("mesh"), len(file.document.meshes))) is not None
                    and (target := _index(b.get("index"), 4096)) is not None
                    and (weight := _weight(b.get("weight"), 100.0))
                ]
                yield str(group.get("name")), str(group.get("presetName")), binds


def _dicts(holder: Any, key: str) -> list[dict[str, Any]]:
    listed = holder.get(key) if isinstance(holder, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _index(value: Any, count: int) -> int | None:
    return value if isinstance(value, int) and 0 <= value < count else None


def _weight(value: Any, full: float) -> float:
    fits = isinstance(value, int | float) and abs(value) < _HEAVY
    return min(1.0, max(0.0, float(value) / full)) if fits else 0.0
