"""Which refresh's policy the next one starts from, and what is said of one that is passed over."""

from pathlib import Path
from typing import Any

import pytest

from assets.policy.lineage import line_before, roles_at
from assets.policy.promotion import Gate, Rule, gate_of, worsened
from assets.project.recipe_plan import plan, policy_stage
from assets.storage.tables import Tables
from engines.bindings import Binding
from engines.operators.model_defaults import RoleDefaults
from engines.profiles import SHIPPED
from schemas import Checkpoints, Dropped, Evaluations, Split, empty, rows

BOUND = {"policy": Binding(model="base")}
DEFAULTS = {"policy": RoleDefaults("policy", BOUND["policy"], SHIPPED["chat"])}
GATE = Gate("recipe", ("validated",))
STAGES: dict[str, Any] = {
    "responses": {"use": "generators.Sample"},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    "warmed": {"use": "trainers.DPO", "of": "pairs"},
    "policy": {"use": "trainers.DPO", "of": "pairs"},
    "on_the_way": {"use": "trainers.Validate", "of": "warmed"},
    "validated": {"use": "trainers.Validate", "of": "policy"},
}


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path / "root")


def refreshed(tables: Tables, day: str, folder: Path, *, before: int, after: int | None) -> str:
    """A refresh that trained a policy: ``before`` and ``after`` of 40 greedy answers are right."""
    path = folder / day
    path.mkdir()
    known = {"trained": True, "rows": 1, "steps": 1, "seconds": 1.0, "metrics": "{}"}
    trained = rows(Checkpoints, [{"path": str(path), "start": "base", **known}])
    tables.write(("recipe", "policy"), day, Split(trained, empty(Dropped)))
    if after is not None:
        measured = [
            {
                "prompt_id": f"{number:032x}",
                "greedy_before": number < before,
                "greedy_after": number < after,
                "samples": 0,
                "right_before": 0,
                "right_after": 0,
            }
            for number in range(40)
        ]
        split = Split(rows(Evaluations, measured), empty(Dropped))
        tables.write(("recipe", "validated"), day, split)
    return str(path)


def starts(tables: Tables, day: str, gate: Gate | None = GATE) -> tuple[str | None, ...]:
    roles = roles_at(day, recipe="recipe", stage="policy", bindings=BOUND, tables=tables, gate=gate)
    return roles["policy"].model, roles["policy@previous"].model


def says(tables: Tables, day: str) -> str:
    return line_before(day, recipe="recipe", stage="policy", tables=tables, gate=GATE).says


def test_a_policy_that_got_worse_is_passed_over_and_said_to_be(
    tables: Tables, tmp_path: Path
) -> None:
    first = refreshed(tables, "2026-01-01", tmp_path, before=10, after=20)
    worse = refreshed(tables, "2026-01-02", tmp_path, before=20, after=5)
    assert starts(tables, "2026-01-02") == (first, "base")
    assert starts(tables, "2026-01-03") == (first, "base")
    assert says(tables, "2026-01-03").startswith(
        "starts from the policy of 2026-01-01; that of 2026-01-02 is not promoted: held-out "
        "accuracy 50.0% → 12.5%, difference -37.5 points"
    )
    third = refreshed(tables, "2026-01-03", tmp_path, before=20, after=30)
    assert starts(tables, "2026-01-04") == (third, first)
    assert says(tables, "2026-01-04") == "starts from the policy of 2026-01-03"
    assert starts(tables, "2026-01-03", None) == (worse, first)


def test_the_first_policy_can_fail_the_gate_too(tables: Tables, tmp_path: Path) -> None:
    refreshed(tables, "2026-01-01", tmp_path, before=30, after=2)
    assert starts(tables, "2026-01-02") == ("base", "base")
    assert says(tables, "2026-01-02").startswith("starts from the configured one; that of")


def test_a_difference_that_may_be_chance_is_no_regression(tables: Tables, tmp_path: Path) -> None:
    path = refreshed(tables, "2026-01-01", tmp_path, before=20, after=19)
    assert starts(tables, "2026-01-02") == (path, "base")


def test_a_policy_that_nobody_measured_is_not_promoted(tables: Tables, tmp_path: Path) -> None:
    refreshed(tables, "2026-01-01", tmp_path, before=0, after=None)
    assert starts(tables, "2026-01-02") == ("base", "base")
    assert "recipe/validated has not measured it" in says(tables, "2026-01-02")
    assert "factory run recipe --refresh 2026-01-01" in says(tables, "2026-01-02")


def test_a_policy_that_was_measured_on_nothing_is_not_promoted(
    tables: Tables, tmp_path: Path
) -> None:
    refreshed(tables, "2026-01-01", tmp_path, before=0, after=None)
    tables.write(("recipe", "validated"), "2026-01-01", Split(empty(Evaluations), empty(Dropped)))
    assert starts(tables, "2026-01-02") == ("base", "base")
    assert "not promoted: nothing was measured" in says(tables, "2026-01-02")


def test_a_policy_that_loses_by_a_judge_is_not_promoted() -> None:
    known = {"samples": 0, "length_before": 10, "length_after": 10}
    lost = [{"prompt_id": f"{n:032x}", "preference": 0.1, **known} for n in range(40)]
    reason = worsened(rows(Evaluations, lost), seed=0)
    assert reason is not None
    assert "win rate against the start policy" in reason


@pytest.mark.parametrize(
    ("rule", "left_out", "expected"),
    [
        ("no_worse", None, ("validated",)),
        ("no_worse", "validated", ()),
        ("none", None, None),
    ],
)
def test_what_measures_the_policy_is_its_gate(
    tables: Tables,
    tmp_path: Path,
    rule: Rule,
    left_out: str | None,
    expected: tuple[str, ...] | None,
) -> None:
    stages = {name: spec for name, spec in STAGES.items() if name != left_out}
    planned = plan(stages, file="defs.yaml", roles=DEFAULTS)
    gate = gate_of("recipe", planned, policy_stage(planned), rule, 0)
    assert (None if gate is None else gate.measured_by) == expected
    path = refreshed(tables, "2026-01-01", tmp_path, before=1, after=2)
    assert starts(tables, "2026-01-02", gate)[0] == ("base" if expected == () else path)


def test_a_regression_set_holds_back_a_policy_that_may_be_worse(tables: Tables) -> None:
    planned = plan(STAGES, file="defs.yaml", roles=DEFAULTS)
    validated = {**STAGES["validated"], "tolerance": 0.1}
    strict = plan({**STAGES, "validated": validated}, file="defs.yaml", roles=DEFAULTS)
    swaps = [
        {"prompt_id": f"{n:032x}", "greedy_before": n % 2 == 0, "greedy_after": n % 2 == 1}
        for n in range(20)
    ]
    unmeasured = {"samples": 0, "right_before": 0, "right_after": 0}
    found = rows(Evaluations, [each | unmeasured for each in swaps])
    tables.write(("recipe", "validated"), "2026-01-01", Split(found, empty(Dropped)))
    lenient, held = (
        gate_of("recipe", stages, policy_stage(stages), "no_worse", 0)
        for stages in (planned, strict)
    )
    assert lenient is not None
    assert lenient.closed("2026-01-01", tables) is None
    assert held is not None
    assert "tolerance 10 points" in str(held.closed("2026-01-01", tables))
