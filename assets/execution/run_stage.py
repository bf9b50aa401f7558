"""Runs one stage of a recipe as a Dagster asset, with metadata and check results."""

import sys
from collections.abc import Mapping
from shlex import quote
from typing import Any

import dagster as dg
import polars as pl

from assets.charts import pictures, training_curves
from assets.charts.task_table import TASK_COLUMNS, task_rows
from assets.execution import cut_off_check
from assets.execution.by_parts import Stored, execute_in_parts, parts_of, whole
from assets.execution.execute_stage import StageOutcome, execute_stage
from assets.execution.judge_probes import (
    PROBES,
    describe_probes,
    probes_result,
    probes_spec,
)
from assets.execution.option_mass import MASS, describe_mass, mass_result, mass_spec
from assets.execution.row_accounting import adds_up, raw_last, rounded, rows_metadata
from assets.execution.schema_check import schema_check_of_parts
from assets.execution.stage_context import RecipeContext, carried, offered_to, stage_context
from assets.execution.unmeasured import unmeasured
from assets.policy.lineage import line_before
from assets.policy.promotion import HELD_BACK, UNMEASURED
from assets.project.changes import SET, set_by_run
from assets.project.label_truth import LabelCounts
from assets.project.recipe_plan import Stage
from assets.project.resources import Resources
from assets.rendering.markdown import markdown
from assets.storage.stage_parts import StageParts
from schemas import EVALUATIONS, Checkpoints, Pairs, Split, TaskEvaluations, id_column


def run_stage(
    stage: Stage,
    recipe: RecipeContext,
    factory: Resources,
    *,
    refresh: str,
    tables: Mapping[str, Stored],
) -> tuple[StageOutcome, dg.MaterializeResult[Split | StageParts]]:
    """Run the operator of a stage.

    Args:
        stage: The stage.
        recipe: The recipe that it belongs to.
        factory: The resource ``factory``.
        refresh: The refresh.
        tables: The tables that the stage reads, by stage name: their rows, or where they are
            stored.

    Returns:
        The outcome, and the Dagster result: the split, or the parts of a stage of many rows, with
        metadata and check results.
        ``factory run`` reports the metadata ``account``, ``label_accuracy``, ``validated``,
        ``findings``, ``checkpoint`` and ``says``.
    """
    warning = _missing_journal_warning(stage, recipe, factory)
    if warning is not None:
        print(warning, file=sys.stderr)
    context = stage_context(
        stage.name,
        recipe,
        refresh=refresh,
        settings=factory.settings,
        tables=factory.tables,
        checks=factory.checks,
    )
    earlier = carried(
        stage, recipe, refresh=refresh, settings=factory.settings, tables=factory.tables
    )
    drawn_from = offered_to(stage, recipe, refresh=refresh, tables=factory.tables)
    reads = {**tables, **earlier, **drawn_from}
    if parts := parts_of(stage, reads):
        stored = StageParts(factory.tables.path((recipe.recipe, stage.name), refresh))
        outcome, shown = execute_in_parts(
            stage, reads, context, parts, stored, stages=recipe.stages
        )
    else:
        shown = whole(reads)
        outcome = execute_stage(stage, shown, context, stages=recipe.stages)
    gated = recipe.gate is not None and stage.name in recipe.gate.measured_by
    metadata = metadata_of(outcome, shown)
    changed = set_by_run(stage)
    if changed:
        metadata[SET] = dg.MetadataValue.json(changed)
        metadata["parameters"] = dg.MetadataValue.json(stage.operator.model_dump(mode="json"))
    notices = [] if warning is None else [warning]
    if gated and _held_back(outcome):
        measured = outcome.validation is not None
        notices.append(HELD_BACK if measured else f"{UNMEASURED}; {HELD_BACK}")
    downstream = _downstream_policy(factory)
    if stage.name == recipe.trains and downstream is not None:
        metadata["start"] = f"starts from models/{downstream}"
    elif stage.name == recipe.trains:
        lineage = line_before(
            refresh,
            recipe=recipe.recipe,
            stage=recipe.trains,
            tables=factory.tables,
            gate=recipe.gate,
        )
        metadata["start"] = lineage.says
        notices += [lineage.says] if lineage.passed_over else []
    checks = checks_of(outcome, gated=gated)
    notices += [
        str(check.description)
        for check in checks
        if check.check_name == cut_off_check.CHECK and not check.passed
    ]
    if notices:
        metadata["says"] = "; ".join(notices)
    kept = outcome.split.kept
    if stage.gives not in (Checkpoints, TaskEvaluations) and kept.height:
        row_id = quote(kept[id_column(stage.gives)][0])
        metadata["trace a row"] = f"factory show {recipe.recipe}/{stage.name} --row {row_id}"
    return outcome, dg.MaterializeResult(
        value=outcome.stored or outcome.split, metadata=raw_last(metadata), check_results=checks
    )


def _downstream_policy(factory: Resources) -> str | None:
    """The downstream model that the role policy is bound to; None if it is bound to none."""
    binding = factory.settings.roles.get("policy")
    return None if binding is None else factory.settings.downstream(binding)


