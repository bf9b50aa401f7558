"""Transformers' trainer on ranked lists of answers, on ids that are given. Imported only when
something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TrainingArguments
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from trainers.tpo.losses import Pairs, ranked_list, step_weights
from trainers.training.averages import AveragingTrainer
from trainers.training.loop import padding_of, with_adapter
from trainers.training.train import single_device

BEFORE = -1
"""The step of what is no answer: the prompt, and padding."""


@dataclass
class ListCollator:
    """A batch of lists, their answers one after another.

    ``input_ids``, ``attention_mask``, ``steps`` (the step of each token, `BEFORE` of the others):
    Long[answers, tokens]. ``rewards``, ``reference`` and ``weights``: a tensor for each list, those
    of `trainers.tpo.losses.ranked_list`, the last two where the examples have them.
    """

    padding: int

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        answers = [
            (example["prompt_ids"], ids, steps)
            for example in examples
            for ids, steps in zip(example["answer_ids"], example["steps"], strict=True)
        ]
        ids = [torch.tensor([*prompt, *answer]) for prompt, answer, _ in answers]
        steps = [torch.tensor([BEFORE] * len(prompt) + told) for prompt, _, told in answers]
        lengths = torch.tensor([len(one) for one in ids])
        padded = pad_sequence(ids, batch_first=True, padding_value=self.padding)
        given = {
            name: [example[name] for example in examples]
            for name in ("reference", "weights")
            if name in examples[0]
        }
        return {
            "input_ids": padded,
            "attention_mask": (torch.arange(padded.shape[1]) < lengths[:, None]).long(),
            "steps": pad_sequence(steps, batch_first=True, padding_value=BEFORE),
            "rewards": [torch.tensor(example["rewards"]) for example in examples],
            **given,
        }


class ListTrainer(AveragingTrainer):
    """The loss that `trainers.TPO` describes. The reference is the policy as it was given, and so
    is what weighs the steps: both are asked once, before the first step of training."""

    def __init__(
        self,
        lists: Sequence[dict[str, Any]],
        *,
        beta: float,
        pairs: Pairs,
        adaptive: bool,
        **parts: Any,
    ) -> None:
        super().__init__(train_dataset=list(lists), **parts)
        self._beta, self._pairs, self._adaptive = beta, pairs, adaptive
        model: Any = self.model
        training = model.training
        model.eval()
        self.train_dataset = [self._with_reference(model, example) for example in lists]
        model.train(training)

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's lists."""
        log_probs = self._log_probs(model, inputs)
        sums = by_step(log_probs, inputs["steps"][:, 1:])
        lists = torch.split(sums, [len(rewards) for rewards in inputs["rewards"]])
        costs = []
        for own, rewards, reference, weights in zip(
            lists, inputs["rewards"], inputs["reference"], inputs["weights"], strict=True
        ):
            ratios = own[:, : reference.shape[1]] - reference.to(own.device)
            costs.append(
                ranked_list(
                    ratios,
                    rewards.to(own.device),
                    weights.to(own.device),
                    beta=self._beta,
                    pairs=self._pairs,
                )
            )
            self._report(self._beta * ratios.sum(dim=1), rewards.to(own.device))
        loss = torch.stack(costs).mean()
        return loss, {}

    def _report(self, scores: torch.Tensor, rewards: torch.Tensor) -> None:
        better = rewards[:, None] > rewards[None, :]
        rightly = (scores[:, None] > scores[None, :]).float()
        self.note("rewards/best", scores[:1])
        self.note("rewards/worst", scores[-1:])
        self.note("rewards/accuracies", rightly[better])

    def _log_probs(self, model: Any, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Float[answers, tokens − 1], 0 where no answer's token is predicted."""
        found: torch.Tensor = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["steps"] == BEFORE, -100),
            use_cache=False,
            fused_lm_head=True,
        ).log_probs
        return found

    @torch.no_grad()
    def _with_reference(self, model: Any, example: dict[str, Any]) -> dict[str, Any]:
        """``example`` with ``reference``, Float[answers, steps], and ``weights``.

        A LoRA adapter still adds nothing, so the policy is its own reference.
        """
        batch = self._prepare_inputs(self.data_collator([example]))
        with self.accelerator.autocast():
            log_probs = self._log_probs(model, batch)
        reference = by_step(log_probs, batch["steps"][:, 1:]).cpu()
        if self._adaptive:
            weights = step_weights(self._states(model, batch))
        else:
            weights = torch.ones(len(reference), *reference.shape)
        return {**example, "reference": reference, "weights": weights}

    def _states(self, model: Any, batch: Mapping[str, Any]) -> list[torch.Tensor]:
        """Of each answer the mean of the last layer's hidden states over each step's tokens."""
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        with self.accelerator.autocast():
            hidden = whole.base_model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                use_cache=False,
            ).last_hidden_state
        found = []
        for states, steps in zip(hidden.float(), batch["steps"], strict=True):
            present = torch.arange(int(steps.max()) + 1, device=steps.device)
            of = (steps[None, :] == present[:, None]).float()
            found.append(of @ states / of.sum(dim=1, keepdim=True).clamp(min=1))
        return found


def by_step(values: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """``values``, Float[answers, tokens], summed over the tokens of each step of ``steps``, Long of
    the same shape: Float[answers, steps]; what is of step `BEFORE` is left out."""
    count = int(steps.max()) + 1
    room = values.new_zeros(len(values), count + 1)
    return room.scatter_add(1, steps + 1, values)[:, 1:]


def list_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    beta: float,
    pairs: Pairs,
    adaptive: bool,
    peft_config: Any,
    **parts: Any,
) -> ListTrainer:
    """A trainer on ``prompt_ids``, and of each of a list's answers ``answer_ids`` and ``steps``,
    with the list's ``rewards``."""
    # A policy that differs from its reference by dropout alone would have to unlearn that.
    disable_dropout_in_model(parts["model"])
    add_fused_lm_head(parts["model"])
    parts["model"] = with_adapter(parts["model"], peft_config)
    return ListTrainer(
        encoded,
        beta=beta,
        pairs=pairs,
        adaptive=adaptive,
        # The collator reads all columns, and Transformers does not know of ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        data_collator=ListCollator(padding_of(parts["processing_class"])),
        **parts,
    )
