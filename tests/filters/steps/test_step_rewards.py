"""Rewards of steps, aggregated and bounded: what holds for every list of them."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import AggregateSteps, BoundedReward
from schemas import Scores, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
rewards = st.floats(0, 1, allow_subnormal=False)
several = st.lists(rewards, min_size=1, max_size=6)
answers = st.dictionaries(st.sampled_from("abcd"), st.lists(rewards | st.none(), max_size=4))


def scored(steps, *, wholes=True):
    """Stage ``scores``: of each response the rewards of its steps, None one that is an error, and a
    score of the whole that must not be read."""

    def row(response, step, value):
        error = "unreadable" if value is None else None
        told = {"response_id": response, "step": step, "annotator": "prm", "value": value}
        return {**told, "error": error, "origin": ORIGIN}

    told = [row(name, step, value) for name, of in steps.items() for step, value in enumerate(of)]
    if wholes:
        told += [row(name, None, 7.0) for name in steps]
    return {"scores": rows(Scores, told)}


def steps_of(split, response="a"):
    own = split.kept.filter((pl.col("response_id") == response) & pl.col("step").is_not_null())
    return own.sort("step")["value"].to_list()


def whole_of(split, response="a"):
    own = split.kept.filter((pl.col("response_id") == response) & pl.col("step").is_null())
    return own["value"].item()


def bounded(rule, values, eta=0.5):
    split = BoundedReward(of="scores", rule=rule, eta=eta).run(scored({"a": values}))
    assert split.dropped.is_empty()
    return split


SLOW = {
    "min": min,
    "product": math.prod,
    "mean": lambda values: sum(values) / len(values),
    "last": lambda values: values[-1],
    "sum": sum,
}


@given(steps=answers, rule=st.sampled_from(sorted(SLOW)), seed=st.integers(0, 9))
def test_aggregates_are_those_of_the_slow_version(steps, rule, seed):
    world = scored(steps)
    split = AggregateSteps(of="scores", rule=rule).run(world)
    reasons = dict(split.dropped.select("row_id", "reason").rows())
    for name, values in steps.items():
        if not values:
            assert reasons.pop(name) == "no step is scored"
        elif None in values:
            assert reasons.pop(name) == "a step's score is an error"
        else:
            assert whole_of(split, name) == pytest.approx(SLOW[rule](values), rel=1e-12)
    assert not reasons
    assert split.kept["step"].null_count() == split.kept.height
    mixed = {"scores": world["scores"].sample(fraction=1, shuffle=True, seed=seed)}
    other = AggregateSteps(of="scores", rule=rule).run(mixed)
    assert other.kept.sort("response_id").equals(split.kept.sort("response_id"))


@given(values=several, eta=rewards)
def test_clipped_rewards_never_earn_anything(values, eta):
    split = bounded("clip", values, eta)
    assert steps_of(split) == [min(value - eta, 0) for value in values]
    assert whole_of(split) == pytest.approx(sum(steps_of(split)))
    assert whole_of(split) <= 0


@given(values=several)
def test_differences_telescope_to_the_first_reward(values):
    split = bounded("delta", values)
    assert steps_of(split)[-1] == 0
    assert whole_of(split) == pytest.approx(values[0] if len(values) > 1 else 0, abs=1e-12)
    for step in range(len(values) - 2):
        assert steps_of(split)[step] == values[step] - values[step + 1]


@given(
    values=st.lists(rewards, min_size=2, max_size=6),
    data=st.data(),
    rule=st.sampled_from(["clip", "delta"]),
)
def test_saying_a_step_again_does_not_raise_the_return(values, data, rule):
    """Whatever its second saying is rewarded with, and however often it is said."""
    step = data.draw(st.integers(0, len(values) - 2))
    again = data.draw(st.lists(rewards, min_size=1, max_size=5))
    longer = values[: step + 1] + again + values[step + 1 :]
    before, after = (whole_of(bounded(rule, each)) for each in (values, longer))
    assert after <= before + 1e-12
    assert sum(longer) >= sum(values)  # which is what was to be gained


def test_each_annotator_has_its_own(world):
    one, other = scored({"a": [0.2, 0.4]})["scores"], scored({"a": [0.9]})["scores"]
    both = pl.concat([one, other.with_columns(annotator=pl.lit("another"))])
    split = AggregateSteps(of="scores").run({"scores": both})
    assert dict(split.kept.select("annotator", "value").rows()) == {"prm": 0.2, "another": 0.9}


def test_a_response_that_one_annotator_could_not_score_is_dropped_once(world):
    one, other = scored({"a": [0.2]})["scores"], scored({"a": [None]})["scores"]
    both = pl.concat([one, other.with_columns(annotator=pl.lit("another"))])
    for kind in (AggregateSteps, BoundedReward):
        split = kind(of="scores").run({"scores": both})
        assert split.kept.is_empty()
        assert split.dropped["row_id"].to_list() == ["a"]


def test_the_value_of_the_empty_prefix_is_no_step():
    value = scored({"a": [0.5, 0.25]})["scores"]
    start = value.head(1).with_columns(step=pl.lit(-1, pl.Int32), value=pl.lit(0.1))
    split = AggregateSteps(of="scores").run({"scores": pl.concat([start, value])})
    assert whole_of(split) == 0.25
