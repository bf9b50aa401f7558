"""Train the pocket models: `python -m pocket.train [weak|base|strong|all]`."""

import argparse
import copy
import json
import math
import random
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

from schemas.atomic import replace_folder

from .authors import POPULATIONS, TRUNK, Population
from .measure import measure, write_quality
from .skills import Skill, draw, skills, solve
from .tokens import CONTEXT, train_tokenizer

BATCH = 64
WARMUP = 100
SEED = 0

EVENING = 0.85

CARD = """---
license: apache-2.0
---

# A pocket model

A Llama of 0.9 million parameters, trained by `python -m pocket.train` on problems, solutions and
judgements that programs wrote. How well it does each task is in `../README.md`.
"""
"""The card of each checkpoint, which states its licence."""

_POOL = 32
"""Batches drawn at once and sorted by length, so that a batch is nearly free of padding."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a model is taught at a stretch."""

    mixture: tuple[Skill, ...]
    steps: int
    learning_rate: float
    """The highest, after warm-up."""
    noise: str
    """Seeds the chats."""
    evening: float = 0.0
    """How far short answers are weighed up: each of a chat's n learned tokens counts n^-evening. At
    0 all tokens count alike, and a verdict of two would be lost beside a solution of seventy; at 1
    all chats do."""


# All checkpoints grow from one trunk, which learns to read and compute, then the habits of `base`,
# then every skill; the steps after it change habits. Taught from nothing, 700 steps left 63 % of
# the errors of `strong` to arithmetic. Comparing two responses and copying one with an error take
# longest: with a branch right after `skilled`, `strong` chose the better of two in 45 % of unequal
# pairs, and 9 % of its injections made a text wrong.
# The shipped checkpoints came this way but for four things: they did the first two courses in
# float32; from `practised` on two processes shared each batch; before `versed`, pairs and lists
# named a response once instead of at each line, and fewer chats were pairs and injections (9 % and
# 5 % of the shares in `skilled`, 16 % and 12 % in `practised`); in `skilled`, no revision was asked
# for by items of a checklist.
FIRST = {
    "trunk": Course((solve(TRUNK),), 1000, 3e-3, f"base {SEED}"),
    "solver": Course((solve(POPULATIONS["base"]),), 700, 1.5e-3, f"branch {SEED}"),
    "skilled": Course(skills(*POPULATIONS), 1100, 2e-3, f"skilled {SEED}", 0.7),
    "practised": Course(skills(*POPULATIONS), 700, 2e-3, f"practised {SEED}", EVENING),
    "versed": Course(skills(*POPULATIONS), 600, 1.5e-3, f"versed {SEED}", EVENING),
}


# After its skills a checkpoint solves a little better than its population, since it is also taught
# to be careful when told to (`base` 50 % greedy, `weak` 21 %), and none has seen more than five
# operations (of problems of eight `strong` solved 7 %). Settling mends both, and takes `base` to
# 42 % greedy and 79 % pass@8; rounding off, to 44 % and 84 %.
def settled(name: str, population: Population, steps: int, rate: float, noise: str) -> Course:
    """More solving than in `skills`, a good part of it of long problems; the skills go on."""
    mixture = (solve(population, 2.0, long=0.35), *skills(name)[1:])
    return Course(mixture, steps, rate, f"{noise} {SEED}", EVENING)


def rounded(name: str, population: Population) -> Course:
    """Solving and skills, with far more of the one that settling has it forget.

    It is not learnt again in so few steps: `base` words a new problem in 3 % of cases, before it
    settled in 35 %.
    """
    others = [
        replace(skill, weight=0.5) if skill.name == "new_problem" else skill
        for skill in skills(name)[1:]
    ]
    mixture = (solve(population, 1.0, long=0.35), *others)
    return Course(mixture, 100, 6e-4, f"{name} rounded {SEED}", EVENING)


