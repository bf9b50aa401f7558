"""Removes words or lines of a Markdown text and leaves its layout as it is."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from engines.operators.markdown_blocks import undivided

Container = tuple[int, int]
"""What must not become empty: a line (its offset), a cell of a table (the offset of its line, its
number) or a block of code (its offset)."""


class Piece(NamedTuple):
    """A part of a text that may be removed: characters [start, end)."""

    start: int
    end: int
    within: Container


PREFIX = re.compile(
    r"[ \t>]*(?:(?:[-*+•–]|\(?\d{1,3}[.)]|#{1,6}|\||\[[ xX]\])[ \t]+)*", re.MULTILINE
)
"""Indentation, marks of quotations, and the marker of a list's item, a heading or a table's row."""
_WORD = re.compile(
    # Short words are mostly function words. A compound ("long-term", "snake_case", "it's") is one
    # word. A word after a backslash is a command of LaTeX.
    r"(?P<key>\d+(?:[.,]\d+)*|(?<!\\)[^\W\d_]{4,}(?:[-_'’][^\W_]+)*)|[^\W_]+"
)
_FENCE = re.compile(r"[ \t>]*(?:```|~~~)")
_ANYWHERE: Container = (-1, -1)


def key_words(text: str) -> tuple[list[Piece], Counter[Container]]:
    """The key words of ``text``: its numbers and its words of four letters or more, except in
    markers and at fences. And how many other words each line or cell has."""
    pieces, others = [], Counter[Container]()
    for start, line in _lines(text):
        if _FENCE.match(line):
            continue
        table = line.lstrip().startswith("|")
        for word in _WORD.finditer(line, PREFIX.match(line).end()):  # type: ignore[union-attr]
            within = (start, line.count("|", 0, word.start()) if table else 0)
            if word["key"] is None:
                others[within] += 1
            else:
                pieces.append(Piece(start + word.start(), start + word.end(), within))
    return pieces, others


def key_lines(text: str) -> tuple[list[Piece], Counter[Container]]:
    """The lines of ``text`` that contain words, except fences and the heads of tables. A displayed
    formula is one piece. Code and tables keep a line."""
    pieces = []
    blocks = undivided(text)
    for start, line in _lines(text):
        block = next((one for one in blocks if one.start <= start < one.end), None)
        if block is None or block.kind == "formula":
            end = start + len(line) if block is None else block.end
            if line.strip() and (block is None or start == block.start):
                pieces.append(Piece(start, end, _ANYWHERE))
            continue
        row = text.count("\n", block.start, start)
        head = row < 2 if block.kind == "table" else _FENCE.match(line)
        if line.strip() and not head:
            pieces.append(Piece(start, start + len(line), (block.start, 0)))
    return pieces, Counter({_ANYWHERE: 1})


def removable(pieces: Sequence[Piece], others: Counter[Container]) -> list[Piece]:
    """The pieces that can be removed one after the other, in their order, so that no container
    becomes empty. ``others`` counts what remains in each container besides its pieces."""
    left = others + Counter(piece.within for piece in pieces)
    removed = []
    for piece in pieces:
        if left[piece.within] > 1:
            left[piece.within] -= 1
            removed.append(piece)
    return removed


def without_words(text: str, pieces: Sequence[Piece]) -> str:
    """``text`` without ``pieces``. A space next to each goes too, and emphasis, quotation marks and
    brackets that would be empty."""
    # A character that the text does not have marks the places.
    mark = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    parts, begin = [], 0
    for piece in sorted(pieces):
        parts += [text[begin : piece.start], mark]
        begin = piece.end
    marked = "".join([*parts, text[begin:]])
    before = ""
    while before != marked:
        before = marked
        for pattern, by in _EMPTY:
            marked = re.sub(pattern.replace("□", mark), by.replace("□", mark), marked)
    for pattern, by in _SPACES:
        marked = re.sub(pattern.replace("□", mark), by, marked, flags=re.MULTILINE)
    return marked


_EMPTY = (
    ("□(?: *□)+", "□"),
    (r"(\*{1,3}|_{1,3}|`+|~~|[\"'])□[.,:;!?]?\1", "□"),
    (r"\(□\)|\[□\](?!\()|“□”|‘□’|«□»|„□“", "□"),
    # The second of two punctuation marks.
    (r"(?<=[.,:;!?]) □[.,:;!?]", "□"),
)
"""Patterns for what a removed word □ leaves empty."""
_SPACES = (
    (f"(^{PREFIX.pattern})(?:□[.,:;!?]* ?)+(?=.)", r"\1"),
    (r"(?<=\S) □(?!\w)", ""),
    (r"(?<=[(\[{\"“«*_`])□ ?", ""),
    ("□", ""),
)
"""Patterns for a removed word □ and one space next to it. At the beginning of a line or of brackets
it is the space after the word; the punctuation of a line's first word goes too."""


def without_lines(text: str, pieces: Sequence[Piece]) -> str:
    """``text`` without ``pieces``, which are whole lines. Where two gaps between paragraphs would
    meet, one remains. The space at the beginning and at the end of the text stays."""
    kept: list[str] = []
    after_gap = False
    for start, line in _lines(text):
        if any(piece.start <= start < piece.end for piece in pieces):
            after_gap = not kept or not kept[-1].strip()
        elif line.strip() or not after_gap:
            kept.append(line)
            after_gap = after_gap and not line.strip()
    content = text.strip()
    return "".join(kept).strip().join(text.split(content, 1) if content else [text, ""])


def _lines(text: str) -> list[tuple[int, str]]:
    """Each line with its newline, after its offset."""
    return [(line.start(), line[0]) for line in re.finditer(r"[^\n]*\n|[^\n]+", text)]
