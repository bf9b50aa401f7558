"""Tree preference optimization: training on ranked lists of answers instead of pairs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from engines.protocol import RowError
from schemas import ModelDefault, Rankings, Takes
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer, with_ends

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class TPO(Trainer):
    """Trains a policy to rank the answers of a list as their rewards do.

    The loss of a list is the mean of −λ_ij·log σ(h_ij) over its pairs of answers with v_i > v_j,
    with h_ij = β·Σ_t w_ijt·(ℓ_it − ℓ_jt), ℓ_it = log π/π₀ of the t-th step of answer i, and π₀ the
    policy before training. With λ = w = 1 it is the DPO loss of every pair.

    ``pairs: lambda``: λ is the gain in DCG of exchanging the two answers in the policy's current
    ranking (`trainers.tpo.losses.lambdas`), so the top of the list counts most. ``equal``: all
    pairs of a list have the same weight.

    ``adaptive``: w_ijt grows with the difference between the t-th steps of the two answers
    (`trainers.tpo.losses.step_weights`). So distinguishing steps count, and steps that both share,
    as answers of one tree do, do not count. Otherwise all steps have the same weight.

    Source: Liao et al. 2024, TPO (arXiv:2410.12854), for lists, pairwise logistic losses, and
    weights by the cosine of the hidden states of steps. How it weights pairs and steps could not be
    read in the paper. Its public code was not followed: it puts the loss into another log-sigmoid,
    which reverses its sign, and weights a step by 1 + cos, more for similar steps. Here the hidden
    states of the policy are computed once, before training, without gradients.

    An answer that was cut off (``ends``) has no end of the turn. A list with equal rewards is
    dropped. ``batch_size`` counts lists.
    """

    training: ClassVar = "dpo"
    # The policy before training is read whole, before the first step.
    shards: ClassVar = False
    unit: ClassVar = "ranking_id"

    of: Annotated[str, Takes(Rankings)]
    beta: float = Field(0.1, gt=0)
    pairs: Literal["lambda", "equal"] = "lambda"
    adaptive: bool = True
    learning_rate: Annotated[float, ModelDefault()] = Field(5e-7, gt=0)

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = ["ranking_id", "prompt", "completions", "rewards", "steps"]
        return frame.select([*names, *with_ends(frame)])

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if len(set(row["rewards"])) == 1:
            raise RowError("all rewards are equal")
        prompt = reader.prompt(row["prompt"], row["completions"][0])
        ended = row.get("ends") or [True] * len(row["completions"])
        read = [
            reader.numbered(text, places, ended=is_ended)
            for text, places, is_ended in zip(row["completions"], row["steps"], ended, strict=True)
        ]
        return {
            "prompt_ids": prompt,
            "answer_ids": [ids for ids, _ in read],
            "steps": [steps for _, steps in read],
            "rewards": row["rewards"],
            "length": len(prompt) + max(len(ids) for ids, _ in read),
            "sequences": len(read),
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.tpo.loop import list_trainer

        return list_trainer(
            encoded,
            arguments=arguments,
            beta=self.beta,
            pairs=self.pairs,
            adaptive=self.adaptive,
            **parts,
        )
