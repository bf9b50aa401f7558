"""Is more answered rightly at equal cost?"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import known_responses
from assets.project.measure import (
    Curve,
    Figures,
    Measure,
    Plot,
    Tables,
    UnmeasurableError,
    prompts_of,
)
from claims.curves import weights_at
from claims.step_labels import rollouts
from trainers.evaluation.metrics import gains


class Cost(Measure):
    """The accuracy at equal cost, compared with the control's.

    ``points`` names stages of responses, each with the stages that it was paid for with: sampling
    more, for example, costs more tokens and answers more prompts rightly. ``of`` is one of them,
    and ``control`` is one of ``control_points``, which are the same by default. A stage may also be
    an evaluation of a policy, whose gain counts: its cost is that of the data it was trained on.

    The cost is the sum over all prompts, in tokens of responses, or in rollouts: those that a score
    says ("3/16"), the visits of the root of a tree, and one a response. The accuracies are compared
    at the highest cost that both reach; between two points they are linear in the logarithm of the
    cost. Costs are what was paid: only the prompts of the accuracies are resampled.
    """

    points: Mapping[str, tuple[str, ...]] = Field(min_length=1)
    control_points: Mapping[str, tuple[str, ...]] | None = None
    by: Literal["tokens", "rollouts"] = "tokens"
    prompts: str = "prompts"

    def stages(self) -> list[str]:
        return [*_stages(self.points), self.of, self.prompts]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [*_stages(self._theirs), self.control, self.prompts]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts of the answers."""
        if "greedy_after" in tables[self.of].columns:
            return "held-out prompts", tables[self.of].height
        return prompts_of(self.prompts, tables, self.of)

    @property
    def _theirs(self) -> Mapping[str, tuple[str, ...]]:
        return self.points if self.control_points is None else self.control_points

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        name = self.required_control()
        for stage, points in ((self.of, self.points), (name, self._theirs)):
            if stage not in points:
                raise UnmeasurableError(
                    f"name what {stage} was paid for with: add it to the points"
                )
        ours = self._curve(tables, self.points, checks)
        theirs = self._curve(control, self._theirs, checks)
        prompts = pl.concat([ours[1], theirs[1]], how="diagonal").select("prompt_id").unique()
        budget = min(ours[0][-1], theirs[0][-1])
        if budget < max(ours[0][0], theirs[0][0]):
            raise UnmeasurableError(
                f"the costs do not meet: {_costs(ours[0])} and {_costs(theirs[0])} {self.by}"
            )
        both = compared(*(_at(budget, *side, prompts) for side in (ours, theirs)))
        return Figures.of(
            both,
            f"at {budget:,.0f} {self.by} {both.measured:.1%} of {prompts.height:,} prompts are "
            f"answered rightly, by the control {both.control:.1%}: {both}",
            plot=Plot(
                self.by,
                tuple(
                    Curve(
                        "answered rightly",
                        name,
                        tuple(zip(costs, _means(right, prompts), strict=True)),
                    )
                    for name, (costs, right) in ((self.of, ours), (f"control {name}", theirs))
                ),
            ),
        )

    def _curve(
        self, tables: Tables, points: Mapping[str, tuple[str, ...]], checks: Mapping[str, str]
    ) -> tuple[Sequence[float], pl.DataFrame]:
        """The costs, rising, and for each prompt how much it is answered rightly at each."""
        costs = {
            stage: float(sum(self._cost(tables[each]) for each in dict.fromkeys(paid)))
            for stage, paid in points.items()
        }
        ordered = sorted(costs, key=lambda stage: costs[stage])
        rising = [costs[stage] for stage in ordered]
        if rising[0] <= 0 or len(set(rising)) < len(rising):
            raise UnmeasurableError(f"different costs are needed: {_costs(rising)} {self.by}")
        right = tables[self.prompts].select("prompt_id").clear()
        for stage in ordered:
            answered = self._right(tables, stage, checks).rename({"right": stage})
            right = right.join(answered, on="prompt_id", how="full", coalesce=True)
        if right.is_empty():
            raise UnmeasurableError("of no response is it known whether it is right")
        return rising, right

    def _right(self, tables: Tables, stage: str, checks: Mapping[str, str]) -> pl.DataFrame:
        if "greedy_after" in tables[stage].columns:
            return tables[stage].select("prompt_id", right=gains())
        checked = known_responses(tables[stage], tables[self.prompts], checks)
        return checked.group_by("prompt_id").agg(pl.col("right").mean())

    def _cost(self, frame: pl.DataFrame) -> int:
        if self.by == "tokens":
            if "tokens" not in frame.columns:
                raise UnmeasurableError("tokens are those of responses: name stages of responses")
            return int(frame["tokens"].sum())
        if "visits" in frame.columns:
            return int(frame.filter(pl.col("parent_id").is_null())["visits"].sum())
        return rollouts(frame) if "raw" in frame.columns else frame.height


def _stages(points: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [stage for name, paid in points.items() for stage in (name, *paid)]


def _at(
    budget: float, costs: Sequence[float], right: pl.DataFrame, prompts: pl.DataFrame
) -> pl.DataFrame:
    """One row a prompt: ``hits``, how much it is answered rightly at the budget. A prompt without
    an answer is not."""
    values = prompts.join(right, on="prompt_id", how="left", maintain_order="left").fill_null(0.0)
    hits = values.drop("prompt_id").to_numpy() @ weights_at(costs, budget)
    return prompts.select("prompt_id", hits=pl.Series(hits), count=pl.lit(1.0))


def _means(right: pl.DataFrame, prompts: pl.DataFrame) -> list[float]:
    values = right.drop("prompt_id").fill_null(0.0).to_numpy()
    return [float(each) for each in np.sum(values, axis=0) / prompts.height]


def _costs(costs: Sequence[float]) -> str:
    return ", ".join(f"{each:,.0f}" for each in costs)
