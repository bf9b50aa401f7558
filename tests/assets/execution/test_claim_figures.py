"""Claims about prompts that a stage draws, measured from stored tables."""

from typing import Any

import polars as pl
import pytest

from assets.execution.claim_figures import measured
from assets.project.measure import Figures, UnmeasurableError
from assets.project.resources import Resources
from schemas import Dropped, Evaluations, Pairs, Prompts, Split, empty, rows
from tests.assets.conftest import SAMPLED, STAGES, Workshop

DAY = "2026-11-11"
STAGED: dict[str, Any] = {
    "more": {"use": "generators.Draw", "of": "pocket", "rows": 3},
    "responses": {**SAMPLED, "of": "more"},
    "pairs": {"use": "filters.RandomPairs", "of": "responses", "prompts": "more"},
    "policy": STAGES["policy"],
    "on_more": {**STAGES["validated"], "prompts": "more"},
}


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    return text == reference


def prompts(*names: str) -> pl.DataFrame:
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "right"}
    turn = [{"role": "user", "content": "?"}]
    return rows(Prompts, [{"prompt_id": name, "messages": turn, **known} for name in names])


def pairs(**rights: bool) -> pl.DataFrame:
    """A pair for each prompt, whose chosen or rejected side is right."""
    sides = [("right", "x") if right else ("x", "right") for right in rights.values()]
    spoken = [[[{"role": "assistant", "content": text}] for text in both] for both in sides]
    told = {"chosen_id": "c", "rejected_id": "r", "weight": 1.0}
    turn = [{"role": "user", "content": "?"}]
    return rows(
        Pairs,
        [
            {"pair_id": name, "prompt_id": name, "prompt": turn, **told}
            | {"chosen": chosen, "rejected": rejected}
            for name, (chosen, rejected) in zip(rights, spoken, strict=True)
        ],
    )


def evaluations(**greedy: tuple[bool, bool]) -> pl.DataFrame:
    none = {"samples": 0, "right_before": 0, "right_after": 0}
    return rows(
        Evaluations,
        [
            {"prompt_id": name, "greedy_before": before, "greedy_after": after, **none}
            for name, (before, after) in greedy.items()
        ],
    )


def figures(
    workshop: Workshop, measure: dict[str, Any], **tables: dict[str, pl.DataFrame]
) -> Figures:
    """The claim of ``ours`` against ``theirs``, whose tables are given."""
    workshop.recipe("theirs", STAGED)
    workshop.recipe("ours", STAGED, control="theirs", measure=measure)
    project = workshop.project()
    for name, stored in tables.items():
        for stage, frame in stored.items():
            project.tables.write((name, stage), DAY, Split(frame, empty(Dropped)))
    recipe = project.recipes["ours"]
    declared = recipe.measured_by(project.settings)
    assert declared is not None
    checks = {"mine": f"{__name__}.says_it"}
    factory = Resources(project.settings, project.tables, checks)
    return measured(recipe, declared, factory, refresh=DAY)


LABELS = {"use": "claims.LabelAccuracy", "of": "pairs", "control": "pairs"}


def test_labels_of_drawn_prompts_are_measured(workshop: Workshop) -> None:
    asked = {"prompts": prompts("a", "b"), "more": prompts("c", "d", "e")}
    found = figures(
        workshop,
        LABELS,
        ours={**asked, "pairs": pairs(c=True, d=True, e=False)},
        theirs={**asked, "pairs": pairs(c=True, d=False, e=False)},
    )
    assert (found.measured, found.control) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    # The recipe has two prompts of its own; with more of them it draws more.
    assert "prompts instead of 2 would decide" in found.says


def test_only_prompts_that_both_drew_are_compared(workshop: Workshop) -> None:
    asked = {"prompts": prompts("a")}
    ours = asked | {"more": prompts("c", "d"), "pairs": pairs(c=True, d=True)}
    theirs = asked | {"more": prompts("c", "e"), "pairs": pairs(c=True, e=False)}
    found = figures(workshop, LABELS, ours=ours, theirs=theirs)
    assert (found.measured, found.control, found.verdict) == (1.0, 1.0, "undecided")
    assert "both are the same on all of them" in found.says
    with pytest.raises(UnmeasurableError, match="pairs holds 0 pairs"):
        figures(workshop, LABELS, ours=ours, theirs=theirs | {"more": prompts("e")})


def test_a_policy_is_measured_on_a_second_validation_set(workshop: Workshop) -> None:
    asked = {"prompts": prompts("a"), "more": prompts("c", "d")}
    found = figures(
        workshop,
        {"use": "claims.PolicyGain", "of": "on_more", "control": "on_more"},
        ours={**asked, "on_more": evaluations(c=(False, True), d=(True, True))},
        theirs={**asked, "on_more": evaluations(c=(False, False), d=(True, True))},
    )
    assert (found.measured, found.control) == (0.5, 0.0)
