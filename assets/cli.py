"""The command line: ``factory run online_dpo``.

Everything heavy is imported inside the commands, so that ``factory --help`` answers at once.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Make preference and step-level data without human labels, and train on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
journal = typer.Typer(help="What every model answered, so that nothing is asked twice.")
app.add_typer(journal, name="journal")
datasets = typer.Typer(help="Curated datasets and their versions.")
app.add_typer(datasets, name="datasets")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Refresh = Annotated[
    str | None, typer.Option(metavar="DATE", help="Which refresh, as 2026-11-21 (UTC).")
]

Version = Annotated[
    int | None,
    typer.Option("--version", min=1, help="Of a curated dataset (default: the newest)."),
]


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe's name; see factory recipes.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts a refresh (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=1, help="Consecutive refreshes ending at DATE, each from the last one's policy."
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Run a recipe: draw prompts, write, score, choose, train, validate.

    Given again, the same command goes on where it stopped and pays for nothing twice.
    """
    with _said(as_json) as answer:
        from assets import report, runs
        from assets.definitions import floor

        days = runs.rounds(refresh, rounds)
        everything = floor()
        name = _recipe(recipe, everything.recipes)
        definitions = everything.definitions()
        screen = report.console(stderr=as_json)
        outcomes = []
        for day in days:
            outcome = runs.run_refresh(everything, definitions, name, refresh=day, rows=rows)
            outcomes.append(outcome)
            screen.print(report.stages_table(f"{name}, refresh {day}", outcome.stages))
            for line in report.outcome_lines(outcome, everything.settings):
                screen.print(line)
        result = outcomes[-1].as_json()
        if rounds > 1:
            result["rounds"] = [outcome.as_json() for outcome in outcomes]
        answer(result)


