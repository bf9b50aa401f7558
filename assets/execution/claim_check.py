"""The asset check of a recipe's claim: it compares the tables of one refresh with the control's."""

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from assets.project.measure import Figures, Measure, UnmeasurableError
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import GIVEN, Stage
from assets.project.resources import Resources
from assets.storage.tables import MissingTableError, Tables

CHECK = "claim"


def claim_check(
    recipe: RecipeSpec, measure: Measure, stages: Sequence[Stage]
) -> dg.AssetChecksDefinition:
    """The check ``claim`` on the last stage of ``recipe`` that ``measure`` reads.

    A claim that does not hold is a warning with its figures: a finding, and no fault of the data.
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
            found = measured(recipe, measure, factory, refresh=context.run.tags[_PARTITION])
        except (UnmeasurableError, MissingTableError) as error:
            return dg.AssetCheckResult(
                passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error)
            )
        numbers = {
            "measured": found.measured,
            "control": found.control,
            "low": found.low,
            "high": found.high,
        }
        return dg.AssetCheckResult(
            passed=found.held,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{'held' if found.held else 'did not hold'}: {found.says}",
            metadata={
                "figures": dg.MetadataValue.json({**numbers, "held": found.held}),
                **{name: value for name, value in numbers.items() if value is not None},
            },
        )

    return claim


_PARTITION = "dagster/partition"


def measured(recipe: RecipeSpec, measure: Measure, factory: Resources, *, refresh: str) -> Figures:
    """What the claim of ``recipe`` came to at ``refresh``, on the prompts that both drew.

    Raises `MissingTableError` where the recipe or its control has not run, `UnmeasurableError`
    where they have nothing to compare.
    """
    ours = _tables(factory.tables, recipe.name, measure.stages(), refresh, factory)
    control = recipe.control or recipe.name
    theirs = _tables(factory.tables, control, measure.control_stages(), refresh, factory)
    shared = ours["prompts"].join(theirs["prompts"].select("prompt_id"), on="prompt_id")
    if shared.is_empty():
        raise UnmeasurableError(
            f"{recipe.name} and {control} share no prompt at refresh {refresh}: run both from the "
            f"same beginning, as factory claims {recipe.name} does"
        )
    alone = {ours["prompts"].height - shared.height, theirs["prompts"].height - shared.height}
    if alone != {0}:
        drawn = pl.concat([ours["prompts"], theirs["prompts"]])["prompt_id"]
        unshared = drawn.filter(~drawn.is_in(shared["prompt_id"].implode())).implode()
        ours, theirs = (
            {
                name: frame.filter(~pl.col("prompt_id").is_in(unshared))
                if "prompt_id" in frame.columns
                else frame
                for name, frame in tables.items()
            }
            for tables in (ours, theirs)
        )
    return measure.figures(ours, theirs, checks=factory.checks)


def _tables(
    tables: Tables, recipe: str, stages: Sequence[str], refresh: str, factory: Resources
) -> Mapping[str, pl.DataFrame]:
    found = {}
    for name in dict.fromkeys(["prompts", *stages]):
        if name == "held_out":
            found[name] = tables.read(("prompts", factory.settings.held_out), None)
            continue
        try:
            found[name] = tables.read((recipe, name), refresh)
        except MissingTableError as error:
            raise MissingTableError(
                f"not measured: {recipe} has not made its {name} at {refresh}; "
                f"factory run {recipe} --refresh {refresh} does"
            ) from error
    return found
