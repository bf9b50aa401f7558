"""``factory disk``, ``prune``, ``journal`` and ``datasets``: show and remove stored data."""

from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.errors import printed

if TYPE_CHECKING:
    from upath import UPath

commands = typer.Typer()
journal = typer.Typer(help="The stored answers of all models, so that nothing is asked twice.")
commands.add_typer(journal, name="journal")
datasets = typer.Typer(help="Curated datasets and their versions.")
commands.add_typer(datasets, name="datasets")


def _warn_if_missing(root: "UPath") -> None:
    """Print a message if the root does not exist: nothing was made yet, or it is elsewhere."""
    if not root.exists():
        typer.echo(f"there is nothing at {root} yet (field 'root', or FACTORY_ROOT)", err=True)


@commands.command()
def disk() -> None:
    """Show how much space everything uses: journal, tables, models, exports, Dagster's files."""
    with printed(False):
        from assets.cli import console
        from assets.config.settings import load_settings
        from assets.maintenance.usage import disk_use

        settings = load_settings()
        _warn_if_missing(settings.root_path)
        console.console().print(console.disk_table(disk_use(settings)))


@commands.command("prune")
def prune_(
    keep_refreshes: Annotated[
        int, typer.Option(min=1, help="Keep each recipe's checkpoints of this many refreshes.")
    ] = 7,
    keep_versions: Annotated[
        int, typer.Option(min=1, help="Keep each model's checkpoints of this many versions.")
    ] = 3,
    keep_days: Annotated[
        int, typer.Option(min=0, help="Keep the logs of runs for this many days.")
    ] = 30,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them (default: only show them).")
    ] = False,
) -> None:
    """Show old checkpoints and old logs that are no longer needed; --yes removes them.

    Checkpoints that a refresh or a role starts from stay, and so do all tables.
    """
    with printed(False):
        from assets.cli import console
        from assets.execution.instance import shown_instance
        from assets.maintenance import retention as pruning
        from assets.project.project import load_project

        project = load_project()
        with shown_instance() as instance:
            folders = pruning.prunable(
                project,
                instance,
                keep_refreshes=keep_refreshes,
                keep_days=keep_days,
                keep_versions=keep_versions,
            )
            if yes:
                pruning.prune(instance, folders)
        for line in console.pruned_lines(folders, removed=yes):
            console.console().print(line, soft_wrap=True)


@journal.callback(invoke_without_command=True)
def journal_shown(context: typer.Context) -> None:
    """Show the journal's size, its hit rate and what it holds."""
    if context.invoked_subcommand is not None:
        return
    with printed(False):
        from assets.cli import console
        from assets.config.settings import load_settings
        from engines.journal.statistics import statistics

        path = load_settings().journal_path
        journal = statistics(path)
        questions = journal.hits + journal.misses
        rate = (
            f", hit rate {journal.hits / questions:.1%} of {questions:,} asked" if questions else ""
        )
        screen = console.console()
        screen.print(
            f"{path}: {journal.answers:,} answers, {journal.bytes / 1e6:,.1f} MB{rate}, "
            f"identity version {journal.identity}",
        )
        screen.print(console.journal_table(journal.usage))


@journal.command()
def prune() -> None:
    """Remove the answers of models that are neither bound to a role nor kept as a checkpoint."""
    with printed(False):
        from assets.cli import console
        from assets.maintenance.journal_retention import prune_journal
        from assets.maintenance.usage import size
        from assets.project.project import load_project

        project = load_project()
        removed, kept = prune_journal(project)
        console.console().print(
            f"{removed:,} answers removed, {kept:,} kept in "
            f"{size(project.settings.journal_path) / 1e6:,.1f} MB"
        )


@datasets.callback(invoke_without_command=True)
def datasets_shown(context: typer.Context) -> None:
    """Show the curated datasets that have rows, with the versions that are kept."""
    if context.invoked_subcommand is not None:
        return
    with printed(False):
        from assets.cli import console
        from assets.config.settings import load_settings
        from assets.storage.dataset_versions import Versions, dataset_names

        root = load_settings().root_path
        _warn_if_missing(root)
        versions = {name: Versions(root, name) for name in dataset_names(root)}
        kept = {name: (each.version(), each.numbers()) for name, each in versions.items()}
        console.console().print(console.versions_table(kept))


@datasets.command("prune")
def prune_datasets(
    keep: Annotated[int, typer.Option(min=1, help="Keep this many versions of each.")] = 3,
) -> None:
    """Remove old versions of curated datasets, and the files that no other version uses."""
    with printed(False):
        from assets.cli import console
        from assets.config.settings import load_settings
        from assets.storage.dataset_versions import Versions, dataset_names

        root = load_settings().root_path
        pruned = [Versions(root, name).prune(keep) for name in dataset_names(root)]
        console.console().print(
            f"{sum(len(removed) for removed, _ in pruned):,} versions removed, "
            f"{sum(freed for _, freed in pruned) / 1e6:,.1f} MB freed",
        )
