"""How often a checkpoint is right on held-out problems, greedily and by sampling."""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from .appraisal import CASES, appraise
from .figures import mark_lessons
from .judges import JUDGES
from .judging import judge_steps
from .lessons import Messages
from .problems import problem
from .reasoning import difficulty
from .speaking import go_on, reply
from .wording import render
from .world import Problem

PROBLEMS = 300
SAMPLES = 8
SEED = 1_000_000
"""Seed of the held-out problems that checkpoints are measured on."""


def respond(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: list[Problem],
    *,
    sample: bool,
    seed: int = 0,
) -> list[str]:
    """One solution a problem: greedy, or sampled at temperature 1 from all tokens."""
    return reply(model, tokenizer, [render(each) for each in problems], sample=sample, seed=seed)


def measure(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: int = PROBLEMS
) -> dict[str, Any]:
    """Accuracies (0 to 1) on held-out problems: in all, and by number of operations.

    `greedy`; `sampled`, the mean over 8 samples; `pass_at_8`, the share of problems that at least
    one of the 8 gets right; and the share of greedy errors behind which each habit is, `unknown`
    where the truth knows none. Also the figures of all other skills.
    """
    held_out = [problem(SEED, index, split="held_out") for index in range(problems)]
    greedy = respond(model, tokenizer, held_out, sample=False)
    samples = [
        respond(model, tokenizer, held_out, sample=True, seed=seed) for seed in range(SAMPLES)
    ]
    groups: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(held_out):
        groups["all"].append(row)
        groups[f"{difficulty(each)} operations"].append(row)
    right = [judge_steps(each, text).correct for each, text in zip(held_out, greedy, strict=True)]
    drawn = [
        [judge_steps(each, text).correct for text in texts]
        for each, texts in zip(held_out, zip(*samples, strict=True), strict=True)
    ]
    blamed: dict[str, int] = defaultdict(int)
    for each, text in zip(held_out, greedy, strict=True):
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
        "skills": {
            **appraise(
                lambda held_out: reply(model, tokenizer, held_out),
                tokenizer.tokenize,
                min(CASES, problems),
            ),
            **mark_lessons(lambda chats: last_turns(model, tokenizer, chats), min(CASES, problems)),
        },
    }


def last_turns(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, chats: list[Messages]
) -> list[str]:
    """What a checkpoint says in place of the last turn of each chat of one lesson."""
    thinking = any("reasoning_content" in chat[-1] for chat in chats)
    continuations = go_on(model, tokenizer, [chat[:-1] for chat in chats], thinking=thinking)
    return [
        chat[-1]["content"][: chat[-1].get("given", 0)] + text
        for chat, text in zip(chats, continuations, strict=True)
    ]


def write_quality(folder: Path) -> None:
    """Print the quality of all checkpoints in a folder, and write it there as `README.md`."""
    rows = [
        (name, json.loads((folder / name / "quality.json").read_text()))
        for name in ("weak", "base", "strong", "second", "third")
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
    skilled = {name: quality["skills"] for name, quality in rows if "skills" in quality}
    figures = [
        [
            skill,
            figure,
            *(_cell(figure, skills.get(skill, {}).get(figure)) for skills in skilled.values()),
        ]
        for skill, named in next(iter(skilled.values()), {}).items()
        for figure in named
    ]
    leanings = [
        [leaning, *(f"{asdict(JUDGES[name])[leaning]:.2f}" for name in JUDGES)]
        for leaning in asdict(JUDGES["base"])
    ]
    (folder / "README.md").write_text(
        "# The pocket models, measured\n\nWritten by `python -m pocket.train`. Their licence is "
        "Apache-2.0, as that of the code. Accuracy of solving "
        f"on held-out problems, by number of operations:\n\n{_markdown(head, cells)}\n\n"
        f"The other skills, on {CASES} held-out problems, greedily; `raised by` is in grades, all "
        "else a share of cases (`pocket/appraisal.py` says of which):\n\n"
        f"{_markdown(['skill', 'figure', *skilled], figures)}\n\n"
        "Probabilities with which the judges that they learned from hold each leaning: to overlook "
        "errors of a misconception, to like length, the first response, or a confident opening "
        "(`pocket/judges.py`):\n\n"
        f"{_markdown(['leaning', *JUDGES], leanings)}\n"
    )


def _cell(figure: str, value: float | list[float] | None) -> str:
    """A figure, with its interval where it has one; those of earlier checkpoints have none."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        share, low, high, _ = value
        return f"{share:.1%} [{low:.1%}, {high:.1%}]"
    return f"{value:+.2f}" if "raised" in figure else f"{value:.1%}"


def _markdown(head: list[str], cells: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