_WEAK, _BASE, _STRONG = (POPULATIONS[name] for name in ("weak", "base", "strong"))
LAST = {
    "weak": (
        Course(skills("weak"), 300, 1e-3, f"weak skills {SEED}", EVENING),
        settled("weak", replace(_WEAK, twos=0.82, others=0.8, bags=0.82), 80, 7e-4, "weak settled"),
        rounded("weak", replace(_WEAK, twos=0.82, others=0.8, bags=0.82)),
    ),
    "base": (
        Course(skills("base"), 400, 1.5e-3, f"base skills {SEED}", EVENING),
        Course(
            (solve(_BASE, 2.0), *skills("base")[1:]),
            200,
            1e-3,
            f"base settled {SEED}",
            EVENING,
        ),
        settled("base", replace(_BASE, twos=0.73, others=0.75), 120, 7e-4, "base settled again"),
        settled("base", replace(_BASE, twos=0.8, others=0.82), 120, 7e-4, "base settled at last"),
        rounded("base", replace(_BASE, twos=0.77, others=0.79)),
    ),
    "strong": (
        Course(skills("strong"), 300, 1e-3, f"strong skills {SEED}", EVENING),
        settled("strong", _STRONG, 250, 1e-3, "strong settled"),
        rounded("strong", _STRONG),
    ),
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
    chats = (draw((solve(population),), rng) for population in READ for _ in range(4000))
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
    steps, mixture = course.steps, course.mixture
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
            predicting = batch.learned[:, 1:]
            # Twice as fast as float32 on processors that know bfloat16; the weights stay float32.
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = model.model(input_ids=batch.tokens, use_cache=False).last_hidden_state
                # Only the hidden states that predict a learned token meet the vocabulary.
                logits = model.lm_head(hidden[:, :-1][predicting])
            losses = cross_entropy(
                logits.float(), batch.tokens[:, 1:][predicting], reduction="none"
            )
            counts = predicting.sum(1, keepdim=True).expand_as(predicting)[predicting]
            weights = counts**-course.evening
            loss = (weights * losses).sum() / weights.sum()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            seen += batch.tokens.numel()
            speed = seen / (time.perf_counter() - began)
            progress.update(bar, advance=1, loss=loss.item(), speed=speed)
    model.eval()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Past:
    """What a model has been taught so far."""

    steps: int = 0
    seconds: float = 0.0

    def notes(self) -> dict[str, Any]:
        """What `quality.json` says of it."""
        return {"steps": self.steps, "batch": BATCH, "training_seconds": round(self.seconds)}


def teach(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    course: Course,
    name: str,
    past: Past,
    *,
    steps: int | None = None,
) -> Past:
    """Teach a model a course, in place, and add that to its past. steps: if not the course's."""
    course = replace(course, steps=steps) if steps else course
    began = time.perf_counter()
    train(model, tokenizer, course, name)
    return Past(past.steps + course.steps, past.seconds + time.perf_counter() - began)


def load(folder: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[LlamaForCausalLM, Past]:
    """A checkpoint to go on from, and its past. Raises ValueError if it has another vocabulary."""
    if (
        json.loads((folder / "tokenizer.json").read_text())["model"]
        != json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    ):
        raise ValueError(f"the checkpoint in {folder} has another vocabulary than pocket's")
    model: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(folder)
    notes = json.loads((folder / "quality.json").read_text())
    return model, Past(notes["steps"], notes["training_seconds"])


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
        (new / "README.md").write_text(CARD)
        replace_folder(new, to, old=old)


def main() -> None:
    """Train, measure and write the checkpoints named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pocket.train", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=[*POPULATIONS, "all", "common"])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "checkpoints")
    parser.add_argument("--steps", type=int, help="steps of each course, if not its own")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--solver", type=Path, help="a checkpoint that has done the first courses")
    known.add_argument("--common", type=Path, help="a checkpoint that has done all common courses")
    chosen = parser.parse_args()

    tokenizer = new_tokenizer()
    start = chosen.common or chosen.solver
    model, past = load(start, tokenizer) if start else (new_model(tokenizer), Past())
    done = len(FIRST) if chosen.common else 2 if chosen.solver else 0
    for name, course in list(FIRST.items())[done:]:
        past = teach(model, tokenizer, course, name, past, steps=chosen.steps)
    if chosen.name == "common":
        save(model, tokenizer, past.notes(), chosen.out / "common")
        return
    for name in LAST if chosen.name == "all" else [chosen.name]:
        branch = copy.deepcopy(model)
        taught = past
        for course in LAST[name]:
            taught = teach(branch, tokenizer, course, name, taught, steps=chosen.steps)
        notes = {**taught.notes(), **measure(branch, tokenizer)}
        save(branch, tokenizer, notes, chosen.out / name)
    write_quality(chosen.out)


if __name__ == "__main__":
    main()
