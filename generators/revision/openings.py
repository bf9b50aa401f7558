"""How responses begin: no answer yet, though it sounds like one."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from engines.model import Models
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser

_END = re.compile(r"(?:(?<=[.!?:])(?=\s)|\n)")
"""A sentence's end: the sign and a space after it, or the line's end."""


class Openings(Reviser):
    """The first sentence of each response, or its first ``words`` words where that is longer.
    Calls no model. A response that has no more than that is dropped: it was not cut.

    Labelled wrong, they teach a judge not to take a beginning for an answer: Master-RM cuts
    responses to their first sentence for its adversarial negatives (Zhao et al. 2025,
    arXiv:2507.08794).
    """

    words: int = Field(default=20, ge=1)

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        text = response.text.strip()
        sentence = _END.split(text, maxsplit=1)[0]
        # Words are counted, not rejoined: the spaces between them stay as they were.
        spans = [found.end() for found in re.finditer(r"\S+", sentence)]
        opening = sentence[: spans[self.words - 1]] if len(spans) > self.words else sentence
        if opening == text:
            return Refusal("no longer than its opening", {"words": len(spans)})
        return [Draft.by_rule(opening.strip(), parents=(response.response_id,), words=self.words)]
