"""A mixture of several tasks' demonstrations, by their sizes or by what each does to a target."""

from collections.abc import Mapping
from math import ceil
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.curation.mix import mix
from filters.filter import Filter, refused
from filters.pairing import tie_break
from schemas import Demonstrations, Evaluations, Split, StageReport, Table, Takes


class Mixture(Filter):
    """The share ``share`` of the demonstrations of several tasks, the stages ``of``. Each task has
    rows in proportion to its size, drawn by lot (``seed``).

    With ``patched`` they are in proportion to its gain instead. A tail patch is a few steps of
    training on one task alone, from weights that all tasks start from
    (``{use: trainers.SFT, checkpoint: …, max_steps: 10}``). ``patched`` names the evaluations of
    the tasks' patches on the target, in the order of ``of``; ``before`` that of the weights before.
    The gain is the mean, over the prompts of both, of the share of right answers after the patch,
    greedy and sampled, less that before. A task without a gain above 0 is left out; if all are, the
    sizes decide. A task with fewer rows than its part gives all of them, and the others fill up.
    Findings: the gain of each task.

    Choose on other prompts than those of the final evaluation.

    Source: Vu et al. 2024, Foundational Autoraters (FLAMe, arXiv:2407.10817), for tail patches. The
    paper sorts its tasks into a few classes with fixed weights; weights in proportion to the gain
    are a reading.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "demonstration_id"

    of: Annotated[tuple[str, ...], Takes(Demonstrations), Field(min_length=2)]
    share: float = Field(gt=0, le=1)
    patched: Annotated[tuple[str, ...], Takes(Evaluations)] = ()
    before: Annotated[str | None, Takes(Evaluations)] = None
    seed: int = 0

    @model_validator(mode="after")
    def _each_task_is_patched(self) -> "Mixture":
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"a stage is named twice: {', '.join(self.of)}")
        if bool(self.patched) != (self.before is not None):
            raise ValueError("patched and before belong together: give both, or neither")
        if self.patched and len(self.patched) != len(self.of):
            raise ValueError(
                f"patched: {len(self.patched)} evaluations of {len(self.of)} tasks; give one for "
                "each stage of 'of', in its order"
            )
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        tasks: dict[str, pl.DataFrame] = {}
        ids = pl.Series(self.unit, [], pl.String)
        for stage in self.of:
            # A row of two tasks is of the first.
            tasks[stage] = tables[stage].filter(~pl.col(self.unit).is_in(ids.implode()))
            ids = pl.concat([ids, tasks[stage][self.unit]])
        gains = self._gains(tables) if self.patched else {}
        weights = gains if any(gain > 0 for gain in gains.values()) else {}
        helpful = {
            stage: frame.sort(tie_break(self.unit, self.seed))
            for stage, frame in tasks.items()
            if frame.height and weights.get(stage, 1.0) > 0
        }
        parts = {stage: weights.get(stage, float(tasks[stage].height)) for stage in helpful}
        mixed = mix(helpful, parts, ceil(self.share * len(ids))) if helpful else pl.DataFrame()
        chosen = mixed[self.unit] if helpful else pl.Series(self.unit, [], pl.String)
        every = pl.concat(
            frame.select(
                pl.all(), task=pl.lit(stage), gain=pl.lit(weights.get(stage), dtype=pl.Float64)
            )
            for stage, frame in tasks.items()
        )
        left = every.filter(~pl.col(self.unit).is_in(chosen.implode()))
        reason = (
            pl.when(pl.col("gain") <= 0)
            .then(pl.lit("its task does not help the target"))
            .otherwise(pl.lit("beyond the mixture"))
        )
        return Split(
            every.filter(pl.col(self.unit).is_in(chosen.implode())).drop("task", "gain"),
            refused(left, self.unit, reason, task=pl.col("task"), gain=pl.col("gain")),
            StageReport(findings={f"gain of {stage}": gain for stage, gain in gains.items()}),
        )

    def _gains(self, tables: Mapping[str, pl.DataFrame]) -> dict[str, float]:
        """The gain of each task's patch.

        Raises:
            ValueError: there is no prompt that a check judged before and after a patch.
        """
        assert self.before is not None
        before = _accuracy(tables[self.before])
        gains = {}
        for stage, patched in zip(self.of, self.patched, strict=True):
            both = _accuracy(tables[patched]).join(before, on="prompt_id", suffix="_before")
            gain = (both["right"] - both["right_before"]).mean()
            if not isinstance(gain, float):
                raise ValueError(
                    f"{patched!r} and {self.before!r} share no prompt that a check judged: "
                    "evaluate both on the same prompts, by a check"
                )
            gains[stage] = gain
        return gains


def _accuracy(evaluations: pl.DataFrame) -> pl.DataFrame:
    """The share of right answers to each prompt, the greedy one and the sampled ones alike."""
    hits = pl.col("greedy_after").cast(pl.Float64) + pl.col("right_after").fill_null(0)
    share = (hits / (1 + pl.col("samples").cast(pl.Float64))).alias("right")
    return evaluations.select("prompt_id", share).drop_nulls("right").sort("prompt_id")
