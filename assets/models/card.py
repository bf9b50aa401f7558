"""The card of an exported model: its start, data, training, validation, licences, how to load it.

All of it comes from the stored version and the configuration. Text from a source is escaped.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.charts.effect_words import effect_of, figures_of, rows_of
from assets.export.card import MARK
from assets.models.open_version import start_binding
from assets.project.model_plan import ModelPlan
from assets.project.project import Project
from assets.provenance.licences import consequences, identifier
from assets.provenance.models import UsedModel, licence_of, used_models
from assets.provenance.reproduction import versions
from assets.rendering.markdown import escaped, markdown
from assets.storage.ablations import ablations_of_model
from assets.storage.dataset_versions import TRAIN, Versions
from assets.storage.model_versions import ModelVersion

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

TEMPLATE = Path(__file__).parent / "templates" / "model.md"

_TASKS = {
    "CAUSAL_LM": ("CausalLM", "text-generation"),
    "SEQ_CLS": ("SequenceClassification", "text-classification"),
    "TOKEN_CLS": ("TokenClassification", "token-classification"),
}
"""The class of Transformers that loads each kind of model, and the Hub's name of its task."""


def model_card(project: Project, plan: ModelPlan, version: ModelVersion, place: str) -> "ModelCard":
    """Make the card, with the metadata that the Hub reads.

    Args:
        project: The project.
        plan: The plan of the model.
        version: The exported version.
        place: Where the model is written: a folder, or the id of a repository.
    """
    from huggingface_hub import ModelCard, ModelCardData

    binding = start_binding(plan, project.settings)
    start, licence = _name(version.start), licence_of(binding)
    task = getattr(plan.train[-1].stage.operator, "task", "CAUSAL_LM")
    loader, pipeline = _TASKS[task]
    results = list(_results(plan, version, pipeline))
    # What is trained on them comes from the start and from the sources.
    origins = [(escaped(start), licence or "unknown"), *sorted(set(_sources(project, version)))]
    licences = sorted({identifier(stated) for _, stated in origins})
    data = ModelCardData(
        license=licences[0] if len(licences) == 1 else "other",
        license_name=None if len(licences) == 1 else "-and-".join(licences),
        base_model=None if Path(version.start).is_absolute() else version.start,
        library_name="transformers",
        pipeline_tag=pipeline,
        tags=[MARK, *dict.fromkeys(_kind(each.stage.operator) for each in plan.train)],
        model_name=plan.name if results else None,
        eval_results=results or None,
    )
    terms = consequences(
        origins, [(escaped(model.name), model.licence) for model in _writers(project, plan)]
    )
    card: ModelCard = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=plan.name,
        version=version,
        place=place,
        task=loader,
        promoted=_promoted(version),
        licences=terms,
        start=f"`{start}`",
        datasets=_datasets(project, version),
        stages=_stages(version),
        parameters=_parameters(version),
        validation=_validation(version),
        ablations=_ablations(project, plan, version),
        commands=_commands(plan),
        versions=versions(),
    )
    return card


def _name(model: str) -> str:
    """A Hub id, or the name of a folder without its path."""
    return Path(model).name if Path(model).is_absolute() else model


def _kind(operator: Any) -> str:
    return str(getattr(operator, "training", None) or type(operator).__name__.lower())


def _promoted(version: ModelVersion) -> str:
    if version.promoted:
        return "It was promoted: no validation found it worse than its start."
    if version.promoted is None:
        return "Whether it is promoted is not decided: its validation is not finished."
    return f"It was held back: {escaped(str(version.reason))}."


def _results(plan: ModelPlan, version: ModelVersion, task: str) -> Iterator["EvalResult"]:
    """The measured figures, as the Hub shows them."""
    from huggingface_hub import EvalResult

    names = {"check": "accuracy", "judge": "win_rate", "reward": "reward", "pairs": "accuracy"}
    for stage in plan.validate:
        figures = version.figures.get(stage.name)
        if figures is not None:
            yield EvalResult(
                task_type=task,
                dataset_type=stage.data.replace("datasets/", ""),
                dataset_name=stage.data,
                metric_type=names[figures["by"]],
                metric_name=f"{stage.name}, {names[figures['by']].replace('_', ' ')}",
                metric_value=figures["after"],
            )


