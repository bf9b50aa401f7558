"""Responses in which one step is repeated, to test rewards of steps."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import polars as pl

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.rows import Prompt, Response, said_twice
from generators.drafts import Draft
from generators.revision.reviser import Reviser
from schemas import Scores, Takes, canonical


class RepeatStep(Reviser):
    """Repeats one step of each response, directly after itself: the step with the highest score of
    stage ``by``, the last step excluded. Calls no model.

    The first of equal steps is repeated. The repeated step is right and useless; a policy that is
    rewarded for each step learns to repeat such steps (Gao et al. 2024, arXiv:2410.15115).

    A response is dropped if it has fewer than two steps, or if none of its steps before the last
    has a score.
    """

    by: Annotated[str, Takes(Scores)]

    async def revise(
        self,
        prompt: Prompt,
        response: Response,
        remark: Mapping[int, float] | None,
        models: Models,
    ) -> Sequence[Draft] | Refusal:
        """One draft, with its steps."""
        steps = response.steps or ()
        if len(steps) < 2:
            return Refusal("fewer than two steps", {"steps": len(steps)})
        rewards = {step: value for step, value in (remark or {}).items() if step < len(steps) - 1}
        if not rewards:
            return Refusal("no step is scored")
        best = max(sorted(rewards), key=lambda step: rewards[step])
        text, cut = said_twice(response.text, steps, best)
        parameters = canonical({"repeated_step": best})
        parents = (response.response_id,)
        finish: Literal["stop", "length"] = "stop" if response.finish == "stop" else "length"
        return [Draft(text, finish, cut[-1].token_end, None, parameters, None, parents, cut)]

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The score of each step by stage ``by``, by response id."""
        scores = tables[self.by].filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
        rewards: dict[str, dict[int, float]] = {}
        for response_id, step, value in scores.select("response_id", "step", "value").iter_rows():
            rewards.setdefault(response_id, {})[step] = value
        return rewards
