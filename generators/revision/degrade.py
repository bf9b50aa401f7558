"""Versions of a response that are known to be worse, each by a known degree."""

import math
import random
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, field_validator

from engines.model import Models
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser
from schemas import content_id

Level = Annotated[float, Gt(0), Le(1)]

_KEYS = {
    # Short words are mostly those that hold a sentence together; no list of them is needed, so
    # the rule is the same in every language that puts spaces between words.
    "words": re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]{4,}"),
    "steps": re.compile(r"[^\n]*\S[^\n]*(?:\n|$)"),
}


class Degrade(Reviser):
    """Each response with the share ``levels`` of its key content removed, one version a level.
    Calls no model.

    Key content is every number and every word of four letters or more (``keys: words``), or every
    line (``steps``). The order in which it goes is drawn by ``seed`` and the response's id, and is
    the same at every level: what is missing at a lower level is missing at all higher ones, so
    each version is worse than the one before by construction. Of K pieces level L removes ⌈L·K⌉,
    but one is always left. Levels that remove the same give one version, called by the lowest;
    a response of fewer than ``least`` pieces is dropped. The level is in ``origin.parameters``
    (``level``), with the number of pieces removed.

    Source: Li et al. 2024, Self-supervised Preference Optimization (SPO, arXiv:2409.17791), which
    finds key content with RAKE; its code is not public, and its phrases take a list of stop
    words, so the rule above stands in.
    """

    levels: tuple[Level, ...] = Field(default=(0.25, 0.5, 0.75), min_length=1)
    keys: Literal["words", "steps"] = "words"
    least: Annotated[int, Ge(2)] = 2
    seed: int = 0

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if sorted(set(levels)) != list(levels):
            raise ValueError(f"levels must rise, got {list(levels)}")
        return levels

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft a level, the least degraded first."""
        spans = [found.span() for found in _KEYS[self.keys].finditer(response.text)]
        if len(spans) < self.least:
            return Refusal("too little key content", {"pieces": len(spans), "least": self.least})
        seed = int(content_id(self.seed, response.response_id), 16) >> 65
        random.Random(seed).shuffle(spans)
        counts: dict[int, float] = {}
        for level in self.levels:
            # 0.1 · 30 is a little more than 3 in floats, and must not remove 4.
            counts.setdefault(min(math.ceil(round(level * len(spans), 9)), len(spans) - 1), level)
        return [
            Draft.by_rule(
                without(response.text, spans[:count]),
                parents=(response.response_id,),
                seed=seed,
                level=level,
                removed=count,
                keys=self.keys,
            )
            for count, level in counts.items()
        ]


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """``text`` without the characters of ``spans`` ([start, end), apart from each other), and
    without the double spaces and empty lines that this leaves."""
    left, begin = [], 0
    for start, end in sorted(spans):
        left.append(text[begin:start])
        begin = end
    lines = "".join([*left, text[begin:]]).split("\n")
    kept = [re.sub(r" {2,}", " ", line).strip() for line in lines]
    return "\n".join(line for line in kept if line)
