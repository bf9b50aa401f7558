"""What an ablation will train, and its cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assets.config.errors import FactoryError
from assets.models.ablation.variants import By, Variant, all_data, rows_digest, variants
from assets.models.open_version import current_version
from assets.models.run import ModelRun, validation_data
from assets.project.model_plan import ModelStage
from assets.project.project import Project
from assets.project.resources import Resources
from assets.storage.model_versions import ModelVersions
from schemas import content_id
from trainers.training.trainer import Trainer


@dataclass(frozen=True)
class AblationPlan:
    """An ablation that has not run yet.

    Attributes:
        run: The version of the model.
        by: What is varied.
        whole: The data that the version was trained on.
        variants: The data of the other trainings.
        digest: The digest of all that decides the result.
    """

    run: ModelRun
    by: By
    whole: Variant
    variants: tuple[Variant, ...]
    digest: str

    @property
    def steps(self) -> dict[str, int]:
        """The optimizer steps of each training stage."""
        return {name: int(rows[0]["steps"]) for name, rows in self.run.version.trained.items()}

    def learns(self, variant: Variant) -> list[str]:
        """The stages that a variant trains: from the first one with other rows, if it has any."""
        names = [stage.name for stage in self.run.plan.train]
        changed = [name for name in names if variant.digests[name] != self.whole.digests[name]]
        later = names[names.index(changed[0]) :] if changed else []
        return [name for name in later if variant.rows[name].height]

    def epochs(self, variant: Variant) -> dict[str, float]:
        """How often each stage learns each of its rows. A stage without a row is left out."""
        return {
            stage.name: self.steps[stage.name] * _rows_of_a_step(stage) / rows.height
            for stage in self.run.plan.train
            if (rows := variant.rows[stage.name]).height
        }

    @property
    def trainings(self) -> int:
        """The number of trainings of a stage that are to be done."""
        return sum(len(self.learns(each)) for each in self.variants) * len(self.run.version.seeds)

    @property
    def seconds(self) -> float:
        """The seconds of all trainings, as the trainings of the version took."""
        mean = {
            stage: sum(float(row["seconds"]) for row in rows) / len(rows)
            for stage, rows in self.run.version.trained.items()
        }
        of_a_seed = sum(mean[stage] for each in self.variants for stage in self.learns(each))
        return of_a_seed * len(self.run.version.seeds)


def plan_ablation(project: Project, name: str, by: By) -> AblationPlan:
    """Plan the ablation of the newest version of a model. Nothing is trained or stored.

    Raises:
        FactoryError: The model was not trained, is declared differently now, or has no stage that
            validates it; or there is no part to leave out.
    """
    plan, settings = project.models[name], project.settings
    if not plan.validate:
        raise FactoryError(
            f"models/{name} has no stage under validate:, so nothing tells whether its data helps: "
            "add tasks: {use: trainers.Validate, of: held_out}"
        )
    version = ModelVersions(settings.models_path, name).version()
    current = current_version(plan, settings)
    trained = all(
        stage.name in version.trained
        and _agree(version.parameters[stage.name], current.parameters[stage.name])
        for stage in plan.train
    )
    if not trained or (version.revision, version.seeds) != (current.revision, current.seeds):
        raise FactoryError(
            f"models/{name} was not trained as it is declared now; an ablation varies the data of "
            f"a finished training: factory train {name}"
        )
    run = ModelRun(plan, version, Resources(settings, project.tables, project.checks))
    all_rows = all_data(run)
    others = tuple(variants(project, run, by, all_rows))
    digest = content_id(
        {
            "version": version.digest,
            "variants": {each.name: each.digests for each in (all_rows, *others)},
            "validate": {
                stage.name: [
                    current.parameters[stage.name],
                    *map(rows_digest, validation_data(run, stage).values()),
                ]
                for stage in plan.validate
            },
        }
    )
    return AblationPlan(run, by, all_rows, others, digest)


def plan_lines(planned: AblationPlan) -> Iterator[str]:
    """What an ablation will do, and its cost."""
    run = planned.run
    version = run.version
    for each in planned.variants:
        counts = ", ".join(
            f"{stage} {rows.height:,} of {planned.whole.rows[stage].height:,} rows"
            + (f" ({planned.epochs(each)[stage]:.2g} epochs)" if rows.height else " (left out)")
            for stage, rows in each.rows.items()
        )
        same = "" if planned.learns(each) else ": the same rows, not trained"
        yield f"{each.name}: {counts}{same}"
    steps = ", ".join(f"{stage} {count:,}" for stage, count in planned.steps.items())
    yield (
        f"{planned.trainings} trainings (seeds {', '.join(map(str, version.seeds))}), each with "
        f"the optimizer steps of version {version.number}: {steps}. Fewer rows are repeated for "
        "more epochs"
    )
    validated = ", ".join(
        " on ".join(
            [
                stage.name,
                *(f"{rows.height:,} rows" for rows in validation_data(run, stage).values()),
            ]
        )
        for stage in run.plan.validate
    )
    yield (
        f"estimated {planned.seconds:,.0f} s of training, as version {version.number} took; then "
        f"each is validated: {validated}"
    )


def _rows_of_a_step(stage: ModelStage) -> int:
    operator = stage.stage.operator
    assert isinstance(operator, Trainer)
    return operator.batch_size * operator.gradient_accumulation


def _agree(recorded: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    """Whether recorded parameters are those of today. A parameter that did not exist then is at
    its default."""
    return all(name in declared and declared[name] == value for name, value in recorded.items())
