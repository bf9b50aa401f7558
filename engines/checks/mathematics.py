"""Answers of any kind, formulas among them compared by Math-Verify."""

import re
from collections.abc import Callable, Iterator, Sequence

from engines.checks.answers.agreement import Agreement
from engines.checks.answers.forms import Form, Formula, Named, Several, Words, is_answer
from engines.checks.answers.formulas import same_formula
from engines.checks.answers.numbers import in_dozens
from engines.checks.answers.reading import read_forms
from engines.checks.answers.stated import stated_answers
from engines.checks.loading import may_hang
from schemas import Message

_ALL = re.compile(
    r"\b(?:all|roots|solutions|zeros|zeroes|separated by commas|any order)\b", re.IGNORECASE
)
_ORDERED = re.compile(
    r"\b(?:in|the)\s(?!any)(?:\w+\s)?order\b|\b(?:ordered|ascending|increasing)\b", re.IGNORECASE
)
_PLACEHOLDER = re.compile(
    r"[?!.,:;/_*\s-]*|n[/.]?a|nan|none|null|nil|inf|unknown|tbd|todo|not ?found|no answer|error|"
    r"(?:(?:proof|solution|answer) )?omitted|proof|see (?:solution|explanation|above|below)|"
    r"not (?:provided|available)",
    re.IGNORECASE,
)
# Words that make a few words a sentence. No response repeats a sentence word for word.
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|it|he|she|they|we|i|you|because|since|so|therefore|thus|"
    r"hence|then|there|this|that|which|who|where|if|let|suppose|assume|consider|"
    r"shows?|holds?|proves?|follows?)\b"
)
_SUPPOSED = re.compile(r"\b(?:assume|suppose|let|consider|show|prove)\b", re.IGNORECASE)
_MOST_WORDS = 6
SECONDS = 0.8
"""CPU time for two formulas. Most take a fiftieth of a second; those that take this long rarely
end."""


class _NeedsMathVerify(Exception):
    """Two formulas are written differently: only Math-Verify can tell."""


def quick(messages: Sequence[Message], reference: str | None, text: str) -> bool | None:
    """`math` without Math-Verify; None if only Math-Verify can decide."""
    try:
        return _right(messages, reference, text, _undecided)
    except _NeedsMathVerify:
        return None


def readable(reference: str) -> str | None:
    """Why ``reference`` states no answer that can be checked; None if it states one."""
    try:
        _stated(reference)
    except ValueError as error:
        return str(error)
    return None


@may_hang(seconds=SECONDS, quick=quick, readable=readable)
def math(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """Whether the final answer of ``text`` equals the reference's.

    `engines.checks.answers.stated` finds the response's answer. A response without an answer is
    wrong. Numbers are compared exactly, units if both sides have one, words as words, and formulas
    by Math-Verify. A list in braces, or joined by "and" or "or", has no order. A list with commas
    must have the reference's order, unless the task asks for all of something ("all roots").

    Args:
        messages: the prompt.
        reference: a number (``72``, ``5e-05``, ``\\$32,348``), an expression (``x^2+1``), a few
            words ("Monday"), a choice (``(B)``), several of these, or a worked solution that marks
            its answer (``\\boxed{…}``, ``#### …``, "the answer is …") or ends in it.
        text: the response.

    Raises:
        ValueError: the reference is missing or states no answer.
    """
    return _right(messages, reference, text, same_formula)


def _right(
    messages: Sequence[Message],
    reference: str | None,
    text: str,
    compare: Callable[[str, str], bool],
) -> bool:
    task = " ".join(message["content"] for message in messages)
    wanted = (task, reference or "")
    gold = _stated(reference and in_dozens(reference, *wanted))
    any_order = bool(_ALL.search(task)) and not _ORDERED.search(task)
    agreement = Agreement(compare, any_order)
    undecided: _NeedsMathVerify | None = None
    for given in _given(in_dozens(text, *wanted)):
        try:
            if agreement.same(gold, given):
                return True
        except _NeedsMathVerify as error:
            undecided = error
    if undecided is not None:
        raise undecided
    return False


def _undecided(gold: str, given: str) -> bool:
    raise _NeedsMathVerify


def _given(text: str) -> Iterator[Form]:
    """The possible answers of ``text``, until one is an answer by itself."""
    for answer in stated_answers(text):
        forms = list(read_forms(answer))
        yield from forms
        if forms and is_answer(forms[0]):
            return


def _stated(reference: str | None) -> Form:
    """The answer of a reference. Raises ValueError if it states none."""
    if reference is None or not reference.strip():
        raise ValueError("the prompt has no reference answer")
    shown = " ".join(reference.split())
    shown = repr(shown if len(shown) <= 100 else f"{shown[:100]}…")
    if _PLACEHOLDER.fullmatch(reference.strip(" $.\n")):
        raise ValueError(f"the reference {shown} stands for no answer")
    for answer in stated_answers(reference, last=False) or [reference]:
        form = next(read_forms(answer), None)
        if form is not None and _checkable(form):
            return form
    if (ending := _ending(reference)) is not None:
        return ending
    raise ValueError(
        f"no answer is found in the reference {shown}: it must be a number, an expression or a few "
        "words, or a worked answer that ends in \\boxed{…}, '#### …' or 'the answer is …'"
    )


def _ending(reference: str) -> Form | None:
    """The expression in which the last sentence of a reference ends: "It costs $5."."""
    answers = stated_answers(reference)
    if not answers or _SUPPOSED.search(reference) or not _closed(reference):
        return None
    form = next(read_forms(answers[-1]), None)
    if form is None or isinstance(form, Words) or not _checkable(form):
        return None
    words = answers[-1].split()
    after = reference.rsplit(words[0], 1)[-1]
    return form if len(after.split()) <= len(words) else None


def _checkable(form: Form) -> bool:
    """Whether this can be an answer. Prose and half a formula cannot."""
    match form:
        case Named(value=value):
            return _checkable(value)
        case Several(parts=parts):
            return bool(parts) and all(map(_checkable, parts))
        case Words(text=text):
            words = len(text.split())
            sentence = words > _MOST_WORDS or (words > 1 and _SENTENCE.search(text))
            return (
                not sentence and not _PLACEHOLDER.fullmatch(text) and bool(re.search(r"\w", text))
            )
        case Formula(latex=latex):
            return _closed(latex) and bool(re.search(r"\w", re.sub(r"\\\w+\s*(?=\{)", "", latex)))
    return True


def _closed(latex: str) -> bool:
    """Whether every brace that LaTeX opens is closed."""
    braces = re.findall(r"(?<!\\)[{}]", latex)
    return braces.count("{") == braces.count("}")
