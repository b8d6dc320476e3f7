"""What a glTF or VRM file says of who may use it and for what.

Fields and their values: VRM 0.x ``meta`` and ``VRMC_vrm`` 1.0 ``meta``
(https://github.com/vrm-c/vrm-specification). What a VRM 1 file leaves out counts as its strictest
value, as that specification has it.
"""

from __future__ import annotations

import re
from typing import Any

from digital_human.face.build.gltf_file import GltfFile

_LONG, _LISTED = 200, 8  # characters of a field, and items of a list that are kept
_VRM0 = (
    "title", "author", "contactInformation", "allowedUserName", "commercialUssageName",
    "violentUssageName", "sexualUssageName", "licenseName", "otherPermissionUrl",
    "otherLicenseUrl",
)  # fmt: skip
_VRM1 = (
    "name", "authors", "copyrightInformation", "contactInformation", "thirdPartyLicenses",
    "licenseUrl", "avatarPermission", "commercialUsage", "modification", "allowRedistribution",
    "creditNotation", "allowExcessivelyViolentUsage", "allowExcessivelySexualUsage",
    "allowPoliticalOrReligiousUsage", "allowAntisocialOrHateUsage", "otherLicenseUrl",
)  # fmt: skip


def rights(file: GltfFile) -> str:
    """All that the file says of its rights, in at most 3500 characters; empty for nothing."""
    said = _text(file.document.asset.copyright)
    meta, fields = _meta(file)
    parts = [said] if said else []
    parts += [f"{name}: {text}" for name in fields if (text := _text(meta.get(name)))]
    return "; ".join(parts)[:3500].rstrip()


def denied(file: GltfFile) -> list[str]:
    """What a VRM file does not allow: use by others than its author, commercial use."""
    meta, fields = _meta(file)
    if not meta:
        return []
    if fields is _VRM0:
        user, trade = meta.get("allowedUserName"), meta.get("commercialUssageName")
        own, closed = user in ("OnlyAuthor", "ExplicitlyLicensedPerson"), trade == "Disallow"
    else:
        user = meta.get("avatarPermission", "onlyAuthor")
        trade = meta.get("commercialUsage", "personalNonProfit")
        own, closed = user != "everyone", trade not in ("personalProfit", "corporation")
    out = [f"use by others than its author ({_text(user)})"] if own else []
    return out + ([f"commercial use ({_text(trade)})"] if closed else [])


def _meta(file: GltfFile) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A VRM file's ``meta``, and its fields that tell of rights."""
    match file.document.extensions:
        case {"VRMC_vrm": {"meta": dict(meta)}}:
            return meta, _VRM1
        case {"VRM": {"meta": dict(meta)}}:
            return meta, _VRM0
    return {}, ()


def _text(value: Any) -> str:
    """A field as plain text that can be shown anywhere."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value[:_LISTED])))[:_LONG]
    if not isinstance(value, str):
        return ""
    return re.sub(r"[^\w .,:;()/@&+?=#%~©-]", " ", value[:_LONG]).strip()
