"""``factory train``, ``models`` and ``ablate``: make, list and explain downstream models."""

from enum import StrEnum
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
    that is worse than its start is held back: that is a result, with exit code 0.
    """
    with printed(as_json) as answer:
        from assets.cli import console, model_tables
        from assets.definitions import build_definitions
        from assets.models.train import train_model
        from assets.project.find_rows import model_name
        from assets.project.project import load_project

        project = load_project(model.split("/"))
        name = model_name(project, model)
        definitions = build_definitions(project, [], [name])
        version = train_model(project, definitions, name)
        screen = console.console(stderr=as_json)
        screen.print(model_tables.trained_table(name, version))
        for line in model_tables.version_lines(name, version):
            screen.print(line)
        answer(version.as_json())


@commands.command()
def models(as_json: Json = False) -> None:
    """List the downstream models and their versions."""
    with printed(as_json) as answer:
        from assets.cli import console, model_tables
        from assets.project.project import load_project
        from assets.storage.model_versions import ModelVersions

        project = load_project()
        listed: list[dict[str, Any]] = []
        for name in sorted(project.models):
            versions = ModelVersions(project.settings.models_path, name)
            stored = [versions.version(number) for number in versions.numbers()]
            if not as_json:
                console.console().print(model_tables.model_versions_table(name, stored))
            listed.append({"name": name, "versions": [each.as_json() for each in stored]})
        answer(listed)


class Varied(StrEnum):
    """What an ablation varies."""

    recipe = "recipe"
    source = "source"
    filter = "filter"
    version = "version"
    size = "size"


@commands.command()
def ablate(
    model: Annotated[str, typer.Argument(help="A trained model's name; see factory models.")],
    by: Annotated[
        Varied,
        typer.Option(
            help="What to leave out: each recipe (and all others), source of prompts or filter; or "
            "train on other dataset versions, or on shares of the rows."
        ),
    ] = Varied.recipe,
    plan: Annotated[bool, typer.Option("--plan", help="Only print what it would cost.")] = False,
    as_json: Json = False,
) -> None:
    """Tell whether the data of a model helps: train it again without each part.

    All trainings start from the same weights and take the same optimizer steps with the same
    seeds, so fewer rows are learned for more epochs. Each is compared with the training on all
    data, prompt by prompt. The same command resumes an interrupted ablation.
    """
    with printed(as_json) as answer:
        from assets.cli import console, model_tables
        from assets.models.ablation.ablate import ablate as run_ablation
        from assets.models.ablation.ablate import stored
        from assets.models.ablation.plan import plan_ablation, plan_lines
        from assets.project.find_rows import model_name
        from assets.project.project import load_project

        project = load_project(model.split("/"))
        planned = plan_ablation(project, model_name(project, model), by.value)
        screen = console.console(stderr=as_json)
        ablation = stored(planned)
        if plan or ablation is None:
            for line in plan_lines(planned):
                screen.print(line, highlight=False)
        if plan:
            answer({"trainings": planned.trainings, "seconds": planned.seconds})
            return
        if ablation is None:
            ablation = run_ablation(planned, lambda line: screen.print(line, highlight=False))
        for table in model_tables.ablation_tables(ablation):
            screen.print(table)
        answer(ablation.as_json())
