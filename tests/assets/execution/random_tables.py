"""Random tables of every kind that filters read."""

from collections.abc import Mapping
from random import Random
from typing import Any

import polars as pl

import filters
from schemas import Nodes, Prompts, Responses, Scores, TokenScores, rows

World = dict[str, pl.DataFrame]
ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
LINES = (
    "two\n",
    "half é\n",
    "no\n",
    "I can't help with that.\n",
    "ha ha ha ha\n",
    "ja, das geht\n",
)
VALUES = (0.0, 0.25, 0.5, 0.75, 1.0, None)
PROMPTS = 12


def world(seed: int) -> World:
    """Twelve prompts, the last of which is missing, with every table that filters read."""
    draw = Random(seed)
    asked, made, edited, opinions, tokens, nodes = [], [], [], [], [], []
    for number in range(PROMPTS):
        prompt = f"p{number}"
        asked.append(_asked(prompt))
        for place in range(draw.randint(1, 4)):
            one = _response(draw, prompt, f"{prompt}r{place}")
            made.append(one)
            for level in range(draw.randint(0, 2)):
                how = f'{{"level": {level + 1}}}' if draw.random() < 0.8 else "{}"
                origin = {**ORIGIN, "parents": [one["response_id"]], "parameters": how}
                name = f"{one['response_id']}e{level}"
                edited.append({**_edited(draw, one, name), "origin": origin})
        nodes += _tree(draw, prompt)
    for one in [*made, *edited]:
        opinions += _opinions(draw, one)
        if draw.random() < 0.9:
            tokens.append(_token_scores(draw, one))
    index = [each for each in opinions if each["step"] is None]
    tables = {
        "prompts": rows(Prompts, asked[:-1]),
        "responses": rows(Responses, made),
        "edited": rows(Responses, edited),
        "scores": rows(Scores, opinions),
        "others": rows(Scores, [{**each, "value": _moved(each, draw)} for each in opinions]),
        "index": rows(Scores, [{**each, "value": _place(each, draw)} for each in index]),
        "tokens": rows(TokenScores, tokens),
        "nodes": rows(Nodes, nodes),
    }
    best = filters.BestWorst(of="responses", by="scores", cut="keep")
    tables["pairs"] = best.run(tables).kept
    tables["labels"] = filters.LabelSteps(of="responses", by="scores").run(tables).kept
    tables["demonstrations"] = filters.Imitate(of="responses").run(tables).kept
    return tables


def _asked(prompt: str) -> dict[str, Any]:
    said = [{"role": "user", "content": f"question {prompt}"}]
    about = {"source": "test", "source_revision": "1", "licence": "MIT"}
    return {"prompt_id": prompt, "messages": said, **about}


def _response(draw: Random, prompt: str, name: str) -> dict[str, Any]:
    lines = draw.choices(LINES, k=draw.randint(1, 4))
    steps, end = [], 0
    for number, line in enumerate(lines):
        span = {"start": end, "end": end + len(line)}
        steps.append({**span, "token_start": number, "token_end": number + 1})
        end += len(line)
    thinks = draw.random() < 0.3
    return {
        "response_id": name,
        "prompt_id": prompt,
        "text": "".join(lines) + ("" if draw.random() < 0.5 else "Answer: 4"),
        "steps": None if thinks or draw.random() < 0.2 else steps,
        "reasoning": "so" if thinks else None,
        "finish": draw.choice(["stop", "stop", "length"]),
        "tokens": len(lines),
        "origin": ORIGIN,
    }


def _edited(draw: Random, one: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The first step of a response, and then perhaps another one."""
    first, _, rest = one["text"].partition("\n")
    said = f"{first}\n" + draw.choice(["4", "two", rest or "4"])
    at = len(first) + 1
    ends = [(0, at), (at, len(said))]
    steps = [
        {"start": start, "end": end, "token_start": number, "token_end": number + 1}
        for number, (start, end) in enumerate(ends)
    ]
    other = _response(draw, one["prompt_id"], name)
    return {**other, "text": said, "steps": None if one["steps"] is None else steps}


def _opinions(draw: Random, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    steps = [None, -1, *range(len(one["steps"] or []))]
    found = []
    for step in steps:
        for annotator in ("a", "b")[: draw.choice([0, 1, 1, 2])]:
            value = draw.choice(VALUES)
            error = "unreadable" if value is None else None
            about = {"response_id": one["response_id"], "step": step, "annotator": annotator}
            found.append({**about, "value": value, "error": error, "origin": ORIGIN})
    return found


def _moved(opinion: Mapping[str, Any], draw: Random) -> float | None:
    return None if opinion["value"] is None else draw.choice(VALUES[:-1])


def _place(opinion: Mapping[str, Any], draw: Random) -> float | None:
    return None if opinion["value"] is None else float(draw.randint(-1, 2))


def _token_scores(draw: Random, one: Mapping[str, Any]) -> dict[str, Any]:
    ends = list(range(1, len(one["text"]) + 1))
    return {
        "response_id": one["response_id"],
        "annotator": "t",
        "tokenizer": draw.choice(["x", "x", "x", "y"]),
        "token_ends": ends,
        "values": [draw.uniform(-1, 1) for _ in ends],
        "end_value": None if one["finish"] == "length" else 0.5,
        "origin": ORIGIN,
    }


def _tree(draw: Random, prompt: str) -> list[dict[str, Any]]:
    """A tree of two levels; some of its leaves are answers."""

    def node(parent: str | None, step: str, depth: int) -> dict[str, Any]:
        end = depth == 2 and draw.random() < 0.9
        return {
            "node_id": f"{prompt}n{step}" if parent is None else f"{parent}{step.strip()}",
            "parent_id": parent,
            "prompt_id": prompt,
            "depth": depth,
            "step": step,
            "visits": draw.randint(0, 4),
            "value": draw.choice(VALUES),
            "expanded": depth < 2,
            "terminal": end,
            "terminal_correct": draw.choice([True, False]) if end else None,
            "finish": draw.choice(["stop", "stop", "length"]) if end else None,
            "origin": ORIGIN,
        }

    found = [node(None, "", 0)]
    for depth in (1, 2):
        for above in [each for each in found if each["depth"] == depth - 1]:
            found += [node(above["node_id"], step, depth) for step in ("x\n", "y\n", "z\n")]
    return found
