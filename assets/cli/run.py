"""``factory run``, ``recipes`` and ``claims``: run, list and measure recipes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assets.cli.errors import HeldOut, Json, Refresh, Set, began, printed, recipe_id

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
    held_out: HeldOut = None,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Run a recipe: draw prompts, write, score, choose, train, validate.

    The same command resumes an interrupted run, and no answer is paid for twice.
    """
    began(recipe)
    with printed(as_json) as answer:
        from assets import refresh as runs
        from assets.cli import console
        from assets.config.settings import load_settings
        from assets.definitions import build_definitions
        from assets.project.changes import read_changes
        from assets.project.project import load_project

        days = runs.rounds(refresh, rounds, load_settings().schedule)
        project = load_project(recipe.split("/"))
        name = recipe_id(recipe, project.recipes)
        parameters = read_changes(changes or [])
        project.require(name, parameters)
        definitions = build_definitions(project, [name])
        held_out_rows = held_out or project.recipes[name].held_out_rows(rows)
        screen = console.console(stderr=as_json)
        outcomes = []
        for day in days:
            outcome = runs.run_refresh(
                project,
                definitions,
                name,
                refresh=day,
                rows=rows,
                held_out=held_out_rows,
                changes=parameters,
            )
            outcomes.append(outcome)
            screen.print(console.stages_table(f"{name}, refresh {day}", outcome.stages))
            for line in console.outcome_lines(outcome, project.settings):
                screen.print(line)
        result = outcomes[-1].as_json()
        if rounds > 1:
            result["rounds"] = [outcome.as_json() for outcome in outcomes]
        answer(result)


@commands.command()
def recipes(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Words in the name, family, paper or claim (default: all recipes)."),
    ] = None,
    family: Annotated[str | None, typer.Option(help="A family, as search.")] = None,
    docs: Annotated[
        Path | None, typer.Option(help="Also write them into this folder, as a page.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write an HTML page: claims, results, needs and costs."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes by family: the paper, the roles and prompts that each needs, its last
    refresh; and why those that cannot run cannot."""
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.recipe_list import listed_recipes
        from assets.cli.recipe_pages import write_gallery
        from assets.config.errors import FactoryError
        from assets.project.project import load_project
        from assets.project.recipe import RecipeSpec
        from assets.project.refusal import FILE
        from schemas.near import near

        project = load_project()
        if docs is not None:
            write_gallery(docs, project.recipes.values(), project.settings)
        listed = listed_recipes(project, words or [], family)
        families = {recipe.family for recipe in project.recipes.values()}
        if family is not None and family not in families:
            raise FactoryError(f"there is no family {family!r}; {near(family, families)}")
        if page is not None:
            from assets.cli.recipe_gallery import write_gallery_page

            write_gallery_page(page, project, listed)
        if not as_json:
            screen = console.console()
            if not listed:
                screen.print("no recipe has these words")
            usable = [each for each in listed if not each["refused"]]
            if usable:
                screen.print(console.recipes_table(usable))
            refused_names = {each["id"] for each in listed if each["refused"]}
            refused = (
                each
                for each in project.refusals
                if each.kind in (RecipeSpec.kind, FILE) and each.name in refused_names
            )
            for line in console.refusal_lines(refused):
                screen.print(line, soft_wrap=True)
            if page is not None:
                screen.print(console.written_line(str(page)), soft_wrap=True)
        answer(listed)


@commands.command()
def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Recipes (default: all that measure their claim).")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts a refresh (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    world: Annotated[
        str | None,
        typer.Option(
            help="A source of prompts with a check, as instructions; policies are validated on "
            "NAME_held_out (default: the configured sources)."
        ),
    ] = None,
    docs: Annotated[
        Path | None, typer.Option(help="Also keep the results in this folder, as a table.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Repeat every training with so many seeds.")
    ] = 1,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Go on with more prompts while undecided.")
    ] = False,
    hours: Annotated[
        float, typer.Option(min=0, help="With --until-decided: begin no claim after this time.")
    ] = 8.0,
    as_json: Json = False,
) -> None:
    """Measure the claims of recipes against their controls, on the same prompts.

    Both run from the beginning in a separate folder, with the answers of the configured journal.
    With --until-decided, an undecided claim is measured again on as many prompts as would decide.
    """
    with printed(as_json) as answer:
        from assets import refresh as runs
        from assets.cli import console
        from assets.cli.claims import measure_claims, measure_until_decided
        from assets.cli.claims_page import write_claims
        from assets.project.project import load_project

        project = load_project()
        measured = [name for name, each in project.recipes.items() if each.measure is not None]
        names = [recipe_id(name, project.recipes) for name in ids or sorted(measured)]
        (day,) = runs.rounds(refresh, 1, project.settings.schedule)
        options: dict[str, Any] = {"rows": rows, "refresh": day, "world": world, "seeds": seeds}
        measured_claims: list[dict[str, Any]] = []
        refused: list[str] = []
        for measured_claims in (
            measure_until_decided(project.settings, names, **options, hours=hours)
            if until_decided
            else [measure_claims(project.settings, names, **options)]
        ):
            if docs is not None:
                refused = write_claims(docs, measured_claims, project)
        for line in refused:
            console.console(stderr=True).print(line, markup=False, soft_wrap=True)
        if not as_json:
            console.console().print(console.claims_table(measured_claims))
        answer(measured_claims)
