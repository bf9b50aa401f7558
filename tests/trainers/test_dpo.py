"""The preference loss against a slow one, and against TRL's own."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from engines.context import Context
from trainers import DPO

BETA = 0.3


def slow_loss(policy: Any, reference: Any, pair: dict[str, Any]) -> float:
    """C·L(w, l) + (1−C)·L(l, w) in float64, one token at a time."""

    def logprob(model: Any, ids: list[int]) -> float:
        total = 0.0
        for n in range(len(pair["prompt_ids"]), len(ids)):
            logits = model(input_ids=torch.tensor([ids[:n]])).logits[0, -1]
            total += float(logits.log_softmax(-1)[ids[n]])
        return total

    ratios = {}
    for side in ("chosen", "rejected"):
        ids = pair["prompt_ids"] + pair[f"{side}_ids"]
        ratios[side] = logprob(policy, ids) - logprob(reference, ids)
    margin = BETA * (ratios["chosen"] - ratios["rejected"])
    one, other = (
        -float(torch.nn.functional.logsigmoid(torch.tensor(x, dtype=torch.float64)))
        for x in (margin, -margin)
    )
    return float(pair["weight"]) * one + (1 - float(pair["weight"])) * other


def moved(learner: Any) -> None:
    """Move the policy away from its reference, so that ratios are not all 0."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in learner.model.parameters():
            weights += 0.05 * torch.randn(weights.shape, generator=generator)


def plain(learner: Any) -> Any:
    """The policy as it stands, in float64 and without what TRL did to its forward pass."""
    model = type(learner.model)(learner.model.config)
    model.load_state_dict(learner.model.state_dict())
    return model.double().eval()


def batch_of(learner: Any) -> Any:
    return learner.data_collator([learner.train_dataset[n] for n in range(3)])


@pytest.mark.parametrize("weights", [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.3, 1.0]])
def test_loss_is_the_mixture(
    weights: list[float], pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = pairs(3).with_columns(weight=pl.Series(weights))
    learner = learner_for(DPO(of="pairs", beta=BETA), frame)
    reference = plain(learner)
    moved(learner)
    policy = plain(learner)
    with torch.no_grad():
        loss = float(learner.compute_loss(learner.model, batch_of(learner)))
        slow = [slow_loss(policy, reference, learner.train_dataset[n]) for n in range(3)]
    assert loss == pytest.approx(sum(slow) / 3, rel=1e-5)


def test_full_confidence_is_trls_own_loss(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    from trl import DPOTrainer

    learner = learner_for(DPO(of="pairs", beta=BETA), pairs(3))
    moved(learner)
    batch = batch_of(learner)
    ours = learner.compute_loss(learner.model, batch)
    del batch["weight"]
    theirs = DPOTrainer.compute_loss(learner, learner.model, batch)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_no_token_of_a_side_is_masked_and_none_of_the_prompt_is_learned(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    learner = learner_for(DPO(of="pairs"), pairs(3))
    batch = batch_of(learner)
    for n, row in enumerate(list(range(3)) * 2):
        pair = learner.train_dataset[row]
        side = pair["chosen_ids" if n < 3 else "rejected_ids"]
        learned = batch["input_ids"][n][batch["completion_mask"][n].bool()].tolist()
        assert learned == side


@pytest.mark.parametrize(("weight", "sign"), [(1.0, 1), (0.0, -1)])
def test_training_moves_the_margin_the_way_the_weight_says(
    weight: float,
    sign: int,
    pairs: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
) -> None:
    trainer = DPO(of="pairs", learning_rate=2e-3, batch_size=4, epochs=3)
    split = trainer.run({"pairs": pairs(weight=weight)}, context_for())
    assert split.dropped.is_empty()
    assert (split.kept["rows"][0], split.kept["steps"][0]) == (12, 9)
    assert sign * metrics_of(split.kept)["rewards/margins"] > 0.1
