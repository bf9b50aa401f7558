"""Labels of pairs that change after each epoch. Imported only when something is trained."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainers.reward_model.forms import PairForm


class Relabelling(TrainerCallback):
    """Changes the confidences of all pairs after each epoch, as a form says.

    Args:
        form: says how.
        weights: the confidences, in the order of the pairs; they are changed in place.
        margins: computes r(w) − r(l) of all pairs by the model as it is, Float[pairs].
    """

    def __init__(
        self, form: PairForm, weights: list[float], margins: Callable[[], torch.Tensor]
    ) -> None:
        self._form = form
        self._weights = weights
        self._margins = margins

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step < state.max_steps:
            before = torch.tensor(self._weights)
            self._weights[:] = self._form.relabelled(before, self._margins()).tolist()
