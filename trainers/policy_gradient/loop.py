"""Transformers' trainer on sampled answers with an advantage for each token, on given token ids.
Imported only when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import TrainingArguments
from trl.trainer.utils import add_fused_lm_head, disable_dropout_in_model

from engines.weights import load
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
    answers (of a transcript, those of the assistant); ``advantages`` and, if the examples have
    them, the log-probs ``before`` training and those of the ``reference``: Float of the same
    shape, 0 outside of answers.
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
        names = [name for name in ("advantages", "before", "reference") if name in examples[0]]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.padding),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], True),
            "answer": padded([own_tokens(each) for each in examples]),
            **{name: padded([each[name] for each in examples]) for name in names},
        }


def own_tokens(example: Mapping[str, Any]) -> list[float]:
    """1 for each token of the answer that the policy wrote, 0 for the others of a transcript."""
    return example.get("spoken") or [1.0] * len(example["answer_ids"])


class SampleTrainer(MeanLossTrainer):
    """The losses of `trainers.PolicyGradient`. The log-probs of the policy before training, and
    those of another reference, are computed once, before the first step."""

    def __init__(
        self,
        samples: Sequence[dict[str, Any]],
        *,
        loss: Loss,
        clip: float,
        beta: float,
        stored: Reference | None,
        reference: Reference | None,
        **parts: Any,
    ) -> None:
        super().__init__(train_dataset=list(samples), **parts)
        self._loss: Loss = loss
        self._clip, self._beta = clip, beta
        names = ("prompt_ids", "answer_ids", "spoken")
        encoded = [{name: each[name] for name in names if name in each} for each in samples]

        def log_probs(stored: Reference | None) -> list[Any]:
            def compute() -> dict[str, list[Any]]:
                return {"log_probs": self._log_probs(self._model_of(stored), encoded)}

            return (compute() if stored is None else stored.figures(encoded, compute))["log_probs"]

        figures = {"before": log_probs(stored)}
        if reference is not None:
            figures["reference"] = log_probs(reference)
        self.train_dataset = [
            {**each, **dict(zip(figures, of_sample, strict=True))}
            for each, *of_sample in zip(samples, *figures.values(), strict=True)
        ]

    def count(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """The number of tokens of answers for loss bnpo, else that of answers."""
        if self._loss != "bnpo":
            return len(rows)
        return int(sum(sum(own_tokens(row)) for row in rows))

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The loss of the batch."""
        outputs = self._forward(model, inputs)
        answer, advantages = inputs["answer"][:, 1:], inputs["advantages"][:, 1:]
        log_ratios = (outputs.log_probs - inputs["before"][:, 1:]) * answer
        reference = inputs.get("reference", inputs["before"])
        from_reference = (outputs.log_probs - reference[:, 1:]) * answer
        loss = policy_loss(
            log_ratios,
            from_reference,
            advantages,
            answer,
            loss=self._loss,
            clip=self._clip,
            beta=self._beta,
        )
        divergences = divergence(log_ratios.detach(), from_reference.detach())
        self._report(log_ratios.detach(), divergences, advantages, answer, outputs.entropy)
        return loss, outputs

    def _report(
        self,
        log_ratios: torch.Tensor,
        divergences: torch.Tensor,
        advantages: torch.Tensor,
        answer: torch.Tensor,
        entropy: torch.Tensor,
    ) -> None:
        own_tokens = answer.bool()
        self.note("kl", divergences[own_tokens])
        self.note("entropy", entropy[own_tokens])
        self.note("tokens/answer", answer.sum(dim=1))
        if self._loss == "rloo":
            advantages = mean_of_answers(advantages, answer)
            self.note("clipped", clipped(log_ratios.sum(dim=1), advantages, self._clip).float())
        else:
            self.note("clipped", clipped(log_ratios, advantages, self._clip)[own_tokens].float())

    def _model_of(self, reference: Reference | None) -> Any:
        """The model of ``reference``, as the policy is."""
        if reference is None or reference.model is None:
            return self.model
        model = prepared(load(reference.model)[0])
        return model.to(self.accelerator.device)

    def _log_probs(self, model: Any, samples: Sequence[dict[str, Any]]) -> list[list[float]]:
        """The log-probs of the tokens of each answer. A LoRA adapter adds nothing yet."""
        found: list[list[float]] = [[] for _ in samples]
        lengths = [len(each["prompt_ids"]) + len(each["answer_ids"]) for each in samples]
        groups = batches(lengths, rows=1, cells=CELLS[self.accelerator.device.type])

        def of_batch(batch: Sequence[int]) -> list[list[float]]:
            inputs = self._prepare_inputs(self.data_collator([samples[at] for at in batch]))
            with torch.no_grad(), self.accelerator.autocast():
                log_probs = self._forward(model, inputs).log_probs
            return [
                row[len(samples[at]["prompt_ids"]) - 1 : lengths[at] - 1].tolist()
                for at, row in zip(batch, log_probs, strict=True)
            ]

        training = model.training
        model.eval()
        for batch, rows in zip(groups, spread(groups, of_batch), strict=True):
            for at, row in zip(batch, rows, strict=True):
                found[at] = row
        model.train(training)
        return found

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


def prepared(model: Any) -> Any:
    """``model``, which gives log-probs and entropies from now on."""
    # With dropout, the policy would differ from its reference before training.
    disable_dropout_in_model(model)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    return model


def sample_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    loss: Loss,
    clip: float,
    beta: float,
    peft_config: Any,
    reference: Reference | None = None,
    other: Reference | None = None,
    **parts: Any,
) -> SampleTrainer:
    """A trainer on ``prompt_ids``, ``answer_ids`` and ``advantages``, one for each token of the
    answer. ``reference`` stores the log-probs before training, and ``other`` those of the model
    that KL is to, if that is another one."""
    parts["model"] = with_adapter(prepared(parts["model"]), peft_config)
    return SampleTrainer(
        encoded,
        loss=loss,
        clip=clip,
        beta=beta,
        stored=reference,
        reference=other,
        # The collator reads all columns, and Transformers does not know ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        data_collator=SampleCollator(padding_of(parts["processing_class"])),
        **parts,
    )
