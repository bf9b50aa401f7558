"""GroupAccuracy: preferences predicted group by group."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.project.intervals import RESAMPLES
from claims import GroupAccuracy, UnmeasurableError
from schemas import Pairs, rows
from tests.claims.tables import prompts, scores

LETTERS = "abcdefghijkl"
ASKED = {"prompts": prompts(*LETTERS)}


def pairs(turned: bool = True) -> pl.DataFrame:
    """To each prompt "short" likes the first text more, and "long" the second."""

    def pair(prompt: str, annotator: str, chosen: str, rejected: str) -> dict[str, Any]:
        said = {name: [{"role": "assistant", "content": f"{prompt}{name}"}] for name in "12"}
        turns = [{"role": "system", "content": annotator}, {"role": "user", "content": "?"}]
        return {
            "pair_id": f"{prompt}{annotator}",
            "prompt_id": prompt,
            "prompt": turns,
            "annotator": annotator,
            "chosen": said[chosen],
            "rejected": said[rejected],
            "chosen_id": f"{prompt}{chosen}",
            "rejected_id": f"{prompt}{rejected}",
            "weight": 1.0,
        }

    both = [("short", "1", "2"), ("long", "2", "1")] if turned else [("short", "1", "2")]
    return rows(Pairs, [pair(prompt, *each) for prompt in LETTERS for each in both])


def liked(first: float, second: float) -> dict[str, float]:
    return {
        f"{prompt}{name}": value
        for prompt in LETTERS
        for name, value in zip("12", (first, second), strict=True)
    }


def figures(ours: pl.DataFrame, theirs: pl.DataFrame, **options: Any) -> Any:
    tables = {**ASKED, "pairs": options.pop("pairs", pairs())}
    measure = GroupAccuracy(of="scores", control="scores", **options)
    return measure.figures(tables | {"scores": ours}, tables | {"scores": theirs}, checks={})


def test_one_opinion_for_all_fails_the_others() -> None:
    own = pl.concat([scores(liked(1, 0), "short"), scores(liked(0, 1), "long")])
    found = figures(own, scores(liked(1, 0)))
    assert (found.measured, found.control, found.verdict) == (1.0, 0.0, "held")
    assert (
        "long 100.0% of 12, short 100.0% of 12; the verdict turns with the preference in 100.0%"
        in found.says
    )
    assert (
        "long 0.0% of 12, short 100.0% of 12; the verdict turns with the preference in 0.0% of 12"
        in found.says
    )
    by_context = figures(own, scores(liked(1, 0)), by="context")
    assert (by_context.measured, by_context.control) == (1.0, 0.0)


def test_the_interval_is_that_of_a_slow_bootstrap_of_the_worst_group() -> None:
    noise = np.random.default_rng(3)
    ours = scores({name: float(noise.integers(0, 3)) for name in liked(0, 0)})
    theirs = scores({name: float(noise.integers(0, 3)) for name in liked(0, 0)})
    found = figures(ours, theirs)

    def worst(given: pl.DataFrame, drawn: str) -> float:
        value = dict(given.select("response_id", "value").iter_rows())
        lead = [np.sign(value[f"{name}1"] - value[f"{name}2"]) for name in drawn]
        return min(float(np.mean([(1 + sign * each) / 2 for each in lead])) for sign in (1, -1))

    assert found.measured == pytest.approx(worst(ours, LETTERS))
    draws = [
        "".join(np.random.default_rng(seed).choice(list(LETTERS), 12)) for seed in range(RESAMPLES)
    ]
    slow = np.quantile([worst(ours, each) - worst(theirs, each) for each in draws], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(slow), abs=0.05)


def test_a_group_of_few_pairs_is_no_group() -> None:
    with pytest.raises(UnmeasurableError, match="no annotator has 13 pairs"):
        figures(scores(liked(1, 0)), scores(liked(1, 0)), fewest=13)
    nobody = pairs().with_columns(annotator=pl.lit(None, pl.String))
    with pytest.raises(UnmeasurableError, match="no pair of pairs has a annotator"):
        figures(scores(liked(1, 0)), scores(liked(1, 0)), pairs=nobody)


def test_groups_that_never_disagree_turn_nothing() -> None:
    found = figures(
        scores(liked(1, 0)), scores(liked(0, 1)), pairs=pairs(turned=False), by="source"
    )
    assert (found.measured, found.control) == (1.0, 0.0)
    assert "no two groups prefer the same texts in opposite ways" in found.says


def test_the_sources_of_held_out_prompts_are_theirs() -> None:
    own = {"held_out": prompts(*LETTERS), "prompts": prompts("z"), "pairs": pairs(turned=False)}
    measure = GroupAccuracy(of="scores", control="scores", by="source", prompts="held_out")
    assert "held_out" in measure.stages()
    assert "held_out" in measure.control_stages()
    sides = (own | {"scores": scores(liked(*each))} for each in ((1, 0), (0, 1)))
    assert measure.figures(*sides, checks={}).measured == 1.0


def test_it_is_compared_with_the_best_of_the_control_and_its_rivals() -> None:
    """The control gets the second text wrong of all prompts, one rival of half of them."""
    half = {name: -value if name > "g" else value for name, value in liked(1, 0).items()}
    tables = {
        **ASKED,
        "pairs": pairs(turned=False),
        "ours": scores(liked(1, 0)),
        "control": scores(liked(0, 1)),
        "half": scores(half),
    }
    measure = GroupAccuracy(of="ours", control="control", rivals=("half",))
    found = measure.figures(tables, tables, checks={})
    assert (found.measured, found.control) == (1.0, 0.5)
    assert "by half 50.0%" in found.says
    assert set(measure.control_stages()) == {"control", "half", "pairs"}


def test_a_rival_and_the_upper_line_may_have_a_stage_for_each_group() -> None:
    tables = {
        **ASKED,
        "pairs": pairs(),
        "ours": pl.concat([scores(liked(1, 0), "short"), scores(liked(0, 1), "long")]),
        "control": scores(liked(1, 0)),
        # Of their own: right of all for the one, and a tie for the other.
        "first": scores(liked(1, 0)),
        "even": scores(liked(1, 1)),
        "second": scores(liked(0, 1)),
    }
    own = {"short": "first", "long": "even"}
    measure = GroupAccuracy(
        of="ours", control="control", rivals=(own,), upper={"short": "first", "long": "second"}
    )
    found = measure.figures(tables, tables, checks={})
    assert (found.measured, found.control) == (1.0, 0.5)
    assert "by first and even 50.0%" in found.says
    assert found.says.endswith(
        "the upper line, first and second: long 100.0% of 12, short 100.0% of 12"
    )
    assert set(measure.stages()) == {"ours", "first", "second", "pairs"}
    assert set(measure.control_stages()) == {"control", "first", "even", "pairs"}
