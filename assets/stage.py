"""Runs one stage of a recipe at one refresh, and says what came of it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
import polars as pl

from assets.account import accounted, adds_up, told
from assets.factory import Factory
from assets.look import described, dropped_rows, sampled
from assets.pictures import histograms, pictures
from assets.plan import Stage
from assets.policies import line_before, roles_at
from assets.probing import CHECK, accuracy, in_words, probes_result, probes_spec
from assets.promotion import UNPROMOTED, Gate
from assets.telling import naming
from assets.truth import label_accuracy
from engines.operators.context import Context, Spent
from schemas import Checkpoints, Evaluations, Pairs, Split


@dataclass(frozen=True)
class Place:
    """Which recipe a stage belongs to, the stage of it that trains its policy, if any does, its
    seed, the folder of its ``defs.yaml``, and what its policies must pass to be promoted."""

    recipe: str
    trains: str | None
    seed: int
    folder: Path | None = None
    gate: Gate | None = None


def run_stage(
    stage: Stage,
    place: Place,
    factory: Factory,
    *,
    refresh: str,
    tables: Mapping[str, pl.DataFrame],
    progress: bool = True,
) -> dg.MaterializeResult[Split]:
    """Run the stage's operator on ``tables`` (by stage name).

    The value is its `schemas.Split`, with metadata and asset check results for the UI; the
    metadata ``account``, ``label_accuracy`` and ``validated`` are what ``factory run`` reports.
    """
    settings = factory.settings
    spent = Spent()
    context = Context(
        recipe=place.recipe,
        stage=stage.name,
        refresh=refresh,
        roles=roles_at(
            refresh,
            recipe=place.recipe,
            stage=place.trains,
            bindings=settings.bindings(),
            tables=factory.tables,
            gate=place.gate,
        ),
        journal=settings.journal_path,
        models=settings.models_path / place.recipe,
        checks=factory.checks,
        imports=settings.imports_path,
        reviews=settings.reviews_path / place.recipe,
        seed=place.seed,
        window=settings.window,
        failure_limit=settings.failure_limit,
        progress=progress,
        folder=place.folder,
        spent=spent,
    )
    gone = _journal_gone(stage, place, factory)
    if gone is not None:
        print(gone, file=sys.stderr)
    began = perf_counter()
    with naming(context.models):
        split = stage.operator.run(tables, context)
    seconds = perf_counter() - began
    account = accounted(stage, tables, split)
    checks = [described(stage.gives, split.kept), adds_up(account)]
    metadata: dict[str, Any] = {
        "account": dg.MetadataValue.json(
            {
                "in": account.came,
                "kept": account.kept,
                "dropped": dict(account.dropped),
                "seconds": seconds,
                "model_calls": spent.model_calls,
                "journal_hits": spent.journal_hits,
                "tokens_per_second": (spent.tokens / spent.model_seconds if spent.tokens else None),
            }
        ),
        **told(account, seconds=seconds),
        "dagster/row_count": split.kept.height,
        "rows": dg.MetadataValue.md(sampled(split.kept)),
        "drop reasons": dg.MetadataValue.md(dropped_rows(split.dropped)),
        **histograms(stage.gives, split.kept),
        **pictures(stage.gives, stage.operator, split.kept, tables),
    }
    if spent.model_calls or spent.journal_hits:
        metadata |= {
            "model calls": spent.model_calls,
            "journal hits": spent.journal_hits,
            "journal hit rate": spent.journal_hits / (spent.model_calls + spent.journal_hits),
        }
    if spent.tokens:
        metadata["tokens/s"] = spent.tokens / spent.model_seconds
    rightly = accuracy(stage.operator, tables, split.kept, factory.checks)
    if rightly is not None:
        context.findings["accuracy"] = rightly
    if CHECK in context.findings:
        checks.append(probes_result(context.findings[CHECK]))
        context.findings[CHECK] = in_words(context.findings[CHECK])
    if gone is not None:
        metadata["says"] = gone
    if context.findings:
        metadata["findings"] = dg.MetadataValue.json(context.findings)
    if stage.gives is Pairs:
        checks.append(_labels(tables, split.kept, factory, metadata))
    if stage.gives is Evaluations:
        gated = place.gate is not None and stage.name in place.gate.measured_by
        checks.append(_no_worse(split.kept, metadata, seed=place.seed, gated=gated))
    if stage.name == place.trains:
        metadata |= _start(refresh, place, factory)
    if stage.gives is Checkpoints:
        metadata["checkpoint"] = dg.MetadataValue.json(split.kept.row(0, named=True))
    return dg.MaterializeResult(value=split, metadata=metadata, check_results=checks)


def check_specs(key: list[str], stage: Stage) -> list[dg.AssetCheckSpec]:
    """The checks that `run_stage` gives results for."""
    specs = {
        "schema": "Every row keeps every rule of its table",
        "adds_up": "Kept and dropped add up to what came in",
    }
    if stage.gives is Pairs:
        specs["label_accuracy"] = "How many pairs are labelled truly, where truth can be known"
    if stage.gives is Evaluations:
        specs["no_worse"] = "The policy is no worse than the one it started from"
    named = [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in specs.items()]
    return named + probes_spec(key, stage.operator)


def _journal_gone(stage: Stage, place: Place, factory: Factory) -> str | None:
    """What a user is told before a journal is begun anew where there was one."""
    journal = factory.settings.journal_path
    earlier = factory.tables.refreshes((place.recipe, stage.name))
    if not stage.operator.roles() or journal.exists() or not earlier:
        return None
    return (
        f"there is no journal {journal}, though models have answered {place.recipe}/{stage.name} "
        f"at {earlier[-1]}: a new one is begun, and every answer is paid for again. If it lies "
        "elsewhere, stop this and put it back"
    )


def _labels(
    tables: Mapping[str, pl.DataFrame],
    pairs: pl.DataFrame,
    factory: Factory,
    metadata: dict[str, Any],
) -> dg.AssetCheckResult:
    """A figure, not a judgement: what accuracy is to be expected depends on the recipe."""
    accuracy = label_accuracy(pairs, tables["prompts"], factory.checks)
    metadata["label_accuracy"] = dg.MetadataValue.json({"label_accuracy": accuracy})
    return dg.AssetCheckResult(
        check_name="label_accuracy",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"pairs": pairs.height}
        | ({} if accuracy is None else {"label accuracy": accuracy}),
        description="no pair's truth can be known" if accuracy is None else f"{accuracy:.1%}",
    )


def _start(refresh: str, place: Place, factory: Factory) -> dict[str, str]:
    """Which earlier policy this refresh starts from; ``says`` where it is not the newest one."""
    line = line_before(
        refresh,
        recipe=place.recipe,
        stage=place.trains,
        tables=factory.tables,
        gate=place.gate,
    )
    return {"start": line.says} | ({"says": line.says} if line.passed_over else {})


def _no_worse(
    evaluations: pl.DataFrame, metadata: dict[str, Any], *, seed: int, gated: bool
) -> dg.AssetCheckResult:
    from trainers.evaluation.metrics import regressed, summary

    if evaluations.is_empty():
        return dg.AssetCheckResult(
            check_name="no_worse", passed=True, description="nothing was measured"
        )
    figures = summary(evaluations, seed=seed)
    metadata["validated"] = dg.MetadataValue.json(figures)
    unpromoted = gated and regressed(figures)
    if unpromoted:
        metadata["says"] = UNPROMOTED
    return dg.AssetCheckResult(
        check_name="no_worse",
        passed=not regressed(figures),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={name: figures[name] for name in ("before", "after", "difference", "low", "high")},
        description=(
            f"held-out accuracy {figures['before']:.1%} → {figures['after']:.1%}, difference "
            f"{figures['difference']:+.1%} [{figures['low']:+.1%}, {figures['high']:+.1%}]"
            + (f"; {UNPROMOTED}" if unpromoted else "")
        ),
    )
