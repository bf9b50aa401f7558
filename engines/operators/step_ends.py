"""Where the steps of a text end: at lines, paragraphs or sentences. Code, tables and displayed
formulas are never cut inside."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

from sentencex import get_sentence_boundaries

from engines.operators.markdown_blocks import blocks, undivided

_MARKER = re.compile(r"[\s>]*(?:[-*+•]|\(?(?:\d{1,3}|[A-Za-z])[.)])?\s*")
"""The marker of a list's item, which is no sentence."""


Steps = Literal["line", "paragraph"]
"""The kinds of steps that an answer can be cut into without further parameters."""


def step_ends(text: str, steps: Steps) -> list[int]:
    """The end of each step of ``text``, in characters (`line_ends`, `paragraph_ends`)."""
    return paragraph_ends(text) if steps == "paragraph" else line_ends(text)


def line_ends(text: str) -> list[int]:
    """The end of each step of ``text``, in characters.

    A step is a line with its newline, or a whole block of fenced code, a table or a displayed
    formula. Blank lines belong to the step before them, or to the first. A blank text has no steps.
    """
    ends, place = [], 0
    for line in text.splitlines(keepends=True):
        place += len(line)
        ends.append(place)
    return _steps(text, ends)


def paragraph_ends(text: str) -> list[int]:
    """As `line_ends`, but a step is a paragraph, an item of a list with all its lines, a block of
    code, a table or a displayed formula. A heading belongs to the step after it."""
    all_blocks = blocks(text)
    return _steps(text, [block.end for block in all_blocks if block.kind != "heading"])


def sentence_ends(text: str, language: str = "en") -> list[int]:
    """As `line_ends`, but a line is cut further, into its sentences.

    Args:
        text: the text.
        language: its language (ISO 639-1), which decides what is an abbreviation.
    """
    ends: list[int] = []
    for start, end in pairwise([0, *line_ends(text)]):
        line = text[start:end]
        # sentencex 1.0.32 panics at a space of several bytes after an initial.
        for sentence in get_sentence_boundaries(language, re.sub(r"\s", " ", line)):
            if not _MARKER.fullmatch(line[: sentence["end_index"]]):
                ends.append(start + sentence["end_index"])
    return _steps(text, ends)


def _steps(text: str, ends: Iterable[int]) -> list[int]:
    """``ends`` (ascending) without those inside a block that is never cut. A step without words
    belongs to the step before it, or to the first. The last step reaches to the end of the text."""
    kept: list[int] = []
    undivided_blocks = undivided(text)
    start = 0
    for end in (*ends, len(text)):
        if any(block.start < end < block.end for block in undivided_blocks):
            continue
        if text[start:end].strip():
            kept.append(end)
        elif kept:
            kept[-1] = end
        start = end
    return kept
