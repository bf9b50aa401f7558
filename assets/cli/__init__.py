"""The command line: ``factory run online_dpo``.

Commands import heavy modules when they run, so that ``factory --help`` is fast.
"""

import typer

from assets.cli import exchange, init, inspect, models, preview, readings, run, storage

app = typer.Typer(
    help="Make preference and step-level data without human labels, and train on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (init, run, preview, models, inspect, exchange, readings, storage):
    app.add_typer(module.commands)
