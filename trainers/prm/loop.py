"""Transformers' trainer on rewards at the ends of steps, on given token ids. Imported only when
something is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForTokenClassification, TrainingArguments

from trainers.dpo.losses import mixture
from trainers.prm.losses import cross_entropy, ranked, squared
from trainers.training.heads import with_head
from trainers.training.loop import MeanLossTrainer, padding_of, single_device, with_adapter

Meaning = Literal["probability", "value"]
"""The meaning of a head's output: the logit of a probability, or a value. The model's configuration
records it as ``step_reward``."""

StepLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def with_step_head(model: Any, *, meaning: Meaning) -> Any:
    """A token classification model with one label on the body of the language model ``model``.

    It has no dropout before the head, as the language model was trained without it.

    Raises:
        EngineError: Transformers has no such model.
    """
    return with_head(
        model,
        AutoModelForTokenClassification,
        what="step reward head",
        settings={"step_reward": meaning, "classifier_dropout": 0.0},
    )


@dataclass
class StepCollator:
    """A batch of examples, each of one or more sequences.

    ``input_ids``, ``attention_mask``: Long[sequences, tokens]. ``positions``, the tokens at which
    steps end, Long[sequences, steps]; ``targets``, Float, and ``known``, Bool, of the same shape.
    ``weight``: Float[examples].
    """

    padding: int

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        def padded(name: str, value: float) -> torch.Tensor:
            rows = [torch.tensor(row) for example in examples for row in example[name]]
            return pad_sequence(rows, batch_first=True, padding_value=value)

        lengths = torch.tensor([len(row) for example in examples for row in example["ids"]])
        counts = torch.tensor([len(row) for example in examples for row in example["positions"]])
        ids, positions = padded("ids", self.padding), padded("positions", 0)
        return {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            "positions": positions,
            "targets": padded("targets", 0.0),
            "known": torch.arange(positions.shape[1]) < counts[:, None],
            "weight": torch.tensor([example["weight"] for example in examples]),
        }


class StepLearner(MeanLossTrainer):
    """The losses of `trainers.PRM`."""

    def __init__(self, *, loss: StepLoss | None, by_step: bool, **parts: Any) -> None:
        """With ``loss`` None, the two sequences of each example are compared. ``by_step``: the
        loss is a mean over steps, not over examples."""
        super().__init__(**parts)
        self._loss = loss
        self._by_step = by_step

    def count(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """The number of steps with a target, or that of examples."""
        if not self._by_step:
            return len(rows)
        return sum(len(targets) for row in rows for targets in row["targets"])

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch."""
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        outputs_at_ends = outputs.logits.squeeze(-1).float().gather(1, inputs["positions"])
        if self._loss is None:
            chosen, rejected = outputs_at_ends[0::2, 0], outputs_at_ends[1::2, 0]
            loss = mixture(chosen - rejected, inputs["weight"]).mean()
            self._report(chosen, rejected)
        else:
            loss = self._loss(outputs_at_ends, inputs["targets"], inputs["known"])
            right = inputs["known"] & (inputs["targets"] > 0.5)
            self._report(outputs_at_ends[right], outputs_at_ends[inputs["known"] & ~right])
        return loss, outputs

    def _report(self, better: torch.Tensor, worse: torch.Tensor) -> None:
        """Report the outputs for steps that are right (or chosen), and for the others."""
        self.note("rewards/right", better)
        self.note("rewards/wrong", worse)


LOSSES: Mapping[str, StepLoss] = {"bce": cross_entropy, "soft": cross_entropy, "mse": squared}


def step_learner(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    loss: str,
    zeta: float,
    peft_config: Any,
    **parts: Any,
) -> StepLearner:
    """A trainer on ``ids``, ``positions`` and ``targets`` (one list per sequence) and
    ``weight``."""
    # The head is trained fully; "all-linear" would include it.
    parts["model"] = with_adapter(parts["model"], peft_config, excluded=frozenset({"score"}))
    cost: StepLoss | None = LOSSES.get(loss)
    if loss == "pqm":

        def cost(rewards: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
            return ranked(rewards, targets, known, zeta)

    return StepLearner(
        loss=cost,
        by_step=loss in LOSSES,
        # The collator reads all columns, and Transformers does not know ours.
        args=single_device(TrainingArguments(**arguments, remove_unused_columns=False)),
        train_dataset=list(encoded),
        data_collator=StepCollator(padding_of(parts["processing_class"])),
        **parts,
    )
