"""Text as it stands in a picture: on one line or a few, cut to the room there is."""

import unicodedata

_HIDDEN = ("Cc", "Cs", "Cn", "Co")
"""Characters of these categories have no shape, and many are none of XML's."""


def lines(text: str, cells: int, most: int = 1) -> list[str]:
    """``text`` in at most ``most`` lines of ``cells`` cells (a wide character takes two), white
    space as single spaces, a character that cannot be drawn as ``�``. Cut with an ellipsis."""
    said = "".join(
        " " if letter.isspace() else "�" if unicodedata.category(letter) in _HIDDEN else letter
        # No line of a picture has more: a text of megabytes is not looked at to its end.
        for letter in text[: 20 * cells * most]
    )
    words = said.split()
    found: list[str] = []
    while words:
        line, words = _line(words, cells)
        if len(found) + 1 == most and (words or len(text) > 20 * cells * most):
            line = _cut(line, cells - 1) + "…"
            words = []
        found.append(line)
    return found


def shortened(text: str, cells: int) -> str:
    """``text`` on one line of at most ``cells`` cells; empty where it says nothing."""
    return next(iter(lines(text, cells)), "")


def _line(words: list[str], cells: int) -> tuple[str, list[str]]:
    """As many ``words`` as go on one line, at least a piece of the first, and the words left."""
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
