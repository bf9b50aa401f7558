"""Callbacks of a training: saving and progress. Imported only when something is trained."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import (
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from trainers.training.checkpoint_folder import mark_complete


class Saving(TrainerCallback):
    """Saves the training every ``seconds`` seconds, and marks complete checkpoints."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        late = time.monotonic() - self._saved >= self._seconds
        control.should_save = late and state.global_step < state.max_steps

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        mark_complete(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        self._saved = time.monotonic()


class Progress(ProgressCallback):
    """Transformers' progress bar on stderr, with the loss. Transformers itself prints the loss to
    stdout, which ``--json`` uses."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs and "loss" in logs:
            bar: Any = self.training_bar
            bar.set_description(self._title, refresh=False)
            bar.set_postfix(loss=f"{float(logs['loss']):.3f}")
