"""A format that cannot be published is refused when its declaration loads."""

from typing import Any

import pytest

STAGES = {
    "responses": {"use": "generators.Sample", "n": 2},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}


@pytest.mark.parametrize(
    ("format", "told"),
    [
        ("prefrence", "there is no format 'prefrence'; did you mean 'preference'"),
        ("stepwise", "makes no StepLabels, which stepwise is made from"),
        ("nobody.FORMAT", "nobody"),
    ],
)
def test_a_format_that_a_recipe_cannot_have_is_refused(
    workshop: Any, format: str, told: str
) -> None:
    publish = {"to": "exports/ours", "format": format}
    workshop.recipe("ours", STAGES, publish=publish)
    workshop.recipe("others", STAGES)
    project = workshop.project()
    assert "others" in project.recipes
    refusal = project.recipes.missing("ours")
    assert told in refusal
    assert "publish.format" in refusal


def test_a_format_that_a_dataset_cannot_have_is_refused(workshop: Any) -> None:
    workshop.recipe("ours", STAGES, publish={"to": "exports/ours", "format": "unpaired"})
    workshop.dataset("mixed", of=["ours"], publish={"to": "exports/mixed", "format": "stepwise"})
    project = workshop.project()
    assert "ours" in project.recipes
    refusal = project.datasets.missing("mixed")
    assert "holds Pairs, which the format stepwise cannot hold" in refusal
