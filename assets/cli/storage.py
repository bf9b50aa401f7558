"""``factory disk``, ``prune``, ``journal`` and ``datasets``: what is kept, and what need not be."""

from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.errors import said

if TYPE_CHECKING:
    from upath import UPath

commands = typer.Typer()
journal = typer.Typer(help="What every model answered, so that nothing is asked twice.")
commands.add_typer(journal, name="journal")
datasets = typer.Typer(help="Curated datasets and their versions.")
commands.add_typer(datasets, name="datasets")


def _tell_of_nothing(root: "UPath") -> None:
    """Says so where the root is not there: nothing was made yet, or it lies elsewhere."""
    if not root.exists():
        typer.echo(f"there is nothing at {root} yet (field 'root', or FACTORY_ROOT)", err=True)


@commands.command()
def disk() -> None:
    """Show how much room everything takes: journal, tables, models, exports, Dagster's own."""
    with said(False):
        from assets.cli import console as report
        from assets.config.settings import load_settings
        from assets.maintenance.usage import disk_use

        settings = load_settings()
        _tell_of_nothing(settings.root_path)
        report.console().print(report.disk_table(disk_use(settings)))


@commands.command("prune")
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
    with said(False):
        from assets.cli import console as report
        from assets.execution.instance import shown_instance
        from assets.maintenance import retention as pruning
        from assets.project.project import load_project

        project = load_project()
        with shown_instance() as instance:
            found = pruning.prunable(
                project, instance, keep_refreshes=keep_refreshes, keep_days=keep_days
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
    with said(False):
        from assets.cli import console as report
        from assets.config.settings import load_settings
        from engines.journal.store import statistics

        path = load_settings().journal_path
        found = statistics(path)
        asked = found.hits + found.misses
        rate = f", hit rate {found.hits / asked:.1%} of {asked:,} asked" if asked else ""
        screen = report.console()
        screen.print(
            f"{path}: {found.answers:,} answers, {found.bytes / 1e6:,.1f} MB{rate}, "
            f"identity version {found.identity}",
        )
        screen.print(report.journal_table(found.usage))


@journal.command()
def prune() -> None:
    """Remove the answers of models that are neither bound to a role nor kept as a checkpoint."""
    with said(False):
        from assets.cli import console as report
        from assets.maintenance.retention import prune_journal
        from assets.project.project import load_project

        removed, kept = prune_journal(load_project())
        report.console().print(f"{removed:,} answers removed, {kept:,} kept")


@datasets.callback(invoke_without_command=True)
def datasets_shown(context: typer.Context) -> None:
    """Show the curated datasets that have rows, with the versions that are kept."""
    if context.invoked_subcommand is not None:
        return
    with said(False):
        from assets.cli import console as report
        from assets.config.settings import load_settings
        from assets.storage.dataset_versions import Versions, dataset_names

        root = load_settings().root_path
        _tell_of_nothing(root)
        found = {name: Versions(root, name) for name in dataset_names(root)}
        told = {name: (of.version(), of.numbers()) for name, of in found.items()}
        report.console().print(report.versions_table(told))


@datasets.command("prune")
def prune_datasets(
    keep: Annotated[int, typer.Option(min=1, help="Of each dataset, the newest so many.")] = 3,
) -> None:
    """Remove old versions of curated datasets, and the files that only they have."""
    with said(False):
        from assets.cli import console as report
        from assets.config.settings import load_settings
        from assets.storage.dataset_versions import Versions, dataset_names

        root = load_settings().root_path
        pruned = [Versions(root, name).prune(keep) for name in dataset_names(root)]
        report.console().print(
            f"{sum(len(gone) for gone, _ in pruned):,} versions removed, "
            f"{sum(freed for _, freed in pruned) / 1e6:,.1f} MB freed",
        )
