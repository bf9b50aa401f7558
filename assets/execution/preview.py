"""The stages of a recipe on a few prompts, before it trains. No table is stored."""

from dataclasses import replace
from pathlib import Path

from upath import UPath

from assets.config.errors import FactoryError
from assets.execution.execute_stage import execute_stage
from assets.execution.stage_context import RecipeContext, carried, offered_to, stage_context
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage, with_read
from assets.prompts.read_source import read_source
from assets.prompts.sample_prompts import draw
from assets.storage.tables import Tables
from schemas import Checkpoints, Split
from schemas.atomic import temporary_folder
from schemas.near import near


def preview(
    project: Project, spec: RecipeSpec, *, refresh: str, rows: int, until: str | None
) -> dict[str, Split]:
    """Run the stages of a recipe, without those that train and those that need what these made.

    Args:
        project: The project.
        spec: The recipe.
        refresh: The day that sets which prompts are drawn.
        rows: The largest number of prompts.
        until: The last stage that runs; None for all.

    Returns:
        The kept and dropped rows of each stage, in running order.

    Raises:
        FactoryError: There is no such stage, or a source cannot be read.
        EngineError: No row can be answered, or too many rows failed.
    """
    settings = project.settings
    stages = [_of_few(stage, rows) for stage in _up_to(until, spec.planned(settings), spec.name)]
    weights = spec.weights(settings)
    recipe_context = RecipeContext(
        spec.name,
        trains=None,
        seed=spec.seed,
        folder=Path(spec.file).parent,
        fixed=spec.fixed_sources,
    )
    with temporary_folder("factory-preview-") as folder:
        tables = Tables(UPath(folder))
        held_out = read_source(project, settings.held_out, tables, refresh=None, rows=None).kept
        for source, most in spec.asked_of_sources(stages, settings, rows).items():
            day = None if source in spec.fixed_sources else refresh
            # The first rows of a source may all be held out.
            enough = most + held_out.height
            split = read_source(project, source, tables, refresh=day, rows=enough)
            tables.write(("prompts", source), day, split)
        drawn = draw(
            tables,
            recipe=spec.name,
            refresh=refresh,
            rows=rows,
            weights=weights,
            held_out=held_out,
            referenced=spec.fitted(settings).referenced,
        )
        offers = {
            stage.name: offered_to(stage, recipe_context, refresh=refresh, tables=tables)
            for stage in stages
        }
    splits = {"prompts": drawn.split}
    frames = {"prompts": drawn.split.kept, "held_out": held_out}
    for stage in stages:
        if stage.gives is Checkpoints or not set(stage.reads) <= frames.keys():
            continue
        context = stage_context(
            stage.name,
            recipe_context,
            refresh=refresh,
            settings=settings,
            tables=project.tables,
            checks=project.checks,
        )
        earlier = carried(
            stage,
            recipe_context,
            refresh=refresh,
            settings=settings,
            tables=project.tables,
        )
        read = {**frames, **earlier, **offers[stage.name]}
        splits[stage.name] = execute_stage(stage, read, context).split
        frames[stage.name] = splits[stage.name].kept
    return splits


def _of_few(stage: Stage, rows: int) -> Stage:
    """The stage, if it draws prompts of its own, with at most so many."""
    if not stage.sources:
        return stage
    fewer = min(getattr(stage.operator, "rows", rows), rows)
    return replace(stage, operator=stage.operator.model_copy(update={"rows": fewer}))


def _up_to(until: str | None, stages: list[Stage], recipe: str) -> list[Stage]:
    """The stages that ``until`` needs, and itself; all if it is None.

    Raises:
        FactoryError: There is no such stage.
    """
    names = [stage.name for stage in stages]
    if until is None:
        return stages
    if until not in names:
        raise FactoryError(f"{recipe} has no stage {until!r}; {near(until, names)}")
    return with_read(stages, [until])
