"""How the held-out accuracy of a recipe's policy changed from refresh to refresh."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assets.config.errors import FactoryError
from schemas import Checkpoints, Evaluations
from trainers.evaluation.metrics import measured_by, summary

if TYPE_CHECKING:
    from assets.project.project import Project

_FIGURES = ("before", "after", "difference", "low", "high")


def gains(project: "Project", recipe: str) -> Iterator[dict[str, Any]]:
    """One row a refresh: what the policy learned from, and its accuracy on the held-out prompts.

    ``before`` is the accuracy of the policy that the first refresh started from, on the same
    prompts. ``trained`` counts the rows that were trained on. Figures with the prefix ``sampled_``
    are shares of sampled answers, the others of greedy answers (`trainers.evaluation.metrics`).

    Raises:
        FactoryError: The recipe has no stage that validates a policy, or has not run.
    """
    stages = project.recipes[recipe].planned(project.settings)
    validated = next((stage.name for stage in stages if stage.gives is Evaluations), None)
    refreshes = [] if validated is None else project.tables.refreshes((recipe, validated))
    if validated is None or not refreshes:
        problem = "has no stage that validates a policy" if validated is None else "has not run"
        raise FactoryError(f"{recipe} {problem}, so there are no gains to show")
    trainer = next(
        read.stage
        for stage in stages
        if stage.name == validated
        for read in stage.operator.inputs()
        if Checkpoints in read.tables
    )
    first = project.tables.read((recipe, validated), refreshes[0])
    if not first.is_empty() and measured_by(first) != "check":
        raise FactoryError(
            f"{recipe}/{validated} was measured by a {measured_by(first)}, which compares each "
            "policy with its own start: gains over refreshes need a check"
        )
    start = first.select("prompt_id", "greedy_before", "right_before")
    for refresh in refreshes:
        evaluated = project.tables.read((recipe, validated), refresh)
        since = evaluated.drop("greedy_before", "right_before").join(start, on="prompt_id")
        figures = summary(since)
        checkpoint = project.tables.read((recipe, trainer), refresh).row(0, named=True)
        prompts = project.tables.read((recipe, "prompts"), refresh).height
        yield {
            "refresh": refresh,
            "prompts": prompts,
            "trained": checkpoint["rows"],
            "held_out": since.height,
            **{name: figures[name] for name in _FIGURES},
            **{f"sampled_{name}": figures.get(f"sampled_{name}") for name in _FIGURES},
        }
