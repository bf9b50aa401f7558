"""``factory export`` and ``factory import``."""

from typing import Annotated

import typer

from assets.cli.errors import Version, printed, recipe_id

commands = typer.Typer()


def _formats(enabled: bool) -> None:
    if enabled:
        from assets.formats import formats_table

        typer.echo(formats_table())
        raise typer.Exit


def _shapes(enabled: bool) -> None:
    if enabled:
        from assets.importers.shapes.listed import shapes_table

        typer.echo(shapes_table())
        raise typer.Exit


@commands.command()
def export(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, datasets/NAME, or models/NAME.")],
    place: Annotated[
        str,
        typer.Argument(
            metavar="DIR|s3://…|hf://datasets/NAME/REPO|hf://NAME/REPO",
            help="A folder, replaced if it is an export, or a dataset or model of the Hub.",
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="A name that --list shows, or the import path of a format of yours (default: by "
            "what the recipe makes).",
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody read it (default: private).")
    ] = False,
    version: Version = None,
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Of a model trained with LoRA: only the adapter.")
    ] = False,
    list_: Annotated[
        bool,
        typer.Option("--list", is_eager=True, callback=_formats, help="Show the formats."),
    ] = False,
) -> None:
    """Write a recipe's data as Parquet that datasets and TRL read, or a model, with its card.

    On the Hub it is one commit, or none if nothing has changed.
    """
    with printed(False):
        from assets.cli import console, exchange_lines
        from assets.project.dataset import DATASETS
        from assets.project.model import MODELS
        from assets.project.project import load_project
        from assets.publishing.publish import publish

        project = load_project(recipe.split("/"))
        curated = recipe.startswith((f"{DATASETS}/", f"{MODELS}/"))
        name = recipe if curated else recipe_id(recipe, project.recipes)
        result = publish(
            project,
            name,
            place,
            format=format,
            public=public,
            version=version,
            adapter=adapter,
        )
        if result.published is None or result.repository is None:
            lines = exchange_lines.exported_lines(name, result.exported, place)
        else:
            lines = exchange_lines.published_lines(
                name, result.exported, result.published, result.repository, public=public
            )
        for line in lines:
            console.console().print(line, soft_wrap=True)


@commands.command("import")
def import_(
    format: Annotated[
        str,
        typer.Argument(help="A name that --list shows, or the import path of a shape of yours."),
    ],
    place: Annotated[str, typer.Argument(metavar="PATH|ID", help="A file, a folder or a Hub id.")],
    name: Annotated[
        str | None, typer.Option(help="What recipes call it (default: as the format).")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="The data's (default: as its card on the Hub says).")
    ] = None,
    split: Annotated[str, typer.Option(help="Of a folder or a Hub dataset.")] = "train",
    config: Annotated[str | None, typer.Option(help="Of a folder or a Hub dataset.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a Hub dataset.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="The column of a field, as response=answer.text; repeat it for more fields.",
        ),
    ] = None,
    list_: Annotated[
        bool,
        typer.Option("--list", is_eager=True, callback=_shapes, help="Show the formats."),
    ] = False,
) -> None:
    """Make tables of a published dataset, for recipes to read."""
    with printed(False):
        from assets.cli import console, exchange_lines
        from assets.config.errors import FactoryError
        from assets.config.settings import load_settings
        from assets.importers.importer import import_dataset

        columns = dict(each.partition("=")[::2] for each in column or [])
        if not all(columns.values()):
            raise FactoryError("--column takes FIELD=COLUMN, as in --column prompt=question")

        settings = load_settings()
        imported = import_dataset(
            settings,
            format,
            place,
            name=name,
            licence=licence,
            split=split,
            config=config,
            revision=revision,
            columns=columns,
        )
        for line in exchange_lines.imported_lines(imported, settings):
            console.console().print(line, soft_wrap=True)
