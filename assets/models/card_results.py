"""The measured figures of a model, as the metadata of its card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.project.model_plan import ModelPlan
from assets.storage.model_versions import ModelVersion

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


def eval_results(plan: ModelPlan, version: ModelVersion, task: str) -> Iterator["EvalResult"]:
    """The measured figures as the metadata of a card. What was not measured has none.

    Args:
        plan: The plan of the model.
        version: The version.
        task: The Hub's name of what the model does.
    """
    from huggingface_hub import EvalResult

    for stage in plan.validate:
        for each in _measured(version.figures.get(stage.name), stage.data):
            yield EvalResult(
                task_type=task,
                dataset_type=each.data.removeprefix("datasets/"),
                dataset_name=each.data,
                metric_type=each.metric,
                metric_name=f"{stage.name}, {each.metric.replace('_', ' ')}",
                metric_value=each.value,
            )


@dataclass(frozen=True)
class _Metric:
    data: str
    metric: str
    value: float


def _measured(figures: Mapping[str, Any] | None, data: str) -> list[_Metric]:
    """The figures of a validation stage; those of each task if it ran tasks of the harness."""
    if figures is None:
        return []
    if figures["by"] == "tasks":
        return [
            _Metric(task, each["metric"], each["after"]) for task, each in figures["tasks"].items()
        ]
    names = {"judge": "win_rate", "reward": "reward", "steps": "balanced_accuracy"}
    return [_Metric(data, names.get(figures["by"], "accuracy"), figures["after"])]
