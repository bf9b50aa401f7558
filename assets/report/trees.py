"""A few of the search trees that a dataset was made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from assets.charts import asked, chosen_trees, tree_picture
from assets.report.report_data import ReportData
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
        nodes = data.at(stage.name, ran[-1])
        chosen = chosen_trees(nodes)
        if not chosen:
            continue
        ids = [tree["prompt_id"][0] for tree in chosen]
        texts = asked([data.prompts()], ids)
        pictures = [
            tree_picture(tree, texts.get(prompt_id, prompt_id)).inside()
            for prompt_id, tree in zip(ids, chosen, strict=True)
        ]
        stages.append(Grown(stage.name, ran[-1], nodes["prompt_id"].n_unique(), pictures))
    return stages
