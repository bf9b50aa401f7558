"""Makes a plan from the declaration of a downstream model, and checks that it can work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from assets.config.errors import RecipeError
from assets.config.promoted import downstream_model
from assets.config.settings import Settings
from assets.project.dataset_plan import HELD_OUT, DatasetPlan
from assets.project.model import ModelSpec
from assets.project.publish import Publish
from assets.project.recipe import Rule
from assets.project.recipe_plan import (
    MODELS,
    Stage,
    fit_stage,
    stage_operator,
    with_defaults,
)
from assets.project.refusal import Declarations
from assets.project.role_check import check_role
from assets.project.source import SourceSpec
from assets.project.source_truth import bare_source, fit
from engines.operators.model_defaults import RoleDefaults
from schemas import (
    EVALUATIONS,
    Checkpoints,
    Operator,
    Prompts,
    Table,
    UnknownOperatorError,
    operator_class,
)
from schemas.near import near
from schemas.operator import RoleMark, Takes
from schemas.parameters import field_marks

CHECKPOINT = "checkpoint"
"""The input of a validation stage that is the trained model."""

_LANGUAGE_MODEL = "CAUSAL_LM"
_MEASURES = {
    _LANGUAGE_MODEL: "trainers.Validate or trainers.PreferenceAccuracy",
    "SEQ_CLS": "trainers.RewardAccuracy",
    "TOKEN_CLS": "trainers.StepAccuracy, or trainers.RewardAccuracy on pairs",
}
"""What measures it."""

_DATASET = re.compile(r"datasets/(?P<name>\w+)(@(?P<version>[1-9]\d*))?")


@dataclass(frozen=True)
class DatasetRef:
    """A dataset that a stage reads.

    Attributes:
        name: The name of the dataset.
        version: The version that the file names; None for the newest.
    """

    name: str
    version: int | None = None


@dataclass(frozen=True)
class ModelStage:
    """A stage of a model.

    Attributes:
        stage: The stage. It reads its rows and, if it validates, `CHECKPOINT`.
        data: ``datasets/NAME``, or the name of a fixed source; empty if the operator has rows of
            its own, as `trainers.Harness` has.
        dataset: The dataset behind that name; None for a source.
        table: The table of its rows.
    """

    stage: Stage
    data: str
    dataset: DatasetRef | None
    table: type[Table]

    @property
    def name(self) -> str:
        """The name of the stage."""
        return self.stage.name

    @property
    def rows(self) -> str:
        """The input of the stage that holds its rows."""
        return next((name for name in self.stage.reads if name != CHECKPOINT), CHECKPOINT)


@dataclass(frozen=True)
class ModelPlan:
    """The plan of a downstream model.

    Attributes:
        name: The name of the model.
        role: The role that gives the engine, number type and profile, and the weights that it
            starts from, unless it starts from another model.
        start: The model that it starts from; None if it starts from the weights of ``role``.
        train: The training stages, in running order.
        validate: The validation stages.
        seeds: The seeds of its trainings.
        gate: When a version is promoted.
        sources: The fixed sources whose prompts are never learned.
        file: The file that declares it.
        publish: Where its promoted versions are exported; None: nowhere.
    """

    name: str
    role: str
    start: str | None
    train: tuple[ModelStage, ...]
    validate: tuple[ModelStage, ...]
    seeds: tuple[int, ...]
    gate: Rule
    sources: tuple[str, ...]
    file: Any
    publish: Publish | None = None

    @property
    def datasets(self) -> tuple[DatasetRef, ...]:
        """The datasets that it reads, each once."""
        refs = [each.dataset for each in (*self.train, *self.validate) if each.dataset]
        return tuple(dict.fromkeys(refs))


def plan_model(
    model: ModelSpec,
    models: Declarations[ModelSpec],
    datasets: Declarations[DatasetPlan],
    sources: Mapping[str, SourceSpec],
    settings: Settings,
) -> ModelPlan:
    """Plan a downstream model.

    Args:
        model: The declaration.
        models: All declared models, by name.
        datasets: The plans of the curated datasets, by name.
        sources: The sources of prompts, by name.
        settings: The configuration.

    Raises:
        RecipeError: The declaration cannot work. The message names the file, the stage and the
            field.
    """
    file = model.file
    role, start = _start(model, models, settings)
    if not model.train:
        raise RecipeError("a model needs at least one training stage", file=file, field="train")
    if twice := sorted(model.train.keys() & model.validation.keys()):
        raise RecipeError(f"the name {twice[0]!r} is taken", file=file, field="validate")
    roles = settings.defaults()
    read = _Reader(datasets, sources, settings, role, roles, file)
    train = tuple(read.training(*each, seeds=model.seeds) for each in model.train.items())
    trained = train[-1].stage.operator
    validate = tuple(
        read.validation(*each, task=getattr(trained, "task", _LANGUAGE_MODEL))
        for each in model.validation.items()
    )
    refs: dict[str, DatasetRef] = {}
    for each in (*train, *validate):
        ref = each.dataset
        if ref is not None and refs.setdefault(ref.name, ref) != ref:
            raise RecipeError(
                f"datasets/{ref.name} is read at two versions: name one of them in both stages",
                file=file,
                stage=each.name,
                field="of",
            )
    evaluated = [each.data for each in validate if each.dataset is None and each.data]
    for ref in refs.values():
        evaluated += datasets[ref.name].evaluations.values()
    return ModelPlan(
        model.name,
        role,
        start,
        train,
        validate,
        tuple(range(model.seed, model.seed + model.seeds)),
        model.gate,
        tuple(dict.fromkeys([settings.held_out, *evaluated])),
        file,
        model.publish,
    )


def _start(
    model: ModelSpec, models: Declarations[ModelSpec], settings: Settings
) -> tuple[str, str | None]:
    """The role whose binding the model uses, and the model that it starts from."""
    visited = [model.name]
    spec = model
    while (name := downstream_model(spec.start)) is not None:
        if name not in models:
            raise RecipeError(models.missing(name), file=spec.file, field="start")
        if name in visited:
            chain = " from ".join(f"models/{each}" for each in [*visited, name])
            raise RecipeError(
                f"models start from each other: {chain}", file=model.file, field="start"
            )
        visited.append(name)
        spec = models[name]
    role = spec.start
    if role not in settings.roles:
        raise RecipeError(
            f"no model is bound to role {role!r}: bind it in factory.yaml, or start from "
            f"models/NAME; {near(role, settings.roles)}",
            file=spec.file,
            field="start",
        )
    bound = settings.downstream(settings.roles[role])
    if len(visited) > 1:
        return role, visited[1]
    return role, None if bound in (None, model.name) else bound


@dataclass(frozen=True)
class _Reader:
    """Reads the stages of a model."""

    datasets: Declarations[DatasetPlan]
    sources: Mapping[str, SourceSpec]
    settings: Settings
    role: str
    roles: Mapping[str, RoleDefaults]
    file: Any

    def training(self, name: str, spec: Any, *, seeds: int) -> ModelStage:
        """A stage that trains on a dataset."""
        parameters = self._parameters(name, spec, refused=("start", "checkpoint"))
        if seeds > 1 and "seed" in parameters:
            self._refuse("set seed and seeds of the model instead", name, "seed")
        ref = self._dataset(name, parameters["of"])
        if ref is None:
            self._refuse("a model is trained on datasets: datasets/NAME", name, "of")
        table = self.datasets[ref.name].table
        kind = operator_class(parameters["use"])
        if kind.gives is not Checkpoints or "start" not in kind.model_fields:
            self._refuse("is no trainer of a model: name one, as in trainers.DPO", name, "use")
        stage = self._stage(name, {**parameters, "start": self.role}, {parameters["of"]: table})
        return ModelStage(stage, parameters["of"], ref, table)

    def validation(self, name: str, spec: Any, *, task: str) -> ModelStage:
        """A stage that validates the model on the held-out rows of a dataset, or on the prompts of
        a fixed source. ``task`` is the task type of the model."""
        kind = self._operator(name, spec)
        takes = _inputs(kind)
        of = takes.get("of")
        if kind.gives not in EVALUATIONS or of is None or Checkpoints not in of.tables:
            self._refuse(
                "does not validate a model: name trainers.Validate or the like", name, "use"
            )
        if of.tasks and task not in of.tasks:
            self._refuse(
                f"does not measure {MODELS[task]}, which the last training stage makes: name "
                f"{_MEASURES[task]}",
                name,
                "use",
            )
        field = next((each for each in takes if each != "of"), None)
        if field is None:
            return self._without_rows(name, spec, kind)
        parameters = self._parameters(name, spec)
        data = str(parameters["of"])
        ref = self._dataset(name, data)
        if ref is None:
            source = self.settings.held_out if data == "held_out" else data
            fixed = [each for each, one in self.sources.items() if one.fixed]
            if source not in fixed:
                self._refuse(
                    f"there is no fixed source {source!r}; {near(source, ['held_out', *fixed])}, "
                    "or datasets/NAME",
                    name,
                    "of",
                )
            table: type[Table] = Prompts
        else:
            source, table = "", self.datasets[ref.name].table
            fitting = takes[field].tables
            if table not in fitting and Prompts in fitting:
                table = Prompts
        rows = HELD_OUT if table is Prompts else data
        parameters = {
            **dict.fromkeys(_roles(kind), self.role),
            **parameters,
            "of": CHECKPOINT,
            field: rows,
        }
        stage = self._stage(name, parameters, {CHECKPOINT: Checkpoints, rows: table})
        if table is Prompts:
            stage = self._fitted(stage, self.sources.get(source, bare_source()))
        return ModelStage(stage, source or data, ref, table)

    def _without_rows(self, name: str, spec: Any, kind: type[Operator]) -> ModelStage:
        """A stage whose operator has rows of its own."""
        if "of" in spec:
            self._refuse(f"{kind.__name__} has rows of its own: remove of", name, "of")
        parameters = {**dict.fromkeys(_roles(kind), self.role), **spec, "of": CHECKPOINT}
        return ModelStage(
            self._stage(name, parameters, {CHECKPOINT: Checkpoints}), "", None, Checkpoints
        )

    def _operator(self, name: str, spec: Any) -> type[Operator]:
        if not isinstance(spec, Mapping):
            self._refuse("a stage is a mapping: {use: trainers.DPO, of: datasets/NAME}", name, None)
        try:
            return operator_class(spec.get("use"))
        except UnknownOperatorError as error:
            self._refuse(str(error), name, "use")

    def _parameters(self, name: str, spec: Any, *, refused: tuple[str, ...] = ()) -> dict[str, Any]:
        self._operator(name, spec)
        for field in refused:
            if field in spec:
                self._refuse(f"{field} is a field of the model, not of a stage", name, field)
        if "of" not in spec:
            self._refuse("is missing: name a dataset, as in datasets/NAME", name, "of")
        return dict(spec)

    def _dataset(self, stage: str, of: Any) -> DatasetRef | None:
        match = _DATASET.fullmatch(str(of))
        if match is None:
            return None
        if match["name"] not in self.datasets:
            self._refuse(self.datasets.missing(match["name"]), stage, "of")
        return DatasetRef(match["name"], int(match["version"]) if match["version"] else None)

    def _stage(self, name: str, spec: Mapping[str, Any], gives: Mapping[str, type[Table]]) -> Stage:
        operator = stage_operator(name, spec, file=self.file, reserved=())
        table = fit_stage(name, operator, gives, known={}, file=self.file)
        for use in operator.roles():
            check_role(name, operator, use, self.roles, file=self.file)
        filled, origins = with_defaults(name, operator, self.roles, file=self.file)
        return Stage(name, filled, table, tuple(gives), origins)

    def _fitted(self, stage: Stage, source: SourceSpec) -> Stage:
        """The stage for the check and the references that its prompts have."""
        sources: Mapping[str, list[SourceSpec]] = {"prompts": [], HELD_OUT: [source]}
        fitted = fit([stage], sources, file=self.file, roles=self.roles, measured=None)
        if fitted.refusal is not None:
            raise fitted.refusal
        return fitted.stages[0]

    def _refuse(self, problem: str, stage: str, field: str | None) -> NoReturn:
        raise RecipeError(problem, file=self.file, stage=stage, field=field)


def _inputs(kind: type[Operator]) -> dict[str, Takes]:
    """What each input field of an operator takes."""
    return {name: mark for name, mark in field_marks(kind) if isinstance(mark, Takes)}


def _roles(kind: type[Operator]) -> list[str]:
    """The fields of an operator that name the model under test: they are ``policy`` by default."""
    return [
        name
        for name, mark in field_marks(kind)
        if isinstance(mark, RoleMark) and kind.model_fields[name].default == "policy"
    ]
