"""``factory run``, ``recipes`` and ``claims``: recipes are run, listed and measured."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.saying import Json, Refresh, recipe_id, said

commands = typer.Typer()


@commands.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; see factory recipes.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts a refresh (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=1, help="Consecutive refreshes ending at DATE, each from the last one's policy."
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Run a recipe: draw prompts, write, score, choose, train, validate.

    Given again, the same command goes on where it stopped and pays for nothing twice.
    """
    with said(as_json) as answer:
        from assets import report, runs
        from assets.definitions import floor

        days = runs.rounds(refresh, rounds)
        everything = floor()
        name = recipe_id(recipe, everything.recipes)
        definitions = everything.definitions([name])
        screen = report.console(stderr=as_json)
        outcomes = []
        for day in days:
            outcome = runs.run_refresh(everything, definitions, name, refresh=day, rows=rows)
            outcomes.append(outcome)
            screen.print(report.stages_table(f"{name}, refresh {day}", outcome.stages))
            for line in report.outcome_lines(outcome, everything.settings):
                screen.print(line)
        result = outcomes[-1].as_json()
        if rounds > 1:
            result["rounds"] = [outcome.as_json() for outcome in outcomes]
        answer(result)


@commands.command()
def recipes(
    docs: Annotated[
        Path | None, typer.Option(help="Also write them into this folder, as a page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, with what each claims."""
    with said(as_json) as answer:
        from assets import report
        from assets.definitions import floor
        from assets.gallery import write_gallery

        everything = floor()
        if docs is not None:
            write_gallery(docs, everything.recipes.values(), everything.settings)
        found = [
            {
                "id": recipe.name,
                "family": recipe.family,
                "paper": recipe.paper.model_dump(),
                "claim": recipe.claim,
                "stages": [stage.name for stage in recipe.planned(everything.settings)],
            }
            for recipe in sorted(everything.recipes.values(), key=lambda r: (r.family, r.name))
        ]
        if not as_json:
            report.console().print(report.recipes_table(found))
        answer(found)


@commands.command()
def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Recipes (default: all that measure their claim).")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts a refresh (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    docs: Annotated[
        Path | None, typer.Option(help="Also keep the results in this folder, as a table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what recipes claim against their controls, on the same prompts and model answers.

    Runs both from the beginning in a folder of their own, with the answers of the same journal.
    """
    with said(as_json) as answer:
        from assets import report, runs
        from assets.claims.table import measure_claims, write_claims
        from assets.definitions import floor

        everything = floor()
        measured = [name for name, each in everything.recipes.items() if each.measure is not None]
        names = [recipe_id(name, everything.recipes) for name in ids or sorted(measured)]
        (day,) = runs.rounds(refresh, 1)
        found = measure_claims(everything.settings, names, rows=rows, refresh=day)
        if docs is not None:
            write_claims(docs, found, everything)
        if not as_json:
            report.console().print(report.claims_table(found))
        answer(found)
