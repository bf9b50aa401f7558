"""Runs the stages of a recipe on a few prompts, without training, and notes what they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from assets.execution.execute_stage import execute_stage
from assets.execution.stage_context import RecipeContext, carried, stage_context
from assets.execution.unasked import unasked_engine
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from engines.context import Context
from engines.ledger import Ledger
from engines.operators.score_blend import UNTRAINED
from engines.protocol import EngineError
from schemas import EVALUATIONS, Checkpoints, TaskEvaluations, rows

HARNESS = "the LM Evaluation Harness asks the model itself"


@dataclass(frozen=True)
class Trial:
    """Stages that ran on a few rows.

    Attributes:
        ledger: What they asked.
        frames: The rows that they read and gave, by stage.
        unknown: Why a stage did not run, by stage.
    """

    ledger: Ledger
    frames: Mapping[str, pl.DataFrame]
    unknown: Mapping[str, str]


def try_stages(
    stages: Sequence[Stage],
    recipe: RecipeContext,
    project: Project,
    *,
    refresh: str,
    prompts: pl.DataFrame,
    held_out: pl.DataFrame,
    others: Mapping[str, pl.DataFrame],
    journal_only: bool = False,
) -> Trial:
    """Run the stages. Answers of models are journaled.

    Nothing is trained: a trained model is replaced by the one that its training starts from, and a
    reward of a head that is not trained yet is 0.

    Args:
        stages: The stages, in running order.
        recipe: The recipe.
        project: The project.
        refresh: The refresh.
        prompts: The prompts.
        held_out: The held-out prompts.
        others: The prompts of further sources, by `schemas.source_table`.
        journal_only: Ask no model, and note the answers of the journal alone. Stages that ask a
            trained model are then left out, except for the answers of the policy before its
            training to held-out prompts.
    """
    if journal_only:
        learned = {stage.name for stage in stages if stage.gives is Checkpoints}
        stages = [
            stage
            for stage in stages
            if stage.gives in EVALUATIONS or learned.isdisjoint(stage.reads)
        ]
    ledger = Ledger()
    frames = {"prompts": prompts, "held_out": held_out, **others}
    trained: set[str] = set()
    unknown: dict[str, str] = {}
    for stage in stages:
        missing = next((name for name in stage.reads if name not in frames), None)
        context = stage_context(
            stage.name,
            recipe,
            refresh=refresh,
            settings=project.settings,
            tables=project.tables,
            checks=project.checks,
            progress=not journal_only,
        )
        if missing is not None:
            unknown[stage.name] = f"it reads {missing!r}"
        elif stage.gives is TaskEvaluations:
            unknown[stage.name] = HARNESS
        elif stage.gives is Checkpoints:
            trained.add(stage.name)
            frames[stage.name] = _start(stage, context)
        else:
            once = journal_only or trained.isdisjoint(stage.reads)
            context = replace(
                context,
                ledger=ledger if once else ledger.apart(),
                failure_limit=1.0,
                open_engine=unasked_engine if journal_only else context.open_engine,
            )
            try:
                earlier = carried(
                    stage,
                    recipe,
                    refresh=refresh,
                    settings=project.settings,
                    tables=project.tables,
                )
                frames[stage.name] = execute_stage(stage, {**frames, **earlier}, context).split.kept
            except EngineError as error:
                unknown[stage.name] = str(error)
    return Trial(ledger, frames, unknown)


def _start(stage: Stage, context: Context) -> pl.DataFrame:
    """The checkpoint of a training that has not been made: the weights that it starts from."""
    role = next((use.role for use in stage.operator.roles() if "weights" in use.needs), None)
    model = UNTRAINED if role is None else context.roles[role].model
    row = {
        "path": model,
        "start": model,
        "trained": False,
        "reason": "a trial does not train",
        "rows": 0,
        "steps": 0,
        "seconds": 0.0,
        "metrics": "{}",
    }
    return rows(Checkpoints, [row])
