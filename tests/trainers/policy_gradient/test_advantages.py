"""Advantages against a slow version, and the responses that have none."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainers.samples import in_steps, sampled, scores
from trainers import PolicyGradient
from trainers.policy_gradient.advantages import advantages

NONE: dict[str, Any] = {
    "step_rewards": [],
    "token_rewards": [],
    "baseline": None,
    "advantage": "group",
    "scale": False,
}


def by_response(frame: pl.DataFrame, **given: Any) -> dict[str, Any]:
    table = advantages(frame, **{**NONE, "rewards": [], **given})
    return dict(zip(table["response_id"], table["advantages"].to_list(), strict=True))


def reasons(frame: pl.DataFrame, **given: Any) -> dict[str, Any]:
    table = advantages(frame, **{**NONE, "rewards": [], **given})
    return dict(zip(table["response_id"], table["reason"], strict=True))


def test_a_group_is_compared_with_its_mean_and_spread() -> None:
    tables = sampled()
    rewards = np.array([1.0, 0.0, 0.25, 0.0])
    given = {"rewards": [(tables["scores"], 1.0)]}
    plain = by_response(tables["responses"], **given)
    assert [plain[f"a{n}"] for n in range(4)] == [[x] for x in rewards - rewards.mean()]
    scaled = by_response(tables["responses"], **given, scale=True)
    expected = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-4)
    assert [scaled[f"a{n}"][0] for n in range(4)] == pytest.approx(list(expected))
    others = by_response(tables["responses"], **given, advantage="leave_one_out")
    assert [others[f"a{n}"][0] for n in range(4)] == pytest.approx(
        [x - np.delete(rewards, n).mean() for n, x in enumerate(rewards)]
    )


def test_stages_are_summed_by_their_weights_and_annotators_averaged() -> None:
    tables = sampled([(("1", 1.0), ("2", 0.0))])
    two = pl.concat([scores({"a0": 0.5, "a1": 0.0}), scores({"a0": 0.7, "a1": None})]).with_columns(
        annotator=pl.Series(["one", "one", "two", "two"])
    )
    values = by_response(tables["responses"], rewards=[(tables["scores"], 2.0), (two, -1.0)])
    assert [values["a0"][0], values["a1"][0]] == pytest.approx([0.7, -0.7])


def slow(
    rewards: list[float], steps: list[list[float]], *, advantage: str, scale: bool
) -> list[list[float]]:
    """Response by response and step by step, as `trainers.PolicyGradient` says."""

    def returned(i: int, k: int) -> float:
        return rewards[i] + sum(steps[i][k:])

    everyone = range(len(rewards))
    places = [(i, k) for i in everyone for k in range(len(steps[i]))]

    def apart(i: int, k: int, among: list[int]) -> float:
        return returned(i, k) - sum(returned(j, k) for j in among) / len(among)

    squares = sum(apart(i, k, list(everyone)) ** 2 for i, k in places)
    deviation = (squares / (len(places) - 1)) ** 0.5
    among = {i: [j for j in everyone if advantage == "group" or j != i] for i in everyone}
    divisor = deviation + 1e-4 if scale else 1.0
    return [[apart(i, k, among[i]) / divisor for k in range(len(steps[i]))] for i in everyone]


numbers = st.floats(-2, 2).map(lambda x: round(x, 2))
lists = st.lists(
    st.tuples(numbers, st.lists(numbers, min_size=1, max_size=4)), min_size=2, max_size=5
)


@given(lists, st.sampled_from(["group", "leave_one_out"]), st.booleans(), st.randoms())
def test_returns_of_steps_are_those_of_the_slow_version(
    group: Any, advantage: Any, scale: bool, random: Any
) -> None:
    tables = sampled([[("x" * len(steps), reward) for reward, steps in group]])
    of_steps = scores({f"a{n}": steps for n, (_, steps) in enumerate(group)})
    frame = in_steps(tables["responses"])
    order = random.sample(range(frame.height), frame.height)
    given = {
        "rewards": [(tables["scores"], 1.0)],
        "step_rewards": [(of_steps, 1.0)],
        "advantage": advantage,
        "scale": scale,
    }
    table = advantages(frame[order], **{**NONE, **given})
    assert table.equals(advantages(frame, **{**NONE, **given}))
    expected = slow(
        [reward for reward, _ in group], [s for _, s in group], advantage=advantage, scale=scale
    )
    if table["reason"].is_null().all():
        for ours, theirs in zip(table["advantages"], expected, strict=True):
            assert ours.to_list() == pytest.approx(theirs, rel=1e-6, abs=1e-9)
    else:
        assert set(table["reason"]) == {"all responses of its prompt have the same return"}
        assert np.abs(np.concatenate(expected)).max() < 1e-3


def test_a_baseline_is_subtracted_in_place_of_a_mean() -> None:
    tables = sampled([(("xx", 1.0), ("x", 0.0))])
    frame = in_steps(tables["responses"])
    values = scores({"a0": {-1: 0.5, 0: 0.75, 1: 1.0}, "a1": {-1: 0.25, 0: 0.0}})
    of_whole = by_response(frame, rewards=[(tables["scores"], 1.0)], baseline=values)
    assert of_whole == {"a0": [0.5], "a1": [-0.25]}
    steps = scores({"a0": [0.0, 0.0], "a1": [0.0]})
    given = {"rewards": [(tables["scores"], 1.0)], "step_rewards": [(steps, 1.0)]}
    assert by_response(frame, **given, baseline=values) == {
        "a0": [0.5, 0.25],
        "a1": [-0.25],
    }
    whole = scores({"a0": 0.5, "a1": 0.5})
    assert by_response(frame, rewards=[(tables["scores"], 1.0)], baseline=whole) == {
        "a0": [0.5],
        "a1": [-0.5],
    }
    lacking = reasons(frame, **given, baseline=whole)
    assert lacking["a1"] is None
    assert "baseline" in lacking["a0"]


def test_what_has_no_reward_is_told_and_does_not_count_in_the_mean() -> None:
    groups = [(("1", 1.0), ("2", 0.0), ("3", None)), (("1", 1.0), ("2", 1.0)), (("1", 1.0),)]
    tables = sampled(groups)
    given = {"rewards": [(tables["scores"], 1.0)]}
    assert reasons(tables["responses"], **given) == {
        "a0": None,
        "a1": None,
        "a2": "a stage of rewards has no score",
        **dict.fromkeys(("b0", "b1"), "all responses of its prompt have the same return"),
        "c0": "no other response of its prompt has a reward",
    }
    assert by_response(tables["responses"], **given)["a0"] == [0.5]


@pytest.mark.parametrize("steps", [[0.5], [0.5, None], [0.5, 0.5, 0.5]])
def test_steps_and_their_rewards_have_to_fit(steps: Any) -> None:
    tables = sampled([(("xx", 1.0), ("x", 0.0))])
    of_steps = [(scores({"a0": steps, "a1": [1.0]}), 1.0)]
    told = reasons(in_steps(tables["responses"]), step_rewards=of_steps)
    assert "do not fit" in told["a0"]
    assert told["a1"] == "no other response of its prompt has a reward"
    whole = reasons(tables["responses"], step_rewards=of_steps)
    assert all("generators.Segment" in reason for reason in whole.values())


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "nothing is rewarded"),
        ({"step_rewards": {"s": 1.0}, "loss": "rloo"}, "rloo has one advantage"),
        ({"rewards": {"s": 1.0}, "baseline": "v", "advantage": "group"}, "leave out advantage"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        PolicyGradient(of="responses", **parameters)
