"""The effects of parts of the data: paired by prompt and seed, with intervals."""

import numpy as np
import polars as pl

from assets.models.ablation.effects import interval, measured
from schemas import Evaluations, rows


def evaluated(before: list[bool], after: list[bool], right: int = 0) -> pl.DataFrame:
    return rows(
        Evaluations,
        [
            {
                "prompt_id": f"p{number}",
                "greedy_before": one,
                "greedy_after": other,
                "samples": 2,
                "right_before": 0,
                "right_after": right,
                "length_before": 1,
                "length_after": 1,
            }
            for number, (one, other) in enumerate(zip(before, after, strict=True))
        ],
    )


def test_a_variant_is_compared_with_the_start_and_with_all_data() -> None:
    start, whole, part = [False] * 8, [True] * 6 + [False] * 2, [True] * 2 + [False] * 6
    found = measured(
        "tasks",
        {"all": [evaluated(start, whole, 1)] * 2, "part": [evaluated(start, part, 2)] * 2},
        "all",
    )
    greedy = found["tasks"]
    assert greedy["all"].effect is None
    assert (greedy["all"].start, greedy["all"].gain.mean) == (0.0, 0.75)
    effect = greedy["part"].effect
    assert effect is not None
    assert (effect.mean, effect.seeds) == (-0.5, (-0.5, -0.5))
    assert effect.low < -0.5 < effect.high < 0
    assert effect.decided
    sampled = found["tasks (sampled)"]["part"].effect
    assert sampled is not None
    assert (sampled.mean, sampled.low, sampled.high) == (0.5, 0.5, 0.5)


def test_only_prompts_that_all_trainings_have_are_compared() -> None:
    whole, part = evaluated([False] * 3, [True] * 3), evaluated([False] * 2, [True] * 2)
    found = measured("tasks", {"all": [whole], "part": [part]}, "all")
    assert {each.prompts for each in found["tasks"].values()} == {2}


def test_seeds_that_disagree_widen_the_interval() -> None:
    prompts = np.full(200, 1.0)
    agree = interval(np.stack([prompts * 0.1, prompts * 0.1]), prompts)
    disagree = interval(np.stack([prompts * 0.4, prompts * -0.2]), prompts)
    assert np.isclose(agree.mean, disagree.mean)
    assert agree.decided
    assert not disagree.decided
