"""One training: encode the rows, see that it fits, and run it in this process or in several.
Imported only when something is trained, because torch and transformers take seconds to import."""

import sys
import time
from dataclasses import replace
from operator import mul
from pathlib import Path
from typing import Any

import polars as pl
import torch
from transformers import AutoConfig, GenerationConfig

from engines.adapters import adapted, merge_first
from engines.bindings import Binding
from engines.chat.template import turn_end
from engines.context import Context
from engines.memory.training import Training, loading_need, training_need
from engines.protocol import EngineError, RowError
from engines.weights import chat_tokenizer, model_folder, resolved_dtype, weights_revision
from schemas import Need, canonical, named_rows
from trainers.training.checkpoint_folder import TrainedFolder
from trainers.training.division import Division, divided
from trainers.training.fit import Job, fit
from trainers.training.launch import launch
from trainers.training.method import Method, state_bytes
from trainers.training.reference_logprobs import Reference
from trainers.training.tokenization import Reader


def train(
    method: Method,
    examples: pl.DataFrame,
    binding: Binding,
    folder: TrainedFolder,
    context: Context,
    *,
    reference: Binding | None = None,
) -> dict[str, Any]:
    """Train on ``examples`` and write the model to ``folder.model``; write nothing if all examples
    are refused. ``reference``: that of a relative loss, if it is not the model of ``binding``.

    Returns:
        What `fit` returns, with ``rows`` trained on; ``seconds``; ``refused``, `Dropped` rows
            without the stage; ``memory``, what a device needed; ``devices``; ``resumed_from``, the
            step of the checkpoint that it continued from, or None.
    """
    began = time.monotonic()
    where = f"recipe {context.recipe!r}, stage {context.stage!r}"
    division = _divided(method, where)
    gpu = _on_gpu(binding, division.devices, where)
    _refuse_adapter(binding, where)
    if method.shard:
        _refuse_shard(method, gpu, where)
    start = method.loaded(binding)
    memory = Training(
        gpu=gpu,
        rank=None if method.lora is None else method.lora.rank,
        state_bytes=state_bytes(method.optimizer, gpu=gpu),
        accumulates=division.passes > 1,
        devices=division.devices,
        sharded=method.shard,
    )
    _require_memory(training_need(start, memory, tokens=0), where)
    if method.shard:
        _require_memory(loading_need(start, division.devices), where)
    config, tokenizer, end = _read(start)
    reader = Reader(tokenizer, end, binding.template_arguments)
    encoded, refused, widest = _encode(method, examples, config, reader)
    if not encoded:
        return {"rows": 0, "refused": refused}
    tokens = min(division.rows_of_device, len(encoded)) * widest
    need = training_need(start, memory, tokens=tokens)
    _require_memory(need, where)
    if context.progress:
        print(f"{context.recipe}/{context.stage}: {need}", file=sys.stderr)

    checkpoint = folder.last_checkpoint(division.devices, sharded=method.shard)
    stored = Reference(
        revision=weights_revision(start),
        arithmetic="bfloat16" if gpu else "float32",
        folder=Path(context.journal).parent / "reference",
    )
    job = Job(
        method=method,
        encoded=encoded,
        start=start,
        end=end,
        division=division,
        folder=folder,
        checkpoint=checkpoint,
        seed=method.seed_in(context),
        gpu=gpu,
        where=where,
        title=f"{context.recipe}/{context.stage}" if context.progress else None,
        reference=stored if method.relative else None,
        other=None if reference is None else _other(stored, method.loaded(reference)),
    )
    return {
        **(fit(job) if division.devices == 1 else launch(job)),
        "rows": examples.height - len(refused),
        "seconds": time.monotonic() - began,
        "refused": refused,
        "memory": need.as_json(),
        "devices": division.devices,
        "resumed_from": checkpoint and int(checkpoint.name.removeprefix("checkpoint-")),
    }


