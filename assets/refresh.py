"""Runs a recipe through Dagster in this process, on the instance that ``make serve`` shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.automation.partitions import EARLIEST
from assets.config.errors import FactoryError
from assets.config.operation import Schedule
from assets.execution.claim_check import CHECK
from assets.execution.in_process import execute_job
from assets.project.changes import Changes
from assets.project.dataset import DATASETS
from assets.project.label_truth import LabelCounts
from assets.project.project import Project
from assets.project.publish import PUBLISHED
from assets.project.recipe_plan import Stage, with_read


@dataclass(frozen=True)
class Outcome:
    """The result of one refresh of a recipe.

    Attributes:
        recipe: The name of the recipe.
        refresh: The day.
        sources: The row counts of each source that it drew from.
        stages: The row counts of each stage, in running order.
        labels: How many labels of pairs are right; None if it made no pairs.
        label_origin: How the check that tells it made the labels itself; None if it did not.
        validated: The figures of the policy on held-out prompts; None if it was not validated.
        checkpoint: The row of the trained checkpoint; None if nothing was trained.
        findings: Further figures of each stage.
        claim: The check of the recipe's claim; None if it has none.
        says: Notices, such as "no new prompts" or a policy that was not promoted.
        datasets: The updated curated datasets: their version, and the rows of their splits.
        published: The place of each export that the run made, by the name of what is published,
            and whether it changed.
    """

    recipe: str
    refresh: str
    sources: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]
    labels: LabelCounts | None
    label_origin: str | None
    validated: Mapping[str, Any] | None
    checkpoint: Mapping[str, Any] | None
    findings: Mapping[str, Mapping[str, Any]]
    claim: dg.AssetCheckEvaluation | None
    says: tuple[str, ...] = ()
    datasets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    published: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object that ``factory run --json`` prints."""
        figures = ("by", "before", "after", "difference", "low", "high")
        validated = self.validated
        return {
            "recipe": self.recipe,
            "refresh": self.refresh,
            "stages": {name: dict(account) for name, account in self.stages.items()},
            "label_accuracy": self.labels and self.labels.accuracy,
            "labels": self.labels and self.labels._asdict(),
            "label_origin": self.label_origin,
            "validated": None if validated is None else {name: validated[name] for name in figures},
        }


def rounds(refresh: str | None, count: int, schedule: Schedule) -> list[str]:
    """Consecutive refreshes, oldest first.

    Args:
        refresh: The last refresh, such as ``2026-01-31``; None for today.
        count: How many refreshes.
        schedule: The time zone of the days, and the first one.

    Raises:
        FactoryError: ``refresh`` is not a date, is in the future, or is before the first refresh.
    """
    today = schedule.today
    try:
        last = date.fromisoformat(refresh) if refresh else today
    except ValueError as error:
        raise FactoryError(f"--refresh {refresh!r} is not a date: write it as {today}") from error
    days = [last - timedelta(days=back) for back in range(count - 1, -1, -1)]
    first = schedule.start or EARLIEST
    if last > today:
        raise FactoryError(
            f"refresh {last} has not begun: the newest is {today} ({schedule.timezone})"
        )
    if days[0] < first:
        named = " (schedule.start of factory.yaml)" if schedule.start else ""
        raise FactoryError(
            f"refresh {days[0]} is too early: the first possible one is {first}{named}"
        )
    return [day.isoformat() for day in days]


