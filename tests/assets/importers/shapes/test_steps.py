"""Step labels: nothing that a labeller or a rollout said is lost."""

from typing import Any

import pytest


def labelled(read: Any, steps: list[Any], **about: Any) -> list[tuple[str, tuple[Any, ...]]]:
    row = {
        "question": {"problem": "?", "ground_truth_answer": "9"},
        "label": {"steps": steps, "finish_reason": "solution"},
        **about,
    }
    return [(one.text, one.labels) for one in read("prm800k", row).solutions]


def step(*completions: tuple[str, Any], chosen: int | None = None, own: Any = None) -> Any:
    return {
        "completions": [{"text": text, "rating": rating} for text, rating in completions],
        "chosen_completion": chosen,
        "human_completion": own,
    }


def test_the_trunk_of_a_solution_that_was_given_up(read: Any) -> None:
    own = {"text": "2 + 3 = 5.", "rating": None}
    assert labelled(read, [step(("2 + 3 = 6.", -1), own=own), step()]) == [
        ("2 + 3 = 5.", (True,)),
        ("2 + 3 = 6.", (False,)),
    ]
    # What an alternative goes on from all of is told by that.
    assert labelled(read, [step(("a", 1), chosen=0), step(("b", -1))]) == [("a\nb", (True, False))]


def test_the_same_text_with_another_rating_is_kept(read: Any) -> None:
    row = {
        "question": {"problem": "?", "ground_truth_answer": None},
        "label": {"steps": [step(("a", 1), ("a", -1), ("a", 1), chosen=0)]},
        "labeler": "ann",
    }
    solutions = read("prm800k", row).solutions
    assert [(one.text, one.labels) for one in solutions] == [
        ("a", (True,)),
        ("a", (False,)),
        ("a", (True,)),
    ]
    made = [dict(one.made) for one in solutions]
    assert made[0] == made[2] == {"labeller": "ann"}
    assert made[1]["labeller"] == "ann"
    assert made[1] != made[0]


@pytest.mark.parametrize(
    "odd",
    [None, "x", {"completions": [None], "chosen_completion": 0}, step(("a", ""), chosen=0)],
)
def test_an_odd_step_is_refused(read: Any, odd: Any) -> None:
    with pytest.raises(ValueError, match="step 1"):
        labelled(read, [step(("a", 1), chosen=0), odd])


def test_an_odd_alternative_refuses_itself(read: Any) -> None:
    row = {
        "question": {"problem": "?"},
        "label": {"steps": [step(("a", 1), ("b", "?"), ("", -1), chosen=0)]},
    }
    good, *refused = read("prm800k", row).solutions
    assert good.text == "a"
    assert all("step 0" in reason for reason in refused)
    assert len(refused) == 2


def test_text_after_the_last_tag_is_a_step_that_nothing_judged(read: Any) -> None:
    row = {
        "input": "Q? Step 1: 1 + 1 = 2. ки\nStep 2: 2 + 1 = 3. ки\nThe answer is: 3",
        "label": "Q? Step 1: 1 + 1 = 2. +\nStep 2: 2 + 1 = 3. -\nThe answer is: 3",
    }
    (solution,) = read("math-shepherd", row).solutions
    assert solution.text.endswith("The answer is: 3")
    assert solution.labels == (True, False, None)
    assert solution.values == (1.0, 0.0, None)


def test_a_model_that_is_no_text_is_refused(read: Any) -> None:
    row = {"problem": "?", "steps": ["a"], "label": -1, "generator": 3}
    with pytest.raises(ValueError, match="model"):
        read("processbench", row)


@pytest.mark.parametrize("written", [{"text": None}, {"text": ""}, {}, 5])
def test_an_odd_step_of_the_labeller_ends_the_trunk_alone(read: Any, written: Any) -> None:
    followed = {"completions": [{"text": "a", "rating": 1}], "chosen_completion": 0}
    odd = {"completions": [{"text": "b", "rating": -1}], "human_completion": written}
    row = {"question": {"problem": "?"}, "label": {"steps": [followed, odd]}}
    alternative, refused = read("prm800k", row).solutions
    assert (alternative.text, alternative.labels) == ("a\nb", (True, False))
    assert "step 1" in refused
