"""The next version of a rubric, if it agrees with known preferences no less than the last one."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl

from filters.filter import Filter, refused
from filters.scores.agreeing_criteria import agreement
from schemas import Criteria, Pairs, Scores, Split, StageReport, Table, Takes
from schemas.ids import content_ids


class RevisedRubric(Filter):
    """A rubric with all its versions, and criteria that are proposed for its next version, if it
    gets no worse by them. ``of`` names both stages: first the rubric, then the proposal.

    ``before`` are scores of some responses by the last version, ``after`` those of the same ones by
    the proposal, each one score of all criteria (`annotators.Criteria` with ``score_by: mean``);
    ``pairs`` are preferences between them. The proposal is dropped if it ranks a smaller share of
    the pairs rightly, if no pair is scored by both, or if its criteria are those of the last
    version; a tie counts half. The next refresh reads the rubric as ``STAGE@previous``. A stage
    that scores by it uses its last version.

    Findings: the number of ``versions``, the ``pairs`` that are scored by both, and for each of the
    two the share that is ranked rightly, and the standard deviation of its scores of the pairs'
    sides, which is 0 for a rubric that finds all responses alike.

    Source: Kim et al. 2025, Toward Evaluative Thinking (arXiv:2504.20157), whose rubric evolves in
    training. The condition is not the paper's.
    """

    gives: ClassVar[type[Table] | None] = Criteria
    unit: ClassVar[str] = "criterion_id"

    of: Annotated[tuple[str, str], Takes(Criteria)]
    pairs: Annotated[str, Takes(Pairs)]
    before: Annotated[str, Takes(Scores)]
    after: Annotated[str, Takes(Scores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rubric, proposed = (tables[stage] for stage in self.of)
        scores = {
            version: _response_scores(tables[getattr(self, version)])
            for version in ("before", "after")
        }
        pairs = tables[self.pairs]
        for side in ("chosen_id", "rejected_id"):
            for scored in scores.values():
                pairs = pairs.filter(pl.col(side).is_in(scored["response_id"].implode()))
        findings: dict[str, Any] = {"pairs": pairs.height}
        reason = "no pair is scored by both versions"
        if pairs.height:
            sides = pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).unique()
            for version, scored in scores.items():
                values = scored.filter(pl.col("response_id").is_in(sides.implode()))["value"]
                findings[f"agreement {version}"] = agreement(pairs, scored)["agreement"].item()
                findings[f"spread {version}"] = values.std(ddof=0)
            lower = findings["agreement after"] < findings["agreement before"]
            reason = "its agreement with the preferences is lower" if lower else ""
        if _content(proposed) == _content(_last(rubric)):
            reason = "the last version says the same"
        numbers = {name: pl.lit(value) for name, value in findings.items()}
        if not reason:
            rubric = pl.concat([rubric, _next(rubric, proposed)])
            proposed = proposed.clear()
        findings = {"versions": rubric["version"].n_unique()} | findings
        return Split(
            rubric,
            refused(proposed, "criterion_id", reason, **numbers),
            StageReport(findings=findings),
        )


def _response_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores of whole responses: one of each.

    Raises:
        ValueError: a response has several scores.
    """
    valid = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    if valid["response_id"].is_duplicated().any():
        raise ValueError("each response needs one score of all criteria: set score_by: mean")
    return valid


def _next(rubric: pl.DataFrame, proposed: pl.DataFrame) -> pl.DataFrame:
    """``proposed`` as the version after the last one of ``rubric``; as version 1 if it has none.

    Each criterion gets a new id, because the same criterion may be proposed for several versions.
    """
    last = _last(rubric)
    name, version = (last["rubric"][0], last["version"][0]) if last.height else (None, 0)
    return proposed.with_columns(
        content_ids(proposed["criterion_id"], name, version + 1).alias("criterion_id"),
        pl.lit(version + 1, pl.UInt32).alias("version"),
        *([pl.lit(name).alias("rubric")] if name else []),
    )


def _last(rubric: pl.DataFrame) -> pl.DataFrame:
    return rubric.filter(pl.col("version") == pl.col("version").max())


def _content(criteria: pl.DataFrame) -> set[tuple[object, ...]]:
    """The columns on which a score by the criteria depends."""
    return set(criteria.select("text", "kind", "negated", "weight").iter_rows())
