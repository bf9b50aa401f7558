"""Answers to grade-school problems: one number, after ``####`` as GSM8K writes it."""

import re
from collections.abc import Sequence

from engines.chat.thinking import split
from engines.checks.answers.agreement import Agreement
from engines.checks.answers.forms import Form, Formula
from engines.checks.answers.formulas import same_formula
from engines.checks.answers.numbers import Number, in_dozens, read_number, same_number
from engines.checks.answers.reading import read_forms
from engines.checks.answers.spelling import bare, spelled
from engines.checks.answers.stated import stated_answers
from engines.checks.loading import may_hang
from engines.checks.mathematics import SECONDS
from schemas import Message

_MARK = re.compile(r"#{4,}[ \t]*(?:\*\*)?[ \t]*(?:\n\s*)?([^\n]*)")
_LONGEST = 1000
_BEFORE = re.compile(
    r"(?:[a-zA-Z ]*\b(?:answer|total|result|solution)\b[a-zA-Z ]*[:=\-]?\s|[a-zA-Z] ?=)", re.I
)


def _number(mark: str) -> Number | Formula | None:
    """The text after a mark: a number, a formula of numbers, or (None) neither."""
    mark = mark.strip(" \t\r*_`")
    boxed = stated_answers(mark, last=False) if "boxed" in mark else []
    stated = boxed[0] if boxed else mark
    if len(stated) > _LONGEST:
        return None
    text = bare(spelled(stated))
    text = _BEFORE.sub("", text, count=1) if _BEFORE.match(text) else text
    number = read_number(text, words=False)
    if number is None and re.search(r"\d", text):
        form: Form | None = next(read_forms(text), None)
        if isinstance(form, Number):
            return form
        if isinstance(form, Formula) and not re.search(
            r"(?<!\\)\b[a-zA-Z]|[<>=±]|\\pm", form.latex
        ):
            return form
    return number


def _stated(reference: str | None) -> Number:
    """The number of a reference. Raises ValueError if it has none."""
    if reference is None or not reference.strip():
        raise ValueError("the prompt has no reference answer")
    marks = _MARK.findall(reference)
    stated = marks[-1] if marks else reference
    number = read_number(spelled(stated), words=False) if len(stated) < _LONGEST else None
    if number is None:
        raise ValueError(
            f"no number is found in the reference {reference[-200:]!r}: it must be one number, "
            "or a worked answer that ends in '#### number'"
        )
    return number


def _given(messages: Sequence[Message], text: str) -> list[Number | Formula]:
    """The numbers and formulas after the marks of a response. Headings are left out."""
    answer = in_dozens(split(text)[1], *(message["content"] for message in messages))
    marks = [mark for mark in _MARK.findall(answer) if mark.strip()]
    return [number for number in map(_number, marks) if number is not None]


def by_mark(messages: Sequence[Message], reference: str | None, text: str) -> bool | None:
    """`gsm8k` for responses with numbers after ``####``; None if a formula must be compared."""
    right, given = _stated(reference), _given(messages, text)
    numbers = [number for number in given if isinstance(number, Number)]
    if not given or len({number.value for number in numbers}) > 1:
        return False
    if len(numbers) < len(given):
        return None
    return all(same_number(right, number) for number in numbers)


def readable(reference: str) -> str | None:
    """Why ``reference`` states no number; None if it states one."""
    try:
        _stated(reference)
    except ValueError as error:
        return str(error)
    return None


@may_hang(seconds=SECONDS, quick=by_mark, readable=readable)
def gsm8k(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """Whether the number that ``text`` answers equals the reference's, compared exactly.

    The response's answer is what it writes after ``####`` in digits. A formula there is computed by
    Math-Verify. A response without the mark is wrong (the strict match of the usual GSM8K
    harnesses): a text that does not solve the problem may contain the right number by chance. Ask
    for the mark in the system prompt, or check with `engines.checks.math`. Several different
    numbers after ``####`` are not an answer. Thoughts are not searched.

    Args:
        messages: the prompt.
        reference: a number, or a worked answer that ends in ``#### 72``.
        text: the response.

    Raises:
        ValueError: the reference is missing or is not a number.
    """
    right, given = _stated(reference), _given(messages, text)
    agreement = Agreement(same_formula)
    return bool(given) and all(agreement.same(right, answer) for answer in given)
