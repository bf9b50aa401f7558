"""A process reward model in memory: one reward per step of an answer."""

from collections.abc import Sequence

import torch
from transformers import AutoModelForTokenClassification

from engines.local.classifier import Classifier, Request
from engines.reward_heads import STEPS, step_rewards


class StepRewardModel(Classifier):
    """A token classification model with one or two labels, as `trainers.PRM` and
    `trainers.ValueHead` train."""

    auto_class = AutoModelForTokenClassification
    head = STEPS

    def read(self, logits: torch.Tensor, requests: Sequence[Request]) -> list[list[float]]:
        rewards = step_rewards(logits, self.config).cpu()
        return [
            rewards[row, list(request.tokens.positions)].tolist()
            for row, request in enumerate(requests)
        ]
