"""What tasks of the LM Evaluation Harness found, as a table."""

from collections.abc import Mapping
from typing import Any

TASK_COLUMNS = ("task", "metric", "items", "before", "after", "difference (95 % interval)")


def task_rows(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each task; none if the figures are not of tasks.

    Args:
        figures: Those of `trainers.evaluation.metrics.summary`.
    """
    return [
        (
            task,
            each["metric"],
            f"{each['items']:,}",
            *(f"{each[when]:.3g}" for when in ("before", "after")),
            "{:+.3g} ({:+.3g} to {:+.3g})".format(
                *(each[name] for name in ("difference", "low", "high"))
            ),
        )
        for task, each in figures.get("tasks", {}).items()
    ]
