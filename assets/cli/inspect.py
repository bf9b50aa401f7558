"""``factory show``, ``gains``, ``report`` and ``review``: commands to look at the data."""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.errors import Json, Refresh, Version, printed, recipe_id

commands = typer.Typer()


@commands.command()
def show(
    dataset: Annotated[
        str,
        typer.Argument(
            help="RECIPE, RECIPE/STAGE as online_dpo/pairs, datasets/NAME, or models/NAME."
        ),
    ],
    refresh: Refresh = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")] = 5,
    version: Version = None,
    split: Annotated[str, typer.Option(help="Of a curated dataset: train or held_out.")] = "train",
    row: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Trace one row of a recipe: its prompt, all answers, their steps and scores, and "
            "what models were asked. "
            "The start of an id is enough.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show rows of a stage in the terminal; pairs side by side, search trees as trees.

    Of models/NAME it shows a version: its datasets, trainings and validation. With --row it traces
    one row to what it was made from.
    """
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.rows import rows_shown
        from assets.project.find_rows import drawn_prompts, found_dataset, found_table
        from assets.project.project import load_project

        project = load_project(dataset.split("/"))
        name, _, stage = dataset.partition("/")
        if row is not None:
            from dataclasses import asdict

            from assets.cli.traced import trace_shown
            from assets.tracing.trace import traced

            recipe = recipe_id(name, project.recipes)
            trace = traced(project, recipe, row, stage=stage or None, day=refresh)
            answer(asdict(trace))
            if not as_json:
                for renderable in trace_shown(trace):
                    console.console().print(renderable)
            return
        if as_json:
            from assets.config.errors import FactoryError

            raise FactoryError("factory show prints JSON of one row only: add --row ID")
        if name == "datasets":
            from assets.datasets.gather import PROVENANCE

            curated_version, of_split = found_dataset(project, stage, version=version, split=split)
            console.console().print(console.version_line(stage, curated_version), soft_wrap=True)
            shown_columns = of_split.drop(PROVENANCE, "split", strict=False)
            for renderable in rows_shown(shown_columns, rows, shown_columns):
                console.console().print(renderable)
            return
        if name == "models":
            from assets.cli import model_tables
            from assets.project.find_rows import model_name
            from assets.storage.model_versions import ModelVersions

            model = model_name(project, stage)
            shown_version = ModelVersions(project.settings.models_path, model).version(version)
            console.console().print(model_tables.trained_table(model, shown_version))
            for line in model_tables.version_lines(model, shown_version):
                console.console().print(line, soft_wrap=True)
            return
        if name != "prompts":
            name = recipe_id(name, project.recipes)
        key, day, frame = found_table(project, name, stage or None, refresh=refresh)
        if name != "prompts":
            from assets.tracing.read_tables import beside_stored

            frame = beside_stored(project, name, day, frame)
        screen = console.console()
        screen.print(
            f"{'/'.join(key)}, {'all refreshes' if day is None else f'refresh {day}'}: "
            f"{frame.height:,} rows\n",
        )
        for renderable in rows_shown(frame, rows, drawn_prompts(project, key[0], day)):
            screen.print(renderable)


@commands.command("gains")
def gains_(
    recipe: Annotated[str, typer.Argument(help="A recipe that validates its policy.")],
    as_json: Json = False,
) -> None:
    """Show the held-out accuracy of a policy by refresh, against where the first one started."""
    with printed(as_json) as answer:
        from assets.cli import console
        from assets.cli.gains import gains
        from assets.project.project import load_project

        project = load_project(recipe.split("/"))
        rows = list(gains(project, recipe_id(recipe, project.recipes)))
        if not as_json:
            console.console().print(console.gains_table(rows))
        answer(rows)


@commands.command("report")
def report_(
    dataset: Annotated[
        str,
        typer.Argument(
            help="RECIPE, RECIPE/STAGE as online_dpo/pairs, datasets/NAME, or models/NAME."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where (default: reports/RECIPE-STAGE.html of the root)."
        ),
    ] = None,
    refresh: Annotated[
        str | None, typer.Option(metavar="DATE", help="One refresh, as 2026-11-21 (default: all).")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", "-n", min=1, help="The most rows to list, a sample (default: 10,000)."
        ),
    ] = None,
) -> None:
    """Write one HTML page about a dataset or a model; it needs no network.

    Of a recipe it shows the rows to browse, the funnel, scores and lengths, agreement of
    annotators, dropped rows with reasons, the claim, and where the data comes from. Of
    datasets/NAME it shows the versions, what was dropped, and what ablations found (factory
    ablate); of models/NAME the versions, the validation, and the curves of the training. It calls
    no model.
    """
    with printed(False):
        from assets.cli import console
        from assets.project.project import load_project
        from assets.report.listed import ROWS
        from assets.report.page import write_report

        project = load_project(dataset.split("/"))
        name, _, stage = dataset.partition("/")
        if name in ("datasets", "models"):
            from assets.config.errors import FactoryError
            from assets.project.find_rows import dataset_name, model_name
            from assets.report.page import write_curated_report, write_model_report

            if refresh is not None:
                raise FactoryError(f"a report of {dataset} shows all refreshes")
            if rows is not None:
                raise FactoryError(f"a report of {dataset} lists no rows")
            if name == "datasets":
                place = write_curated_report(project, dataset_name(project, stage), out=out)
            else:
                place = write_model_report(project, model_name(project, stage), out=out)
            console.console().print(console.written_line(str(place)), soft_wrap=True)
            return
        report, place = write_report(
            project,
            recipe_id(name, project.recipes),
            stage or None,
            refresh=refresh,
            most=rows or ROWS,
            out=out,
        )
        console.console().print(console.reported_line(report, str(place)), soft_wrap=True)


@commands.command()
def review(
    dataset: Annotated[
        str,
        typer.Argument(help="RECIPE, RECIPE/STAGE as online_dpo/pairs, or datasets/NAME."),
    ],
    name: Annotated[
        str | None, typer.Option(help="Who decides (default: the name you are logged in by).")
    ] = None,
    refresh: Annotated[
        str | None, typer.Option(metavar="DATE", help="One refresh, as 2026-11-21 (default: all).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the order and the sides.")] = 0,
    port: Annotated[int, typer.Option(min=0, help="Of the page (default: any free one).")] = 0,
    agreement: Annotated[
        bool,
        typer.Option("--agreement", help="Only print how often annotators agree with people."),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="FILE", help="Only write the pairs and decisions to FILE."
        ),
    ] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Only read decisions from FILE.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="Of --export: parquet, label-studio or argilla.")
    ] = "parquet",
    reviewer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=NAME",
            help="A reviewer's id in the other tool, and the name here. Repeatable.",
        ),
    ] = None,
) -> None:
    """Read pairs side by side in a browser and choose the better answer. Ctrl-C ends it.

    Each decision is saved at once, as scores of an annotator: annotators.Reviewed reads them.
    --export and --import exchange the decisions with other tools.
    """
    with printed(False):
        from getpass import getuser

        from assets.cli import console
        from assets.project.project import load_project
        from assets.review.agreement import with_people
        from assets.review.items import recipes_of
        from assets.review.reviewing import reviewing
        from assets.review.server import serve

        project = load_project(dataset.split("/"))
        screen = console.console()
        if export or import_:
            from assets.cli.decisions import exchanged

            for line in exchanged(
                project,
                dataset,
                export=export,
                import_=import_,
                format=format,
                reviewer_options=reviewer or (),
                refresh=refresh,
                seed=seed,
            ):
                screen.print(line, soft_wrap=True)
        elif not agreement:
            with reviewing(
                project, dataset, name or getuser(), refresh=refresh, seed=seed
            ) as session:

                def ready(address: str) -> None:
                    screen.print(f"review {dataset} as {session.person} at")
                    screen.print(address, soft_wrap=True)
                    screen.print("Ctrl-C ends it; each decision is saved at once")

                serve(session, port=port, ready=ready)
                screen.print(console.reviewed_line(session.verdicts()))
        agreements = [
            one for recipe in recipes_of(project, dataset) for one in with_people(project, recipe)
        ]
        if agreements:
            screen.print(console.agreement_table(agreements))
        elif agreement:
            screen.print(f"nobody has reviewed {dataset}: factory review {dataset} begins")
