"""The words in which two texts differ."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby

Part = tuple[str, bool]
"""A part of a text, and whether its words are missing at this place of the other text."""

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


def differences(left: str, right: str) -> tuple[list[Part], list[Part]]:
    """Both texts in parts, in order. Words and signs are compared, spaces are not.

    Returns:
        The parts of ``left`` and of ``right``. Joined, they are the texts.
    """
    pieces = [_PIECE.findall(text) for text in (left, right)]
    words = [[at for at, piece in enumerate(each) if not piece.isspace()] for each in pieces]
    first, second = (
        [each[at] for at in places] for each, places in zip(pieces, words, strict=True)
    )
    same: tuple[set[int], set[int]] = (set(), set())
    for block in SequenceMatcher(None, first, second).get_matching_blocks():
        for side, start in enumerate((block.a, block.b)):
            same[side].update(words[side][start : start + block.size])
    return _parts(pieces[0], same[0]), _parts(pieces[1], same[1])


def _parts(pieces: Sequence[str], same: set[int]) -> list[Part]:
    differs = [not piece.isspace() and at not in same for at, piece in enumerate(pieces)]
    for at in range(1, len(pieces) - 1):
        # A space between two words that differ is marked with them.
        if pieces[at].isspace():
            differs[at] = differs[at - 1] and differs[at + 1]
    marked = zip(pieces, differs, strict=True)
    return [
        ("".join(piece for piece, _ in run), differ)
        for differ, run in groupby(marked, key=lambda each: each[1])
    ]
