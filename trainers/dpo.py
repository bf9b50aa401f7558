"""Direct preference optimization."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from schemas import Pairs, Takes
from trainers.tokens import Reader, one_answer
from trainers.trainer import Trainer

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class DPO(Trainer):
    """Trains a policy to prefer ``chosen`` over ``rejected``, each pair as much as its ``weight``.

    The loss of a pair of weight C is C·L(w, l) + (1−C)·L(l, w), with
    L(w, l) = −log σ(β·[log π(w)/π₀(w) − log π(l)/π₀(l)]) and π₀ the policy it starts from
    (Rafailov et al. 2023, arXiv:2305.18290; the mixture: CREAM, Wang et al. 2024,
    arXiv:2410.12735). A log-prob is the sum over the answer's tokens and the end of the turn.

    ``learning_rate``: 5e-7 for a 7B model, as most published recipes; 5e-5 for a pocket model or
    with ``lora``.
    """

    unit: ClassVar = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    beta: float = Field(0.1, gt=0)
    learning_rate: float = Field(5e-7, gt=0)

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select("pair_id", "prompt", "chosen", "rejected", "weight")

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        prompt = reader.prompt(row["prompt"])
        chosen, rejected = (
            reader.answer(one_answer(row[side], side)) for side in ("chosen", "rejected")
        )
        return {
            "prompt_ids": prompt,
            "chosen_ids": chosen,
            "rejected_ids": rejected,
            "weight": row["weight"],
            "length": len(prompt) + max(len(chosen), len(rejected)),
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.preference import preference_trainer

        return preference_trainer(encoded, arguments=arguments, beta=self.beta, **parts)
