"""Times of day and dates."""

import re

from engines.checks.answers.forms import Time, Words
from engines.checks.answers.spelling import bare, without_text

_TIME = re.compile(
    r"(\d{1,2})(?::([0-5]\d))?\s?([ap])\.?\s?m\.?|([01]?\d|2[0-3]):([0-5]\d)", re.IGNORECASE
)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_BETWEEN = ("st", "nd", "rd", "th", "of", "the", "on")


def read_time(text: str) -> Time | None:
    """``3:30 pm``, ``15:30``; None where ``text`` is no time."""
    match = _TIME.fullmatch(bare(without_text(text)))
    if match is None:
        return None
    half = (match[3] or "").lower()
    return Time(int(match[1] or match[4]), int(match[2] or match[5] or 0), half)


def read_date(text: str) -> Words | None:
    """``June 20``, ``20th of June 2021``, ``2021-06-20`` in one spelling; None if it is no date."""
    if (iso := _ISO.fullmatch(text)) and 1 <= int(iso[2]) <= 12:
        return Words(f"{_MONTHS[int(iso[2]) - 1]} {int(iso[3])} {int(iso[1])}")
    tokens = re.findall(r"[a-zA-Z]+|\d+", without_text(text).lower())
    tokens = [token for token in tokens if token not in _BETWEEN]
    months = [month for token in tokens for month in _MONTHS if token in (month, month[:3])]
    numbers = sorted(int(token) for token in tokens if re.fullmatch(r"\d{1,4}", token))
    if len(months) != 1 or not numbers or len(tokens) != len(numbers) + 1:
        return None
    return Words(" ".join([months[0], *map(str, numbers)]))


def same_time(gold: Time, given: Time) -> bool:
    """Whether two times are the same; "3:30" may be either half of the day."""
    if (gold.half and given.half) or not (gold.half or given.half):
        return gold == given
    stated, unstated = (gold, given) if gold.half else (given, gold)
    hour = stated.hour % 12 + (12 if stated.half == "p" else 0)
    return stated.minute == unstated.minute and unstated.hour in (stated.hour, hour)
