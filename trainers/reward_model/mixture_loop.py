"""Transformers' trainer on pairs for a mixture of rewards, on given token ids. Imported only when
something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification, TrainingArguments

from engines.protocol import EngineError
from trainers.dpo.losses import mixture
from trainers.reward_model.forms.pair_form import draw_zeros
from trainers.reward_model.loop import separate_padding
from trainers.reward_model.mixture_losses import (
    mean_entropy,
    personal_rewards,
    routed_losses,
)
from trainers.training.heads import with_head
from trainers.training.loop import MeanLossTrainer, single_device, with_adapter


@dataclass(frozen=True)
class Mixing:
    """The fields of `trainers.MixtureReward` of these names."""

    by: str
    rewards: int
    form: str
    entropy: float
    weights_rate: float
    only_weights: bool


class Annotators(torch.nn.Module):
    """The weights of annotators, as logits, and the prototypes.

    Attributes:
        names: the annotators, in the order of the rows of ``logits``.
        logits: Float[annotators, rewards].
        prototypes: Float[rewards, rewards], or None.
    """

    def __init__(
        self, names: Sequence[str], stored: Mapping[str, Any], rewards: int, *, point: bool
    ) -> None:
        """Goes on from the weights and prototypes of a ``reward_mixture`` that is ``stored``."""
        super().__init__()
        stored_weights: Mapping[str, Sequence[float]] = stored.get("weights") or {}
        self.names = sorted({*names, *stored_weights})
        even = [1 / rewards] * rewards
        weights = torch.tensor([stored_weights.get(name, even) for name in self.names])
        self.logits = torch.nn.Parameter(weights.clamp_min(1e-6).log())
        # The corners of a simplex are as far from each other as from their mean.
        points = stored.get("prototypes") or torch.eye(rewards).tolist()
        self.prototypes = torch.nn.Parameter(torch.tensor(points)) if point else None


def with_mixture_head(model: Any, *, end: int, outputs: Sequence[str]) -> Any:
    """A sequence classification model with a label for each of ``outputs``, on the body of the
    language model ``model``.

    Raises:
        EngineError: Transformers has no such model.
    """
    headed = with_head(
        model,
        AutoModelForSequenceClassification,
        what="reward head",
        settings={"pad_token_id": separate_padding(model, end), "reward_outputs": list(outputs)},
        labels=len(outputs),
    )
    headed.config.id2label = dict(enumerate(outputs))
    headed.config.label2id = {name: place for place, name in enumerate(outputs)}
    return headed


def with_stored_mixture(model: Any, *, by: str, form: str) -> Any:
    """The trained model with all that is not in its head in its configuration."""
    stored: dict[str, Any] = {"by": by}
    if by == "annotator":
        learnt = model.annotators
        weights = learnt.logits.detach().softmax(dim=1).tolist()
        stored |= {"form": form, "weights": dict(zip(learnt.names, weights, strict=True))}
        if learnt.prototypes is not None:
            stored["prototypes"] = learnt.prototypes.detach().tolist()
        del model.annotators
    model.config.reward_mixture = stored
    return model


@dataclass
class MixtureCollator:
    """A batch: ``input_ids``, ``attention_mask``, Long[sequences, tokens]: all chosen sides, all
    rejected ones, and all prompts if a router reads them; ``weight``, Float[pairs]; ``annotator``,
    Long[pairs], places in ``names``."""

    padding: int
    names: Sequence[str]

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        kinds = [
            name for name in ("chosen_ids", "rejected_ids", "prompt_ids") if name in examples[0]
        ]
        sequences = [torch.tensor(each[kind]) for kind in kinds for each in examples]
        lengths = torch.tensor([len(each) for each in sequences])
        ids = pad_sequence(sequences, batch_first=True, padding_value=self.padding)
        batch = {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            "weight": torch.tensor([float(each["weight"]) for each in examples]),
        }
        if self.names:
            places = {name: place for place, name in enumerate(self.names)}
            batch["annotator"] = torch.tensor([places[each["annotator"]] for each in examples])
        return batch


class MixtureLearner(MeanLossTrainer):
    """The loss of `trainers.MixtureReward`."""

    method: Mixing
    weight_parameters: Sequence[torch.nn.Parameter]
    """What learns at the rate of weights."""

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's pairs, with the term of the entropy."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        logits, pairs = outputs.logits.float(), len(inputs["weight"])
        chosen, rejected, *prompts = logits.split(pairs)
        if self.method.by == "prompt":
            rewards = self.method.rewards
            chosen, rejected, router = chosen[:, :rewards], rejected[:, :rewards], prompts[0]
            router = router[:, rewards:]
            losses = routed_losses(chosen, rejected, router, inputs["weight"])
            term = self.method.entropy * mean_entropy(router)
            weights = router.softmax(dim=1)
            chosen, rejected = ((weights * side).sum(dim=1) for side in (chosen, rejected))
        else:
            annotators = self.accelerator.unwrap_model(model).annotators
            weights = annotators.logits.softmax(dim=1)[inputs["annotator"]]
            chosen, rejected = (
                personal_rewards(side, weights, annotators.prototypes)
                for side in (chosen, rejected)
            )
            losses = mixture(chosen - rejected, inputs["weight"])
            term = losses.new_zeros(())
        self.note("rewards/accuracies", (chosen > rejected).float())
        self.note("rewards/margins", chosen - rejected)
        for number, weight in enumerate(weights.T):
            self.note(f"weights/{number}", weight)
        return losses.mean() - term, outputs

    def create_optimizer(self, *args: Any, **options: Any) -> Any:
        """Transformers' optimizer of all else, and a group of its own for the weights."""
        for parameter in self.weight_parameters:
            parameter.requires_grad_(False)
        optimizer: Any = super().create_optimizer(*args, **options)
        for parameter in self.weight_parameters:
            parameter.requires_grad_(True)
        if self.weight_parameters:
            # Decay would also move the weights of annotators without a pair.
            rate = self.method.weights_rate
            optimizer.add_param_group(
                {"params": self.weight_parameters, "lr": rate, "weight_decay": 0.0}
            )
        return optimizer


