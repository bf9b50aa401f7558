"""First errors as ProcessBench counts them, and the best of n against the vote."""

import random
from typing import Any

import numpy as np
import polars as pl
import pytest

from claims import BestOfNGain, FirstErrorF1, UnmeasurableError
from claims.first_error import first_errors
from schemas import Prompts, Responses, Scores, StepLabels, rows
from trainers.evaluation.first_errors import counts, f1_difference, summed

ORIGIN = {"operator": "o", "model": None, "parameters": "{}", "seed": None, "parents": []}


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what ends with the reference."""
    return text.endswith(f"Answer: {reference}")


CHECKS = {"mine": f"{__name__}.says_it"}


def prompts(*names: str) -> pl.DataFrame:
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "4"}
    turn = [{"role": "user", "content": "?"}]
    return rows(Prompts, [{"prompt_id": name, "messages": turn, **known} for name in names])


def responses(texts: dict[str, list[str]]) -> pl.DataFrame:
    made = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
    return rows(
        Responses,
        [
            {"response_id": f"{prompt}{place}", "prompt_id": prompt, "text": text, **made}
            for prompt, said in texts.items()
            for place, text in enumerate(said)
        ],
    )


def scores(told: dict[str, list[float] | None], whole: dict[str, float]) -> pl.DataFrame:
    """Rewards of steps by response (None: an error), and scores of wholes."""

    def row(name: str, step: int | None, value: float | None) -> dict[str, Any]:
        error = "?" if value is None else None
        known = {"annotator": "a", "value": value, "error": error, "origin": ORIGIN}
        return {"response_id": name, "step": step, **known}

    made = [row(name, None, value) for name, value in whole.items()]
    for name, values in told.items():
        if values is None:
            made.append(row(name, None, None))
        else:
            made += [row(name, step, value) for step, value in enumerate(values)]
    return rows(Scores, made)


TRUTH = {"a0": -1.0, "a1": 1.0, "b0": 2.0, "b1": -1.0}
REWARDS: dict[str, list[float] | None] = {
    "a0": [0.9, 0.9],  # rightly none
    "a1": [0.9, 0.4, 0.1],  # rightly step 1
    "b0": [0.9, 0.4, 0.1],  # not step 2
    "b1": None,  # not read: wrongly
}


def tables(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    made = {
        "prompts": prompts("a", "b"),
        "responses": responses({"a": ["x", "y"], "b": ["x", "y"]}),
        "truth": scores({}, TRUTH),
        "rewards": scores(REWARDS, {"a0": 0.9, "a1": 0.1, "b0": 0.1}),
    }
    return {**made, **changes}


def f1(**options: Any) -> FirstErrorF1:
    return FirstErrorF1(**{"of": "rewards", "truth": "truth", **options})


def test_it_is_the_harmonic_mean_of_both_accuracies() -> None:
    found = f1().figures(tables(), {}, checks={})
    assert found.measured == pytest.approx(0.5)  # 1 of 2 and 1 of 2
    assert "F1 50.0% (erroneous 50.0%, correct 50.0%)" in found.says


def test_the_threshold_decides_which_step_is_the_first_below() -> None:
    assert dict(first_errors(tables()["rewards"], 0.3).iter_rows()) == {"a0": -1, "a1": 2, "b0": 2}
    assert dict(first_errors(tables()["truth"], None).iter_rows()) == {
        name: int(value) for name, value in TRUTH.items()
    }


def test_processbench_itself_counts_the_same() -> None:
    """Its published script: accuracies by label −1 or not, in percent, and their harmonic mean."""
    noise = random.Random(0)
    label = [noise.choice([-1, -1, 0, 1, 2]) for _ in range(300)]
    prediction = [one if noise.random() < 0.6 else noise.choice([-1, 0, 1]) for one in label]
    wrong = [p == t for p, t in zip(prediction, label, strict=True) if t != -1]
    right = [p == t for p, t in zip(prediction, label, strict=True) if t == -1]
    acc1, acc2 = np.mean(wrong) * 100, np.mean(right) * 100
    frame = pl.DataFrame({"truth": label, "found": prediction}).with_columns(
        prompt_id=pl.int_range(pl.len()).cast(pl.String)
    )
    assert 100 * summed(counts(frame)).f1 == pytest.approx(2 * acc1 * acc2 / (acc1 + acc2))


def test_the_interval_is_that_of_a_slow_bootstrap_over_prompts() -> None:
    noise = random.Random(1)

    def side(skill: float) -> pl.DataFrame:
        made = []
        for number in range(60):
            for _ in range(4):
                truth = noise.choice([-1, 0, 1])
                found = truth if noise.random() < skill else 2
                made.append({"prompt_id": f"{number:02}", "truth": truth, "found": found})
        return counts(pl.DataFrame(made))

    ours, theirs = side(0.8), side(0.6)
    low, high = f1_difference(ours, theirs)
    draws = np.random.default_rng(7)
    slow = []
    for _ in range(1500):
        picked = draws.integers(0, 60, size=60).tolist()
        slow.append(summed(ours[picked]).f1 - summed(theirs[picked]).f1)
    assert low == pytest.approx(np.quantile(slow, 0.025), abs=0.02)
    assert high == pytest.approx(np.quantile(slow, 0.975), abs=0.02)
    assert low > 0


def test_labelled_steps_are_counted_where_they_were_kept() -> None:
    def label(name: str, first: int | None) -> dict[str, Any]:
        return {
            "response_id": name,
            "prompt_id": name[0],
            "prompt": [{"role": "user", "content": "?"}],
            "completions": ["x", "y", "z"],
            "labels": [True, True, True],
            "values": [1.0, 1.0, 1.0],
            "first_error": first,
        }

    kept = rows(StepLabels, [label("a0", None), label("a1", 1)])
    found = f1(of="labels").figures(tables(labels=kept), {}, checks={})
    assert found.measured == 1.0
    assert "1 erroneous and 1 correct" in found.says


def test_a_margin_makes_it_no_worse_than_the_control() -> None:
    same = tables()
    assert not f1(control="rewards").figures(same, same, checks={}).held
    assert f1(control="rewards", within=0.05).figures(same, same, checks={}).held


def test_solutions_of_one_kind_are_no_measurement() -> None:
    right = scores({}, dict.fromkeys(TRUTH, -1.0))
    with pytest.raises(UnmeasurableError, match="wrong step"):
        f1().figures(tables(truth=right), {}, checks={})


def best_of(texts: dict[str, list[str]], rated: dict[str, float], **options: Any) -> Any:
    made = {
        "prompts": prompts(*texts),
        "responses": responses(texts),
        "rewards": scores({}, rated),
        "poor": scores({}, {name: -value for name, value in rated.items()}),
    }
    return BestOfNGain(of="rewards", **options).figures(made, made, checks=CHECKS)


def test_the_best_rated_response_is_compared_with_the_vote() -> None:
    texts = {
        "a": ["Answer: 4", "Answer: 5", "Answer: 5"],  # the vote is wrong
        "b": ["Answer: 4", "Answer: 4", "Answer: 5"],
        "c": ["no idea", "no idea", "Answer: 5"],  # nothing is right
    }
    rated = {"a0": 0.9, "a1": 0.1, "b1": 0.8, "b2": 0.1, "c0": 0.5}
    found = best_of(texts, rated)
    assert (found.measured, found.control) == pytest.approx((2 / 3, 1 / 3))
    assert "the best of 3 is right" in found.says
    assert "some response for 66.7%" in found.says
    found = best_of(texts, rated, control="poor")
    assert (found.measured, found.control) == pytest.approx((2 / 3, 0))
    assert "majority vote for 33.3%: difference +33.3%" in found.says
    assert "by poor for 0.0%" in best_of(texts, rated, also=("poor",)).says


def test_a_prompt_without_a_score_is_answered_wrongly() -> None:
    found = best_of({"a": ["Answer: 4"], "b": ["Answer: 4"]}, {"a0": 0.5})
    assert (found.measured, found.control) == (0.5, 1.0)
