"""Plain numbers, read exactly, with the unit or currency that stands beside them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from engines.checks.answers.spelling import bare, without_text
from engines.checks.answers.units import is_unit, read_unit, same_unit, size_of

_LONGEST = 400
_MOST_DIGITS = 1000
_DIGITS = r"(?:(?:\d+(?:,\d{3})+|\d{1,3}(?:[ _']\d{3})+|\d+)(?![\d,_']\d)(?:\.\d+|\.(?!\d))?|\.\d+)"
_TEN = r"10\s?(?:\^|\*\*)\s?(?:\{{\s?(?P<{0}1>[-+]?\s?\d+)\s?\}}|\(?(?P<{0}2>[-+]?\d+)\)?)"
_MONEY = r"(?:US|A|C)?\\?\$|[€£¥₹]|(?:USD|EUR|GBP|Rs\.?)(?![a-zA-Z])"
_KINDS = {
    "mixed": r"(?P<whole>\d+)\s?\\frac\s?\{(?P<part>\d+)\}\s?\{(?P<parts>\d+)\}",
    "mixed in a line": r"(?P<wholes>\d+)\s(?P<over>\d+)\s?/\s?(?P<under>\d+)",
    "fraction": rf"\\frac\s?(?:\{{\s?(?P<top1>-?{_DIGITS})\s?\}}|(?P<top2>\d))"
    rf"\s?(?:\{{\s?(?P<bottom1>-?{_DIGITS})\s?\}}|(?P<bottom2>\d))",
    "fraction in a line": rf"(?P<top3>{_DIGITS})\s?/\s?(?P<bottom3>{_DIGITS})",
    "repeating": r"(?P<start>\d*\.\d*)\\(?:overline|bar|dot)\s?\{(?P<again>\d+)\}",
    "power": _TEN.format("power") + r"(?![\d.])",
    "decimal": rf"(?P<digits>{_DIGITS})(?:[eE](?P<e>[-+]?\d+)"
    rf"|\s?(?:\\times|\\cdot|[*x])\s?{_TEN.format('times')})?",
}
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s?(?P<money>{_MONEY})?\s?(?P<minus>[-+]?)\s?"
    rf"(?:{'|'.join(_KINDS.values())})(?P<rest>.*)",
    re.DOTALL,
)
_ABOUT = re.compile(
    r"(?:\\approx|~|(?:\\text\s?\{)?\b(?:about|approximately|exactly|around|roughly)\b\s?\}?)\s*"
)
_MINUS = re.compile(r"(?:minus|negative)\s+(?![-+])", re.IGNORECASE)
_ASIDE = re.compile(r"(?<=[\w%.])\s\([^()\\=]*[a-z]{2}[^()\\=]*\)$")
HAN_SCALE = r"(?:[百万萬亿億]|千(?![克米瓦卡]))"
"""A Chinese character for a hundred or more after digits: 5万 is 50,000, but 5千克 is 5 kg."""
_SCALE = re.compile(
    r"\s*(?:\\text\s*\{\s*)?"
    rf"(?:(hundred|thousand|million|billion|trillion|dozen)s?\b|({HAN_SCALE}))\s*\}}?\s*"
)
_SCALES = {
    **{"hundred": 100, "dozen": 12, "百": 100, "千": 1000},
    **dict.fromkeys("万萬", 10**4),
    **dict.fromkeys("亿億", 10**8),
    **{word: 1000**n for n, word in enumerate(("thousand", "million", "billion", "trillion"), 1)},
}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORTH = {word: n for n, word in enumerate(_ONES.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), start=2)
}


_DOZENS = re.compile(r"\s*\bdozens?\b(?: of\b)?", re.IGNORECASE)
_COUNTED_IN_DOZENS = re.compile(
    r"\bhow many dozens?\b|\bin dozens\b|\A\W*[\d.,]+\W*(?:text\W*)?dozen", re.IGNORECASE
)


@dataclass(frozen=True)
class Number:
    """A number with its unit (`units.read_unit`), or "" without one.

    ``written``: whether it is an integer or a decimal in digits. A decimal may round a fraction
    whose decimals have no end."""

    value: Fraction
    written: bool = True
    unit: str = ""

    @property
    def latex(self) -> str:
        """The number without its unit."""
        top, bottom = self.value.numerator, self.value.denominator
        return str(top) if bottom == 1 else f"\\frac{{{top}}}{{{bottom}}}"


def read_number(text: str, *, words: bool = True) -> Number | None:
    """The number in ``text`` (output of `spelling.spelled`); None if there is not exactly one.

    ``$1,234.50``, ``-3``, ``50\\%``, ``2\\frac{1}{2}``, ``6.02e23``, ``5 \\text{ cm}``,
    ``72 clips`` and, with ``words``, ``seventy-two``.
    """
    text = bare(text)
    if len(text) > _LONGEST:
        return None
    if minus := _MINUS.match(text):
        number = read_number(text[minus.end() :], words=words)
        return number and replace(number, value=-number.value)
    text = _ABOUT.sub("", text, count=1) if _ABOUT.match(text) else text
    text = re.sub(r"(?<=\d)\{,\}(?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"(?<=\d)\{,\}(?=\d)", ".", text)
    text = re.sub(r"^[(\[]\s*([-+]?[\d.,]+)\s*[)\]]$", r"\1", text)
    # "5 (five)", "72 (i.e. 6 dozen)"
    text = _ASIDE.sub("", text) if re.match(r"\W*\d", text) else text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _from_words(text) if words else None
    value = _value(match)
    if value is None:
        return None
    if (match["sign"] == "-") != (match["minus"] == "-"):
        value = -value
    fractions = ("part", "over", "bottom1", "bottom2", "bottom3", "again")
    written = not any(match[name] for name in fractions)
    return _with_unit(value, written, match["money"] or "", match["rest"])


def in_dozens(text: str, *wanted: str) -> str:
    """``text`` without the word "dozen" if the task or the reference (``wanted``) counts in dozens.
    Then "5 dozen" is 5; otherwise it is 60."""
    return _DOZENS.sub("", text) if any(map(_COUNTED_IN_DOZENS.search, wanted)) else text


def same_number(gold: Number, given: Number) -> bool:
    """Whether two numbers are equal, and their units if both have one.

    A percentage also equals the number without "%" and its share: 28 % equals 28 and 0.28."""
    if gold.unit == given.unit or not gold.unit or not given.unit:
        if _equal(gold, given):
            return True
        percent, plain = (gold, given) if gold.unit == "%" else (given, gold)
        part = Number(percent.value / 100, percent.written)
        return percent.unit == "%" and not plain.unit and _equal(part, plain)
    sizes = same_unit(gold.unit, given.unit)
    return sizes is not None and _equal(
        Number(gold.value * sizes[0], gold.written), Number(given.value * sizes[1], given.written)
    )


def total(parts: Sequence[Number]) -> Number | None:
    """The sum of quantities such as "2 hours and 30 minutes". None if units repeat or measure
    different things."""
    sizes = [size for part in parts if (size := size_of(part.unit)) is not None]
    if len(sizes) < len(parts) or len({size.measures for size in sizes}) > 1:
        return None
    if len({part.unit for part in parts}) < len(parts):
        return None
    together = sum(
        (part.value * size.size for part, size in zip(parts, sizes, strict=True)), Fraction(0)
    )
    written = all(part.written for part in parts)
    return Number(together / sizes[0].size, written, parts[0].unit)


def _equal(gold: Number, given: Number) -> bool:
    """Whether two values are equal, to the precision in which they are written.

    A decimal equals a fraction that it rounds to six decimals and to a relative error of a
    millionth. Two decimals must be equal in all digits, except for rounding of 64-bit floats
    (0.30000000000000004).
    """
    a, b = gold.value, given.value
    if a == b:
        return True
    apart = abs(a - b)
    if gold.written and given.written:
        noise = max(a.denominator, b.denominator) >= 10**15
        return noise and apart * 10**15 <= abs(a)
    if gold.written or given.written:
        return apart * 2 * 10**6 <= 1 and apart * 10**6 <= abs(a)
    return False


def _value(match: re.Match[str]) -> Fraction | None:
    """The value that a match of `_NUMBER` states; None if it has none, or is too large."""

    def first(*names: str) -> str:
        return next((match[name] for name in names if match[name]), "")

    if whole := first("whole", "wholes"):
        bottom = int(first("parts", "under"))
        return int(whole) + Fraction(int(first("part", "over")), bottom) if bottom else None
    if top := first("top1", "top2", "top3"):
        below = _decimal(first("bottom1", "bottom2", "bottom3"))
        return _decimal(top) / below if below else None
    if again := match["again"]:
        places = len(match["start"].partition(".")[2])
        tail = Fraction(int(again), (10 ** len(again) - 1) * 10**places)
        return _decimal("0" + match["start"]) + tail
    exponent = first("e", "times1", "times2", "power1", "power2").replace(" ", "") or "0"
    if len(exponent) > 5 or abs(int(exponent)) > _MOST_DIGITS:
        return None
    return (_decimal(match["digits"]) if match["digits"] else 1) * Fraction(10) ** int(exponent)


def _decimal(digits: str) -> Fraction:
    return Fraction(re.sub("[, _']", "", digits).rstrip("."))


def _with_unit(value: Fraction, written: bool, money: str, rest: str) -> Number | None:
    if scale := _SCALE.match(rest):
        value *= _SCALES[scale[1] or scale[2]]
        rest = rest[scale.end() :]
        rest = rest if "{" in rest else rest.replace("}", "")
    tail = without_text(rest).strip().rstrip(".")
    if tail == "k" and (money or "\\text" in rest):
        value, tail = value * 1000, ""
    if not tail:
        return Number(value, written, read_unit(money))
    glued = not scale and not rest[0].isspace() and rest[0] not in "\\%°"
    if not is_unit(tail, marked="\\text" in rest, glued=glued and not money):
        return None
    return Number(value, written, read_unit(money or tail))


def _from_words(text: str) -> Number | None:
    """``seventy-two``, ``five (5)``, ``two hundred and five dollars``."""
    text = without_text(text)
    if stated := re.fullmatch(r"([a-zA-Z -]+)\(([^()]*)\)", text):
        inside, outside = read_number(stated[2], words=False), _from_words(stated[1])
        return outside if inside and outside and inside.value == outside.value else None
    tokens = re.split(r"[\s-]+", text.strip())
    whole = part = read = 0
    for number, token in enumerate(map(str.lower, tokens)):
        following = tokens[number + 1].lower() if number + 1 < len(tokens) else ""
        if token in _WORTH:
            part += _WORTH[token]
        elif token in _SCALES and part:
            part *= _SCALES[token]
            whole, part = (whole, part) if _SCALES[token] <= 100 else (whole + part, 0)
        elif not (token == "and" and read and following in _WORTH):
            break
        read = number + 1
    rest = " ".join(tokens[read:])
    return _with_unit(Fraction(whole + part), True, "", rest and f" {rest}") if read else None
