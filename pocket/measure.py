"""How often a checkpoint is right on held-out problems, greedily and by sampling."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from .judging import judge_steps
from .problems import problem
from .reasoning import difficulty
from .wording import render
from .world import Problem

PROBLEMS = 300
SAMPLES = 8
SEED = 1_000_000
"""Seed of the held-out problems that checkpoints are measured on."""

_ROWS = 200


def respond(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: list[Problem],
    *,
    sample: bool,
    seed: int = 0,
) -> list[str]:
    """One solution a problem: greedy, or sampled at temperature 1 from all tokens."""
    torch.manual_seed(seed)
    texts: list[str] = []
    for begin in range(0, len(asked), _ROWS):
        chats = [
            [{"role": "user", "content": render(each)}] for each in asked[begin : begin + _ROWS]
        ]
        prompts: Any = tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, return_dict=True, return_tensors="pt", padding=True
        )
        with torch.inference_mode():
            tokens = model.generate(  # type: ignore[misc]
                **prompts,
                max_new_tokens=256,
                do_sample=sample,
                temperature=1.0 if sample else None,
                top_k=0 if sample else None,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        written = tokens[:, prompts["input_ids"].shape[1] :]
        texts += tokenizer.batch_decode(written, skip_special_tokens=True)
    return texts


def measure(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: int = PROBLEMS
) -> dict[str, Any]:
    """Accuracies (0 to 1) on held-out problems: in all, and by number of operations.

    `greedy`; `sampled`, the mean over 8 samples; `pass_at_8`, the share of problems that at least
    one of the 8 gets right; and the share of greedy errors behind which each habit is, `unknown`
    where the truth knows none.
    """
    asked = [problem(SEED, index, split="held_out") for index in range(problems)]
    greedy = respond(model, tokenizer, asked, sample=False)
    samples = [respond(model, tokenizer, asked, sample=True, seed=seed) for seed in range(SAMPLES)]
    groups: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(asked):
        groups["all"].append(row)
        groups[f"{difficulty(each)} operations"].append(row)
    right = [judge_steps(each, text).correct for each, text in zip(asked, greedy, strict=True)]
    drawn = [
        [judge_steps(each, text).correct for text in texts]
        for each, texts in zip(asked, zip(*samples, strict=True), strict=True)
    ]
    blamed: dict[str, int] = defaultdict(int)
    for each, text in zip(asked, greedy, strict=True):
        judgement = judge_steps(each, text)
        if not judgement.correct:
            first = judgement.first_error
            blamed[(first is not None and judgement.steps[first].habit) or "unknown"] += 1
    table = {
        name: {
            "problems": len(rows),
            "greedy": round(sum(right[row] for row in rows) / len(rows), 3),
            "sampled": round(sum(sum(drawn[row]) for row in rows) / len(rows) / SAMPLES, 3),
            "pass_at_8": round(sum(any(drawn[row]) for row in rows) / len(rows), 3),
        }
        for name, rows in sorted(groups.items())
    }
    errors = max(1, sum(blamed.values()))
    return {
        "held_out": table,
        "first_errors": {habit: round(n / errors, 3) for habit, n in sorted(blamed.items())},
    }


def write_quality(folder: Path) -> None:
    """Print the quality of all checkpoints in a folder, and write it there as `README.md`."""
    rows = [
        (name, json.loads((folder / name / "quality.json").read_text()))
        for name in ("weak", "base", "strong")
        if (folder / name / "quality.json").exists()
    ]
    head = ["model", "problems", "n", "greedy", "sampled", "pass@8", "steps", "seconds"]
    cells = [
        [
            name,
            group,
            str(values["problems"]),
            f"{values['greedy']:.1%}",
            f"{values['sampled']:.1%}",
            f"{values['pass_at_8']:.1%}",
            str(quality["steps"]),
            str(quality["training_seconds"]),
        ]
        for name, quality in rows
        for group, values in quality["held_out"].items()
    ]
    table = Table(*head)
    for row in cells:
        table.add_row(*row)
    Console().print(table)
    lines = [head, ["---"] * len(head), *cells]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    (folder / "README.md").write_text(
        "# The pocket models, measured\n\n"
        "Accuracy on held-out problems, by number of operations. Written by `python -m "
        f"pocket.train`.\n\n{text}\n"
    )
