"""Blends of scores against slow versions, and against the annotator whose weights they learn."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from annotators import Blended
from engines.context import Context
from engines.operators.score_blend import UNTRAINED, ScoreBlend
from engines.protocol import EngineError
from schemas import Checkpoints, Pairs, Responses, Scores, rows
from tests.trainers.samples import ORIGIN
from trainers import Blend

WEIGHTS = {"right": 2.0, "short": -1.0, "modest": 0.0}
"""What the annotator of all pairs values."""
PAIRS = 60


def drawn(seed: int = 0, pairs: int = PAIRS) -> dict[str, pl.DataFrame]:
    """Pairs of responses with three scores each, of which one stage gives two; a fifth of the
    labels are wrong."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2 * pairs, 3)) * [1.0, 3.0, 2.0] + [0.0, 10.0, -5.0]
    reward = x @ [2.0, -1 / 3, 0.0]
    scores: dict[str, list[dict[str, object]]] = {"judged": [], "rewards": []}
    for n, values in enumerate(x):
        for stage, name, value in zip(
            ("judged", "rewards", "judged"), WEIGHTS, values, strict=True
        ):
            scores[stage].append(
                {"response_id": f"r{n:03}", "annotator": name, "value": value, "origin": ORIGIN}
            )
    told = []
    for n in range(0, 2 * pairs, 2):
        better = reward[n] > reward[n + 1]
        chosen, rejected = (n, n + 1) if better != (rng.random() < 0.2) else (n + 1, n)
        told.append(
            {
                "pair_id": f"p{n:03}",
                "prompt_id": f"q{n:03}",
                "prompt": [{"role": "user", "content": "?"}],
                "chosen": [{"role": "assistant", "content": f"{chosen}"}],
                "rejected": [{"role": "assistant", "content": f"{rejected}"}],
                "chosen_id": f"r{chosen:03}",
                "rejected_id": f"r{rejected:03}",
                "weight": 0.75 if n % 3 else 1.0,
            }
        )
    answers = [
        {
            "response_id": f"r{n:03}",
            "prompt_id": f"q{n - n % 2:03}",
            "text": f"{n}",
            "finish": "stop",
            "tokens": 1,
            "origin": ORIGIN,
        }
        for n in range(2 * pairs)
    ]
    return {stage: rows(Scores, found) for stage, found in scores.items()} | {
        "pairs": rows(Pairs, told),
        "responses": rows(Responses, answers),
    }


BLEND = Blend(of="pairs", by=("judged", "rewards"))
BLENDED = Blended(of="responses", by=("judged", "rewards"), checkpoint="blend")


