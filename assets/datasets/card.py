"""The card of a curated dataset: sources, recipes, models, filters, splits, licences, how to load.

All of it comes from the tables and the configuration. Text from a model or from a source is
escaped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assets.execution.row_counts import most_first
from assets.export.card import (
    MARK,
    answers_table,
    makers,
    models_table,
    size_category,
    sources_table,
)
from assets.formats import Format
from assets.project.dataset_plan import DatasetPlan
from assets.project.project import Project
from assets.project.recipe_plan import Stage
from assets.provenance.licences import card_fields, consequences, identifiers
from assets.provenance.models import Answered, UsedModel, answered, used_models
from assets.provenance.reproduction import commands, versions
from assets.provenance.writers import imported_writers
from assets.rendering.markdown import escaped, markdown, sampled
from assets.storage.dataset_versions import SPLITS, Version
from assets.storage.tables import Tables

if TYPE_CHECKING:
    from huggingface_hub import DatasetCard

TEMPLATE = Path(__file__).parent / "templates" / "curated.md"


@dataclass(frozen=True)
class DatasetCardData:
    """The data of a card.

    Attributes:
        project: The project.
        plan: The plan of the dataset.
        version: The exported version.
        format_name: The name of the format.
        format: The format.
        rows: The number of exported ``rows`` by ``split`` and ``recipe``.
        shown: Some of the rows.
        origins: ``prompt_id``, ``source``, ``source_revision`` and ``licence`` of the prompts.
        left_out: How many rows the format cannot hold, by reason.
        place: Where the dataset is written: a folder, or the id of a repository.
    """

    project: Project
    plan: DatasetPlan
    version: Version
    format_name: str
    format: Format
    rows: pl.DataFrame
    shown: pl.DataFrame
    origins: pl.DataFrame
    left_out: Mapping[str, int]
    place: str


def curated_card(facts: DatasetCardData) -> "DatasetCard":
    """Make the card, with the metadata that the Hub and `datasets` read."""
    from huggingface_hub import DatasetCard, DatasetCardData

    plan, version = facts.plan, facts.version
    tables = Tables(facts.project.settings.root_path)
    stages = [stage for recipe in plan.parts for stage in _stages(facts, recipe)]
    prompts = facts.origins.unique("prompt_id", maintain_order=True).with_columns(
        pl.col("source", "licence").fill_null("unknown"), pl.col("source_revision").fill_null("")
    )
    counted = facts.rows.group_by("split", maintain_order=True).agg(pl.col("rows").sum())
    by_split = dict(counted.filter(pl.col("rows") > 0).iter_rows())
    stated = prompts.select("source", "licence").unique(maintain_order=True).rows()
    models = list(_models(facts))
    writers = [(model.name, model.licence) for model in models]
    data = DatasetCardData(
        **card_fields(stated, writers, several=True),
        annotations_creators=makers(stages),
        language_creators=makers(stages),
        pretty_name=plan.name,
        size_categories=size_category(sum(by_split.values())),
        tags=[MARK, "trl", *plan.parts],
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"data/{split}-*.parquet"} for split in by_split
                ],
            }
        ],
    )
    licence_terms = consequences(
        [(escaped(source), escaped(licence)) for source, licence in stated],
        [
            (escaped(model.name), None if model.licence is None else escaped(model.licence))
            for model in models
        ],
    )
    card: DatasetCard = DatasetCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=plan.name,
        place=facts.place,
        version=version.number,
        made=version.made,
        digest=version.digest,
        what=facts.format.what,
        splits=[(split, f"{count:,}") for split, count in by_split.items()],
        format=facts.format_name,
        columns=facts.format.columns,
        trainers=facts.format.trainers,
        left_out=", ".join(
            f"{n:,} dropped ({escaped(reason)})" for reason, n in facts.left_out.items()
        ),
        held_out=f"{plan.held_out:.0%}",
        licences=licence_terms,
        licence_ids=identifiers(stated, writers),
        examples=sampled(facts.shown),
        recipes=_recipes(facts),
        dropped=_dropped(facts),
        filters=_filters(facts),
        models=models_table(models),
        answers=answers_table(list(_answers(facts, tables))),
        sources=sources_table(prompts),
        commands="\n".join(
            commands(tables, recipe, _stages(facts, recipe), _refreshes(facts, tables, recipe))
            for recipe in plan.parts
        ),
        versions=versions(),
    )
    return card


def _stages(facts: DatasetCardData, recipe: str) -> list[Stage]:
    return facts.project.recipes[recipe].planned(facts.project.settings)


def _refreshes(facts: DatasetCardData, tables: Tables, recipe: str) -> list[str]:
    """The refreshes of the version that have prompts of the recipe."""
    in_version = {part.refresh for part in facts.version.parts}
    return [each for each in tables.refreshes((recipe, "prompts")) if each in in_version]


def _dropped(facts: DatasetCardData) -> str:
    reasons = most_first(facts.version.about["dropped"])
    if not reasons:
        return "Nothing."
    return markdown(("rows", "why"), [(f"{rows:,}", why) for why, rows in reasons.items()])


def _filters(facts: DatasetCardData) -> str:
    if not facts.plan.filters:
        return "Nothing."
    rows = [
        (type(each).__name__, each.inputs()[0].stage, each.model_dump(mode="json"))
        for each in facts.plan.filters
    ]
    return markdown(("filter", "of", "parameters"), rows)


def _recipes(facts: DatasetCardData) -> str:
    """A Markdown table of the recipes: stage, paper, weight, rows in each split."""
    rows = []
    for recipe, stage in facts.plan.parts.items():
        counts = [_count(facts.rows, split, recipe) for split in SPLITS]
        weight = "" if facts.plan.weights is None else facts.plan.weights[recipe]
        paper = facts.project.recipes[recipe].paper
        title = "" if paper is None else paper.title
        rows.append((f"{recipe}/{stage}", title, weight, *counts))
    return markdown(("recipe", "paper", "weight", *SPLITS), rows)


def _count(rows: pl.DataFrame, split: str, recipe: str) -> str:
    """The rows of a recipe in a split; nothing if rows do not name their recipes."""
    mine = rows.filter(pl.col("split") == split)
    if mine["recipe"].is_null().any() or mine.is_empty():
        return ""
    return f"{mine.filter(pl.col('recipe') == recipe)['rows'].sum():,}"


def _models(facts: DatasetCardData) -> Iterator[UsedModel]:
    for recipe in facts.plan.parts:
        for model in used_models(_stages(facts, recipe), facts.project.settings.bindings()):
            yield replace(model, stages=tuple(f"{recipe}/{stage}" for stage in model.stages))
        tables = Tables(facts.project.settings.root_path)
        for writer in imported_writers(
            tables,
            recipe,
            _stages(facts, recipe),
            _refreshes(facts, tables, recipe),
            facts.project.settings.imports_path,
        ):
            yield replace(writer, stages=tuple(f"{recipe}/{stage}" for stage in writer.stages))


def _answers(facts: DatasetCardData, tables: Tables) -> Iterator[Answered]:
    for recipe in facts.plan.parts:
        refreshes = _refreshes(facts, tables, recipe)
        complete = [
            stage
            for stage in _stages(facts, recipe)
            if set(refreshes) <= set(tables.refreshes((recipe, stage.name)))
        ]
        for one in answered(tables, recipe, complete, refreshes):
            yield replace(one, stage=f"{recipe}/{one.stage}")
