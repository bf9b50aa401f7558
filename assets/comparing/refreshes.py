"""Compares two recipes at one refresh each; or a recipe at two refreshes."""

from collections.abc import Iterator

import polars as pl

from assets.comparing.comparison import (
    Comparison,
    Distribution,
    Levels,
    Shared,
    differing,
)
from assets.comparing.distributions import distributions
from assets.comparing.parameters import models_of, parameters_of, training_of
from assets.comparing.policies import validated
from assets.comparing.rows import rows_in_common
from assets.comparing.sides import Side
from assets.project.project import Project
from assets.report.claim import findings
from assets.report.funnel import funnel
from assets.report.report_data import ReportData
from schemas import EVALUATIONS, Prompts, Responses, Scores, Table, empty


def compare_refreshes(project: Project, first: Side, second: Side) -> Comparison:
    """Compare by stages: stages of the same name are put side by side.

    Args:
        project: The project.
        first: A recipe at a refresh.
        second: Another recipe or refresh.
    """
    one, other = (ReportData.of_refresh(project, side.name, side.at) for side in (first, second))
    stages = _stages(one, other)
    models, _ = differing(models_of(one), models_of(other))
    trained, _ = differing(training_of(one), training_of(other))
    common = [each.name for each in one.stages if each.name in {s.name for s in other.stages}]
    parameters, alike = differing(parameters_of(one, common), parameters_of(other, common))
    return Comparison(
        "refreshes",
        (first.full, second.full),
        facts=differing(_facts(one), _facts(other))[0],
        funnel=list(_levels(one, other, ["prompts", *stages])),
        shared=list(_shared(one, other, stages)),
        distributions=list(_distributions(one, other, stages)),
        validated=list(validated(one, other)),
        claims=(findings(one), findings(other)),
        models=[*models, *trained],
        parameters=parameters,
        alike=alike,
    )


def _facts(data: ReportData) -> dict[str, str]:
    recipe = data.recipe
    facts = {"recipe": recipe.name, "refresh": data.refreshes[0]}
    if recipe.paper is not None:
        facts["paper"] = recipe.paper.title
    if recipe.claim is not None:
        facts |= {"claim": recipe.claim, "control": recipe.control or "in the recipe"}
    return facts


def _stages(one: ReportData, other: ReportData) -> list[str]:
    """The names of the stages of both, those of the first in running order."""
    return list(dict.fromkeys(each.name for data in (one, other) for each in data.stages))


def _levels(one: ReportData, other: ReportData, stages: list[str]) -> Iterator[Levels]:
    first, second = (
        {level.name: level for level in funnel(data) if data.ran(level.name)}
        for data in (one, other)
    )
    for name in stages:
        if name in first or name in second:
            yield Levels(name, (first.get(name), second.get(name)))


def _tables(
    one: ReportData, other: ReportData, stages: list[str]
) -> Iterator[tuple[str, type[Table], pl.DataFrame, pl.DataFrame]]:
    """The rows of the stages that give the same table on both sides, or have run on one only."""
    kinds: list[dict[str, type[Table]]] = [
        {"prompts": Prompts, **{each.name: each.gives for each in data.stages}}
        for data in (one, other)
    ]
    for name in ["prompts", *stages]:
        tables_given = {kind[name] for kind in kinds if name in kind}
        if len(tables_given) != 1:
            continue
        (table,) = tables_given
        rows = [
            data.rows(name) if name in kind and data.ran(name) else empty(table)
            for data, kind in zip((one, other), kinds, strict=True)
        ]
        yield name, table, rows[0], rows[1]


def _shared(one: ReportData, other: ReportData, stages: list[str]) -> Iterator[Shared]:
    for name, table, first, second in _tables(one, other, stages):
        if first.is_empty() or second.is_empty():
            continue
        if table is Scores:
            first, second = _with_texts(one, first), _with_texts(other, second)
        shared = rows_in_common(name, table, first, second)
        if shared is not None:
            yield shared


def _with_texts(data: ReportData, scores: pl.DataFrame) -> pl.DataFrame:
    """The scores with the prompt and the text of the scored responses."""
    texts = data.distinct_rows(Responses, "prompt_id", "text").drop("refresh")
    return scores.join(texts, on="response_id")


def _distributions(one: ReportData, other: ReportData, stages: list[str]) -> Iterator[Distribution]:
    for name, table, first, second in _tables(one, other, stages):
        if table not in EVALUATIONS and table is not Prompts:
            yield from distributions(name, table, first, second)