def sides(tables: Mapping[str, pl.DataFrame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Modest, right and short of both sides, by loops; and weights."""
    value = {
        (row["response_id"], row["annotator"]): row["value"]
        for stage in ("judged", "rewards")
        for row in tables[stage].iter_rows(named=True)
    }
    pairs = tables["pairs"].sort("pair_id")
    found = [
        np.array(
            [[value[id_, name] for name in ("modest", "right", "short")] for id_ in pairs[side]]
        )
        for side in ("chosen_id", "rejected_id")
    ]
    return found[0], found[1], pairs["weight"].to_numpy()


def standardised(chosen: np.ndarray, rejected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = np.concatenate([chosen, rejected])
    mean, deviation = both.mean(axis=0), both.std(axis=0)
    return (chosen - mean) / deviation, (rejected - mean) / deviation


def slow_logistic(d: np.ndarray, confidence: np.ndarray, penalty: float) -> np.ndarray:
    """Weights of logistic regression on differences, by Newton's method."""
    w = np.zeros(d.shape[1])
    for _ in range(50):
        p = np.array([1 / (1 + math.exp(-row @ w)) for row in d])
        gradient = sum((p[n] - confidence[n]) * d[n] for n in range(len(d))) / len(d)
        hessian = sum(p[n] * (1 - p[n]) * np.outer(d[n], d[n]) for n in range(len(d))) / len(d)
        w = w - np.linalg.solve(hessian + 2 * penalty * np.eye(len(w)), gradient + 2 * penalty * w)
    return w


def test_a_linear_blend_is_logistic_regression_on_differences(
    context_for: Callable[..., Context], metrics_of: Callable[[pl.DataFrame], dict[str, float]]
) -> None:
    tables = drawn()
    kept = BLEND.run(tables, context_for()).kept
    chosen, rejected, confidence = sides(tables)
    z = standardised(chosen, rejected)
    slow = slow_logistic(z[0] - z[1], confidence, 0.01)
    metrics = metrics_of(kept)
    found = [metrics[f"weight/{name}"] for name in ("modest", "right", "short")]
    assert found == pytest.approx(slow.tolist(), abs=1e-4)
    h = (z[0] - z[1]) @ slow
    costs = confidence * np.log1p(np.exp(-h)) + (1 - confidence) * np.log1p(np.exp(h))
    assert metrics["loss"] == pytest.approx(costs.mean(), abs=1e-6)
    assert metrics["accuracy"] == pytest.approx((h > 0).mean())
    assert kept["rows"][0] == PAIRS
    # The annotator's signs, and little of what he does not value.
    modest, right, short = found
    assert right > 3 * abs(modest)
    assert short < 0


def test_a_perceptron_ends_where_its_loss_is_flat(context_for: Callable[..., Context]) -> None:
    tables = drawn(pairs=30)
    trainer = Blend(of="pairs", by=("judged", "rewards"), hidden=3, penalty=0.05)
    kept = trainer.run(tables, context_for()).kept
    chosen, rejected, confidence = sides(tables)
    z = standardised(chosen, rejected)
    blend = ScoreBlend.load(Path(kept["path"][0]))
    assert blend.hidden is not None
    assert blend.bias is not None

    def reward(x: np.ndarray, hidden: np.ndarray, output: np.ndarray) -> float:
        return sum(
            output[unit]
            * math.tanh(sum(hidden[unit, k] * x[k] for k in range(3)) + blend.bias[unit])
            for unit in range(3)
        )

    def objective(hidden: np.ndarray, output: np.ndarray) -> float:
        h = [
            reward(one, hidden, output) - reward(other, hidden, output)
            for one, other in zip(*z, strict=True)
        ]
        costs = [
            -c * math.log(1 / (1 + math.exp(-m))) - (1 - c) * math.log(1 / (1 + math.exp(m)))
            for m, c in zip(h, confidence, strict=True)
        ]
        return sum(costs) / len(costs) + 0.05 * float((hidden**2).sum() + (output**2).sum())

    best = objective(blend.hidden, blend.output)
    rng = np.random.default_rng(0)
    for _ in range(10):
        step = rng.normal(size=(3, 4)) * 1e-2
        assert objective(blend.hidden + step[:, :3], blend.output + step[:, 3]) > best
    given = np.concatenate([chosen, rejected])
    slow = [reward(x, blend.hidden, blend.output) for x in np.concatenate(z)]
    assert blend.rewards(given).tolist() == pytest.approx(slow)
    moved = np.zeros(3)
    moved[1] = 1e-5 * blend.deviation[1]
    risen = (blend.rewards(given + moved) - blend.rewards(given - moved)).mean() / 2e-5
    assert blend.slopes(given)[1] == pytest.approx(risen, rel=1e-4)


def test_the_annotator_scores_as_the_blend_that_was_fitted(
    context_for: Callable[..., Context], metrics_of: Callable[[pl.DataFrame], dict[str, float]]
) -> None:
    tables = drawn()
    kept = BLEND.run(tables, context_for()).kept
    scored = BLENDED.run({**tables, "blend": kept}, context_for(stage="scores")).kept
    assert scored["response_id"].to_list() == tables["responses"]["response_id"].to_list()
    value = dict(scored.select("response_id", "value").iter_rows())
    hits = [value[c] > value[r] for c, r in tables["pairs"][["chosen_id", "rejected_id"]].rows()]
    assert sum(hits) / PAIRS == pytest.approx(metrics_of(kept)["accuracy"])
    assert set(json.loads(scored["raw"][0])) == set(WEIGHTS)
    assert scored["annotator"].unique().to_list() == ["blended"]


def test_neither_order_nor_a_second_run_changes_anything(
    context_for: Callable[..., Context],
) -> None:
    tables = drawn(pairs=10)
    first = BLEND.run(tables, context_for()).kept
    turned = {name: frame[::-1] for name, frame in tables.items()}
    assert BLEND.run(turned, context_for()).kept.equals(first)
    other = Blend(of="pairs", by=("judged", "rewards"), penalty=1.0).run(tables, context_for()).kept
    assert other["metrics"][0] != first["metrics"][0]


def test_a_pair_without_a_score_and_a_response_without_one_are_dropped(
    context_for: Callable[..., Context],
) -> None:
    tables = drawn(pairs=5)
    tables["rewards"] = tables["rewards"].filter(pl.col("response_id") != "r003")
    trained = BLEND.run(tables, context_for())
    side = "chosen" if "r003" in tables["pairs"]["chosen_id"] else "rejected"
    assert trained.dropped.select("row_id", "reason").rows() == [
        ("p002", f"the {side} side has no score of short")
    ]
    scored = BLENDED.run({**tables, "blend": trained.kept}, context_for(stage="scores"))
    assert scored.dropped.select("row_id", "reason").rows() == [("r003", "no score of short")]
    assert scored.kept.height == 9


def test_without_a_pair_nothing_is_fitted_and_all_scores_are_0(
    context_for: Callable[..., Context],
) -> None:
    tables = drawn(pairs=2)
    tables["pairs"] = tables["pairs"].clear()
    kept = BLEND.run(tables, context_for()).kept
    assert kept.select("path", "trained").rows() == [(UNTRAINED, False)]
    assert "no pair of stage 'pairs'" in kept["reason"][0]
    scored = BLENDED.run({**tables, "blend": kept}, context_for(stage="scores")).kept
    assert scored["value"].to_list() == [0.0] * 4


def test_without_scores_all_pairs_are_dropped(context_for: Callable[..., Context]) -> None:
    tables = drawn(pairs=2)
    empty = {stage: tables[stage].clear() for stage in ("judged", "rewards")}
    split = BLEND.run(tables | empty, context_for())
    assert split.kept["trained"].to_list() == [False]
    assert split.dropped["reason"].to_list() == ["no score in judged, rewards"] * 2


def test_a_score_that_is_the_same_for_all_counts_nothing(
    context_for: Callable[..., Context], metrics_of: Callable[[pl.DataFrame], dict[str, float]]
) -> None:
    tables = drawn(pairs=10)
    tables["rewards"] = tables["rewards"].with_columns(value=0.1)
    assert metrics_of(BLEND.run(tables, context_for()).kept)["weight/short"] == 0.0


def test_other_scores_than_those_of_the_training_are_refused(
    context_for: Callable[..., Context],
) -> None:
    tables = drawn(pairs=5)
    tables["blend"] = BLEND.run(tables, context_for()).kept
    context = context_for(stage="scores")
    turned = Blended(of="responses", by=("rewards", "judged"), checkpoint="blend")
    with pytest.raises(EngineError, match=r"'rewards' has scores of short, and stage 'blend'"):
        turned.run(tables, context)
    with pytest.raises(EngineError, match=r"1 stages of scores, and stage 'blend' was fitted to 2"):
        Blended(of="responses", by=("judged",), checkpoint="blend").run(tables, context)
    gone = tables["blend"].with_columns(path=pl.lit("/nowhere"))
    with pytest.raises(EngineError, match=r"/nowhere holds no blend of scores"):
        BLENDED.run({**tables, "blend": gone}, context)


def test_annotators_of_one_name_are_told_apart_by_their_stages(
    context_for: Callable[..., Context], metrics_of: Callable[[pl.DataFrame], dict[str, float]]
) -> None:
    tables = drawn(pairs=10)
    tables["experts"] = tables["rewards"].with_columns(-pl.col("value"))
    kept = Blend(of="pairs", by=("rewards", "experts")).run(tables, context_for()).kept
    metrics = metrics_of(kept)
    assert metrics["weight/rewards/short"] == pytest.approx(-metrics["weight/experts/short"])
    assert rows(Checkpoints, kept.to_dicts()).equals(kept)
