"""The card of an exported dataset.

It shows how the data was made, its sources and licences, how to load it and how to make it again.
Everything is read from the tables, the configuration and Dagster's records. Text from models and
datasets is escaped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assets.execution.claim_check import CHECK
from assets.execution.row_counts import count_reasons
from assets.formats import Format
from assets.project.measure import without_verdict
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage
from assets.provenance.check_results import Checked
from assets.provenance.kept_claims import kept_claims
from assets.provenance.licences import card_fields, consequences, identifiers
from assets.provenance.models import Answered, UsedModel
from assets.provenance.reproduction import changed_parameters, commands, versions
from assets.rendering.markdown import cited, escaped, markdown, sampled, spread
from assets.storage.tables import Tables, dropped_path, query_table

if TYPE_CHECKING:
    from huggingface_hub import DatasetCard

MARK = "preference-factory"
"""A tag on the card. It marks a folder or a repository as an export of the factory."""

TEMPLATE = Path(__file__).parent / "templates" / "card.md"


@dataclass(frozen=True)
class CardData:
    """The contents of the card.

    ``rows`` is the number of rows, and ``candidates`` that of candidates; ``shown`` are some rows.
    ``left_out`` counts, by reason, the rows that the format cannot hold. ``prompts`` are the
    ``source``, ``source_revision`` and ``licence`` of the prompts of all ``refreshes``. ``place``
    is the argument of `datasets.load_dataset`.
    """

    recipe: RecipeSpec
    stages: Sequence[Stage]
    refreshes: Sequence[str]
    tables: Tables
    format_name: str
    format: Format
    rows: int
    shown: pl.DataFrame
    candidates: int
    left_out: Mapping[str, int]
    prompts: pl.DataFrame
    models: Sequence[UsedModel]
    answers: Sequence[Answered]
    checks: Sequence[Checked]
    place: str


def dataset_card(facts: CardData) -> "DatasetCard":
    """Build the card, with the metadata that the Hub and `datasets` read."""
    from huggingface_hub import DatasetCard, DatasetCardData

    stated = facts.prompts.select("source", "licence").unique(maintain_order=True).rows()
    writers = [(model.name, model.licence) for model in facts.models]
    data = DatasetCardData(
        **card_fields(stated, writers, several=True),
        annotations_creators=makers(facts.stages),
        language_creators=makers(facts.stages),
        pretty_name=facts.recipe.name,
        size_categories=size_category(facts.rows),
        tags=[MARK, "trl", facts.recipe.name],
        configs=_configs(candidates=facts.candidates > 0),
    )
    follows = consequences(
        [(escaped(source), escaped(licence)) for source, licence in stated],
        [
            (escaped(model.name), None if model.licence is None else escaped(model.licence))
            for model in facts.models
        ],
    )
    left_out = [
        f"{count:,} dropped ({escaped(reason)})" for reason, count in facts.left_out.items()
    ]
    card: DatasetCard = DatasetCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=facts.recipe.name,
        place=facts.place,
        what=facts.format.what,
        rows=f"{facts.rows:,}",
        candidates=f"{facts.candidates:,}" if facts.candidates else "",
        format=facts.format_name,
        columns=facts.format.columns,
        trainers=facts.format.trainers,
        left_out=", ".join(left_out),
        paper=_paper(facts.recipe),
        licences=follows,
        licence_ids=identifiers(stated, writers),
        examples=sampled(facts.shown),
        stages=_stages(facts),
        refreshes=facts.refreshes,
        checks=_checks(facts.checks),
        claim=_claim(facts),
        models=models_table(facts.models),
        answers=answers_table(facts.answers),
        sources=sources_table(facts.prompts),
        commands=commands(facts.tables, facts.recipe.name, facts.stages, facts.refreshes),
        seed=facts.recipe.seed,
        versions=versions(),
        recipe_file=_recipe_file(facts.recipe),
    )
    return card


def makers(stages: Sequence[Stage]) -> str | None:
    """The Hub's field for authors and annotators: machines, or None if rows were imported."""
    from annotators import ImportedScores
    from generators.sampling.imported import Imported

    others = any(isinstance(stage.operator, Imported | ImportedScores) for stage in stages)
    return None if others else "machine-generated"


