"""The card of an exported model: its start, data, training, validation, licences, how to load it.

All of it comes from the stored version and the configuration. Text from a source is escaped.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assets.export.card import MARK
from assets.models.card_results import eval_results
from assets.models.card_tables import (
    ablation_tables,
    datasets_table,
    judged_table,
    model_label,
    parameters_table,
    published,
    stages_table,
    stored_version,
    validation_table,
    without_paths,
)
from assets.models.open_version import parameters_of
from assets.project.model import ModelSpec
from assets.project.model_plan import ModelPlan
from assets.project.project import Project
from assets.provenance.licences import card_fields, consequences, identifiers
from assets.provenance.models import UsedModel, licence_of, used_models
from assets.provenance.reproduction import versions
from assets.provenance.writers import imported_writers
from assets.rendering.markdown import escaped
from assets.storage.dataset_versions import TRAIN, Versions
from assets.storage.model_versions import ModelVersion

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

TEMPLATE = Path(__file__).parent / "templates" / "model.md"

_TASKS = {
    "CAUSAL_LM": ("CausalLM", "text-generation"),
    "SEQ_CLS": ("SequenceClassification", "text-classification"),
    "TOKEN_CLS": ("TokenClassification", "token-classification"),
}


def task_of(plan: ModelPlan) -> tuple[str, str]:
    """The class of Transformers that loads a model, and the Hub's name of its task."""
    return _TASKS[getattr(plan.train[-1].stage.operator, "task", "CAUSAL_LM")]


def model_card(
    project: Project,
    plan: ModelPlan,
    version: ModelVersion,
    place: str,
    *,
    adapter: bool = False,
) -> "ModelCard":
    """Make the card, with the metadata that the Hub reads.

    Args:
        project: The project.
        plan: The plan of the model.
        version: The exported version.
        place: Where the model is written: a folder, or the id of a repository.
        adapter: Whether only its LoRA adapter is written.
    """
    from huggingface_hub import ModelCard, ModelCardData

    start, licence = model_label(version.start), _licence(project, plan, version)
    loader, pipeline = task_of(plan)
    results = list(eval_results(plan, version, pipeline))
    # What is trained on them comes from the start and from the sources.
    origins = [(escaped(start), licence or "unknown"), *sorted(set(_sources(project, version)))]
    writers = [
        (escaped(model.name), model.licence and escaped(model.licence))
        for model in _writers(project, plan)
    ]
    data = ModelCardData(
        **card_fields(origins, writers, several=False),
        base_model=None if Path(version.start).is_absolute() else version.start,
        datasets=[
            each.name
            for name, on in version.datasets.items()
            for each in published(project, name, on)
        ]
        or None,
        library_name="peft" if adapter else "transformers",
        pipeline_tag=pipeline,
        tags=[MARK, *dict.fromkeys(_kind(each.stage.operator) for each in plan.train)],
        model_name=plan.name if results else None,
        eval_results=results or None,
    )
    ablations = ablation_tables(project, plan, version)
    terms = consequences(origins, writers)
    card: ModelCard = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=plan.name,
        version=version,
        place=place,
        base=start if adapter else None,
        task=loader,
        promoted=_promoted(version),
        licences=terms,
        licence_ids=identifiers(origins, writers),
        start=escaped(start),
        start_licence=escaped(licence or "unknown"),
        datasets=datasets_table(project, version),
        stages=stages_table(version),
        parameters=parameters_table(version),
        validation=validation_table(plan, version),
        judged=judged_table(project, version),
        ablations=ablations,
        unknown=list(_unknown(project, plan, version, ablated=bool(ablations))),
        commands=_commands(plan, version),
        declaration=_declaration(project, plan, version),
        versions=versions(),
    )
    return card


def _kind(operator: Any) -> str:
    return str(getattr(operator, "training", None) or type(operator).__name__.lower())