def mixture_learner(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    method: Mixing,
    peft_config: Any,
    **parts: Any,
) -> MixtureLearner:
    """A trainer on ``chosen_ids``, ``rejected_ids``, ``weight`` and, by prompt, ``prompt_ids``, by
    annotator, ``annotator``."""
    model = parts["model"]
    args = single_device(TrainingArguments(**arguments, remove_unused_columns=False))
    # Of another number of rewards, or of another kind of model, the head starts from 0.
    has_head = model.score.weight.any()
    stored = (getattr(model.config, "reward_mixture", None) or {}) if has_head else {}
    kind = (stored.get("by"), stored.get("form", method.form))
    if method.only_weights and kind != (method.by, method.form):
        raise EngineError(
            f"only_weights: {model.name_or_path} has no {method.rewards} rewards that were "
            f"trained by {method.by} in form {method.form}: train them first, and name that "
            "stage as checkpoint"
        )
    draw_zeros(model.score.weight.data, seed=args.seed)
    names: Sequence[str] = ()
    weight_parameters: list[torch.nn.Parameter] = []
    if method.by == "annotator":
        names = [each["annotator"] for each in encoded]
        model.annotators = Annotators(
            names, stored, method.rewards, point=method.form == "point"
        ).to(model.device)
        names = model.annotators.names
        weight_parameters = list(model.annotators.parameters())
    if method.only_weights:
        model.requires_grad_(False)
        weight_parameters = [model.annotators.logits] if names else [model.score.weight]
    # The head is trained fully; "all-linear" would include it.
    parts["model"] = with_adapter(model, peft_config, excluded=frozenset({"score"}))
    for parameter in weight_parameters:
        parameter.requires_grad_(True)
    if method.only_weights and not names:
        # Of the head only the router learns.
        model.score.weight.register_hook(lambda grad: _of_router(grad, method.rewards))
    learner = MixtureLearner(
        args=args,
        train_dataset=list(encoded),
        data_collator=MixtureCollator(model.config.pad_token_id, names),
        **parts,
    )
    learner.method, learner.weight_parameters = method, weight_parameters
    return learner


def _of_router(grad: torch.Tensor, rewards: int) -> torch.Tensor:
    return torch.cat([torch.zeros_like(grad[:rewards]), grad[rewards:]])
