"""The pairs to review, in a random order and with random sides, so that neither shows the label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.project.dataset import DATASETS
from assets.project.find_rows import data_stage, found_dataset, found_refreshes
from assets.project.project import Project
from assets.review.decisions import SIDES, Side, Verdict
from assets.storage.tables import Tables
from schemas import Pairs, content_id
from schemas.near import near

CHOICES = ("left", "right", "tie", "reject", "skip")


@dataclass(frozen=True)
class Item:
    """A pair of ``recipe`` at ``refresh``. ``left`` is the side that is shown on the left."""

    recipe: str
    refresh: str
    row: Mapping[str, Any]
    left: Side

    @property
    def pair_id(self) -> str:
        return str(self.row["pair_id"])

    def side(self, place: str) -> Side:
        """The side that is shown at ``place``, "left" or "right"."""
        return self.left if place == "left" else SIDES[self.left == "chosen"]

    def turned(self) -> "Item":
        """The pair with the other side on the left."""
        return replace(self, left=self.side("right"))

    def choice(self, verdict: Verdict) -> str:
        """The choice that says ``verdict``."""
        if verdict in ("accept", "flip"):
            return "left" if (verdict == "accept") == (self.left == "chosen") else "right"
        return verdict

    def verdict(self, choice: str) -> Verdict:
        """What ``choice`` says about the label: a choice is one of `CHOICES`. Raises `ValueError`
        if it is not."""
        match choice:
            case "left" | "right":
                return "accept" if self.side(choice) == "chosen" else "flip"
            case "tie" | "reject" | "skip":
                return choice
        raise ValueError(f"there is no choice {choice!r}; choices are {', '.join(CHOICES)}")


def to_review(
    project: Project, dataset: str, *, refresh: str | None = None, seed: int = 0
) -> list[Item]:
    """The pairs to review.

    Args:
        dataset: RECIPE, RECIPE/STAGE or datasets/NAME.
        refresh: One refresh; by default all.
        seed: Draws the order and the sides.

    Raises:
        FactoryError: There are no pairs.
    """
    rows = _rows(project, dataset)
    if refresh is not None:
        refreshes = rows["refresh"].unique().sort().to_list()
        rows = rows.filter(pl.col("refresh") == refresh)
        if rows.is_empty():
            raise FactoryError(f"{dataset} has no pairs of {refresh}; {near(refresh, refreshes)}")
    if rows.is_empty():
        raise FactoryError(f"{dataset} has no pairs to review")
    # A pair that several refreshes have is reviewed once.
    once = rows.unique("pair_id", keep="last", maintain_order=True)
    items = [
        Item(
            row["recipe"],
            row["refresh"],
            row,
            SIDES[int(content_id(seed, "side", row["pair_id"])[0], 16) % 2],
        )
        for row in once.iter_rows(named=True)
    ]
    return sorted(items, key=lambda item: content_id(seed, "order", item.pair_id))


def recipes_of(project: Project, dataset: str) -> Sequence[str]:
    """The recipes whose pairs are in ``dataset``. Raises `FactoryError` if it does not exist."""
    name, _, stage = dataset.partition("/")
    if name == DATASETS:
        if stage not in project.datasets:
            raise FactoryError(project.datasets.missing(stage))
        return list(project.datasets[stage].parts)
    if name not in project.recipes:
        raise FactoryError(project.recipes.missing(name))
    return [name]


def _rows(project: Project, dataset: str) -> pl.DataFrame:
    """All pairs, with columns ``recipe`` and ``refresh``."""
    (recipe, *_) = recipes_of(project, dataset)
    name, _, stage = dataset.partition("/")
    if name == DATASETS:
        if project.datasets[stage].table is not Pairs:
            raise FactoryError(_only_pairs(dataset, project.datasets[stage].table.__name__))
        return found_dataset(project, stage, version=None, split=None)[1]
    stages = {each.name: each for each in project.recipes[recipe].planned(project.settings)}
    stage_name = stage or data_stage(project, recipe)[0]
    if stage_name not in stages:
        pairs = [each.name for each in stages.values() if each.gives is Pairs]
        raise FactoryError(f"{recipe} has no stage {stage_name!r}; {near(stage_name, pairs)}")
    if stages[stage_name].gives is not Pairs:
        raise FactoryError(_only_pairs(f"{recipe}/{stage_name}", stages[stage_name].gives.__name__))
    tables = Tables(project.settings.root_path)
    refreshes = found_refreshes(tables, recipe, stage_name)
    return pl.concat(
        tables.read((recipe, stage_name), each).with_columns(
            recipe=pl.lit(recipe), refresh=pl.lit(each)
        )
        for each in refreshes
    )


def _only_pairs(dataset: str, table: str) -> str:
    return f"{dataset} holds {table}; only pairs can be reviewed"
