"""The openings of responses, which look like answers and contain none."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.operators.step_ends import sentence_ends
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.revision.reviser import Reviser

_END = re.compile(r"(?<=:)(?=\s)|\n")
"""An end inside a step of `sentence_ends`: after a colon, or the end of the line."""


class Openings(Reviser):
    """The first sentence of each response, or its first ``words`` words if the sentence is longer.
    Calls no model.

    A response that is no longer than its opening is dropped. Labelled as wrong, openings teach a
    judge not to accept a beginning as an answer: Master-RM cuts responses to their first sentence
    for its adversarial negatives (Zhao et al. 2025, arXiv:2507.08794).
    """

    words: int = Field(default=20, ge=1)

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        text = response.text.strip()
        sentence = _END.split(text[: next(iter(sentence_ends(text)), 0)], maxsplit=1)[0].rstrip()
        # The text is cut, not split and rejoined, so the spaces between words stay unchanged.
        ends = [match.end() for match in re.finditer(r"\S+", sentence)]
        opening = sentence[: ends[self.words - 1]] if len(ends) > self.words else sentence
        if opening == text:
            return Refusal("no longer than its opening", {"words": len(ends)})
        return [Draft.by_rule(opening.strip(), parents=(response.response_id,), words=self.words)]
