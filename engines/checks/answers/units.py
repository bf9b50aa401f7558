"""The units that stand beside numbers, compared by Pint where both sides have one."""

import re
import threading
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from engines.checks.answers.spelling import FUNCTIONS, OTHER_SCRIPT, without_text

# Pint's registry is built once, whichever thread needs it first.
_LOCK = threading.Lock()
_FACTOR = re.compile(r"([*/ ]?)([a-zA-Zµμ°ΩÅ]++)(?:\^(-?\d))?")
_PRODUCT = re.compile(rf"(?:{_FACTOR.pattern})+")
_MONEY = {
    **dict.fromkeys(["$", "us$", "usd", "dollar", "dollars", "buck", "bucks"], "dollar"),
    **dict.fromkeys(["€", "eur", "euro", "euros"], "euro"),
    **dict.fromkeys(["£", "gbp"], "sterling"),
    **dict.fromkeys(["₹", "rs", "rupee", "rupees", "inr"], "rupee"),
    **dict.fromkeys(["¥", "yen", "jpy"], "yen"),
}
# The words after a unit, or after a number without one.
_STOP = re.compile(
    "is|are|was|were|an?|the|in|on|at|for|from|that|which|who|where|every|each|this|these|those|"
    "than|of|to|with|and|or|if|as|by|when|after|before|left|remaining|total|altogether|so|since|"
    "because|i\\.?e"
)
# The words that make one number of two.
_JOINING = re.compile(
    "or|and|plus|minus|times|divided|multiplied|over|through|to|squared|cubed|factorial"
)
# Those that may stand beside a number without a space, where other letters are variables.
_GLUED = re.compile(
    "[kcmnµμ]?m|[kmµμ]?g|[mdk]L|ml|ft|lbs?|oz|hrs?|mins?|sec|ms|mph|km[/p]?h|kWh|[kMG]?Hz|[kM]?Pa|"
    "[kM]J|[kMG]?eV|[kM]W|m?[AV]|kV|kN|m?mol|rad|deg|dB|atm|yd|mi|[cm]?m/s|USD|EUR|GBP|[ap]m|"
    "st|nd|rd|th"
)
_SPELLINGS = [
    (re.compile(pattern), put)
    for pattern, put in [
        (r"\s*(?:\\cdot|\\times|\*)\s*", "*"),
        (r"\s?\^\s?\{?\s?(-?\d)\s?\}?", r"^\1"),
        (r"^(?:\\?%|per\s?cent(?:age)?s?|pct|percentage points?)(?![a-z]).*", "%"),
        (r"^(?:degrees?|deg)(?![a-z])\s*|^°\s*", "°"),
        (r"^°[Cc]elsius", "°C"),
        (r"^°[Ff]ahrenheit", "°F"),
        (r"\b(?:square|sq\.?)\s+(\w+)|\b(\w+) squared\b", r"\1\2^2"),
        (r"\b(?:cubic|cu\.?)\s+(\w+)|\b(\w+) cubed\b", r"\1\2^3"),
        (r"(?<=[a-z])\s*(?:\bper\b|/)\s*", "/"),
        (r"\b([a-zA-Z]+)(\d)\b", r"\1^\2"),
    ]
]
_LETTERS = re.compile("[msghLlNJWVACKTF]|in|cc|Hz|Pa|eV|°")
_FUNCTION = re.compile(rf"(?!min|deg)(?:{FUNCTIONS})")
_OTHER_SCRIPT = re.compile(OTHER_SCRIPT)


def is_unit(tail: str, *, marked: bool, glued: bool) -> bool:
    """Whether the words after a number are its unit, and no part of a formula.

    ``marked``: they stood in ``\\text{…}``; ``glued``: no space was between."""
    tail = without_text(tail)
    if re.search(r"[=<>+&|]|\\(?!cdot|times|%|\$)", tail):
        return False
    if re.match(r"/|\\?%|°|\\?\$|[€£¥₹]", tail):
        return not re.search(r"\d", re.sub(r"\^\{?-?\d\}?|(?<=[a-z])\d", "", tail))
    first = re.match(r"[^\s\d^*/{}()\\.,;:]+", tail)
    if first is None:
        return False
    word = first[0]
    if not word[0].isalpha() or _JOINING.fullmatch(word.lower()) or not _no_digits(tail):
        return False
    if marked or _OTHER_SCRIPT.match(word):
        return True
    if glued:
        return len(word) > 1 and bool(_GLUED.fullmatch(word))
    if _FUNCTION.fullmatch(word.lower()):
        return False
    if len(word) <= 2:
        known = _LETTERS.fullmatch(word) or _GLUED.fullmatch(word) or _STOP.fullmatch(word.lower())
        return known is not None
    return not is_product(word)


