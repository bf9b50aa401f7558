"""Runs one stage of a recipe without Dagster: from a script, a notebook or an asset."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import polars as pl

from assets.config.causes import with_file_name
from assets.execution.row_counts import RowCounts, count_rows
from assets.policy.promotion import tolerance_of
from assets.project.given_prompts import given_tables
from assets.project.label_origin import LabelOrigin, label_origin
from assets.project.label_truth import LabelCounts, label_counts, rank_agreement, ranked_pairs
from assets.project.recipe_plan import Stage
from assets.storage.stage_parts import StageParts
from engines.context import Context
from engines.operators.rebinding import bind_checkpoint
from schemas import EVALUATIONS, ChoiceReport, Findings, Operator, Pairs, ProbeReport, Split, Usage

CHECKED_PROMPTS = 1000
"""The largest number of prompts for the accuracy of a scorer, because checks can take long."""


@dataclass(frozen=True)
class StageOutcome:
    """The result of a stage.

    Attributes:
        stage: The stage.
        split: The rows that it kept and dropped.
        counts: How many rows came in, were kept and were dropped.
        seconds: How long the operator ran.
        scorer_figures: For a model that scores: how far its scores agree with the check, as of
            `scorer_figures`.
        labels: For `Pairs`: how many labels are right; None for other tables.
        label_origin: The part that the same check had in the labels; None if it had none.
        validation: For a table of `EVALUATIONS`: the figures of
            `trainers.evaluation.metrics.summary`. None if nothing was measured.
        stored: The parts of the stage, if it was worked in parts (`assets.execution.by_parts`).
            The kept rows of ``split`` are then those of the first part.
    """

    stage: Stage
    split: Split
    counts: RowCounts
    seconds: float
    scorer_figures: Findings = field(default_factory=dict)
    labels: LabelCounts | None = None
    label_origin: LabelOrigin | None = None
    validation: Mapping[str, Any] | None = None
    stored: StageParts | None = None

    @property
    def rows(self) -> int:
        """The number of rows that it kept."""
        return self.split.kept.height if self.stored is None else self.stored.height()

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows that it kept, part after part."""
        return iter([self.split.kept]) if self.stored is None else self.stored.parts()

    @property
    def usage(self) -> Usage:
        """The calls, tokens and seconds of the stage's models."""
        return self.split.report.usage

    @property
    def findings(self) -> Findings:
        """Figures about the stage, by name."""
        return {**self.split.report.findings, **self.scorer_figures}

    @property
    def probes(self) -> ProbeReport | None:
        """The probe results of an annotator; None if no probes were run."""
        return self.split.report.probes

    @property
    def choices(self) -> ChoiceReport | None:
        """The masses of the options that an annotator's model chose among; None if it chose among
        none, or if they are not checked."""
        return self.split.report.choices


def execute_stage(
    stage: Stage,
    tables: Mapping[str, pl.DataFrame],
    context: Context,
    *,
    stages: Sequence[Stage] = (),
) -> StageOutcome:
    """Run the stage's operator.

    Args:
        stage: A stage of `assets.project.recipe_plan.plan`.
        tables: The tables that the stage reads, by stage name. A stage that gives `Pairs` also
            needs its prompts, to check the labels (`assets.project.given_prompts`).
        context: The context of the run: recipe, refresh, roles, folders.
        stages: The stages of the recipe, which tell how labels were made.

    Raises:
        EngineError: No row can be answered, or too many rows failed.
    """
    began = perf_counter()
    context = with_batch(stage, tables, context)
    with with_file_name(context.models):
        split = stage.operator.run(tables, replace(context, gives=stage.gives))
    seconds = perf_counter() - began
    kept = split.kept
    return StageOutcome(
        stage,
        split,
        count_rows(stage, tables, split),
        seconds,
        scorer_figures=scorer_figures(stage.operator, tables, kept, context.checks),
        labels=(
            label_counts(kept, given_of(tables, stages), context.checks)
            if stage.gives is Pairs
            else None
        ),
        label_origin=(
            label_origin(stage, stages, kept, context.checks) if stage.gives is Pairs else None
        ),
        validation=_validation(stage, kept, context.seed) if stage.gives in EVALUATIONS else None,
    )


def with_batch(stage: Stage, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
    """The context of a stage of a later batch: its roles have the weights that the batch before has
    trained. Of other stages, the context as it is."""
    for role, trainer in stage.weights.items():
        context = bind_checkpoint(context, role, tables[trainer], stage=trainer)
    return context


def given_of(tables: Mapping[str, pl.DataFrame], stages: Sequence[Stage]) -> pl.DataFrame:
    """The prompts of a stage that come from sources, each once."""
    given = [tables[name] for name in given_tables(stages) if name in tables]
    return pl.concat(given).unique("prompt_id", keep="first", maintain_order=True)


def scorer_figures(
    operator: Operator,
    tables: Mapping[str, pl.DataFrame],
    scores: pl.DataFrame,
    checks: Mapping[str, str],
) -> Findings:
    """How far the scores of a model agree with the check of the prompts' source.

    Returns:
        ``accuracy``, the share in [0, 1] of (right, wrong) pairs of responses to one prompt that it
            ranks correctly, where a tie counts as half, and ``accuracy_pairs``, their number. Of a
            judge that ranks all responses at once ``rank_agreement``: Kendall's tau of the
            rankings, in [−1, 1]. Nothing if no response can be checked, if the operator is no
            scorer, or if being right is not what it goes by: a judge under several criteria.
    """
    from annotators.criteria.criteria_judge import CriteriaJudge
    from annotators.judge.judge import Judge
    from annotators.probes.probed import ProbedAnnotator

    if not isinstance(operator, ProbedAnnotator) or isinstance(operator, CriteriaJudge):
        return {}
    # The check of a source reads answers to its tasks, not judgements about them.
    known = pl.col("source").is_in(list(checks)) & pl.col("task").is_null()
    prompts = tables[operator.prompts].filter(known).sort("prompt_id").head(CHECKED_PROMPTS)
    responses = tables[operator.of].join(prompts, on="prompt_id", how="semi")
    if isinstance(operator, Judge) and operator.mode == "listwise":
        tau = rank_agreement(responses, scores, prompts, checks)
        return {} if tau is None else {"rank_agreement": tau}
    ranked = ranked_pairs(responses, scores, prompts, checks)
    hits, count = float(ranked["hits"].sum()), float(ranked["count"].sum())
    return {"accuracy": hits / count, "accuracy_pairs": int(count)} if count else {}


def _validation(stage: Stage, evaluations: pl.DataFrame, seed: int) -> dict[str, Any] | None:
    from trainers.evaluation.metrics import summary

    if evaluations.is_empty():
        return None
    return summary(evaluations, seed=seed, tolerance=tolerance_of(stage))
