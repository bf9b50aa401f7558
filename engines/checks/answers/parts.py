"""Answers of several parts: equations with a name, lists, sets, points, intervals, ratios."""

import re
from collections.abc import Callable

from engines.checks.answers.forms import Choice, Form, Formula, Named, Ratio, Several, is_relation
from engines.checks.answers.numbers import Number, read_number, total
from engines.checks.answers.spelling import balanced, bare, without_text

Read = Callable[[str], Form]

_NAME = re.compile(
    r"(?:[a-zA-Z'∠|+ -]|\\(?!times|cdot|div|pm|frac|sqrt)[a-zA-Z]++|_(?:\{\w+\}|\w)"
    r"|[(\[{][^=<>()\[\]{}]*+[)\]}])++"
)
_BETWEEN = re.compile(
    r"\s*,?\s*(?:\\text\s?\{\s*,?\s*(and|or)\s*\}|(?<![a-zA-Z\\])(and|or)(?![a-zA-Z]))\s*"
    r"|\s*([;,])\s*"
)
_BRACKETED = re.compile(r"(\\\{|[(\[])(.*?)(\\\}|[)\]])", re.DOTALL)
_QUANTITY = r"[\d.,]+\s?[a-zA-Z]+"
_QUANTITIES = re.compile(rf"(?:{_QUANTITY}[\s,]*){{2,3}}")
_INEQUALITY = re.compile(r"[a-zA-Z]\s*(<|>|\\le|\\ge)\s*([^<>=]+)")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![a-zA-Z])")


def read_named(text: str, read: Read) -> Form | None:
    """``x = 5`` as a named value, or the last number of a chain such as ``3 * 24 = 72``; None for
    other texts."""
    sides = _sides(text)
    if sides is None:
        return None
    left, right = re.sub(r"(?<=\d)\s*x\s*(?=\d)", "*", sides[0]), sides[1]
    words = re.findall(r"(?<!\\)\b[a-zA-Z']{2,}", left)
    if len(words) <= 1 and _NAME.fullmatch(left) and len(_split(text)[0]) == 1:
        return Named("".join(left.split()), read(bare(right)), text)
    if not re.search(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", "", left)) and not is_relation(right):
        value = read(bare(right))
        return value if isinstance(value, Number) else None
    return None


def read_several(text: str, read: Read) -> Form | None:
    """Lists, sets, points, intervals, and the two values of ``±``; None for all else."""
    if signs := _PLUS_MINUS.findall(text):
        if len(signs) > 1 or len(_split(text)[0]) > 1:
            return None
        start, end = _PLUS_MINUS.split(text)
        return several("{", [f"{start}+{end}", f"{start}-{end}"], text, read)
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed and balanced(bracketed[2]):
        opening, inside, closing = bracketed.groups()
        parts, _ = _split(inside)
        if opening == "\\{":
            described = is_relation(inside) or "|" in inside or "\\mid" in inside
            return None if described else several("{", parts, text, read)
        return several(opening + closing, parts, text, read) if len(parts) > 1 else None
    parts, joints = _split(text)
    if measured := _QUANTITIES.fullmatch(without_text(text)):
        parts, joints = re.findall(_QUANTITY, measured[0]), {"and"}
    if len(parts) < 2 or any(_is_prose(part) for part in parts):
        return None
    return several("{" if joints & {"or", "and"} else ",", parts, text, read)


def read_ratio(text: str) -> Ratio | None:
    """``3:4``, ``3 to 4``; None if it is none."""
    parts = re.split(r"\s*(?:\\text\s?\{\s*to\s*\}|\bto\b|\\?:|\\colon)\s*", text)
    numbers = [read_number(part, words=False) for part in parts]
    if len(parts) < 2 or None in numbers:
        return None
    return Ratio(tuple(number for number in numbers if number is not None))


def several(kind: str, parts: list[str], text: str, read: Read) -> Form:
    """The answers ``parts`` of ``text`` together."""
    forms = [read(bare(part)) for part in parts]
    if kind == "{" and not text.startswith("\\{") and (sum_ := _measured(forms)):
        return sum_
    if kind == "{" and (union := _union(parts)):
        return Formula(union)
    names = {form.name for form in forms if isinstance(form, Named)}
    if len(names) == 1:
        # "n = 2, 3, 4" and "x = 1 or x = -2" are values of one name.
        forms = [form.value if isinstance(form, Named) else form for form in forms]
    alike = all(isinstance(form, Named) for form in forms) or all(
        isinstance(form, Choice) for form in forms
    )
    return Several("{" if kind == "," and alike else kind, tuple(forms), text)


def _measured(forms: list[Form]) -> Number | None:
    """The one quantity that "2 hours and 30 minutes" is."""
    numbers = [form for form in forms if isinstance(form, Number)]
    return total(numbers) if len(numbers) == len(forms) > 1 else None


def _union(parts: list[str]) -> str | None:
    """The set of numbers that "x < 1 or x > 2" describes."""
    matches = [_INEQUALITY.fullmatch(part.strip()) for part in parts]
    sets = {
        "<": "(-\\infty,{})",
        "\\le": "(-\\infty,{}]",
        ">": "({},\\infty)",
        "\\ge": "[{},\\infty)",
    }
    intervals = [sets[one[1]].format(one[2].strip()) for one in matches if one is not None]
    return "\\cup".join(intervals) if len(intervals) == len(parts) else None


def _sides(text: str) -> tuple[str, str] | None:
    """What stands left of the first "=" and right of the last, outside brackets."""
    if re.search(r"[<>]|\\(?:le|ge|ne)(?![a-zA-Z])", text):
        return None
    depth, places = 0, []
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "=" and depth == 0:
            places.append(place)
    if not places:
        return None
    right = [part.strip() for part in text[places[-1] + 1 :].split("\\approx") if part.strip()]
    return (text[: places[0]].strip(), right[0]) if right else None


def _split(text: str) -> tuple[list[str], set[str]]:
    """The parts of ``text`` between its separators outside brackets, and those separators."""
    spaced = bool(re.search(r",\s", text))
    parts, joints, start, depth, place = [], set(), 0, 0, 0
    for match in _BETWEEN.finditer(text):
        between = text[place : match.start()]
        depth += sum(map(between.count, "([{")) - sum(map(between.count, ")]}"))
        place = match.start()
        if depth > 0:
            continue
        if match[3] == "," and spaced and _thousands(text, match.start()):
            continue
        parts.append(text[start : match.start()])
        joints.add(match[1] or match[2] or match[3])
        start = match.end()
    parts.append(text[start:])
    return [part for part in parts if part.strip()], joints


def _thousands(text: str, comma: int) -> bool:
    """Whether the comma stands between the thousands of one number."""
    return bool(
        re.search(r"(?<![\d,])\d{1,3}(?:,\d{3})*$", text[max(0, comma - 30) : comma])
        and re.match(r",\d{3}(?!\d)", text[comma : comma + 5])
    )


def _is_prose(part: str) -> bool:
    """Whether a part of a list has too many words for an answer of its own."""
    return len(re.findall(r"[a-zA-Z]{2,}", re.sub(r"\\[a-zA-Z]+", "", part))) > 4
