"""Votes of LMSYS's arena as on Kaggle: turns as JSON lists, and a column of 0 or 1 for each
outcome."""

import json
from typing import Any

from assets.importers.shapes.compared import BOTH, by_word, compared
from assets.importers.shapes.reading import boolean, listing
from assets.importers.shapes.sample import Row, Sample, Shape, ShapeError

_OUTCOMES = {"winner_model_a": "a", "winner_model_b": "b", "winner_tie": "tie"}


def by_outcome(row: Row) -> Sample:
    """Two answers to the last question. Where there are earlier turns, the answers in them must be
    the same, as otherwise the two last ones answer different conversations."""
    won = [outcome for column, outcome in _OUTCOMES.items() if boolean(row, column)]
    if len(won) != 1:
        raise ShapeError(f"one of {', '.join(map(repr, _OUTCOMES))} must be 1, not {len(won)}")
    asked, one, other = (_turns(row, name) for name in ("prompt", *BOTH))
    if not len(asked) == len(one) == len(other):
        raise ShapeError("'prompt', 'response_1' and 'response_2' differ in the number of turns")
    if one[:-1] != other[:-1]:
        raise ShapeError("the answers part before the last turn, so their last ones are no pair")
    sides = {
        name: [
            {"role": role, "content": content}
            for pair in zip(asked, answers, strict=True)
            for role, content in zip(("user", "assistant"), pair, strict=True)
        ]
        for name, answers in zip(BOTH, (one, other), strict=True)
    }
    return compared(by_word)({**row, **sides, "prompt": None, "preference": won[0]})


def _turns(row: Row, name: str) -> list[Any]:
    """The texts of a list, or of a text that is the JSON of one."""
    value = row.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ShapeError(f"{name!r} must be a JSON list of texts") from None
    return list(listing({name: value}, name))


FOUND = (
    Shape(
        ("lmsys-arena",),
        "the questions of a conversation, the answers of two models as JSON lists, and who won, as "
        "0 or 1",
        {
            "prompt": ("prompt",),
            "response_1": ("response_a",),
            "response_2": ("response_b",),
            "model_1": ("model_a",),
            "model_2": ("model_b",),
            **{column: (column,) for column in _OUTCOMES},
        },
        by_outcome,
    ),
)
