"""LabelSteps: each rule as its paper has it, against loops that look at one step at a time."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters import LabelSteps
from filters.steps.step_rules import After, Rule
from schemas import Split, messages_of
from tests.filters.stepwise import Told, World, cut, drawn_worlds, mean_scores

RULES: tuple[Rule, ...] = (
    "hard", "soft", "signed", "logmeanexp", "optimal", "advantage", "progress", "first_error",
)  # fmt: skip


def labelled(
    values: list[float | None], root: float | None = None, whole: float | None = None, **how: Any
) -> tuple[list[bool | None], list[float | None], int | None]:
    """Labels, values and first error of one solution."""
    told: Told = {step: [value] for step, value in enumerate(values)}
    told = (
        told | ({} if root is None else {-1: [root]}) | ({} if whole is None else {None: [whole]})
    )
    world = cut({"a": [f"{n}\n" for n in range(len(values))]}) | mean_scores(
        {"scores": {"a": told}}
    )
    row = LabelSteps(by="scores", **how).run(world).kept.row(0, named=True)
    return row["labels"], row["values"], row["first_error"]


def test_hard_labels_are_whether_any_rollout_ended_right() -> None:
    assert labelled([0.5, 0.0625, 0.0, 0.0]) == (
        [True, True, False, False],
        [1.0, 1.0, 0.0, 0.0],
        2,
    )
    assert labelled([0.5, 0.0625, 0.0], threshold=0.1)[0] == [True, False, False]


def test_soft_labels_are_the_values() -> None:
    assert labelled([0.5, 0.0625, 0.0], rule="soft") == ([True, True, False], [0.5, 0.0625, 0.0], 2)


def test_signed_labels_reward_a_right_step_and_punish_a_wrong_one() -> None:
    assert labelled([0.9, 0.2, None, 0.6], rule="signed", threshold=0.5) == (
        [True, False, None, True],
        [1.0, -1.0, None, 1.0],
        1,
    )


@pytest.mark.parametrize("eta", [0.1, 2.0, 50.0])
def test_log_mean_exp_is_that_of_the_rollouts(eta: float) -> None:
    rollouts = [1, 0, 0, 1, 0, 0, 0, 0]
    mean = sum(math.exp(eta * one) for one in rollouts) / len(rollouts)
    _, values, _ = labelled([sum(rollouts) / 8, 0.0, 1.0], rule="logmeanexp", eta=eta)
    assert values == pytest.approx([math.log(mean) / eta, 0.0, 1.0])


def test_what_a_later_step_reaches_an_earlier_one_can_reach() -> None:
    labels, values, first = labelled([0.0, 0.5, 0.0, 0.0], rule="optimal")
    assert labels == [True, True, False, False]
    assert values == [1.0, 1.0, 0.0, 0.0]
    assert first == 2


def test_advantages_are_differences_from_the_prompt_on() -> None:
    labels, values, first = labelled([0.75, 0.5, 0.5, 1.0], root=0.5, rule="advantage")
    assert values == [0.25, -0.25, 0.0, 0.5]
    assert labels == [True, False, True, True]
    assert first == 1


def test_an_advantage_needs_both_values() -> None:
    assert labelled([0.5, 0.75, None], rule="progress")[1] == [None, 0.25, None]


def test_a_prover_s_advantage_is_added_to_the_policy_s_value() -> None:
    own: Told = {-1: [0.25], 0: [0.5], 1: [0.25]}
    prover: Told = {-1: [0.5], 0: [0.5], 1: [0.75]}
    world = cut({"a": ["0\n", "1"]}) | mean_scores({"own": {"a": own}, "prover": {"a": prover}})
    split = LabelSteps(by="own", prover="prover", rule="advantage", alpha=2.0).run(world)
    assert split.kept["values"].item().to_list() == [0.5, 0.75]
    assert split.kept["labels"].item().to_list() == [True, True]


def test_the_index_of_the_whole_says_what_is_before_it() -> None:
    values: list[float | None] = [None, None, None, 0.5]
    assert labelled(values, whole=1, rule="first_error") == (
        [True, False, None, True],
        [1.0, 0.0, None, 1.0],
        1,
    )
    assert labelled(values, whole=-1, rule="first_error")[0] == [True] * 4
    assert labelled(values, whole=1, rule="first_error", after="wrong")[0] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "labels", "values"),
    [
        ("keep", [True, False, True], [0.5, 0.0, 0.25]),
        ("null", [True, False, None], [0.5, 0.0, None]),
        ("wrong", [True, False, False], [0.5, 0.0, 0.0]),
    ],
)
def test_what_comes_after_the_first_error(
    after: After, labels: list[bool | None], values: list[float | None]
) -> None:
    found = labelled([0.5, 0.0, 0.25], rule="soft", after=after)
    assert found == (labels, values, 1)


def test_the_steps_and_where_they_lie_are_kept() -> None:
    told: dict[str, Told] = {"a": {0: [1.0], 1: [0.0]}}
    row = (
        LabelSteps(by="scores").run(cut({"a": ["né\n", "b"]}) | mean_scores({"scores": told})).kept
    )
    assert row["completions"].item().to_list() == ["né\n", "b"]
    assert row["spans"].item().to_list() == [
        {"start": 0, "end": 3, "token_start": 0, "token_end": 1},
        {"start": 3, "end": 4, "token_start": 1, "token_end": 2},
    ]
    assert messages_of(row["prompt"].item()) == ({"role": "user", "content": "question"},)


def test_what_cannot_be_labelled_is_dropped_with_the_reason() -> None:
    told: dict[str, Told] = {
        "uncut": {None: [1.0]},
        "unread": {0: [None], None: [None]},
        "some": {0: [None, 0.5]},
    }
    steps = {"uncut": None, "unread": ["x"], "some": ["x", "y"], "silent": ["x"]}
    world = cut(steps) | mean_scores({"scores": told})
    split = LabelSteps(by="scores").run(world)
    assert split.kept["labels"].to_list() == [[True, None]]
    assert split.dropped.select("row_id", "reason", "numbers").rows() == [
        ("uncut", "not cut into steps", '{"errors":null,"scored":null}'),
        ("unread", "no step is known", '{"errors":2,"scored":0}'),
        ("silent", "no step is known", '{"errors":0,"scored":0}'),
    ]
    lost = LabelSteps(by="scores").run(
        cut({"some": ["x", "y"]}, prompts=False) | mean_scores({"scores": told})
    )
    assert lost.dropped["reason"].to_list() == ["prompt not found"]


def test_a_prover_goes_with_advantages() -> None:
    with pytest.raises(ValidationError, match="rule: advantage"):
        LabelSteps(by="scores", prover="other")


def slow(world: World, operator: LabelSteps) -> dict[str, tuple[Any, Any, Any]]:
    """`LabelSteps`, one step at a time."""

    def values_of(stage: str, response_id: str, step: int | None) -> list[float]:
        return [
            row["value"]
            for row in world[stage].iter_rows(named=True)
            if row["response_id"] == response_id
            and row["step"] == step
            and row["value"] is not None
        ]

    def mean(stage: str, response_id: str, step: int) -> float | None:
        found = values_of(stage, response_id, step)
        return sum(found) / len(found) if found else None

    found = {}
    for response in world["responses"].iter_rows(named=True):
        if response["steps"] is None:
            continue
        response_id, steps = response["response_id"], range(len(response["steps"]))
        judge = operator.prover or operator.by
        value = {step: mean(judge, response_id, step) for step in (-1, *steps)}
        whole = set(values_of(judge, response_id, None))
        first = whole.pop() if len(whole) == 1 else None
        labels: list[bool | None] = []
        worths: list[float | None] = []
        for step in steps:
            v, before = value[step], value[step - 1]
            label = None if v is None else v > operator.threshold
            worth = v
            match operator.rule:
                case "logmeanexp" if v is not None:
                    worth = math.log(1 - v + v * math.exp(operator.eta)) / operator.eta
                    label = worth > operator.threshold
                case "signed" if v is not None:
                    worth = 1.0 if label else -1.0
                case "optimal":
                    reached = [value[later] for later in steps if later >= step]
                    if any(one is not None and one > operator.threshold for one in reached):
                        label = True
                case "advantage" | "progress":
                    worth = None if v is None or before is None else v - before
                    label = None if worth is None else worth >= operator.threshold
                case "first_error":
                    if first is None:
                        label = None
                    elif first < 0 or step < first:
                        label = True
                    elif step == first:
                        label = False
            if operator.rule in ("hard", "optimal", "first_error"):
                worth = None if label is None else float(label)
            if operator.prover is not None:
                own = mean(operator.by, response_id, step)
                worth = None if own is None or worth is None else own + operator.alpha * worth
            labels.append(label)
            worths.append(worth)
        wrong = labels.index(False) if False in labels else None
        if wrong is not None and operator.after != "keep":
            least = -1.0 if operator.rule == "signed" else 0.0
            left = (None, None) if operator.after == "null" else (False, least)
            for step in range(wrong + 1, len(labels)):
                labels[step], worths[step] = left
        if any(label is not None for label in labels):
            found[response_id] = (labels, worths, wrong)
    return found


def rows_of(split: Split) -> dict[str, tuple[Any, Any, Any]]:
    kept = split.kept.select("response_id", "labels", "values", "first_error")
    return {row[0]: row[1:] for row in kept.iter_rows()}


@given(
    drawn_worlds(("scores", "other")),
    st.sampled_from(RULES),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from(["keep", "null", "wrong"]),
    st.booleans(),
)
def test_every_rule_is_what_a_loop_makes_of_it(
    world: World, rule: Rule, threshold: float, after: After, proved: bool
) -> None:
    prover = "other" if proved and rule == "advantage" else None
    operator = LabelSteps(
        by="scores", rule=rule, threshold=threshold, after=after, prover=prover, alpha=0.5
    )
    split = operator.run(world)
    found, wanted = rows_of(split), slow(world, operator)
    assert list(found) == list(wanted)
    for response_id, (labels, values, first) in wanted.items():
        assert found[response_id][0] == labels
        assert found[response_id][1] == pytest.approx(values)
        assert found[response_id][2] == first
    lost = set(split.dropped["row_id"])
    assert lost | set(found) == set(world["responses"]["response_id"])
    assert not lost & set(found)


@given(drawn_worlds(), st.sampled_from(RULES), st.integers(0, 9))
def test_the_order_of_rows_changes_nothing(world: World, rule: Rule, seed: int) -> None:
    operator = LabelSteps(by="scores", rule=rule)
    turned = {n: f.sample(fraction=1, shuffle=True, seed=seed) for n, f in world.items()}
    plain, again = operator.run(world), operator.run(turned)
    assert plain.kept.sort("response_id").equals(again.kept.sort("response_id"))
    assert plain.dropped.sort("row_id").equals(again.dropped.sort("row_id"))


def test_no_solution_gives_no_label() -> None:
    world = cut({}) | mean_scores({"scores": {}})
    split = LabelSteps(by="scores").run(world)
    assert split.kept.is_empty()
    assert split.dropped.is_empty()
