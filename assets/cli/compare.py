"""``factory compare``: two refreshes, recipes or versions side by side."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.errors import Json, printed

commands = typer.Typer()

_WIDTH = 100
"""The width of tables in a file or a pipe, in characters."""


@commands.command()
def compare(
    first: Annotated[
        str,
        typer.Argument(
            help="RECIPE, datasets/NAME or models/NAME; with @DATE a refresh or with @NUMBER a "
            "version (default: the newest)."
        ),
    ],
    second: Annotated[str, typer.Argument(help="What it is compared with, of the same kind.")],
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write an HTML page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two refreshes, two recipes, or two versions of a dataset or a model.

    Shows what each stage kept and dropped, rows in common and those with other labels, scores, the
    policy before and after training, claims, and the models and parameters that differ. It calls no
    model.
    """
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.compare_tables import compared_tables
        from assets.factory import Factory

        factory = Factory.open([part.partition("@")[0] for part in _parts(first, second)])
        compared = factory.compare(first, second)
        screen = console.console(stderr=as_json)
        if not as_json:
            for table in compared_tables(compared, screen.width if screen.is_terminal else _WIDTH):
                screen.print(table)
        if page is not None:
            from assets.comparing.page import write_comparison

            write_comparison(compared, page)
            screen.print(console.written_line(str(page)), soft_wrap=True)
        answer(compared.as_json())


def _parts(*names: str) -> list[str]:
    return [part for name in names for part in name.split("/")]
