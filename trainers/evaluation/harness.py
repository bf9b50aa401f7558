"""Measures a trained policy by tasks of the LM Evaluation Harness, beside its start."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.bindings import Binding
from engines.context import Context
from engines.operators.rebinding import with_weights
from engines.protocol import EngineError
from engines.weights import resolved_device, resolved_dtype
from schemas import Checkpoints, Operator, Split, Takes, TaskEvaluations, TrainedRole, accept, rows
from trainers.evaluation.both_policies import one_checkpoint, start_of

INSTALL = "pip install 'preference-factory[harness]'"


class Harness(Operator):
    """Runs tasks of the LM Evaluation Harness (Gao et al., doi:10.5281/zenodo.12608602) on a
    trained policy and on its start.

    Each item of a task is one row, with its value before and after.
    `trainers.evaluation.task_metrics` makes the figures. Code of models and tasks is never
    trusted, so tasks that need it fail. Tasks of the harness download their data from the Hub;
    those of ``include`` may name local files. Both policies run in this process, one after the
    other; answers are not journaled.

    ``tasks``: names of tasks. ``include``: a folder of task files (YAML) in place of the
    harness's own, relative to the recipe. ``metric``: a metric with
    a value for each item, of which more is better; by default the first such of each task.
    ``few_shot``: examples before each item; ``limit``: the most items of a task; both by default
    what the task says. ``chat``: whether items are asked in the chat template. ``policy``: the role
    that gives number type and device. ``tolerance``: how much worse the mean over tasks may be, as
    in `trainers.Validate`.
    """

    gives: ClassVar = TaskEvaluations
    unit: ClassVar = "item_id"

    of: Annotated[str, Takes(Checkpoints, tasks=("CAUSAL_LM",))]
    tasks: list[str] = Field(min_length=1)
    include: str | None = None
    metric: str | None = None
    few_shot: int | None = Field(None, ge=0)
    limit: int | None = Field(None, ge=1)
    batch_size: int = Field(8, ge=1)
    chat: bool = False
    policy: TrainedRole = "policy"
    tolerance: float | None = Field(None, ge=0)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """One `TaskEvaluations` row per item of a task.

        Raises:
            EngineError: the harness is not installed, a task cannot be run, or there is not exactly
                one checkpoint.
        """
        where = f"recipe {context.recipe!r}, stage {context.stage!r}"
        checkpoint = one_checkpoint(tables, self.of, context)
        after = self._items(checkpoint["path"], context, where)
        before = after
        if checkpoint["path"] != start_of(checkpoint):
            before = self._items(start_of(checkpoint), context, where)
        evaluations = [
            {
                "item_id": f"{task}/{item}",
                "task": task,
                "metric": metric,
                "before": before[task, metric, item],
                "after": value,
            }
            for (task, metric, item), value in after.items()
        ]
        return accept(
            TaskEvaluations, rows(TaskEvaluations, evaluations), stage=context.stage, unit=self.unit
        )

    def _items(
        self, weights: str, context: Context, where: str
    ) -> dict[tuple[str, str, int], float]:
        """The value of each item, by task, metric and number."""
        binding = with_weights(context, self.policy, weights).roles[self.policy].without_replicas()
        try:
            results = self._evaluated(binding, context)
        except ImportError as error:
            raise EngineError(f"{where} needs the LM Evaluation Harness: {INSTALL}") from error
        except (KeyError, ValueError, OSError) as error:
            raise EngineError(f"{where}: the harness cannot run {self.tasks}: {error}") from error
        items = {}
        for task, samples in results["samples"].items():
            better = {name: up for name, up in results["higher_is_better"][task].items() if up}
            metric = self._metric(task, samples, better, where)
            # A task with several filters has one sample for each; the first filter counts.
            first = samples[0]["filter"] if samples else None
            for each in samples:
                if each["filter"] == first:
                    items[task, metric, int(each["doc_id"])] = float(each[metric])
        return items

    def _metric(
        self, task: str, samples: list[dict[str, Any]], better: Mapping[str, bool], where: str
    ) -> str:
        """The metric of a task that each sample has as a number."""
        metrics = [
            name
            for name in better
            if samples and all(isinstance(each.get(name), int | float) for each in samples)
        ]
        chosen = self.metric or next(iter(metrics), None)
        if chosen not in metrics:
            raise EngineError(
                f"{where}: task {task!r} has no metric {chosen or 'for each item'!r} of which more "
                f"is better; it has {', '.join(metrics) or 'none'}"
            )
        return chosen

    def _evaluated(self, binding: Binding, context: Context) -> dict[str, Any]:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager

        folder = None
        if self.include is not None:
            folder = str((context.folder or context.models) / self.include)
        model = HFLM(
            pretrained=binding.model,
            revision=binding.revision or "main",
            dtype=resolved_dtype(binding),
            device=resolved_device(binding),
            batch_size=self.batch_size,
            trust_remote_code=False,
        )
        results: dict[str, Any] = simple_evaluate(
            model=model,
            tasks=self.tasks,
            task_manager=TaskManager(include_path=folder, include_defaults=folder is None),
            num_fewshot=self.few_shot,
            limit=self.limit,
            apply_chat_template=self.chat,
            log_samples=True,
            bootstrap_iters=0,
        )
        return results
