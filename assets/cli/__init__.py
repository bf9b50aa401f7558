"""The command line: ``factory run online_dpo``.

Everything heavy is imported inside the commands, so that ``factory --help`` answers at once.
"""

import typer

from assets.cli import exchange, init, readings
from assets.cli import inspect as look
from assets.cli import run as make
from assets.cli import storage as keep

app = typer.Typer(
    help="Make preference and step-level data without human labels, and train on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (init, make, look, exchange, readings, keep):
    app.add_typer(part.commands)
