"""The preference loss and its gradient against slow ones, and against TRL's own."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from engines.context import Context
from tests.trainers.slow import logprobs, moved, plain, ratio
from trainers import DPO

BETA = 0.3

Tensor = torch.Tensor
Rows = Callable[..., pl.DataFrame]
Learners = Callable[..., Any]


def dpo(policy: Any, reference: Any, pair: dict[str, Any], target: float = 0.0) -> Tensor:
    """−log σ(β·(log-ratio of chosen − log-ratio of rejected) − target)."""
    h = ratio(policy, reference, pair, "chosen").sum()
    h = h - ratio(policy, reference, pair, "rejected").sum()
    return -F.logsigmoid(BETA * h - target)


def cream(policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]) -> Tensor:
    """C·L(w, l) + (1−C)·L(l, w): the sides themselves change places."""
    swapped = {**pair, "chosen_ids": pair["rejected_ids"], "rejected_ids": pair["chosen_ids"]}
    c = float(row["weight"])
    return c * dpo(policy, reference, pair) + (1 - c) * dpo(policy, reference, swapped)


def margin(policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]) -> Tensor:
    """Touvron et al.'s: −log σ(h − m)."""
    return dpo(policy, reference, pair, target=0.25 * (row["margin"] or 0.0))


def rise(policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]) -> Tensor:
    """Tokens that the other side lacks count threefold; chosen answers must not get less likely."""
    sides = {}
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        # The tiny model's answers hold digits on one side and x on the other.
        weights = [1.0 if n in pair[f"{other}_ids"] else 3.0 for n in pair[f"{side}_ids"]]
        ratios = ratio(policy, reference, pair, side)
        sides[side] = (ratios * torch.tensor(weights)).sum()
    loss = -F.logsigmoid(BETA * (sides["chosen"] - sides["rejected"]))
    if sides["chosen"] < 0:
        loss = loss - 0.5 * logprobs(policy, pair, "chosen").mean()
    return loss


def simpo(policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]) -> Tensor:
    """−log σ(β·mean log π(w) − β·mean log π(l) − γ)."""
    chosen, rejected = (logprobs(policy, pair, side).mean() for side in ("chosen", "rejected"))
    return -F.logsigmoid(BETA * chosen - BETA * rejected - 0.7)


def length_normalised(
    policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]
) -> Tensor:
    """−log σ(β·mean log-ratio of chosen − β·mean log-ratio of rejected)."""
    chosen, rejected = (
        ratio(policy, reference, pair, side).mean() for side in ("chosen", "rejected")
    )
    return -F.logsigmoid(BETA * chosen - BETA * rejected)


def by_token(policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]) -> Tensor:
    sides = [
        (ratio(policy, reference, pair, side) * torch.tensor(row["token_weights"][side])).sum()
        for side in ("chosen", "rejected")
    ]
    return -F.logsigmoid(BETA * (sides[0] - sides[1]))


def preference_and_likelihood(
    policy: Any, reference: Any, pair: dict[str, Any], row: dict[str, Any]
) -> Tensor:
    likelihood = logprobs(policy, pair, "chosen").mean()
    return cream(policy, reference, pair, row) - 0.5 * row["weight"] * likelihood


def batch_of(learner: Any) -> Any:
    return learner.data_collator([learner.train_dataset[n] for n in range(3)])


def with_token_weights(frame: pl.DataFrame, *weights: Any) -> pl.DataFrame:
    kind = frame.schema["token_weights"]
    return frame.with_columns(token_weights=pl.Series(weights, dtype=kind))


# The answers are "1", "2", "3" against "x", "xx", "xxx", each with an end: 2 tokens against 2 to 4.
TOKEN_WEIGHTS = [
    {"chosen": [0.0, 2.0], "rejected": [1.0, 0.5]},
    {"chosen": [1.0, 1.0], "rejected": [0.0, 0.0, 3.0]},
    {"chosen": [0.5, 0.0], "rejected": [0.1, 0.2, 0.3, 0.4]},
]


