"""``factory cluster``: whether the replicas fit on the cluster, before anything is asked."""

from typing import Annotated, Any

import typer

from assets.cli.errors import Json, printed, recipe_id

commands = typer.Typer()


@commands.command()
def cluster(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe, to see whether its stages' replicas fit at once."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the nodes of the Ray cluster, and which replicas of the roles fit on them.

    Each node is asked whether it reads the same weights. The exit code is 1 if something does not
    fit or cannot be read. Other users of the cluster are not counted.
    """
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.cluster_tables import cluster_lines, nodes_table
        from assets.project.project import load_project
        from assets.project.replicas import checked_cluster

        project = load_project(None if recipe is None else recipe.split("/"))
        name = None if recipe is None else recipe_id(recipe, project.recipes)
        check = checked_cluster(project, name)
        screen = console.console(stderr=as_json)
        screen.print(nodes_table(check))
        for line in cluster_lines(check):
            screen.print(line, soft_wrap=True)
        record: dict[str, Any] = check.as_json()
        answer(record)
    if not check.fits:
        raise typer.Exit(1)
