"""Transformers' trainer on ratings of attributes, on given token ids. Imported only when something
is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification, TrainingArguments

from trainers.reward_model.loop import separate_padding
from trainers.training.heads import with_head
from trainers.training.loop import MeanLossTrainer, single_device, with_adapter


def with_attribute_head(model: Any, *, end: int, attributes: Sequence[str]) -> Any:
    """A sequence classification model with a label for each attribute, by its name, on the body of
    the language model ``model``. The configuration has them as ``reward_outputs`` too.

    Raises:
        EngineError: Transformers has no such model.
    """
    headed = with_head(
        model,
        AutoModelForSequenceClassification,
        what="reward head",
        settings={
            "pad_token_id": separate_padding(model, end),
            "reward_outputs": list(attributes),
        },
        labels=len(attributes),
    )
    headed.config.id2label = dict(enumerate(attributes))
    headed.config.label2id = {name: place for place, name in enumerate(attributes)}
    return headed


@dataclass
class RatingCollator:
    """A batch: ``input_ids``, ``attention_mask``, Long[responses, tokens]; ``targets``, Float, and
    ``known``, Bool, [responses, attributes]."""

    padding: int

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        lengths = torch.tensor([len(example["ids"]) for example in examples])
        ids = pad_sequence(
            [torch.tensor(example["ids"]) for example in examples],
            batch_first=True,
            padding_value=self.padding,
        )
        return {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            "targets": torch.tensor([example["targets"] for example in examples]),
            "known": torch.tensor([example["known"] for example in examples]),
        }


class AttributeLearner(MeanLossTrainer):
    """The loss of `trainers.AttributeRegression`."""

    attributes: Sequence[str]

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's responses."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        is_rated = inputs["known"]
        squares = (outputs.logits.float() - inputs["targets"]).square() * is_rated
        for place, attribute in enumerate(self.attributes):
            self.note(f"error/{attribute}", squares[is_rated[:, place], place])
        return (squares.sum(dim=1) / is_rated.sum(dim=1)).mean(), outputs


def attribute_learner(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    attributes: Sequence[str],
    peft_config: Any,
    **parts: Any,
) -> AttributeLearner:
    """A trainer on ``ids``, ``targets`` and ``known``."""
    padding = parts["model"].config.pad_token_id
    # The head is trained fully; "all-linear" would include it.
    parts["model"] = with_adapter(parts["model"], peft_config, excluded=frozenset({"score"}))
    learner = AttributeLearner(
        # The collator reads all columns, and Transformers does not know ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        train_dataset=list(encoded),
        data_collator=RatingCollator(padding),
        **parts,
    )
    learner.attributes = attributes
    return learner