def _configs(*, candidates: bool) -> list[dict[str, object]]:
    places = {"default": "data", **({"candidates": "candidates"} if candidates else {})}
    return [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{folder}/*.parquet"}]}
        for name, folder in places.items()
    ]


def _paper(recipe: RecipeSpec) -> str | None:
    if recipe.paper is None:
        return None
    return f"Paper: {cited(recipe.paper.title, recipe.paper.page, recipe.paper.code)}"


def for_card(rows: pl.DataFrame) -> pl.DataFrame:
    """A few rows as examples, with the columns of the format only."""
    shown = ("prompt", "chosen", "rejected", "completion", "label", "completions", "labels")
    return spread(rows.select(name for name in shown if name in rows.columns))


def _stages(facts: CardData) -> str:
    rows = []
    for stage in facts.stages:
        key = (facts.recipe.name, stage.name)
        kept = sum(facts.tables.height(key, each) for each in facts.refreshes)
        places = [dropped_path(facts.tables.path(key, each)) for each in facts.refreshes]
        refused = pl.concat(
            query_table(place, lambda rows: rows.select("reason")) for place in places
        )
        reasons = ", ".join(
            f"{count:,} {reason}" for reason, count in count_reasons(refused).items()
        )
        operator = type(stage.operator)
        parameters = stage.operator.model_dump(mode="json")
        does = f"{operator.__module__.partition('.')[0]}.{operator.__name__}"
        rows.append((stage.name, does, parameters, f"{kept:,}", f"{refused.height:,}", reasons))
    table = markdown(("stage", "operator", "parameters", "kept", "dropped", "why"), rows)
    return "\n\n".join([table, *_changes(facts)])


def _changes(facts: CardData) -> Iterator[str]:
    """A sentence on each refresh whose run has set parameters."""
    for refresh in facts.refreshes:
        changed = changed_parameters(facts.tables, facts.recipe.name, facts.stages, refresh)
        if changed:
            named = ", ".join(f"{name} {value}" for name, value in changed.items())
            yield f"The run of {refresh} has set: {escaped(named)}."


def _checks(checks: Sequence[Checked]) -> str:
    if not checks:
        return "None are recorded here."
    rows = [(check.stage, check.name, check.verdict, check.says) for check in checks]
    return markdown(("stage", "check", "newest result", "in words"), rows)


def _claim(facts: CardData) -> str | None:
    """The recipe's claim, its result in the docs' table, and the result of this data's check."""
    recipe = facts.recipe
    if recipe.claim is None:
        return None
    control = f" Control: `{recipe.control}`." if recipe.control else ""
    lines = [f"{escaped(recipe.claim)}.{control}"]
    measured = kept_claims(recipe)
    lines += [
        f"Measured in the {claim['world']} world, where the truth is known, on {claim['rows']} "
        f"prompts: {escaped(str(claim['says']))}."
        for claim in measured
    ]
    # A check without a result (its control has not run, for example) is not shown.
    checked = [check.says for check in facts.checks if check.name == CHECK]
    checked = [says for says in checked if without_verdict(says) is not None]
    lines += [f"Of this data: {escaped(says)}." for says in checked]
    return "\n\n".join(lines if measured or checked else [*lines, "It was not measured."])


def models_table(models: Sequence[UsedModel]) -> str:
    if not models:
        return "No model was called."
    rows = [
        (
            model.role,
            model.name,
            model.revision,
            model.engine,
            model.licence or "unknown",
            ", ".join(model.stages),
        )
        for model in models
    ]
    return markdown(("role", "bound to", "revision", "engine", "licence", "stages"), rows)


def answers_table(answers: Sequence[Answered]) -> str:
    """Every model revision that has answers in the data."""
    if not answers:
        return "No row is a model's answer."
    rows = [(one.stage, one.revision, ", ".join(one.refreshes), f"{one.rows:,}") for one in answers]
    return markdown(("stage", "model revision", "refreshes", "rows"), rows)


def sources_table(prompts: pl.DataFrame) -> str:
    keys = ("source", "source_revision", "licence")
    counts = prompts.group_by(keys).len().sort(keys)
    return markdown(("source", "revision", "licence", "prompts"), counts.rows())


def _recipe_file(recipe: RecipeSpec) -> str:
    text = Path(recipe.file).read_text(encoding="utf-8").strip()
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{text}\n{fence}"


def size_category(rows: int) -> str:
    """The Hub's category for a dataset of ``rows`` rows."""
    for limit, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if rows < limit:
            return name
    return "1M<n<10M"
