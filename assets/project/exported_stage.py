"""The stage of a recipe whose rows are exported: what the recipe is run for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assets.config.errors import RecipeError
from assets.project.recipe_plan import Stage
from schemas import Demonstrations, Nodes, Pairs, Prompts, Responses, StepLabels, Table
from schemas.near import near

EXPORTED: tuple[type[Table], ...] = (Pairs, StepLabels, Demonstrations)
"""The tables that recipes are run for: models are trained on them."""

_TEXTS: tuple[type[Table], ...] = (Prompts, Responses, Nodes, *EXPORTED)


def with_exported(stages: Sequence[Stage], name: str, *, file: Path | str) -> list[Stage]:
    """``stages``, of which the one of ``name`` is what the recipe makes.

    Raises:
        RecipeError: There is no such stage, or it gives no table of `EXPORTED`.
    """
    fitting = [stage.declared for stage in stages if stage.gives in EXPORTED]
    if name not in fitting:
        problem = f"no stage {name!r} gives pairs, step labels or demonstrations; "
        raise RecipeError(problem + near(name, fitting), file=file, field="exports")
    return [replace(stage, exported=stage.declared == name) for stage in stages]


def exported_stage(stages: Sequence[Stage]) -> Stage | None:
    """What a recipe makes, if anything: the stage that it names (``exports``), or the last that
    gives a table of `EXPORTED`, if possible about the refresh's prompts: pairs of held-out prompts
    are what a reward is measured on."""
    if named := [stage for stage in stages if stage.exported]:
        return named[-1]
    about = {"prompts"}
    for stage in stages:
        if stage.gives in _TEXTS and not about.isdisjoint(stage.reads):
            about.add(stage.name)
    exported = [stage for stage in reversed(stages) if stage.gives in EXPORTED]
    return next((stage for stage in exported if stage.name in about), next(iter(exported), None))
