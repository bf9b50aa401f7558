"""The blocks of a Markdown text: code, tables, displayed formulas, paragraphs, items of lists."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt

Kind = Literal["code", "table", "formula", "heading", "text"]


class Block(NamedTuple):
    """A block of whole lines: characters [start, end). Its last newline belongs to it."""

    kind: Kind
    start: int
    end: int


_LINE = re.compile(r"\r\n?|\n")
_MAY_HOLD = re.compile(r"```|~~~|\||\$\$|\\\[|\\begin\{")
_FORMULA = re.compile(
    r"^[ \t]*(?:\$\$(?:(?!\$\$)[\s\S])*\$\$|\\\[(?:(?!\\\])[\s\S])*\\\]"
    r"|\\begin\{(\w+\*?)\}(?:(?!\\end\{\1\})[\s\S])*\\end\{\1\})[^\n]*\n?",
    re.MULTILINE,
)


def undivided(text: str) -> list[Block]:
    """The fenced code, tables and displayed formulas of ``text``, in order. A fence that is not
    closed reaches to the end of the text."""
    if not _MAY_HOLD.search(text):
        return []
    starts = _line_starts(text)
    found_blocks = [
        Block("code" if token.type == "fence" else "table", starts[first], starts[after])
        for token in _parser().parse(text)
        if token.type in ("fence", "table_open") and token.map is not None
        for first, after in [token.map]
    ]
    formulas = [Block("formula", *each.span()) for each in _FORMULA.finditer(text)]
    found_blocks += [
        one
        for one in formulas
        if not any(one.start < b.end and b.start < one.end for b in found_blocks)
    ]
    return sorted(found_blocks, key=lambda block: block.start)


def blocks(text: str) -> list[Block]:
    """All blocks of ``text``, in order: the blocks of Markdown, each item of a list by itself, with
    the blank lines after it."""
    starts = _line_starts(text)
    parts = [(kind, starts[line]) for kind, line in _parts(text)]
    ends = [start for _, start in parts[1:]] + [len(text)]
    return [Block(kind, start, end) for (kind, start), end in zip(parts, ends, strict=False)]


def _parts(text: str) -> Iterator[tuple[Kind, int]]:
    """The kind and the first line of each block."""
    kinds: dict[str, Kind] = {"fence": "code", "code_block": "code", "table_open": "table"}
    kinds["heading_open"] = "heading"
    listed = ("bullet_list_open", "ordered_list_open")
    for token in _parser().parse(text):
        item = token.type == "list_item_open" and token.level == 1
        if token.map is None or token.type in listed or not (item or token.level == 0):
            continue
        yield kinds.get(token.type, "text"), token.map[0]


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _line_starts(text: str) -> list[int]:
    """Where each line starts, and the end of the text."""
    starts = [0, *(newline.end() for newline in _LINE.finditer(text))]
    return starts if starts[-1] == len(text) and len(text) else [*starts, len(text)]
