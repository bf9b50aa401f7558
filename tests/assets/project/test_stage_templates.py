"""Files that stages name are read when a recipe loads."""

from pathlib import Path

import pytest

from assets.config.errors import RecipeError
from assets.project.recipe import RecipeSpec

RUBRIC = "# Ours\n\n- **kind** (weight 3): The answer is kind.\n- **brief**: The answer is short.\n"


def test_weights_of_a_file_that_would_not_count_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ours.md").write_text(RUBRIC)
    marks = {"use": "annotators.Criteria", "of": "answers", "file": "ours"}
    stages = {"answers": {"use": "generators.Sample"}, "marks": marks}
    with pytest.raises(RecipeError, match="different weights") as error:
        RecipeSpec.declared({"name": "fine", "stages": stages}, tmp_path / "defs.yaml")
    assert (error.value.stage, error.value.field) == ("marks", "score_by")
    stages["marks"] = marks | {"score_by": "mean"}
    assert RecipeSpec.declared({"name": "fine", "stages": stages}, tmp_path / "defs.yaml")


@pytest.mark.parametrize(
    "stated", [{"file": "ours"}, {"criteria": ["Kind.", {"text": "Brief.", "weight": 2}]}]
)
def test_weights_of_a_stage_that_states_them_are_refused_before_it_runs(
    tmp_path: Path, stated: dict[str, object]
) -> None:
    (tmp_path / "ours.md").write_text(RUBRIC)
    marks = {"use": "annotators.Criteria", "of": "answers", "by": "rubric"}
    stages = {
        "answers": {"use": "generators.Sample"},
        "rubric": {"use": "annotators.Rubric", **stated},
        "marks": marks,
    }
    with pytest.raises(RecipeError, match="different weights") as error:
        RecipeSpec.declared({"name": "fine", "stages": stages}, tmp_path / "defs.yaml")
    assert (error.value.stage, error.value.field) == ("marks", "score_by")
    stages["marks"] = marks | {"score_by": "mean"}
    assert RecipeSpec.declared({"name": "fine", "stages": stages}, tmp_path / "defs.yaml")
