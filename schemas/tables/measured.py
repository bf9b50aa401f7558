"""Trained models, and how they were measured."""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.tables.table import Table


class Checkpoints(Table):
    """A trained model: the folder of its safetensors, the model it started from, and metrics.

    ``path`` equals ``start`` if nothing was trained; ``reason`` then says why. ``chain_start``: if
    the training went on from the checkpoint of another stage, the model that the first training of
    this chain started from; null if ``start`` is that model.
    ``metrics`` is a JSON object (final loss, reward accuracy, ...).
    """

    path = dy.String(primary_key=True)
    start = dy.String()
    trained = dy.Bool()
    reason = dy.String(nullable=True)
    rows = dy.UInt32()
    steps = dy.UInt32()
    seconds = dy.Float64()
    metrics = dy.String()
    chain_start = dy.String(nullable=True)


class Evaluations(Table):
    """One held-out prompt answered by a policy and by the policy it started from.

    It is measured in one way; the columns of the others are null. By a check: ``greedy_*`` says
    whether the greedy answer was right, and ``right_*`` how many of ``samples`` sampled answers
    were. By a judge: ``preference`` is how much it prefers the greedy answer after training, in
    [0, 1]; 0.5 is a tie. By a reward: ``reward_*`` of the greedy answers. ``length_*``: the
    characters of the greedy answers.
    """

    prompt_id = dy.String(primary_key=True)
    greedy_before = dy.Bool(nullable=True)
    greedy_after = dy.Bool(nullable=True)
    samples = dy.UInt32()
    right_before = dy.UInt32(nullable=True)
    right_after = dy.UInt32(nullable=True)
    preference = dy.Float64(nullable=True, min=0, max=1)
    reward_before = dy.Float64(nullable=True)
    reward_after = dy.Float64(nullable=True)
    length_before = dy.UInt32(nullable=True)
    length_after = dy.UInt32(nullable=True)

    @dy.rule()
    def measured_in_one_way(cls) -> pl.Expr:
        return pl.sum_horizontal(
            pl.col(name).is_not_null() for name in ("greedy_after", "preference", "reward_after")
        ).eq(1)

    @dy.rule()
    def both_policies_measured(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(f"{name}_before").is_null() == pl.col(f"{name}_after").is_null()
            for name in ("greedy", "right", "reward", "length")
        )

    @dy.rule()
    def rewards_finite(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(name).is_finite() | pl.col(name).is_null()
            for name in ("reward_before", "reward_after")
        )


class PairEvaluations(Table):
    """One held-out pair, and the log-probs of its sides under a policy and under the policy that it
    started from.

    ``chosen_*`` and ``rejected_*``: the natural log of the probability of the answer, with the end
    of its turn if it ends; ``*_tokens``: the tokens that these sum over.
    """

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    chosen_before = dy.Float64()
    chosen_after = dy.Float64()
    rejected_before = dy.Float64()
    rejected_after = dy.Float64()
    chosen_tokens = dy.UInt32(min=1)
    rejected_tokens = dy.UInt32(min=1)


class RewardEvaluations(Table):
    """One held-out pair, and the rewards of its sides by a reward model and by what it started
    from, in the model's unit; 0 if that had no reward head."""

    pair_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    chosen_before = dy.Float64()
    chosen_after = dy.Float64()
    rejected_before = dy.Float64()
    rejected_after = dy.Float64()


class StepEvaluations(Table):
    """One held-out solution with labelled steps, and the rewards of its steps by a process reward
    model and by what it started from; ``threshold`` for each step if that had no reward head.

    A step is judged right if its reward is above ``threshold``. ``labels`` say which steps are.
    """

    response_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    labels = dy.List(dy.Bool(nullable=True), min_length=1)
    before = dy.List(dy.Float64())
    after = dy.List(dy.Float64())
    threshold = dy.Float64()

    @dy.rule()
    def a_reward_a_step(cls) -> pl.Expr:
        return pl.all_horizontal(
            pl.col(name).list.len() == pl.col("labels").list.len() for name in ("before", "after")
        )


class TaskEvaluations(Table):
    """One item of a task, and the value of the task's metric for it under a policy and under the
    policy that it started from.

    ``item_id``: the task and the number of the item.
    """

    item_id = dy.String(primary_key=True)
    task = dy.String(min_length=1)
    metric = dy.String(min_length=1)
    before = dy.Float64()
    after = dy.Float64()
