"""The form of an answer: a number, words, a choice, several answers, or a formula."""

import re
from collections.abc import Iterator

from engines.checks.answers.forms import Based, Choice, Form, Formula, Words
from engines.checks.answers.moments import read_date, read_time
from engines.checks.answers.numbers import read_number
from engines.checks.answers.parts import read_named, read_ratio, read_several, several
from engines.checks.answers.spelling import FUNCTIONS, OTHER_SCRIPT, bare, spelled, without_text
from engines.checks.answers.units import is_product, is_unit, read_unit

LONGEST = 1000
"""Characters of an answer that may be a formula; what is longer is compared as text."""

_CHOICE = re.compile(
    r"\(\s*([A-Za-j])\s*\)[.:]?(?:\s+(.*))?|([A-Z])\s?[).:](?:\s+(.*))?|([A-J])", re.DOTALL
)
_OPTION = re.compile(r"^(?:the )?(?:option|choice)\s+(?=\(?[A-J]\b)", re.IGNORECASE)
_BASED = re.compile(r"([0-9A-Fa-f]+)\s?(?:_\s?\{?\s?(\w+)\s?\}?|\(?\s?(?:in )?base (\w+)\)?)")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_INFINITY = re.compile(r"(plus |\+|minus |-|negative |positive )?infinity", re.IGNORECASE)
_MEANT = {
    **dict.fromkeys(["empty set", "no solution", "no solutions"], "\\emptyset"),
    **dict.fromkeys(["all real numbers", "all reals", "real numbers"], "\\mathbb{R}"),
}
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)[^a-zA-Z]*°$")
_LETTERS_OF_TEXT = re.compile(r"[\s$.]*\\text\s*\{\s*[a-zA-Z]{2,}\s*\}[\s$.]*")
"""Letters that are a text and no product."""
_UNIT = re.compile(
    r"(.+?)\s*(°|\\?%|\\text\s?\{[^{}]*\}[^=<>]*|(?<=[\s\d)}])\s[a-zA-Z]{2,}[a-zA-Z\s/^\d]*)"
)
_FUNCTION = re.compile(FUNCTIONS)
_OTHER_SCRIPT = re.compile(OTHER_SCRIPT)
_SHORT = re.compile(
    "no|on|is|of|if|it|so|we|he|me|my|in|at|as|by|do|go|up|us|or|to|be|an|am", re.IGNORECASE
)
_ROUNDED = re.compile(r".*[^\s=]\s*\\approx\s*([^=<>]+)", re.DOTALL)
"""A value and what it is about: ``4\\pi \\approx 12.57``."""
_WORD_ALONE = re.compile(r"(yes|no|true|false)\s*[,.;:(-]", re.IGNORECASE)


def read_forms(text: str) -> Iterator[Form]:
    """What an answer may be read as, likeliest first: ``3,5`` is two numbers, or a decimal."""
    if len(text) > 2 * LONGEST:
        yield Words(" ".join(text.lower().split()))
        return
    one_spelling = spelled(text)
    answer = _OPTION.sub("", bare(one_spelling))
    if not answer:
        return
    first = _read(answer)
    if isinstance(first, Formula) and _LETTERS_OF_TEXT.fullmatch(one_spelling):
        first = _words(answer)
    yield first
    if re.fullmatch(r"\d+(,[1-9]\d{2})+", answer):
        yield several(",", answer.split(","), answer, _read)
    elif re.fullmatch(r"[-+]?\d+,\d+(?!\d).*", answer):
        decimal = read_number(answer.replace(",", ".", 1))
        if decimal is not None and decimal.value.denominator > 1:
            yield decimal
    if (rounded := _ROUNDED.fullmatch(answer)) and (decimal := read_number(rounded[1])) is not None:
        yield decimal
    if word := _WORD_ALONE.match(answer):
        yield Words(word[1].lower())


def _read(text: str) -> Form:
    """The first reading of an answer in one spelling, `bare`."""
    if len(text) > LONGEST:
        return _words(text)
    words = bare(without_text(text))
    for form in (
        _choice(words),
        read_time(text),
        read_date(text),
        read_number(text),
        _based(words),
        read_named(text, _read),
        read_several(text, _read),
        read_ratio(text),
    ):
        if form is not None:
            return form
    if infinity := _INFINITY.fullmatch(words):
        return Formula("-\\infty" if infinity[1] in ("minus ", "-", "negative ") else "\\infty")
    if meant := _MEANT.get(_words(words).text):
        return Formula(meant)
    formula = _formula(text)
    return _words(text) if _is_prose(formula.latex) else formula


def _words(text: str) -> Words:
    text = without_text(text).lower()
    text = re.sub(r"[$*_`'\"]|\\(?=\W)", "", text)
    text = re.sub(r"\b(?:the|a|an)\s+", "", text)
    return Words(" ".join(text.split()).strip(" .,;:!"))


def _is_prose(text: str) -> bool:
    """Whether ``text`` is words, or holds some that are no part of a formula."""
    loose = re.sub(r"\\(?:begin|end)\s?\{[a-z]+\}|\\(?!text)[a-zA-Z]+", " ", text)
    loose = loose.replace("\\text", " ")
    words_in_text = [
        word for word in re.findall(r"[^\W\d_]{2,}", loose) if not _FUNCTION.fullmatch(word)
    ]
    if ("\\text" in text and words_in_text) or _OTHER_SCRIPT.search(loose):
        return True
    if re.search(r":(?!=)", loose) or (
        "\\frac" not in text and re.search(r"(?<![\w^{.])[\d.]+\s+\d", text)
    ):
        # "12: 3*4" explains itself, and two numbers side by side are no product.
        return True
    return any(
        (len(word) > 2 and not is_product(word)) or _SHORT.fullmatch(word) for word in words_in_text
    )


def _choice(words: str) -> Choice | None:
    match = _CHOICE.fullmatch(words)
    if match is None:
        return None
    letter = (match[1] or match[3] or match[5]).upper()
    after_letter = bare(match[2] or match[4] or "")
    return Choice(letter, _read(after_letter) if after_letter else None)


def _based(words: str) -> Based | None:
    match = _BASED.fullmatch(words)
    if match is None:
        return None
    name = match[2] or match[3]
    base = _BASES.get(name) or int(name if re.fullmatch(r"\d{1,2}", name) else 0)
    return Based(match[1].upper().lstrip("0") or "0", base) if 2 <= base <= 36 else None


def _formula(text: str) -> Formula:
    """A formula without its currency sign, percent sign or unit."""
    text = re.sub(r"^\\approx\s*", "", text)
    text = re.sub(r"^\\?\$\s*(?=\S)|\s*\\?\$$", "", text)
    match = None if _ANGLE.search(text) else _UNIT.fullmatch(text)
    if match and is_unit(match[2].strip(), marked="\\text" in match[2], glued=False):
        return Formula(match[1].strip(), read_unit(match[2].strip()))
    return Formula(text)
