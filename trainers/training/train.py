"""One training with Transformers: load, encode, train, check, save. Imported only when something is
trained, because torch, transformers and trl take seconds to import."""

import copy
import gc
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import torch
from transformers import AutoConfig, PrinterCallback, TrainingArguments

from engines.bindings import Binding
from engines.chat.template import turn_end
from engines.context import Context
from engines.memory.needs import training_need
from engines.protocol import EngineError, RowError
from engines.weights import load, model_folder, weights_revision
from schemas import Need, canonical, named_rows
from trainers.training.adapter import adapter_config, save_adapter
from trainers.training.callbacks import Reporting, Saving
from trainers.training.checkpoint_folder import ADAPTER, TrainedFolder
from trainers.training.method import Method, steps_of
from trainers.training.reference_logprobs import Reference
from trainers.training.tokenization import Reader

Arguments = TypeVar("Arguments", bound=TrainingArguments)

REPORTS = 20
"""The number of reports of a training; each averages the steps since the last one."""


def train(
    method: Method,
    examples: pl.DataFrame,
    binding: Binding,
    folder: TrainedFolder,
    context: Context,
) -> dict[str, Any]:
    """Train on ``examples`` and write the model to ``folder.model``; write nothing if all examples
    are refused.

    Returns:
        ``rows`` trained on; ``steps``; ``seconds``; ``metrics``, averages over the last quarter
            of the training; ``history``, every report; ``refused``, `Dropped` rows without the
            stage; ``memory``, what it needed; ``resumed_from``, the step of the checkpoint that it
            continued from, or None.
    """
    began = time.monotonic()
    gpu = _on_gpu(binding, context)
    _refuse_adapter(binding, context)
    rank = None if method.lora is None else method.lora.rank
    start = method.loaded(binding)
    _require_memory(training_need(start, tokens=0, rank=rank, gpu=gpu), context)
    model, tokenizer = load(start)
    model.requires_grad_(True)
    end = _turn_end(model, tokenizer)
    encoded, refused, widest = _encode(
        method, examples, model, Reader(tokenizer, end, binding.template_arguments)
    )
    if not encoded:
        return {"rows": 0, "refused": refused}
    tokens = min(method.batch_size, len(encoded)) * widest
    need = training_need(start, tokens=tokens, rank=rank, gpu=gpu, loaded=True)
    _require_memory(need, context)
    if context.progress:
        print(f"{context.recipe}/{context.stage}: {need}", file=sys.stderr)
    model = method.learned(model, end=end)

    # TRL and Transformers change padding and end tokens in these.
    config, generation_config = copy.deepcopy(
        (model.config, getattr(model, "generation_config", None))
    )
    kept = {}
    if method.relative:
        kept["reference"] = Reference(
            revision=weights_revision(method.loaded(binding)),
            arithmetic="bfloat16" if gpu else "float32",
            folder=Path(context.journal).parent / "reference",
        )
    learner = method.learner(
        encoded,
        arguments=_arguments(method, len(encoded), folder, seed=method.seed_in(context), gpu=gpu),
        model=model,
        processing_class=copy.deepcopy(tokenizer),
        peft_config=adapter_config(method.lora, method.task) if method.lora else None,
        callbacks=[Saving(method.checkpoint_seconds)],
        **kept,
    )
    learner.remove_callback(PrinterCallback)
    if context.progress:
        learner.add_callback(Reporting(f"{context.recipe}/{context.stage}"))
    checkpoint = folder.last_checkpoint()
    result = learner.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    trained = learner.accelerator.unwrap_model(learner.model)
    shutil.rmtree(folder.model, ignore_errors=True)
    if method.lora:
        save_adapter(trained, folder.model / ADAPTER, start)
        trained = trained.merge_and_unload()
    _refuse_broken(trained, result.training_loss, method, context)
    trained.config, trained.generation_config = config, generation_config
    dtype = AutoConfig.from_pretrained(model_folder(binding)).dtype
    trained.to(dtype or torch.float32).save_pretrained(folder.model)
    tokenizer.save_pretrained(folder.model)

    history = [report for report in learner.state.log_history if "loss" in report]
    steps = learner.state.global_step
    # Free the memory of the optimizer (three times the model's) before the next stage begins.
    del learner, model, trained
    gc.collect()
    if gpu:
        torch.cuda.empty_cache()
    return {
        "rows": len(encoded),
        "steps": steps,
        "seconds": time.monotonic() - began,
        "metrics": _final(history),
        "history": history,
        "refused": refused,
        "memory": need.as_json(),
        "resumed_from": checkpoint and int(checkpoint.name.removeprefix("checkpoint-")),
    }


