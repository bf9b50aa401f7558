"""The command line: ``factory run online_dpo``.

Commands import heavy modules when they run, so that ``factory --help`` is fast.
"""

from typing import Annotated

import typer

from assets.cli import (
    cluster,
    compare,
    exchange,
    init,
    inspect,
    judge_bench,
    models,
    operators,
    plan,
    preview,
    readings,
    run,
    storage,
    validate,
)

app = typer.Typer(
    help="Make preference and step-level data without human labels, and train on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Paragraphs of help are broken where the terminal ends, and not where the source does.
    rich_markup_mode="markdown",
)
for module in (
    *(init, run, preview, plan, models, inspect, compare, judge_bench, operators, validate),
    *(cluster, exchange, readings, storage),
):
    app.add_typer(module.commands)


def _version(enabled: bool) -> None:
    if enabled:
        from importlib.metadata import version

        typer.echo(version("preference-factory"))
        raise typer.Exit


@app.callback()
def factory(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Make preference and step-level data without human labels, and train on it."""
