"""Where a dataset comes from: operators and parameters, models, sources, licences, versions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.provenance.check_results import Checked, latest_checks
from assets.provenance.licences import consequences
from assets.provenance.models import Answered, UsedModel, answered, used_models
from assets.provenance.reproduction import commands, versions
from assets.provenance.writers import imported_writers
from assets.report.report_data import ReportData


@dataclass(frozen=True)
class Provenance:
    """What made the data. ``operators``: (stage, operator, parameters as JSON); ``sources``:
    (source, revision, licence, prompts); ``refreshes``: (refresh, prompts, rows)."""

    operators: Sequence[tuple[str, str, str]]
    models: Sequence[UsedModel]
    answers: Sequence[Answered]
    sources: Sequence[tuple[str, str, str, int]]
    licences: Sequence[str]
    refreshes: Sequence[tuple[str, int, int]]
    checks: Sequence[Checked]
    commands: str
    versions: str
    recipe: str


def provenance(data: ReportData) -> Provenance:
    """Read the provenance from the tables, the configuration and Dagster's records."""
    keys = ("source", "source_revision", "licence")
    prompts = data.rows("prompts", *keys)
    sources = prompts.group_by(keys).len().sort(keys).rows()
    settings = data.project.settings
    models = used_models(data.stages, settings.bindings())
    for stage in data.stages:
        ran, imports = data.ran(stage.name), settings.imports_path
        models += imported_writers(data.tables, data.recipe.name, [stage], ran, imports)
    return Provenance(
        operators=[
            (
                stage.name,
                f"{type(stage.operator).__module__.partition('.')[0]}."
                f"{type(stage.operator).__name__}",
                json.dumps(stage.operator.model_dump(mode="json"), indent=1, ensure_ascii=False),
            )
            for stage in data.stages
        ],
        models=models,
        answers=[
            one
            for stage in data.stages
            for one in answered(data.tables, data.recipe.name, [stage], data.ran(stage.name))
        ],
        sources=sources,
        licences=consequences(
            [(source, licence) for source, _, licence, _ in sources],
            [(model.name, model.licence) for model in models],
        ),
        refreshes=[
            (
                refresh,
                prompts.filter(pl.col("refresh") == refresh).height,
                data.tables.height((data.recipe.name, data.stage.name), refresh),
            )
            for refresh in data.refreshes
        ],
        checks=latest_checks(data.recipe.name, data.stages),
        commands=commands(data.tables, data.recipe.name, data.stages, data.refreshes),
        versions=versions(),
        recipe=Path(data.recipe.file).read_text(encoding="utf-8").strip(),
    )
