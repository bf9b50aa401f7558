"""Are the preferences of every annotator, or in every context, predicted?"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from assets.project.intervals import RESAMPLES
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from claims.pair_hits import SIDES, hits, rewarded
from kernels.intervals import Floats, bootstrap_interval

Scored = str | Mapping[str, str]
"""A stage of scores, or one for each group."""


class GroupAccuracy(Measure):
    """The share of preferences that the scores of stage ``of`` predict, in the group of preferences
    where it is lowest. A pair is predicted if its chosen response scores higher; a tie counts half.

    ``pairs`` names the stage of pairs that state the true preferences. Their groups are those of
    their ``annotator`` (a person, or a principle), of the ``source`` of their prompt (of stage
    ``prompts``), or of the ``context``: the system message before it. A group of fewer than
    ``fewest`` pairs is left out. A score by an annotator of the group's name counts for that group
    only; otherwise the mean of all scores of a response counts. ``of`` may also be the rewards of
    held-out pairs (`schemas.RewardEvaluations`).

    It is compared with the lowest share of the control, which may be that of another group; with
    ``rivals``, more scores beside the control, with the highest of their lowest. A rival is a
    stage, or a stage for each group: rewards of their own. The lowest is found again in each
    resample, as it is lower the fewer pairs there are. ``says`` adds the shares of all groups; of
    the pairs of texts that two groups prefer in opposite ways, in how many the verdict turns too;
    and the shares by ``upper``, the upper line: rewards that know of each group what there is to
    know. The claim is not compared with it.
    """

    pairs: str = "pairs"
    prompts: str = "prompts"
    by: Literal["annotator", "source", "context"] = "annotator"
    fewest: int = Field(default=10, ge=1)
    rivals: tuple[Scored, ...] = ()
    upper: Scored | None = None

    def stages(self) -> list[str]:
        return [self.of, *_stages(self.upper), *self._grouped()]

    def control_stages(self) -> list[str]:
        rivals = [stage for rival in self.rivals for stage in _stages(rival)]
        return [] if self.control is None else [self.control, *rivals, *self._grouped()]

    def _grouped(self) -> list[str]:
        return [self.pairs, self.prompts] if self.by == "source" else [self.pairs]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        stages: list[Scored] = [self.of, self.required_control(), *self.rivals]
        verdicts = [
            self._verdicts(control if place else tables, stage)
            for place, stage in enumerate(stages)
        ]
        shared = set.intersection(*map(self._large, verdicts))
        if not shared:
            raise UnmeasurableError(
                f"no {self.by} has {self.fewest} pairs with scores by "
                f"{' and '.join(map(_name, stages))}"
            )
        ours, *others = (each.filter(pl.col("group").is_in(list(shared))) for each in verdicts)
        best = max(range(len(others)), key=lambda place: _worst(others[place]))
        control_stage, sides = _name(stages[1 + best]), (ours, others[best])
        measured, baseline, low, high = _compared(*sides)
        upper = ""
        if self.upper is not None:
            upper_verdicts = self._verdicts(tables, self.upper).filter(
                pl.col("group").is_in(list(shared))
            )
            upper = f"; the upper line, {_name(self.upper)}: {_listed(upper_verdicts)}"
        return Figures(
            measured,
            baseline,
            low,
            high,
            held=low > 0,
            says=(
                f"of the {self.by} that is predicted worst {measured:.1%} of pairs are ranked "
                f"rightly, by {control_stage} {baseline:.1%}: difference {measured - baseline:+.1%}"
                f" [{low:+.1%}, {high:+.1%}]; {_listed(sides[0])}; {_turned(sides[0])}, by "
                f"{control_stage} {_listed(sides[1])}; {_turned(sides[1])}{upper}"
            ),
        )

    def _large(self, verdicts: pl.DataFrame) -> set[str]:
        counts = verdicts.group_by("group").len().filter(pl.col("len") >= self.fewest)
        return set(counts["group"])

    def _verdicts(self, tables: Tables, by: Scored) -> pl.DataFrame:
        """One row a pair with scores: its prompt, its ``group``, both texts, and ``hit``: 1 if the
        chosen response scores higher, 1/2 if they tie."""
        if isinstance(by, str):
            return self._of_stage(tables, by)
        return pl.concat(
            self._of_stage(tables, stage).filter(pl.col("group") == group)
            for group, stage in by.items()
        )

    def _of_stage(self, tables: Tables, stage: str) -> pl.DataFrame:
        pairs = tables[self.pairs]
        if self.by == "annotator":
            group = pl.col("annotator")
        elif self.by == "source":
            sources = tables[self.prompts].select("prompt_id", group="source")
            pairs = pairs.join(sources, on="prompt_id", how="left", maintain_order="left")
            group = pl.col("group")
        else:
            system = pl.element().filter(pl.element().struct.field("role") == "system")
            group = pl.col("prompt").list.eval(system.struct.field("content")).list.join("\n")
        texts = {side: pl.col(side).list.last().struct.field("content") for side in SIDES}
        ids = ("pair_id", "prompt_id", "chosen_id", "rejected_id")
        grouped = pairs.select(*ids, **texts, group=group).drop_nulls("group")
        if grouped.is_empty():
            raise UnmeasurableError(f"no pair of {self.pairs} has a {self.by}")
        scored = rewarded(grouped, tables[stage])
        return scored.drop_nulls(["chosen_value", "rejected_value"]).select(
            "prompt_id", "group", *SIDES, hit=hits()
        )


def _stages(by: Scored | None) -> list[str]:
    return [] if by is None else [by] if isinstance(by, str) else list(by.values())


def _name(by: Scored) -> str:
    return " and ".join(_stages(by))


def _compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> tuple[float, float, float, float]:
    """The lowest shares of both, and the 95 % interval of their difference: a percentile bootstrap
    over prompts, which count with their pairs on both sides."""
    prompts = pl.concat([ours, theirs]).select("prompt_id").unique().sort("prompt_id")
    sides = [_counted(side, prompts) for side in (ours, theirs)]

    def differences(drawn: npt.NDArray[np.int64]) -> Floats:
        one, other = (_lowest(drawn, *side) for side in sides)
        return np.asarray(one - other)

    ones = np.ones(prompts.height, dtype=np.int64)
    low, high = bootstrap_interval(differences, ones, resamples=RESAMPLES)
    one, other = (float(_lowest(ones, *side)) for side in sides)
    return one, other, low, high


def _worst(verdicts: pl.DataFrame) -> float:
    """The lowest share of a group."""
    shares = verdicts.group_by("group").agg(pl.col("hit").mean())["hit"]
    return float(shares.to_numpy().min())


def _counted(verdicts: pl.DataFrame, prompts: pl.DataFrame) -> tuple[Floats, Floats]:
    """Hits and pairs, each Float[prompts, groups]."""
    number = prompts.with_row_index("number")
    rows = verdicts.join(number, on="prompt_id", maintain_order="left")["number"].to_numpy()
    groups = verdicts["group"].rank("dense").to_numpy().astype(np.int64) - 1
    hits = np.zeros((prompts.height, int(groups.max()) + 1))
    pairs = np.zeros_like(hits)
    np.add.at(hits, (rows, groups), verdicts["hit"].to_numpy())
    np.add.at(pairs, (rows, groups), 1.0)
    return hits, pairs


def _lowest(drawn: npt.NDArray[np.int64], hits: Floats, pairs: Floats) -> Floats:
    # A group without a pair in a resample says nothing there.
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmin((drawn @ hits) / (drawn @ pairs), axis=-1))


def _listed(verdicts: pl.DataFrame) -> str:
    shares = verdicts.group_by("group").agg(pl.col("hit").mean(), pl.len()).sort("group")
    return ", ".join(f"{name} {hit:.1%} of {count:,}" for name, hit, count in shares.iter_rows())


def _turned(verdicts: pl.DataFrame) -> str:
    """In how many pairs of texts that two groups prefer in opposite ways the verdict turns too."""
    other = verdicts.select("hit", "group", chosen="rejected", rejected="chosen")
    both = verdicts.join(other, on=list(SIDES), suffix="_other")
    opposite = both.filter(pl.col("group") < pl.col("group_other"))
    if opposite.is_empty():
        return "no two groups prefer the same texts in opposite ways"
    turned = opposite.filter((pl.col("hit") == 1) & (pl.col("hit_other") == 1)).height
    share = f"{turned / opposite.height:.1%} of {opposite.height:,}"
    return f"the verdict turns with the preference in {share}"
