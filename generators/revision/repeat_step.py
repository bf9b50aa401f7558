"""Answers that say a step twice: what a reward of steps must not like better."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import polars as pl

from engines.model import Models
from engines.rows import Prompt, Response, said_twice
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser
from schemas import Scores, Takes, canonical


class RepeatStep(Reviser):
    """Each response with the step said twice, right after itself, that the scores of stage ``by``
    value most, but for its last: right and needless, it is what a policy repeats that is rewarded
    for steps (Gao et al. 2024, arXiv:2410.15115). Of equals the first. Calls no model.

    A response that is not cut into two steps or more, or none of whose steps before the last is
    scored, is dropped.
    """

    by: Annotated[str, Takes(Scores)]

    async def revise(
        self,
        prompt: Prompt,
        response: Response,
        remark: Mapping[int, float] | None,
        models: Models,
    ) -> Sequence[Draft] | Refusal:
        """One draft, cut into its steps."""
        steps = response.steps or ()
        if len(steps) < 2:
            return Refusal("fewer than two steps", {"steps": len(steps)})
        rewards = {step: value for step, value in (remark or {}).items() if step < len(steps) - 1}
        if not rewards:
            return Refusal("no step is scored")
        best = max(sorted(rewards), key=lambda step: rewards[step])
        text, cut = said_twice(response.text, steps, best)
        made = canonical({"repeated_step": best})
        parents = (response.response_id,)
        finish: Literal["stop", "length"] = "stop" if response.finish == "stop" else "length"
        return [Draft(text, finish, cut[-1].token_end, None, made, None, parents, cut)]

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """What stage ``by`` says of each step, by response."""
        read = tables[self.by].filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
        told: dict[str, dict[int, float]] = {}
        for response_id, step, value in read.select("response_id", "step", "value").iter_rows():
            told.setdefault(response_id, {})[step] = value
        return told