@app.command()
def recipes(
    docs: Annotated[
        Path | None, typer.Option(help="Also write them into this folder, as a page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, with what each claims."""
    with _said(as_json) as answer:
        from assets import report
        from assets.definitions import floor
        from assets.gallery import write_gallery

        everything = floor()
        if docs is not None:
            write_gallery(docs, everything.recipes.values(), everything.settings)
        found = [
            {
                "id": recipe.name,
                "family": recipe.family,
                "paper": recipe.paper.model_dump(),
                "claim": recipe.claim,
                "stages": [stage.name for stage in recipe.planned(everything.settings)],
            }
            for recipe in sorted(everything.recipes.values(), key=lambda r: (r.family, r.name))
        ]
        if not as_json:
            report.console().print(report.recipes_table(found))
        answer(found)


@app.command()
def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Recipes (default: all that measure their claim).")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Prompts a refresh (default: the recipe's).")
    ] = None,
    refresh: Refresh = None,
    docs: Annotated[
        Path | None, typer.Option(help="Also keep the results in this folder, as a table.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what recipes claim against their controls, on the same prompts and model answers.

    Runs both from the beginning in a folder of their own, with the answers of the same journal.
    """
    with _said(as_json) as answer:
        from assets import report, runs
        from assets.claims.table import measure_claims, write_claims
        from assets.definitions import floor

        everything = floor()
        measured = [name for name, each in everything.recipes.items() if each.measure is not None]
        names = [_recipe(name, everything.recipes) for name in ids or sorted(measured)]
        (day,) = runs.rounds(refresh, 1)
        found = measure_claims(everything.settings, names, rows=rows, refresh=day)
        if docs is not None:
            write_claims(docs, found, everything)
        if not as_json:
            report.console().print(report.claims_table(found))
        answer(found)


@app.command()
def show(
    dataset: Annotated[
        str,
        typer.Argument(help="RECIPE, RECIPE/STAGE as online_dpo/pairs, or datasets/NAME."),
    ],
    refresh: Refresh = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")] = 5,
    version: Version = None,
    split: Annotated[str, typer.Option(help="Of a curated dataset: train or held_out.")] = "train",
) -> None:
    """Show rows of a stage in the terminal; pairs side by side, search trees as trees."""
    with _said(False):
        from assets import report
        from assets.datasets import drawn_prompts, found_dataset, found_table
        from assets.definitions import floor
        from assets.shown import rows_shown

        everything = floor()
        name, _, stage = dataset.partition("/")
        if name == "datasets":
            from assets.curated.curate import TOLD

            found, of_split = found_dataset(everything, stage, version=version, split=split)
            report.console().print(report.version_line(stage, found), soft_wrap=True)
            told = of_split.drop(TOLD, "split", strict=False)
            for shown in rows_shown(told, rows, told):
                report.console().print(shown)
            return
        if name != "prompts":
            name = _recipe(name, everything.recipes)
        key, day, frame = found_table(everything, name, stage or None, refresh=refresh)
        screen = report.console()
        screen.print(
            f"{'/'.join(key)}, {'all refreshes' if day is None else f'refresh {day}'}: "
            f"{frame.height:,} rows\n",
            markup=False,
        )
        for shown in rows_shown(frame, rows, drawn_prompts(everything, key[0], day)):
            screen.print(shown)


@app.command("report")
def report_(
    dataset: Annotated[str, typer.Argument(help="RECIPE or RECIPE/STAGE, as online_dpo/pairs.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where (default: reports/RECIPE-STAGE.html of the root)."
        ),
    ] = None,
    refresh: Annotated[
        str | None, typer.Option(metavar="DATE", help="One refresh, as 2026-11-21 (default: all).")
    ] = None,
) -> None:
    """Write one HTML page about a dataset, with its rows to browse; it needs no network.

    The funnel, scores and lengths, how far annotators agree, what was dropped and why, the claim,
    where everything comes from. Calls no model.
    """
    with _said(False):
        from assets import report
        from assets.definitions import floor
        from assets.page import write_report

        everything = floor()
        name, _, stage = dataset.partition("/")
        if name == "datasets":
            from assets.datasets import only_of_recipes

            only_of_recipes(everything, stage)
        written, place = write_report(
            everything, _recipe(name, everything.recipes), stage or None, refresh=refresh, out=out
        )
        report.console().print(report.reported_line(written, str(place)), soft_wrap=True)


@app.command()
def export(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or datasets/NAME.")],
    place: Annotated[
        str,
        typer.Argument(
            metavar="DIR|s3://…|hf://datasets/NAME/REPO",
            help="A folder, replaced if it is an export, or a dataset of the Hub.",
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="preference, unpaired, stepwise or prompt-completion (default: what it makes).",
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody read it; a dataset is private else.")
    ] = False,
    version: Version = None,
) -> None:
    """Write a recipe's data as Parquet that datasets and TRL read, with a dataset card.

    On the Hub it is one commit, and none where nothing has changed.
    """
    with _said(False):
        from assets import report
        from assets.definitions import floor
        from assets.export import in_folder, on_hub
        from assets.hub import repository
        from assets.settings import located

        repo = repository(place)
        everything = floor()
        family, _, name = recipe.partition("/")
        if family == "datasets":
            from assets.curated.export import dataset_writer

            write = dataset_writer(everything, name, format=format, version=version)
            name = recipe
        else:
            from assets.export import recipe_writer

            name = _recipe(recipe, everything.recipes)
            write = recipe_writer(everything, name, format=format)
        if repo is None:
            exported = in_folder(write, located(place))
            lines = report.exported_lines(name, exported, place)
        else:
            exported, published = on_hub(write, repo, public=public, of=name)
            lines = report.published_lines(name, exported, published, repo, public=public)
        for line in lines:
            report.console().print(line, soft_wrap=True)


@app.command()
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
        typer.Option("--agreement", help="Only print how often annotators side with people."),
    ] = False,
) -> None:
    """Read pairs side by side in a browser, and say which answer is better, until Ctrl-C.

    Decisions are kept at once, as the scores of one more annotator: annotators.Reviewed reads them.
    """
    with _said(False):
        from getpass import getuser

        from assets import report
        from assets.definitions import floor
        from assets.review.agreement import with_people
        from assets.review.items import recipes_of
        from assets.review.reviewing import reviewing
        from assets.review.server import serve

        everything = floor()
        screen = report.console()
        if not agreement:
            with reviewing(
                everything, dataset, name or getuser(), refresh=refresh, seed=seed
            ) as session:

                def ready(address: str) -> None:
                    screen.print(f"review {dataset} as {session.person} at", markup=False)
                    screen.print(address, markup=False, soft_wrap=True)
                    screen.print("Ctrl-C ends it; every decision is kept when it is made")

                serve(session, port=port, ready=ready)
                screen.print(report.reviewed_line(session.verdicts()))
        found = [
            one
            for recipe in recipes_of(everything, dataset)
            for one in with_people(everything, recipe)
        ]
        if found or agreement:
            screen.print(report.agreement_table(found))


@app.command("import")
def import_(
    format: Annotated[
        str,
        typer.Argument(help="ultrafeedback, helpsteer2, prm800k, math-shepherd or processbench."),
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
) -> None:
    """Make tables of a published dataset, for recipes to read."""
    with _said(False):
        from assets import report
        from assets.importing import import_dataset
        from assets.settings import load_settings

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
        )
        for line in report.imported_lines(imported, settings):
            report.console().print(line, soft_wrap=True)


@app.command()
def disk() -> None:
    """Show how much room everything takes: journal, tables, models, exports, Dagster's own."""
    with _said(False):
        from assets import report
        from assets.disk import disk_use
        from assets.settings import load_settings

        report.console().print(report.disk_table(disk_use(load_settings())))


@app.command("prune")
def prune_(
    keep_refreshes: Annotated[
        int, typer.Option(min=1, help="Keep the checkpoints of so many refreshes of each recipe.")
    ] = 7,
    keep_days: Annotated[
        int, typer.Option(min=0, help="Keep what runs printed for so many days.")
    ] = 30,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; nothing is removed else.")
    ] = False,
) -> None:
    """Show what nobody needs any more: old checkpoints, what old runs printed; --yes removes it.

    What a refresh starts from stays, and so does every table.
    """
    with _said(False):
        import dagster as dg

        from assets import pruning, report
        from assets.definitions import floor
        from assets.home import home

        everything = floor()
        home()
        with dg.DagsterInstance.get() as instance:
            found = pruning.prunable(
                everything, instance, keep_refreshes=keep_refreshes, keep_days=keep_days
            )
            if yes:
                pruning.prune(instance, found)
        for line in report.pruned_lines(found, removed=yes):
            report.console().print(line, soft_wrap=True)


@journal.callback(invoke_without_command=True)
def journal_shown(context: typer.Context) -> None:
    """Show the journal's size, its hit rate and what it holds."""
    if context.invoked_subcommand is not None:
        return
    with _said(False):
        from assets import report
        from assets.settings import load_settings
        from engines.journal import statistics

        path = load_settings().journal_path
        found = statistics(path)
        asked = found.hits + found.misses
        rate = f", hit rate {found.hits / asked:.1%} of {asked:,} asked" if asked else ""
        screen = report.console()
        screen.print(
            f"{path}: {found.answers:,} answers, {found.bytes / 1e6:,.1f} MB{rate}, "
            f"identity version {found.identity}",
            markup=False,
        )
        screen.print(report.journal_table(found.usage))


@journal.command()
def prune() -> None:
    """Remove the answers of models that are neither bound to a role nor kept as a checkpoint."""
    with _said(False):
        from assets import report
        from assets.definitions import floor
        from assets.pruning import prune_journal

        removed, kept = prune_journal(floor())
        report.console().print(f"{removed:,} answers removed, {kept:,} kept", markup=False)


@datasets.callback(invoke_without_command=True)
def datasets_shown(context: typer.Context) -> None:
    """Show the curated datasets that have rows, with the versions that are kept."""
    if context.invoked_subcommand is not None:
        return
    with _said(False):
        from assets import report
        from assets.curated.versions import Versions, dataset_names
        from assets.settings import load_settings

        root = load_settings().root_path
        found = {name: Versions(root, name) for name in dataset_names(root)}
        told = {name: (of.version(), of.numbers()) for name, of in found.items()}
        report.console().print(report.versions_table(told))


@datasets.command("prune")
def prune_datasets(
    keep: Annotated[int, typer.Option(min=1, help="Of each dataset, the newest so many.")] = 3,
) -> None:
    """Remove old versions of curated datasets, and the files that only they have."""
    with _said(False):
        from assets import report
        from assets.curated.versions import Versions, dataset_names
        from assets.settings import load_settings

        root = load_settings().root_path
        pruned = [Versions(root, name).prune(keep) for name in dataset_names(root)]
        report.console().print(
            f"{sum(len(gone) for gone, _ in pruned):,} versions removed, "
            f"{sum(freed for _, freed in pruned) / 1e6:,.1f} MB freed",
            markup=False,
        )


def _recipe(name: str, known: Any) -> str:
    """The id of the recipe that ``name`` (id or family/id) means. Raises `FactoryError`."""
    from assets.errors import FactoryError, near

    family, _, plain = name.rpartition("/")
    if plain in known and family in ("", known[plain].family):
        return plain
    raise FactoryError(f"there is no recipe {name!r}; {near(plain, known)}")


@contextmanager
def _said(as_json: bool) -> Iterator[Any]:
    """Gives a function that takes the command's result, and prints it if it is wanted as JSON.

    Whatever else is written to standard output meanwhile, by any library or child process, goes to
    standard error then. An error becomes one message and exit code 1; Ctrl-C is 130.
    """
    _quieten()
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
        typer.secho(str(stop) or "stopped", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        typer.secho(f"error: {_message(error)}", fg="red", err=True)
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
    """What a user is told of ``error``: its own words where they were written for users."""
    from assets.errors import causes, explained
    from engines.protocol import EngineError

    known = explained(error, EngineError)
    if known is not None:
        return str(known)
    *_, cause = causes(error)
    return f"{type(cause).__name__}: {cause} (FACTORY_DEBUG=1 shows where)"


def _quieten() -> None:
    """Log to standard error, warnings and up; no library's progress bars among the results."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":
    app()
