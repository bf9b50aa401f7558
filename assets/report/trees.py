"""A few of the search trees that a dataset was made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from assets.charts import chosen_prompts, prompt_texts, tree_picture
from assets.report.report_data import ReportData
from assets.storage.tables import having
from schemas import Nodes


@dataclass(frozen=True)
class Grown:
    """The trees of a stage at its newest refresh: their number, and pictures of a few."""

    stage: str
    refresh: str
    count: int
    pictures: Sequence[Markup]


def trees(data: ReportData) -> list[Grown]:
    """The trees of each search stage, in running order. Stages without trees are left out."""
    stages = []
    for stage in data.stages:
        ran = data.ran(stage.name)
        if stage.gives is not Nodes or not ran:
            continue
        key = (data.recipe.name, stage.name)
        ends = data.tables.query(
            key, ran[-1], lambda rows: rows.select("prompt_id", "terminal_correct")
        )
        ids = chosen_prompts(ends)
        if ids.is_empty():
            continue
        nodes = data.tables.select(key, ran[-1], having(ids))
        texts = prompt_texts([data.prompts(ids)], ids)
        pictures = [
            tree_picture(
                nodes.filter(pl.col("prompt_id") == prompt_id), texts.get(prompt_id, prompt_id)
            ).inside()
            for prompt_id in ids
        ]
        stages.append(Grown(stage.name, ran[-1], ends["prompt_id"].n_unique(), pictures))
    return stages
