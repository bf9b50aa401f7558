"""Shared by the commands: options, and how results and errors are printed."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assets.project.recipe import RecipeSpec
    from assets.project.refusal import Declarations

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Refresh = Annotated[
    str | None, typer.Option(metavar="DATE", help="Which refresh, as 2026-11-21 (UTC).")
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Held-out prompts (default: all; with fewer --rows than the recipe's, as many).",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="STAGE.PARAMETER=VALUE",
        help="A parameter of a stage for this run, as responses.max_tokens=64. Repeatable.",
    ),
]
Version = Annotated[
    int | None,
    typer.Option("--version", min=1, help="Of a curated dataset (default: the newest)."),
]


def recipe_id(name: str, recipes: "Declarations[RecipeSpec]") -> str:
    """The id of the recipe ``name`` (id or family/id). Raises `FactoryError` if there is none, or
    if its file is wrong."""
    from assets.config.errors import FactoryError

    family, _, plain = name.rpartition("/")
    if plain in recipes and family in ("", recipes[plain].family):
        return plain
    raise FactoryError(recipes.missing(plain))


def began(subject: str) -> None:
    """Say at once what begins: the modules that a run needs take seconds to import."""
    typer.echo(f"{subject}: loading the project and its libraries", err=True)


@contextmanager
def printed(as_json: bool) -> Iterator[Any]:
    """Run a command: print its result and its errors.

    Yields a function that takes the command's result. With ``as_json`` the result is printed as
    JSON, and everything else that the command, a library or a child process writes to standard
    output goes to standard error. An error is printed as one message, with exit code 1; Ctrl-C
    has exit code 130.
    """
    _configure_logging()
    results: list[Any] = []
    stdout = os.dup(1) if as_json else None
    try:
        if stdout is not None:
            sys.stdout.flush()
            os.dup2(2, 1)
        yield results.append
    except typer.Exit:
        raise
    except KeyboardInterrupt as stop:
        typer.secho(_printable(str(stop)) or "stopped", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        typer.secho(f"error: {_printable(_message(error))}", fg="red", err=True)
        if os.environ.get("FACTORY_DEBUG"):
            raise
        raise typer.Exit(1) from None
    finally:
        if stdout is not None:
            sys.stdout.flush()
            os.dup2(stdout, 1)
            os.close(stdout)
    if as_json:
        typer.echo(json.dumps(results[0]))


def _message(error: Exception) -> str:
    """The message for ``error``: its own text if it was written for users."""
    from assets.config.causes import cause, message

    first = cause(error)
    return message(error) or f"{type(first).__name__}: {first} (FACTORY_DEBUG=1 shows where)"


def _printable(text: str) -> str:
    from schemas.keys import without_keys
    from schemas.printable import printable

    return without_keys(printable(text))


class _Printable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _printable(super().format(record))


def _configure_logging() -> None:
    """Log warnings and errors to standard error, and turn off the libraries' progress bars."""
    from assets.config.libraries import quiet_libraries

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    quiet_libraries()
