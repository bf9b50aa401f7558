"""``factory validate``: check everything before anything runs."""

from typing import Annotated, Any

import typer

from assets.cli.errors import Json, printed

commands = typer.Typer()


@commands.command()
def validate(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Recipes, sources, datasets, models or roles (default: all)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check all recipes, sources, datasets, models and bindings. Nothing is run.

    The exit code is 1 if one is wrong, if one of your own cannot run, or if one that you name
    cannot. A shipped recipe that your models or sources do not fit is listed only.
    """
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.project.project import load_project
        from assets.project.validation import checked, counted, fails

        project = load_project()
        refusals = checked(project, names or [])
        screen = console.console(stderr=as_json)
        for line in console.refusal_lines(refusals):
            screen.print(line, soft_wrap=True)
        counts = counted(project)
        screen.print(console.validated_sentence(counts, refusals), soft_wrap=True)
        found: dict[str, Any] = {"checked": counts}
        answer(found | {"refused": [each.as_json() for each in refusals]})
        failed = any(fails(each, named=bool(names)) for each in refusals)
    if failed:
        raise typer.Exit(1)
