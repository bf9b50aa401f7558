"""Chains of trainings: each goes on from the checkpoint of another stage."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from engines.bindings import Binding
from engines.context import Context
from schemas import Checkpoints, Demonstrations, empty, rows
from trainers import DPO, SFT, RewardModel
from trainers.evaluation.both_policies import start_of

Pairs = Callable[..., pl.DataFrame]
Contexts = Callable[..., Context]


@pytest.fixture
def trainer() -> DPO:
    return DPO(of="pairs", learning_rate=1e-3, batch_size=4, epochs=2)


def weights_of(path: str) -> str:
    return hashlib.sha256((Path(path) / "model.safetensors").read_bytes()).hexdigest()


def test_a_chain_goes_on_from_the_checkpoint_which_is_its_reference(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path
) -> None:
    demonstrations = rows(
        Demonstrations,
        [
            {
                "demonstration_id": row["pair_id"],
                "prompt_id": row["prompt_id"],
                "messages": [*row["prompt"], *row["chosen"]],
            }
            for row in pairs().iter_rows(named=True)
        ],
    )
    imitate = SFT(of="right", learning_rate=1e-3, batch_size=4)
    base = context_for()
    first = imitate.run({"right": demonstrations}, replace(base, stage="imitated")).kept
    chained = trainer.model_copy(update={"checkpoint": "imitated"})
    found = chained.run({"pairs": pairs(), "imitated": first}, base).kept
    assert found["start"].to_list() == first["path"].to_list()
    assert found["chain_start"].to_list() == first["start"].to_list()

    # The same training of a role that is bound to that checkpoint.
    bound = Binding(model=first["path"][0], device="cpu")
    other = context_for(models=tmp_path / "other", roles={"policy": bound})
    alone = trainer.run({"pairs": pairs()}, other).kept
    assert alone["chain_start"].to_list() == [None]
    assert weights_of(found["path"][0]) == weights_of(alone["path"][0])
    assert start_of(found.row(0, named=True)) == base.roles["policy"].model


def test_a_chain_whose_last_training_has_no_rows_keeps_what_came_before(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    context = context_for()
    first = trainer.run({"pairs": pairs()}, replace(context, stage="first")).kept
    chained = trainer.model_copy(update={"checkpoint": "first"})
    (found,) = chained.run({"pairs": pairs(0), "first": first}, context).kept.to_dicts()
    assert (found["path"], found["trained"]) == (first["path"][0], False)
    assert found["chain_start"] == first["start"][0]


def test_a_first_refresh_that_carries_a_checkpoint_starts_from_the_role(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path
) -> None:
    carried = trainer.model_copy(update={"checkpoint": "policy@previous"})
    tables = {"pairs": pairs(), "policy@previous": empty(Checkpoints)}
    found = carried.run(tables, context_for()).kept
    alone = trainer.run({"pairs": pairs()}, context_for(models=tmp_path / "other")).kept
    assert weights_of(found["path"][0]) == weights_of(alone["path"][0])
    assert found["chain_start"].to_list() == [None]


def test_a_reward_model_goes_on_with_its_head(pairs: Pairs, context_for: Contexts) -> None:
    reward = RewardModel(of="pairs", start="policy", learning_rate=1e-3, batch_size=4)
    context = context_for()
    first = reward.run({"pairs": pairs()}, replace(context, stage="first")).kept
    again = reward.model_copy(update={"checkpoint": "first", "learning_rate": 1e-12})
    second = again.run({"pairs": pairs(), "first": first}, context).kept
    heads = [
        load_file(Path(path) / "model.safetensors")["score.weight"]
        for path in (first["path"][0], second["path"][0])
    ]
    assert heads[0].abs().max() > 0
    assert torch.allclose(*heads)
