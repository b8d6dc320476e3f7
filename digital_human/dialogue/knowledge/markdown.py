"""Passages of a Markdown page: a paragraph, list or table row under its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from digital_human.dialogue.knowledge.entries import Entry, language_of, sentences

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_QUOTED = re.compile(r"[《「“]([^》」”]{2,12})[》」”]")
_WRAP = re.compile(
    r"(?<=[\u3000-\u9fff\uff00-\uffef])[ \t]*\n[ \t]*(?=[\u3000-\u9fff\uff00-\uffef])"
)


def read_markdown(name: str, text: str) -> list[Entry]:
    """The passages of a page.

    A passage is titled with its heading and asked for by the headings above it. The first passage
    below a heading may be spoken as the answer to that heading. Comments, quotations (used for
    remarks about sources), code and a front matter are not knowledge.

    Args:
        name: The file, for `Entry.path`.
        text: Its content.
    """
    from markdown_it.tree import SyntaxTreeNode

    tree = SyntaxTreeNode(_parser().parse(_FRONT_MATTER.sub("", text)))
    headings: list[tuple[int, str]] = []
    entries = []
    first = False
    for node in tree.children:
        if node.type == "heading":
            level = int(node.tag[1])
            headings = [*(h for h in headings if h[0] < level), (level, _plain(node))]
            first = True
            continue
        bold = tuple(dict.fromkeys(_bold(node)))
        for passage in _passages(node):
            entries.append(_entry(name, [h for _, h in headings], passage, bold, first))
            first = False
    return entries


def _entry(
    name: str, headings: list[str], passage: str, bold: tuple[str, ...], first: bool
) -> Entry:
    title = headings[-1] if headings else sentences(passage)[0]
    language = language_of(passage)
    joint = "" if language == "zh" else " "
    asks = []
    if first and headings:
        asks.append(headings[-1])
        # A subheading such as "开放时间" asks about what its parent names.
        asks += [joint.join((parent, headings[-1])) for parent in headings[-2:-1]]
    asks.append(sentences(passage)[0])
    path = f"{name}#{title}" if headings else name
    return Entry(
        "passage",
        tuple(dict.fromkeys(asks)),
        title,
        passage,
        language,
        path,
        tuple(dict.fromkeys((*bold, *_QUOTED.findall(passage)))),
        speakable=first and bool(headings),
    )


def _passages(node: SyntaxTreeNode) -> Iterator[str]:
    """The passages inside a block, in order."""
    if node.type == "paragraph":
        if text := _plain(node):
            yield text
    elif node.type in ("bullet_list", "ordered_list"):
        for item in node.children:
            if text := " ".join(_plain(child) for child in item.children).strip():
                yield text
    elif node.type == "table":
        yield from _rows(node)


def _rows(table: SyntaxTreeNode) -> Iterator[str]:
    """Table rows as ``column: cell`` lines."""
    rows = [
        [_plain(cell) for cell in row.children] for part in table.children for row in part.children
    ]
    for row in rows[1:]:
        cells = [
            f"{head}：{cell}" if head else cell for head, cell in zip(rows[0], row, strict=False)
        ]
        yield "；".join(cells)


def _plain(node: SyntaxTreeNode) -> str:
    """The words of a block without its marks; wrapped Chinese lines are joined."""
    words = []
    for part in node.walk():
        if part.type in ("text", "code_inline"):
            words.append(part.content)
        elif part.type in ("softbreak", "hardbreak"):
            words.append("\n")
    return re.sub(r"\s+", " ", _WRAP.sub("", "".join(words))).strip()


def _bold(node: SyntaxTreeNode) -> Iterator[str]:
    for part in node.walk():
        if part.type == "strong":
            yield _plain(part)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable("table")
