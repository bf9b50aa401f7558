"""Trains and validates a model on parts of its data: at equal steps, seeds and start."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.models.ablation.effects import measured
from assets.models.ablation.plan import AblationPlan
from assets.models.ablation.variants import ALL, Variant, table_rows
from assets.models.run import validate_checkpoint, validation_data
from assets.storage.ablations import (
    Ablation,
    Measured,
    VariantResult,
    folder_of,
    read_ablation,
    write_ablation,
)
from assets.storage.model_versions import now
from schemas import content_id

Row = Mapping[str, Any]
"""A row of `schemas.Checkpoints`."""

Say = Callable[[str], None]


def stored(planned: AblationPlan) -> Ablation | None:
    """The result, if this ablation has been finished before."""
    run = planned.run
    models = run.factory.settings.models_path
    ablation = read_ablation(models, run.plan.name, run.version.number, planned.by)
    return ablation if ablation is not None and ablation.digest == planned.digest else None


def ablate(planned: AblationPlan, say: Say) -> Ablation:
    """Train and validate all variants, and store the result.

    A training or an answer that an interrupted ablation has made is not made again. The weights of
    the variants are removed when the result is stored.

    Args:
        planned: The ablation.
        say: Takes a line about each training.

    Raises:
        EngineError: A training failed.
    """
    run = planned.run
    data = {stage.name: validation_data(run, stage) for stage in run.plan.validate}
    learning = [planned.whole, *(each for each in planned.variants if planned.learns(each))]
    evaluated: dict[str, dict[str, list[pl.DataFrame]]] = {name: {} for name in data}
    for number, variant in enumerate(learning):
        for seed in range(len(run.version.seeds)):
            began = perf_counter()
            row = _trained(planned, variant, seed)
            for stage in run.plan.validate:
                evaluation = validate_checkpoint(run, stage, row, data[stage.name]).split.kept
                evaluated[stage.name].setdefault(variant.name, []).append(evaluation)
            say(
                f"{number + 1} of {len(learning)}: {variant.name}, "
                f"seed {run.version.seeds[seed]}: {perf_counter() - began:.0f} s"
            )
    figures: dict[str, dict[str, Measured]] = {}
    for name, by_variant in evaluated.items():
        figures |= measured(name, by_variant, ALL)
    ablation = Ablation(
        run.plan.name,
        run.version.number,
        planned.by,
        planned.digest,
        now(),
        {name: each.version for name, each in run.version.datasets.items()},
        run.version.seeds,
        planned.steps,
        [_result(planned, each, figures) for each in (planned.whole, *planned.variants)],
    )
    write_ablation(run.factory.settings.models_path, ablation)
    shutil.rmtree(_folder(planned), ignore_errors=True)
    return ablation


def _trained(planned: AblationPlan, variant: Variant, seed: int) -> Row:
    """The last checkpoint of a variant.

    Args:
        planned: The ablation.
        variant: The variant.
        seed: The position of the seed among those of the version.
    """
    run = planned.run
    learns = planned.learns(variant)
    row: Row = {"path": run.version.start}
    folder = _folder(planned) / content_id(variant.name)
    for stage in run.plan.train:
        if stage.name in learns:
            context = run.context(stage.name, run.version.seeds[seed], str(row["path"]))
            operator = stage.stage.operator.model_copy(
                update={"max_steps": planned.steps[stage.name]}
            )
            rows = {stage.rows: table_rows(stage, variant.rows[stage.name])}
            split = operator.run(rows, replace(context, models=folder))
            (row,) = split.kept.iter_rows(named=True)
            if not row["trained"]:
                raise FactoryError(
                    f"models/{run.plan.name}, stage {stage.name!r}, {variant.name}: nothing to "
                    f"learn: {row['reason']}"
                )
        elif variant.rows[stage.name].height:
            row = run.version.trained[stage.name][seed]
    return row


def _folder(planned: AblationPlan) -> Path:
    run = planned.run
    models = run.factory.settings.models_path
    return folder_of(models, run.plan.name, run.version.number, planned.by)


def _result(
    planned: AblationPlan, variant: Variant, figures: Mapping[str, Mapping[str, Measured]]
) -> VariantResult:
    return VariantResult(
        variant.name,
        variant.left_out,
        {stage: rows.height for stage, rows in variant.rows.items()},
        planned.epochs(variant),
        variant is not planned.whole and not planned.learns(variant),
        {
            measure: by_variant[variant.name]
            for measure, by_variant in figures.items()
            if variant.name in by_variant
        },
    )
