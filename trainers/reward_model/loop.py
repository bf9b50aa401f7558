"""TRL's reward trainer with a weight and a target for each pair, on given token ids. Imported only
when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

from trainers.dpo.losses import mixture
from trainers.training.heads import with_head
from trainers.training.loop import PairTrainer, single_device, with_confidences


def with_reward_head(model: Any, *, end: int) -> Any:
    """A sequence classification model with one label on the body of the language model ``model``.

    Its padding token is never ``end``, the token that ends every answer: Transformers reads the
    reward at the last token that is not padding, which would be the token before.

    Raises:
        EngineError: Transformers has no such model.
    """
    padding = model.config.pad_token_id
    return with_head(
        model,
        AutoModelForSequenceClassification,
        what="reward head",
        settings={"pad_token_id": padding if padding not in (None, end) else int(end == 0)},
    )


@dataclass
class RewardCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, with ``weight`` and ``target``, Float[pairs], and
    ``lengths``, Int[2 · pairs], the tokens of the answers."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = with_confidences(super().torch_call(examples), examples)
        batch["lengths"] = torch.tensor(
            [
                len(example[f"{side}_ids"]) - example["prompt_tokens"]
                for side in ("chosen", "rejected")
                for example in examples
            ]
        )
        return batch


class WeightedRewardTrainer(PairTrainer, RewardTrainer):
    """The loss of `trainers.RewardModel`."""

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's pairs."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        chosen, rejected = outputs.logits.squeeze(-1).chunk(2)
        loss = mixture(chosen - rejected - inputs["target"], inputs["weight"]).mean()
        self.report(chosen, rejected, inputs["lengths"])
        return loss, outputs


def reward_trainer(
    encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
) -> WeightedRewardTrainer:
    """A trainer on pairs of token id sequences, prompts included."""
    model = parts["model"]
    padding = model.config.pad_token_id
    trainer = WeightedRewardTrainer(
        # All columns are used, and TRL does not know ours.
        args=single_device(RewardConfig(**arguments, max_length=None, remove_unused_columns=False)),
        train_dataset=Dataset.from_list(list(encoded)),
        data_collator=RewardCollator(pad_token_id=padding),
        **parts,
    )
    # TRL set this to the tokenizer's padding token, which may be the token that ends a turn.
    model.config.pad_token_id = padding
    return trainer