def _other(stored: Reference, model: Binding) -> Reference:
    """The log-probs of ``model``, stored beside those that are ``stored``."""
    on_cpu = model.model_copy(update={"device": "cpu", "dtype": resolved_dtype(model)})
    return replace(stored, revision=weights_revision(model), model=on_cpu)


def _divided(method: Method, where: str) -> Division:
    try:
        return divided(method.batch_size, method.gradient_accumulation, method.devices)
    except ValueError as error:
        raise EngineError(f"{where}: {error}") from None


def _on_gpu(binding: Binding, devices: int, where: str) -> bool:
    if binding.device == "cpu":
        return False
    if binding.device not in (None, "cuda", "cuda:0"):
        raise EngineError(
            f"{where}: training runs on 'cpu' or the first visible GPUs, not on "
            f"{binding.device!r}: set CUDA_VISIBLE_DEVICES and device: cuda"
        )
    if not torch.cuda.is_available():
        return False
    if (visible := torch.cuda.device_count()) < devices:
        raise EngineError(
            f"{where}: devices is {devices}, but the number of visible GPUs is {visible}: set "
            f"devices: {visible}, or CUDA_VISIBLE_DEVICES"
        )
    return True


def _refuse_shard(method: Method, gpu: bool, where: str) -> None:
    kind = type(method).__name__
    for wrong, message in (
        (not gpu, "shard needs GPUs: processes on a CPU share its memory"),
        (method.devices == 1, "shard needs devices: 2 or more"),
        (method.lora is not None, "shard trains all weights: leave out lora, or shard"),
        (not method.shards, f"trainers.{kind} cannot be sharded: leave out shard"),
    ):
        if wrong:
            raise EngineError(f"{where}: {message}")


def _require_memory(need: Need, where: str) -> None:
    if need.refusal is not None:
        raise EngineError(f"{where}: {need.refusal}")


def _refuse_adapter(binding: Binding, where: str) -> None:
    if adapted(model_folder(binding)) is not None:
        raise merge_first(f"{where}: {binding.model}", "a training needs")


def _read(binding: Binding) -> tuple[Any, Any, int]:
    """The configuration and the tokenizer of a model, and the token that ends its turns."""
    folder = model_folder(binding)
    tokenizer = chat_tokenizer(binding)
    try:
        config = AutoConfig.from_pretrained(folder)
        stated = (folder / "generation_config.json").is_file()
        generation = (
            GenerationConfig.from_pretrained(folder)
            if stated
            else GenerationConfig.from_model_config(config)
        )
    except (OSError, ValueError) as error:
        raise EngineError(f"{binding.model}: its configuration cannot be read: {error}") from error
    configured = generation.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    end = turn_end(tokenizer, frozenset({*listed, tokenizer.eos_token_id} - {None}))
    if end is None:
        raise EngineError(
            f"{binding.model}: no token ends a turn, so the end of an answer cannot be learned: "
            "set an eos_token in the tokenizer that its chat template writes after the "
            "assistant's text"
        )
    return config, tokenizer, end


def _encode(
    method: Method, examples: pl.DataFrame, config: Any, reader: Reader
) -> tuple[list[dict[str, Any]], list[dict[str, str]], int]:
    """The examples as token ids, the refused ones, and the most tokens of an example, its sequences
    padded to one length."""
    limit = min(
        method.max_length,
        getattr(config.get_text_config(), "max_position_embeddings", method.max_length),
    )
    encoded, refused, widest = [], [], 0
    for row in named_rows(examples):
        reason, numbers = None, {}
        try:
            of_row = method.encode_all(row, reader)
        except RowError as error:
            reason = str(error)
        else:
            lengths = [example.pop("length") for example in of_row]
            sequences = [example.pop("sequences", 1) for example in of_row]
            if max(lengths) > limit:
                reason = f"longer than max_length {limit}"
                numbers = {"tokens": max(lengths), "max_length": limit}
            else:
                encoded += of_row
                widest = max([widest, *map(mul, lengths, sequences)])
        if reason:
            refused.append(
                {"row_id": row[method.unit], "reason": reason, "numbers": canonical(numbers)}
            )
    return encoded, refused, widest
