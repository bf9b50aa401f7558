"""The card of an exported dataset: what made it, from what, under which licence, and how to load
it. Everything on it is read from the tables, nothing is assumed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from assets.look import markdown
from assets.plan import Stage
from assets.recipe import Recipe
from assets.tables import Tables

if TYPE_CHECKING:
    from huggingface_hub import DatasetCard

_TEMPLATE = """---
{{ card_data }}
---

# {{ name }}

{{ rows }} {{ what }} made without human labels by the recipe `{{ recipe.name }}` of
preference-factory.

Paper: *{{ recipe.paper.title }}*
{%- if recipe.paper.code %} (code: {{ recipe.paper.code }}){% endif %}

```python
from datasets import load_dataset

dataset = load_dataset("{{ name }}", split="train")
```

{% if what == "pairs" -%}
`prompt`, `chosen` and `rejected` are lists of messages, as TRL's `DPOTrainer` takes them. `weight`
is the confidence that `chosen` is the better one.
{%- endif %}

## Models

{{ models }}

## Stages

{{ stages }}

## Prompts

{{ sources }}
"""


@dataclass(frozen=True)
class Facts:
    """What the card tells of an export of ``rows`` ``what`` (pairs, demonstrations)."""

    recipe: Recipe
    stages: list[Stage]
    refreshes: list[str]
    tables: Tables
    what: str
    rows: int
    mark: str


def dataset_card(facts: Facts, *, prompts: pl.DataFrame) -> "DatasetCard":
    """The card; ``prompts`` are those of all exported refreshes."""
    from huggingface_hub import DatasetCard, DatasetCardData

    licences = sorted(licence.lower() for licence in prompts["licence"].unique())
    data = DatasetCardData(
        license=licences[0] if len(licences) == 1 else licences,
        annotations_creators="machine-generated",
        language_creators="machine-generated",
        pretty_name=facts.recipe.name,
        size_categories=_size(facts.rows),
        tags=[facts.mark, "trl", facts.recipe.name],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/*.parquet"}],
            }
        ],
    )
    card: DatasetCard = DatasetCard.from_template(
        data,
        template_str=_TEMPLATE,
        name=facts.recipe.name,
        recipe=facts.recipe,
        what=facts.what,
        rows=f"{facts.rows:,}",
        models=_models(facts),
        stages=_stages(facts),
        sources=_sources(prompts),
    )
    return card


def _models(facts: Facts) -> str:
    """Every model whose answers are in the data, with its revision, by stage and refresh."""
    rows = []
    for stage in facts.stages:
        for refresh in facts.refreshes:
            table = facts.tables.read((facts.recipe.name, stage.name), refresh)
            if "origin" in table.columns:
                models = table["origin"].struct.field("model").drop_nulls().unique().sort()
                rows += [(stage.name, refresh, model) for model in models]
    return (
        markdown(("stage", "refresh", "model revision"), rows) if rows else "No model was called."
    )


def _stages(facts: Facts) -> str:
    rows = []
    for stage in facts.stages:
        key = (facts.recipe.name, stage.name)
        kept = sum(facts.tables.read(key, each).height for each in facts.refreshes)
        dropped = sum(facts.tables.read_dropped(key, each).height for each in facts.refreshes)
        operator = stage.operator
        parameters = operator.model_dump(mode="json")
        rows.append((stage.name, type(operator).__name__, parameters, kept, dropped))
    return markdown(("stage", "operator", "parameters", "kept rows", "dropped rows"), rows)


def _sources(prompts: pl.DataFrame) -> str:
    counted = prompts.group_by("source", "source_revision", "licence").len().sort("source")
    return markdown(("source", "revision", "licence", "prompts"), counted.rows())


def _size(rows: int) -> str:
    for limit, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if rows < limit:
            return name
    return "1M<n<10M"