def metadata_of(outcome: StageOutcome, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """The metadata of a stage in the UI.

    Args:
        outcome: The result of the stage.
        tables: The tables that the stage read, by stage name. Of a stage that was worked in parts,
            those of the first part: rows, pictures and histograms show these.
    """
    stage, usage, kept = outcome.stage, outcome.usage, outcome.split.kept
    metadata = {
        **rows_metadata(
            stage.gives,
            outcome.split,
            outcome.counts,
            seconds=outcome.seconds,
            usage=usage,
            tables=list(tables.values()),
        ),
        **pictures(stage.gives, stage.operator, kept, tables),
        "dagster/row_count": outcome.rows,
    }
    if answers := usage.model_calls + usage.journal_hits:
        metadata |= {
            "model calls": usage.model_calls,
            "journal hits": usage.journal_hits,
            "journal hit rate": rounded(usage.journal_hits / answers),
        }
    if usage.tokens:
        metadata["tokens/s"] = rounded(usage.tokens / usage.model_seconds)
    if usage.memory:
        metadata["memory"] = "; ".join(str(need["says"]) for need in usage.memory.values())
    findings = dict(outcome.findings)
    if outcome.probes is not None:
        findings[PROBES] = describe_probes(outcome.probes)
    if outcome.choices is not None:
        findings[MASS] = describe_mass(outcome.choices)
    if findings:
        metadata["findings"] = dg.MetadataValue.json(findings)
    if outcome.labels is not None:
        metadata["label_accuracy"] = dg.MetadataValue.json(
            {
                "label_accuracy": outcome.labels.accuracy,
                "labels": outcome.labels._asdict(),
                "label_origin": outcome.label_origin and str(outcome.label_origin),
            }
        )
    if outcome.validation is not None:
        from trainers.evaluation.sentences import described

        metadata["validation"] = described(outcome.validation)
        metadata["validated"] = dg.MetadataValue.json(dict(outcome.validation))
        if tasks := task_rows(outcome.validation):
            metadata["tasks"] = dg.MetadataValue.md(markdown(TASK_COLUMNS, tasks))
    if stage.gives is Checkpoints:
        metadata |= training_curves(kept)
        metadata["checkpoint"] = dg.MetadataValue.json(kept.row(0, named=True))
    return metadata


def checks_of(outcome: StageOutcome, *, gated: bool = False) -> list[dg.AssetCheckResult]:
    """The results of the checks that `check_specs` declares.

    Args:
        outcome: The result of the stage.
        gated: Whether the policy is promoted only if it is not worse.
    """
    stage = outcome.stage
    checks = [schema_check_of_parts(stage.gives, outcome.frames()), adds_up(outcome.counts)]
    if outcome.probes is not None:
        checks.append(probes_result(outcome.probes))
    if outcome.choices is not None:
        checks.append(mass_result(outcome.choices))
    if cut_off_check.writes(stage):
        checks.append(cut_off_check.cut_off_check(stage, outcome.usage))
    if stage.gives is Pairs:
        checks.append(_label_accuracy(outcome))
    if stage.gives in EVALUATIONS:
        checks.append(_no_worse(outcome, gated=gated))
    return checks


def check_specs(key: list[str], stage: Stage) -> list[dg.AssetCheckSpec]:
    """The checks of a stage; `checks_of` gives their results."""
    descriptions = {
        "schema": "Every row satisfies every rule of its table",
        "adds_up": "Kept and dropped rows add up to the rows that came in",
    }
    if cut_off_check.writes(stage):
        descriptions[cut_off_check.CHECK] = cut_off_check.DESCRIPTION
    if stage.gives is Pairs:
        descriptions["label_accuracy"] = (
            "The share of correct labels among the pairs with one right answer. It measures "
            "nothing if the same check labelled them"
        )
    if stage.gives in EVALUATIONS:
        descriptions["no_worse"] = "The policy is not worse than the one it started from"
    specs = [
        dg.AssetCheckSpec(name, asset=key, description=text) for name, text in descriptions.items()
    ]
    return specs + probes_spec(key, stage.operator) + mass_spec(key, stage.operator)


def _missing_journal_warning(stage: Stage, recipe: RecipeContext, factory: Resources) -> str | None:
    """The warning that the journal of earlier answers is missing; None if it is not."""
    journal = factory.settings.journal_path
    earlier = factory.tables.refreshes((recipe.recipe, stage.name))
    if not stage.operator.roles() or journal.exists() or not earlier:
        return None
    return (
        f"there is no journal {journal}, though models have answered {recipe.recipe}/{stage.name} "
        f"at {earlier[-1]}: a new one is created, and every answer is paid for again. If the "
        "journal is elsewhere, stop this run and put it back"
    )


def _label_accuracy(outcome: StageOutcome) -> dg.AssetCheckResult:
    """A check that always passes, because the expected accuracy depends on the recipe."""
    labels, origin = outcome.labels or LabelCounts(), outcome.label_origin
    if labels.accuracy is None:
        return unmeasured(str(labels), check_name="label_accuracy")
    return dg.AssetCheckResult(
        check_name="label_accuracy",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"pairs": outcome.rows, "label accuracy": labels.accuracy, **labels._asdict()}
        | ({} if origin is None else {"labelled": str(origin)}),
        description=f"{labels}" + (f" {origin}" if origin else ""),
    )


def _held_back(outcome: StageOutcome) -> bool:
    """Whether the policy that a stage measured is not promoted: it is worse or was not measured."""
    from trainers.evaluation.metrics import regressed

    return outcome.validation is None or regressed(outcome.validation)


def _no_worse(outcome: StageOutcome, *, gated: bool) -> dg.AssetCheckResult:
    from trainers.evaluation.sentences import described

    figures = outcome.validation
    held_back = _held_back(outcome)
    because = f"{HELD_BACK}; " if gated and held_back else ""
    if figures is None:
        return unmeasured(f"{because}{UNMEASURED}", check_name="no_worse")
    numbers = ("before", "after", "difference", "low", "high")
    return dg.AssetCheckResult(
        check_name="no_worse",
        passed=not held_back,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={name: figures[name] for name in numbers},
        description=because + described(figures),
    )
