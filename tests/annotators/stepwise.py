"""A small world of solutions with known first errors, and a model that goes on from them.

A solution is right if its last line is "7". Whatever has the word "bad" in it can no more end
right; of all else the model ends right in ``share`` of its answers.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from engines.bindings import Binding
from engines.context import Context
from engines.operators.step_ends import line_ends
from engines.protocol import Generation, Rendered, RowError, Sampling
from schemas import Message, Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


def ends_in_seven(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    """The check: the last line is "7"."""
    if "no reference" in messages[-1]["content"]:
        raise ValueError("the prompt has no reference answer")
    return text.rstrip().rpartition("\n")[2] == "7"


def truth(
    messages: Sequence[Message], reference: str | None, steps: Sequence[str]
) -> list[bool | None]:
    """The truth of steps: "bad" is wrong, and of a "?" there is nothing to tell."""
    return [None if "?" in step else "bad" not in step for step in steps]


ends_in_seven.steps = truth  # type: ignore[attr-defined]

CHECK = f"{__name__}.ends_in_seven"


def solutions(
    stand: Any, texts: Mapping[str, Sequence[str]], *, cut: bool = True, finish: str = "stop"
) -> dict[str, pl.DataFrame]:
    """Stages ``prompts`` and ``responses``, which are cut into lines."""
    prompts = stand.prompts(*texts)
    records = []
    for prompt_id, (asked, said) in zip(prompts["prompt_id"], texts.items(), strict=True):
        for place, text in enumerate(said):
            ends = [0, *line_ends(text)]
            spans = [
                {"start": a, "end": b, "token_start": a, "token_end": b} for a, b in pairwise(ends)
            ]
            records.append(
                {
                    "response_id": f"{asked}-{place}",
                    "prompt_id": prompt_id,
                    "text": text,
                    "steps": spans if cut else None,
                    "finish": finish,
                    "tokens": 1,
                    "origin": ORIGIN,
                }
            )
    return {"prompts": prompts, "responses": rows(Responses, records)}


def going_on(stand: Any, *, share: float = 0.5, **changes: Any) -> Context:
    """A context whose policy goes on from what was begun; ``share`` of its answers end right."""

    def opened(binding: Binding) -> Any:
        engine = stand.open(binding)

        async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
            stand.asked.append((prompt.text, sampling, seed))
            if "too long" in prompt.text:
                raise RowError("the prompt has 900 tokens, the model takes 512")
            hopeless = "bad" in prompt.text or "unsolvable" in prompt.text
            right = not hopeless and (seed % 1000) / 1000 < share
            return Generation("\n7" if right else "\n0", (1,), (-0.1,), "stop")

        engine.generate = generate
        return engine

    context: Context = stand.context(
        open_engine=opened, checks={"test": CHECK}, folder=Path(stand.folder), **changes
    )
    return context


def of_whole(scores: pl.DataFrame) -> dict[str, float | None]:
    """The score of each response as a whole."""
    whole = scores.filter(pl.col("step").is_null())
    return dict(whole.select("response_id", "value").iter_rows())


def of_steps(scores: pl.DataFrame, response_id: str) -> dict[int, float | None]:
    """The scores of a response's steps."""
    steps = scores.filter((pl.col("response_id") == response_id) & pl.col("step").is_not_null())
    return dict(steps.select("step", "value").iter_rows())
