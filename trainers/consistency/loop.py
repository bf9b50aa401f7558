"""The trainer of `trainers.DPO` with the policy's own verdicts. Imported only when something is
trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from engines.protocol import EngineError
from trainers.consistency.losses import agreeing, inconsistency, judged
from trainers.dpo.loop import PairCollator, PreferenceTrainer
from trainers.training.division import Division


@dataclass
class ViewsCollator(PairCollator):
    """That of pairs, with the questions about them: ``question_ids`` and ``question_mask``,
    Long[2 · pairs, tokens], padded on the left, and ``letters``, Long[2], the tokens of A and B."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        ids = [torch.tensor(ids) for each in examples for ids in each["question_ids"]]
        batch["question_ids"] = pad_sequence(
            ids, True, padding_value=self.pad_token_id, padding_side="left"
        )
        batch["question_mask"] = pad_sequence(
            [torch.ones_like(each) for each in ids], True, padding_side="left"
        )
        batch["letters"] = torch.tensor(examples[0]["letters"])
        return batch


class ConsistentTrainer(PreferenceTrainer):
    """The losses of `trainers.ConsistentViews`."""

    collator = ViewsCollator

    def __init__(self, *, consistency: float, **parts: Any) -> None:
        self._consistency = consistency
        super().__init__(**parts)

    def pair_losses(
        self, model: Any, margins: torch.Tensor, inputs: Mapping[str, Any]
    ) -> torch.Tensor:
        verdicts = judged(self._letters(model, inputs))
        inconsistencies, agree = inconsistency(margins, verdicts), agreeing(margins, verdicts)
        self.note("views/agree", agree.float())
        self.note("views/inconsistency", inconsistencies)
        self.note("views/judge", verdicts.sigmoid())
        learned = torch.where(agree, -torch.nn.functional.logsigmoid(margins.abs()), 0.0)
        return learned + self._consistency * inconsistencies

    def _letters(self, model: Any, inputs: Mapping[str, Any]) -> torch.Tensor:
        """The logits of the letters as answers to the questions, Float[pairs, 2, 2]."""
        mask = inputs["question_mask"]
        outputs = model(
            input_ids=inputs["question_ids"],
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            use_cache=False,
            logits_to_keep=1,
        )
        letters: torch.Tensor = outputs.logits[:, -1, inputs["letters"]].float()
        return letters.reshape(-1, 2, 2)

    def divide(self, division: Division) -> None:
        """As `SharedBatches.divide`.

        Raises:
            EngineError: several devices would wrap a model that is called twice a step.
        """
        raise EngineError("the policy and its verdicts learn on one device: set devices: 1")
