"""``factory train`` and ``models``: make and list downstream models."""

from typing import Annotated, Any

import typer

from assets.cli.errors import Json, printed

commands = typer.Typer()


@commands.command()
def train(
    model: Annotated[str, typer.Argument(help="A model's name; see factory models.")],
    as_json: Json = False,
) -> None:
    """Train, validate and promote a model on the newest versions of its datasets.

    The same command resumes an interrupted training, and a finished one is not repeated. A version
    that is worse than its start is held back, with exit code 1.
    """
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.definitions import build_definitions
        from assets.models.train import train_model
        from assets.project.find_rows import model_name
        from assets.project.project import load_project

        project = load_project()
        name = model_name(project, model)
        definitions = build_definitions(project, [], [name])
        version = train_model(project, definitions, name)
        screen = console.console(stderr=as_json)
        screen.print(console.trained_table(name, version))
        for line in console.version_lines(name, version):
            screen.print(line)
        answer(version.as_json())
        if not version.promoted and not as_json:
            raise typer.Exit(1)


@commands.command()
def models(as_json: Json = False) -> None:
    """List the downstream models and their versions."""
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.project.project import load_project
        from assets.storage.model_versions import ModelVersions

        project = load_project()
        found: list[dict[str, Any]] = []
        for name in sorted(project.models):
            versions = ModelVersions(project.settings.models_path, name)
            stored = [versions.version(number) for number in versions.numbers()]
            if not as_json:
                console.console().print(console.model_versions_table(name, stored))
            found.append({"name": name, "versions": [each.as_json() for each in stored]})
        answer(found)