def _promoted(version: ModelVersion) -> str:
    from trainers.evaluation.metrics import regressed

    if version.promoted:
        worse = [name for name, figures in version.figures.items() if regressed(figures)]
        if worse:
            return f"It was promoted although {escaped(', '.join(worse))} found it worse."
        if not version.figures:
            return "It was promoted without a measurement."
        return "It was promoted: no validation found it worse than its start."
    if version.promoted is None:
        return "Whether it is promoted is not decided: its validation is not finished."
    return f"It was held back: {escaped(str(version.reason))}."


def _licence(project: Project, plan: ModelPlan, version: ModelVersion) -> str | None:
    """The licence of the weights that the version started from; None if it is not stated."""
    binding = project.settings.initial(plan.role)
    if binding.model == version.start or plan.start is not None:
        # A model that starts from another one has the licence of the role's weights too.
        return licence_of(binding)
    return licence_of(binding.model_copy(update={"model": version.start, "licence": None}))


def _sources(project: Project, version: ModelVersion) -> Iterator[tuple[str, str]]:
    """(name, licence) of each source of prompts in the learned rows."""
    for name, on in version.datasets.items():
        stored = stored_version(project, name, on)
        if stored is None:
            yield escaped(f"datasets/{name}"), "unknown"
            continue
        rows = Versions(project.settings.root_path, name).read(stored, TRAIN)
        for source, licence in rows.select("source", "licence").unique().iter_rows():
            yield escaped(source or "unknown"), escaped(licence or "unknown")


def _writers(project: Project, plan: ModelPlan) -> Iterator[UsedModel]:
    """The models that wrote or judged the rows."""
    bindings = project.settings.bindings()
    recipes = [
        recipe
        for ref in plan.datasets
        if ref.name in project.datasets
        for recipe in project.datasets[ref.name].parts
    ]
    for recipe in dict.fromkeys(recipes):
        if recipe in project.recipes:
            stages = project.recipes[recipe].planned(project.settings)
            yield from used_models(stages, bindings)
            for stage in stages:
                ran = project.tables.refreshes((recipe, stage.name))
                yield from imported_writers(
                    project.tables, recipe, [stage], ran, project.settings.imports_path
                )


def _unknown(
    project: Project, plan: ModelPlan, version: ModelVersion, *, ablated: bool
) -> Iterator[str]:
    """What the card cannot say, a sentence each."""
    if Path(version.start).is_absolute():
        yield "The Hub id of the start: it was a folder. Its revision is a digest of its weights."
    for name, on in version.datasets.items():
        if stored_version(project, name, on) is None:
            yield f"The rows of version {on.version} of datasets/{name}: it has been removed since."
        elif not published(project, name, on):
            yield f"Where others can read version {on.version} of datasets/{name}: nowhere yet."
    unmeasured = [each.name for each in plan.validate if each.name not in version.figures]
    if unmeasured:
        names = escaped(", ".join(unmeasured))
        yield f"What {names} would find: not measured, so neither failed nor passed."
    if not version.figures:
        yield "Whether it is better or worse than its start: not measured."
    if len(version.seeds) == 1:
        yield "How much another seed changes it: not measured, for it was trained with one."
    if not ablated:
        yield f"What each part of the data adds: not measured (factory ablate {plan.name})."
    yield "All that the validation above does not name, such as safety: not measured."


def _declaration(project: Project, plan: ModelPlan, version: ModelVersion) -> str | None:
    """The declaration of the model as YAML, without the paths of this machine; None if the version
    was made with other parameters."""
    if dict(version.parameters) != parameters_of(plan, version.parameters):
        return None
    (spec,) = (
        each for each in project.declared if isinstance(each, ModelSpec) and each.name == plan.name
    )
    attributes = without_paths(spec.model_dump(mode="json", by_alias=True, exclude_unset=True))
    declared = {"type": ModelSpec.type_name, "attributes": attributes}
    # Folded lines of a long value would not change it, but are harder to read.
    return yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=1000).strip()


def _commands(plan: ModelPlan, version: ModelVersion) -> str:
    lines = [
        f"factory export datasets/{name} DIR --version {on.version}    # see its card"
        for name, on in version.datasets.items()
    ]
    return "\n".join([*lines, f"factory train {plan.name}"])
