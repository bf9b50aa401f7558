"""``factory init``: a folder for your own recipes and operators."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.errors import printed

commands = typer.Typer()

_NEXT = """{folder} is a new project. Next:
  cd {folder}
  factory recipes                      # the shipped recipes and this project's
  factory run short_answers --rows 16  # the example: recipes/examples, my_operators.py
  factory run online_dpo --rows 64     # a shipped recipe
  export DAGSTER_HOME=$PWD/.dagster
  dagster dev                          # the UI on http://127.0.0.1:3000
Models and prompts are set in factory.yaml. Its README.md describes each file."""


@commands.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder.")],
) -> None:
    """Make a project folder: configuration, an example recipe, an example operator and its test."""
    with printed(False):
        from assets.config.new_project import write_project
        from assets.execution.instance import configure

        write_project(folder)
        configure(folder / ".dagster", folder)
        typer.echo(_NEXT.format(folder=folder))
