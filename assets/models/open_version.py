"""Decides what the next version of a downstream model is made from."""

from collections.abc import Mapping
from typing import Any

from assets.config.errors import FactoryError
from assets.config.promoted import read_promoted
from assets.config.settings import Settings
from assets.project.model_plan import ModelPlan
from assets.storage.dataset_versions import Versions
from assets.storage.model_versions import ModelVersion, ModelVersions, TrainedOn, now
from engines.bindings import Binding
from engines.weights import weights_revision
from schemas import Hardware, Operator, content_id
from schemas.operator import RoleMark, Takes
from schemas.parameters import field_marks


def open_version(plan: ModelPlan, settings: Settings) -> ModelVersion:
    """Open the version of the newest datasets, or of those that the declaration names.

    It is the newest stored version if the start, the datasets, the parameters and the seeds are
    the same.

    Raises:
        MissingTableError: A dataset has no rows, or not the version that is named.
        FactoryError: The model that it starts from has no promoted version.
        EngineError: There are no such weights.
    """
    return ModelVersions(settings.models_path, plan.name).open(current_version(plan, settings))


def current_version(plan: ModelPlan, settings: Settings) -> ModelVersion:
    """The version that a training of today makes. Its number is 0.

    Raises:
        MissingTableError: A dataset has no rows, or not the version that is named.
        FactoryError: The model that it starts from has no promoted version.
        EngineError: There are no such weights.
    """
    start = start_binding(plan, settings)
    datasets = {ref.name: _trained_on(settings, ref.name, ref.version) for ref in plan.datasets}
    versions = ModelVersions(settings.models_path, plan.name)
    before = versions.version().parameters if versions.numbers() else {}
    parameters = parameters_of(plan, before)
    revision = weights_revision(start)
    inputs = {
        "start": revision,
        "datasets": {name: each.digest for name, each in datasets.items()},
        "train": [[each.name, parameters[each.name]] for each in plan.train],
        "validate": {each.name: [parameters[each.name], each.data] for each in plan.validate},
        "seeds": list(plan.seeds),
    }
    return ModelVersion(
        number=0,
        digest=content_id(inputs),
        made=now(),
        start=str(start.model),
        revision=revision,
        datasets=datasets,
        parameters=parameters,
        seeds=plan.seeds,
    )


def parameters_of(
    plan: ModelPlan, before: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The operator and the parameters of each stage, by its name.

    A parameter that operators did not have when an earlier version was made is left out while it
    has its default, so a new version of the factory does not make every model again.

    Args:
        plan: The plan of the model.
        before: The parameters of an earlier version.
    """
    by_stage = {}
    for each in (*plan.train, *plan.validate):
        parameters = _parameters(each.stage.operator)
        earlier = before.get(each.name, parameters)
        reference = earlier if earlier.get("use") == parameters["use"] else parameters
        fields = type(each.stage.operator).model_fields
        by_stage[each.name] = {
            name: value
            for name, value in parameters.items()
            if name in reference or value != fields[name].default
        }
    return by_stage


def start_binding(plan: ModelPlan, settings: Settings) -> Binding:
    """The binding of the weights that a model starts from.

    Raises:
        FactoryError: The model that it starts from has no promoted version.
    """
    binding = settings.initial(plan.role)
    if plan.start is None:
        return binding
    promoted = read_promoted(settings.models_path, plan.start)
    if not promoted:
        raise FactoryError(
            f"models/{plan.name} starts from models/{plan.start}, of which no version is promoted "
            f"yet: factory train {plan.start}"
        )
    return binding.model_copy(update={"model": promoted[-1].path, "revision": None})


def _trained_on(settings: Settings, name: str, number: int | None) -> TrainedOn:
    version = Versions(settings.root_path, name).version(number)
    newest = max((part.refresh for part in version.parts), default="")
    return TrainedOn(version.number, version.digest, newest)


def _parameters(operator: Operator) -> dict[str, object]:
    """The operator and its parameters, without the names of its inputs and roles, and without what
    says on what hardware it runs."""
    names = {
        name
        for name, mark in field_marks(type(operator))
        if isinstance(mark, Takes | RoleMark | Hardware)
    }
    kind = type(operator)
    use = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    return {"use": use, **operator.model_dump(mode="json", exclude=names)}
