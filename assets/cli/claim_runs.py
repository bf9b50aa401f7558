"""Runs recipes and their controls to measure claims, with one seed of training."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.config.causes import message
from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.definitions import build_definitions
from assets.execution.instance import shown_instance
from assets.project.recipe_plan import with_read
from engines.protocol import EngineError
from engines.weights import weights_revision
from schemas import Checkpoints

if TYPE_CHECKING:
    from assets.project.project import Project
    from assets.project.recipe import RecipeSpec

log = logging.getLogger(__name__)

FIGURES = (
    "measured",
    "control",
    "low",
    "high",
    "held",
    "verdict",
    "deciding_rows",
    "boundary",
    "below",
)
"""The figures of a claim in a result; all are None if it was not measured."""


def claims_of_seed(
    settings: Settings,
    names: Sequence[str],
    seed: int,
    rows: int | None,
    refresh: str,
    world: str | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The results of recipes, each with its name. ``trains``: whether a stage was trained for it.

    Args:
        settings: The configuration.
        names: The recipes.
        seed: The seed of every training; 0: that of the recipe.
        rows: Prompts of a refresh; None: the number of the recipe.
        refresh: The last refresh.
        world: As for `assets.cli.claims.measure_claims`.

    Raises:
        FactoryError: ``world`` is not two sources.
    """
    from assets.project.project import Project

    folder = refresh if world is None else f"{world}/{refresh}"
    if seed:
        folder = f"{folder}/seed-{seed}"
    changes: dict[str, Any] = {
        "root": str(settings.root_path / "claims" / folder),
        "journal": str(settings.journal_path),
        "models": str(settings.models_path / "claims" / folder),
        "imports": str(settings.imports_path),
    }
    if world is not None:
        bound = {"sources": {world: 1.0}, "recipe_sources": {}}
        changes |= {**bound, "held_out": f"{world}_held_out"}
    project = Project(settings.model_copy(update=changes))
    for source in [] if world is None else [world, f"{world}_held_out"]:
        if source not in project.sources:
            raise FactoryError(f"--world {world}: {project.sources.missing(source)}")
    run = {each for name in names for each in (name, project.recipes[name].control) if each}
    definitions = build_definitions(project, run - project.refused.keys())
    finished: set[tuple[str, str, frozenset[str] | None]] = set()
    for name in names:
        claim = _measured(
            project.recipes[name],
            project,
            definitions,
            seed=seed,
            rows=rows,
            refresh=refresh,
            world=world,
            finished=finished,
        )
        yield name, claim


def _measured(
    recipe: "RecipeSpec",
    project: "Project",
    definitions: dg.Definitions,
    *,
    seed: int,
    rows: int | None,
    refresh: str,
    world: str | None,
    finished: set[tuple[str, str, frozenset[str] | None]],
) -> dict[str, Any]:
    from assets.refresh import run_refresh

    name = recipe.name
    if recipe.measure is None:
        raise FactoryError(f"{recipe.file} has no 'measure', so its claim cannot be measured")
    last = date.fromisoformat(refresh)
    days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(recipe.rounds))]
    row_count = recipe.rows if rows is None else rows
    evaluation = None
    unmeasured: dict[str, Any] = dict.fromkeys(FIGURES)
    claim: dict[str, Any] = {
        "id": name,
        "claim": recipe.claim,
        "world": world or "+".join(project.settings.sources),
        **policy_of(project.settings),
        "rows": row_count,
        "rounds": recipe.rounds,
        "trains": False,
    }
    try:
        if world is not None and recipe.sources is not None:
            raise FactoryError(f"its prompts are always those of {', '.join(recipe.sources)}")
        read = _read(recipe, project.settings)
        for each in [recipe.control, name] if recipe.control else [name]:
            for day in days:
                # Earlier refreshes train the policy that the last one starts from.
                stages = read.get(each) if day == refresh else None
                trained = _trained(project, each, stages)
                claim["trains"] = claim["trains"] or bool(trained)
                # The recipe runs last and always again: its check reads the control's tables.
                if each == name or (each, day, stages) not in finished:
                    project.require(each)
                    outcome = run_refresh(
                        project,
                        definitions,
                        each,
                        refresh=day,
                        rows=row_count,
                        changes={f"{stage}.seed": seed for stage in trained} if seed else None,
                        stages=stages,
                        shown=False,
                    )
                    finished.add((each, day, stages))
                    evaluation = outcome.claim
    except Exception as error:
        reason = message(error)
        if reason is None:
            raise
        log.warning("%s: %s", name, reason)
        return {**claim, **unmeasured, "says": reason}
    if evaluation is None:
        return {**claim, **unmeasured, "says": str(recipe.fitted(project.settings).notice)}
    if not seed:
        with shown_instance() as instance:
            instance.report_runless_asset_event(evaluation)
    metadata = evaluation.metadata.get("figures")
    figures = metadata.value if isinstance(metadata, dg.JsonMetadataValue) else None
    if not isinstance(figures, dict):
        figures = unmeasured
    return {**claim, **figures, "says": evaluation.description}


def _read(recipe: "RecipeSpec", settings: Settings) -> dict[str, frozenset[str]]:
    """The stages that the measure of a recipe reads, of the recipe and of its control. Empty if the
    recipe is fitted so that it has no measure."""
    measure = recipe.measured_by(settings)
    if measure is None:
        return {}
    ours, theirs = frozenset(measure.stages()), frozenset(measure.control_stages())
    if recipe.control is None:
        return {recipe.name: ours | theirs}
    return {recipe.name: ours, recipe.control: theirs}


def _trained(project: "Project", name: str, stages: Collection[str] | None) -> list[str]:
    """The stages of a recipe that train, of those that run."""
    planned = project.recipes[name].planned(project.settings)
    running = planned if stages is None else with_read(planned, stages)
    return [stage.name for stage in running if stage.gives is Checkpoints]


def policy_of(settings: Settings) -> dict[str, str | None]:
    """``policy``: the name of the policy's model, without its folder; ``weights``: their digest,
    None if they are not here. Both are None without a policy."""
    binding = settings.roles.get("policy")
    if binding is None:
        return {"policy": None, "weights": None}
    weights = None
    with suppress(EngineError):
        weights = None if binding.model is None else weights_revision(binding)
    return {"policy": PurePath(binding.journal_name("policy")).name, "weights": weights}
