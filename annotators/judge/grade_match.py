"""Scores judgements by the distance of their grade from the true grade."""

from collections.abc import Sequence
from statistics import fmean
from typing import ClassVar, Literal

from pydantic import Field

from annotators.annotator import Annotator
from annotators.judge.parsing.verdicts import UnparseableVerdict, commonest, read_grade
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Message, Truth, canonical

SCALE = (1, 5)
PASS = 4.0
"""The lowest grade that means "right"."""


def agrees(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """A `schemas.Check`: whether the grade (1 to 5) in ``text`` and the true grade ``reference``
    are on the same side of 4. A grade that cannot be read does not agree.

    Raises:
        ValueError: ``reference`` is not a number.
    """
    true = _true_grade(reference)
    try:
        return _same_side(read_grade(text, SCALE), true)
    except UnparseableVerdict:
        return False


class GradeMatch(Annotator):
    """Scores judgements, which are responses to `annotators.JudgingItems`. The score is 0 if the
    grade and the true grade are on the same side of ``pass_grade``, else minus the distance between
    them. Calls no model.

    A judgement whose grade cannot be read has an error. A judgement that was cut off has an error
    too, unless ``cut: read``. With ``against: majority``, the true grade is the most frequent grade
    of the item's judgements (the mean of these if there are several) instead of the item's
    reference.
    """

    against: Literal["reference", "majority"] = "reference"
    scale: tuple[int, int] = SCALE
    pass_grade: float = Field(default=PASS)
    cut: Cut = "refuse"

    instead_of_truth: ClassVar[str] = "against: majority"

    def needs_truth(self) -> Truth | None:
        return "reference" if self.against == "reference" else None

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per judgement. If the reference is not a grade, each score is an error."""
        grades: dict[str, float] = {}
        errors: dict[str, str] = {}
        for one in responses:
            try:
                if (refusal := cut_off(one, self.cut)) is not None:
                    raise UnparseableVerdict(refusal)
                grades[one.response_id] = read_grade(one.text, self.scale)
            except UnparseableVerdict as error:
                errors[one.response_id] = str(error)
        true = fmean(commonest(list(grades.values()))) if grades else 0.0
        if self.against == "reference":
            try:
                true = _true_grade(prompt.reference)
            except ValueError as error:
                grades, errors = {}, {one.response_id: str(error) for one in responses}
        parameters = canonical({"against": self.against, "pass_grade": self.pass_grade})
        return [
            Score(
                one.response_id,
                "grade_match",
                self._match(grades[one.response_id], true) if one.response_id in grades else None,
                raw=one.text,
                error=errors.get(one.response_id),
                parameters=parameters,
            )
            for one in responses
        ]

    def _match(self, grade: float, true: float) -> float:
        return 0.0 if _same_side(grade, true, self.pass_grade) else -abs(grade - true)


def _same_side(grade: float, true: float, pass_grade: float = PASS) -> bool:
    return (grade >= pass_grade) == (true >= pass_grade)


def _true_grade(reference: str | None) -> float:
    try:
        return float(reference or "")
    except ValueError:
        raise ValueError(f"the reference {reference!r} is not a grade") from None
