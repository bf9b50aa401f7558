"""What happens beside the steps of a training: it saves itself, shows how far it is, and tells
nobody else. Imported only when something is trained."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]  # no stubs
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainers.training.checkpoint_folder import mark_complete


class Saving(TrainerCallback):
    """Saves the training every so many seconds, and marks what was saved to its end."""

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


class Progress(TrainerCallback):
    """A bar on stderr. Transformers' own callbacks print the loss to stdout, which belongs to the
    command's ``--json``."""

    def __init__(self, title: str) -> None:
        self._title = title

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc=self._title, file=sys.stderr
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs and "loss" in logs:
            self._bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._bar.close()


class Offline:
    """Mixed into TRL's trainers: no telemetry, and no model card in every checkpoint."""

    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        pass