def read_unit(words: str) -> str:
    """One spelling of a unit: ``meters`` of "meters a week", ``cm^2`` of "\\text{cm}^{2}"; "" where
    the words are none (72 "in total")."""
    words = without_text(words).strip().rstrip(".,;!")
    for pattern, put in _SPELLINGS:
        words = pattern.sub(put, words)
    words = words.replace("\\", "")
    kept: list[str] = []
    for word in words.split():
        plain = word.strip(".,()")
        if _STOP.fullmatch(plain if len(plain) == 1 else plain.lower()) and words != "in":
            break
        kept.append(word.strip(",()"))
    unit = " ".join(kept)
    return _MONEY.get(unit.lower().rstrip("."), unit)


@dataclass(frozen=True)
class Size:
    """What one of a unit is worth in base units, and which those are."""

    size: Fraction
    measures: tuple[tuple[str, int], ...]


def same_unit(gold: str, given: str) -> tuple[Fraction, Fraction] | None:
    """What one of each unit is worth in a third that both are measured in; None where they measure
    different things. Words that are no units (clips, apples) are the same if they share one."""
    one, other = size_of(gold), size_of(given)
    if one is not None and other is not None:
        return (one.size, other.size) if one.measures == other.measures else None
    if one is None and other is None and _stems(gold) & _stems(given):
        return Fraction(1), Fraction(1)
    return None


@cache
def size_of(unit: str) -> Size | None:
    """A unit's size; None if it is no unit that Pint knows. Of "metres long" the first word
    counts."""
    for words in (unit.replace("(", "").replace(")", ""), unit.split(" ")[0]):
        if len(words) > 40 or not _PRODUCT.fullmatch(words):
            continue
        size, measures = Fraction(1), dict[str, int]()
        for sign, name, power in _FACTOR.findall(words):
            named_size = _named_size(name)
            if named_size is None:
                break
            exponent = int(power or 1) * (-1 if sign == "/" else 1)
            size *= named_size.size**exponent
            for base, times in named_size.measures:
                measures[base] = measures.get(base, 0) + times * exponent
        else:
            return Size(size, tuple(sorted((base, n) for base, n in measures.items() if n)))
    return None


@cache
def _named_size(name: str) -> Size | None:
    """The size of one named unit, with its prefix."""
    import pint

    with _LOCK:
        for spelt in ("degree" if name == "°" else name, name.lower()):
            try:
                quantity = _registry().Quantity(Fraction(1), spelt).to_base_units()
            except (pint.PintError, ArithmeticError, AttributeError, TypeError, ValueError):
                continue
            bases = tuple((str(base), int(power)) for base, power in quantity.unit_items())
            return Size(Fraction(quantity.magnitude), bases)
    return None


@cache
def _registry() -> Any:
    # Half a second, which only answers pay whose units differ in writing.
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    for money in sorted(set(_MONEY.values())):
        registry.define(f"{money} = [{money}]")
    registry.define("cent = dollar / 100")
    registry.define("kmh = kilometer / hour")
    return registry


def _stems(words: str) -> set[str]:
    return {word.lower().rstrip("s") for word in re.findall(r"[^\W\d]{3,}", words)}


def is_product(word: str) -> bool:
    """Whether letters are variables side by side, as in ``abc`` and ``xyz``."""
    letters = sorted(word)
    return len(word) <= 4 and all(ord(b) - ord(a) == 1 for a, b in pairwise(letters))


def _no_digits(tail: str) -> bool:
    """No number of its own stands among the words: "3 hours and 20 minutes" is more than 3."""
    return not re.search(r"(?<![\^a-zA-Z{\d])(?<![\^{]-)\d", tail)
