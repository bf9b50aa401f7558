"""One process of a training with Transformers: load, train, check, save. Imported only when
something is trained, because torch, transformers and trl take seconds to import."""

import copy
import gc
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import AutoConfig, PrinterCallback

from engines.bindings import Binding
from engines.protocol import EngineError
from engines.weights import load, model_folder, resolved_dtype
from trainers.training.adapter import adapter_config, save_adapter
from trainers.training.callbacks import Reporting, Saving
from trainers.training.checkpoint_folder import ADAPTER, TrainedFolder
from trainers.training.division import Division
from trainers.training.method import Method, steps_of
from trainers.training.reference_logprobs import Reference
from trainers.training.shared_batches import SharedBatches

REPORTS = 20
"""The number of reports of a training; each averages the steps since the last one."""


@dataclass(frozen=True)
class Job:
    """A training that is ready to run.

    Attributes:
        method: the training method.
        encoded: the rows as token ids.
        start: the model, in the number type of its training.
        end: the token that ends a turn.
        division: how devices share a step.
        folder: where the model goes.
        checkpoint: the checkpoint to continue from, or None.
        seed: the seed.
        gpu: whether it runs on GPUs.
        where: the recipe and the stage, in errors.
        title: what progress is shown for; None for none.
        reference: stores the log-probs of the policy before training; None if there are none.
        other: stores those of another reference; None if there is none.
    """

    method: Method
    encoded: Sequence[dict[str, Any]]
    start: Binding
    end: int
    division: Division
    folder: TrainedFolder
    checkpoint: Path | None
    seed: int
    gpu: bool
    where: str
    title: str | None
    reference: Reference | None
    other: Reference | None = None


def fit(job: Job) -> dict[str, Any]:
    """Train, and write the model to ``job.folder.model``. Of several processes each trains its
    part, and the first writes.

    Returns:
        ``steps``; ``metrics``, averages over the last quarter of the training; ``history``, every
            report.

    Raises:
        EngineError: the weights cannot be loaded, or the training diverged.
    """
    method = job.method
    model, tokenizer = load(_placed(job))
    model = method.learned(model.requires_grad_(True), end=job.end)
    # TRL and Transformers change padding and end tokens in these.
    config, generation_config = copy.deepcopy(
        (model.config, getattr(model, "generation_config", None))
    )
    references = {"reference": job.reference, "other": job.other}
    kept = {name: each for name, each in references.items() if each is not None}
    learner: Any = method.learner(
        job.encoded,
        arguments=_arguments(job),
        model=model,
        processing_class=copy.deepcopy(tokenizer),
        peft_config=adapter_config(method.lora, method.task) if method.lora else None,
        callbacks=[Saving(method.checkpoint_seconds)],
        **kept,
    )
    if job.division.devices > 1:
        if not isinstance(learner, SharedBatches):
            raise EngineError(
                f"{job.where}: {type(method).__name__} trains on one device only, because its "
                "learner is no SharedBatches: set devices: 1"
            )
        learner.divide(job.division)
    first = PartialState().is_main_process
    learner.remove_callback(PrinterCallback)
    if job.title is not None and first:
        learner.add_callback(Reporting(job.title))
    result = learner.train(resume_from_checkpoint=job.checkpoint and str(job.checkpoint))

    # Gathered from all processes.
    weights = learner.accelerator.get_state_dict(learner.model) if method.shard else None
    if first:
        folder = job.folder.model
        if weights is None:
            trained = learner.accelerator.unwrap_model(learner.model)
        else:
            trained = method.learned(load(_placed(job))[0], end=job.end)
            trained.load_state_dict(weights)
        shutil.rmtree(folder, ignore_errors=True)
        if method.lora:
            save_adapter(trained, folder / ADAPTER, job.start)
            trained = trained.merge_and_unload()
        _refuse_broken(trained, result.training_loss, job)
        trained.config, trained.generation_config = config, generation_config
        trained = method.exported(trained)
        dtype = AutoConfig.from_pretrained(model_folder(job.start)).dtype
        trained.to(dtype or torch.float32).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        del trained
    history = [report for report in learner.state.log_history if "loss" in report]
    steps = learner.state.global_step
    # Free the memory of the optimizer (three times the model's) before the next stage begins.
    del learner, model, weights
    gc.collect()
    if job.gpu:
        torch.cuda.empty_cache()
    return {"steps": steps, "metrics": _final(history), "history": history}


def _placed(job: Job) -> Binding:
    """The model to load, on the device of this process. One that is sharded does not fit there."""
    if job.division.devices == 1 or not job.gpu:
        return job.start
    device = "cpu" if job.method.shard else f"cuda:{os.environ['LOCAL_RANK']}"
    dtype = resolved_dtype(job.start)
    return job.start.model_copy(update={"device": device, "dtype": dtype})


def _arguments(job: Job) -> dict[str, Any]:
    method, gpu = job.method, job.gpu
    steps = steps_of(method, len(job.encoded))
    return {
        "output_dir": str(job.folder.checkpoints(job.division.devices, sharded=method.shard)),
        "learning_rate": method.learning_rate,
        "num_train_epochs": method.epochs,
        "max_steps": method.max_steps or -1,
        # Each process reads the rows of all: see `SharedBatches`.
        "per_device_train_batch_size": job.division.rows,
        "gradient_accumulation_steps": job.division.passes,
        # Rounded down. Transformers rounds up, and the first warm-up step has a rate of 0, so a
        # training of one step would change nothing.
        "warmup_steps": int(steps * method.warmup),
        "lr_scheduler_type": "linear",
        "optim": method.optimizer,
        "seed": job.seed,
        "data_seed": job.seed,
        "use_cpu": not gpu,
        "bf16": gpu,
        # Costs a fifth of the time and saves most of the memory. Models on a CPU are small.
        "gradient_checkpointing": gpu and not method.shard,
        "fsdp": method.shard or None,
        "fsdp_config": {"activation_checkpointing": True} if method.shard else None,
        "dataloader_pin_memory": gpu,
        # All weights are used by each loss.
        "ddp_find_unused_parameters": False,
        "logging_steps": math.ceil(steps / REPORTS),
        # `Saving` decides when. Two are kept, because the newest may be incomplete.
        "save_strategy": "no",
        "save_total_limit": 2,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _refuse_broken(model: Any, loss: float, job: Job) -> None:
    if math.isfinite(loss) and all(weights.isfinite().all() for weights in model.parameters()):
        return
    raise EngineError(
        f"{job.where}: training diverged (loss {loss}); nothing was written. Lower "
        f"learning_rate, which is {job.method.learning_rate}"
    )


def _final(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Averages over the last quarter of the reports, because one batch alone varies too much."""
    last = history[-max(1, len(history) // 4) :]
    skipped = {"epoch", "step", "learning_rate", "num_tokens"}
    # Not every report has every figure: a batch may have no wrong step, for example.
    figures_by_name: dict[str, list[float]] = {}
    for report in last:
        for name, figure in report.items():
            # The lengths of answers are those of the data, and no result.
            if name not in skipped and not name.startswith("tokens/"):
                figures_by_name.setdefault(name, []).append(figure)
    return {name: sum(figures) / len(figures) for name, figures in figures_by_name.items()}
