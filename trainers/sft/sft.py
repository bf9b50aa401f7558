"""Supervised fine-tuning on demonstrations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, model_validator

from schemas import Demonstrations, ModelDefault, Takes
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer, with_ends
from trainers.training.turns import learned_turns, token_sequences

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class SFT(Trainer):
    """Trains a policy to write the last message of each demonstration, and to end its turn there,
    unless the message was cut off (``ends``).

    Everything before the last message is context and is not learned. If a row has ``loss_spans``,
    only the characters inside them are learned, in whichever of the assistant's messages they are;
    the end of a turn is learned if the last token of its text is. Calls of tools in the last
    message are learned whole, as the chat template writes them.

    The loss is Σ w · −log p(token) / n over the n learned tokens of a step, w the ``weight`` of a
    token's row (null: 1). It is not divided by the weights, or a batch of one row would not know
    its weight: so weights should be about 1 on average.

    ``kl`` keeps the policy near the policy before training, π₀. It adds ``kl`` times the mean over
    the tokens of ``samples`` of ρ·(1/ρ − 1 − log 1/ρ), with ρ = π/π₀: an estimate of the divergence
    of π from π₀ in nats per token, as in `trainers.PolicyGradient`. ``samples`` are demonstrations
    of all that π₀ sampled (``filters.Imitate`` with ``cut: keep``): the chosen ones alone are no
    sample of π₀. A batch has rows of both stages, mixed; one that is in both is read once. Over an
    epoch, each term is a mean over the tokens of its own stage.

    Source: Mukobi et al. 2023, SuperHF (arXiv:2310.16763), for imitation with a divergence. That it
    is over all samples, and estimated from their tokens, is a reading.
    """

    training: ClassVar = "sft"
    unit: ClassVar = "demonstration_id"
    relative: ClassVar = True
    later: ClassVar = Trainer.later | {"kl", "samples"}

    of: Annotated[str, Takes(Demonstrations)]
    kl: float = Field(0.0, ge=0)
    samples: Annotated[str | None, Takes(Demonstrations)] = None
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _kl_is_of_samples(self) -> "SFT":
        if bool(self.kl) != (self.samples is not None):
            raise ValueError("kl is a divergence on the policy's samples: set both kl and samples")
        if self.kl and self.shard:
            raise ValueError("kl needs the policy before training whole: leave out shard, or kl")
        return self

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The rows of ``of``. With ``samples``, those of both stages, and whether they are
        ``imitated`` and ``sampled``."""
        demonstrations = tables[self.of]
        if self.samples is None:
            return self.examples(demonstrations)
        sampled = tables[self.samples]
        alone = sampled.join(demonstrations, on=self.unit, how="anti", maintain_order="left")
        rows, ids = self.examples(pl.concat([demonstrations, alone])), pl.col(self.unit)
        return rows.with_columns(
            imitated=ids.is_in(demonstrations[self.unit].implode()),
            sampled=ids.is_in(sampled[self.unit].implode()),
        )

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = ["demonstration_id", "messages", "loss_spans", *with_ends(frame)]
        # Without a weight, rows keep the identity that they had before there was such a column.
        return frame.select([*names, "weight"] if frame["weight"].count() else names)

    def encode_all(self, row: Mapping[str, Any], reader: Reader) -> list[dict[str, Any]]:
        messages, spans = row["messages"], row["loss_spans"]
        last = len(messages) - 1
        learned = {last: None} if spans is None else learned_turns(spans, len(messages))
        weight = row.get("weight")
        weighted: dict[str, Any] = (
            {"weight": 1.0 if weight is None else weight} if "weight" in row else {}
        )
        weighted |= {name: row[name] for name in ("imitated", "sampled") if name in row}
        return [
            {"input_ids": ids, "labels": labels, "length": len(ids), **weighted}
            for ids, labels in token_sequences(
                messages, learned, reader, ended=row.get("ends") is not False
            )
        ]

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.sft.loop import completion_trainer

        return completion_trainer(encoded, arguments=arguments, kl=self.kl, **parts)
