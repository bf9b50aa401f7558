"""Rewards of steps that a policy cannot collect without end."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter
from filters.steps.step_rewards import by_response, rewritten
from schemas import Scores, Split, Table, Takes


class BoundedReward(Filter):
    """Makes rewards of steps whose sum, the return of a policy that is trained on them, is bounded,
    so that saying right but needless steps earns nothing.

    ``clip``: r_k becomes min(r_k − eta, 0). No step earns anything, a poor one costs: the return is
    0 at most. ``delta``: r_k becomes r_k − r_{k+1}, that of the last step but one stays r_k, and
    that of the last is 0 (whether the answer is right is rewarded there). The sum telescopes to the
    reward of the first step, whatever comes between.

    Gives the bounded rewards of the steps and, as the score of the whole, their sum. With ``delta``
    a response of one step has the return 0. A response one of whose steps could not be scored is
    dropped, as is one whose steps were not scored.

    Source: Gao et al. 2024, On Designing Effective RL Reward at Training Time for LLM Reasoning
    (arXiv:2410.15115). That rewards are clipped and differenced so that the return is bounded could
    be confirmed; the threshold, and what becomes of the last two steps, could not. Here ``eta`` is
    one half: where a process reward model does not know.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Scores)]
    rule: Literal["clip", "delta"] = "clip"
    eta: float = 0.5

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        values = pl.col("values")
        if self.rule == "clip":
            bounded = values.list.eval((pl.element() - self.eta).clip(upper_bound=0))
        else:
            reward, place, count = pl.element(), pl.int_range(pl.len()), pl.len()
            bounded = values.list.eval(
                pl.when(place == count - 1)
                .then(0.0)
                .when(place == count - 2)
                .then(reward)
                .otherwise(reward - reward.shift(-1))
            )
        rewards = by_response(tables[self.of]).with_columns(values=bounded)
        # A sum of nulls is 0, but such a response is dropped.
        return rewritten(rewards.with_columns(value=values.list.sum()), keep_steps=True)
