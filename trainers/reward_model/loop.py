"""TRL's reward trainer with a weight and a target for each pair, on given token ids. Imported only
when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

from trainers.reward_model.ensembles import draw_head, drawn_pairs, means
from trainers.reward_model.forms import PairForm
from trainers.reward_model.forms.pair_form import Outputs
from trainers.reward_model.meta import ahead, difference
from trainers.reward_model.relabelling import Relabelling
from trainers.training.callbacks import Saving
from trainers.training.heads import with_head
from trainers.training.loop import PairTrainer, single_device, with_confidences


def with_reward_head(model: Any, *, end: int, heads: int = 1, form: PairForm) -> Any:
    """A sequence classification model on the body of the language model ``model``. It has one
    label or, with several ``heads``, their means and then the logarithms of their variances; or the
    labels of ``form``.

    Raises:
        EngineError: Transformers has no such model.
    """
    # A model of attributes has names of its outputs, and this one goes on with the first.
    if getattr(model.config, "reward_outputs", None) != list(form.outputs):
        vars(model.config).pop("reward_outputs", None)
    vars(model.config).pop("reward_mixture", None)
    settings: dict[str, Any] = {"pad_token_id": separate_padding(model, end)}
    if form.outputs:
        settings["reward_outputs"] = list(form.outputs)
    return with_head(
        model,
        AutoModelForSequenceClassification,
        what="reward head",
        settings=settings if heads == 1 else settings | {"reward_heads": heads},
        labels=form.labels if heads == 1 else 2 * heads,
        begins=heads == 1 and not getattr(model.config, "reward_heads", 0),
    )


def separate_padding(model: Any, end: int) -> int:
    """A padding token that is not ``end``, the token that ends every answer: Transformers reads the
    reward at the last token that is not padding, which would be the token before."""
    padding = model.config.pad_token_id
    return int(end == 0) if padding in (None, end) else int(padding)


@dataclass
class RewardCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, with ``weight``, ``target`` and ``strength``,
    Float[pairs]; ``lengths``, Int[2 · pairs], the tokens of the answers; of a bootstrap, ``drawn``,
    Float[pairs, heads], how often each head's sample has the pair; and of ratings, ``ratings`` and
    ``rated``, [2 · pairs, 1]. ``shifted`` has the ``input_ids``, ``attention_mask`` and ``groups``
    of responses without a label, if there are any."""

    weights: list[float] | None = None
    """The confidences of all pairs, if they change: in place of those of the examples, whose
    ``place`` says which."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = with_confidences(super().torch_call(examples), examples)
        if self.weights is not None:
            batch["weight"] = torch.tensor([self.weights[each["place"]] for each in examples])
        batch["strength"] = torch.tensor([example["strength"] for example in examples])
        batch["lengths"] = torch.tensor(
            [
                len(example[f"{side}_ids"]) - example["prompt_tokens"]
                for side in ("chosen", "rejected")
                for example in examples
            ]
        )
        if "ratings" in examples[0]:
            sides = [each["ratings"][side] for side in (0, 1) for each in examples]
            batch["ratings"] = torch.tensor([[0.0 if one is None else one] for one in sides])
            batch["rated"] = torch.tensor([[one is not None] for one in sides])
        if "drawn" in examples[0]:
            batch["drawn"] = torch.tensor([example["drawn"] for example in examples])
        groups = [each.get("shifted_ids") or [] for each in examples]
        if shifted := [torch.tensor(ids) for group in groups for ids in group]:
            ones = [torch.ones_like(ids) for ids in shifted]
            numbers = [number for number, group in enumerate(groups) for _ in group]
            batch["shifted"] = {
                "input_ids": pad_sequence(shifted, True, padding_value=self.pad_token_id),
                "attention_mask": pad_sequence(ones, True),
                "groups": torch.tensor(numbers),
            }
        return batch


class WeightedRewardTrainer(PairTrainer, RewardTrainer):
    """The loss of `trainers.RewardModel`."""

    form: PairForm
    meta_rate: float

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **keywords: Any) -> Any:
        """Called by Transformers. If the batch has responses without labels, the gradient is that
        ahead of the weights."""
        inputs = self._prepare_inputs(inputs)
        shifted = inputs.pop("shifted", None)
        step: Any = super().training_step
        if shifted is None:
            return step(model, inputs, *args, **keywords)
        groups = shifted.pop("groups")
        with self.compute_loss_context_manager():
            rewards = self.form.rewards(model(**shifted, use_cache=False).logits).mean(dim=1)
        with ahead(model, difference(rewards.float(), groups), self.meta_rate):
            return step(model, inputs, *args, **keywords)

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's pairs."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        columns = {name: inputs[name][:, None] for name in ("weight", "target", "strength")}
        columns |= {
            name: inputs[name] for name in ("lengths", "ratings", "rated") if name in inputs
        }
        head = self.accelerator.unwrap_model(model).score.weight
        loss = self.form.loss(Outputs(outputs.logits, head, columns))
        losses = loss.pairs * inputs["drawn"] if "drawn" in inputs else loss.pairs
        chosen, rejected = self.form.rewards(outputs.logits).mean(dim=1).chunk(2)
        self.report(chosen, rejected, inputs["lengths"], **loss.figures)
        return losses.mean() + loss.batch, outputs

    def all_margins(self, rows: Sequence[dict[str, Any]], collate: Any) -> torch.Tensor:
        """r(w) − r(l) of all pairs by the model as it is, Float[pairs], in their order."""
        margins: list[torch.Tensor] = []
        model: Any = self.model
        model.eval()
        size = self.args.per_device_train_batch_size
        for first in range(0, len(rows), size):
            batch = collate(rows[first : first + size])
            with torch.no_grad():
                logits = model(
                    input_ids=batch["input_ids"].to(model.device),
                    attention_mask=batch["attention_mask"].to(model.device),
                    use_cache=False,
                ).logits.float()
            chosen, rejected = self.form.rewards(logits).mean(dim=1).chunk(2)
            margins.append((chosen - rejected).cpu())
        model.train()
        return torch.cat(margins)


def reward_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    form: PairForm,
    bootstrap: bool = False,
    meta_rate: float = 0.0,
    **parts: Any,
) -> WeightedRewardTrainer:
    """A trainer on pairs of token id sequences, prompts included. A head that is 0 is drawn again,
    if it is one of several, or with ``bootstrap``."""
    model = parts["model"]
    padding, names = model.config.pad_token_id, model.config.id2label
    heads = 1 if form.labels > 1 else means(model.score.weight.T).shape[1]
    # All columns are used, and TRL does not know ours.
    args = single_device(RewardConfig(**arguments, max_length=None, remove_unused_columns=False))
    if bootstrap or heads > 1:
        draw_head(model, seed=args.seed)
    form.begin(model.score.weight.data, seed=args.seed)
    if bootstrap:
        encoded = [
            {**each, "drawn": drawn}
            for each, drawn in zip(encoded, drawn_pairs(encoded, heads, args.seed), strict=True)
        ]
    # TRL refuses a model with more than one label, and its own loss, which has one, is not used.
    model.config.num_labels = 1
    collator = RewardCollator(pad_token_id=padding)
    if form.relabels:
        collator.weights = [each["weight"] for each in encoded]
        encoded = [{**each, "place": place} for place, each in enumerate(encoded)]
    trainer = WeightedRewardTrainer(
        args=args,
        train_dataset=Dataset.from_list(list(encoded)),
        data_collator=collator,
        **parts,
    )
    trainer.form, trainer.meta_rate = form, meta_rate
    if collator.weights is not None:
        # The confidences are not part of a checkpoint.
        trainer.remove_callback(Saving)
        margins = partial(trainer.all_margins, encoded, collator)
        trainer.add_callback(Relabelling(form, collator.weights, margins))
    # TRL set this to the tokenizer's padding token, which may be the token that ends a turn.
    model.config.pad_token_id, model.config.id2label = padding, names
    return trainer
