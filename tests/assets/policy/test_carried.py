"""Tables that a stage reads from an earlier refresh."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.config.errors import RecipeError
from assets.policy.carried import carried_tables
from assets.project.recipe_plan import Stage, plan
from assets.refresh import Outcome
from assets.storage.tables import Tables
from engines.bindings import Binding
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import SHIPPED
from schemas import Checkpoints, Dropped, Pairs, Split, empty, rows
from tests.assets.conftest import SAMPLED, STAGES, Workshop

CARRYING: dict[str, dict[str, Any]] = {
    "responses": SAMPLED,
    "made": {"use": "filters.RandomPairs", "of": "responses"},
    "pairs": {"use": "filters.Union", "of": ["made", "pairs@previous"]},
    "value": {
        "use": "trainers.RewardModel",
        "of": "pairs",
        "start": "reward",
        "checkpoint": "value@previous",
        "learning_rate": 1e-3,
    },
}
ROLES = {
    role: RoleDefaults(role, Binding(model="m"), SHIPPED["pocket"]) for role in ("policy", "reward")
}


def planned(stages: dict[str, Any]) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan(stages, file="f", roles=ROLES)}


def test_a_stage_may_read_any_stage_of_an_earlier_refresh_also_itself() -> None:
    stages = planned(CARRYING)
    assert stages["pairs"].reads == ("made",)
    assert stages["pairs"].carried == {"pairs": Pairs}
    assert stages["value"].carried == {"value": Checkpoints}


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("maid@previous", "there is no stage 'maid@previous'"),
        ("responses@previous", "takes Prompts or Responses"),
    ],
)
def test_a_table_that_cannot_be_carried_is_refused(of: str, told: str) -> None:
    stages = {**CARRYING, "value": {**CARRYING["value"], "of": of}}
    with pytest.raises(RecipeError, match=told.replace("Prompts or Responses", "Pairs")):
        planned(stages)


def test_it_is_the_refresh_whose_policy_this_one_starts_from(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    for number, trained in ((1, True), (2, True), (3, False)):
        day, path = f"2026-01-0{number}", str(tmp_path / str(number))
        row = {"path": path, "start": "m", "trained": trained, "rows": 1, "steps": 1}
        kept = rows(Checkpoints, [{**row, "seconds": 1.0, "metrics": "{}"}])
        for stage in ("policy", "value"):
            tables.write(("recipe", stage), day, Split(kept, empty(Dropped)))
    stage = planned(CARRYING)["value"]

    def path(day: str, trains: str | None) -> list[str]:
        found = carried_tables(stage, day, recipe="recipe", trains=trains, tables=tables)
        return [Path(each).name for each in found["value@previous"]["path"]]

    assert path("2026-01-01", "policy") == []
    assert path("2026-01-03", "policy") == ["2"]
    # The third refresh trained no policy, so the fourth starts from the second.
    assert path("2026-01-04", "policy") == ["2"]
    assert path("2026-01-04", None) == ["3"]


def test_a_second_round_reads_what_the_first_made_also_after_a_break(
    ran: tuple[Workshop, Outcome],
) -> None:
    workshop, _ = ran
    workshop.recipe("carrying", CARRYING, rows=2)
    tables = workshop.project().tables

    def read(stage: str, day: str) -> pl.DataFrame:
        return tables.read(("carrying", stage), f"2026-11-{day}")

    for day in ("24", "25"):
        workshop.run("carrying", refresh=f"2026-11-{day}")
    both = read("pairs", "25")
    assert both.equals(pl.concat([read("made", "25"), read("pairs", "24")]))
    (first,), (second,) = (read("value", day).to_dicts() for day in ("24", "25"))
    assert second["start"] == first["path"]
    assert second["chain_start"] == first["start"]
    # Once more, as after a kill between two stages.
    workshop.run("carrying", refresh="2026-11-25")
    assert read("pairs", "25").equals(both)
    assert read("value", "25").to_dicts() == [second]


def test_a_preview_reads_the_last_refresh(ran: tuple[Workshop, Outcome]) -> None:
    from assets import Factory

    workshop, _ = ran
    stages = {**STAGES, "pairs": {"use": "filters.Union", "of": ["made", "made@previous"]}}
    stages["made"] = CARRYING["made"]
    workshop.recipe("previewed", stages, rows=2)
    splits = Factory.open().preview("previewed", rows=1)
    assert splits["pairs"].kept.height == splits["made"].kept.height
