"""Answers to grade-school problems: one number, after ``####`` as GSM8K writes it."""

import re
from collections.abc import Sequence
from fractions import Fraction

from engines.checks.loading import may_hang
from engines.checks.mathematics import math
from schemas import Message

_MARK = re.compile(r"####[ \t]*([^\n]*)")
_DIGITS = r"(?:[0-9]+(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
_NUMBER = re.compile(
    r"(?:[^0-9.]*[ =(:])??"  # words before it
    rf"(?P<sign>[-−+]?)[$€£]? ?(?P<minus>[-−]?)(?P<top>{_DIGITS})"
    rf"(?: ?/ ?(?P<bottom>{_DIGITS}))?"
    r"(?:[^\w/*^+=-][^0-9]*|[a-zA-Z°][^0-9]*)?"  # a unit, words, a full stop
)


def _number(text: str) -> Fraction | None:
    """The one number that ``text`` states, exactly; None if it states none, or several.

    ``$1,234.50``, ``-3``, ``50%`` (= 50), ``1/2`` and ``72 clips.`` are numbers."""
    text = " ".join(text.split())
    # Nothing that long is a number with its unit, and the search below stays quick.
    if len(text) > 200:
        return None
    found = _NUMBER.fullmatch(re.sub("^([-−+]) ", r"\1", text))
    if found is None:
        return None
    value = Fraction(found["top"].replace(",", ""))
    if found["bottom"]:
        below = Fraction(found["bottom"].replace(",", ""))
        if below == 0:
            return None
        value /= below
    negative = (found["sign"] in ("-", "−")) != bool(found["minus"])
    return -value if negative else value


def _stated(reference: str | None) -> Fraction:
    """The number of a reference. Raises ValueError if it has none."""
    if reference is None or not reference.strip():
        raise ValueError("the prompt has no reference answer")
    marks = _MARK.findall(reference)
    number = _number(marks[-1] if marks else reference)
    if number is None:
        raise ValueError(
            f"no number is found in the reference {reference[-200:]!r}: it must be one number, "
            "or a worked answer that ends in '#### number'"
        )
    return number


def by_mark(messages: Sequence[Message], reference: str | None, text: str) -> bool | None:
    """`gsm8k` for responses without ``####``, or with one number after it; None for all others."""
    right = _stated(reference)
    marks = [mark for mark in _MARK.findall(text) if mark.strip()]
    if not marks:
        return False
    given = {mark: _number(mark) for mark in marks}
    numbers = {number for number in given.values() if number is not None}
    if len(numbers) > 1:
        return False
    unread = any(number is None and re.search("[0-9]", mark) for mark, number in given.items())
    return None if unread or not numbers else right in numbers


@may_hang(quick=by_mark)
def gsm8k(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """Whether the number that ``text`` answers is the reference's, compared as exact fractions.

    ``reference``: a number, or a worked answer that ends in ``#### 72``. The response's answer is
    what it writes after ``####``, read by Math-Verify where it is more than a number. A response
    without the mark is wrong (the strict match of the usual GSM8K harnesses): among the numbers of
    a text that does not solve the problem, the right one turns up by luck. Ask for the mark in
    the system prompt, or check with `engines.checks.math`. Several different numbers after
    ``####`` are no answer. Raises ValueError if the reference is missing or is not a number.
    """
    decided = by_mark(messages, reference, text)
    if decided is not None:
        return decided
    last = [mark for mark in _MARK.findall(text) if mark.strip()][-1]
    return math(messages, str(_stated(reference)), last)
