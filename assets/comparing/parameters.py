"""The models and parameters that made the rows of a recipe at a refresh, as texts by name."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from assets.project.changes import SET
from assets.project.recipe_plan import Stage
from assets.report.report_data import ReportData
from schemas import Checkpoints


def models_of(data: ReportData) -> dict[str, str]:
    """The revisions of the models whose answers the rows of each stage have."""
    revisions = {}
    for stage in data.stages:
        origins = _origins(data, stage)
        models = origins["model"].drop_nulls() if origins.height else pl.Series()
        if models.len():
            revisions[f"model of {stage.name}"] = ", ".join(models.unique().sort())
    return revisions


def training_of(data: ReportData) -> dict[str, str]:
    """What each training started from, and its rows, steps and final metrics."""
    trainings: dict[str, str] = {}
    models = data.project.settings.models_path
    for stage in data.stages:
        if stage.gives is not Checkpoints or not data.ran(stage.name):
            continue
        for row in data.rows(stage.name).iter_rows(named=True):
            training = {
                "start": _start(row["start"], models),
                "rows": f"{row['rows']:,}",
                "steps": f"{row['steps']:,}",
                **({} if row["trained"] else {"not trained": row["reason"] or "no reason"}),
                **{name: _as_text(value) for name, value in json.loads(row["metrics"]).items()},
            }
            trainings |= {f"{stage.name}, {name}": value for name, value in training.items()}
    return trainings


def parameters_of(data: ReportData, stages: Collection[str]) -> dict[str, str]:
    """The operator of each stage, and the parameters of ``stages``: those that its rows name, or
    else those that the run set, or else those of the recipe as it is now."""
    parameters = {"seed": str(data.recipe.seed)}
    for stage in data.stages:
        operator = type(stage.operator)
        parameters[stage.name] = f"{operator.__module__.partition('.')[0]}.{operator.__name__}"
        if stage.name not in stages:
            continue
        values = dict(flat(stage.operator.model_dump(mode="json"), stage.name))
        (refresh,) = data.refreshes
        run = data.tables.about((data.recipe.name, stage.name), refresh).get(SET, {})
        values |= dict(flat(run, stage.name))
        values |= _recorded(data, stage, parameters[stage.name])
        parameters |= values
    return parameters


def flat(values: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """The values by their dotted names, as texts."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.{key}")
        else:
            yield f"{name}.{key}", _as_text(value)


def _recorded(data: ReportData, stage: Stage, operator: str) -> dict[str, str]:
    """The parameters that rows which the stage itself made name; several values are all listed."""
    origins = _origins(data, stage)
    if origins.is_empty():
        return {}
    values_by_name: dict[str, dict[str, None]] = {}
    own = origins.filter(pl.col("operator") == operator)["parameters"]
    for text in own.unique(maintain_order=True):
        for name, value in flat(json.loads(text), stage.name):
            values_by_name.setdefault(name, {})[value] = None
    return {name: ", ".join(values) for name, values in values_by_name.items()}


def _origins(data: ReportData, stage: Stage) -> pl.DataFrame:
    """The origins of the rows of a stage; no row and no column if the table has none."""
    if not data.ran(stage.name):
        return pl.DataFrame()
    rows = data.rows(stage.name)
    return rows["origin"].struct.unnest() if "origin" in rows.columns else pl.DataFrame()


def _start(start: str, models: Path) -> str:
    """A trained checkpoint by its place, another local model by its name, or the id of a model."""
    path = Path(start)
    if path.is_relative_to(models):
        return str(path.relative_to(models))
    return path.name if path.is_absolute() else start


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
