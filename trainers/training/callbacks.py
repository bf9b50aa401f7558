"""Callbacks of a training: saving and progress. Imported only when something is trained."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast
from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from engines.runtime.progress import Progress
from trainers.training.checkpoint_folder import mark_complete


class Saving(TrainerCallback):
    """Saves the training every ``seconds`` seconds, and marks complete checkpoints. Of several
    processes the first says when, and marks."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        late = torch.tensor(time.monotonic() - self._saved >= self._seconds, device=args.device)
        control.should_save = bool(broadcast(late)) and state.global_step < state.max_steps

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        processes = PartialState()
        processes.wait_for_everyone()
        if processes.is_main_process:
            mark_complete(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
        self._saved = time.monotonic()


class Reporting(TrainerCallback):
    """Shows the steps and the loss on stderr. Transformers itself prints the loss to stdout, which
    ``--json`` uses, and its bar writes carriage returns into logs."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._loss = ""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._progress = Progress(self._title, state.max_steps, of="steps")
        self._progress.__enter__()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._progress is not None and self._progress.due:
            self._progress.show(state.global_step, self._loss)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs and "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.3f}"

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._progress is not None:
            self._progress.show(state.global_step, self._loss)
            self._progress.__exit__(None, None, None)
