"""What the shared measures count, on tables whose truth is plain."""

from typing import Any

import polars as pl
import pytest

from claims import (
    LabelAccuracy,
    PolicyGain,
    ResponseAccuracy,
    RewardAccuracy,
    UnmeasurableError,
)
from schemas import Evaluations, Pairs, Prompts, Responses, Scores, rows


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    return text == reference


CHECKS = {"mine": f"{__name__}.says_it"}
ORIGIN = {"operator": "o", "model": None, "parameters": "{}", "seed": None, "parents": []}


def prompts(*names: str) -> pl.DataFrame:
    """The right answer to each prompt is "right"."""
    known = {"source": "mine", "source_revision": "1", "licence": "x", "reference": "right"}
    turn = [{"role": "user", "content": "?"}]
    return rows(Prompts, [{"prompt_id": name, "messages": turn, **known} for name in names])


def pairs(*sides: tuple[str, str, str, float]) -> pl.DataFrame:
    return rows(
        Pairs,
        [
            {
                "pair_id": str(number),
                "prompt_id": prompt,
                "prompt": [{"role": "user", "content": "?"}],
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "chosen_id": "c",
                "rejected_id": "r",
                "weight": weight,
            }
            for number, (prompt, chosen, rejected, weight) in enumerate(sides)
        ],
    )


def measured_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, **options: bool) -> Any:
    measure = LabelAccuracy(of="pairs", control="pairs", **options)
    asked = prompts("a", "b", "c")
    return measure.figures(
        {"prompts": asked, "pairs": ours}, {"prompts": asked, "pairs": theirs}, checks=CHECKS
    )


def test_label_accuracy_counts_pairs_of_a_right_and_a_wrong_side() -> None:
    ours = pairs(("a", "right", "x", 1.0), ("b", "right", "x", 1.0), ("c", "x", "y", 1.0))
    theirs = pairs(("a", "x", "right", 1.0), ("b", "right", "x", 1.0))
    found = measured_pairs(ours, theirs)
    assert (found.measured, found.control) == (1.0, 0.5)
    assert not found.held  # two prompts say too little


def test_a_weight_counts_as_far_as_it_prefers_the_chosen_side() -> None:
    ours = pairs(("a", "right", "x", 0.9), ("b", "x", "right", 0.2))
    found = measured_pairs(ours, ours, weighted=True)
    assert found.measured == pytest.approx((0.9 + 0.8) / 2)


def test_pairs_of_which_nothing_is_known_are_no_measurement() -> None:
    with pytest.raises(UnmeasurableError, match="pairs holds 1 pairs, and of none"):
        measured_pairs(pairs(("a", "x", "y", 1.0)), pairs(("a", "right", "x", 1.0)))


def evaluations(*greedy: tuple[bool, bool]) -> pl.DataFrame:
    none = {"samples": 0, "right_before": 0, "right_after": 0}
    return rows(
        Evaluations,
        [
            {"prompt_id": str(i), "greedy_before": before, "greedy_after": after, **none}
            for i, (before, after) in enumerate(greedy)
        ],
    )


def test_a_policy_gains_what_its_control_does_not() -> None:
    better = evaluations(*[(False, True)] * 30, *[(True, True)] * 10)
    same = evaluations(*[(False, False)] * 30, *[(True, True)] * 10)
    measure = PolicyGain(of="validated", control="validated")
    found = measure.figures({"validated": better}, {"validated": same}, checks={})
    assert (found.measured, found.control) == (0.75, 0.0)
    assert found.held
    assert found.low > 0.5
    found = measure.figures({"validated": same}, {"validated": same}, checks={})
    assert not found.held
    rivals = PolicyGain(of="validated", control="validated", rivals=("other",))
    found = rivals.figures({"validated": better}, {"validated": same, "other": better}, checks={})
    assert (found.measured, found.control, found.held) == (0.75, 0.75, False)
    assert "with other by" in found.says


def test_reward_accuracy_compares_every_right_with_every_wrong_response() -> None:
    texts = {"a": ["right", "right", "x", "y"], "b": ["x", "y"], "c": ["right", "x"]}
    values = {"a": [3.0, 1.0, 2.0, 1.0], "b": [1.0, 2.0], "c": [None, 0.0]}
    responses = rows(
        Responses,
        [
            {
                "response_id": f"{prompt}{i}",
                "prompt_id": prompt,
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": ORIGIN,
            }
            for prompt, said in texts.items()
            for i, text in enumerate(said)
        ],
    )
    scores = rows(
        Scores,
        [
            {
                "response_id": f"{prompt}{i}",
                "annotator": "j",
                "value": value,
                "error": "?" if value is None else None,
                "origin": ORIGIN,
            }
            for prompt, given in values.items()
            for i, value in enumerate(given)
        ],
    )
    tables = {"prompts": prompts("a", "b", "c"), "responses": responses, "scores": scores}
    found = RewardAccuracy(of="scores").figures(tables, {}, checks=CHECKS)
    # Of prompt a: 3 > 2, 3 > 1, 1 < 2 and the tie 1 = 1; b has no right one, c no score of its.
    assert found.measured == pytest.approx(2.5 / 4)
    assert found.control == 0.5
    measure = RewardAccuracy(of="scores", control="scores", also={"scores": "responses"})
    found = measure.figures(tables, tables, checks=CHECKS)
    assert not found.held
    assert found.says.endswith("; by scores 62.5% of 4")
    measure = RewardAccuracy(of="scores", control="scores", within=0.1)
    assert measure.figures(tables, tables, checks=CHECKS).held

    tables["none"] = scores.with_columns(value=pl.lit(1.0))
    measure = RewardAccuracy(of="scores", curves={"kept": {"8": "scores", "1": "none"}})
    assert {"none"} < set(measure.stages())
    found = measure.figures(tables, {}, checks=CHECKS)
    assert found.says.endswith("; kept by votes: 1 50.0%, 8 62.5%")
    assert found.plot is not None
    assert found.plot.along == "votes"
    assert found.plot.curves[0].points == ((1, 0.5), (8, 0.625))


def test_a_prompt_without_a_response_is_answered_wrongly() -> None:
    def answered(**texts: str) -> pl.DataFrame:
        told = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
        return rows(
            Responses,
            [
                {"response_id": text + name, "prompt_id": name, "text": text, **told}
                for name, text in texts.items()
            ],
        )

    given = {
        "prompts": prompts("a", "b", "c", "d"),
        "searched": answered(a="right", b="right", c="x"),
        "voted": answered(a="right", b="x"),
    }
    measure = ResponseAccuracy(of="searched", control="voted")
    found = measure.figures(given, given, checks=CHECKS)
    assert (found.measured, found.control) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    none = given | {"searched": answered(), "voted": answered()}
    with pytest.raises(UnmeasurableError):
        measure.figures(none, none, checks=CHECKS)
