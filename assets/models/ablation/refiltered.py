"""Curates a dataset again without one of its filters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from assets.config.errors import FactoryError
from assets.datasets.curate import curated as curated_by_rules
from assets.datasets.gather import gathered
from assets.datasets.update import rules_of
from assets.project.dataset_plan import DatasetPlan
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from assets.storage.dataset_versions import TRAIN, Versions
from filters.filter import Filter
from schemas import columns


@dataclass(frozen=True)
class _Chain:
    """The filters that end the stages of a recipe before its rows are gathered.

    Attributes:
        base: The stage before the first filter.
        filters: The stages of the filters, in running order.
    """

    base: str
    filters: tuple[Stage, ...]


def without_filters(project: Project, name: str, number: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """The train split of a dataset without each of its filters.

    The filters are those of the dataset, such as deduplication, and those of its recipes that only
    choose among rows, such as a minimum margin or a balance of lengths, if no other stage follows
    them. Splits stay as they are stored.

    Args:
        project: The project.
        name: The name of the dataset.
        number: The version.

    Yields:
        The name of the filter, and the rows.

    Raises:
        FactoryError: The stored tables do not give that version of the dataset any more.
    """
    plan = project.datasets[name]
    versions = Versions(project.settings.root_path, name)
    version = versions.version(number)
    newest = max((part.refresh for part in version.parts), default="")
    remembered, rules = versions.remembered(), rules_of(plan, project.tables)
    chains = {
        recipe: _chain(project.recipes[recipe].planned(project.settings), stage)
        for recipe, stage in plan.parts.items()
    }

    def curated(keeps: Callable[[str, str], bool], filters: list[Filter]) -> pl.DataFrame:
        def read(recipe: str, stage: str, refresh: str) -> pl.DataFrame:
            kept = [each for each in chains[recipe].filters if keeps(recipe, each.name)]
            return _filtered(project, recipe, chains[recipe].base, kept, refresh)

        parts = [
            part for part in gathered(plan, project.tables, read=read) if part.refresh <= newest
        ]
        curation = curated_by_rules(parts, replace(rules, filters=filters), remembered)
        train = curation.rows.filter(pl.col("split") == TRAIN)
        rows = pl.concat(part.rows() for part in parts)
        return rows.drop("task")[train["row"]].with_columns(split=pl.lit(TRAIN))

    every = list(plan.filters)
    stored = versions.read(version, TRAIN)
    if _ids(plan, curated(lambda *_: True, every)) != _ids(plan, stored):
        raise FactoryError(
            f"datasets/{name}, version {number}, is not what its recipes and filters give today: "
            f"run one of its recipes, then train the model on the newest version (factory train)"
        )
    for each in every:
        rest = [other for other in every if other is not each]
        yield type(each).__name__, curated(lambda *_: True, rest)
    for recipe, chain in chains.items():
        for stage in chain.filters:
            label = f"{type(stage.operator).__name__} ({recipe}/{stage.name})"
            left_out = (recipe, stage.name)
            yield label, curated(lambda *key, out=left_out: key != out, every)


def _chain(stages: list[Stage], last: str) -> _Chain:
    by_name = {stage.name: stage for stage in stages}
    filters: list[Stage] = []
    name = last
    while (stage := by_name.get(name)) is not None and isinstance(stage.operator, Filter):
        # A filter of several stages has no rows to leave it out of.
        of = getattr(stage.operator, "of", None)
        before = by_name.get(of) if isinstance(of, str) else None
        if before is None or before.gives is not stage.gives:
            break
        filters.insert(0, stage)
        name = before.name
    return _Chain(name, tuple(filters))


def _filtered(
    project: Project, recipe: str, base: str, filters: list[Stage], refresh: str
) -> pl.DataFrame:
    """The stored rows of a stage after ``filters``."""
    rows = project.tables.read((recipe, base), refresh)
    for stage in filters:
        tables = {}
        for read in stage.operator.inputs():
            tables[read.stage] = (
                rows if read.field == "of" else project.tables.read((recipe, read.stage), refresh)
            )
        assert isinstance(stage.operator, Filter)
        rows = stage.operator.run(tables).kept
    return rows


def _ids(plan: DatasetPlan, rows: pl.DataFrame) -> set[str]:
    (unit,) = plan.table.primary_key()
    return set(rows.select(columns(plan.table).names())[unit])