def _on_gpu(binding: Binding, context: Context) -> bool:
    if binding.device in (None, "cuda", "cuda:0"):
        return torch.cuda.is_available()
    if binding.device == "cpu":
        return False
    raise EngineError(
        f"recipe {context.recipe!r}, stage {context.stage!r}: training runs on 'cpu' or the first "
        f"visible GPU, not on {binding.device!r}: set CUDA_VISIBLE_DEVICES and device: cuda"
    )


def _require_memory(need: Need, context: Context) -> None:
    if need.refusal is not None:
        raise EngineError(f"recipe {context.recipe!r}, stage {context.stage!r}: {need.refusal}")


def _refuse_adapter(binding: Binding, context: Context) -> None:
    if (model_folder(binding) / "adapter_config.json").exists():
        raise EngineError(
            f"recipe {context.recipe!r}, stage {context.stage!r}: {binding.model} is an adapter: "
            "merge it into its base model (merge_and_unload), save that, and bind the role to it"
        )


def _encode(
    method: Method, examples: pl.DataFrame, model: Any, reader: Reader
) -> tuple[list[dict[str, Any]], list[dict[str, str]], int]:
    """The examples as token ids, the refused ones, and the most tokens of an example, its sequences
    padded to one length."""
    limit = min(
        method.max_length,
        getattr(model.config.get_text_config(), "max_position_embeddings", method.max_length),
    )
    encoded, refused, widest = [], [], 0
    for row in named_rows(examples):
        reason, numbers = None, {}
        try:
            example = method.encode(row, reader)
        except RowError as error:
            reason = str(error)
        else:
            length, sequences = example.pop("length"), example.pop("sequences", 1)
            if length > limit:
                reason = f"longer than max_length {limit}"
                numbers = {"tokens": length, "max_length": limit}
            else:
                encoded.append(example)
                widest = max(widest, length * sequences)
        if reason:
            refused.append(
                {"row_id": row[method.unit], "reason": reason, "numbers": canonical(numbers)}
            )
    return encoded, refused, widest


def _turn_end(model: Any, tokenizer: Any) -> int:
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    end = turn_end(tokenizer, frozenset({*listed, tokenizer.eos_token_id} - {None}))
    if end is None:
        raise EngineError(
            f"{model.name_or_path}: no token ends a turn, so the end of an answer cannot be "
            "learned: set an eos_token in the tokenizer that its chat template writes after the "
            "assistant's text"
        )
    return end


def _arguments(
    method: Method, rows: int, folder: TrainedFolder, *, seed: int, gpu: bool
) -> dict[str, Any]:
    steps = steps_of(method, rows)
    return {
        "output_dir": str(folder.checkpoints),
        "learning_rate": method.learning_rate,
        "num_train_epochs": method.epochs,
        "max_steps": method.max_steps or -1,
        "per_device_train_batch_size": method.batch_size,
        "gradient_accumulation_steps": method.gradient_accumulation,
        # Rounded down. Transformers rounds up, and the first warm-up step has a rate of 0, so a
        # training of one step would change nothing.
        "warmup_steps": int(steps * method.warmup),
        "lr_scheduler_type": "linear",
        "seed": seed,
        "data_seed": seed,
        "use_cpu": not gpu,
        "bf16": gpu,
        # Costs a fifth of the time and saves most of the memory. Models on a CPU are small.
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
        "logging_steps": math.ceil(steps / REPORTS),
        # `Saving` decides when. Two are kept, because the newest may be incomplete.
        "save_strategy": "no",
        "save_total_limit": 2,
        "disable_tqdm": True,
        "report_to": "none",
    }


def single_device(arguments: Arguments) -> Arguments:
    """``arguments`` for one GPU, even if more are visible; otherwise TRL refuses to run."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def _refuse_broken(model: Any, loss: float, method: Method, context: Context) -> None:
    if math.isfinite(loss) and all(weights.isfinite().all() for weights in model.parameters()):
        return
    raise EngineError(
        f"recipe {context.recipe!r}, stage {context.stage!r}: training diverged (loss {loss}); "
        f"nothing was written. Lower learning_rate, which is {method.learning_rate}"
    )


def _final(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Averages over the last quarter of the reports, because one batch alone varies too much."""
    last = history[-max(1, len(history) // 4) :]
    skipped = {"epoch", "step", "learning_rate", "num_tokens"}
    # Not every report has every figure: a batch may have no wrong step, for example.
    seen: dict[str, list[float]] = {}
    for report in last:
        for name, figure in report.items():
            # The lengths of answers are those of the data, and no result.
            if name not in skipped and not name.startswith("tokens/"):
                seen.setdefault(name, []).append(figure)
    return {name: sum(figures) / len(figures) for name, figures in seen.items()}
