"""Transformers' trainer on sampled answers with an advantage for each token, on given token ids.
Imported only when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TrainingArguments
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from trainers.policy_gradient.losses import (
    Loss,
    clipped,
    divergence,
    mean_of_answers,
    policy_loss,
)
from trainers.training.loop import MeanLossTrainer, padding_of, single_device, with_adapter
from trainers.training.reference_logprobs import CELLS, Reference, batches
from trainers.training.shared_batches import spread


@dataclass
class SampleCollator:
    """A batch of prompts with an answer each.

    ``input_ids`` and ``attention_mask``: Long[answers, tokens]. ``answer``, 1 for tokens of
    answers; ``advantages`` and, if the examples have them, ``before``, the log-probs before
    training: Float of the same shape, 0 outside of answers.
    """

    padding: int

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        def padded(values: Sequence[Sequence[float]]) -> torch.Tensor:
            rows = [
                torch.tensor([*[0.0] * len(example["prompt_ids"]), *row])
                for example, row in zip(examples, values, strict=True)
            ]
            return pad_sequence(rows, batch_first=True)

        ids = [torch.tensor([*each["prompt_ids"], *each["answer_ids"]]) for each in examples]
        known = [name for name in ("advantages", "before") if name in examples[0]]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.padding),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], True),
            "answer": padded([[1.0] * len(each["answer_ids"]) for each in examples]),
            **{name: padded([each[name] for each in examples]) for name in known},
        }


class SampleTrainer(MeanLossTrainer):
    """The losses of `trainers.PolicyGradient`. The log-probs of the policy before training are
    computed once, before the first step."""

    def __init__(
        self,
        samples: Sequence[dict[str, Any]],
        *,
        loss: Loss,
        clip: float,
        beta: float,
        reference: Reference | None,
        **parts: Any,
    ) -> None:
        super().__init__(train_dataset=list(samples), **parts)
        self._loss: Loss = loss
        self._clip, self._beta = clip, beta
        spoken = [{name: each[name] for name in ("prompt_ids", "answer_ids")} for each in samples]
        before = (
            self._log_probs_before(spoken)
            if reference is None
            else reference.figures(spoken, lambda: self._log_probs_before(spoken))
        )
        self.train_dataset = [
            {**each, "before": log_probs}
            for each, log_probs in zip(samples, before["log_probs"], strict=True)
        ]

    def count(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """The number of tokens of answers for loss bnpo, else that of answers."""
        if self._loss != "bnpo":
            return len(rows)
        return sum(len(row["answer_ids"]) for row in rows)

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The loss of the batch."""
        outputs = self._forward(model, inputs)
        answer, advantages = inputs["answer"][:, 1:], inputs["advantages"][:, 1:]
        log_ratios = (outputs.log_probs - inputs["before"][:, 1:]) * answer
        loss = policy_loss(
            log_ratios, advantages, answer, loss=self._loss, clip=self._clip, beta=self._beta
        )
        self._report(log_ratios.detach(), advantages, answer, outputs.entropy)
        return loss, outputs

    def _report(
        self,
        log_ratios: torch.Tensor,
        advantages: torch.Tensor,
        answer: torch.Tensor,
        entropy: torch.Tensor,
    ) -> None:
        spoken = answer.bool()
        self.note("kl", divergence(log_ratios)[spoken])
        self.note("entropy", entropy[spoken])
        self.note("tokens/answer", answer.sum(dim=1))
        if self._loss == "rloo":
            advantages = mean_of_answers(advantages, answer)
            self.note("clipped", clipped(log_ratios.sum(dim=1), advantages, self._clip).float())
        else:
            self.note("clipped", clipped(log_ratios, advantages, self._clip)[spoken].float())

    def _log_probs_before(self, samples: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
        """The log-probs of the tokens of each answer. A LoRA adapter adds nothing yet."""
        model: Any = self.model
        found: list[list[float]] = [[] for _ in samples]
        lengths = [len(each["prompt_ids"]) + len(each["answer_ids"]) for each in samples]
        groups = batches(lengths, rows=1, cells=CELLS[self.accelerator.device.type])

        def of_batch(batch: Sequence[int]) -> list[list[float]]:
            inputs = self._prepare_inputs(self.data_collator([samples[at] for at in batch]))
            with torch.no_grad(), self.accelerator.autocast():
                log_probs = self._forward(model, inputs).log_probs
            spoken = inputs["answer"][:, 1:].bool()
            return [row[of].tolist() for row, of in zip(log_probs, spoken, strict=True)]

        training = model.training
        model.eval()
        for batch, rows in zip(groups, spread(groups, of_batch), strict=True):
            for at, row in zip(batch, rows, strict=True):
                found[at] = row
        model.train(training)
        return {"log_probs": found}

    def _forward(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        """The outputs. ``log_probs`` and ``entropy``: Float[answers, tokens − 1], 0 where the
        predicted token is not part of an answer."""
        return model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["answer"] == 0, -100),
            use_cache=False,
            fused_lm_head=True,
        )


def sample_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    loss: Loss,
    clip: float,
    beta: float,
    peft_config: Any,
    reference: Reference | None = None,
    **parts: Any,
) -> SampleTrainer:
    """A trainer on ``prompt_ids``, ``answer_ids`` and ``advantages``, one for each token of the
    answer. ``reference`` stores the log-probs before training."""
    # With dropout, the policy would differ from its reference before training.
    disable_dropout_in_model(parts["model"])
    add_fused_lm_head(parts["model"], outputs=("log_probs", "entropy"))
    parts["model"] = with_adapter(parts["model"], peft_config)
    return SampleTrainer(
        encoded,
        loss=loss,
        clip=clip,
        beta=beta,
        reference=reference,
        # The collator reads all columns, and Transformers does not know ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        data_collator=SampleCollator(padding_of(parts["processing_class"])),
        **parts,
    )
