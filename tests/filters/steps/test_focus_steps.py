"""FocusSteps: each step with the mark of where it begins."""

import pytest

from filters import FocusSteps, ParentScores
from filters.steps.focus_steps import MARK
from schemas import Responses, StepLabels
from tests.filters.steps.test_merge_steps import solutions
from tests.filters.stepwise import cut, mean_scores


@pytest.mark.parametrize("last", [1, 2, 3])
def test_each_labelled_step_is_a_row_with_what_comes_before(last: int) -> None:
    frame = solutions([True, False, None, True])
    split = FocusSteps(of="steps", last=last).run({"steps": frame})
    (row,) = frame.iter_rows(named=True)
    expected = []
    for place, label in enumerate(row["labels"]):
        if label is None:
            continue
        for length in range(1, last + 1):
            begin = place + 1 - length
            if begin >= 0:
                before = "".join(row["completions"][:begin])
                current = "".join(row["completions"][begin : place + 1])
                expected.append(([before + MARK + current], [label], [float(label)]))
    assert split.kept.select("completions", "labels", "values").rows() == expected
    assert split.kept["first_error"].to_list() == [
        None if label else 0 for _, (label,), _ in expected
    ]
    assert split.kept["response_id"].is_unique().all()
    assert StepLabels.is_valid(split.kept)
    assert split.dropped.is_empty()


def test_a_solution_of_which_no_step_is_known_is_dropped_and_a_prompt_without_others() -> None:
    # Two solutions a prompt.
    frame = solutions([True], [None], [None], [None, None])
    split = FocusSteps(of="steps").run({"steps": frame})
    assert split.kept["prompt_id"].to_list() == ["p0"]
    assert split.dropped["row_id"].to_list() == ["r1", "r2", "r3", "p1"]
    assert set(split.dropped["reason"]) == {"no step is known"}


def test_each_step_of_a_response_is_a_response_whose_parent_it_is() -> None:
    tables = cut({"a": ["one\n", "two"], "b": None})
    split = FocusSteps(of="responses").run(tables)
    assert split.kept["text"].to_list() == [f"{MARK}one\n", f"one\n{MARK}two"]
    assert [origin["parents"] for origin in split.kept["origin"]] == [["a"], ["a"]]
    assert [len(steps) for steps in split.kept["steps"]] == [1, 1]
    assert Responses.is_valid(split.kept)
    assert split.dropped.select("row_id", "reason").rows() == [("b", "not cut into steps")]
    first, second = split.kept["response_id"]
    scores = mean_scores({"scores": {first: {None: [1.0]}, second: {None: [0.5]}}})
    of_parents = ParentScores(of="responses", texts="focused", by="scores").run(
        tables | scores | {"focused": split.kept}
    )
    assert of_parents.kept.select("response_id", "value").rows() == [("a", 0.75)]
