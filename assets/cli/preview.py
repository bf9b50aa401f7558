"""``factory preview``: a recipe on a few prompts, before anything is trained."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.errors import Json, began, printed, recipe_id

commands = typer.Typer()


@commands.command()
def preview(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; see factory recipes.")],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="Prompts.")] = 4,
    until: Annotated[
        str | None, typer.Option(metavar="STAGE", help="The last stage to run (default: all).")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the tables in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a recipe on a few prompts, up to its training, and show what comes out.

    No table is stored. The answers are journaled, so a later run does not pay for them again.
    """
    began(recipe)
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.previewed import previewed
        from assets.factory import Factory

        factory = Factory.open(recipe.split("/"))
        name = recipe_id(recipe, factory.recipes)
        splits = factory.preview(name, rows=rows, until=until)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for stage, split in splits.items():
                split.kept.write_parquet(keep / f"{stage}.parquet")
                split.dropped.write_parquet(keep / f"{stage}.dropped.parquet")
        screen = console.console(stderr=as_json)
        for renderable in previewed(splits):
            screen.print(renderable)
        answer(
            {
                stage: {"kept": split.kept.height, "dropped": split.dropped.height}
                for stage, split in splits.items()
            }
        )
