"""Scores judgements by whether their verdict is the right one."""

from collections.abc import Mapping, Sequence

from annotators.annotator import Annotator
from annotators.judge.parsing.choices import CREDIT
from annotators.judge.parsing.verdicts import UnparseableVerdict, read_choice
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Findings, Message, Truth, canonical


def agrees(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """A `schemas.Check`: whether the verdict in ``text`` is ``reference``. A verdict that cannot be
    read is wrong.

    Raises:
        ValueError: ``reference`` is not A, B or C.
    """
    right = _right(reference)
    try:
        return read_choice(text) == right
    except UnparseableVerdict:
        return False


class VerdictMatch(Annotator):
    """Scores judgements, which are responses to `annotators.PairwiseItems`: 1 if the verdict is the
    reference, 0 if not. Calls no model.

    A judgement whose verdict cannot be read has an error: it is neither a hit nor a miss. A
    judgement that was cut off has an error too, unless ``cut: read``. Of a judgement with reasons
    the verdict at its end counts. ``parse``, a regular expression whose one group is the letter,
    replaces the rules of `annotators.judge.parsing.choices`.

    Findings: ``agreement``, the share of verdicts that are right; ``first_position_wins``, of those
    with a winner the share that names the one shown first, which is ½ over both orders without
    position bias; ``unread``, the number of judgements without a verdict.
    """

    parse: str | None = None
    cut: Cut = "refuse"

    def needs_truth(self) -> Truth | None:
        return "reference"

    def findings(self, counts: Mapping[str, int]) -> Findings:
        read, decided = counts.get("read", 0), counts.get("decided", 0)
        return {
            "agreement": counts.get("right", 0) / read if read else None,
            "first_position_wins": counts.get("first", 0) / decided if decided else None,
            "unread": counts.get("unread", 0),
        }

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per judgement. If the reference is no verdict, each score is an error."""
        return [self._score(prompt, one, models) for one in responses]

    def _score(self, prompt: Prompt, judgement: Response, models: Models) -> Score:
        value, error = None, None
        try:
            right = _right(prompt.reference)
            if (refusal := cut_off(judgement, self.cut)) is not None:
                raise UnparseableVerdict(refusal)
            said = read_choice(judgement.text, self.parse)
            value = float(said == right)
            models.counts["read"] += 1
            models.counts["right"] += said == right
            models.counts["decided"] += said != CREDIT["C"]
            models.counts["first"] += said == CREDIT["A"]
        except ValueError as problem:
            error = str(problem)
            models.counts["unread"] += 1
        return Score(
            judgement.response_id,
            "verdict_match",
            value,
            raw=judgement.text,
            error=error,
            parameters=canonical({"parse": self.parse} if self.parse else {}),
        )


def _right(reference: str | None) -> float:
    if reference not in CREDIT:
        raise ValueError(f"the reference {reference!r} is not a verdict: A, B or C")
    return CREDIT[reference]
