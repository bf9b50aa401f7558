"""``factory plan``: what a run costs, before it is made."""

from typing import Annotated

import typer

from assets.cli.errors import HeldOut, Json, Refresh, Set, began, printed, recipe_id

commands = typer.Typer()


@commands.command()
def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; see factory recipes.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts of the run (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    held_out: HeldOut = None,
    sample: Annotated[
        int, typer.Option(min=2, help="Prompts that the stages run on for the estimate.")
    ] = 16,
    changes: Set = None,
    as_json: Json = False,
) -> None:
    """Estimate the calls, tokens and price of a run from a few of its prompts, without training.

    The answers to these prompts are journaled, so that the run does not pay for them again.
    """
    began(recipe)
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.plan_tables import plan_lines, plan_table
        from assets.factory import Factory
        from assets.project.changes import read_changes

        factory = Factory.open(recipe.split("/"))
        planned = factory.plan(
            recipe_id(recipe, factory.recipes),
            refresh=refresh,
            rows=rows,
            held_out=held_out,
            sample=sample,
            set=read_changes(changes or []),
        )
        screen = console.console(stderr=as_json)
        screen.print(plan_table(planned))
        for line in plan_lines(planned):
            screen.print(line, soft_wrap=True)
        answer(planned.as_json())
