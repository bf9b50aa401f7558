"""Versions of a response that are worse by a known degree."""

import math
import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, field_validator

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.revision.removal import (
    key_lines,
    key_words,
    removable,
    without_lines,
    without_words,
)
from generators.revision.reviser import Reviser
from schemas import content_id

Level = Annotated[float, Gt(0), Le(1)]


class Degrade(Reviser):
    """Removes the share ``levels`` of each response's key content; one version per level. Calls no
    model.

    Key content is every number and every word of four letters or more (``keys: words``), or every
    line (``keys: steps``). ``seed`` and the response's id decide the order of removal. The order is
    the same at every level: a higher level removes what a lower level removes, and more. So each
    version is worse than the one before by construction.

    The layout stays, so that it does not tell the versions apart: indentation, blank lines, markers
    of lists and headings, fences of code, rules of tables. ``keys: words`` leaves a word on every
    line and in every cell of a table (`generators.revision.removal`).

    Level L removes ⌈L·K⌉ of K pieces, or all that the layout lets go. Levels that remove the same
    pieces give one version, with the lowest of these levels. A response with fewer than ``least``
    pieces is dropped. ``origin.parameters`` has the ``level`` and the number of pieces ``removed``.

    Source: Li et al. 2024, Self-supervised Preference Optimization (SPO, arXiv:2409.17791). The
    paper finds key content with RAKE. Its code is not public and RAKE needs a list of stop words,
    so the rule above replaces it. It needs no list, so it is the same in every language that puts
    spaces between words.
    """

    levels: tuple[Level, ...] = Field(default=(0.25, 0.5, 0.75), min_length=1)
    keys: Literal["words", "steps"] = "words"
    least: Annotated[int, Ge(2)] = 2
    seed: int = 0

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if sorted(set(levels)) != list(levels):
            raise ValueError(
                f"levels must be in ascending order without repeats, got {list(levels)}"
            )
        return levels

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft per level, the least degraded first."""
        find, without = _KEYS[self.keys]
        pieces, kept = find(response.text)
        if len(pieces) < self.least:
            return Refusal("too little key content", {"pieces": len(pieces), "least": self.least})
        seed = int(content_id(self.seed, response.response_id), 16) >> 65
        random.Random(seed).shuffle(pieces)
        removed = removable(pieces, kept)
        if not removed:
            return Refusal("no piece can go without its line", {"pieces": len(pieces)})
        most = min(len(removed), len(pieces) - 1)
        counts: dict[int, float] = {}
        for level in self.levels:
            # 0.1 · 30 is slightly more than 3 in floating point; it must remove 3, not 4.
            counts.setdefault(min(math.ceil(round(level * len(pieces), 9)), most), level)
        return [
            Draft.by_rule(
                without(response.text, removed[:count]),
                parents=(response.response_id,),
                seed=seed,
                cut=response.finish == "length",
                level=level,
                removed=count,
                keys=self.keys,
            )
            for count, level in counts.items()
        ]


_KEYS = {"words": (key_words, without_words), "steps": (key_lines, without_lines)}
