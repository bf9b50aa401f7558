"""How many sound and how many degenerate answers `filters.Repetition` drops at its defaults.

    python -m benchmarks.repetition [GSM8K.jsonl ...]

Sound are the right answers of pocket's strong model to problems of two to eight operations, greedy
and sampled; the worked solutions of files with an ``answer`` on each line, such as GSM8K's; and the
lists, tables, JSON, code and poems of `benchmarks.repetition_texts`. Degenerate are the loops made
there, and what pocket's models write greedily when they may not stop. Prints a line for each.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import tables
from benchmarks.repetition_texts import loops, sound
from filters import Repetition
from pocket import Checkpoint, checkpoint, problem, render
from pocket.judging import judge_steps
from pocket.speaking import reply

PROBLEMS = 150
STUCK = 40
TOKENS = 400


def right_answers() -> Iterator[str]:
    """Of pocket's strong model."""
    model, tokenizer = loaded("strong")
    for operations in ((2, 5), (8, 8)):
        asked = [problem(77, n, split="train", operations=operations) for n in range(PROBLEMS)]
        for sample in (False, True):
            said = reply(model, tokenizer, [render(each) for each in asked], sample=sample)
            for each, text in zip(asked, said, strict=True):
                if judge_steps(each, text).correct:
                    yield text


def stuck_answers() -> Iterator[str]:
    """Greedy answers of all pocket models that go on when they are at their end."""
    import torch

    names: tuple[Checkpoint, ...] = ("weak", "base", "strong")
    for name in names:
        model, tokenizer = loaded(name)
        asked = (render(problem(78, number, split="train")) for number in range(STUCK))
        turns = [[{"role": "user", "content": each}] for each in asked]
        prompts = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            tokens = model.generate(
                **prompts, do_sample=False, min_new_tokens=TOKENS, max_new_tokens=TOKENS
            )
        written = tokens[:, prompts["input_ids"].shape[1] :]
        yield from tokenizer.batch_decode(written, skip_special_tokens=True)


def loaded(name: Checkpoint) -> tuple[Any, Any]:
    """A pocket model and its tokenizer."""
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    folder = checkpoint(name)
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    return model, PreTrainedTokenizerFast.from_pretrained(folder)


def dropped(texts: Sequence[str]) -> int:
    """How many of ``texts`` are."""
    of = {"responses": tables.responses(pl.Series(texts))}
    return Repetition(of="responses").run(of).dropped.height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    given = parser.parse_args()
    sets = {"right answers of pocket's strong model": list(right_answers())}
    for file in given.files:
        lines = file.read_text(encoding="utf-8").splitlines()
        sets[f"worked solutions of {file.name}"] = [json.loads(line)["answer"] for line in lines]
    sets["sound texts by kind"] = [text for _, text in sound()]
    sets["loops by kind"] = [text for _, text in loops()]
    sets["greedy answers that may not stop"] = list(stuck_answers())
    for name, texts in sets.items():
        print(f"{name}: {dropped(texts):,} of {len(texts):,} dropped")


if __name__ == "__main__":
    main()
