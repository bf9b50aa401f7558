"""The figures of tasks of the LM Evaluation Harness."""

from math import sqrt
from typing import Any

import polars as pl

Z = 1.959963984540054
"""The normal quantile of a 95 % interval."""


def task_summary(frame: pl.DataFrame) -> dict[str, Any]:
    """The figures of a `schemas.TaskEvaluations` frame, as a JSON object.

    ``tasks``: for each task its ``metric``, its number of ``items``, ``before``, ``after`` and
    ``difference`` with the interval ``low``, ``high``. The same of all tasks together are the means
    over the tasks, each with the same weight.

    An interval is ± 1.96 standard errors of the mean of the paired differences (Miller 2024,
    arXiv:2411.00640), which are smaller than those of two separate scores.

    Raises:
        ValueError: there is no row.
    """
    if frame.is_empty():
        raise ValueError("nothing was measured: there is no item of a task")
    tasks: dict[str, Any] = {}
    variance = 0.0
    for (task,), items in frame.group_by("task", maintain_order=True):
        change = items["after"] - items["before"]
        squared = float(change.var() or 0) / change.len()  # type: ignore[arg-type]  # of floats
        variance += squared
        tasks[str(task)] = {
            "metric": items["metric"][0],
            "items": items.height,
            **_interval(_mean(items["before"]), _mean(items["after"]), sqrt(squared)),
        }
    before, after = (
        sum(each[when] for each in tasks.values()) / len(tasks) for when in ("before", "after")
    )
    error = sqrt(variance) / len(tasks)
    return {
        "by": "tasks",
        "items": frame.height,
        **_interval(before, after, error),
        "tasks": tasks,
    }


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean())


def _interval(before: float, after: float, error: float) -> dict[str, float]:
    difference = after - before
    return {
        "before": before,
        "after": after,
        "difference": difference,
        "low": difference - Z * error,
        "high": difference + Z * error,
    }
