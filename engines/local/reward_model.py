"""A reward model in memory: one reward of an answer."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from transformers import AutoModelForSequenceClassification

from engines.local.classifier import Classifier, Request
from engines.reward_heads import OUTCOME


class RewardModel(Classifier):
    """A sequence classification model of one label, such as `trainers.RewardModel` trains."""

    auto_class = AutoModelForSequenceClassification
    head = OUTCOME

    def forward(self, requests: Sequence[Request]) -> list[list[float]]:
        with self._dropped(requests):
            return super().forward(requests)

    def read(self, logits: torch.Tensor, requests: Sequence[Request]) -> list[list[float]]:
        rewards: list[list[float]] = logits.cpu().tolist()
        return rewards

    @contextmanager
    def _dropped(self, requests: Sequence[Request]) -> Iterator[None]:
        """Masks on what leaves each feed-forward layer and on what enters the head."""
        with ExitStack() as hooks:
            if any(one.dropout for one in requests):
                layers = [
                    layer for name, layer in self._model.named_modules() if name.endswith(".mlp")
                ]
                masks = self._masks(requests, len(layers) + 1)
                for layer, mask in zip(layers, masks, strict=False):
                    hook = layer.register_forward_hook(
                        lambda module, given, output, mask=mask: output * mask
                    )
                    hooks.callback(hook.remove)
                hook = self._model.score.register_forward_pre_hook(
                    lambda module, given: (given[0] * masks[-1], *given[1:])
                )
                hooks.callback(hook.remove)
            yield

    def _masks(self, requests: Sequence[Request], places: int) -> torch.Tensor:
        """Float[places, requests, 1, hidden]: 0 with the probability of the request's dropout, else
        1 / (1 − probability); 1 where it has none."""
        masks = torch.ones(places, len(requests), 1, self._hidden)
        for row, one in enumerate(requests):
            if one.dropout is not None:
                seeded = torch.Generator().manual_seed(one.dropout.seed)
                drawn = torch.rand(places, self._hidden, generator=seeded)
                masks[:, row, 0] = (drawn >= one.dropout.share) / (1 - one.dropout.share)
        return masks.to(device=self._device, dtype=self._model.dtype)
