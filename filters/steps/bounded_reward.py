"""Bounded rewards of steps."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter
from filters.steps.step_rewards import by_response, rewritten
from schemas import Scores, Split, Table, Takes


class BoundedReward(Filter):
    """Changes the rewards of steps so that their sum, the return of a policy trained on them, is
    bounded. Then a policy gains nothing by right but useless steps.

    ``clip``: r_k becomes min(r_k − eta, 0). No step has a positive reward, so the return is at most
    0. ``delta``: r_k becomes r_k − r_{k+1}; the last but one stays r_k, and the last is 0, because
    the answer itself is rewarded there. The sum is the reward of the first step, whatever comes
    between. A response of one step has the return 0.

    Gives the new rewards of the steps and their sum as the score of the whole. A response is
    dropped if its steps have no scores or if one of these is an error.

    Source: Gao et al. 2024, On Designing Effective RL Reward at Training Time for LLM Reasoning
    (arXiv:2410.15115). Clipping and differences for a bounded return could be confirmed. The
    threshold, and the treatment of the last two steps, could not. Here ``eta`` is one half, where a
    process reward model is undecided.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

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
