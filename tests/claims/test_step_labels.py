"""StepLabelAccuracy and StepRanking: labels of steps beside the truth, and beside a control's."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from claims import StepLabelAccuracy, StepRanking, UnmeasurableError
from filters import LabelSteps
from tests.filters.stepwise import Told, cut, mean_scores

STEPS = ["0\n", "1\n", "2"]


def world(truth: Mapping[str, int], **stages: Mapping[str, Told]) -> dict[str, pl.DataFrame]:
    """Solutions of three steps, each of a prompt of its own, by the index of their first error."""
    tables = cut(dict.fromkeys(truth, STEPS))
    tables["responses"] = tables["responses"].with_columns(prompt_id=pl.col("response_id"))
    prompt = tables["prompts"].row(0, named=True)
    tables["prompts"] = pl.DataFrame(
        [prompt | {"prompt_id": name} for name in truth], schema=tables["prompts"].schema
    )
    known: dict[str, Told] = {
        name: {step: [float(step != first)] for step in range(3)} | {None: [float(first)]}
        for name, first in truth.items()
    }
    return tables | mean_scores({"truth": known, **stages})


def whole(found: Mapping[str, float | None]) -> dict[str, Told]:
    return {name: {None: [value]} for name, value in found.items()}


def figures(measure: Any, tables: dict[str, pl.DataFrame]) -> Any:
    return measure.figures(tables, tables, checks={})


TRUTH = {"a": 0, "b": 1, "c": 2, "d": -1}


def test_first_errors_that_are_found_are_counted() -> None:
    tables = world(
        TRUTH,
        ours=whole({"a": 0, "b": 1, "c": None, "d": 1}),
        theirs=whole({"a": 0, "b": 2, "d": -1}),
    )
    found = figures(StepLabelAccuracy(of="ours", control="theirs", truth="truth"), tables)
    assert (found.measured, found.control) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert not found.held
    every = StepLabelAccuracy(of="ours", control="theirs", truth="truth", solutions="all")
    assert figures(every, tables).measured == pytest.approx(2 / 4)
    assert figures(every, tables).control == pytest.approx(2 / 4)


def test_of_labelled_steps_only_those_that_were_kept_count() -> None:
    tables = world(TRUTH, ours=whole({"a": 0, "b": 1}), theirs=whole({"a": 1, "b": 1, "c": 0}))
    tables["labels"] = LabelSteps(by="ours", rule="first_error").run(tables).kept
    found = figures(StepLabelAccuracy(of="labels", control="theirs", truth="truth"), tables)
    assert found.measured == 1
    assert found.control == pytest.approx(1 / 3)
    assert "100.0% of 2 first errors" in found.says


def test_the_best_rival_is_what_it_is_compared_with() -> None:
    many = {f"q{n}": n % 3 for n in range(30)}
    tables = world(
        many,
        ours=whole(many),
        theirs=whole(dict.fromkeys(many, 0)),
        better=whole({name: first if n % 2 else 0 for n, (name, first) in enumerate(many.items())}),
    )
    measure = StepLabelAccuracy(of="ours", control="theirs", truth="truth", rivals=("better",))
    found = figures(measure, tables)
    assert found.held
    assert found.control == pytest.approx(20 / 30)
    assert "by better" in found.says
    assert set(measure.control_stages()) == {"theirs", "better", "truth", "responses"}


def test_steps_are_true_as_long_as_no_error_is_before_them() -> None:
    told: dict[str, Told] = {"b": {0: [1.0], 1: [0.0], 2: [1.0]}, "d": {0: [1.0], 1: [0.0]}}
    tables = world(TRUTH, ours=told, theirs=told)
    tables["labels"] = LabelSteps(by="ours").run(tables).kept
    measure = StepLabelAccuracy(
        of="labels", control="labels", truth="truth", per="step", solutions="all"
    )
    # Of b the last step is labelled right and is not; of d the second is labelled wrong.
    assert figures(measure, tables).measured == pytest.approx(3 / 5)
    with pytest.raises(UnmeasurableError, match="labelled steps"):
        figures(measure.model_copy(update={"of": "ours"}), tables)


def with_raw(scores: pl.DataFrame, raws: Sequence[str | None]) -> pl.DataFrame:
    return scores.with_columns(raw=pl.Series(raws, dtype=pl.String))


@pytest.mark.parametrize(("most", "held"), [(0.5, True), (0.3, False)])
def test_what_scores_cost_is_counted_in_rollouts(most: float, held: bool) -> None:
    many = {f"q{n}": 1 for n in range(10)}
    found: dict[str, Told] = {name: {1: [0.0], 2: [0.0], None: [1.0]} for name in many}
    every: dict[str, Told] = {name: {0: [1.0], 1: [0.0], 2: [0.0], None: [1.0]} for name in many}
    tables = world(many, ours=found, theirs=every)
    tables["ours"] = with_raw(tables["ours"], ["0/12", "0/1", None] * 10)
    tables["theirs"] = with_raw(tables["theirs"], ["9/16", "0/16", "0/1", None] * 10)
    measure = StepLabelAccuracy(
        of="ours", control="theirs", truth="truth", within=0.03, at_most_rollouts=most
    )
    assert figures(measure, tables).held is held
    assert "for 37.5% of the rollouts" in figures(measure, tables).says
    silent = tables | {"ours": with_raw(tables["ours"], [None] * 30)}
    with pytest.raises(UnmeasurableError, match="how many rollouts"):
        figures(measure, silent)


def test_a_control_that_is_cut_in_another_way_has_a_truth_of_its_own() -> None:
    tables = world({"a": 1}, ours=whole({"a": 1}), theirs=whole({"a": 5}))
    tables |= {
        "other": tables["responses"],
        "other_truth": mean_scores({"t": whole({"a": 5})})["t"],
    }
    measure = StepLabelAccuracy(
        of="ours",
        control="theirs",
        truth="truth",
        control_truth="other_truth",
        control_responses="other",
    )
    assert measure.control_stages() == ["theirs", "other_truth", "other"]
    assert figures(measure, tables).control == 1


def test_right_steps_ought_to_be_worth_more() -> None:
    many = {f"q{n}": 1 for n in range(20)}
    told: dict[str, Told] = {name: {0: [0.5], 1: [0.25], 2: [0.25]} for name in many}
    flat: dict[str, Told] = {name: {0: [0.5], 1: [0.5], 2: [0.0]} for name in many}
    tables = world(many, ours=told, theirs=flat)
    found = figures(StepRanking(of="ours", control="theirs", truth="truth"), tables)
    # Right steps 0 and 2 against the wrong one: won and even; even and lost.
    assert (found.measured, found.control) == (0.75, 0.25)
    assert found.held
    tables["labels"] = LabelSteps(by="ours", rule="soft").run(tables).kept
    assert figures(StepRanking(of="labels", control="theirs", truth="truth"), tables).measured == (
        0.75
    )


def test_nothing_to_compare_is_said() -> None:
    tables = world({"a": -1}, ours=whole({"a": -1}))
    with pytest.raises(UnmeasurableError, match="says nothing of solutions"):
        figures(StepLabelAccuracy(of="ours", control="ours", truth="truth"), tables)
    with pytest.raises(UnmeasurableError, match="no prompt has both"):
        figures(StepRanking(of="truth", control="ours", truth="truth"), tables)
    with pytest.raises(UnmeasurableError, match="set control to a stage"):
        figures(StepLabelAccuracy(of="ours", truth="truth"), tables)
