"""The tables and lines that ``factory`` prints about downstream models and their ablations."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assets.charts.effect_words import effect_of, figures_of, rows_of
from assets.cli.console import relative_path
from assets.storage.ablations import Ablation
from assets.storage.model_versions import ModelVersion
from trainers.evaluation.sentences import described, difference


def trained_table(name: str, version: ModelVersion) -> Table:
    """The trainings of a version: their rows, steps, seconds and averaged figures."""
    title = f"models/{name}, version {version.number}"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("stage")
    for heading in ("seed", "rows", "steps", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("figures")
    for stage, trained in version.trained.items():
        for seed, row in zip(version.seeds, trained, strict=True):
            figures = json.loads(row["metrics"])
            table.add_row(
                Text(stage),
                str(seed),
                f"{row['rows']:,}",
                f"{row['steps']:,}",
                f"{row['seconds']:.1f}",
                Text(", ".join(f"{key} {value:.3g}" for key, value in sorted(figures.items()))),
            )
    return table


def version_lines(name: str, version: ModelVersion) -> Iterable[Text]:
    """What a version is made from, what its validation found, and whether it is promoted."""
    for dataset, each in version.datasets.items():
        yield Text(f"datasets/{dataset}, version {each.version}")
    for stage, figures in version.figures.items():
        yield Text(f"{stage}: {described(figures)}")
    if version.promoted is None:
        yield Text(f"not finished: factory train {name} goes on", style="yellow")
        return
    if version.promoted:
        yield Text(f"promoted: roles with model: models/{name} start from it", style="green")
    else:
        yield Text(f"held back: {version.reason}", style="yellow")
    yield Text(f"checkpoint {relative_path(version.path)}", style="dim")


def model_versions_table(name: str, versions: Sequence[ModelVersion]) -> Table:
    """The versions of a model, oldest first."""
    table = Table(title=f"models/{name}", title_justify="left", title_style="bold")
    table.add_column("version", justify="right")
    for heading in ("made (UTC)", "datasets", "validated", "promoted"):
        table.add_column(heading)
    for version in versions:
        table.add_row(
            str(version.number),
            Text(f"{datetime.fromisoformat(version.made):%Y-%m-%d %H:%M}"),
            Text(", ".join(f"{each} {on.version}" for each, on in version.datasets.items())),
            Text("\n".join(f"{stage}: {_change(each)}" for stage, each in version.figures.items())),
            {True: "yes", False: f"no: {version.reason}", None: "not finished"}[version.promoted],
        )
    return table


def _change(figures: Mapping[str, Any]) -> str:
    return difference(figures)


def ablation_tables(ablation: Ablation) -> Iterator[RenderableType]:
    """A table of each measure: every variant against the start and against all data."""
    for measure in ablation.measures:
        table = Table(
            title=f"models/{ablation.model}, version {ablation.version}, by {ablation.by}: "
            f"{measure}",
            title_justify="left",
            title_style="bold",
        )
        table.add_column("trained on")
        table.add_column("rows", justify="right")
        for heading in ("minus the start", "minus all data"):
            table.add_column(heading)
        table.add_column("so")
        for each in ablation.variants:
            table.add_row(
                Text(each.name),
                Text(rows_of(each)),
                *(Text(words) for words in figures_of(each, measure)),
                Text(effect_of(each, measure)),
            )
        yield table
        measured = ablation.variants[0].measured[measure]
        yield Text(
            f"mean, 95 % interval and each seed ({len(ablation.seeds)}), on {measured.prompts:,} "
            "prompts; equal steps: "
            + ", ".join(f"{stage} {steps:,}" for stage, steps in ablation.steps.items()),
            style="dim",
        )
