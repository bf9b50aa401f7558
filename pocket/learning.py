"""How a pocket model is taught a course: Muon and AdamW, in one process or several, resumable."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy, pad
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .courses import Course, Run
from .rows import Batch, Place, Stream
from .tokens import CONTEXT

BATCHES = 4
"""Batches of a step, shared among the processes: about 15,000 tokens."""
PREFETCHED = 64
"""Batches that wait for a step: as many as a pool of chats, which is drawn at once."""
WARMUP = 60
MATRICES = 0.01
"""Learning rate of the layers' matrices, by Muon."""
OTHERS = 0.005
"""Learning rate of embeddings and gains, by AdamW."""
LAST = 0.05
"""What is left of the learning rates at the end of a course."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a model has been taught so far."""

    steps: int = 0
    """Of all courses."""
    seconds: float = 0.0
    """Of processor time, of all processes."""
    course: int = 0
    """Courses of the run that are done."""
    step: int = 0
    """Steps of the course after them that are done."""
    pool: int = 0
    batch: int = 0
    """How far its chats have been read (`pocket.rows.Place`)."""


Keep = Callable[[Past, dict[str, Any]], None]
"""Keeps a model's past and the state of its optimisers now and then."""


def new_model(tokenizer: PreTrainedTokenizerFast, run: Run) -> LlamaForCausalLM:
    """An untrained model."""
    torch.manual_seed(run.seed)
    model: LlamaForCausalLM = LlamaForCausalLM(  # type: ignore[no-untyped-call]
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=run.hidden,
            intermediate_size=run.hidden * 9 // 4,
            num_hidden_layers=run.layers,
            num_attention_heads=run.hidden // 32,
            num_key_value_heads=run.hidden // 32,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return model


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for all else."""
    parameters = list(model.named_parameters())
    matrices = [weight for name, weight in parameters if weight.ndim == 2 and "embed" not in name]
    embeddings = [weight for name, weight in parameters if weight.ndim == 2 and "embed" in name]
    gains = [weight for _, weight in parameters if weight.ndim < 2]
    return [
        torch.optim.Muon(matrices, lr=MATRICES, weight_decay=0.1, momentum=0.95),
        torch.optim.AdamW(
            [
                {"params": embeddings, "weight_decay": 0.1},
                {"params": gains, "weight_decay": 0.0},
            ],
            lr=OTHERS,
            betas=(0.9, 0.95),
            fused=True,
        ),
    ]


def teach(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    course: Course,
    past: Past,
    *,
    state: dict[str, Any] | None = None,
    keep: Keep | None = None,
    say: Callable[[int, float, float], None] | None = None,
) -> Past:
    """Teach a model a course, in place, from where its past and the state of optimisers say.

    In each process of a group the gradients are the group's mean. Learning rates warm up, then
    fall as a cosine to `LAST`. ``say`` gets the step, the loss and the tokens a second of
    processor time of this process.
    """
    ranks = dist.get_world_size() if dist.is_initialized() else 1
    rank = dist.get_rank() if dist.is_initialized() else 0
    all_optimizers = optimizers(model)
    for optimizer, each in zip(all_optimizers, (state or {}).get("optimizers", ()), strict=False):
        optimizer.load_state_dict(each)
    usual = (MATRICES, OTHERS)[: len(all_optimizers)]
    stream = Stream(
        tokenizer, course.mixture, f"{course.noise} rank {rank}", Place(past.pool, past.batch)
    )
    # The worker draws and tokenises while this process computes.
    loader = iter(
        DataLoader(
            stream,
            batch_size=None,
            num_workers=1,
            multiprocessing_context="fork",
            prefetch_factor=PREFETCHED,
        )
    )
    share = max(1, BATCHES // ranks)
    model.train()
    began, seen = time.process_time(), 0
    done = past
    for step in range(past.step, course.steps):
        read = list(islice(loader, share))
        loss = gradients(model, [batch for _, batch in read], course.evening)
        if ranks > 1:
            _average(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in zip(all_optimizers, usual, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * course.rate * _share_of_rate(step, course.steps)
            optimizer.step()
        model.zero_grad()
        seen += sum(batch.tokens.numel() for _, batch in read)
        spent = time.process_time() - began
        place = read[-1][0]
        done = replace(
            past,
            steps=past.steps + step + 1 - past.step,
            seconds=past.seconds + ranks * spent,
            step=step + 1,
            pool=place.pool,
            batch=place.batch,
        )
        if say is not None:
            say(step + 1, loss.item(), seen / max(spent, 1e-9))
        if keep is not None:
            keep(done, {"optimizers": [optimizer.state_dict() for optimizer in all_optimizers]})
    del loader
    model.eval()  # type: ignore[no-untyped-call]
    return Past(done.steps, done.seconds, past.course + 1)


def gradients(model: LlamaForCausalLM, read: list[Batch], evening: float) -> torch.Tensor:
    """Puts the gradients of the weighted mean loss of batches into the model; gives that loss."""
    device = model.device
    if device.type != "cpu":
        read = [_joined(read)]  # a GPU would wait for many small batches
    weights = [_weights(batch, evening) for batch in read]
    total = float(sum(each.sum() for each in weights))
    value = torch.zeros((), device=device)
    for batch, weight in zip(read, weights, strict=True):
        # Found here, so that a GPU need not be waited for.
        rows, places = torch.nonzero(batch.learned[:, 1:], as_tuple=True)
        learned = batch.tokens[rows, places + 1].to(device)
        # Twice as fast as float32 on processors that know bfloat16; the weights stay float32.
        with torch.autocast(device.type, dtype=torch.bfloat16):
            read_all = model.model(input_ids=batch.tokens.to(device), use_cache=False)
            # Only the hidden states that predict a learned token meet the vocabulary.
            hidden = read_all.last_hidden_state[rows.to(device), places.to(device)]
            logits = model.lm_head(hidden)
        losses = cross_entropy(logits.float(), learned, reduction="none")
        loss = (weight.to(device) * losses).sum() / total
        loss.backward()  # type: ignore[no-untyped-call]
        value += loss.detach()
    return value


def _joined(read: list[Batch]) -> Batch:
    """One batch of all rows."""
    length = max(batch.tokens.shape[1] for batch in read)

    def wide(each: torch.Tensor) -> torch.Tensor:
        return pad(each, (0, length - each.shape[1]))

    return Batch(
        torch.cat([wide(batch.tokens) for batch in read]),
        torch.cat([wide(batch.learned) for batch in read]),
    )


def _weights(batch: Batch, evening: float) -> torch.Tensor:
    """Float[learned tokens]: n^-evening in a chat of n learned tokens."""
    predicting = batch.learned[:, 1:]
    counts = predicting.sum(1, keepdim=True).expand_as(predicting)[predicting]
    return counts**-evening


def _average(model: LlamaForCausalLM) -> None:
    """The mean of the group's gradients, in one message."""
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    means = torch.split(flat, [grad.numel() for grad in grads])
    for grad, mean in zip(grads, means, strict=True):
        grad.copy_(mean.view_as(grad))


def _share_of_rate(step: int, steps: int) -> float:
    warmup = min(WARMUP, max(1, steps // 10))
    if step < warmup:
        return (step + 1) / warmup
    through = (step - warmup) / max(1, steps - warmup)
    return LAST + (1 - LAST) * (1 + math.cos(math.pi * through)) / 2
