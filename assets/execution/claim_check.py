"""The asset check of a recipe's claim: it compares a refresh of the recipe with its control."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg
import polars as pl

from assets.project.label_origin import LabelOrigin, label_origin
from assets.project.measure import Figures, Measure, UnmeasurableError, with_verdict
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import EXPORTED, GIVEN, Stage
from assets.project.resources import Resources
from assets.storage.tables import MissingTableError, Tables

CHECK = "claim"


def claim_check(
    recipe: RecipeSpec, measure: Measure, stages: Sequence[Stage]
) -> dg.AssetChecksDefinition:
    """The check ``claim``, on the last stage of the recipe that the measure reads.

    A claim that does not hold gives a warning: it is a finding, not an error in the data.

    Args:
        recipe: The recipe.
        measure: What measures its claim.
        stages: Its stages.
    """
    read = [stage.name for stage in stages if stage.name in measure.stages()]
    against = recipe.control or recipe.name
    asset = dg.AssetKey([recipe.name, read[-1]])
    deps = [dg.AssetKey([recipe.name, name]) for name in read]
    deps += [dg.AssetKey([against, name]) for name in measure.control_stages() if name not in GIVEN]

    @dg.asset_check(
        asset=asset,
        name=CHECK,
        description=f"{recipe.claim} (control: {against})",
        additional_deps=[key for key in dict.fromkeys(deps) if key != asset],
        required_resource_keys={"factory"},
    )
    def claim(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        factory: Resources = context.resources.factory
        try:
            figures = measured(recipe, measure, factory, refresh=context.run.tags[_PARTITION])
        except (UnmeasurableError, MissingTableError) as error:
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error)
            )
        numbers = {
            "measured": figures.measured,
            "control": figures.control,
            "low": figures.low,
            "high": figures.high,
        }
        return dg.AssetCheckResult(
            passed=figures.held,
            severity=dg.AssetCheckSeverity.WARN,
            description=with_verdict(figures.verdict, figures.says),
            metadata={
                "figures": dg.MetadataValue.json(
                    {**numbers, "held": figures.held, "verdict": figures.verdict}
                ),
                **{name: value for name, value in numbers.items() if value is not None},
            },
        )

    return claim


_PARTITION = "dagster/partition"


def measured(recipe: RecipeSpec, measure: Measure, factory: Resources, *, refresh: str) -> Figures:
    """Measure the claim of a recipe at a refresh, on the prompts that recipe and control share.

    Raises:
        MissingTableError: The recipe or its control has not run.
        UnmeasurableError: There is nothing to compare.
    """
    ours = _tables(factory.tables, recipe.name, measure.stages(), refresh, factory)
    control = recipe.control or recipe.name
    theirs = _tables(factory.tables, control, measure.control_stages(), refresh, factory)
    shared = ours["prompts"].join(theirs["prompts"].select("prompt_id"), on="prompt_id")
    if shared.is_empty():
        raise UnmeasurableError(
            f"{recipe.name} and {control} share no prompt at refresh {refresh}: run both on the "
            f"same prompts, with factory claims {recipe.name}"
        )
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
    tables: Tables, recipe: str, stages: Sequence[str], refresh: str, factory: Resources
) -> Mapping[str, pl.DataFrame]:
    frames = {}
    for name in dict.fromkeys(["prompts", *stages]):
        if name == "held_out":
            frames[name] = tables.read(("prompts", factory.settings.held_out), None)
            continue
        try:
            frames[name] = tables.read((recipe, name), refresh)
        except MissingTableError as error:
            raise MissingTableError(
                f"not measured: {recipe} has not made its {name} at {refresh}; "
                f"factory run {recipe} --refresh {refresh} does"
            ) from error
    return frames
