"""Is a budget of thought used well, whatever it is?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.measure import Curve, Figures, MeasureOfScores, Plot, Tables, UnmeasurableError


class CumulativeRegret(MeasureOfScores):
    """The regret over the first ``blocks`` steps of responses, a mean over them, compared with the
    control's. Lower is better.

    ``of`` is a stage of the values of prefixes (`annotators.RolloutValue`, forced): how often an
    answer that is forced there is right. The regret before step j is 1 − v_j, with v_0 the value of
    the prompt alone: what is lost against an answer that is right at once. After its last step a
    response keeps the value of the whole. ``control_responses`` are the responses of the control.

    ``says`` adds the values by the steps that were allowed, and the tokens of a response.

    Source: Qu et al. 2025, MRT (arXiv:2503.07572), by episodes; the comparator is taken to be
    always right.
    """

    blocks: int = Field(default=6, ge=1, le=64)
    control_responses: str

    def control_stages(self) -> list[str]:
        return [*super().control_stages(), self.control_responses]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        name = self.required_control()
        ours = self._values(tables[self.of], tables[self.responses])
        theirs = self._values(control[name], control[self.control_responses])
        both = compared(_regret(ours), _regret(theirs))
        curves = {self.of: _by_blocks(ours), f"control {name}": _by_blocks(theirs)}
        tokens = [
            float(frame["tokens"].to_numpy().mean())
            for frame in (tables[self.responses], control[self.control_responses])
        ]
        return Figures.of(
            both,
            f"over {self.blocks} steps the regret is {both.measured:.3f} a step, the control's "
            f"{both.control:.3f}: {both}; forced answers are right for "
            f"{_percentages(curves[self.of])} after 0, 1, … steps, the control's for "
            f"{_percentages(curves[f'control {name}'])}; "
            f"{tokens[0]:.1f} tokens a response, the control's {tokens[1]:.1f}",
            below=True,
            plot=Plot(
                "steps",
                tuple(
                    Curve("forced answers that are right", each, tuple(enumerate(shares)))
                    for each, shares in curves.items()
                ),
            ),
        )

    def _values(self, scores: pl.DataFrame, responses: pl.DataFrame) -> pl.DataFrame:
        """The values of the prefixes of each response: ``prompt_id`` and ``v0``, ``v1``, … with a
        last one after the ``blocks``. One with an unknown value does not count."""
        by_response = (
            scores.filter(pl.col("step") >= -1)
            .sort("response_id", "step")
            .group_by("response_id", maintain_order=True)
            .agg("value")
        )
        values = pl.col("value")
        filled = by_response.filter(~values.list.contains(None)).select(
            "response_id",
            *(
                values.list.get(pl.min_horizontal(pl.lit(n), values.list.len() - 1)).alias(f"v{n}")
                for n in range(self.blocks + 1)
            ),
        )
        joined = responses.select("response_id", "prompt_id").join(filled, on="response_id")
        if joined.is_empty():
            raise UnmeasurableError("no response has a value for each of its prefixes")
        return joined.drop("response_id")


def _regret(values: pl.DataFrame) -> pl.DataFrame:
    """Of each prompt the mean regret a step, over its responses, as ``hits``."""
    *before, _ = [pl.col(name) for name in values.columns if name != "prompt_id"]
    return values.group_by("prompt_id").agg(
        hits=(1 - pl.mean_horizontal(before)).mean(), count=pl.lit(1.0)
    )


def _by_blocks(values: pl.DataFrame) -> list[float]:
    """The mean value after 0, 1, … steps, over prompts."""
    means = values.group_by("prompt_id").mean().drop("prompt_id")
    return [float(each) for each in means.mean().row(0)]


def _percentages(shares: list[float]) -> str:
    return ", ".join(f"{each:.1%}" for each in shares)
