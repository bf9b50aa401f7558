"""Train the pocket models: `python -m pocket.train [weak|base|strong|all]`."""

import argparse
import copy
import json
import math
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .authors import POPULATIONS, TRUNK, Population
from .measure import measure, write_quality
from .skills import Skill, draw, skills
from .tokens import CONTEXT, train_tokenizer

BATCH = 64
WARMUP = 100
SEED = 0

_POOL = 32
"""Batches drawn at once and sorted by length, so that a batch is nearly free of padding."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a model is taught at a stretch."""

    population: Population
    steps: int
    learning_rate: float
    """The highest, after warm-up."""
    noise: str
    """Seeds the chats."""


# All checkpoints grow from one trunk, which learns to read and compute; the steps after it
# change habits. Taught from nothing, 700 steps left 63 % of the errors of `strong` to arithmetic.
FIRST = Course(TRUNK, 1000, 3e-3, f"base {SEED}")
LAST = {
    "weak": Course(POPULATIONS["weak"], 300, 1e-3, f"weak {SEED}"),
    "base": Course(POPULATIONS["base"], 700, 1.5e-3, f"branch {SEED}"),
    "strong": Course(POPULATIONS["strong"], 300, 1e-3, f"strong {SEED}"),
}

# Not `POPULATIONS`: tuning a habit must not change the vocabulary, and with it every checkpoint.
READ = (Population(twos=0.75, others=0.7, bags=0.65, slips=0.3), TRUNK, POPULATIONS["strong"])


@dataclass(frozen=True, slots=True)
class Batch:
    """Chats of nearly one length."""

    tokens: torch.Tensor
    """Int[batch, tokens], padded on the right: under a causal mask no token sees the padding."""
    learned: torch.Tensor
    """Bool[batch, tokens]: the assistant's tokens and the end of its turn."""


def new_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of all checkpoints, trained on chats of all populations."""
    rng = random.Random(f"tokenizer {SEED}")
    chats = (draw(skills(population), rng) for population in READ for _ in range(4000))
    return train_tokenizer(turn["content"] for chat in chats for turn in chat)


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained model of 0.91 M parameters: 3.6 MB in float32."""
    torch.manual_seed(SEED)
    model: LlamaForCausalLM = LlamaForCausalLM(  # type: ignore[no-untyped-call]
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=336,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    return model


def batches(
    tokenizer: PreTrainedTokenizerFast, mixture: tuple[Skill, ...], steps: int, rng: random.Random
) -> Iterator[Batch]:
    """`steps` batches of fresh chats; none is seen twice."""
    while steps > 0:
        chats = [draw(mixture, rng) for _ in range(BATCH * min(_POOL, steps))]
        encoded: Any = tokenizer.apply_chat_template(
            chats, return_dict=True, return_assistant_tokens_mask=True, padding=False
        )
        rows = sorted(
            zip(encoded["input_ids"], encoded["assistant_masks"], strict=True),
            key=lambda row: len(row[0]),
        )
        starts = list(range(0, len(rows), BATCH))
        rng.shuffle(starts)
        for begin in starts:
            yield _collate(rows[begin : begin + BATCH], tokenizer.pad_token_id)
        steps -= len(starts)


def _collate(rows: list[tuple[list[int], list[int]]], pad: int) -> Batch:
    length = max(len(ids) for ids, _ in rows)
    tokens = [ids + [pad] * (length - len(ids)) for ids, _ in rows]
    learned = [mask + [0] * (length - len(mask)) for _, mask in rows]
    return Batch(torch.tensor(tokens), torch.tensor(learned, dtype=torch.bool))


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, course: Course, title: str
) -> None:
    """Teach a model a course, in place: AdamW, warm-up and cosine decay to 5 %."""
    steps, mixture = course.steps, skills(course.population)
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    gains = [weight for weight in model.parameters() if weight.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}],
        lr=course.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
    warmup = min(WARMUP, max(1, steps // 10))

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.525 + 0.475 * math.cos(math.pi * (step - warmup) / max(1, steps - warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=2) as progress:
        bar = progress.add_task(title, total=steps, loss=float("nan"), speed=0.0)
        began, seen = time.perf_counter(), 0
        for batch in batches(tokenizer, mixture, steps, random.Random(course.noise)):
            # Only the hidden states that predict a learned token meet the vocabulary.
            hidden = model.model(input_ids=batch.tokens, use_cache=False).last_hidden_state
            predicting = batch.learned[:, 1:]
            logits = model.lm_head(hidden[:, :-1][predicting])
            loss = cross_entropy(logits, batch.tokens[:, 1:][predicting])
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            seen += batch.tokens.numel()
            speed = seen / (time.perf_counter() - began)
            progress.update(bar, advance=1, loss=loss.item(), speed=speed)
    model.eval()  # type: ignore[no-untyped-call]


def save(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, notes: dict[str, Any], to: Path
) -> None:
    """Write a checkpoint's folder whole, in the place of an older one."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".new-") as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            do_sample=True,
            temperature=1.0,
            max_new_tokens=256,
        )
        model.save_pretrained(new)
        tokenizer.backend_tokenizer.no_padding()  # left there by measuring; not the file's business
        tokenizer.save_pretrained(new)
        (new / "quality.json").write_text(json.dumps(notes, indent=2) + "\n")
        if to.exists():
            os.replace(to, old)
        os.replace(new, to)
        shutil.rmtree(old, ignore_errors=True)


def main() -> None:
    """Train, measure and write the checkpoints named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pocket.train", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=[*POPULATIONS, "all"])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "checkpoints")
    parser.add_argument("--steps", type=int, help="steps of each course, if not its own")
    chosen = parser.parse_args()

    def course(full: Course) -> Course:
        return replace(full, steps=chosen.steps) if chosen.steps else full

    tokenizer = new_tokenizer()
    trunk = new_model(tokenizer)
    began = time.perf_counter()
    train(trunk, tokenizer, course(FIRST), "trunk")
    trunk_seconds = time.perf_counter() - began
    for name in LAST if chosen.name == "all" else [chosen.name]:
        model = copy.deepcopy(trunk)
        began = time.perf_counter()
        train(model, tokenizer, course(LAST[name]), name)
        seconds = trunk_seconds + time.perf_counter() - began
        notes = {
            "steps": course(FIRST).steps + course(LAST[name]).steps,
            "batch": BATCH,
            "training_seconds": round(seconds),
            **measure(model, tokenizer),
        }
        save(model, tokenizer, notes, chosen.out / name)
    write_quality(chosen.out)


if __name__ == "__main__":
    main()
