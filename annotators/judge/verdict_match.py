"""Scores judgements by whether their verdict is the right one."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from annotators.annotator import Annotator
from annotators.judge.parsing.choices import CREDIT
from annotators.judge.parsing.verdicts import UnparseableVerdict, read_choice, read_ranking
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Findings, Message, Truth, canonical

_RANKED = re.compile(r"[A-Z](?: [>=] [A-Z])+")
"""A ranking as `annotators.ListwiseItems` states it, such as "B > A = C"."""


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
    reference, 0 if not. Or rankings, which are responses to `annotators.ListwiseItems`: the share
    of the pairs with a better response that are ranked as the reference ranks them, in [0, 1].
    Where no two are equal, this is (τ + 1)/2, of Kendall's τ. Calls no model.

    A judgement whose verdict cannot be read has an error: it is neither a hit nor a miss. A
    judgement that was cut off has an error too, unless ``cut: read``. With ``unread``, both have
    this score: a judge that is rewarded must not gain by saying nothing. Of a judgement with
    reasons the verdict at its end counts. ``parse``, a regular expression whose one group is the
    letter, or the letters, replaces the rules of `annotators.judge.parsing`.

    Findings: ``agreement``, the share of verdicts (of rankings, of their pairs) that are right;
    ``first_position_wins``, of those with a winner the share that names the one shown first, which
    is ½ over both orders without position bias; ``unread``, the number of judgements without a
    verdict.
    """

    parse: str | None = None
    cut: Cut = "refuse"
    unread: float | None = None

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
            if (refusal := cut_off(judgement, self.cut)) is not None:
                raise UnparseableVerdict(refusal)
            value = self._match(prompt.reference, judgement.text, models)
        except UnparseableVerdict as problem:
            value, error = self.unread, str(problem) if self.unread is None else None
            models.counts["unread"] += 1
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

    def _match(self, reference: str | None, text: str, models: Models) -> float:
        """How right the verdict in ``text`` is, which is counted."""
        if reference is None or not _RANKED.fullmatch(reference):
            right = _right(reference)
            choice = read_choice(text, self.parse)
            hits, pairs = int(choice == right), 1
            firsts = [choice == CREDIT["A"]] if choice != CREDIT["C"] else []
        else:
            levels = _levels(reference)
            ranking = read_ranking(text, len(levels), self.parse)
            unequal = [(a, b) for a, b in combinations(ranking, 2) if levels[a] != levels[b]]
            hits, pairs = sum(levels[a] < levels[b] for a, b in unequal), len(unequal)
            firsts = [better < worse for better, worse in combinations(ranking, 2)]
        models.counts["read"] += pairs
        models.counts["right"] += hits
        models.counts["decided"] += len(firsts)
        models.counts["first"] += sum(firsts)
        return hits / pairs


def _right(reference: str | None) -> float:
    if reference not in CREDIT:
        raise ValueError(f"the reference {reference!r} is not a verdict: A, B or C")
    return CREDIT[reference]


def _levels(ranking: str) -> list[int]:
    """Of the responses A, B, C …, as shown, the place in ``ranking``; equal ones share it.

    Raises:
        ValueError: one is missing or named twice, or all are equal.
    """
    letters, level = ranking[::4], 0
    places = {letters[0]: 0}
    for letter, sign in zip(letters[1:], ranking[2::4], strict=True):
        level += sign == ">"
        places[letter] = level
    expected = [chr(ord("A") + place) for place in range(len(letters))]
    if sorted(places) != expected or not level:
        raise ValueError(f"the reference {ranking!r} ranks nothing")
    return [places[letter] for letter in expected]
