"""A reward model in memory: one reward per answer."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from transformers import AutoModelForSequenceClassification

from engines.local.classifier import Classifier, Request
from engines.reward_heads import OUTCOME


class RewardModel(Classifier):
    """A sequence classification model with one label, or with several heads, as
    `trainers.RewardModel` trains."""

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
        """Dropout on the output of each feed-forward layer and on the input of the head."""
        with ExitStack() as hooks:
            if any(request.dropout for request in requests):
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
        """Dropout masks, Float[places, requests, 1, hidden].

        A value is 0 with the probability p of the request's dropout, else 1 / (1 − p). Without
        dropout it is 1.
        """
        masks = torch.ones(places, len(requests), 1, self._hidden)
        for row, request in enumerate(requests):
            if request.dropout is not None:
                seeded = torch.Generator().manual_seed(request.dropout.seed)
                drawn = torch.rand(places, self._hidden, generator=seeded)
                masks[:, row, 0] = (drawn >= request.dropout.share) / (1 - request.dropout.share)
        return masks.to(device=self._device, dtype=self._model.dtype)
