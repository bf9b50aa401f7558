"""RolloutValue: every prefix by the share of its continuations that end right."""

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from annotators import RolloutValue
from engines.operators.rollouts import Adaptive
from tests.annotators.stepwise import going_on, of_steps, of_whole, solutions

GOOD, BAD = "ok\nwell\n7", "ok\nbad\n0"


def test_each_prefix_is_valued_the_prompt_among_them(stand: Any) -> None:
    tables = solutions(stand, {"q": [GOOD, BAD]})
    context = going_on(stand)
    split = RolloutValue(k=12).run(tables, context)
    assert split.dropped.is_empty()
    good, bad = of_steps(split.kept, "q-0"), of_steps(split.kept, "q-1")
    assert list(good) == list(bad) == [-1, 0, 1, 2]
    assert good[2] == 1.0
    assert bad[1] == bad[2] == 0.0
    assert all(0 < good[step] < 1 for step in (-1, 0, 1))
    # Of the four different prefixes that are no whole answers, each is gone on with 12 times.
    assert len(stand.asked) == 4 * 12
    assert split.report.findings == {"solutions": 2, "rollouts": 72, "rollouts a solution": 36}


def test_the_counts_are_kept_in_words(stand: Any) -> None:
    split = RolloutValue(k=8).run(solutions(stand, {"q": [GOOD]}), going_on(stand))
    for step, value, raw in split.kept.select("step", "value", "raw").iter_rows():
        right, of = map(int, raw.split("/"))
        assert of == (1 if step == 2 else 8)
        assert right / of == value


def test_prefixes_that_responses_share_have_one_value(stand: Any) -> None:
    tables = solutions(stand, {"q": [GOOD, BAD, GOOD]})
    kept = RolloutValue(k=6).run(tables, going_on(stand)).kept
    told = [of_steps(kept, f"q-{place}") for place in range(3)]
    assert told[0] == told[2]
    assert told[0][-1] == told[1][-1]
    assert told[0][0] == told[1][0]


def test_only_the_last_prefix_is_valued_where_that_is_asked(stand: Any) -> None:
    begun = solutions(stand, {"q": ["ok\nwell\n", "bad\n"]}, cut=False, finish="length")
    kept = RolloutValue(k=8, steps="last").run(begun, going_on(stand)).kept
    assert kept["step"].to_list() == [None, None]
    assert of_whole(kept)["q-1"] == 0.0
    assert 0 < of_whole(kept)["q-0"] < 1
    cut = solutions(stand, {"q": [GOOD]})
    kept = RolloutValue(k=8, steps="last").run(cut, going_on(stand)).kept
    assert kept.select("step", "value").rows() == [(2, 1.0)]


def test_a_forced_answer_is_asked_for_after_every_prefix_but_the_whole(stand: Any) -> None:
    tables = solutions(stand, {"q": [GOOD]})
    kept = RolloutValue(k=2, force="So:").run(tables, going_on(stand)).kept
    assert all(text.endswith("So:") for text, *_ in stand.asked)
    assert len(stand.asked) == 3 * 2
    assert of_steps(kept, "q-0")[2] == 1.0


def test_an_answer_that_was_cut_off_is_gone_on_with(stand: Any) -> None:
    tables = solutions(stand, {"q": ["ok\nwell"]}, finish="length")
    kept = RolloutValue(k=8).run(tables, going_on(stand)).kept
    assert 0 < of_steps(kept, "q-0")[1] < 1


def test_adaptive_values_cost_less_and_fall_on_the_same_side(stand: Any) -> None:
    tables = solutions(stand, {f"q{n}": ["ok\nok\nbad\nok\n0"] for n in range(8)})
    plain, adapted = going_on(stand), going_on(stand)
    every = RolloutValue(k=16).run(tables, plain)
    few = RolloutValue(k=16, adaptive=Adaptive()).run(tables, adapted)
    assert few.report.findings["rollouts"] < 0.7 * every.report.findings["rollouts"]
    both = every.kept.join(few.kept, on=["response_id", "step"])
    assert ((both["value"] > 0.15) == (both["value_right"] > 0.15)).all()


def test_what_cannot_be_valued_is_an_error_with_its_reason(stand: Any) -> None:
    tables = solutions(stand, {"no reference": [GOOD], "q": ["ok\ntoo long\n7"]})
    split = RolloutValue(k=2).run(tables, going_on(stand))
    assert split.dropped.is_empty()
    errors = dict(
        split.kept.filter(pl.col("value").is_null())
        .group_by("response_id")
        .agg(pl.col("error").first())
        .iter_rows()
    )
    assert errors["no reference-0"].startswith("reference unparseable: the prompt has no reference")
    assert errors["q-0"] == "not answered: the prompt has 900 tokens, the model takes 512"
    told = of_steps(split.kept, "q-0")
    assert told[0] is not None
    assert told[1] is None
    uncut = solutions(stand, {"q": [GOOD]}, cut=False)
    kept = RolloutValue(k=2).run(uncut, going_on(stand)).kept
    assert kept["error"].to_list() == [
        "the response is not cut into steps: put a stage {use: generators.Segment} before"
    ]


@pytest.mark.parametrize("adaptive", [None, Adaptive()])
def test_order_changes_nothing_and_a_second_run_is_free(
    stand: Any, adaptive: Adaptive | None
) -> None:
    tables = solutions(stand, {"a": [GOOD, BAD], "b": ["bad\n0", "ok\n\n7"]})
    operator = RolloutValue(k=6, adaptive=adaptive)
    plain = operator.run(tables, going_on(stand)).kept
    paid = len(stand.asked)
    turned = {name: frame.reverse() for name, frame in tables.items()}
    again = operator.run(turned, going_on(stand)).kept
    assert len(stand.asked) == paid
    key = ["response_id", "step"]
    assert_frame_equal(plain.sort(key), again.sort(key))
