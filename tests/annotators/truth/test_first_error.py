"""FirstError: by halves, by brute force, by a judge; what each of them found and spent."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from annotators import FirstError
from annotators.judge.parsing.verdicts import UnparseableVerdict
from annotators.truth.first_error_votes import read_vote
from engines.operators.rollouts import Adaptive
from engines.protocol import Generation, Rendered, Sampling
from tests.annotators.stepwise import going_on, of_steps, of_whole, solutions


def wrong_at(step: int, steps: int) -> str:
    """A solution of ``steps`` lines of which line ``step`` is the first wrong one."""
    lines = [f"line {n}" for n in range(steps - 1)] + ["0"]
    lines[step] = "bad" if step < steps - 1 else "0"
    return "\n".join(lines)


@pytest.mark.parametrize("by", ["binary", "brute"])
@pytest.mark.parametrize("steps", [1, 2, 3, 8, 9])
def test_the_first_error_is_found_wherever_it_is(stand: Any, by: Any, steps: int) -> None:
    texts = {f"q{step}": [wrong_at(step, steps)] for step in range(steps)}
    split = FirstError(by=by, k=8).run(solutions(stand, texts), going_on(stand, share=0.7))
    assert split.dropped.is_empty()
    assert of_whole(split.kept) == {f"q{step}-0": step for step in range(steps)}


def test_halving_spends_less_and_finds_the_same(stand: Any) -> None:
    texts = {f"q{step}": [wrong_at(step, 9)] for step in range(9)}
    tables = solutions(stand, texts)
    halved = FirstError(by="binary", k=16).run(tables, going_on(stand, share=0.8))
    brute = FirstError(by="brute", k=16).run(tables, going_on(stand, share=0.8))
    assert of_whole(halved.kept) == of_whole(brute.kept)
    # The prompt itself is valued where the first step is found; else 8 prefixes, or 3 to 4.
    assert brute.report.findings["rollouts"] == 16 * (9 * 8 + 1)
    assert halved.report.findings["rollouts"] <= 0.45 * brute.report.findings["rollouts"]
    # What the one paid for is free for the other.
    assert len(stand.asked) == brute.report.findings["rollouts"]


def test_the_steps_that_were_looked_at_have_their_values(stand: Any) -> None:
    kept = FirstError(k=8).run(solutions(stand, {"q": [wrong_at(5, 8)]}), going_on(stand)).kept
    told = of_steps(kept, "q-0")
    # 0 to 7 is halved at 3, then at 5, then at 4; the answer is checked before.
    assert sorted(told) == [3, 4, 5, 7]
    assert told[5] == told[7] == 0
    assert told[3] > 0
    assert told[4] > 0
    raws = dict(kept.filter(pl.col("step").is_not_null()).select("step", "raw").iter_rows())
    assert raws[7] == "0/1"
    assert raws[5] == "0/8"


@pytest.mark.parametrize("by", ["binary", "brute"])
def test_a_right_answer_has_no_error_and_costs_nothing(stand: Any, by: Any) -> None:
    split = FirstError(by=by).run(solutions(stand, {"q": ["ok\n7"]}), going_on(stand))
    assert of_whole(split.kept) == {"q-0": -1}
    assert not stand.asked
    assert split.report.findings["rollouts"] == 0


@pytest.mark.parametrize("by", ["binary", "brute"])
def test_where_no_rollout_ever_ends_right_nothing_is_told(stand: Any, by: Any) -> None:
    tables = solutions(stand, {"unsolvable": ["ok\nok\nok\n0"]})
    split = FirstError(by=by, k=4).run(tables, going_on(stand))
    whole = split.kept.filter(pl.col("step").is_null())
    assert whole.select("value", "error").rows() == [
        (None, "no rollout of the prompt itself ends right")
    ]
    assert of_steps(split.kept, "unsolvable-0")[-1] == 0


def test_where_every_rollout_ends_right_only_errors_stop_them(stand: Any) -> None:
    tables = solutions(stand, {"q": [wrong_at(2, 6), "bad\n0", "ok\nok\n0"]})
    kept = FirstError(k=2).run(tables, going_on(stand, share=1.0)).kept
    assert of_whole(kept) == {"q-0": 2, "q-1": 0, "q-2": 2}


def test_solutions_without_an_answer(stand: Any) -> None:
    ended = solutions(stand, {"q": ["ok\nok"]})
    assert of_whole(FirstError(k=8).run(ended, going_on(stand)).kept) == {"q-0": 1}
    # What was cut off may still end right; where an error is in it, it cannot.
    cut_off = solutions(stand, {"q": ["ok\nok", "ok\nbad\nok"]}, finish="length")
    kept = FirstError(k=8).run(cut_off, going_on(stand)).kept
    assert of_whole(kept) == {"q-0": -1, "q-1": 1}


def test_adaptive_search_finds_the_same_for_half(stand: Any) -> None:
    tables = solutions(stand, {f"q{step}": [wrong_at(step, 9)] for step in range(9)})
    every = FirstError(k=16).run(tables, going_on(stand, share=0.8))
    few = FirstError(k=16, adaptive=Adaptive()).run(tables, going_on(stand, share=0.8))
    assert of_whole(few.kept) == of_whole(every.kept)
    assert few.report.findings["rollouts"] <= 0.5 * every.report.findings["rollouts"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["ok", "ok ", "bad"]), min_size=1, max_size=7),
    st.sampled_from(["binary", "brute"]),
)
def test_any_solution_is_searched_as_looking_at_every_line_would(
    stand: Any, lines: list[str], by: Any
) -> None:
    text = "\n".join([*lines, "0"])
    kept = FirstError(by=by, k=2).run(solutions(stand, {"q": [text]}), going_on(stand, share=1.0))
    wanted = lines.index("bad") if "bad" in lines else len(lines)
    assert of_whole(kept.kept) == {"q-0": wanted}


def judging(stand: Any, says: Any) -> Any:
    """A context whose judge says what ``says`` gives for the question and the seed."""
    context = going_on(stand)
    opened = context.open_engine

    def judge(binding: Any) -> Any:
        engine = opened(binding)

        async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            stand.asked.append((prompt.text, sampling, seed))
            return Generation(says(prompt.text, seed), (1,), (-0.1,), "stop")

        engine.generate = generate
        return engine

    return stand.context(open_engine=judge, checks=dict(context.checks))


def test_a_judge_names_the_first_wrong_step(stand: Any) -> None:
    tables = solutions(stand, {"q": ["ok\nbad\nok\n0", "ok\n7"]})
    context = judging(stand, lambda text, _: "2" if "bad" in text else "none")
    kept = FirstError(by="judge", model="judge").run(tables, context).kept
    assert of_whole(kept) == {"q-0": 1, "q-1": -1}
    assert of_steps(kept, "q-0") == {0: 1, 1: 0, 2: 0, 3: 0}
    assert of_steps(kept, "q-1") == {0: 1, 1: 1}
    question = stand.asked[0][0]
    assert '<step number="2">\nbad\n</step>' in question
    assert stand.asked[0][1].temperature == 0


def test_votes_are_counted_and_unread_ones_are_none(stand: Any) -> None:
    said = iter(["2", "First wrong step: 3", "2", "perhaps the second", "**First wrong step:** 2"])
    tables = solutions(stand, {"q": ["a\nb\nc\n0"]})
    context = judging(stand, lambda *_: next(said))
    kept = FirstError(by="judge", model="judge", votes=5).run(tables, context).kept
    assert of_whole(kept) == {"q-0": 1}
    assert of_steps(kept, "q-0") == {0: 1, 1: 0.25, 2: 0, 3: 0}


def test_a_judge_that_cannot_be_read_is_an_error_with_its_words(stand: Any) -> None:
    tables = solutions(stand, {"q": ["a\n0"]})
    context = judging(stand, lambda *_: "Something is off.")
    kept = FirstError(by="judge", model="judge").run(tables, context).kept
    assert kept.select("step", "value", "raw", "error").rows() == [
        (None, None, "Something is off.", "no step in 'Something is off.'")
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("3", 2),
        (" None. ", -1),
        ("Step 2", 1),
        ("\\boxed{1}", None),
        ("It adds wrongly in step 2.\nFirst wrong step: 2", 1),
        ("First wrong step: step number 4", 3),
        ("The first wrong step is **none**", -1),
        ("First wrong step: 1. No: first wrong step: 2", None),
        ("First wrong step: 2 or 3", None),
        ("First wrong step: 2-3", None),
        ("First wrong step: not 2", None),
        ("First wrong step: 2, maybe 3", None),
        ("First wrong step: 2 (it adds 3 and 4 wrongly)", 1),
        ("**First wrong step:** step 3", 2),
        ("<think>First wrong step: 1</think>\nFirst wrong step: 2", 1),
        ("<think>First wrong step: 1", None),
        ('The solution says "First wrong step: none".', None),
        ("2 or 3", None),
        ("First wrong step: 5", None),
        ("0", None),
        ("", None),
    ],
)
def test_what_a_vote_names(text: str, wanted: int | None) -> None:
    if wanted is None:
        with pytest.raises(UnparseableVerdict):
            read_vote(text, 4)
    else:
        assert read_vote(text, 4) == wanted


def test_votes_go_with_a_judge() -> None:
    with pytest.raises(ValidationError, match="by: judge"):
        FirstError(by="binary", votes=3)


def test_uncut_responses_are_errors(stand: Any) -> None:
    tables = solutions(stand, {"q": ["ok\n0"]}, cut=False)
    kept = FirstError().run(tables, going_on(stand)).kept
    assert kept["error"].item().startswith("the response is not cut into steps")
