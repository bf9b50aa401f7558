"""The figures of a recipe's claim at a refresh, by its tables and those of its control."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from assets.project.exported_stage import EXPORTED
from assets.project.given_prompts import given_prompts, given_tables
from assets.project.label_origin import LabelOrigin, label_origin
from assets.project.measure import WOULD_DECIDE, Figures, Measure, UnmeasurableError
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import with_read
from assets.project.resources import Resources
from assets.storage.tables import MissingTableError, Tables


def measured(recipe: RecipeSpec, measure: Measure, factory: Resources, *, refresh: str) -> Figures:
    """Measure the claim of a recipe at a refresh, on the prompts that recipe and control share.

    These are the prompts of the refresh, and those that stages draw from a source of their own
    (`generators.Draw`). Another control draws them in a stage of the same name.

    Raises:
        MissingTableError: The recipe or its control has not run.
        UnmeasurableError: There is nothing to compare.
    """
    ours = _tables(recipe.name, measure.stages(), refresh, factory, rounds=recipe.rounds)
    control = recipe.control or recipe.name
    theirs = _tables(control, measure.control_stages(), refresh, factory, rounds=recipe.rounds)
    own = ours["prompts"].join(theirs["prompts"].select("prompt_id"), on="prompt_id")
    if own.is_empty():
        raise UnmeasurableError(
            f"{recipe.name} and {control} share no prompt at refresh {refresh}: run both on the "
            f"same prompts, with factory claims {recipe.name}"
        )
    stages = [*measure.stages(), *measure.control_stages()]
    read = with_read(recipe.planned(factory.settings), stages)
    ours, theirs = (
        {**tables, "prompts": given_prompts(factory.tables, name, given_tables(read), refresh)}
        for name, tables in ((recipe.name, ours), (control, theirs))
    )
    shared = ours["prompts"].join(theirs["prompts"].select("prompt_id"), on="prompt_id")
    unshared_counts = {
        ours["prompts"].height - shared.height,
        theirs["prompts"].height - shared.height,
    }
    if unshared_counts != {0}:
        prompts = pl.concat([ours["prompts"], theirs["prompts"]])["prompt_id"]
        unshared = prompts.filter(~prompts.is_in(shared["prompt_id"].implode())).implode()
        ours, theirs = (
            {
                name: frame.filter(~pl.col("prompt_id").is_in(unshared))
                if "prompt_id" in frame.columns
                else frame
                for name, frame in tables.items()
            }
            for tables in (ours, theirs)
        )
    figures = measure.figures(ours, theirs, checks=factory.checks)
    unit, count = measure.units({**ours, "prompts": own})
    if not figures.differs:
        figures = replace(figures, says=f"{figures.says}; both are the same on all of them")
    if (needed := figures.deciding(count)) is not None:
        instead = f"about {needed:,} {unit} instead of {count:,}"
        says = f"{figures.says}; {instead} {WOULD_DECIDE}"
        # Of held-out prompts there are as many as the source has, at any size of the recipe.
        figures = replace(figures, says=says, rows=needed if unit == "prompts" else None)
    origin = _origin(recipe, measure.of, ours, factory)
    return figures if origin is None else replace(figures, says=f"{figures.says}; labels {origin}")


def _origin(
    recipe: RecipeSpec, stage: str, tables: Mapping[str, pl.DataFrame], factory: Resources
) -> LabelOrigin | None:
    """How the check made the labels that a claim is about; None if it did not."""
    stages = recipe.planned(factory.settings)
    measured = next(each for each in stages if each.name == stage)
    if measured.gives not in EXPORTED:
        return None
    return label_origin(measured, stages, tables[stage], factory.checks)


def _tables(
    recipe: str, stages: Sequence[str], refresh: str, factory: Resources, *, rounds: int
) -> Mapping[str, pl.DataFrame]:
    tables = factory.tables
    frames = {}
    for name in dict.fromkeys(["prompts", *stages]):
        if name == "held_out":
            frames[name] = tables.read(("prompts", factory.settings.held_out), None)
            continue
        try:
            frame = tables.read((recipe, name), refresh)
            frames[name] = _since_first(frame, (recipe, name), refresh, tables, rounds=rounds)
        except MissingTableError as error:
            raise MissingTableError(
                f"not measured: {recipe} has not made its {name} at {refresh}; "
                f"factory run {recipe} --refresh {refresh} does"
            ) from error
    return frames


def _since_first(
    frame: pl.DataFrame, key: tuple[str, str], refresh: str, tables: Tables, *, rounds: int
) -> pl.DataFrame:
    """Of an evaluated policy: compared with the policy that the first of the last ``rounds``
    refreshes started from. What is no evaluation by a check stays as it is: a judge or a reward
    compares a policy with its own start only."""
    before = ["greedy_before", "right_before"]
    if rounds == 1 or not {*before} <= {*frame.columns} or frame["greedy_after"].has_nulls():
        return frame
    first, *_ = [day for day in tables.refreshes(key) if day <= refresh][-rounds:]
    start = tables.read(key, first).select("prompt_id", *before)
    return frame.drop(before).join(start, on="prompt_id").select(frame.columns)
