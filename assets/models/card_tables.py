"""The tables of a model's card: datasets, trainings, parameters, validation, ablations."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assets.charts.effect_words import effect_of, figures_of, rows_of
from assets.charts.task_table import TASK_COLUMNS, task_rows
from assets.judging import words
from assets.judging.kept import kept_figures
from assets.project.model_plan import ModelPlan
from assets.project.project import Project
from assets.rendering.markdown import escaped, linked, markdown
from assets.storage.ablations import Ablation, ablations_of_model
from assets.storage.dataset_versions import TRAIN, Version, Versions
from assets.storage.model_versions import ModelVersion, TrainedOn
from assets.storage.published import Publication, publications
from assets.storage.tables import MissingTableError

UNMEASURED = "not measured"


def model_label(model: str) -> str:
    """A Hub id, or the name of a folder without its path."""
    return Path(model).name if Path(model).is_absolute() else model


def stored_version(project: Project, name: str, on: TrainedOn) -> Version | None:
    """The dataset version that a model was trained on; None if it has been removed."""
    try:
        return Versions(project.settings.root_path, name).version(on.version)
    except MissingTableError:
        return None


def published(project: Project, name: str, on: TrainedOn) -> list[Publication]:
    """Where that version of a dataset was published, each repository once."""
    all_published = publications(project.settings.root_path, f"datasets/{name}")
    return list({each.url: each for each in all_published if each.version == on.version}.values())


def datasets_table(project: Project, version: ModelVersion) -> str:
    """The dataset versions, and where they are published."""
    rows = []
    for name, on in version.datasets.items():
        stored = stored_version(project, name, on)
        count = "removed since" if stored is None else f"{stored.rows(TRAIN):,}"
        of = {} if stored is None else stored.about.get("of", {})
        links = [
            f"{linked(each.name, each.url)} at `{each.commit}`"
            for each in published(project, name, on)
        ]
        cells = (f"datasets/{name}", on.version, on.digest, count, ", ".join(of))
        rows.append((*map(escaped, map(str, cells)), ", ".join(links) or "not published"))
    return _table(("dataset", "version", "digest", "rows in train", "recipes", "on the Hub"), rows)


def stages_table(version: ModelVersion) -> str:
    """The trainings, one row for each seed."""
    rows = []
    for stage, trained in version.trained.items():
        for seed, row in zip(version.seeds, trained, strict=True):
            figures = json.loads(row["metrics"])
            cells = ", ".join(f"{name} {value:.3g}" for name, value in sorted(figures.items()))
            rows.append((stage, seed, f"{row['rows']:,}", f"{row['steps']:,}", cells))
    return markdown(("stage", "seed", "rows", "steps", "figures"), rows)


def parameters_table(version: ModelVersion) -> str:
    """The parameters of all stages. Of a path, only the last part is shown."""
    rows = [
        (stage, name, json.dumps(without_paths(value)))
        for stage, values in version.parameters.items()
        for name, value in values.items()
    ]
    return markdown(("stage", "parameter", "value"), rows)


def validation_table(plan: ModelPlan, version: ModelVersion) -> str:
    """What each validation stage found, and each task of the harness; with several seeds, the
    spread of what they reached."""
    from trainers.evaluation.sentences import described

    stages = {**{each.name: None for each in plan.validate}, **version.figures}
    if not stages:
        return "Not measured."
    rows = []
    for stage, figures in stages.items():
        if figures is None:
            rows.append((stage, UNMEASURED, ""))
            continue
        measured = {name: value for name, value in figures.items() if name != "seeds"}
        reached = [each["after"] for each in figures.get("seeds", []) if each]
        spread = f"{min(reached):.3g} to {max(reached):.3g}" if len(reached) > 1 else UNMEASURED
        rows.append((stage, described(measured), spread))
    table = markdown(("stage", "found", f"reached by {len(version.seeds)} seeds"), rows)
    tasks = [(stage, *row) for stage, of in version.figures.items() for row in task_rows(of)]
    return f"{table}\n\n{markdown(('stage', *TASK_COLUMNS), tasks)}" if tasks else table


def judged_table(project: Project, version: ModelVersion) -> str:
    """What ``factory judge-bench`` found of the version, a row for each benchmark; may be empty."""
    figures = kept_figures(project.settings.root_path, version.path)
    rows = [
        (
            each.benchmark,
            f"{each.figures.items:,}",
            "by probability" if each.votes is None else f"{each.votes:,} written",
            words.accuracy(each.figures),
            words.f1(each.figures),
            *map(
                words.share,
                (
                    each.figures.both,
                    each.figures.flips,
                    each.figures.first_position,
                    each.figures.ties,
                    each.figures.unread,
                    each.figures.mass,
                ),
            ),
            words.probes(each.probes),
        )
        for each in figures
    ]
    headings = ("benchmark", "items", "verdicts", "accuracy %", "F1 %", "both orders", "flips")
    more = ("first wins", "ties", "unread", "mass", "probes passed")
    return markdown((*headings, *more), rows) if rows else ""


def ablation_tables(project: Project, plan: ModelPlan, version: ModelVersion) -> str:
    """What the ablations of this version found, a table for each measure; may be empty."""
    models = project.settings.models_path
    ablations = ablations_of_model(models, plan.name, version.number)
    return "\n\n".join(part for each in ablations for part in _ablation(each))


def _ablation(ablation: Ablation) -> Iterator[str]:
    headings = ("trained on", "rows (epochs)", "minus the start", "minus all data", "so")
    for measure in ablation.measures:
        yield f"By {ablation.by}, measured by {escaped(measure)}, {len(ablation.seeds)} seeds:"
        rows = [
            (
                each.name,
                rows_of(each).replace("\n", ", "),
                *figures_of(each, measure),
                effect_of(each, measure),
            )
            for each in ablation.variants
        ]
        yield markdown(headings, rows)


def without_paths(value: Any) -> Any:
    """``value`` with the last part of each absolute path in it only."""
    if isinstance(value, str):
        return model_label(value)
    if isinstance(value, Mapping):
        return {name: without_paths(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(each) for each in value]
    return value


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
