"""Are the responses to a prompt ranked as they truly are, by each of several standards?"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from assets.project.intervals import compared
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from kernels.ranks import kendall


class RankAgreement(Measure):
    """Kendall's tau-b, in [−1, 1], of the scores of stage ``of`` with the true ones of stage
    ``truth``, over the responses to one prompt; its mean over prompts and annotators of the truth.

    Each annotator of the truth is a standard of its own, such as a principle. The scores by an
    annotator of its name are compared with it; without one, the mean of a response's scores. A
    ranking that is not there, or in which all are equal, has tau 0. Where all are truly equal there
    is nothing to rank.

    It is compared with the control's. ``says`` adds tau by annotator.
    """

    truth: str
    responses: str = "responses"

    def stages(self) -> list[str]:
        return [self.of, self.truth, self.responses]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.truth, self.responses]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        name = self.required_control()
        ours, theirs = self._taus(tables, self.of), self._taus(control, name)
        if ours.is_empty() or theirs.is_empty():
            raise UnmeasurableError(f"{self.truth} ranks no two responses to a prompt")
        both = compared(_summed(ours), _summed(theirs))
        return Figures.of(
            both,
            f"Kendall's tau with {both.count:,.0f} true rankings is {both.measured:.2f} "
            f"({_listed(ours)}), by {name} {both.control:.2f} ({_listed(theirs)}): difference "
            f"{both.measured - both.control:+.2f} [{both.low:+.2f}, {both.high:+.2f}]",
        )

    def _taus(self, tables: Tables, stage: str) -> pl.DataFrame:
        """One row a ranking of the truth: ``prompt_id``, ``annotator`` and ``tau``."""
        truth = _scores_of_responses(tables[self.truth]).rename({"value": "true"})
        scores = _scores_of_responses(tables[stage])
        mean = scores.group_by("response_id").agg(mean=pl.col("value").mean())
        annotators = scores["annotator"].unique().implode()
        both = (
            truth.join(tables[self.responses].select("response_id", "prompt_id"), on="response_id")
            .join(scores, on=["response_id", "annotator"], how="left")
            .join(mean, on="response_id", how="left")
            .with_columns(
                given=pl.when(pl.col("annotator").is_in(annotators)).then("value").otherwise("mean")
            )
            .filter(pl.col("true").n_unique().over("prompt_id", "annotator") > 1)
            .with_columns(group=pl.struct("prompt_id", "annotator").rank("dense") - 1)
        )
        groups = both.unique("group").sort("group").select("prompt_id", "annotator")
        taus = kendall(
            both["group"].to_numpy().astype(np.int64),
            both["true"].to_numpy().astype(np.float64),
            both["given"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            count=groups.height,
        ).value
        return groups.with_columns(tau=pl.Series(np.nan_to_num(taus), dtype=pl.Float64))


def _scores_of_responses(scores: pl.DataFrame) -> pl.DataFrame:
    """The score of each response as a whole by each annotator."""
    of_response = scores.filter(pl.col("step").is_null()).drop_nulls("value")
    return of_response.group_by("response_id", "annotator").agg(pl.col("value").mean())


def _summed(taus: pl.DataFrame) -> pl.DataFrame:
    return taus.group_by("prompt_id").agg(hits=pl.col("tau").sum(), count=pl.len().cast(pl.Float64))


def _listed(taus: pl.DataFrame) -> str:
    each = taus.group_by("annotator").agg(pl.col("tau").mean()).sort("annotator")
    return ", ".join(f"{name} {tau:.2f}" for name, tau in each.iter_rows())
