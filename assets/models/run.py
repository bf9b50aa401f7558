"""Runs the stages of a downstream model without Dagster: training, validation, promotion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assets.datasets.filtering import prompts_of
from assets.execution.execute_stage import StageOutcome, execute_stage
from assets.execution.row_counts import count_rows
from assets.models.learned_rows import learned_rows, read_split
from assets.models.open_version import start_binding
from assets.policy.promotion import UNMEASURED
from assets.project.model import MODELS
from assets.project.model_plan import CHECKPOINT, ModelPlan, ModelStage
from assets.project.resources import Resources
from assets.storage.dataset_versions import HELD_OUT
from assets.storage.model_versions import ModelVersion, ModelVersions
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError
from schemas import Checkpoints, Prompts, Split, StageReport, Usage, columns
from schemas import rows as table_rows


@dataclass(frozen=True)
class ModelRun:
    """What the stages of one version of a model share.

    Attributes:
        plan: The plan of the model.
        version: The version.
        factory: The configuration, the tables and the checks of sources.
    """

    plan: ModelPlan
    version: ModelVersion
    factory: Resources

    @property
    def versions(self) -> ModelVersions:
        """The stored versions of the model."""
        return ModelVersions(self.factory.settings.models_path, self.plan.name)

    def context(self, stage: str, seed: int, weights: str | None = None) -> Context:
        """The context of a stage.

        Args:
            stage: The name of the stage.
            seed: The seed of the training.
            weights: The weights of the model's role; by default those that it starts from.
        """
        settings = self.factory.settings
        binding: Binding = start_binding(self.plan, settings)
        if weights is not None and weights != binding.model:
            binding = binding.model_copy(update={"model": weights, "revision": None})
        return Context(
            recipe=f"{MODELS}/{self.plan.name}",
            stage=stage,
            refresh=f"seed-{seed}",
            roles={**settings.bindings(), self.plan.role: binding},
            journal=settings.journal_path,
            models=self.versions.checkpoints(self.version.number),
            checks=self.factory.checks,
            imports=settings.imports_path,
            seed=seed,
            window=settings.window,
            failure_limit=settings.failure_limit,
            folder=Path(self.plan.file).parent,
        )

    def checkpoints(self, stage: str) -> Sequence[Mapping[str, Any]]:
        """The checkpoints of a training stage, one for each seed.

        Raises:
            EngineError: The stage has not run for this version.
        """
        trained = self.versions.version(self.version.number).trained
        if stage not in trained:
            raise EngineError(
                f"models/{self.plan.name}, version {self.version.number}: stage {stage!r} has not "
                f"run: factory train {self.plan.name}"
            )
        return trained[stage]


def train_stage(run: ModelRun, stage: ModelStage) -> StageOutcome:
    """Train a stage, once for each seed, and record its checkpoints.

    Raises:
        EngineError: The dataset has no row to learn, or the training failed.
    """
    plan, settings = run.plan, run.factory.settings
    assert stage.dataset is not None
    training_rows = learned_rows(plan, stage, run.version, settings, run.factory.tables)
    position = plan.train.index(stage)
    before = run.checkpoints(plan.train[position - 1].name) if position else None
    splits: list[Split] = []
    for number, seed in enumerate(run.version.seeds):
        weights = run.version.start if before is None else before[number]["path"]
        context = run.context(stage.name, seed, weights)
        learned = training_rows.learned.select(columns(stage.table).names())
        split = stage.stage.operator.run({stage.rows: learned}, context)
        (row,) = split.kept.iter_rows(named=True)
        if not row["trained"]:
            raise EngineError(
                f"models/{plan.name}, stage {stage.name!r}: nothing to learn in the train split of "
                f"datasets/{stage.dataset.name}, version "
                f"{run.version.datasets[stage.dataset.name].version}: {row['reason']}"
            )
        splits.append(split)
    kept = pl.concat([split.kept for split in splits])
    run.versions.record(run.version.number, trained={stage.name: kept.to_dicts()})
    joined = Split(
        kept,
        pl.concat([training_rows.dropped, splits[0].dropped]),
        StageReport(sum((split.report.usage for split in splits), Usage())),
    )
    counts = count_rows(stage.stage, {stage.rows: training_rows.rows}, joined)
    return StageOutcome(stage.stage, joined, counts, float(kept["seconds"].sum()))


def validate_stage(run: ModelRun, stage: ModelStage) -> StageOutcome:
    """Validate the last checkpoint of each seed, and record the figures.

    Returns:
        The outcome for the first seed, whose checkpoint is promoted.
    """
    data = validation_data(run, stage)
    trained = run.checkpoints(run.plan.train[-1].name)
    outcomes = [validate_checkpoint(run, stage, row, data) for row in trained]
    first = outcomes[0]
    if first.validation is not None:
        by_seed = [dict(each.validation or {}) for each in outcomes]
        figures = {**first.validation, "seeds": by_seed}
        run.versions.record(run.version.number, figures={stage.name: figures})
    return first


def validate_checkpoint(
    run: ModelRun, stage: ModelStage, row: Mapping[str, Any], data: Mapping[str, pl.DataFrame]
) -> StageOutcome:
    """Validate a checkpoint against the weights that the model starts from.

    Args:
        run: The version of the model.
        stage: The validation stage.
        row: A row of `schemas.Checkpoints`.
        data: The tables of `validation_data`.
    """
    # One seed of sampling for all checkpoints, so that the start answers only once.
    context = run.context(stage.name, run.version.seeds[0])
    checkpoint = table_rows(Checkpoints, [{**row, "start": run.version.start}])
    return execute_stage(stage.stage, {**data, CHECKPOINT: checkpoint}, context)


def decide(run: ModelRun) -> ModelVersion:
    """Promote the version or hold it back, and say why.

    It is held back if nothing measured it, or if one of its validation stages finds it worse than
    the weights that it started from. With ``gate: none`` it is always promoted.
    """
    stored = run.versions.version(run.version.number)
    reasons = []
    if run.plan.gate != "none":
        measured = {each.name: stored.figures.get(each.name) for each in run.plan.validate}
        reasons = [
            f"{name}: {reason}"
            for name, figures in measured.items()
            if (reason := _worse(figures)) is not None
        ] or ([] if measured else [UNMEASURED])
    decided = run.versions.record(
        stored.number, promoted=not reasons, reason="; ".join(reasons) or None
    )
    run.versions.promote(decided)
    return decided


def _worse(figures: Mapping[str, Any] | None) -> str | None:
    from trainers.evaluation.metrics import regressed
    from trainers.evaluation.sentences import described

    if figures is None:
        return UNMEASURED
    return described(figures) if regressed(figures) else None


def validation_data(run: ModelRun, stage: ModelStage) -> dict[str, pl.DataFrame]:
    """The held-out rows of a dataset or their prompts, or the prompts of a fixed source, by the
    name of the input; empty if the stage has data of its own."""
    if not stage.data:
        return {}
    if stage.dataset is None:
        return {stage.rows: run.factory.tables.read(("prompts", stage.data), None)}
    rows = read_split(run.factory.settings, stage.dataset.name, run.version, HELD_OUT)
    if stage.table is Prompts:
        return {stage.rows: prompts_of(rows)}
    return {stage.rows: rows.select(columns(stage.table).names())}