@pytest.mark.parametrize(
    ("options", "columns", "slow"),
    [
        ({}, {"weight": [0.0, 0.0, 0.0]}, cream),
        ({}, {"weight": [1.0, 1.0, 1.0]}, cream),
        ({}, {"weight": [0.0, 0.3, 1.0]}, cream),
        ({}, {"margin": [1.0, 2.0, 5.0]}, cream),
        ({"margin_scale": 0.25}, {"margin": [0.0, 4.0, None]}, margin),
        ({"focus": 3.0, "nll": 0.5, "anchor": "falling"}, {}, rise),
        ({"loss": "simpo", "gamma": 0.7}, {}, simpo),
        ({"loss": "dpo_norm"}, {}, length_normalised),
        ({"nll": 0.5}, {"weight": [0.0, 0.3, 1.0]}, preference_and_likelihood),
        ({"focus": 9.0}, {"token_weights": TOKEN_WEIGHTS}, by_token),
    ],
)
def test_loss_and_gradient_are_those_of_the_slow_version(
    options: dict[str, Any],
    columns: dict[str, Sequence[Any]],
    slow: Callable[..., Tensor],
    pairs: Rows,
    learner_for: Learners,
) -> None:
    frame = pairs(3)
    for name, column in columns.items():
        frame = frame.with_columns(pl.Series(name, column, dtype=frame.schema[name]))
    learner = learner_for(DPO(of="pairs", beta=BETA, **options), frame)
    reference = plain(learner)
    moved(learner)
    policy = plain(learner)

    loss = learner.compute_loss(learner.model, batch_of(learner))
    loss.backward()
    expected = [
        slow(policy, reference, learner.train_dataset[n], frame.row(n, named=True))
        for n in range(3)
    ]
    mean = torch.stack(expected).mean()
    mean.backward()

    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(learner.model.parameters(), policy.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-5)


def test_falling_likelihood_is_held_only_of_answers_that_fell(
    pairs: Rows, learner_for: Learners
) -> None:
    """The slow version above agrees on both kinds: here is that both are there."""
    learner = learner_for(DPO(of="pairs", beta=BETA), pairs(3))
    reference = plain(learner)
    moved(learner)
    policy = plain(learner)
    with torch.no_grad():
        fell = {
            bool(ratio(policy, reference, learner.train_dataset[n], "chosen").sum() < 0)
            for n in range(3)
        }
    assert fell == {True, False}


@pytest.mark.parametrize(
    ("options", "weight", "token_weights"),
    [
        # A pair that may be either way round teaches nothing at the start …
        ({}, 0.5, None),
        # … its likelihood has not fallen yet …
        ({"nll": 1.0, "anchor": "falling"}, 0.5, None),
        # … and what both sides begin with cancels out.
        ({}, 1.0, {"chosen": [2.0, 2.0, 0.0, 0.0], "rejected": [2.0, 2.0, 0.0, 0.0]}),
    ],
)
def test_the_gradient_is_zero_where_nothing_is_to_be_learned(
    options: dict[str, Any],
    weight: float,
    token_weights: Any,
    pairs: Rows,
    learner_for: Learners,
) -> None:
    frame = pairs(3, weight=weight)
    for side, text in {"chosen": "12c", "rejected": "12x"}.items():
        said = [[{"role": "assistant", "content": text}]] * 3
        frame = frame.with_columns(pl.Series(side, said, dtype=frame.schema[side]))
    learner = learner_for(
        DPO(of="pairs", beta=BETA, **options), with_token_weights(frame, *[token_weights] * 3)
    )
    learner.compute_loss(learner.model, batch_of(learner)).backward()
    largest = max(float(weights.grad.abs().max()) for weights in learner.model.parameters())
    assert largest < 1e-6


