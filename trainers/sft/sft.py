"""Supervised fine-tuning on demonstrations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from schemas import Demonstrations, ModelDefault, Takes
from trainers.sft.turns import learned_turns, token_sequences
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer, with_ends

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
    """

    training: ClassVar = "sft"
    unit: ClassVar = "demonstration_id"

    of: Annotated[str, Takes(Demonstrations)]
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = ["demonstration_id", "messages", "loss_spans", *with_ends(frame)]
        # Without a weight, rows keep the identity that they had before there was such a column.
        return frame.select([*names, "weight"] if frame["weight"].count() else names)

    def encode_all(self, row: Mapping[str, Any], reader: Reader) -> list[dict[str, Any]]:
        messages, spans = row["messages"], row["loss_spans"]
        last = len(messages) - 1
        learned = {last: None} if spans is None else learned_turns(spans, len(messages))
        weight = row.get("weight")
        weighted = {"weight": 1.0 if weight is None else weight} if "weight" in row else {}
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

        return completion_trainer(encoded, arguments=arguments, **parts)
