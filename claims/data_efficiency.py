"""With how many fewer rows is a policy, or a reward, as good as the control's?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from assets.project.intervals import RESAMPLES
from assets.project.measure import Curve, Figures, Measure, Plot, Tables, UnmeasurableError
from claims.curves import cost_of
from claims.pair_hits import SIDES, hits, rewarded
from kernels.intervals import Floats, bootstrap_interval
from trainers.evaluation.metrics import gains


class DataEfficiency(Measure):
    """By how many times fewer rows the gain of the control is reached, as its logarithm to base 2.

    ``of`` is the evaluation of a policy trained on all rows, and ``trained`` its checkpoint.
    ``parts`` names the evaluations of policies trained on parts of them, such as 1/8, 1/4 and 1/2,
    each with its checkpoint: how many rows each learnt is read from there. The control's are
    ``control``, ``control_trained`` and ``control_parts``; by default they have the same names.

    With ``pairs``, a stage of pairs of held-out prompts that state the true preferences, all of
    these are scores by rewards instead of evaluations of policies, and the gain at a prompt is the
    share of its pairs that they rank rightly, less a half.

    The rows are those at which the curve of gains first reaches the gain of the control by all its
    rows. If it never does, the control's curve says by how many times more rows the recipe needs.
    Beyond the smallest part nothing is known: 8 times fewer are the most that 1/8 can show. The
    claim holds if the interval is above the factor ``at_least``.
    """

    trained: str = "policy"
    parts: Mapping[str, str] = Field(min_length=1)
    control_trained: str | None = None
    control_parts: Mapping[str, str] | None = None
    pairs: str | None = None
    at_least: float = Field(default=1.0, gt=0)

    def stages(self) -> list[str]:
        return [stage for both in self._ours.items() for stage in both] + self._compared

    def control_stages(self) -> list[str]:
        return [stage for both in self._theirs.items() for stage in both] + self._compared

    def units(self, tables: Tables) -> tuple[str, int]:
        """The held-out prompts that were answered, or that have pairs."""
        of = tables[self.pairs or self.of]
        return "held-out prompts", of["prompt_id"].n_unique()

    @property
    def _compared(self) -> list[str]:
        return [] if self.pairs is None else [self.pairs]

    @property
    def _ours(self) -> Mapping[str, str]:
        return {**self.parts, self.of: self.trained}

    @property
    def _theirs(self) -> Mapping[str, str]:
        if self.control is None:
            return {}
        parts = self.parts if self.control_parts is None else self.control_parts
        return {**parts, self.control: self.control_trained or self.trained}

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        self.required_control()
        sides = (
            _gained(tables, self._ours, self.pairs),
            _gained(control, self._theirs, self.pairs),
        )
        shared = sides[0].gains.join(sides[1].gains, on="prompt_id", how="semi")["prompt_id"].sort()
        if shared.is_empty():
            answered = "answered by all policies" if self.pairs is None else "scored by all rewards"
            raise UnmeasurableError(f"no held-out prompt was {answered} of both")
        ours, theirs = (each.of(shared) for each in sides)
        rows = sides[0].rows, sides[1].rows

        def doublings(drawn: npt.NDArray[np.int64]) -> Floats:
            curves = (drawn @ ours / len(shared), drawn @ theirs / len(shared))
            return np.array(
                [
                    log2(times_fewer(rows[0], one, rows[1], other))
                    for one, other in zip(*curves, strict=True)
                ]
            )

        ones = np.ones(len(shared), dtype=np.int64)
        low, high = bootstrap_interval(doublings, ones, resamples=RESAMPLES)
        measured = float(doublings(ones[None])[0])
        means = ours.mean(axis=0), theirs.mean(axis=0)
        factor, least, most = (2**each for each in (measured, low, high))
        return Figures(
            measured,
            0.0,
            low,
            high,
            held=low > log2(self.at_least),
            boundary=log2(self.at_least),
            says=(
                f"gains by rows: {_listed(rows[0], means[0])}; of the control "
                f"{_listed(rows[1], means[1])}: its last is reached with {factor:.3g} times fewer "
                f"rows [{least:.3g}, {most:.3g}] (wanted: more than {self.at_least:g})"
            ),
            plot=Plot(
                "rows",
                tuple(
                    Curve(
                        "gain on held-out prompts", name, tuple(zip(at, mean.tolist(), strict=True))
                    )
                    for name, at, mean in zip(
                        (self.of, f"control {self.control}"), rows, means, strict=True
                    )
                ),
            ),
        )


def times_fewer(
    rows: Sequence[float],
    gained: npt.ArrayLike,
    control_rows: Sequence[float],
    control: npt.ArrayLike,
) -> float:
    """The rows of the control divided by the rows that reach the same gain.

    Args:
        rows: The rows of each training, rising.
        gained: Float[rows], the gain of each.
        control_rows: The rows of each training of the control, rising.
        control: Float[control_rows].
    """
    ours, theirs = np.asarray(gained), np.asarray(control)
    needed = cost_of(rows, ours, theirs[-1])
    if needed is not None:
        return control_rows[-1] / needed
    as_good = cost_of(control_rows, theirs, ours[-1])
    assert as_good is not None, "the control by all its rows is better"
    return as_good / rows[-1]


@dataclass(frozen=True)
class _Gained:
    """``rows`` of each training, rising, and ``gains``: a column a training, a row a prompt."""

    rows: Sequence[float]
    gains: pl.DataFrame

    def of(self, prompts: pl.Series) -> Floats:
        """The gains at some prompts, Float[prompts, trainings]."""
        rows = prompts.to_frame().join(self.gains, on="prompt_id", maintain_order="left")
        return rows.drop("prompt_id").to_numpy()


def _gained(tables: Tables, stages: Mapping[str, str], pairs: str | None) -> _Gained:
    rows = {stage: float(tables[trained]["rows"].sum()) for stage, trained in stages.items()}
    ordered = sorted(rows, key=lambda stage: rows[stage])
    if len(set(rows.values())) < len(rows) or min(rows.values()) < 1:
        counts = ", ".join(f"{stages[stage]} {rows[stage]:,.0f}" for stage in ordered)
        raise UnmeasurableError(f"trainings on different numbers of rows are needed: {counts}")
    if pairs is None:
        answered = [tables[stage].select("prompt_id", gains().alias(stage)) for stage in ordered]
    else:
        answered = [_ranked(tables[pairs], tables[stage], stage) for stage in ordered]
    joined = answered[0]
    for each in answered[1:]:
        joined = joined.join(each, on="prompt_id")
    return _Gained([rows[stage] for stage in ordered], joined)


def _ranked(pairs: pl.DataFrame, scores: pl.DataFrame, name: str) -> pl.DataFrame:
    """``prompt_id``, and as ``name`` the share of its pairs ranked rightly, less a half."""
    scored = rewarded(pairs.with_columns(group=pl.lit(None, pl.String)), scores)
    complete = scored.drop_nulls([f"{side}_value" for side in SIDES])
    shares = complete.group_by("prompt_id").agg(hits().mean().alias(name) - 0.5)
    return shares.sort("prompt_id")


def _listed(rows: Sequence[float], means: Floats) -> str:
    return ", ".join(f"{at:,.0f} {mean:+.3f}" for at, mean in zip(rows, means, strict=True))
