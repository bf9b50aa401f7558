"""Fits text into the lines of a picture."""

import unicodedata

_HIDDEN = ("Cc", "Cs", "Cn", "Co")
"""Unicode categories without a visible shape. XML does not allow many of these characters."""


def lines(text: str, cells: int, most: int = 1) -> list[str]:
    """Break ``text`` into at most ``most`` lines of ``cells`` cells, and cut it with an ellipsis.

    A wide character takes two cells. White space becomes single spaces, and a character that cannot
    be drawn becomes ``�``.
    """
    clean = "".join(
        " " if letter.isspace() else "�" if unicodedata.category(letter) in _HIDDEN else letter
        # The lines hold no more than this. A text of megabytes is not read to its end.
        for letter in text[: 20 * cells * most]
    )
    words = clean.split()
    broken: list[str] = []
    while words:
        line, words = _line(words, cells)
        if len(broken) + 1 == most and (words or len(text) > 20 * cells * most):
            line = _cut(line, cells - 1) + "…"
            words = []
        broken.append(line)
    return broken


def shortened(text: str, cells: int) -> str:
    """``text`` on one line of at most ``cells`` cells; empty for a blank text."""
    return next(iter(lines(text, cells)), "")


def _line(words: list[str], cells: int) -> tuple[str, list[str]]:
    """As many ``words`` as fit on one line, at least a part of the first, and the other words."""
    first = _cut(words[0], cells)
    if first != words[0]:
        return first, [words[0][len(first) :], *words[1:]]
    line, count = first, 1
    while count < len(words) and _width(f"{line} {words[count]}") <= cells:
        line = f"{line} {words[count]}"
        count += 1
    return line, words[count:]


def _cut(text: str, cells: int) -> str:
    used = 0
    for number, letter in enumerate(text):
        used += _width(letter)
        if used > cells:
            return text[:number]
    return text


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
