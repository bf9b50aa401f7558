"""``factory operators``: the operators that recipes may name, and their parameters."""

from typing import Annotated

import typer

from assets.cli.errors import Json, printed

commands = typer.Typer()


@commands.command()
def operators(
    name: Annotated[
        str | None, typer.Argument(help="An operator, as filters.BestWorst: all about it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the operators, or show the parameters, tables and paper of one."""
    with printed(as_json) as answer:
        from assets.cli import console, operator_tables
        from assets.cli.operator_list import about_operator, list_operators, parameters_of

        if name is None:
            listed = list(list_operators())
            for renderable in [] if as_json else operator_tables.operators_shown(listed):
                console.console().print(renderable)
            answer(listed)
            return
        from assets.config.errors import FactoryError
        from schemas import UnknownOperatorError, operator_class

        try:
            kind = operator_class(name)
        except UnknownOperatorError as error:
            raise FactoryError(str(error)) from error
        about = about_operator(name, kind) | {"parameters": parameters_of(kind)}
        if not as_json:
            for renderable in operator_tables.operator_shown(about):
                console.console().print(renderable)
        answer(about)
