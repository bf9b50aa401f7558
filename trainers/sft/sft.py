"""Supervised fine-tuning on demonstrations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from engines.protocol import RowError
from schemas import Demonstrations, ModelDefault, Takes
from trainers.training.tokenization import UNLEARNED, Reader
from trainers.training.trainer import Trainer, with_ends

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class SFT(Trainer):
    """Trains a policy to write the last message of each demonstration, and to end its turn there,
    unless the message was cut off (``ends``).

    Everything before the last message is context and is not learned. If a row has ``loss_spans``,
    only the characters of the last message inside them are learned; the end of the turn is learned
    if the last token of the text is. Calls of tools in the last message are learned whole, as the
    chat template writes them. The loss is the mean over the learned tokens of a step.
    """

    training: ClassVar = "sft"
    unit: ClassVar = "demonstration_id"

    of: Annotated[str, Takes(Demonstrations)]
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = ["demonstration_id", "messages", "loss_spans"]
        return frame.select([*names, *with_ends(frame)])

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        *context, answer = row["messages"]
        prompt = reader.prompt(context, answer["content"])
        ended = row.get("ends") is not False
        ids = reader.message(context, answer, answer["content"], ended=ended)
        if not answer.get("tool_calls"):
            labels = reader.labels(answer["content"], row["loss_spans"], ended=ended)
        elif row["loss_spans"] is None:
            labels = ids
        else:
            raise RowError("loss_spans are places in a text, but the last message calls tools")
        return {
            "input_ids": [*prompt, *ids],
            "labels": [UNLEARNED] * len(prompt) + labels,
            "length": len(prompt) + len(ids),
        }

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.sft.loop import completion_trainer

        return completion_trainer(encoded, arguments=arguments, **parts)