def test_full_confidence_is_trls_own_loss(pairs: Rows, learner_for: Learners) -> None:
    from trl import DPOTrainer

    learner = learner_for(DPO(of="pairs", beta=BETA), pairs(3))
    moved(learner)
    batch = batch_of(learner)
    ours = learner.compute_loss(learner.model, batch)
    for name in ("weight", "target", "token_weights"):
        del batch[name]
    theirs = DPOTrainer.compute_loss(learner, learner.model, batch)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_no_token_of_a_side_is_masked_and_none_of_the_prompt_is_learned(
    pairs: Rows, learner_for: Learners
) -> None:
    learner = learner_for(DPO(of="pairs"), pairs(3))
    batch = batch_of(learner)
    for n, row in enumerate(list(range(3)) * 2):
        pair = learner.train_dataset[row]
        side = pair["chosen_ids" if n < 3 else "rejected_ids"]
        learned = batch["input_ids"][n][batch["completion_mask"][n].bool()].tolist()
        assert learned == side
        assert batch["input_ids"][n][batch["token_weights"][n] > 0].tolist() == side


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"chosen": [1.0], "rejected": [1.0, 1.0]}, "chosen has 2 tokens .* but 1 weights"),
        ({"chosen": [1.0, 1.0], "rejected": [1.0] * 3}, "rejected has 2 tokens .* but 3 weights"),
        ({"chosen": [1.0, -1.0], "rejected": [1.0, 1.0]}, "negative or not finite"),
        ({"chosen": [1.0, math.nan], "rejected": [1.0, 1.0]}, "negative or not finite"),
        ({"chosen": [1.0, 1.0], "rejected": [0.0, 0.0]}, "no token of rejected"),
    ],
)
def test_weights_that_do_not_fit_the_tokens_drop_their_pair(
    weights: Any, reason: str, pairs: Rows, context_for: Callable[..., Context]
) -> None:
    frame = with_token_weights(pairs(2), weights, None)
    split = DPO(of="pairs").run({"pairs": frame}, context_for())
    assert split.kept["rows"].to_list() == [1]
    assert split.dropped["row_id"].to_list() == ["pair-000"]
    assert split.dropped.filter(pl.col("reason").str.contains(reason)).height == 1


def test_a_column_that_is_read_makes_another_training_and_one_that_is_not_does_not(
    pairs: Rows, context_for: Callable[..., Context]
) -> None:
    frame, context = pairs(3), context_for()

    def trained(rows: pl.DataFrame, **options: Any) -> float:
        # Seconds are measured, so only the same training has the same.
        trainer = DPO(of="pairs", learning_rate=1e-3, **options)
        return float(trainer.run({"pairs": rows}, context).kept["seconds"][0])

    wider = frame.with_columns(margin=pl.col("margin") * 2)
    weighted = with_token_weights(frame, *TOKEN_WEIGHTS)
    once = trained(frame)
    assert trained(wider) == once
    assert trained(weighted) != once
    scaled = trained(frame, margin_scale=1.0)
    assert scaled != trained(wider, margin_scale=1.0)


def test_simpo_has_no_reference_to_fall_below() -> None:
    with pytest.raises(ValidationError, match="simpo does not have"):
        DPO(of="pairs", loss="simpo", anchor="falling")


@pytest.mark.parametrize(("weight", "sign"), [(1.0, 1), (0.0, -1)])
def test_training_moves_the_margin_the_way_the_weight_says(
    weight: float,
    sign: int,
    pairs: Rows,
    context_for: Callable[..., Context],
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
) -> None:
    trainer = DPO(of="pairs", learning_rate=2e-3, batch_size=4, epochs=3)
    split = trainer.run({"pairs": pairs(weight=weight)}, context_for())
    assert split.dropped.is_empty()
    assert (split.kept["rows"][0], split.kept["steps"][0]) == (12, 9)
    assert sign * metrics_of(split.kept)["rewards/margins"] > 0.1
