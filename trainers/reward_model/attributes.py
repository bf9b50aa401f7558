"""A reward model of attributes: a number for each, trained on ratings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field, model_validator

from engines.protocol import RowError
from schemas import Checkpoints, ModelDefault, Prompts, Responses, Scores, Takes, transcript
from trainers.training.tokenization import Reader
from trainers.training.trainer import Trainer, with_ends
from trainers.training.turns import transcript_tokens

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class AttributeRegression(Trainer):
    """Trains the weights of a role, with a linear head instead of its vocabulary, to tell the
    ratings of a response: one output for each of ``attributes``, which are the annotators of stage
    ``by``.

    The loss of a response is the mean of (output − rating)² over its attributes. Several ratings of
    an attribute by one stage do not occur; average several people before. A response that lacks the
    rating of an attribute learns the others; one without any is dropped. Before the first step each
    output is 0. A transcript is read at the end of its last turn, after the turns before it.

    The folder holds a sequence classification model with a label for each attribute, in order, by
    its name (``id2label``). `annotators.Reward` then has an annotator an attribute, or one reward,
    a weighted sum. `trainers.RewardModel` with ``checkpoint`` goes on from it: the first attribute
    becomes the reward.

    Source: Wang et al. 2024, HelpSteer2 (arXiv:2406.08673), section 4: helpfulness, correctness,
    coherence, complexity and verbosity from 0 to 4.
    """

    training: ClassVar = "reward"
    unit: ClassVar = "response_id"
    task: ClassVar = "SEQ_CLS"

    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM", "SEQ_CLS"))] = None

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    attributes: tuple[str, ...] = Field(min_length=1)
    learning_rate: Annotated[float, ModelDefault()] = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _attributes_differ(self) -> "AttributeRegression":
        if len(set(self.attributes)) < len(self.attributes):
            raise ValueError(f"an attribute is named twice: {', '.join(self.attributes)}")
        return self

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The responses with their prompts and ``ratings``, in the order of ``attributes``; null
        where there is none."""
        scores = tables[self.by].filter(pl.col("step").is_null())
        examples = tables[self.of].join(
            tables[self.prompts].select("prompt_id", prompt="messages"),
            on="prompt_id",
            how="left",
            maintain_order="left",
        )
        names = [f"rating {name}" for name in self.attributes]
        for attribute, name in zip(self.attributes, names, strict=True):
            of_attribute = scores.filter(pl.col("annotator") == attribute)
            examples = examples.join(
                of_attribute.select("response_id", pl.col("value").alias(name)),
                on="response_id",
                how="left",
                maintain_order="left",
            )
        cut = pl.when(pl.col("finish") == "length").then(False).alias("ends")
        examples = examples.with_columns(cut, ratings=pl.concat_list(names))
        turns = ["turns"] if examples["turns"].count() else []
        names = ["response_id", "prompt", "text", "ratings", *turns, *with_ends(examples)]
        return examples.select(names)

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        if row["prompt"] is None:
            raise RowError("prompt not found")
        if all(rating is None for rating in row["ratings"]):
            raise RowError(f"no rating of {', '.join(self.attributes)} in stage {self.by}")
        ended = row.get("ends") is not False
        if row.get("turns") is None:
            ids = reader.prompt(row["prompt"], row["text"])
            ids += reader.answer(row["text"], ended=ended)
        else:
            answer = transcript(row["text"], (turn.values() for turn in row["turns"]))
            ids = reader.prompt(row["prompt"], answer[0]["content"])
            ids += transcript_tokens(row["prompt"], answer, ids, reader, ended=ended)[0]
        return {
            "ids": ids,
            "targets": [rating or 0.0 for rating in row["ratings"]],
            "known": [rating is not None for rating in row["ratings"]],
            "length": len(ids),
        }

    def learned(self, model: Any, *, end: int) -> Any:
        from trainers.reward_model.attribute_loop import with_attribute_head

        return with_attribute_head(model, end=end, attributes=self.attributes)

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        from trainers.reward_model.attribute_loop import attribute_learner

        return attribute_learner(encoded, arguments=arguments, attributes=self.attributes, **parts)