def _sources(project: Project, version: ModelVersion) -> Iterator[tuple[str, str]]:
    """(name, licence) of each source of prompts in the learned rows."""
    for name, on in version.datasets.items():
        versions_of = Versions(project.settings.root_path, name)
        rows = versions_of.read(versions_of.version(on.version), TRAIN)
        for source, licence in rows.select("source", "licence").unique().iter_rows():
            yield escaped(source or "unknown"), escaped(licence or "unknown")


def _writers(project: Project, plan: ModelPlan) -> Iterator[UsedModel]:
    """The models that wrote or judged the rows."""
    bindings = project.settings.bindings()
    for ref in plan.datasets:
        for recipe in project.datasets[ref.name].parts:
            stages = project.recipes[recipe].planned(project.settings)
            yield from used_models(stages, bindings)


def _ablations(project: Project, plan: ModelPlan, version: ModelVersion) -> str:
    """A Markdown table for each measure of each ablation of the version."""
    headings = ("trained on", "rows (epochs)", "minus the start", "minus all data", "so")
    tables = []
    for found in ablations_of_model(project.settings.models_path, plan.name, version.number):
        for measure in found.measures:
            rows = [
                (
                    each.name,
                    rows_of(each).replace("\n", ", "),
                    *figures_of(each, measure),
                    effect_of(each, measure),
                )
                for each in found.variants
            ]
            title = f"By {found.by}, measured by {escaped(measure)}, {len(found.seeds)} seeds:"
            tables.append(f"{title}\n\n{markdown(headings, rows)}")
    return "\n\n".join(tables)


def _datasets(project: Project, version: ModelVersion) -> str:
    """A Markdown table of the dataset versions."""
    rows = []
    for name, on in version.datasets.items():
        versions_of = Versions(project.settings.root_path, name)
        stored = versions_of.version(on.version)
        recipes = ", ".join(project.datasets[name].parts)
        rows.append((f"datasets/{name}", on.version, on.digest, f"{stored.rows(TRAIN):,}", recipes))
    return markdown(("dataset", "version", "digest", "rows in train", "recipes"), rows)


def _stages(version: ModelVersion) -> str:
    """A Markdown table of the trainings, one row for each seed."""
    rows = []
    for stage, trained in version.trained.items():
        for seed, row in zip(version.seeds, trained, strict=True):
            figures = json.loads(row["metrics"])
            shown = ", ".join(f"{name} {value:.3g}" for name, value in sorted(figures.items()))
            rows.append((stage, seed, f"{row['rows']:,}", f"{row['steps']:,}", shown))
    return markdown(("stage", "seed", "rows", "steps", "figures"), rows)


def _parameters(version: ModelVersion) -> str:
    rows = [(stage, name, json.dumps(value)) for stage, name, value in _settings(version)]
    return markdown(("stage", "parameter", "value"), rows)


def _settings(version: ModelVersion) -> Iterator[tuple[str, str, Any]]:
    for stage in version.trained:
        for name, value in version.parameters[stage].items():
            yield stage, name, value


def _validation(version: ModelVersion) -> str:
    """What each validation stage found; with several seeds, the spread of what they reached."""
    from trainers.evaluation.sentences import described

    if not version.figures:
        return "Not measured."
    rows = []
    for stage, figures in version.figures.items():
        reached = [each["after"] for each in figures["seeds"] if each]
        spread = f"{min(reached):.3g} to {max(reached):.3g}" if len(reached) > 1 else ""
        rows.append((stage, described(_shown(figures)), spread))
    return markdown(("stage", "found", "reached by the seeds"), rows)


def _shown(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "seeds"}


def _commands(plan: ModelPlan) -> str:
    lines = [
        f"factory export datasets/{ref.name} DIR    # its card says how to make it"
        for ref in plan.datasets
    ]
    return "\n".join([*lines, f"factory train {plan.name}"])
