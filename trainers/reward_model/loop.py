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
from trainers.reward_model.ensembles import draw_head, drawn_pairs, margins, means
from trainers.training.heads import with_head
from trainers.training.loop import PairTrainer, single_device, with_confidences


def with_reward_head(model: Any, *, end: int, heads: int = 1) -> Any:
    """A sequence classification model on the body of the language model ``model``. It has one
    label or, with several ``heads``, their means and then the logarithms of their variances.

    Its padding token is never ``end``, the token that ends every answer: Transformers reads the
    reward at the last token that is not padding, which would be the token before.

    Raises:
        EngineError: Transformers has no such model.
    """
    padding = model.config.pad_token_id
    settings = {"pad_token_id": padding if padding not in (None, end) else int(end == 0)}
    return with_head(
        model,
        AutoModelForSequenceClassification,
        what="reward head",
        settings=settings if heads == 1 else settings | {"reward_heads": heads},
        labels=1 if heads == 1 else 2 * heads,
    )


@dataclass
class RewardCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, with ``weight`` and ``target``, Float[pairs];
    ``lengths``, Int[2 · pairs], the tokens of the answers; and, of a bootstrap, ``drawn``,
    Float[pairs, heads], how often each head's sample has the pair."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = with_confidences(super().torch_call(examples), examples)
        batch["lengths"] = torch.tensor(
            [
                len(example[f"{side}_ids"]) - example["prompt_tokens"]
                for side in ("chosen", "rejected")
                for example in examples
            ]
        )
        if "drawn" in examples[0]:
            batch["drawn"] = torch.tensor([example["drawn"] for example in examples])
        return batch


class WeightedRewardTrainer(PairTrainer, RewardTrainer):
    """The loss of `trainers.RewardModel`."""

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's pairs."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        weight, target = (inputs[name][:, None] for name in ("weight", "target"))
        losses = mixture(margins(outputs.logits, target), weight)
        if "drawn" in inputs:
            losses = losses * inputs["drawn"]
        chosen, rejected = means(outputs.logits).mean(dim=1).chunk(2)
        self.report(chosen, rejected, inputs["lengths"])
        return losses.mean(), outputs


def reward_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    bootstrap: bool = False,
    **parts: Any,
) -> WeightedRewardTrainer:
    """A trainer on pairs of token id sequences, prompts included. A head that is 0 is drawn anew,
    if it is one of several, or with ``bootstrap``."""
    model = parts["model"]
    padding, names = model.config.pad_token_id, model.config.id2label
    heads = means(model.score.weight.T).shape[1]
    # All columns are used, and TRL does not know ours.
    args = single_device(RewardConfig(**arguments, max_length=None, remove_unused_columns=False))
    if bootstrap or heads > 1:
        draw_head(model, seed=args.seed)
    if bootstrap:
        encoded = [
            {**each, "drawn": drawn}
            for each, drawn in zip(encoded, drawn_pairs(encoded, heads, args.seed), strict=True)
        ]
    # TRL refuses a model with more than one label, and its own loss, which has one, is not used.
    model.config.num_labels = 1
    trainer = WeightedRewardTrainer(
        args=args,
        train_dataset=Dataset.from_list(list(encoded)),
        data_collator=RewardCollator(pad_token_id=padding),
        **parts,
    )
    # TRL set this to the tokenizer's padding token, which may be the token that ends a turn.
    model.config.pad_token_id, model.config.id2label = padding, names
    return trainer
