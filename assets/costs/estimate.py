"""Estimates what a run of a recipe asks of models, from a trial on a few of its prompts."""

import math
from collections.abc import Iterator, Mapping
from statistics import stdev

import polars as pl

from assets.costs.offered import offered
from assets.costs.plan import Estimate, Plan, RoleCost
from assets.costs.scale import Scale
from assets.costs.training import TrainingCost, training_cost
from assets.costs.trial import try_stages
from assets.execution.stage_context import RecipeContext, stage_context
from assets.project.changes import Changes
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from engines.ledger import Place, Spent
from schemas import EVALUATIONS, Checkpoints, contents, first_by_id

SAMPLE = 16
"""The prompts of a trial."""
LOOKED_UP = 1024
"""The most prompts whose answers are looked up in the journal. If there are more, the number of
journaled answers is estimated from these."""
FIGURES = ("calls", "prompt_tokens", "answer_tokens")


def plan_run(
    project: Project,
    recipe: RecipeSpec,
    *,
    refresh: str,
    rows: int,
    held_out: int | None = None,
    sample: int = SAMPLE,
    changes: Changes | None = None,
) -> Plan:
    """Estimate the cost of a run. The stages run on a few of its prompts, without training.

    Args:
        project: The project.
        recipe: The recipe.
        refresh: The refresh.
        rows: The prompts of the run.
        held_out: The most held-out prompts that stages ask; None: all.
        sample: The most prompts of the trial.
        changes: The parameters of stages that the run sets.

    Raises:
        FactoryError: A source cannot be read, or a parameter cannot be set.
    """
    drawn = recipe.drawn_for(project.settings, rows)
    stages = recipe.changed(project.settings, {**drawn, **(changes or {})})
    context = RecipeContext.of(recipe, stages)
    found = offered(project, recipe, stages, refresh=refresh, rows=rows)
    prompts, unseen = found.prompts, found.held_out
    if held_out is not None:
        unseen = first_by_id(unseen, held_out)
    trial, known = (
        try_stages(
            stages,
            context,
            project,
            refresh=refresh,
            prompts=_spread(prompts, most),
            held_out=_spread(unseen, most),
            others={name: _spread(frame, most) for name, frame in found.others.items()},
            journal_only=journal_only,
        )
        # What the trial pays for is in the journal when the answers are looked up.
        for most, journal_only in ((sample, False), (LOOKED_UP, True))
    )
    full = {"prompts": prompts.height, "held_out": unseen.height}
    full |= {name: frame.height for name, frame in found.others.items()}
    scale = Scale({stage.name: stage for stage in stages}, full, trial.frames)
    looked_up = Scale(scale.stages, full, known.frames)
    trainings = list(_trainings(scale, context, project, refresh))
    trained = {each.stage for each in trainings if each.rows}
    costs = [
        _cost(place, spent, known.ledger.spent.get(place, {}), scale, looked_up, trained)
        for place, spent in trial.ledger.spent.items()
    ]
    return Plan(
        recipe.name,
        refresh,
        prompts.height,
        trial.frames["prompts"].height,
        list(_joined(costs, list(scale.stages))),
        trainings,
        trial.unknown,
    )


def _spread(prompts: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most so many prompts, in their order: of all lengths in equal parts, because the cost of a
    prompt goes with its length. From so many parts of equal size, the one in the middle is taken.
    """
    if prompts.height <= most:
        return prompts
    by_length = prompts.with_row_index("place").sort(
        contents(pl.col("messages")).str.len_chars(), "prompt_id"
    )
    middles = [(2 * part + 1) * prompts.height // (2 * most) for part in range(most)]
    return by_length[middles].sort("place").drop("place")


def _cost(
    place: Place,
    spent: Mapping[str, Spent],
    journaled: Mapping[str, Spent],
    scale: Scale,
    looked_up: Scale,
    trained: set[str],
) -> RoleCost:
    """The cost of a place, from the costs of the rows of a trial, and from those that the journal
    has."""
    stage = scale.stages[place.stage]
    if place.probes:
        # A run tests with prompts of all; the journal has those of the prompts that it covers.
        factor = scale.of_probes(place.stage, len(spent))
        share = looked_up.covered(place.stage)
    else:
        factor, share = scale.of(place.stage), looked_up.of(place.stage)
    # A policy is measured before and after its training, and a trial asks it once.
    measured = stage.gives in EVALUATIONS and getattr(stage.operator, "policy", None) == place.role
    if measured and not trained.isdisjoint(stage.reads):
        factor *= 2
    figures = {}
    for name in FIGURES:
        asked = _estimate([getattr(each.all, name) for each in spent.values()], factor)
        known = share * sum(getattr(each.journaled, name) for each in journaled.values())
        figures[name] = Estimate(max(asked.value - known, 0.0), asked.error)
    return RoleCost(
        place.stage,
        place.role,
        figures["calls"],
        figures["prompt_tokens"],
        figures["answer_tokens"],
        journaled=round(share * sum(each.journaled.calls for each in journaled.values())),
        price=place.price,
    )


def _estimate(values: list[int], factor: float) -> Estimate:
    """The sum over all rows, from the values of some."""
    spread = stdev(values) if len(values) > 1 else 0.0
    unseen = math.sqrt(max(1 - 1 / factor, 0.0)) if factor else 0.0
    error = 1.96 * factor * math.sqrt(len(values)) * spread * unseen
    return Estimate(factor * sum(values), error)


def _joined(costs: list[RoleCost], order: list[str]) -> Iterator[RoleCost]:
    """The costs by stage and role, in running order, with those of tests of annotators."""
    found: dict[tuple[object, ...], RoleCost] = {}
    for each in costs:
        key = each.stage, each.role, each.price
        found[key] = each if key not in found else found[key] + each
    yield from sorted(found.values(), key=lambda each: order.index(each.stage))


def _trainings(
    scale: Scale, recipe: RecipeContext, project: Project, refresh: str
) -> Iterator[TrainingCost]:
    for stage in scale.stages.values():
        of = getattr(stage.operator, "of", None)
        if stage.gives is not Checkpoints or not isinstance(of, str) or of not in scale.frames:
            continue
        context = stage_context(
            stage.name,
            recipe,
            refresh=refresh,
            settings=project.settings,
            tables=project.tables,
            checks=project.checks,
        )
        role = next((use.role for use in stage.operator.roles() if "weights" in use.needs), None)
        if role is None:  # A blend of scores, which costs nothing.
            continue
        cost = training_cost(stage, scale.frames, context.roles[role], factor=scale.of(of))
        if cost is not None:
            yield cost
