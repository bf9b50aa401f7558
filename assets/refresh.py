"""Runs a recipe through Dagster, in this process and on the instance that ``make serve`` shows."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from assets.automation.partitions import REFRESHES
from assets.config.errors import FactoryError, causes
from assets.execution.claim_check import CHECK
from assets.execution.executor import holders
from assets.execution.instance import home
from assets.execution.run_liveness import PID, here, killed
from assets.project.dataset import DATASETS
from assets.project.project import Project


@dataclass(frozen=True)
class Outcome:
    """What one refresh of a recipe came to. ``stages`` are in running order; ``sources`` are the
    accounts of the sources it drew from; ``findings`` are what stages found out besides their rows,
    by stage; ``claim`` is the check of the recipe's claim, where it has one; ``says`` is what went
    another way than usual: no new prompts, a policy that was not promoted. ``datasets`` are the
    curated datasets that it made grow: by name, their version and the rows of its splits."""

    recipe: str
    refresh: str
    sources: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]
    label_accuracy: float | None
    validated: Mapping[str, float] | None
    checkpoint: Mapping[str, Any] | None
    findings: Mapping[str, Mapping[str, Any]]
    claim: dg.AssetCheckEvaluation | None
    says: tuple[str, ...] = ()
    datasets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object that ``factory run --json`` prints."""
        figures = ("before", "after", "difference", "low", "high")
        validated = self.validated
        return {
            "recipe": self.recipe,
            "refresh": self.refresh,
            "stages": {name: dict(account) for name, account in self.stages.items()},
            "label_accuracy": self.label_accuracy,
            "validated": None if validated is None else {name: validated[name] for name in figures},
        }


def rounds(refresh: str | None, count: int) -> list[str]:
    """``count`` consecutive refreshes that end at ``refresh`` (default today, UTC), oldest first.

    Raises `FactoryError` for what is no date, or for a day that has not begun.
    """
    today = datetime.now(UTC).date()
    try:
        last = date.fromisoformat(refresh) if refresh else today
    except ValueError as error:
        raise FactoryError(f"--refresh {refresh!r} is no date: write it as {today}") from error
    days = [(last - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]
    first = REFRESHES.get_first_partition_key()
    if last > today:
        raise FactoryError(f"refresh {last} has not begun: the newest is {today} (UTC)")
    if days[0] < str(first):
        raise FactoryError(f"refresh {days[0]} is too early: the first there can be is {first}")
    return days


def run_refresh(
    project: Project,
    definitions: dg.Definitions,
    recipe: str,
    *,
    refresh: str,
    rows: int | None,
    shown: bool = True,
) -> Outcome:
    """Run all stages of ``recipe`` at ``refresh``; what has been answered before costs nothing.

    ``shown``: on the instance that the UI shows, or on one that is forgotten. Raises what a stage
    raised.
    """
    component = project.recipes[recipe]
    wanted = component.rows if rows is None else rows
    config = {"config": {"rows": wanted}}
    sources = component.weights(project.settings)
    opened = _shown() if shown else dg.DagsterInstance.ephemeral()
    with opened as instance, _interruptible(f"{recipe} at {refresh}"):
        fail_dead_runs(instance)
        for other in holders(instance):
            print(f"run {other[:8]} is calling models: this one waits for it", file=sys.stderr)
        result = definitions.resolve_job_def(recipe).execute_in_process(
            run_config={
                "ops": {f"{recipe}__prompts": config}
                | {f"prompts__{source}": config for source in sources},
                # Dagster keeps every event for the UI; what a user must know is printed here.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=instance,
            partition_key=refresh,
            tags=here(os.getpid()),
        )
    events = result.get_asset_materialization_events()
    made: dict[str, dict[str, Any]] = {recipe: {}, "prompts": {}}
    for event in events:
        if event.asset_key is not None:
            group, name = event.asset_key.path
            made.setdefault(group, {})[name] = event.materialization.metadata
    order = ["prompts", *(stage.name for stage in component.planned(project.settings))]
    found: list[dict[str, Any]] = [
        {name: value.value for name, value in made[recipe][stage].items()} for stage in order
    ]
    labels = _last(found, "label_accuracy")
    return Outcome(
        recipe=recipe,
        refresh=refresh,
        datasets={
            name: {told: metadata[told].value for told in ("version", "train", "held out")}
            for name, metadata in made.get(DATASETS, {}).items()
        },
        sources={name: made["prompts"][name]["account"].value for name in sources},
        stages=dict(zip(order, (metadata["account"] for metadata in found), strict=True)),
        label_accuracy=labels and labels["label_accuracy"],
        validated=_last(found, "validated"),
        checkpoint=_last(found, "checkpoint"),
        findings={
            stage: metadata["findings"]
            for stage, metadata in zip(order, found, strict=True)
            if "findings" in metadata
        },
        claim=next(
            (one for one in result.get_asset_check_evaluations() if one.check_name == CHECK), None
        ),
        says=tuple(metadata["says"] for metadata in found if "says" in metadata),
    )


def _shown() -> dg.DagsterInstance:
    """The instance that ``make serve`` shows, save that it keeps no copy of what stages print: to
    make one, Dagster turns standard error away from the terminal, where progress is shown."""
    silent = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    return dg.DagsterInstance.local_temp(str(home()), overrides={"compute_logs": silent})


def _last(found: list[dict[str, Any]], name: str) -> Any:
    return next((metadata[name] for metadata in reversed(found) if name in metadata), None)


@contextmanager
def _interruptible(what: str) -> Iterator[None]:
    """Dagster turns Ctrl-C into an exception of its own; a stage that has drained has its words."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError as interrupted:
        words = [
            str(cause) for cause in causes(interrupted) if type(cause) is not type(interrupted)
        ]
        told = next(filter(None, words), f"{what}: stopped; the same command goes on from there")
        raise KeyboardInterrupt(told) from None


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs of the command line that were killed as failed: where no daemon finds them, they
    would show as running for ever."""
    unfinished = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.CANCELING,
            dg.DagsterRunStatus.NOT_STARTED,
        ]
    )
    for run in instance.get_runs(unfinished):
        told = killed(instance, run) if run.tags.get(PID) else None
        if told is not None:
            instance.report_run_failed(run, told)
