"""What ``factory review --export`` and ``--import`` do, and the lines that they print."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text
from upath import UPath

from assets.config.errors import FactoryError
from assets.project.project import Project
from assets.review.files.exporting import export_decisions
from assets.review.files.importing import import_decisions
from assets.review.items import to_review


def exchanged(
    project: Project,
    dataset: str,
    *,
    export: Path | None,
    import_: Path | None,
    format: str,
    reviewer_options: Sequence[str],
    refresh: str | None,
    seed: int,
) -> Iterator[Text]:
    """Read the decisions of ``import_``, then write those of ``export``.

    Args:
        reviewer_options: ``--reviewer``, each ID=NAME.

    Raises:
        FactoryError: A file cannot be read, or an option is wrong.
    """
    names = dict(map(_named, reviewer_options))
    if len(set(names.values())) < len(names):
        raise FactoryError("--reviewer gives one name to two ids: several reviewers are kept apart")
    items = to_review(project, dataset, refresh=refresh, seed=seed)
    if import_:
        read = import_decisions(project, items, UPath(import_), dataset=dataset, names=names)
        yield Text(f"{import_}: decisions of {', '.join(read.people) or 'nobody'}")
        counts = {
            "new": read.added,
            "in place of an earlier one": read.changed,
            "here already": read.unchanged,
            "older than the one here, which stays": read.older,
        }
        summary = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        yield Text(f"{summary}; {read.undecided:,} rows without a decision")
    if export:
        pairs, decisions = export_decisions(
            project, items, UPath(export), format=format, names=names
        )
        yield Text(f"{export}: {pairs:,} pairs with {decisions:,} decisions, as {format}")


def _named(option: str) -> tuple[str, str]:
    identity, _, name = option.rpartition("=")
    if not identity or not name:
        raise FactoryError(f"--reviewer {option}: write ID=NAME, as --reviewer ann@example.org=ann")
    return identity, name
