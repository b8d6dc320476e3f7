"""Imports attractions in the layout of CrossWOZ's database: ``[[name, {field: value}], …]``.

Zhu et al., "CrossWOZ: A Large-Scale Chinese Cross-Domain Task-Oriented Dialogue Dataset", 2020.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypinyin import lazy_pinyin

from digital_human.dialogue.place.files import MAX_FILE
from digital_human.errors import InputError

_HOURS = ("营业时间", "开放时间")
_ABOUT = ("介绍", "简介")
_OPEN = re.compile(r"(\d{1,2}[:：]\d{2})\s*[-–—~至到]+\s*(\d{1,2}[:：]\d{2})")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(分钟|小时|天)")
_MINUTES = {"分钟": 1, "小时": 60, "天": 480}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote.

    Attributes:
        spots: How many.
        hours: How many have hours.
        left: Fields that were not taken over, and how often.
    """

    spots: int
    hours: int
    left: dict[str, int]


def import_crosswoz(file: Path, folder: Path, name: str = "") -> Imported:
    """Write a place's folder from a CrossWOZ-style file.

    Args:
        file: JSON: a list of pairs of a name and its fields, or of objects with ``名称``.
        folder: New folder.
        name: Of the place; by default the file's.

    Raises:
        InputError: The file is of another layout, or the folder is there already.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already", fix="name a new folder")
    rows = list(_rows(file))
    ids: set[str] = set()
    spots, hours, tickets, texts = [], [], [], []
    left: dict[str, int] = {}
    for title, fields in rows:
        one = _id(title, ids)
        spots.append(_spot(one, title, fields))
        if found := _OPEN.search(next((str(fields[k]) for k in _HOURS if fields.get(k)), "")):
            opens, closes = (part.replace("：", ":") for part in found.groups())
            hours.append({"of": one, "opens": opens, "closes": closes})
        if isinstance(price := fields.get("门票"), int | float):
            tickets.append({"of": one, "price": price})
        if about := next((str(fields[k]) for k in _ABOUT if fields.get(k)), ""):
            texts.append(f"## {title}\n\n{about.strip()}\n")
        for field in set(fields) - _TAKEN:
            left[field] = left.get(field, 0) + 1
    folder.mkdir(parents=True)
    pages = 'pages = "pages"\n' if texts else ""
    head = f'format = 1\ntimezone = "Asia/Shanghai"\n{pages}'
    label = json.dumps(name or file.stem, ensure_ascii=False)
    (folder / "place.toml").write_text(f"{head}\n[names]\nzh = {label}\n", "utf-8")
    for listed, entries in (("spots", spots), ("hours", hours), ("tickets", tickets)):
        if entries:
            text = json.dumps(entries, ensure_ascii=False, indent=1)
            (folder / f"{listed}.json").write_text(f"{text}\n", "utf-8")
    if texts:
        (folder / "pages").mkdir()
        (folder / "pages" / "spots_zh.md").write_text("\n".join(texts), "utf-8")
    return Imported(len(spots), len(hours), dict(sorted(left.items())))


_TAKEN = frozenset(("领域", "名称", "地址", "地铁", "电话", "门票", "游玩时间", *_HOURS, *_ABOUT))


def _spot(one: str, title: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    spot: dict[str, Any] = {"id": one, "names": {"zh": title[:60]}}
    plain = re.sub(r"[（(].*?[）)]", "", title).strip()
    if plain and plain != title:
        spot["others"] = [plain]
    if address := fields.get("地址"):
        spot["address"] = {"zh": str(address)}
    if station := fields.get("地铁"):
        spot["where"] = {"zh": f"{title}在{fields.get('地址') or '这里'}，最近的地铁是{station}"}
    phones = re.findall(r"[0-9][0-9-]{4,}", str(fields.get("电话") or ""))
    if phones:
        spot["phone"] = phones[0]
    if (stay := _stay(str(fields.get("游玩时间") or ""))) is not None:
        spot["stay"] = stay
    return spot


def _stay(text: str) -> int | None:
    """The shortest time of a visit that is named, in minutes."""
    found = _SPAN.search(text.split("-")[0]) or _SPAN.search(text)
    if found is None:
        return None
    return min(max(1, round(float(found[1]) * _MINUTES[found[2]])), 24 * 60)


def _id(title: str, ids: set[str]) -> str:
    """A new id that sounds like the name."""
    syllables = re.sub(r"[^a-z0-9]", "", "".join(lazy_pinyin(title)).lower())[:30]
    base = syllables if syllables[:1].isalpha() else f"s{syllables}"
    one, number = base, 2
    while one in ids:
        one, number = f"{base}{number}", number + 1
    ids.add(one)
    return one


def _rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        if file.stat().st_size > MAX_FILE:
            raise InputError(f"{file}: larger than {MAX_FILE >> 20} MB", fix="split it")
        content = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", fix="check the path") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file}: {error}", fix="give JSON in UTF-8") from None
    if not isinstance(content, list) or not content:
        raise InputError(f"{file}: is no list of attractions", fix="see docs/place.md")
    for number, row in enumerate(content, start=1):
        fields = row[1] if isinstance(row, list) and len(row) == 2 else row
        name = fields.get("名称") if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or not isinstance(name, str) or not name.strip():
            raise InputError(
                f"{file}, entry {number}: has no 名称", fix='write ["name", {"名称": "name", …}]'
            )
        yield name.strip(), fields
