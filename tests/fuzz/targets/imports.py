"""What reads rows of published datasets, and the files that they lie in."""

import copy
import json
import math
from io import BytesIO
from random import Random
from typing import Any

import polars as pl
from upath import UPath

from assets.importers.joining import EXTRA_COLUMNS, joined_rows
from assets.importers.sample_rows import Origin, sample_rows
from assets.importers.shapes import SHAPES
from generators.sources.delimited import delimited_rows
from generators.sources.json_rows import json_lines, json_rows
from schemas import columns
from tests.fuzz.texts import damaged, noise

EXPECTED = (ValueError,)

_ASKED = [{"role": "user", "content": "Hi?"}]
_TURNS = [*_ASKED, {"role": "assistant", "content": "Yes."}]
_SHAREGPT = [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Yes."}]
_BOTH = {"response_1": "a", "response_2": "b", "response_A": "a", "response_B": "b"}
_ROWS: tuple[dict[str, Any], ...] = (
    {"prompt": "Hi?", "chosen": "Yes.", "rejected": "No.", "score_chosen": 2, "margin": 1.5},
    {"chosen": _TURNS, "rejected": [*_ASKED, {"role": "assistant", "content": "No."}]},
    {"chosen": "\n\nHuman: Hi?\n\nAssistant: a", "rejected": "\n\nHuman: Hi?\n\nAssistant: b"},
    {"prompt": _ASKED, "completion": "Yes.", "label": True, "score": 0.5, "response_id": "0"},
    {"prompt": "Hi?", "completions": ["a", "b"], "labels": [True, None], "values": [1.0, None]},
    {"input": {"messages": _ASKED}, "preferred_output": _TURNS[1:], "non_preferred_output": []},
    {"messages": _TURNS, "conversations": _SHAREGPT, "system": "Be.", "label": 1, "kto_tag": 0},
    {"instruction": "Hi?", "input": "x", "output": "y", "history": [["a", "b"]], "system": ""},
    {"instruction": "Hi?", "output_1": "a", "output_2": "b", "preference": 1.3},
    {"prompt": "Hi?", "question": "Hi?", **_BOTH, "label": "A>B", "preference": "tie"},
    {"context": _ASKED, "response1": "a", "response2": "b", "overall_preference": -2},
    {"prompt": "Hi?", **_BOTH, "preference_strength": 2, "individual_preference": [{"score": 1}]},
    {"prompt": "Hi?", "response": "a", "helpfulness": 3, "score": 2.5, "annotator": "x"},
    {"history": "Hi?", "human_ref_A": "a", "human_ref_B": "b", "labels": 1},
    {"prompt": "Hi?", "response_0": "a", "response_1": "b", "better_response_id": 0},
    {"conversation_a": _TURNS, "conversation_b": _TURNS, "winner": "model_a", "model_a": "x"},
    {"problem": "Hi?", "steps": ["a", "b"], "label": 1, "final_answer_correct": False},
    {"input": "Hi? Step 1: a ки\nStep 2: b ки", "label": "Hi? Step 1: a +\nStep 2: b -"},
    {
        "instruction": "Hi?",
        "completions": [
            {
                "response": "a",
                "annotations": {"honesty": {"Rating": "4"}},
                "overall_score": 10,
                "principle": "honesty",
            }
        ],
    },
    {
        "question": {"problem": "Hi?", "ground_truth_answer": "4"},
        "label": {
            "steps": [
                {"completions": [{"text": "a", "rating": 1}], "chosen_completion": 0},
                {"completions": [], "human_completion": {"text": "b"}},
            ]
        },
        "labeler": "x",
    },
    {
        "prompt": _ASKED,
        "chosen": _TURNS[1:],
        "rejected": [{"role": "assistant", "content": "Yes, no."}],
        **dict.fromkeys(("pair_id", "chosen_id", "rejected_id", "prompt_id"), "0"),
        "weight": 0.5,
        "shared_prefix": 3,
        "ends": {"chosen": True, "rejected": False},
        "token_weights": {"chosen": [1.0], "rejected": [0.5]},
    },
)
_ODD: tuple[Any, ...] = (
    *(None, "", " ", "\0", "\ud800", "A>B", "1", True, 0, 1, -1, 2.5, 1e308, 10**400),
    *(math.nan, math.inf, [], {}, [None], [[]], [{}], {"role": "user"}, _TURNS, b"\xff", [1, 2]),
    *({"content": None, "role": "assistant"}, [{"type": "image"}], "\n\nHuman:", "Step 1: ки"),
)


def _reads(shape: str, row: dict[str, Any]) -> bool:
    try:
        SHAPES[shape].sample(row, {})
    except ValueError:
        return False
    return True


_FITTING = [(name, row) for row in _ROWS for name in SHAPES if _reads(name, row)]
_ORIGIN = Origin("fuzz", "fuzz", "0", "unknown")


def generated(random: Random) -> Any:
    """A file's kind and bytes, or a shape's name and a row."""
    if random.random() < 0.3:
        rows = [_changed(random, random.choice(_ROWS)) for _ in range(random.randint(0, 4))]
        kind = random.choice(("jsonl", "json", "csv", "tsv"))
        text = "\n".join(json.dumps(row, default=str) for row in rows)
        if kind == "json":
            text = json.dumps(rows, default=str, indent=random.choice((None, 1)))
        text = damaged(random, text) if random.random() < 0.8 else noise(random, 60)
        return kind, text.encode("utf-8", random.choice(("surrogatepass", "replace")))
    shape, row = random.choice(_FITTING)
    if random.random() < 0.1:
        shape = random.choice(list(SHAPES))
    return shape, _changed(random, row)


def run(one: Any) -> None:
    """Read the file; or make tables of the row, in which nothing is lost."""
    name, told = one
    if isinstance(told, bytes):
        file = UPath(f"rows.{name}")
        found = {
            "jsonl": lambda: json_lines(file.name, BytesIO(told)),
            "json": lambda: json_rows(file.name, BytesIO(told)),
            "csv": lambda: delimited_rows(file, BytesIO(told), ","),
            "tsv": lambda: delimited_rows(file, BytesIO(told), "\t"),
        }[name]
        assert all(where.startswith(file.name) for where, _ in found())
        return
    made = list(sample_rows(SHAPES[name].sample(told, {}), _ORIGIN, "row 0"))
    for table in {table for table, _ in made}:
        records = [row for kind, row in made if kind is table and not isinstance(row, str)]
        frame = pl.DataFrame(records, schema=pl.Schema({**columns(table), **EXTRA_COLUMNS}))
        joined = joined_rows(table, frame, stage="fuzz")
        split = joined.split
        assert joined.joined >= 0
        assert split.kept.height + split.dropped.height + joined.joined == frame.height


def _changed(random: Random, row: dict[str, Any]) -> dict[str, Any]:
    """The row with some values, at any depth, replaced by odd ones, left out or damaged."""
    changed = copy.deepcopy(row)
    for _ in range(random.randint(0, 3)):
        at: Any = changed
        while True:
            places = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not places:
                break
            place = random.choice(places)
            if isinstance(at[place], dict | list) and at[place] and random.random() < 0.7:
                at = at[place]
                continue
            if random.random() < 0.2:
                del at[place]
            elif isinstance(at[place], str) and random.random() < 0.3:
                at[place] = damaged(random, at[place])
            else:
                at[place] = copy.deepcopy(random.choice(_ODD))
            break
    return changed
