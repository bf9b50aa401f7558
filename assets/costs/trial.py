"""Runs the stages of a recipe on a few prompts, without training, and notes what they ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import polars as pl

from assets.execution.execute_stage import execute_stage
from assets.execution.stage_context import RecipeContext, stage_context
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from engines.bindings import Binding, open_engine
from engines.context import Context
from engines.ledger import Ledger
from engines.protocol import Engine, EngineError, RowError
from engines.registry import VERBS
from schemas import EVALUATIONS, Checkpoints, TaskEvaluations, rows

Opened = Callable[[Binding], Engine]

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
    """
    return _tried(stages, recipe, project, refresh, prompts, held_out, open_engine)


def find_journaled(
    stages: Sequence[Stage],
    recipe: RecipeContext,
    project: Project,
    *,
    refresh: str,
    prompts: pl.DataFrame,
    held_out: pl.DataFrame,
) -> Trial:
    """Run the stages with the answers of the journal alone, and note those. No model is asked.

    The arguments are those of `try_stages`. Stages that ask a trained model are left out, except
    for the answers of the policy before its training to held-out prompts.
    """
    trained = {stage.name for stage in stages if stage.gives is Checkpoints}
    known = [
        stage for stage in stages if stage.gives in EVALUATIONS or trained.isdisjoint(stage.reads)
    ]
    return _tried(known, recipe, project, refresh, prompts, held_out, _journal_only)


def _tried(
    stages: Sequence[Stage],
    recipe: RecipeContext,
    project: Project,
    refresh: str,
    prompts: pl.DataFrame,
    held_out: pl.DataFrame,
    opened: Opened,
) -> Trial:
    ledger = Ledger()
    frames = {"prompts": prompts, "held_out": held_out}
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
            progress=opened is open_engine,
        )
        if missing is not None:
            unknown[stage.name] = f"it reads {missing!r}"
        elif stage.gives is TaskEvaluations:
            unknown[stage.name] = HARNESS
        elif stage.gives is Checkpoints:
            trained.add(stage.name)
            frames[stage.name] = _start(stage, context)
        else:
            counts = ledger if trained.isdisjoint(stage.reads) else ledger.counting_repeats()
            if opened is _journal_only:
                counts = ledger
            context = replace(context, ledger=counts, failure_limit=1.0, open_engine=opened)
            try:
                frames[stage.name] = execute_stage(stage, frames, context).split.kept
            except EngineError as error:
                unknown[stage.name] = str(error)
    return Trial(ledger, frames, unknown)


def _start(stage: Stage, context: Context) -> pl.DataFrame:
    """The checkpoint of a training that has not been made: the weights that it starts from."""
    role = next(use.role for use in stage.operator.roles() if "weights" in use.needs)
    model = context.roles[role].model
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


async def _unasked(*_: object, **__: object) -> NoReturn:
    raise RowError("the journal does not have the answer")


def _journal_only(binding: Binding) -> Engine:
    """The engine of a binding, which answers nothing itself."""
    engine = open_engine(binding)
    for method in VERBS:
        setattr(engine, method, _unasked)
    return engine