def run_refresh(
    project: Project,
    definitions: dg.Definitions,
    recipe: str,
    *,
    refresh: str,
    rows: int | None,
    held_out: int | None = None,
    changes: Changes | None = None,
    stages: Collection[str] | None = None,
    shown: bool = True,
) -> Outcome:
    """Run the stages of a recipe at a refresh. Journaled answers cost nothing.

    Args:
        project: The project.
        definitions: Dagster definitions that hold the recipe.
        recipe: The name of the recipe.
        refresh: The refresh.
        rows: The largest number of prompts; None for the number that the recipe sets. Of fewer,
            stages that draw prompts of their own draw fewer in proportion.
        held_out: The largest number of held-out prompts that stages ask; None for all.
        changes: The parameters of stages that this run sets.
        stages: The stages to run, with those that they need; None for all.
        shown: Whether the run is on the Dagster instance that the UI shows, or on a temporary one.

    Raises:
        RecipeError: A parameter cannot be set.
        Exception: The error of a stage.
    """
    component = project.recipes[recipe]
    wanted = component.rows if rows is None else rows
    changes = changes or {}
    drawn_for = component.drawn_for(project.settings, rows)
    planned = component.changed(project.settings, {**drawn_for, **changes})
    chosen = planned if stages is None else with_read(planned, stages)
    order = ["prompts", *(stage.name for stage in chosen)]
    sources = component.asked_of_sources(chosen, project.settings, wanted)
    drawn = [*sources, project.settings.held_out]
    keys = [*([recipe, name] for name in order), *(["prompts", source] for source in drawn)]
    ops = _configured(chosen, changes, held_out)
    result = execute_job(
        definitions,
        recipe,
        what=f"{recipe} at {refresh}",
        ops={f"{recipe}__prompts": {"config": {"rows": wanted}}}
        | {f"prompts__{source}": {"config": {"rows": most}} for source, most in sources.items()}
        | {f"{recipe}__{stage}": {"config": given} for stage, given in ops.items()},
        partition_key=refresh,
        assets=None if stages is None else [dg.AssetKey(key) for key in keys],
        shown=shown,
    )
    events = result.get_asset_materialization_events()
    by_group: dict[str, dict[str, Any]] = {recipe: {}, "prompts": {}}
    for event in events:
        if event.asset_key is not None:
            group, *rest = event.asset_key.path
            by_group.setdefault(group, {})["/".join(rest)] = event.materialization.metadata
    by_stage: list[dict[str, Any]] = [
        {name: value.value for name, value in by_group[recipe][stage].items()} for stage in order
    ]
    labels = _last(by_stage, "label_accuracy")
    notices = [metadata.get("says") for metadata in by_stage]
    return Outcome(
        recipe=recipe,
        refresh=refresh,
        datasets={
            name: {key: metadata[key].value for key in ("version", "train", "held out")}
            for name, metadata in by_group.get(DATASETS, {}).items()
        },
        published={
            name.removeprefix("recipes/"): (
                metadata["path" if "path" in metadata else "url"].value,
                _changed(metadata),
            )
            for name, metadata in by_group.get(PUBLISHED, {}).items()
        },
        sources={name: by_group["prompts"][name]["account"].value for name in sources},
        stages=dict(zip(order, (metadata["account"] for metadata in by_stage), strict=True)),
        labels=labels and LabelCounts(**labels["labels"]),
        label_origin=labels and labels["label_origin"],
        validated=_last(by_stage, "validated"),
        checkpoint=_last(by_stage, "checkpoint"),
        findings={
            stage: metadata["findings"]
            for stage, metadata in zip(order, by_stage, strict=True)
            if "findings" in metadata
        },
        claim=next(
            (each for each in result.get_asset_check_evaluations() if each.check_name == CHECK),
            None,
        ),
        says=tuple(filter(None, [component.fitted(project.settings).notice, *notices])),
    )


def _changed(metadata: Mapping[str, Any]) -> bool:
    return "changed" not in metadata or bool(metadata["changed"].value)


def _configured(
    stages: Sequence[Stage], changes: Changes, held_out: int | None
) -> dict[str, dict[str, Any]]:
    """The run configuration of stages, by their names."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        changed, _, parameter = name.partition(".")
        for each in stages:
            # A change of a declared stage is one of its stage in each batch.
            if changed in (each.name, each.declared):
                found.setdefault(each.name, {}).setdefault("set", {})[parameter] = value
    for each in stages:
        if held_out is not None and each.asks_held_out:
            found.setdefault(each.name, {})["held_out"] = held_out
    return found


def _last(by_stage: list[dict[str, Any]], name: str) -> Any:
    """The entry ``name`` of the last stage that has it; None if no stage has it."""
    return next((metadata[name] for metadata in reversed(by_stage) if name in metadata), None)
