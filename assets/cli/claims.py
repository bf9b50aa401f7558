"""Measures the claims of recipes."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.config.causes import message
from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.definitions import build_definitions
from assets.execution.instance import shown_instance

if TYPE_CHECKING:
    from assets.project.project import Project
    from assets.project.recipe import RecipeSpec

log = logging.getLogger(__name__)

_FIGURES = ("measured", "control", "low", "high", "held", "verdict", "deciding_rows")

_GROWTH = 4
"""The most that a claim grows at a time: what would decide is estimated from an interval that is
wide at first."""


def measure_until_decided(
    settings: Settings,
    names: Sequence[str],
    *,
    rows: int | None,
    refresh: str,
    world: str | None = None,
    hours: float,
) -> Iterator[list[dict[str, Any]]]:
    """Measure claims on ever more prompts, until they are decided or the time is over.

    A claim that more prompts of its recipe do not decide is measured once: a policy's gain, for
    example, is measured on all held-out prompts that there are. No claim begins after ``hours``.
    Another call goes on: answers are in the journal.

    Args:
        settings: The configuration.
        names: The recipes.
        rows: Prompts to begin with; None: the numbers of the recipes.
        refresh: As for `measure_claims`.
        world: As for `measure_claims`.
        hours: The time.

    Yields:
        The results so far, the newest of each recipe, each time that one is there.
    """
    until = monotonic() + 3600 * hours
    found: dict[str, dict[str, Any]] = {}
    sizes: dict[str, int | None] = dict.fromkeys(names, rows)
    while sizes:
        for name in list(sizes):
            if found and monotonic() > until:
                return
            (claim,) = measure_claims(
                settings, [name], rows=sizes[name], refresh=refresh, world=world
            )
            found[name] = claim
            yield list(found.values())
            needed = claim["deciding_rows"]
            if needed is None or needed <= claim["rows"]:
                del sizes[name]
            else:
                sizes[name] = min(needed, _GROWTH * claim["rows"])


def measure_claims(
    settings: Settings,
    names: Sequence[str],
    *,
    rows: int | None,
    refresh: str,
    world: str | None = None,
) -> list[dict[str, Any]]:
    """Measure the claim of each recipe in ``names``.

    A recipe and its control run the recipe's ``rounds`` refreshes, the last at ``refresh``. They
    run in the folder ``claims/<world>/<refresh>`` of the root, without earlier refreshes: both draw
    the same prompts and start from the same policy. They use the configured journal, so no answer
    is paid for twice. At the last refresh only the stages run that the measure reads, with those
    that they need.

    Args:
        settings: The configuration.
        names: The recipes.
        rows: Prompts of a refresh; None: the number of the recipe.
        refresh: The last refresh.
        world: The source of prompts; policies are validated on the source ``<world>_held_out``.
            None: the sources of the configuration. A recipe with sources of its own is not
            measured in another world.

    Returns:
        One result a recipe, as ``factory claims --json`` prints it.

    Raises:
        FactoryError: ``world`` is not two sources.
    """
    from assets.project.project import Project

    folder = refresh if world is None else f"{world}/{refresh}"
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
    done: set[tuple[str, str, frozenset[str] | None]] = set()
    return [
        _measured(
            project.recipes[name],
            project,
            definitions,
            rows=rows,
            refresh=refresh,
            world=world,
            done=done,
        )
        for name in names
    ]


def _measured(
    recipe: "RecipeSpec",
    project: "Project",
    definitions: dg.Definitions,
    *,
    rows: int | None,
    refresh: str,
    world: str | None,
    done: set[tuple[str, str, frozenset[str] | None]],
) -> dict[str, Any]:
    from assets.refresh import run_refresh

    name = recipe.name
    if recipe.measure is None:
        raise FactoryError(f"{recipe.file} has no 'measure', so its claim cannot be measured")
    last = date.fromisoformat(refresh)
    days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(recipe.rounds))]
    wanted = recipe.rows if rows is None else rows
    evaluation = None
    unmeasured: dict[str, Any] = dict.fromkeys(_FIGURES)
    claim = {
        "id": name,
        "claim": recipe.claim,
        "world": world or "+".join(project.settings.sources),
        "policy": _policy(project.settings),
        "rows": wanted,
    }
    try:
        if world is not None and recipe.sources is not None:
            raise FactoryError(f"its prompts are always those of {', '.join(recipe.sources)}")
        read = _read(recipe, project.settings)
        for each in [recipe.control, name] if recipe.control else [name]:
            for day in days:
                # Earlier refreshes train the policy that the last one starts from.
                stages = read.get(each) if day == refresh else None
                # The recipe runs last and always again: its check reads the control's tables.
                if each == name or (each, day, stages) not in done:
                    project.require(each)
                    outcome = run_refresh(
                        project,
                        definitions,
                        each,
                        refresh=day,
                        rows=wanted,
                        stages=stages,
                        shown=False,
                    )
                    done.add((each, day, stages))
                    evaluation = outcome.claim
    except Exception as error:
        known = message(error)
        if known is None:
            raise
        log.warning("%s: %s", name, known)
        return {**claim, **unmeasured, "says": known}
    if evaluation is None:
        return {**claim, **unmeasured, "says": str(recipe.fitted(project.settings).notice)}
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


def _policy(settings: Settings) -> str | None:
    """The name of the policy's model, without its folder."""
    binding = settings.roles.get("policy")
    return None if binding is None else PurePath(binding.journal_name("policy")).name
