"""The asset check of a recipe's claim: it compares a refresh of the recipe with its control."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from assets.charts import claim_picture, in_markdown
from assets.execution.claim_figures import measured
from assets.execution.unmeasured import UNDECIDED, unmeasured
from assets.project.measure import Figures, Measure, UnmeasurableError, with_verdict
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import GIVEN, Stage
from assets.project.resources import Resources
from assets.storage.tables import MissingTableError

CHECK = "claim"


def claim_check(
    recipe: RecipeSpec, measure: Measure, stages: Sequence[Stage]
) -> dg.AssetChecksDefinition:
    """The check ``claim``, on the last stage of the recipe that the measure reads.

    A claim that does not hold gives a warning: it is a finding, not an error in the data. One that
    is undecided neither passed nor failed.

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
            return unmeasured(str(error))
        numbers = {
            "measured": figures.measured,
            "control": figures.control,
            "low": figures.low,
            "high": figures.high,
        }
        return dg.AssetCheckResult(
            passed=figures.verdict != "did not hold",
            severity=dg.AssetCheckSeverity.WARN,
            description=with_verdict(figures.verdict, figures.says),
            metadata={
                "figures": dg.MetadataValue.json(
                    {
                        **numbers,
                        "held": figures.held,
                        "verdict": figures.verdict,
                        "deciding_rows": figures.rows,
                        "boundary": figures.boundary,
                        "below": figures.below,
                        **({} if figures.plot is None else {"plot": asdict(figures.plot)}),
                    }
                ),
                **({UNDECIDED: True} if figures.verdict == UNDECIDED else {}),
                **_curves(figures, recipe.name),
                **{name: value for name, value in numbers.items() if value is not None},
            },
        )

    return claim


def _curves(figures: Figures, recipe: str) -> "dict[str, dg.MetadataValue[Any]]":
    if figures.plot is None:
        return {}
    return {"curves": in_markdown(claim_picture(figures.plot, f"the claim of {recipe}"))}


_PARTITION = "dagster/partition"
