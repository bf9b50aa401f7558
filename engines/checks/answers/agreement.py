"""Whether two answers are the same answer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.checks.answers.forms import (
    Based,
    Choice,
    Form,
    Formula,
    Named,
    Ratio,
    Several,
    Time,
    Words,
    is_relation,
)
from engines.checks.answers.moments import same_time
from engines.checks.answers.numbers import Number, read_number, same_number
from engines.checks.answers.units import same_unit

_COLLECTION = re.compile(r"\\(?:cup|cap|setminus|mathbb|text\{R\}|emptyset|begin|pm|mp|\{)")
_IDENTIFIER = re.compile(r"\\?[a-zA-Z]+'*(?:_\{?\w+\}?)?")


@dataclass(frozen=True)
class Agreement:
    """Compares an answer with the reference's.

    Attributes:
        compare: whether two formulas (LaTeX, the reference's first) are mathematically equal. Only
            called for formulas.
        any_order: whether the order of a list does not count, as the task asks for all of
            something.
    """

    compare: Callable[[str, str], bool]
    any_order: bool = False

    def same(self, gold: Form, given: Form) -> bool:
        """Whether ``given`` is the answer ``gold``."""
        gold, given = _quantity(gold, given), _quantity(given, gold)
        match gold, given:
            case Number(), Number():
                return same_number(gold, given)
            case (Named(), _) | (_, Named()):
                return self._named(gold, given)
            case Several(), Several():
                return self._several(gold, given)
            case (Several("{", (Number() as one,)), Number()):
                return self.same(one, given)
            case (Number(), Several("{", (Number() as one,))):
                return self.same(gold, one)
            case Ratio(), Ratio():
                return _same_ratio(gold, given)
            case Time(), Time():
                return same_time(gold, given)
            case Choice(), Choice():
                return gold.letter == given.letter
            case (Choice(letter), Formula(latex)) | (Formula(latex), Choice(letter)) if (
                letter == latex
            ):
                return True
            case Choice(answer=answer), _:
                return answer is not None and self.same(answer, given)
            case _, Choice(answer=answer):
                return answer is not None and self.same(gold, answer)
            case (Words(text), Formula(latex)) | (Formula(latex), Words(text)):
                return text == "".join(latex.lower().split())
            case (Words() | Based(), _) | (_, Words() | Based()):
                return gold == given
        return self._formulas(gold, given)

    def _named(self, gold: Form, given: Form) -> bool:
        if isinstance(gold, Named) and isinstance(given, Named):
            if gold.name == given.name:
                return self.same(gold.value, given.value)
            plain = all(isinstance(one.value, Number | Words | Choice) for one in (gold, given))
            if plain and _IDENTIFIER.fullmatch(gold.name) and _IDENTIFIER.fullmatch(given.name):
                return False
            return self._equal(gold.latex, given.latex)
        if isinstance(gold, Named):
            if isinstance(given, Formula) and is_relation(given.latex):
                return self._equal(gold.latex, given.latex)
            return self.same(gold.value, given)
        assert isinstance(given, Named)
        if isinstance(gold, Formula) and is_relation(gold.latex):
            return self._equal(gold.latex, given.latex)
        return self.same(gold, given.value)

    def _several(self, gold: Several, given: Several) -> bool:
        kinds = {gold.kind, given.kind}
        if len(gold.parts) != len(given.parts):
            return False
        if kinds <= {",", "{"} and ("{" in kinds or self.any_order):
            return self._unordered(gold.parts, given.parts)
        listed = kinds == {",", "()"} or (kinds == {",", "[]"} and len(gold.parts) > 2)
        if len(kinds) > 1 and not listed:
            return False
        return all(map(self._same_members, gold.parts, given.parts))

    def _unordered(self, gold: Sequence[Form], given: Sequence[Form]) -> bool:
        left = list(given)
        for one in gold:
            place = next(
                (n for n, other in enumerate(left) if self._same_members(one, other)), None
            )
            if place is None:
                return False
            del left[place]
        return True

    def _same_members(self, gold: Form, given: Form) -> bool:
        """Whether two members of a list are the same. ``x = 2`` is not the same as 2 there."""
        alike = all(isinstance(gold, kind) == isinstance(given, kind) for kind in (Named, Several))
        return alike and self.same(gold, given)

    def _formulas(self, gold: Form, given: Form) -> bool:
        one, other = _latex(gold), _latex(given)
        if one is None or other is None or not _same_measure(gold, given):
            return False
        if isinstance(gold, Several) or isinstance(given, Several):
            # [0, 1) and (2, \infty) are sets of numbers; (0, 1) may be a point.
            single, several = (given, gold) if isinstance(gold, Several) else (gold, given)
            relation = isinstance(single, Formula) and is_relation(single.latex)
            latex = one if several is gold else other
            point = getattr(several, "kind", "") == "()" and "\\infty" not in latex
            if relation and single is given and point:
                return False
            if not relation and not _COLLECTION.search(_latex(single) or ""):
                return False
        elif is_relation(one) != is_relation(other):
            value = other if is_relation(one) else one
            if not _COLLECTION.search(value):
                return False
        return self._equal(one, other)

    def _equal(self, gold: str, given: str) -> bool:
        return _squeezed(gold) == _squeezed(given) or self.compare(gold, given)


def _quantity(form: Form, other: Form) -> Form:
    """``5m`` as 5 metres if the other answer is a number with a unit."""
    glued = re.fullmatch(r"(-?[\d.,]+)([a-zA-Z]\w?)", getattr(form, "latex", ""))
    if glued and isinstance(form, Formula) and isinstance(other, Number) and other.unit:
        return read_number(f"{glued[1]} \\text{{{glued[2]}}}") or form
    return form


def _same_ratio(gold: Ratio, given: Ratio) -> bool:
    first, given_first = gold.parts[0].value, given.parts[0].value
    return len(gold.parts) == len(given.parts) and all(
        a.value * given_first == b.value * first
        for a, b in zip(gold.parts[1:], given.parts[1:], strict=True)
    )


def _same_measure(gold: Form, given: Form) -> bool:
    """Whether the units of formulas are the same, if both have one. They are not converted."""
    units = [form.unit for form in (gold, given) if isinstance(form, Number | Formula)]
    if len(units) < 2 or not all(units) or units[0] == units[1]:
        return True
    sizes = same_unit(units[0], units[1])
    return sizes is not None and sizes[0] == sizes[1]


def _latex(form: Form) -> str | None:
    if isinstance(form, Ratio) and len(form.parts) == 2:
        return f"\\frac{{{form.parts[0].latex}}}{{{form.parts[1].latex}}}"
    return form.latex if isinstance(form, Number | Formula | Several) else None


def _squeezed(latex: str) -> str:
    """A formula without spaces and without braces around a single character."""
    return re.sub(r"\{(\w)\}", r"\1", re.sub(r"(?<![a-zA-Z])\s+|\s+(?![a-zA-Z])", "", latex))
