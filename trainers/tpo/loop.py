"""Transformers' trainer on ranked lists of answers, on given token ids. Imported only when
something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TrainingArguments
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from trainers.tpo.losses import Pairs, ranked_list, step_weights
from trainers.training.loop import MeanLossTrainer, padding_of, single_device, with_adapter
from trainers.training.shared_batches import spread

BEFORE = -1
"""The step of tokens that are not part of an answer: the prompt, and padding."""


@dataclass
class ListCollator:
    """A batch of lists, with their answers one after another.

    ``input_ids``, ``attention_mask``, ``steps`` (the step of each token, `BEFORE` for other
    tokens): Long[answers, tokens]. ``rewards``, ``reference`` and ``weights``: one tensor per list,
    the arguments of `trainers.tpo.losses.ranked_list`; the last two only if the examples have them.
    """

    padding: int

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        answers = [
            (example["prompt_ids"], ids, steps)
            for example in examples
            for ids, steps in zip(example["answer_ids"], example["steps"], strict=True)
        ]
        ids = [torch.tensor([*prompt, *answer]) for prompt, answer, _ in answers]
        steps = [
            torch.tensor([BEFORE] * len(prompt) + of_tokens) for prompt, _, of_tokens in answers
        ]
        lengths = torch.tensor([len(one) for one in ids])
        padded = pad_sequence(ids, batch_first=True, padding_value=self.padding)
        columns = {
            name: [example[name] for example in examples]
            for name in ("reference", "weights")
            if name in examples[0]
        }
        return {
            "input_ids": padded,
            "attention_mask": (torch.arange(padded.shape[1]) < lengths[:, None]).long(),
            "steps": pad_sequence(steps, batch_first=True, padding_value=BEFORE),
            "rewards": [torch.tensor(example["rewards"]) for example in examples],
            **columns,
        }


class ListTrainer(MeanLossTrainer):
    """The loss of `trainers.TPO`. The reference and the step weights come from the policy before
    training; both are computed once, before the first step."""

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
        self.train_dataset = spread(lists, lambda example: self._with_reference(model, example))
        model.train(training)

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's lists."""
        log_probs = self._log_probs(model, inputs)
        sums = by_step(log_probs, inputs["steps"][:, 1:])
        lists = torch.split(sums, [len(rewards) for rewards in inputs["rewards"]])
        costs = []
        for sums_of_list, rewards, reference, weights in zip(
            lists, inputs["rewards"], inputs["reference"], inputs["weights"], strict=True
        ):
            ratios = sums_of_list[:, : reference.shape[1]] - reference.to(sums_of_list.device)
            costs.append(
                ranked_list(
                    ratios,
                    rewards.to(sums_of_list.device),
                    weights.to(sums_of_list.device),
                    beta=self._beta,
                    pairs=self._pairs,
                )
            )
            self._report(self._beta * ratios.sum(dim=1), rewards.to(sums_of_list.device))
        loss = torch.stack(costs).mean()
        return loss, {}

    def _report(self, scores: torch.Tensor, rewards: torch.Tensor) -> None:
        better = rewards[:, None] > rewards[None, :]
        accuracy = (scores[:, None] > scores[None, :]).float()
        self.note("rewards/best", scores[:1])
        self.note("rewards/worst", scores[-1:])
        self.note("rewards/accuracies", accuracy[better])

    def _log_probs(self, model: Any, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Float[answers, tokens − 1], 0 where the predicted token is not part of an answer."""
        log_probs: torch.Tensor = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["steps"] == BEFORE, -100),
            use_cache=False,
            fused_lm_head=True,
        ).log_probs
        return log_probs

    @torch.no_grad()
    def _with_reference(self, model: Any, example: dict[str, Any]) -> dict[str, Any]:
        """``example`` with ``reference``, Float[answers, steps], and ``weights``.

        A LoRA adapter adds nothing yet, so the policy is its own reference.
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
        """For each answer the mean of the last layer's hidden states over the tokens of each
        step."""
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        with self.accelerator.autocast():
            hidden = base.base_model(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                use_cache=False,
            ).last_hidden_state
        means = []
        for states, steps in zip(hidden.float(), batch["steps"], strict=True):
            present = torch.arange(int(steps.max()) + 1, device=steps.device)
            of = (steps[None, :] == present[:, None]).float()
            means.append(of @ states / of.sum(dim=1, keepdim=True).clamp(min=1))
        return means


def by_step(values: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """``values``, Float[answers, tokens], summed over the tokens of each step.

    ``steps`` is the step of each token, Long of the same shape; tokens of `BEFORE` are ignored.
    Returns Float[answers, steps].
    """
    count = int(steps.max()) + 1
    sums = values.new_zeros(len(values), count + 1)
    return sums.scatter_add(1, steps + 1, values)[:, 1:]


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
    """A trainer on ``prompt_ids``, the ``answer_ids`` and ``steps`` of each answer, and
    ``rewards``."""
    # With dropout, the policy would differ from its reference before training.
    disable_dropout_in_model(parts["model"])
    add_fused_lm_head(parts["model"])
    parts["model"] = with_adapter(parts["model"], peft_config)
    return ListTrainer(
        encoded,
        beta=beta,
        pairs=pairs,
        adaptive=adaptive,
        # The collator reads all columns, and Transformers does not know ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        data_collator=ListCollator(padding_of(parts["processing_class"])),
        **parts,
    )
